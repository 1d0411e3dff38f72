package tasks

import "testing"

// TestAdopt goes on with a task of another process under its id, once.
func TestAdopt(t *testing.T) {
	inBubble(t, DefaultSettings(), func(t *testing.T, table *Table) {
		t.Helper()
		adopted, err := table.Adopt(t.Context(), "ada", "one", hang)
		if err != nil || !adopted {
			t.Fatalf("adopted %t, %v", adopted, err)
		}
		if s, err := table.Get("ada", "one"); err != nil || s.Status != Working {
			t.Errorf("%+v, %v", s, err)
		}
		if adopted, err = table.Adopt(t.Context(), "ben", "one", hang); err != nil || adopted {
			t.Errorf("adopted again: %t, %v", adopted, err)
		}
		unknown(t, table, "ben", "one")
		if err = table.Cancel("ada", "one"); err != nil {
			t.Error(err)
		}
	})
}
