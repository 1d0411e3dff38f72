package policy

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// hangs waits for the end of the context, and reports it as an upstream does.
func hangs(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
	call.Record.Attempts++
	<-ctx.Done()
	kind := plugins.KindTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = plugins.KindCancelled
	}
	return nil, &plugins.Error{Kind: kind, Message: "upstream's words", Cause: ctx.Err()}
}

func TestTimeoutEndsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		h := build(t, TimeoutPart(), 5*time.Second, envFor(tl)).Wrap(hangs)
		for repeatable, want := range map[bool]string{
			true:  "There was no answer to get_customer within 5s, and it was stopped. It is safe to call it again.",
			false: "There was no answer to get_customer within 5s, and it was stopped. It may have taken effect nevertheless: check before you call it again.",
		} {
			tl.Repeatable = repeatable
			start := time.Now()
			_, err := h(context.Background(), callOf(tl, "alice"))
			if e := wantKind(t, err, plugins.KindTimeout); e.Message != want || time.Since(start) != 5*time.Second {
				t.Errorf("after %v: %q, want %q", time.Since(start), e.Message, want)
			}
		}
	})
}

func TestTimeoutLeavesOtherEndsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tl := tool(t)
		h := build(t, TimeoutPart(), 5*time.Second, envFor(tl))
		// the client hangs up
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err := h.Wrap(hangs)(ctx, callOf(tl, "alice"))
		wantKind(t, err, plugins.KindCancelled)
		// somebody's shorter deadline
		ctx, cancel = context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		_, err = h.Wrap(hangs)(ctx, callOf(tl, "alice"))
		if e := wantKind(t, err, plugins.KindTimeout); e.Message != "upstream's words" || time.Since(start) != time.Second {
			t.Errorf("%q after %v", e.Message, time.Since(start))
		}
		// an upstream that gave up by itself long before
		_, err = h.Wrap(failing(&plugins.Error{Kind: plugins.KindTimeout, Message: "early"}))(context.Background(), callOf(tl, "alice"))
		if e := wantKind(t, err, plugins.KindTimeout); e.Message != "early" {
			t.Errorf("%q", e.Message)
		}
		if _, err = h.Wrap(fine)(context.Background(), callOf(tl, "alice")); err != nil {
			t.Error(err)
		}
	})
}

func TestTimeoutSettings(t *testing.T) {
	for _, part := range []plugins.PolicyPart{TimeoutPart(), AttemptTimeoutPart()} {
		for _, d := range []time.Duration{0, -1} {
			_, err := part.New(d, plugins.Env{})
			wantMistake(t, err, "", "above zero")
		}
	}
}
