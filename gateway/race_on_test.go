//go:build race

package gateway_test

// raceEnabled says that allocation counts mean nothing.
const raceEnabled = true
