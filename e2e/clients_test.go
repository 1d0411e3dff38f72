package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// checkTimeout bounds one check of one client.
const checkTimeout = 30 * time.Second

const invalidParams = -32602

// client is a foreign Go client, told to speak one revision.
type client struct {
	name string
	// revision is what the client is told to ask for and has to negotiate.
	revision string
	// cancels is false for a client that, on a legacy revision, only hangs up:
	// a legacy disconnect is not a cancellation.
	cancels bool
	connect func(ctx context.Context, url, token, revision string, h *host) (session, error)
}

// session is a connected client, in terms that all SDKs share.
type session interface {
	revision() string
	server() string
	list(ctx context.Context) ([]tool, error)
	call(ctx context.Context, name string, args map[string]any) (result, error)
	// follow calls a tool and wants to know how far it has come.
	follow(ctx context.Context, name string, args map[string]any) (result, error)
	// setLevel asks for log messages of calls from then on.
	setLevel(ctx context.Context, level string) error
	// resources lists the URIs of resources and the templates.
	resources(ctx context.Context) (resources, templates []string, err error)
	read(ctx context.Context, uri string) (content, error)
	prompts(ctx context.Context) ([]string, error)
	// prompt returns the messages as "role: text".
	prompt(ctx context.Context, name string, args map[string]string) ([]string, error)
	complete(ctx context.Context, of reference, argument, value string) ([]string, error)
	// listen makes sure that changes of the list of tools are told.
	listen(ctx context.Context) error
	subscribe(ctx context.Context, uri string) error
	unsubscribe(ctx context.Context, uri string) error
	// code is the JSON-RPC code of an error, 0 for others.
	code(err error) int
	close() error
}

type tool struct {
	name, description string
	readOnly          bool
}

// content is that of a resource, a text or binary.
type content struct{ uri, mime, text, blob string }

// reference is what is completed: a prompt, or a template.
type reference struct{ prompt, template string }

type result struct {
	isError    bool
	text       string
	structured any
	images     []string // MIME types
}

func goClients() []client {
	var clients []client
	for _, revision := range []string{"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		modern := revision >= "2026-07-28"
		clients = append(clients,
			client{name: "go-sdk", revision: revision, cancels: true, connect: connectGoSDK},
			client{name: "mcp-go", revision: revision, cancels: modern, connect: connectMCPGo})
	}
	return clients
}

// TestClients has every client do everything against one gateway.
func TestClients(t *testing.T) {
	t.Parallel()
	d := deploy(t, 1, nil)
	visitAll(t, d, goChecks())
	runNodeClients(t, d)
}

// visitAll has every Go client do the checks, side by side.
func visitAll(t *testing.T, d deployment, checks []check) {
	t.Helper()
	// The group ends only after its parallel subtests, while the gateway runs.
	t.Run("client", func(t *testing.T) {
		for _, c := range goClients() {
			t.Run(c.name+"/"+c.revision, func(t *testing.T) {
				t.Parallel()
				h := newHost()
				s, err := c.connect(t.Context(), d.url, token(t, "ada", "support"), c.revision, h)
				if err != nil {
					t.Fatal(err)
				}
				visit{client: c, session: s, host: h, backend: d.backend}.do(t, checks)
			})
		}
	})
}

// visit is what a check works with.
type visit struct {
	client
	session

	host    *host
	backend string
	// process is the gateway's, if the client started it: over stdio a signal
	// has it read its manifest again.
	process func() *os.Process
}

// do runs the checks one after the other and closes the session.
func (v visit) do(t *testing.T, checks []check) {
	t.Helper()
	for _, each := range checks {
		t.Run(each.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), checkTimeout)
			defer cancel()
			each.run(ctx, t, v)
		})
	}
	if err := v.close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// id names the client where clients must not meet.
func (v visit) id() string { return strings.ReplaceAll(v.name+"-"+v.client.revision, "/", "-") }

type check struct {
	name string
	run  func(context.Context, *testing.T, visit)
}

// goChecks are the checks of node/checks.mjs and node/features.mjs for Go
// clients.
func goChecks() []check { return append(toolChecks(), featureChecks()...) }

func toolChecks() []check {
	return []check{
		{"connect", checkConnect},
		{"list", checkList},
		{"call", checkCall},
		{"array result", checkArray},
		{"image", checkImage},
		{"empty result", checkEmpty},
		{"parallel calls", checkParallel},
		{"wrong arguments", checkWrongArguments},
		{"upstream error", checkUpstreamError},
		{"unknown tool", func(ctx context.Context, t *testing.T, v visit) { checkRefused(ctx, t, v, "no_such_tool") }},
		{"forbidden tool", func(ctx context.Context, t *testing.T, v visit) { checkRefused(ctx, t, v, "delete_customer") }},
		{"cancel", checkCancel},
	}
}

func checkConnect(_ context.Context, t *testing.T, v visit) {
	if got := v.session.revision(); got != v.client.revision {
		t.Errorf("negotiated %q, want %q", got, v.client.revision)
	}
	if got := v.server(); got != "e2e" {
		t.Errorf("server name is %q, want e2e", got)
	}
}

func checkList(ctx context.Context, t *testing.T, v visit) {
	tools, err := v.list(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, each := range tools {
		names = append(names, each.name)
	}
	want := []string{
		"ask_quantity", "get_customer", "get_picture", "latest_news", "list_orders", "list_roots",
		"slow_report", "slow_stock", "summarize", "take_stock", "touch_customer",
	}
	if !slices.Equal(names, want) {
		t.Fatalf("lists %v, want %v", names, want)
	}
	if known := (tool{"get_customer", "Retrieve a customer's details by ID.", true}); !slices.Contains(tools, known) {
		t.Errorf("lists %+v without %+v", tools, known)
	}
}

func checkCall(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "get_customer", map[string]any{"customer_id": "c 1/ü?"})
	if err != nil {
		t.Fatal(err)
	}
	want := result{text: "Customer c 1/ü? is Ada Lovelace."}
	if v.client.revision >= "2025-06-18" { // which brought structured content
		want.structured = map[string]any{"id": "c 1/ü?", "name": "Ada Lovelace", "orders": 2.0}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Error(diff)
	}
}

func checkArray(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "list_orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.isError || !strings.Contains(got.text, "ord_1") || !strings.Contains(got.text, "ord_2") {
		t.Errorf("got %+v, want both orders in the text", got)
	}
	// Structured content was an object at most before 2026-07-28.
	if _, isArray := got.structured.([]any); isArray != (v.client.revision >= "2026-07-28") {
		t.Errorf("structured content is a %T", got.structured)
	}
}

func checkImage(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "get_picture", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.images, []string{"image/png"}) {
		t.Errorf("got images %v, want one image/png", got.images)
	}
}

func checkEmpty(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "touch_customer", map[string]any{"customer_id": "c1"})
	if err != nil || got.isError {
		t.Errorf("got %+v, %v", got, err)
	}
}

func checkParallel(ctx context.Context, t *testing.T, v visit) {
	const calls = 20
	failures := make(chan error, calls)
	for i := range calls {
		go func() {
			id := fmt.Sprintf("c%d", i)
			got, err := v.call(ctx, "get_customer", map[string]any{"customer_id": id})
			if want := "Customer " + id + " is Ada Lovelace."; err == nil && got.text != want {
				err = fmt.Errorf("got %q, want %q", got.text, want)
			}
			failures <- err
		}()
	}
	for range calls {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

func checkWrongArguments(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "get_customer", map[string]any{"customer_id": map[string]any{"nested": true}})
	if err != nil {
		t.Fatal(err)
	}
	if !got.isError || !strings.Contains(got.text, "customer_id") {
		t.Errorf("got %+v, want a tool error that names customer_id", got)
	}
}

func checkUpstreamError(ctx context.Context, t *testing.T, v visit) {
	got, err := v.call(ctx, "get_customer", map[string]any{"customer_id": "missing"})
	if err != nil {
		t.Fatal(err)
	}
	if !got.isError || got.text != "No customer missing." {
		t.Errorf("got %+v, want the text of errors.404", got)
	}
}

func checkRefused(ctx context.Context, t *testing.T, v visit, name string) {
	got, err := v.call(ctx, name, nil)
	if err == nil {
		t.Fatalf("got %+v, want an error", got)
	}
	if code := v.code(err); code != invalidParams {
		t.Errorf("got code %d (%v), want %d", code, err, invalidParams)
	}
}

func checkCancel(ctx context.Context, t *testing.T, v visit) { checkCancelOf(ctx, t, v, "slow_report") }

// checkCancelOf gives up a call that has reached the backend, and waits until
// the backend has seen its request end; for a client that can't cancel it has
// to go on until the backend itself ends it.
func checkCancelOf(ctx context.Context, t *testing.T, v visit, tool string) {
	t.Helper()
	id := v.id() + "-" + tool
	callCtx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	ended := make(chan error, 1)
	go func() {
		_, err := v.follow(callCtx, tool, map[string]any{"id": id})
		ended <- err
	}()
	if got := status(ctx, v.backend+"/slow/"+id+"/started"); got != http.StatusNoContent {
		t.Fatalf("the call did not reach the backend: %d", got)
	}
	giveUp()
	if err := <-ended; err == nil {
		t.Error("the cancelled call succeeded")
	}
	if !v.cancels {
		if got := status(ctx, v.backend+"/slow/"+id+"/release"); got != http.StatusNoContent {
			t.Errorf("the backend's request did not go on: %d", got)
		}
	}
	if got := status(ctx, v.backend+"/slow/"+id+"/stopped"); got != http.StatusNoContent {
		t.Errorf("the backend's request did not end: %d", got)
	}
}
