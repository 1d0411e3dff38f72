package observe

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// published returns the exposition's lines of a metric.
func published(o *Observer, name string) []string {
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, name) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestBreakersTellTheirPresentState(t *testing.T) {
	o := New("test")
	want := func(what string, lines ...string) {
		t.Helper()
		if got := published(o, "sallyport_breaker_state"); strings.Join(got, "|") != strings.Join(lines, "|") {
			t.Errorf("%s: %v, want %v", what, got, lines)
		}
	}
	want("without breakers")
	state := 2
	releaseOld := o.Breaker("crm", func() int { return state })
	want("open", `sallyport_breaker_state{upstream="crm"} 2`)
	state = 1
	want("after its rest", `sallyport_breaker_state{upstream="crm"} 1`)
	if got := published(o, "sallyport_breaker_transitions_total"); len(got) != 0 {
		t.Errorf("nothing has changed, and %v is told", got)
	}

	// A reload with other settings makes the new breaker before it gives up
	// the old one; one that is refused gives up the new one.
	releaseRefused := o.Breaker("crm", func() int { return 0 })
	want("the last one tells", `sallyport_breaker_state{upstream="crm"} 0`)
	releaseRefused()
	want("refused reload", `sallyport_breaker_state{upstream="crm"} 1`)
	releaseNew := o.Breaker("crm", func() int { return 0 })
	releaseOld()
	want("reload", `sallyport_breaker_state{upstream="crm"} 0`)
	releaseNew()
	want("upstream removed")
}

func TestBreakerTransitionsAreCounted(t *testing.T) {
	o := New("test")
	o.BreakerState("crm", 2)
	o.BreakerState("crm", 1)
	o.BreakerState("crm", 2)
	got := strings.Join(published(o, "sallyport_breaker_transitions_total"), "|")
	want := `sallyport_breaker_transitions_total{state="half_open",upstream="crm"} 1|sallyport_breaker_transitions_total{state="open",upstream="crm"} 2`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A breaker that changes while metrics are read tells of it.
func TestBreakersMayChangeWhileTheyAreRead(t *testing.T) {
	o := New("test")
	defer o.Breaker("crm", func() int {
		o.BreakerState("crm", 1)
		return 1
	})()
	if got := published(o, "sallyport_breaker_state"); len(got) != 1 {
		t.Errorf("%v, want one state", got)
	}
}
