//go:build !race

package edge

// allocationBudget is how many allocations a request may not reach.
const allocationBudget = 1
