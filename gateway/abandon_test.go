package gateway

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestRetriesThatDontCome calls what undoes once, and only if the retry has not
// come in time.
func TestRetriesThatDontCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a awaited
		late, freed := map[string]int{}, map[string]int{}
		for _, nonce := range []string{"kept", "lost"} {
			if !a.add(nonce, &retry{free: func() { freed[nonce]++ }}, time.Minute, func() { late[nonce]++ }) {
				t.Fatal(nonce)
			}
		}
		time.Sleep(59 * time.Second)
		a.remove("kept")
		a.remove("kept")
		time.Sleep(time.Hour)
		synctest.Wait()
		if late["kept"] != 0 || late["lost"] != 1 || freed["kept"] != 1 || freed["lost"] != 1 {
			t.Errorf("late %v, freed %v", late, freed)
		}
	})
}

// TestAwaitedIsBounded refuses more, and ends them all without undoing.
func TestAwaitedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a awaited
		freed := 0
		for n := range maxAwaited + 1 {
			ok := a.add(strconv.Itoa(n), &retry{free: func() { freed++ }}, time.Minute, func() { t.Error("undone") })
			if ok != (n < maxAwaited) {
				t.Fatalf("%d: %t", n, ok)
			}
		}
		a.close()
		time.Sleep(time.Hour)
		synctest.Wait()
		if freed != maxAwaited {
			t.Errorf("%d freed", freed)
		}
	})
}
