package edge

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestStreamHangup: OnEnd is called when the client has gone, whether the stream
// is detached or not, watched or not.
func TestStreamHangup(t *testing.T) {
	for _, path := range []string{"/attached", "/watched", "/detached"} {
		for name, secure := range map[string]bool{"plain": false, "tls": true} {
			t.Run(path+" "+name, func(t *testing.T) {
				lim := streaming()
				lim.keepAlive = 5 * time.Millisecond
				if path == "/watched" {
					lim.sweepEvery, lim.watchInterval = time.Hour, time.Millisecond
				}
				over := make(chan struct{})
				c := dialAny(t, secure, lim, func(req *Request, resp *Response) {
					s := begin(resp, ": alive\n\n")
					s.OnEnd(func() { close(over) })
					s.Send([]byte("x"))
					switch path {
					case "/detached":
						s.Detach()
						return
					case "/watched":
						ctx, cancel := req.Watch(context.Background(), time.Time{})
						defer cancel()
						<-ctx.Done()
					}
					<-over
					if s.Send([]byte("x")) {
						t.Error("Send = true")
					}
				})
				c.head()
				_ = c.Close()
				<-over
			})
		}
	}
}

func TestStreamKeepAlive(t *testing.T) {
	lim := streaming()
	lim.keepAlive = 5 * time.Millisecond
	for _, detached := range []bool{false, true} {
		t.Run(fmt.Sprintf("detached %v", detached), func(t *testing.T) {
			enough := make(chan struct{})
			streams := make(chan *Stream, 1)
			c := dialAny(t, false, lim, func(_ *Request, resp *Response) {
				s := begin(resp, ": alive\n\n")
				streams <- s
				if detached {
					s.Detach()
					return
				}
				<-enough
			})
			body := c.head().Body
			piece(t, body, strings.Repeat(": alive\n\n", 3))
			close(enough)
			(<-streams).End()
		})
	}
}

// TestSilentStreamHasHead: a client learns that it is being answered although
// there is nothing to say yet.
func TestSilentStreamHasHead(t *testing.T) {
	told := make(chan struct{})
	c := dialAny(t, false, streaming(), func(_ *Request, resp *Response) {
		begin(resp, "")
		<-told
	})
	if resp := c.head(); resp.StatusCode != 200 || resp.Close {
		t.Errorf("%d, close %v", resp.StatusCode, resp.Close)
	}
	close(told)
}

// TestNoKeepAliveUnasked looks at streams that ask for none, or have said
// something.
func TestNoKeepAliveUnasked(t *testing.T) {
	now := time.Now()
	for name, s := range map[string]*Stream{
		"none":   {last: now.Add(-time.Hour)},
		"recent": {last: now.Add(-time.Second), keepAlive: ":"},
		"busy":   {last: now.Add(-time.Hour), keepAlive: ":", writing: true},
		"ending": {last: now.Add(-time.Hour), keepAlive: ":", state: streamEnding},
	} {
		s.beat(now, keepAliveAfter) // it would have no table to take a buffer from
		if s.pending != nil {
			t.Errorf("%s: a keep-alive was queued", name)
		}
	}
}
