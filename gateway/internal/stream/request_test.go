package stream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// asked is the last request among the messages a client got.
func asked(t *testing.T, messages []string) (id, method, params string) {
	t.Helper()
	for i := len(messages) - 1; i >= 0; i-- {
		var m struct {
			JSONRPC, Method string
			ID, Params      json.RawMessage
		}
		if err := json.Unmarshal([]byte(messages[i]), &m); err != nil {
			t.Fatalf("%q: %v", messages[i], err)
		}
		if m.JSONRPC == "2.0" && m.ID != nil {
			return string(m.ID), m.Method, string(m.Params)
		}
	}
	t.Fatalf("no request among %q", messages)
	return "", "", ""
}

// outcome is how a request ended.
type outcome struct {
	reply Reply
	err   error
}

func request(ctx context.Context, c *Channel, method string) chan outcome {
	out := make(chan outcome, 1)
	go func() {
		reply, err := c.Request(ctx, method, []byte(`{"a":1}`))
		out <- outcome{reply, err}
	}()
	return out
}

func TestRequestIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{}, time.Now)
		defer table.Close()
		s, other := newSession(t, table, 1), newSession(t, table, 2)
		sink := &fakeSink{}
		c := s.Open(sink.opener(), false)
		out := request(t.Context(), c, "elicitation/create")
		synctest.Wait()
		id, method, params := asked(t, sink.messages())
		if method != "elicitation/create" || params != `{"a":1}` || len(id) < 28 {
			t.Errorf("asked %s of %s with %s", method, id, params)
		}
		if other.Reply([]byte(id), []byte(`"stolen"`), nil) {
			t.Error("another session's answer counts")
		}
		for _, wrong := range []string{`"s-1"`, `1`, `null`, ``, `"`, `{}`} {
			if s.Reply([]byte(wrong), []byte(`{}`), nil) {
				t.Errorf("an answer to %q counts", wrong)
			}
		}
		body := []byte(`{"action":"accept"}`)
		escaped := strings.Replace(id, `"s-`, `"\u0073-`, 1)
		if !s.Reply([]byte(escaped), body, nil) || s.Reply([]byte(id), body, nil) {
			t.Error("the answer counts once")
		}
		clear(body)
		if got := <-out; got.err != nil || string(got.reply.Result) != `{"action":"accept"}` || got.reply.Error != nil {
			t.Errorf("got %+v", got)
		}

		out = request(t.Context(), c, "roots/list")
		synctest.Wait()
		id, _, _ = asked(t, sink.messages())
		s.Reply([]byte(id), nil, []byte(`{"code":-1}`))
		if got := <-out; got.err != nil || string(got.reply.Error) != `{"code":-1}` || got.reply.Result != nil {
			t.Errorf("got %+v", got)
		}
		c.Finish(message(1))
	})
}

func TestRequestsThatAreNotAnswered(t *testing.T) {
	for _, c := range []struct {
		name      string
		resumable bool
		stop      func(cancel func(), table *Table, sink *fakeSink)
		want      error
		cancelled bool
	}{
		{"cancelled", true, func(cancel func(), _ *Table, _ *fakeSink) { cancel() }, context.Canceled, true},
		{"out of time", false, func(func(), *Table, *fakeSink) { time.Sleep(time.Minute) }, context.DeadlineExceeded, true},
		{"session ended", true, func(_ func(), table *Table, _ *fakeSink) { table.End(nonce(1)) }, ErrEnded, false},
		{"closed", false, func(_ func(), table *Table, _ *fakeSink) { table.Close() }, ErrEnded, false},
		{"client left for good", false, func(_ func(), _ *Table, sink *fakeSink) { sink.End() }, ErrGone, false},
		{"client may come back", true, func(_ func(), _ *Table, sink *fakeSink) { sink.End(); time.Sleep(time.Minute) }, context.DeadlineExceeded, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := New(Limits{}, time.Now)
				defer table.Close()
				s := newSession(t, table, 1)
				sink := &fakeSink{}
				channel := s.Open(sink.opener(), c.resumable)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				out := request(ctx, channel, "ping")
				synctest.Wait()
				id, _, _ := asked(t, sink.messages())
				c.stop(cancel, table, sink)
				if got := <-out; !errors.Is(got.err, c.want) {
					t.Errorf("got %v, want %v", got.err, c.want)
				}
				if s.Reply([]byte(id), []byte(`{}`), nil) || len(s.pending) != 0 {
					t.Error("the request is still open")
				}
				told := false
				for _, m := range sink.messages() {
					told = told || strings.Contains(m, `"notifications/cancelled","params":{"requestId":`+id)
				}
				if told != c.cancelled {
					t.Errorf("the client was told: %v; %q", told, sink.messages())
				}
				channel.Finish(message(1))
			})
		})
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	table, _ := newTable(t, Limits{Requests: 2})
	s := newSession(t, table, 1)
	refusing := &fakeSink{refuses: true}
	open := s.Open((&fakeSink{}).opener(), true)
	finished := s.Open((&fakeSink{}).opener(), true)
	finished.Finish(message(1))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name    string
		over    bool
		channel *Channel
		want    error
	}{
		{"modern", false, table.Channel((&fakeSink{}).opener()), ErrNoSession},
		{"no sink", false, s.Open(func() Sink { return nil }, true), ErrGone},
		{"client gone", false, s.Open(refusing.opener(), false), ErrGone},
		{"finished", false, finished, ErrEnded},
		{"cancelled before", true, open, context.Canceled},
	} {
		ctx := t.Context()
		if c.over {
			ctx = over
		}
		if _, err := c.channel.Request(ctx, "ping", nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if open.Opened() || len(s.pending) != 0 {
		t.Errorf("something was sent, %d requests are open", len(s.pending))
	}
	for range 2 {
		if _, err := open.ask("ping", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open.ask("ping", nil); !errors.Is(err, ErrLimit) {
		t.Errorf("a third: %v", err)
	}
}

func TestRequestReachesAClientThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{Replay: 3}, time.Now)
		defer table.Close()
		s := newSession(t, table, 1)
		sink := &fakeSink{}
		c := s.Open(sink.opener(), true)
		c.Send(message(0))
		sink.End()
		out := request(t.Context(), c, "sampling/createMessage")
		synctest.Wait()
		for i := range 9 {
			c.Send(message(i))
		}
		again := &fakeSink{}
		if err := s.Listen(again.opener(), sink.lastID(), true); err != nil {
			t.Fatal(err)
		}
		id, _, _ := asked(t, again.messages())
		if !s.Reply([]byte(id), []byte(`{}`), nil) {
			t.Error("the answer doesn't count")
		}
		if got := <-out; got.err != nil {
			t.Error(got.err)
		}
		c.Finish(message(1))
	})
}

// TestOneStreamForAll speaks over stdio and HTTP+SSE.
func TestOneStreamForAll(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame Framing
		read  func(*fakeSink) []string
	}{
		{"stdio", AppendLine, func(f *fakeSink) []string { return strings.Split(strings.TrimSuffix(f.text(), "\n"), "\n") }},
		{"HTTP+SSE", AppendEvent, (*fakeSink).messages},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := New(Limits{}, time.Now)
				defer table.Close()
				sink := &fakeSink{}
				s, err := table.Single(nonce(1), "alice", time.Time{}, opens(sink), c.frame)
				if err != nil {
					t.Fatal(err)
				}
				a, b := s.Open(nil, false), s.Open(nil, false)
				a.Send([]byte("{\"n\":\n1}"))
				b.Send(message(2))
				s.Push(message(3))
				if !a.Opened() || !a.Finish(message(4)) || b.Poll() {
					t.Error("the answer isn't on the stream")
				}
				a.Send(message(9))
				wantMessages(t, "stream", c.read(sink), `{"n": 1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`)
				if strings.Contains(sink.text(), "id: ") || sink.over() {
					t.Error("the stream has ids, or is over")
				}
				out := request(t.Context(), b, "roots/list")
				synctest.Wait()
				id, _, _ := asked(t, c.read(sink))
				if !s.Reply([]byte(id), []byte(`{"roots":[]}`), nil) {
					t.Error("the answer doesn't count")
				}
				if got := <-out; got.err != nil {
					t.Error(got.err)
				}
				if err := s.Listen((&fakeSink{}).opener(), "", true); !errors.Is(err, ErrEnded) {
					t.Errorf("listen: %v", err)
				}
				out = request(t.Context(), b, "roots/list")
				synctest.Wait()
				sink.End()
				if got := <-out; !errors.Is(got.err, ErrGone) && !errors.Is(got.err, ErrEnded) {
					t.Errorf("the client left: %v", got.err)
				}
				synctest.Wait()
				if table.Sessions() != 0 || table.Streams() != 0 || table.waiting.taken.Load() != 0 {
					t.Error("the session outlived its stream")
				}
			})
		})
	}
}

func TestSingleReplacesAndIsBounded(t *testing.T) {
	table, _ := newTable(t, Limits{Streams: 1, Sessions: 5})
	first := &fakeSink{}
	if _, err := table.Single(nonce(1), "alice", time.Time{}, opens(first), AppendEvent); err != nil {
		t.Fatal(err)
	}
	if _, err := table.Single(nonce(1), "alice", time.Time{}, opens(&fakeSink{}), AppendEvent); !errors.Is(err, ErrLimit) {
		t.Errorf("a second stream: %v", err)
	}
	table.SetLimits(Limits{Streams: 2})
	if _, err := table.Single(nonce(1), "alice", time.Time{}, opens(&fakeSink{}), AppendEvent); err != nil || !first.over() {
		t.Errorf("%v; the session before is over: %v", err, first.over())
	}
	table.Drain()
	if _, err := table.Single(nonce(2), "alice", time.Time{}, opens(&fakeSink{}), AppendEvent); !errors.Is(err, ErrEnded) {
		t.Errorf("draining: %v", err)
	}
}

func TestRequestIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.String().Draw(t, "method")
		var m map[string]any
		if err := json.Unmarshal(appendRequest(nil, "s-1", method, []byte(`{"a":[]}`)), &m); err != nil || m["method"] != method || m["id"] != "s-1" {
			t.Fatalf("%v: %v", m, err)
		}
	})
	if got := string(appendRequest(nil, "s-1", "ping", nil)); got != `{"jsonrpc":"2.0","id":"s-1","method":"ping"}` {
		t.Error(got)
	}
}

// opens makes a function that returns the sink.
func opens(sink *fakeSink) func() Sink { return func() Sink { return sink } }
