package plugins

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
)

// Handler serves one call. It is the one function type on the whole path:
// policies wrap it, and the innermost one asks the upstream and turns its
// answer into a result. A refusal or failure is an *Error.
type Handler func(ctx context.Context, call *Call) (*mcp.Result, error)

// Call is one call of a tool on its way through the policies. It is never
// changed after it is made: a policy that must alter it passes on a copy.
type Call struct {
	// Tool is what is called.
	Tool *Tool
	// Principal is who calls; never nil.
	Principal *Principal
	// Revision is the protocol revision the client speaks.
	Revision mcp.Revision
	// Arguments are the arguments as the client wrote them: one JSON object,
	// checked for strict syntax; nil if the client sent none.
	Arguments []byte
	// Args are the arguments after validation and coercion, with numbers as
	// json.Number; nil before the arguments policy.
	Args map[string]any
	// Location is the URL that a Follower asks for; empty for other requests.
	Location string
	// Capabilities are what the client declared it can do.
	Capabilities mcp.ClientCapabilities
	// Endpoint is the path of the endpoint that was called, which may show less
	// than there is; empty for what shows all.
	Endpoint string
	// RequestID is the id of the HTTP request that carries the call; it goes
	// to upstreams as X-Request-ID.
	RequestID string
	// Trace is the W3C trace context to continue; empty if there is none.
	Trace TraceContext
	// Record collects what happened on the way, for logs and metrics.
	Record *Record
	// Talk carries progress and log messages to the client while the call
	// runs; nil if nobody listens.
	Talk Talk
	// Run is what calls of several steps or rounds carry besides; nil for an
	// ordinary one.
	Run *Run
}

// Talk is how a running call speaks to its client before it answers. Its
// methods are quick, and safe for concurrent use.
type Talk interface {
	// Progress tells how far the call has come. What is not more than was told
	// before is dropped.
	Progress(p mcp.Progress)
	// Log tells a log message, if the client wants messages of that level.
	Log(m mcp.LogMessage)
}

// Run is what a call carries besides its arguments, if it is made of several
// steps or rounds, or made by the gateway itself. It is never changed after it
// is made.
type Run struct {
	// Resume is what the call goes on with; nil in its first round.
	Resume *Resume
	// Uncounted says that limits don't count the call: a later round, or a look
	// at a watched resource.
	Uncounted bool
	// Steps and Load are the results of steps and of what was loaded, by id:
	// values as encoding/json makes them, with numbers as json.Number. They are
	// what expressions know as `steps` and `load`.
	Steps, Load map[string]any
	// StepBlocks and LoadBlocks are the content blocks of the same.
	StepBlocks, LoadBlocks map[string][]mcp.Block
	// Value is what has been typed of the argument to be completed; nil unless
	// this is a completion.
	Value *string
	// Condition asks the upstream for the body only if it has changed.
	Condition *Condition
	// Nesting is set for the calls that steps make; nil for a client's own.
	Nesting *Nesting
}

// Nesting bounds calls that steps make, of tools that may be made of steps
// again.
type Nesting struct {
	// Depth is how many calls this one is made within.
	Depth int
	// Calls counts all calls made for one of a client.
	Calls *atomic.Int64
}

// Resume is what a call goes on with after a Pending result.
type Resume struct {
	// State is that of the Pending result; nil if a first round comes with
	// answers to questions that it hasn't put yet.
	State []byte
	// Answers are the client's, by the keys of the questions: result objects as
	// the client wrote them, checked for strict syntax only.
	Answers map[string][]byte
	// Spent is the time that the rounds before took, open questions left out.
	Spent time.Duration
}

// Condition makes an upstream request conditional (RFC 9110, section 13). The
// upstream's answer 304 comes back as a Response of that status.
type Condition struct{ ETag, LastModified string }

// WithRun returns a copy of the call with another Run.
func (c *Call) WithRun(run *Run) *Call {
	next := *c
	next.Run = run
	return &next
}

// Detached returns a copy of the call that may outlive the request that it came
// with: it shares no memory with that.
func (c *Call) Detached() *Call {
	next := *c
	next.Arguments = bytes.Clone(c.Arguments)
	next.RequestID = strings.Clone(c.RequestID)
	next.Trace = TraceContext{
		Parent: strings.Clone(c.Trace.Parent), State: strings.Clone(c.Trace.State), Baggage: strings.Clone(c.Trace.Baggage),
	}
	return &next
}

// Resumed is what the call goes on with; nil in a first round.
func (c *Call) Resumed() *Resume {
	if c.Run == nil {
		return nil
	}
	return c.Run.Resume
}

// Counted reports whether limits count the call.
func (c *Call) Counted() bool { return c.Run == nil || !c.Run.Uncounted }

// WithArgs returns a copy of the call with validated arguments.
func (c *Call) WithArgs(args map[string]any) *Call {
	next := *c
	next.Args = args
	return &next
}

// TraceContext is a W3C trace context, already validated
// (https://www.w3.org/TR/trace-context/).
type TraceContext struct {
	Parent, State, Baggage string
}

// Record is written by the parts a call passes, each its own fields, and read
// once, when the call is over. Only the goroutine that serves the call uses it.
type Record struct {
	Upstream         string        // name of the upstream that was asked
	UpstreamStatus   int           // HTTP status of its last answer, 0 if none came
	UpstreamDuration time.Duration // time spent in upstream requests
	Attempts         int           // upstream requests sent
	Coerced          int           // arguments that were coerced to their schema's type
	LimitScope       string        // scope of the rate limit that refused: client, tool, all
	ETag             string        // validators of the upstream's last answer,
	LastModified     string        // noted only for calls with a Condition
	Cached           bool          // answered from the cache
	// IdempotencyKey is that of the call's upstream request: made at the first
	// attempt, and the same for all.
	IdempotencyKey string
	Pages          int  // pages of the upstream's answer that were asked for; 0 if it is not paged
	Truncated      bool // the answer was shortened to its budget
	TokensSaved    int  // tokens that shortening took away
}

// Tool is what parts may know of a tool, or of what is called like one: a
// resource, a prompt. It is never changed after build.
type Tool struct {
	// Kind is what it is: tool, resource or prompt.
	Kind string
	// Name is that of a tool or prompt, or the URI of a resource or template.
	Name        string
	Title       string
	Description string
	// Input validates arguments; never nil.
	Input *schema.Schema
	// InputSchema is the JSON Schema listed to clients.
	InputSchema []byte
	// Arguments are the declared arguments, in the order of the manifest;
	// with a free-form input schema its top-level properties.
	Arguments []Argument
	// OutputSchema is the JSON Schema of structured content; nil if none.
	OutputSchema []byte
	Annotations  mcp.ToolAnnotations
	// Requires are the client capabilities without which the tool can't work.
	Requires []string
	// Fingerprint stands for all that the manifest says of it, its upstream
	// included: what is kept of its answers is good for as long as this stays
	// the same. Empty if it is not known.
	Fingerprint string
	// IdempotencyHeader is the header that carries a key of the call, so that the
	// service does the work of one call once; empty if there is none.
	IdempotencyHeader string
	// Repeatable says that the tool's upstream request may be sent twice
	// without doing its work twice (RFC 9110, section 9.2.2).
	Repeatable bool
}

// Argument is one declared argument of a tool and where it goes.
type Argument struct {
	Name string
	// In is the place: path, query, header, cookie, body, form, file; empty if
	// the manifest leaves it to the rules.
	In string
	// As is the name at that place; the argument's own if empty.
	As string
	// Style and Explode are those of OpenAPI 3 (section "Style Values").
	Style   string
	Explode *bool
	// MediaType is the Content-Type of its part in a multipart body; empty for
	// that of its kind.
	MediaType string
	// Value is what the gateway itself writes there: JSON whose strings may hold
	// ${{ jq }}. Such an argument is neither listed nor taken from clients.
	Value []byte
	// Optional says that a call may leave it out.
	Optional bool
	// Schema is the property's schema.
	Schema []byte
}

// Principal is a verified caller. It is never changed after it is made, and
// may be shared by many calls.
type Principal struct {
	// Key names the caller for limits, sessions and caches: issuer and
	// subject, an API key's name, or the address of an anonymous caller.
	// It is unique over all ways to authenticate.
	Key     string
	Issuer  string
	Subject string
	Client  string
	Roles   []string
	Scopes  []string
	Claims  map[string]any
	// Expires is when the credential ends; zero if never.
	Expires time.Time
	// Anonymous says that no credential was presented.
	Anonymous bool
}

// HasRole reports whether the principal holds the role.
func (p *Principal) HasRole(role string) bool { return contains(p.Roles, role) }

// HasScope reports whether the principal was granted the scope.
func (p *Principal) HasScope(scope string) bool { return contains(p.Scopes, scope) }

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// Credentials are what a request presents of its caller.
type Credentials struct {
	// Bearer is the token of "Authorization: Bearer"; empty if none.
	Bearer string
	// APIKey is the value of "X-API-Key"; empty if none.
	APIKey string
	// Remote is the address of the client, trusted proxies passed over.
	Remote netip.Addr
}

// Empty reports whether the request presents nothing at all.
func (c *Credentials) Empty() bool { return c.Bearer == "" && c.APIKey == "" }

// Response is an upstream's answer. The one who gets it frees it, once, after
// the last use of Body.
type Response struct {
	// Status is the HTTP status.
	Status int
	// ContentType is the media type as the upstream wrote it.
	ContentType string
	// Header returns a response header's first value, or "".
	Header func(name string) string
	// Form is the protocol of the request that it answers, where answers have
	// errors of their own: graphql or soap; empty for others.
	Form string
	// Body is the whole body, content codings undone, bounded by max_response.
	// It is valid until Free.
	Body []byte
	// Release gives the buffers back; nil if there is nothing to give back.
	Release func()
}

// Free gives the response's buffers back. Body must not be used afterwards.
func (r *Response) Free() {
	if r != nil && r.Release != nil {
		r.Release()
		r.Release = nil
	}
}
