package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const resourceNotFound = -32002 // until 2025-11-25

// featureChecks are checks of what goes beyond calling tools.
func featureChecks() []check {
	return []check{
		{"resources", checkResources},
		{"read", checkRead},
		{"unknown resource", checkUnknownResource},
		{"prompts", checkPrompts},
		{"complete", checkComplete},
		{"subscribe", checkSubscribe},
		{"list changed", checkListChanged},
		{"progress", checkProgress},
		{"log", checkLog},
		{"ask", checkAsk},
		{"decline", checkDecline},
		{"sample", checkSample},
		{"roots", checkRoots},
		{"cancel steps", func(ctx context.Context, t *testing.T, v visit) { checkCancelOf(ctx, t, v, "slow_stock") }},
	}
}

func checkResources(ctx context.Context, t *testing.T, v visit) {
	resources, templates, err := v.resources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"shop://logo", "shop://terms"}; !slices.Equal(resources, want) {
		t.Errorf("lists %v, want %v", resources, want)
	}
	if want := []string{"shop://customers/{customer_id}", "shop://news/{id}"}; !slices.Equal(templates, want) {
		t.Errorf("lists templates %v, want %v", templates, want)
	}
}

func checkRead(ctx context.Context, t *testing.T, v visit) {
	for _, want := range []content{
		{"shop://terms", "text/plain", "All sales are final.", ""},
		{"shop://logo", "image/png", "", pixel},
		{"shop://news/none", "text/plain", "No news.", ""},
	} {
		got, err := v.read(ctx, want.uri)
		if err != nil {
			t.Errorf("%s: %v", want.uri, err)
		} else if diff := cmp.Diff(want, got, cmp.AllowUnexported(content{})); diff != "" {
			t.Errorf("%s: %s", want.uri, diff)
		}
	}
	got, err := v.read(ctx, "shop://customers/c%201")
	if err != nil || got.mime != "application/json" || !strings.Contains(got.text, `"c 1"`) {
		t.Errorf("got %+v, %v; want the customer c 1", got, err)
	}
}

func checkUnknownResource(ctx context.Context, t *testing.T, v visit) {
	want := resourceNotFound
	if v.client.revision >= rev0728 {
		want = invalidParams
	}
	// The last is there, but not for this caller.
	for _, uri := range []string{"shop://nothing", "shop://customers/missing", "shop://secrets"} {
		got, err := v.read(ctx, uri)
		if err == nil {
			t.Errorf("%s: got %+v, want an error", uri, got)
		} else if code := v.code(err); code != want {
			t.Errorf("%s: code %d (%v), want %d", uri, code, err, want)
		}
	}
}

func checkPrompts(ctx context.Context, t *testing.T, v visit) {
	names, err := v.prompts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"welcome"}; !slices.Equal(names, want) {
		t.Errorf("lists %v, want %v", names, want)
	}
	for tone, greeting := range map[string]string{"formal": "formal", "": "neutral"} {
		args := map[string]string{"customer_id": "c1"}
		if tone != "" {
			args["tone"] = tone
		}
		got, err := v.prompt(ctx, "welcome", args)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"user: Customer c1 is Ada Lovelace.",
			"user: Greet Ada Lovelace in a " + greeting + " tone.",
			"assistant: Of course.",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tone %q: %s", tone, diff)
		}
	}
	if got, err := v.prompt(ctx, "welcome", nil); err == nil || v.code(err) != invalidParams {
		t.Errorf("without its argument: %v, %v", got, err)
	}
}

func checkComplete(ctx context.Context, t *testing.T, v visit) {
	for _, each := range []struct {
		of              reference
		argument, value string
		want            []string
	}{
		{reference{prompt: "welcome"}, "tone", "f", []string{"formal", "friendly"}},
		{reference{prompt: "welcome"}, "customer_id", "c2", []string{"c2", "c20"}},
		{reference{template: "shop://customers/{customer_id}"}, "customer_id", "c", []string{"c1", "c2", "c20"}},
		{reference{template: "shop://customers/{customer_id}"}, "customer_id", "x", nil},
	} {
		got, err := v.complete(ctx, each.of, each.argument, each.value)
		if err != nil || !slices.Equal(got, each.want) {
			t.Errorf("%+v %s=%s: got %v, %v, want %v", each.of, each.argument, each.value, got, err, each.want)
		}
	}
	if got, err := v.complete(ctx, reference{prompt: "nothing"}, "tone", ""); err == nil || v.code(err) != invalidParams {
		t.Errorf("of an unknown prompt: %v, %v", got, err)
	}
}

func checkSubscribe(ctx context.Context, t *testing.T, v visit) {
	v.host.forget(false)
	uri := "shop://news/" + v.id()
	if err := v.subscribe(ctx, uri); err != nil {
		t.Fatal(err)
	}
	if got := put(ctx, v.backend+"/news/"+v.id(), "It rains."); got != http.StatusNoContent {
		t.Fatalf("writing news: %d", got)
	}
	if err := v.host.await(ctx, func(n notes) bool { return slices.Contains(n.updated, uri) }); err != nil {
		t.Fatal(err)
	}
	if got, err := v.read(ctx, uri); err != nil || got.text != "It rains." {
		t.Errorf("got %+v, %v, want the news", got, err)
	}
	if err := v.unsubscribe(ctx, uri); err != nil {
		t.Error(err)
	}
	if err := v.subscribe(ctx, "shop://customers/c1"); err == nil && v.client.revision < rev0728 {
		t.Error("subscribed to a resource that is not watched")
	}
}

func checkListChanged(ctx context.Context, t *testing.T, v visit) {
	if err := v.listen(ctx); err != nil {
		t.Fatal(err)
	}
	v.host.forget(false)
	if got := put(ctx, v.backend+"/announcements/"+v.id(), ""); got != http.StatusNoContent {
		t.Fatalf("announcing: %d", got)
	}
	if v.process != nil {
		if err := v.process().Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.host.await(ctx, func(n notes) bool { return n.changed > 0 }); err != nil {
		t.Fatal(err)
	}
	tools, err := v.list(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(tools, func(each tool) bool {
		return each.name == "latest_news" && strings.Contains(each.description, v.id())
	}) {
		t.Errorf("%s is not in the list: %v", v.id(), tools)
	}
}

func checkProgress(ctx context.Context, t *testing.T, v visit) {
	v.host.forget(false)
	got, err := v.follow(ctx, "take_stock", nil)
	if err != nil || got.isError || got.text != "Ada Lovelace and Ada Lovelace" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := v.host.await(ctx, func(n notes) bool { return slices.Equal(n.progress, []float64{1, 2, 3}) }); err != nil {
		t.Error(err)
	}
}

func checkLog(ctx context.Context, t *testing.T, v visit) {
	v.host.forget(false)
	if err := v.setLevel(ctx, "info"); err != nil {
		t.Fatal(err)
	}
	if got, err := v.call(ctx, "take_stock", nil); err != nil || got.isError {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := []string{"info: The first is there.", "warning: The second is there."}
	if err := v.host.await(ctx, func(n notes) bool { return slices.Equal(n.logs, want) }); err != nil {
		t.Errorf("%v, want %v", err, want)
	}
}

// asks reports whether the client's revision knows questions to the person.
func (v visit) asks() bool { return v.client.revision >= rev0618 }

func checkAsk(ctx context.Context, t *testing.T, v visit) {
	v.host.forget(false)
	got, err := v.call(ctx, "ask_quantity", map[string]any{"product": "apples"})
	if !v.asks() {
		if err == nil && !got.isError {
			t.Errorf("got %+v from a client that can't be asked", got)
		}
		return
	}
	if err != nil || got.isError || got.text != "Ordered 3 apples for c3." {
		t.Errorf("got %+v, %v", got, err)
	}
	if asked := v.host.notes().asked; !slices.Equal(asked, []string{"How many apples?"}) {
		t.Errorf("the person was asked %q, want one question", asked)
	}
}

func checkDecline(ctx context.Context, t *testing.T, v visit) {
	v.host.forget(true)
	got, err := v.call(ctx, "ask_quantity", map[string]any{"product": "pears"})
	if !v.asks() {
		return
	}
	if err != nil || !got.isError || !strings.Contains(got.text, "declined") {
		t.Errorf("got %+v, %v, want a tool error that says so", got, err)
	}
}

func checkSample(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "summarize", nil)
	if want := modelName + " says: " + modelSays; err != nil || got.isError || got.text != want {
		t.Errorf("got %+v, %v, want %q", got, err, want)
	}
}

func checkRoots(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "list_roots", nil)
	if err != nil || got.isError || got.text != rootURI {
		t.Errorf("got %+v, %v, want %s", got, err, rootURI)
	}
}

// put writes to the backend and returns the status.
func put(ctx context.Context, url, body string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}
