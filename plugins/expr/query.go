package expr

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/itchyny/gojq"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Query is a compiled jq expression. It is safe for concurrent use.
type Query struct {
	text  string
	uses  uses
	plain *plainPath // not nil if the expression is a plain path
	tree  *gojq.Query
	code  atomic.Pointer[gojq.Code]
	runs  atomic.Uint64
}

// recompileAfter bounds what gojq's cache of regular expressions holds when
// these are made from data: it lives as long as the compiled code.
const recompileAfter = 4096

// ParseQuery compiles a jq expression. The error is a *plugins.FieldError whose
// Offset is a byte of the text; of several mistakes, plugins.FieldErrors.
func ParseQuery(text string, scope Scope) (*Query, error) {
	if len(text) > maxSource {
		return nil, &plugins.FieldError{Message: "the expression is too long"}
	}
	tree, err := gojq.Parse(text)
	if err != nil {
		return nil, syntaxError(text, err)
	}
	q := &Query{text: text, tree: tree}
	c := checker{text: text, scope: scope, uses: &q.uses}
	if !c.check(tree) {
		return nil, c.result()
	}
	if q.plain = plainOf(tree); q.plain == nil {
		guard(tree)
		tree.FuncDefs = append(nameDefs(), tree.FuncDefs...)
		c.compile(q)
	}
	if err := c.result(); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *Query) compile() error {
	options, err := guards()
	if err != nil {
		return err
	}
	options = append(options, gojq.WithVariables(variables()))
	code, err := gojq.Compile(q.tree, options...)
	if err != nil {
		return err
	}
	q.code.Store(code)
	return nil
}

// Text returns the expression as it was written.
func (q *Query) Text() string { return q.text }

// Arguments returns the names of the arguments that the expression mentions,
// and whether it uses args as a whole.
func (q *Query) Arguments() (names []string, whole bool) { return q.uses.args, q.uses.allArgs }

// Uses reports whether the expression refers to one of the scope's names.
func (q *Query) Uses(name string) bool { return q.uses.names[name] }

// Path returns the steps (string or int) of an expression that is a plain path
// into the body, like .a.b or .a[0]; then it can be followed without gojq.
func (q *Query) Path() (steps []any, ok bool) {
	if q.plain == nil || q.plain.base != "" {
		return nil, false
	}
	return q.plain.steps, true
}

// UsesCaller reports whether the outcome may depend on who calls.
func (q *Query) UsesCaller() bool { return q.Uses(NameCaller) }

// Run evaluates the expression and returns its first output, nil if there is
// none. The error is an *Error.
func (q *Query) Run(ctx context.Context, v *Values) (any, error) {
	if q.plain != nil {
		return q.plain.follow(v)
	}
	out, err := q.run(ctx, v, 1)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out[0], nil
}

// RunAll evaluates the expression and returns all its outputs, in order. More
// than 10,000 are an error, as is more text than one may have. The error is an
// *Error.
func (q *Query) RunAll(ctx context.Context, v *Values) ([]any, error) {
	if q.plain != nil {
		out, err := q.plain.follow(v)
		if err != nil {
			return nil, err
		}
		return []any{out}, nil
	}
	out, err := q.run(ctx, v, maxOutputs+1)
	if err != nil {
		return nil, err
	}
	if len(out) > maxOutputs {
		return nil, tooMuch(errOutputs)
	}
	return out, nil
}

// run returns up to limit outputs.
func (q *Query) run(ctx context.Context, v *Values, limit int) (all []any, err error) {
	// gojq panics on Go types that jq doesn't have.
	defer func() {
		if p := recover(); p != nil {
			all, err = nil, failure(fmt.Errorf("jq: %v", p))
		}
	}()
	if q.uses.dynamicRegexp && q.runs.Add(1)%recompileAfter == 0 {
		if err := q.compile(); err != nil {
			return nil, failure(err)
		}
	}
	outputs := q.code.Load().RunWithContext(newBudget(ctx), v.Body, q.variables(v)...) //nolint:contextcheck // a budget is made of its parent
	left := maxSize
	for len(all) < limit {
		out, ok := outputs.Next()
		if !ok {
			break
		}
		if err, ok := out.(error); ok {
			return nil, runError(err)
		}
		if !measure(out, &left, 0) {
			return nil, tooMuch(errSize)
		}
		all = append(all, out)
	}
	return all, nil
}

// variables are what the names stand for, in the order of allNames; null for
// those that the expression doesn't mention.
func (q *Query) variables(v *Values) []any {
	names := allNames()
	values := make([]any, len(names))
	for i, name := range names {
		switch {
		case !q.uses.names[name]:
		case name == NameHeaders:
			values[i] = v.headersValue(q.uses.headers)
		default:
			values[i] = v.named(name)
		}
	}
	return values
}

func tooMuch(cause error) *Error {
	return &Error{Message: "An expression of the tool's definition makes too much of these values.", Cause: cause}
}

func (v *Values) headersValue(names []string) map[string]any {
	out := make(map[string]any, len(names))
	for _, name := range names {
		if v.Header == nil {
			break
		}
		if s := v.Header(name); s != "" {
			out[name] = s
		}
	}
	return out
}

// runError keeps the text of a deliberate error("...") and hides all others:
// jq's own messages quote values.
func runError(err error) *Error {
	if errors.Is(err, errBudget) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{Message: "An expression of the tool's definition took too long.", Cause: err}
	}
	var deliberate gojq.ValueError
	if errors.As(err, &deliberate) {
		if s, ok := deliberate.Value().(string); ok && s != "" && len(s) <= 1000 {
			return &Error{Message: s, Cause: err}
		}
	}
	return failure(err)
}
