// Package plugins is the contract between the gateway and its parts: the
// policies, upstreams, transforms and authenticators a manifest can name.
//
// A part is one file: a settings struct whose tags give strict decoding, the
// JSON Schema and the reference page; a constructor that refuses nonsense; and
// a line in the list of a build (see plugins/standard). There is no package
// state: the registry is the value Parts.
package plugins

import (
	"context"
	"io"
	"log/slog"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// Policy wraps a handler: it may refuse, delay, repeat or answer a call.
type Policy interface {
	Wrap(next Handler) Handler
}

// Admitter is a policy on which seeing depends: what it refuses is neither
// listed nor known to that caller.
type Admitter interface {
	Policy
	// Admit returns nil if the principal may see and call what the policy
	// guards, or an *Error of KindDenied.
	Admit(p *Principal) error
}

// RoleAdmitter is an admitter that decides by the principal's roles alone, so
// that callers of the same roles see the same.
type RoleAdmitter interface {
	Admitter
	ByRoles()
}

// Upstream is a backend that operations can be prepared for.
type Upstream interface {
	// Prepare compiles the operation of one tool. Its errors are *FieldError
	// with paths relative to the tool.
	Prepare(op Operation) (Operator, error)
}

// Operation is what a tool wants of its upstream.
type Operation struct {
	Tool *Tool
	// Request is the tool's decoded `request`, of the type the upstream's
	// part declares; nil if the tool has none.
	Request any
	// Value says that the request is for suggestions: `{value}` and
	// `${{ value }}` are what is typed (Run.Value).
	Value bool
}

// Operator performs one tool's operation.
type Operator interface {
	// Do asks the upstream once. An answer of any status is a Response; what
	// prevents one is an *Error (KindConnect, KindTimeout, KindUpstream,
	// KindCancelled, KindInvalid).
	Do(ctx context.Context, call *Call) (*Response, error)
	// Repeatable reports whether the request may be sent twice without doing
	// its work twice (RFC 9110, section 9.2.2).
	Repeatable() bool
	// Safe reports whether the request only reads (RFC 9110, section 9.2.1).
	Safe() bool
	// Method is the HTTP method of the request.
	Method() string
	// UsesCaller reports whether the request may depend on who calls, so that
	// an answer to one is not an answer to all.
	UsesCaller() bool
	// Outline describes the request the call would send, secrets masked, for
	// dry runs and explanations. Nothing is sent. With an error the outline
	// says at least where arguments go.
	Outline(call *Call) (*Outline, error)
}

// Outline is an upstream request on paper.
type Outline struct {
	Method string
	URL    string
	Header [][2]string
	Body   []byte
	// Form is what its answer will be, as in Response.
	Form string
	// Places says for each argument where it goes, e.g. "path {customer_id}".
	Places map[string]string
}

// Transform turns an upstream's answer into a result. It owns the response:
// the result frees it, or the transform does.
type Transform interface {
	// Transform answers a status below 300 with a result, and any other with
	// an *Error of KindStatus whose message is written for a model. The
	// response is nil for a tool that asks no upstream.
	Transform(ctx context.Context, call *Call, resp *Response) (*mcp.Result, error)
	// OutputSchema is the schema of structured content; nil if none is declared.
	OutputSchema() []byte
}

// Poller is a transform that can wait for a job of the upstream. It answers a
// status of 202 with a Pending result that waits; the rounds after it are not
// the tool's request again but a Poll.
type Poller interface {
	Transform
	// PollRequests are the requests that Poll makes; none if the tool's manifest
	// doesn't ask for polling. The gateway prepares each as an operation of
	// its own, in this order.
	PollRequests() []PollRequest
	// Poll looks after the job that the call's Resume.State is about. Do sends
	// the request of that index with those arguments; its errors are those of
	// an Operator. The result is final or pending again; or an *Error, as of
	// Transform.
	Poll(ctx context.Context, call *Call, do func(ctx context.Context, request int, args map[string]any) (*Response, error)) (*mcp.Result, error)
}

// PollRequest is a request that looks after an upstream's job.
type PollRequest struct {
	// Request is in the short form, METHOD /path/{name}; empty for a GET of the
	// URL that the argument `location` holds (see Follower).
	Request string
	// Names are those of the placeholders: the arguments of the operation.
	Names []string
	// Path leads from the transform's settings to where it is written.
	Path []string
}

// Pager is a transform that can put the pages of an answer together.
type Pager interface {
	Transform
	// PageRequest tells how a further page is asked for; ok is false if the
	// tool's manifest doesn't ask for paging.
	PageRequest() (request PageRequest, ok bool)
	// Collect makes the result of all pages. Next asks for one more, with the
	// errors of an Operator. It owns first and what next returns.
	Collect(ctx context.Context, call *Call, first *Response, next func(ctx context.Context, page Page) (*Response, error)) (*mcp.Result, error)
}

// PageRequest is how a page of an answer is asked for.
type PageRequest struct {
	// Link says that each page names the URL of the next (see Follower).
	Link bool
	// PassAs is otherwise the argument that says which page is meant. One that
	// the tool doesn't declare goes to the query, unseen by clients.
	PassAs string
	// Path leads from the transform's settings to where it is written.
	Path []string
}

// Page tells one page from the others.
type Page struct {
	// URL is where it is, if pages are links; it may be relative.
	URL string
	// Value is otherwise the value of PassAs.
	Value any
}

// Follower is an upstream that can be asked for a URL of its own that it gave
// before (RFC 9110, section 10.2.2).
type Follower interface {
	Upstream
	// Follow prepares a GET of the URL in Call.Location. It may be relative to
	// the upstream's URL (RFC 3986, section 5); one of another origin is refused
	// with KindStatus. Of the operation's request, if there is one, the headers
	// and cookies go along.
	Follow(op Operation) (Operator, error)
}

// Authenticator finds out who is calling.
type Authenticator interface {
	// Authenticate returns the principal the credentials belong to; nil and
	// no error if they are not of its kind; or an *Error of
	// KindUnauthenticated that says why they are refused.
	Authenticate(ctx context.Context, c *Credentials) (*Principal, error)
}

// Issuers is an authenticator that trusts OAuth authorization servers, which
// clients are told of (RFC 9728).
type Issuers interface {
	Authenticator
	// Issuers returns the issuers' URLs.
	Issuers() []string
	// Ready returns nil once every issuer's keys were loaded at least once.
	Ready() error
}

// Rate is how much passes in which time.
type Rate struct {
	// Amount of cost passes per Period.
	Amount int64
	// Period in nanoseconds.
	Period int64
	// Burst is how much may pass at once after a pause; at least 1.
	Burst int64
}

// Store keeps what limits count.
type Store interface {
	// Take takes cost from the bucket of that key, all or nothing. When
	// refused, wait says in how many nanoseconds the same cost would pass.
	// A negative cost gives back what was taken before and always passes;
	// a cost of zero only looks.
	Take(ctx context.Context, key string, rate Rate, cost int64) (allowed bool, remaining, wait int64, err error)
}

// Callee is a tool as the steps of another call it: with all its policies.
type Callee struct {
	Tool *Tool
	// Call runs the tool's whole pipeline.
	Call Handler
	// Admits reports whether the principal may see and call the tool.
	Admits func(p *Principal) bool
}

// Program is a compiled list of steps.
type Program interface {
	// Run runs the steps, or goes on with them where call.Resumed says. It
	// returns what the steps left, for the Run of the call that answers; or
	// what keeps them from going on; or an *Error.
	Run(ctx context.Context, call *Call) (*Run, *mcp.Pending, error)
	// Steps are the ids of the steps that have one.
	Steps() []string
	// Tools are the names of the tools that the steps call.
	Tools() []string
	// Logs reports whether a step sends log messages.
	Logs() bool
}

// Completion finds suggestions for the value of an argument.
type Completion interface {
	// Arguments are those that a tool is called with: a JSON object.
	Arguments(call *Call) ([]byte, error)
	// Values are the suggestions in an answer, which is JSON.
	Values(ctx context.Context, call *Call, answer []byte) ([]string, error)
}

// Renderer makes a prompt's messages.
type Renderer interface {
	Render(ctx context.Context, call *Call) ([]mcp.PromptMessage, error)
}

// ReadResource reads a resource: its content, media type (empty if unknown) and
// name (empty if it has none).
type ReadResource func(ctx context.Context, call *Call, uri string) (content []byte, mediaType, name string, err error)

// Env is what the gateway lends a part while it is built.
type Env struct {
	Log *slog.Logger
	// Name is that of the tool, upstream or issuer list the part is built for.
	Name string
	// Tool is the tool the part is built for; nil if it is not for one tool.
	Tool *Tool
	// Offline says that the manifest is only looked at: nothing may be sent, nor
	// begun in the background.
	Offline bool
	// Inherited says that the settings are those of `defaults`: where they make
	// no sense the part is left out rather than refused.
	Inherited bool
	// Upstream is the name of the upstream that the tool asks, or that the
	// part is built for; empty if there is none.
	Upstream string
	// Steps and Loads are the ids that expressions may name below `steps` and
	// `load`; nil where there are none.
	Steps, Loads []string
	// Value says that expressions know `value`: what is typed of an argument
	// to be completed.
	Value bool
	// Tools are the names of all tools of the manifest, sorted.
	Tools []string
	// Read reads a resource of the gateway with the rights of a call's caller,
	// whatever that costs in limits. Its errors are *Error; a resource that the
	// caller may not see is one that there isn't. It may be called once the
	// manifest is in force; nil where there are no resources.
	Read ReadResource
	// Callee returns a tool of the manifest, or nil. It may be called once the
	// manifest is in force, not while it is built.
	Callee func(tool string) *Callee
	// Store keeps limits' counters. It outlives reloads.
	Store Store
	// Observe takes note of what happens outside of calls.
	Observe Observer
	// Keep returns the value already kept under key, or makes it. Kept values
	// outlive a reload for as long as some manifest uses them, and are closed
	// afterwards. A key must name all that the value is made from: a part
	// whose settings change takes another key and starts afresh.
	Keep func(key string, build func() (io.Closer, error)) (io.Closer, error)
}

// FirstCloser is a kept value that works with others: it is closed before them.
type FirstCloser interface {
	io.Closer
	ClosesFirst()
}

// Observer takes note of what happens outside of calls. All methods are cheap
// and never block.
type Observer interface {
	// Breaker tells of an upstream's breaker. Whoever wants to know calls state,
	// which must return at once: 0 closed, 1 half-open, 2 open. Release ends
	// that when the breaker is given up.
	Breaker(upstream string, state func() int) (release func())
	// BreakerState tells that a breaker's state changed, and to which.
	BreakerState(upstream string, state int)
	// KeySetRefresh tells how fetching an issuer's key set ended.
	KeySetRefresh(issuer string, err error)
	// UpstreamRequest tells one request to an upstream: its status (0 if none
	// came, be it that the upstream couldn't be reached) and its duration in
	// nanoseconds.
	UpstreamRequest(upstream string, status int, duration int64)
	// Retry tells that a request is about to be repeated.
	Retry(upstream string)
	// Cache tells that a call could be answered from the cache, or not. Kind is
	// that of what is called: tool, resource or prompt.
	Cache(kind string, hit bool)
}
