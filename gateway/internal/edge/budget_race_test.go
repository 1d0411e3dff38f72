//go:build race

package edge

// allocationBudget: the race detector makes sync.Pool forget at random.
const allocationBudget = 10
