package upstream

import (
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// operation is the request of one tool, made ready: what doesn't depend on a
// call is bytes already. It is never changed after Prepare.
type operation struct {
	upstream *httpUpstream
	tool     *plugins.Tool
	method   string

	prefix   string // method, blank and the path of the base URL
	segments []segment
	query    []queryPart
	head     []headerLine // headers that are the same for every call
	lines    []byte       // head as it is sent, with the end of the request line
	headers  []field
	cookies  []field
	form     []field
	members  []field // of the JSON body
	body     *expr.Template
	bodyKind bodyKind
	// content writes a body of another form than JSON and forms, which the key
	// names.
	content    content
	contentKey string
	// protocol is that of answers (Response.Form).
	protocol string
	// idempotency is the header with the key of a call; empty if there is none.
	idempotency string
	// safe says that the request changes nothing, whatever its method.
	safe bool
	// reads says that resources may be read for the body.
	reads bool

	// contentType of the body; empty if a header of the manifest says it.
	contentType string
	// usesCaller says that an expression looks at who calls.
	usesCaller bool
	// conditional says that the request can be made conditional: its method
	// allows it, and the manifest doesn't do so itself.
	conditional bool
	// evaluates says that there are expressions.
	evaluates bool
	// open says that the input schema allows arguments it doesn't declare.
	open bool
	// known are the declared arguments, if open.
	known map[string]bool
	// rest is where undeclared arguments go, if open.
	rest place
	// queryNames are the names in the query.
	queryNames *fixedNames
	// authQuery is the query parameter that holds a key.
	authQuery string
	places    map[string]string
}

type bodyKind uint8

const (
	noBody bodyKind = iota
	jsonMembers
	jsonTemplate
	formBody
	ownBody // that of content
)

// content writes the body of a call.
type content interface {
	write(b *builder) error
}

// segment is one of the path, between slashes.
type segment struct {
	pieces  []piece
	dynamic bool
}

// piece is literal text or an argument.
type piece struct {
	literal string
	field   *field
}

// queryPart is a part of the query: pairs as they are, a pair with
// placeholders, or a value.
type queryPart struct {
	literal string
	pieces  []piece
	// whole is the only placeholder of a pair name={arg}: no value, no pair;
	// named is its value under the pair's own name.
	whole *field
	named *slot
	// naming is a placeholder in the pair's name, if there is one.
	naming *field
	values *field
}

// field is a value of a request: an argument, or a template of the manifest.
type field struct {
	slot
	optional bool
	template *expr.Template
	// needed says that there is no request without the value of the template.
	needed bool
	// asJSON says that the value is written as JSON, in a place of text.
	asJSON bool
	// typed says that the value is what is typed of an argument to complete.
	typed bool
}

// headerLine is a header that doesn't depend on the call.
type headerLine struct {
	name, value string
	secret      bool
}
