package gateway

import (
	"fmt"
	"io"
	"slices"
	"testing"
)

type closing func()

func (c closing) Close() error {
	c()
	return nil
}

type closingFirst struct{ closing }

func (closingFirst) ClosesFirst() {}

// TestWhatWorksWithOthersIsClosedFirst closes calls in the background before
// the connections that they need.
func TestWhatWorksWithOthersIsClosedFirst(t *testing.T) {
	for range 20 { // what is kept is in no order
		var closed []string
		l := newKept().lease()
		for n := range 5 {
			name := fmt.Sprint("pool ", n)
			if _, err := l.keep(name, func() (io.Closer, error) {
				return closing(func() { closed = append(closed, name) }), nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.keep("background", func() (io.Closer, error) {
			return closingFirst{func() { closed = append(closed, "background") }}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := l.release(); err != nil || len(closed) != 6 || slices.Index(closed, "background") != 0 {
			t.Fatalf("closed %q, %v", closed, err)
		}
	}
}
