package upstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// counting starts a server that knows how many connections it ever had, and
// how many are open.
func counting(t *testing.T, h http.HandlerFunc) (url string, opened, open *atomic.Int64) {
	t.Helper()
	opened, open = new(atomic.Int64), new(atomic.Int64)
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, opened, open
}

func TestConnectionsAreReused(t *testing.T) {
	url, opened, _ := counting(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })
	u := build(t, base(url))
	get, post := prepare(t, u, short(t, "GET /")), prepare(t, u, short(t, "POST /"))
	for i := range 100 {
		op := get
		if i%2 == 1 {
			op = post
		}
		if _, _, err := do(t, op, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 100 requests", n)
	}
}

// Never more connections than allowed; who waits gets the next free one, and
// who waits too long is told so, without anything being sent.
func TestConnectionsAreBounded(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	var most, now atomic.Int64
	url, opened, _ := counting(t, func(_ http.ResponseWriter, _ *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		inside <- struct{}{}
		<-leave
		now.Add(-1)
	})
	s := base(url)
	s.Connections = 2
	op := prepare(t, build(t, s), short(t, "GET /"))
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, _, err := do(t, op, `{}`); err != nil {
				t.Error(err)
			}
		})
	}
	<-inside
	<-inside
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	call := callOf(t, `{}`)
	if _, err := op.Do(ctx, call); err == nil || kindOf(t, err) != plugins.KindTimeout || call.Record.Attempts != 0 {
		t.Errorf("waiting ended with %v, %+v", err, call.Record)
	}
	for i := range 6 {
		leave <- struct{}{}
		if i < 4 {
			<-inside
		}
	}
	group.Wait()
	if most.Load() > 2 || opened.Load() > 2 {
		t.Errorf("%d at once, %d connections", most.Load(), opened.Load())
	}
}

// A reload that changes nothing about the connections keeps them.
func TestPoolSurvivesReload(t *testing.T) {
	url, opened, open := counting(t, func(http.ResponseWriter, *http.Request) {})
	k := &keeper{}
	for i, change := range []func(*upstream.HTTPSettings){
		func(*upstream.HTTPSettings) {},
		func(s *upstream.HTTPSettings) { s.Auth = &upstream.HTTPAuth{Bearer: plugins.NewSecret("x")} },
		func(s *upstream.HTTPSettings) { s.Headers = map[string]plugins.Secret{"A": plugins.NewSecret("b")} },
		func(s *upstream.HTTPSettings) { s.MaxResponse = 10 },
		func(s *upstream.HTTPSettings) { s.Connections = 7 },
	} {
		s := base(url)
		change(&s)
		u, err := upstream.HTTP().New(s, plugins.Env{Name: "crm", Keep: k.keep})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := do(t, prepare(t, u, short(t, "GET /")), `{}`); err != nil {
			t.Fatal(err)
		}
		if want := int64(1 + i/4); opened.Load() != want {
			t.Errorf("change %d: %d connections were opened, want %d", i, opened.Load(), want)
		}
	}
	k.close()
	eventually(t, func() bool { return open.Load() == 0 })
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Error("it did not happen")
}

// Calls at once never get each other's answers, and cancelled ones leave
// nothing behind.
func TestNoMixUp(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller hung up
		}
		_, _ = fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	})
	s := base(url)
	s.Connections = 8
	op := prepare(t, build(t, s), short(t, "POST /{id}"), arg("id"), arg("n"))
	var group sync.WaitGroup
	for worker := range 32 {
		group.Go(func() {
			for i := range 60 {
				id := fmt.Sprint(worker, "-", i)
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				if i%7 == 3 {
					cancel()
				}
				resp, err := op.Do(ctx, callOf(t, fmt.Sprintf(`{"id":%q,"n":%q}`, id, id)))
				if err == nil {
					if want := fmt.Sprintf(`/%s {"n":%q}`, id, id); string(resp.Body) != want {
						t.Errorf("%s got %s", want, resp.Body)
					}
					resp.Free()
				} else if ctx.Err() == nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	group.Wait()
}

// Keep-Alive: timeout tells when the upstream will close: a request is not
// sent on a connection that is about to go.
func TestKeepAliveTimeoutIsHeeded(t *testing.T) {
	var conns atomic.Int64
	url := listen(t, func(n int, c net.Conn) {
		conns.Store(int64(n + 1))
		r := bufio.NewReader(c)
		for readRequest(r) == nil {
			if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
		}
	})
	op := prepare(t, build(t, base(url)), short(t, "GET /"))
	if _, _, err := do(t, op, `{}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		if _, _, err := do(t, op, `{}`); err != nil {
			t.Fatal(err)
		}
		wait := time.NewTimer(600 * time.Millisecond)
		defer wait.Stop()
		<-wait.C
		return conns.Load() > 1
	})
}

func TestObserver(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	o := &observer{}
	k := &keeper{}
	t.Cleanup(k.close)
	u, err := upstream.HTTP().New(base(url), plugins.Env{Name: "crm", Keep: k.keep, Observe: o})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := do(t, prepare(t, u, short(t, "GET /")), `{}`); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.told, []string{"crm 503"}) {
		t.Errorf("told: %v", o.told)
	}
}

// An upstream that can't be reached is seen in the metrics; a call that its
// caller cancelled before it was sent is not the upstream's doing.
func TestObserverOfConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o := &observer{}
	u, err := upstream.HTTP().New(base(closed), plugins.Env{Name: "crm", Observe: o})
	if err != nil {
		t.Fatal(err)
	}
	op := prepare(t, u, short(t, "GET /"))
	if _, err := op.Do(context.Background(), callOf(t, `{}`)); err == nil || kindOf(t, err) != plugins.KindConnect {
		t.Fatalf("got %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := op.Do(cancelled, callOf(t, `{}`)); err == nil || kindOf(t, err) != plugins.KindCancelled {
		t.Fatalf("got %v", err)
	}
	if !slices.Equal(o.told, []string{"crm 0"}) {
		t.Errorf("told: %v", o.told)
	}
}

type observer struct{ told []string }

func (*observer) BreakerState(string, int)          {}
func (*observer) Cache(string, bool)                {}
func (*observer) Breaker(string, func() int) func() { return func() {} }
func (*observer) KeySetRefresh(string, error)       {}
func (*observer) Retry(string)                      {}
func (o *observer) UpstreamRequest(name string, status int, took int64) {
	if took > 0 {
		o.told = append(o.told, fmt.Sprint(name, " ", status))
	}
}
