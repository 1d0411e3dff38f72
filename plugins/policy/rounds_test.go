package policy

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// The rounds of a call are one call for limits.
func TestRateLimitPassesLaterRounds(t *testing.T) {
	tl := tool(t)
	h := build(t, RateLimitPart(), RateLimit{rule(t, "1/h", "")}, envFor(tl)).Wrap(fine)
	if _, err := h(context.Background(), callOf(tl, "alice")); err != nil {
		t.Fatal(err)
	}
	if _, err := h(context.Background(), callOf(tl, "alice").WithRun(&plugins.Run{Uncounted: true})); err != nil {
		t.Errorf("a later round: %v", err)
	}
	_, err := h(context.Background(), callOf(tl, "alice").WithRun(&plugins.Run{}))
	wantKind(t, err, plugins.KindLimited)
}

// A tool, a resource and a prompt of one name have counts of their own.
func TestLimitsOfKindsAreApart(t *testing.T) {
	env := envFor(tool(t))
	for _, kind := range []string{"", kindTool, kindResource, kindPrompt} {
		tl := tool(t)
		tl.Kind, env.Tool = kind, tl
		h := build(t, RateLimitPart(), RateLimit{rule(t, "1/h", perAll)}, env).Wrap(fine)
		_, err := h(context.Background(), callOf(tl, "alice"))
		if fresh := kind != kindTool; (err == nil) != fresh { // that of the kind "" is a tool's
			t.Errorf("kind %q: %v", kind, err)
		}
	}
}

// The rounds of a call share its time.
func TestTimeoutCountsWhatWasSpent(t *testing.T) {
	tl := tool(t)
	h := build(t, TimeoutPart(), 10*time.Second, envFor(tl)).Wrap(func(ctx context.Context, _ *plugins.Call) (*mcp.Result, error) {
		deadline, ok := ctx.Deadline()
		if left := time.Until(deadline); !ok || left > 4*time.Second || left < 2*time.Second {
			t.Errorf("%s are left of 10s after 6s", left)
		}
		return &mcp.Result{}, nil
	})
	call := callOf(tl, "alice").WithRun(&plugins.Run{Resume: &plugins.Resume{Spent: 6 * time.Second}})
	if _, err := h(context.Background(), call); err != nil {
		t.Error(err)
	}
	spent := callOf(tl, "alice").WithRun(&plugins.Run{Resume: &plugins.Resume{Spent: 10 * time.Second}})
	_, err := h(context.Background(), spent)
	wantKind(t, err, plugins.KindTimeout)
	attempt := build(t, AttemptTimeoutPart(), time.Second, envFor(tl)).Wrap(fine)
	if _, err := attempt(context.Background(), spent); err != nil {
		t.Errorf("an attempt's own time: %v", err)
	}
}

func TestArgumentsNameTheKind(t *testing.T) {
	for kind, want := range map[string]string{
		kindTool:     "The arguments of get_customer don't fit its input schema:\n- /customer_id is required",
		kindPrompt:   "The arguments of the prompt get_customer are not what it takes:\n- /customer_id is required",
		kindResource: "The arguments of the resource get_customer are not what it takes:\n- /customer_id is required",
	} {
		tl := tool(t)
		tl.Kind = kind
		call := callOf(tl, "alice")
		call.Arguments = []byte(`{}`)
		part := ArgumentsPart()
		p, err := part.New(nil, envFor(tl))
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Wrap(fine)(context.Background(), call)
		if e := wantKind(t, err, plugins.KindInvalid); !strings.HasPrefix(e.Message, want) {
			t.Errorf("%s: %q", kind, e.Message)
		}
	}
}
