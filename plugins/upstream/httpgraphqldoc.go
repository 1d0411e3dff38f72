package upstream

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// graphOperation is an operation of a GraphQL document, as far as a request
// depends on it (https://spec.graphql.org/draft/#sec-Document).
type graphOperation struct {
	kind, name string
	offset     int
	variables  []graphVariable
}

// graphVariable is a variable that an operation declares.
type graphVariable struct {
	name, kind string
	offset     int
	// required says that it has to be given: its type is not nullable, and it
	// has no default.
	required bool
	used     bool
}

func (o *graphOperation) declares(name string) bool {
	return slices.ContainsFunc(o.variables, func(v graphVariable) bool { return v.name == name })
}

// graphToken is a token of a document.
type graphToken struct {
	text   string // of a string only its quotes
	offset int
}

// readOperation reads a document, and returns the operation of that name, or
// the only one. An error whose path is not nil is about the name.
func readOperation(text, name string) (*graphOperation, *plugins.FieldError) {
	if len(text) > maxGraphQL {
		return nil, &plugins.FieldError{Message: "the document is larger than 1 MiB"}
	}
	if at := strings.Index(text, "${{"); at >= 0 {
		return nil, &plugins.FieldError{Message: "arguments come into a GraphQL document as variables only", Hint: "declare a variable, e.g. query($id: ID!), and use $id", Offset: at}
	}
	tokens, err := scanGraphQL(text)
	if err != nil {
		return nil, err
	}
	r := graphReader{tokens: tokens, end: len(text)}
	if err := r.document(); err != nil {
		return nil, err
	}
	return r.choose(name)
}

// graphReader reads the definitions of a document.
type graphReader struct {
	tokens     []graphToken
	at, end    int
	operations []graphOperation
	// used are the variables that fragments use.
	used []string
}

func (r *graphReader) peek() string {
	if r.at < len(r.tokens) {
		return r.tokens[r.at].text
	}
	return ""
}

func (r *graphReader) take() graphToken {
	if r.at < len(r.tokens) {
		r.at++
		return r.tokens[r.at-1]
	}
	return graphToken{offset: r.end}
}

// fail reports the next token.
func (r *graphReader) fail(want string) *plugins.FieldError {
	t := r.take()
	if t.text == "" {
		return &plugins.FieldError{Message: "the document ends where " + want + " is wanted", Offset: t.offset}
	}
	return &plugins.FieldError{Message: fmt.Sprintf("want %s, found %s", want, t.text), Offset: t.offset}
}

func (r *graphReader) document() *plugins.FieldError {
	for r.at < len(r.tokens) {
		switch r.peek() {
		case "{":
			op := graphOperation{kind: "query", offset: r.tokens[r.at].offset}
			if err := r.selections(&op); err != nil {
				return err
			}
			r.operations = append(r.operations, op)
		case "query", "mutation", "subscription":
			if err := r.operation(); err != nil {
				return err
			}
		case "fragment":
			if err := r.selections(nil); err != nil {
				return err
			}
		default:
			return r.fail("query, mutation or fragment")
		}
	}
	return nil
}

// operation reads an operation with its head.
func (r *graphReader) operation() *plugins.FieldError {
	t := r.take()
	op := graphOperation{kind: t.text, offset: t.offset}
	if op.kind == "subscription" {
		return &plugins.FieldError{Message: "a subscription has no single answer, so it can't be a tool", Hint: "write a query", Offset: t.offset}
	}
	if isGraphName(r.peek()) {
		op.name = r.take().text
	}
	if r.peek() == "(" {
		r.take()
		for r.peek() != ")" {
			v, err := r.variable()
			if err != nil {
				return err
			}
			if op.declares(v.name) {
				return &plugins.FieldError{Message: fmt.Sprintf("the variable $%s is declared twice", v.name), Offset: v.offset}
			}
			op.variables = append(op.variables, v)
		}
		r.take()
	}
	if err := r.selections(&op); err != nil {
		return err
	}
	r.operations = append(r.operations, op)
	return nil
}

// variable reads `$name: Type = default @directives`.
func (r *graphReader) variable() (v graphVariable, err *plugins.FieldError) {
	if r.peek() != "$" {
		return v, r.fail("a variable")
	}
	v.offset = r.take().offset
	if !isGraphName(r.peek()) {
		return v, r.fail("the name of a variable")
	}
	v.name = r.take().text
	if r.peek() != ":" {
		return v, r.fail("a colon and a type")
	}
	r.take()
	if v.kind, err = r.kind(0); err != nil {
		return v, err
	}
	v.required = strings.HasSuffix(v.kind, "!")
	if r.peek() == "=" {
		r.take()
		v.required = false
		if err := r.value(); err != nil {
			return v, err
		}
	}
	for r.peek() == "@" {
		r.take()
		if !isGraphName(r.peek()) {
			return v, r.fail("the name of a directive")
		}
		r.take()
		if r.peek() == "(" {
			if err := r.value(); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// kind reads a type.
func (r *graphReader) kind(depth int) (string, *plugins.FieldError) {
	var kind string
	switch {
	case r.peek() == "[" && depth < 16:
		r.take()
		inner, err := r.kind(depth + 1)
		if err != nil {
			return "", err
		}
		if r.peek() != "]" {
			return "", r.fail("]")
		}
		r.take()
		kind = "[" + inner + "]"
	case isGraphName(r.peek()):
		kind = r.take().text
	default:
		return "", r.fail("a type")
	}
	if r.peek() == "!" {
		r.take()
		kind += "!"
	}
	return kind, nil
}

// value passes over a value, or over what is in brackets.
func (r *graphReader) value() *plugins.FieldError {
	if r.peek() == "" || strings.Contains("!$&):=@]|}", r.peek()) {
		return r.fail("a value")
	}
	if !isOpening(r.peek()) {
		r.take()
		return nil
	}
	_, err := r.brackets()
	return err
}

// brackets passes over brackets and what is in them, and returns the variables
// there.
func (r *graphReader) brackets() (used []graphToken, err *plugins.FieldError) {
	var open []graphToken
	for {
		t := r.take()
		switch {
		case t.text == "":
			last := open[len(open)-1]
			return nil, &plugins.FieldError{Message: fmt.Sprintf("the %s is not closed", last.text), Offset: last.offset}
		case isOpening(t.text):
			open = append(open, t)
		case t.text == ")" || t.text == "]" || t.text == "}":
			last := open[len(open)-1]
			if closing := map[string]string{"(": ")", "[": "]", "{": "}"}; closing[last.text] != t.text {
				return nil, &plugins.FieldError{Message: fmt.Sprintf("want %s, found %s", closing[last.text], t.text), Offset: t.offset}
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return used, nil
			}
		case t.text == "$":
			if !isGraphName(r.peek()) {
				return nil, r.fail("the name of a variable")
			}
			used = append(used, graphToken{r.peek(), t.offset})
		}
	}
}

// selections reads the rest of a definition: directives and the like, and the
// selection set. It notes which variables are used; op is nil for a fragment.
func (r *graphReader) selections(op *graphOperation) *plugins.FieldError {
	for {
		last := r.peek() == "{"
		switch next := r.peek(); {
		case next == "", next == ")", next == "]", next == "}":
			return r.fail("{")
		case !isOpening(next):
			r.take()
			continue
		}
		used, err := r.brackets()
		if err != nil {
			return err
		}
		for _, u := range used {
			if op == nil {
				r.used = append(r.used, u.text)
				continue
			}
			at := slices.IndexFunc(op.variables, func(v graphVariable) bool { return v.name == u.text })
			if at < 0 {
				return &plugins.FieldError{
					Message: fmt.Sprintf("the variable $%s is not declared", u.text), Offset: u.offset, Hint: op.undeclaredHint(u.text),
				}
			}
			op.variables[at].used = true
		}
		if last {
			return nil
		}
	}
}

func (o *graphOperation) undeclaredHint(name string) string {
	if s := expr.Suggest(name, o.names()); s != "" {
		return fmt.Sprintf("did you mean $%s?", s)
	}
	return fmt.Sprintf("declare it: %s($%s: String!)", o.kind, name)
}

// names are those of the variables.
func (o *graphOperation) names() []string {
	names := make([]string, len(o.variables))
	for i := range o.variables {
		names[i] = o.variables[i].name
	}
	return names
}

// choose returns the operation that is meant.
func (r *graphReader) choose(name string) (*graphOperation, *plugins.FieldError) {
	names := make([]string, 0, len(r.operations))
	at := -1
	for i := range r.operations {
		names = append(names, r.operations[i].name)
		if r.operations[i].name == name {
			at = i
		}
	}
	switch {
	case len(names) == 0:
		return nil, &plugins.FieldError{Message: "the document has no operation", Hint: "write query { ... }"}
	case name == "" && len(names) > 1:
		return nil, &plugins.FieldError{Message: "the document has several operations", Hint: "write `operation`: one of " + strings.Join(names, ", "), Offset: r.operations[1].offset}
	case name == "":
		at = 0
	case at < 0:
		hint := "the document has " + strings.Join(names, ", ")
		if s := expr.Suggest(name, names); s != "" {
			hint = fmt.Sprintf("did you mean %q?", s)
		}
		return nil, &plugins.FieldError{Path: []string{"operation"}, Message: fmt.Sprintf("the document has no operation %q", name), Hint: hint}
	}
	op := &r.operations[at]
	for _, v := range op.variables {
		if !v.used && !slices.Contains(r.used, v.name) {
			return nil, &plugins.FieldError{Message: fmt.Sprintf("the variable $%s is declared, but not used", v.name), Offset: v.offset}
		}
	}
	return op, nil
}
