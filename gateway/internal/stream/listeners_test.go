package stream

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestListeners(t *testing.T) {
	table, _ := newTable(t, Limits{Streams: 3})
	list := NewListeners[string](table)
	var sinks [3]fakeSink
	for i := range sinks {
		if _, err := list.Add(sinks[i].opener(), AppendEvent, fmt.Sprint(i), []byte(`"ack"`)); err != nil {
			t.Fatal(err)
		}
	}
	opened := false
	if _, err := list.Add(func() Sink { opened = true; return nil }, AppendEvent, "3", nil); !errors.Is(err, ErrLimit) || opened {
		t.Errorf("a fourth: %v, opened %v", err, opened)
	}
	sinks[1].End()
	sinks[2].refuse()
	list.Each(func(one *Listener[string]) { one.Send([]byte(`"to ` + one.Meta + `"`)) })
	if list.Len() != 1 || table.Streams() != 1 || !sinks[2].over() {
		t.Errorf("%d listeners, %d streams", list.Len(), table.Streams())
	}
	if _, err := list.Add(func() Sink { return nil }, AppendEvent, "4", nil); !errors.Is(err, ErrGone) {
		t.Errorf("without a sink: %v", err)
	}
	late := &fakeSink{}
	one, err := list.Add(late.opener(), AppendEvent, "late", []byte(`"ack"`))
	if err != nil {
		t.Fatal(err)
	}
	one.End([]byte(`"bye"`))
	<-one.Done()
	one.End([]byte(`"again"`))
	if one.Send([]byte(`"x"`)) {
		t.Error("a listener that ended takes messages")
	}
	list.EndAll(func(meta string) []byte { return []byte(`"end of ` + meta + `"`) })
	wantMessages(t, "0", sinks[0].messages(), `"ack"`, `"to 0"`, `"end of 0"`)
	wantMessages(t, "1", sinks[1].messages(), `"ack"`)
	wantMessages(t, "2", sinks[2].messages(), `"ack"`)
	wantMessages(t, "late", late.messages(), `"ack"`, `"bye"`)
	if !sinks[0].over() || list.Len() != 0 || table.Streams() != 0 || table.waiting.taken.Load() != 0 {
		t.Errorf("left over: %d listeners, %d streams, %d slots", list.Len(), table.Streams(), table.waiting.taken.Load())
	}
	if _, err := list.Add(late.opener(), AppendEvent, "", nil); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
}

// TestAcknowledgementComesFirst adds listeners while changes are told.
func TestAcknowledgementComesFirst(t *testing.T) {
	table := New(Limits{}, time.Now)
	defer table.Close()
	list := NewListeners[int](table)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 300 {
			list.Each(func(one *Listener[int]) { one.Send([]byte(`"change"`)) })
		}
	})
	var sinks [200]fakeSink
	for i := range sinks {
		wg.Go(func() {
			one, err := list.Add(sinks[i].opener(), AppendEvent, i, []byte(`"ack"`))
			if err == nil && i%2 == 0 {
				one.End([]byte(`"end"`))
			}
		})
	}
	wg.Wait()
	list.EndAll(func(int) []byte { return []byte(`"end"`) })
	for i := range sinks {
		got := sinks[i].messages()
		if got[0] != `"ack"` || got[len(got)-1] != `"end"` || !sinks[i].over() {
			t.Fatalf("listener %d got %q", i, got)
		}
	}
	if table.Streams() != 0 {
		t.Errorf("%d streams are open", table.Streams())
	}
}
