package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// uses is what an expression refers to.
type uses struct {
	names         map[string]bool // of the scope's names
	args          []string        // arguments mentioned by name
	allArgs       bool            // args as a whole
	headers       []string        // response headers, as spelled
	dynamicRegexp bool            // a regular expression is made from data
}

// checker finds out what an expression refers to and refuses what it may not.
type checker struct {
	text  string
	scope Scope
	uses  *uses
	err   error // the first
}

func (c *checker) fail(token, message, hint string) {
	if c.err == nil {
		c.err = &plugins.FieldError{Message: message, Hint: hint, Offset: max(find(c.text, token), 0)}
	}
}

// find looks for a token that isn't part of a longer word.
func find(text, token string) int {
	for at := 0; token != ""; {
		i := strings.Index(text[at:], token)
		if i < 0 {
			return -1
		}
		start, end := at+i, at+i+len(token)
		if (start == 0 || !isWord(text[start-1])) && (end == len(text) || !isWord(text[end])) {
			return start
		}
		at = start + 1
	}
	return -1
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (c *checker) check(tree *gojq.Query) {
	c.uses.names = map[string]bool{}
	if tree.Meta != nil || len(tree.Imports) > 0 {
		c.fail("", "modules are not available in expressions", "")
		return
	}
	if tree.Term == nil && tree.Left == nil {
		c.fail("", "the expression is empty", "")
		return
	}
	w := walker{def: c.def, query: func(*gojq.Query) {}, term: c.term, index: func(*gojq.Index) {}}
	w.walkQuery(tree)
	if !c.scope.Body {
		c.body(tree)
	}
}

func (c *checker) def(d *gojq.FuncDef) {
	for _, name := range append([]string{d.Name}, d.Args...) {
		if slices.Contains(allNames(), name) || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "$__") {
			c.fail(d.Name, fmt.Sprintf("%q can't be defined anew", name), "choose another name")
		}
	}
}

func allNames() []string { return []string{NameArgs, NameCaller, NameStatus, NameHeaders} }

func (c *checker) term(t *gojq.Term) {
	if t.Func == nil {
		return
	}
	name := t.Func.Name
	switch name {
	case "env", "$ENV", "input", "inputs", "debug", "stderr", "input_filename", "input_line_number",
		"halt", "halt_error", "modulemeta", "get_search_list", "builtins":
		c.fail(name, fmt.Sprintf("%q is not available in expressions", name), "")
	case "test", "match", "capture", "scan", "split", "splits", "sub", "gsub":
		if len(t.Func.Args) > 0 && !literal(t.Func.Args[0]) {
			c.uses.dynamicRegexp = true
		}
	case NameArgs, NameCaller, NameStatus, NameHeaders:
		if len(t.Func.Args) == 0 {
			c.name(name, t)
		}
	}
	if strings.HasPrefix(name, "$__") || strings.HasPrefix(name, "_") {
		c.fail(name, fmt.Sprintf("%q is not defined", name), "")
	}
}

func literal(q *gojq.Query) bool {
	return q.Term != nil && q.Term.Str != nil && q.Term.Str.Queries == nil && len(q.Term.SuffixList) == 0
}

// name notes the use of one of the scope's names.
func (c *checker) name(name string, t *gojq.Term) {
	if !slices.Contains(c.scope.Names, name) {
		c.fail(name, fmt.Sprintf("%q is not known here", name), "known here: "+strings.Join(c.known(), ", "))
		return
	}
	c.uses.names[name] = true
	member, ok := "", false
	if len(t.SuffixList) > 0 {
		member, ok = memberOf(t.SuffixList[0].Index)
	}
	switch name {
	case NameArgs:
		if !ok {
			c.uses.allArgs = true
		} else if c.declared(member) && !slices.Contains(c.uses.args, member) {
			c.uses.args = append(c.uses.args, member)
		}
	case NameCaller:
		if ok && !slices.Contains(callerFields(), member) {
			c.fail(member, fmt.Sprintf("caller has no %q", member), didYouMean(member, callerFields()))
		}
	case NameHeaders:
		if !ok {
			c.fail(name, "headers must be asked for one by name", `write headers["Content-Type"]`)
		} else if !slices.Contains(c.uses.headers, member) {
			c.uses.headers = append(c.uses.headers, member)
		}
	}
}

func (c *checker) known() []string {
	if c.scope.Body {
		return append([]string{"."}, c.scope.Names...)
	}
	return c.scope.Names
}

func (c *checker) declared(argument string) bool {
	if c.scope.Arguments == nil || slices.Contains(c.scope.Arguments, argument) {
		return true
	}
	c.fail(argument, fmt.Sprintf("there is no argument %q", argument), argumentHint(argument, c.scope.Arguments))
	return false
}

func argumentHint(name string, declared []string) string {
	if hint := didYouMean(name, declared); hint != "" || len(declared) == 0 {
		return hint
	}
	if len(declared) > 8 {
		declared = declared[:8]
	}
	return "declared: " + strings.Join(declared, ", ")
}

// memberOf returns the member that an index names literally.
func memberOf(i *gojq.Index) (string, bool) {
	switch {
	case i == nil || i.IsSlice:
		return "", false
	case i.Name != "":
		return i.Name, true
	case i.Str != nil && i.Str.Queries == nil:
		return i.Str.Str, true
	case i.Start != nil && literal(i.Start):
		return i.Start.Term.Str.Str, true
	}
	return "", false
}

// body refuses `.` at the places where it is the expression's own input.
func (c *checker) body(q *gojq.Query) {
	if q == nil {
		return
	}
	if q.Left != nil {
		c.body(q.Left)
		if q.Op != gojq.OpPipe {
			c.body(q.Right)
		}
		return
	}
	switch t := q.Term; {
	case t == nil:
	case t.Type == gojq.TermTypeIndex:
		member, _ := memberOf(t.Index)
		hint := ""
		if slices.Contains(c.scope.Arguments, member) {
			hint = "write args." + member
		}
		c.fail("."+member, "there is no body here that `."+member+"` could be taken from", hint)
	case t.Type == gojq.TermTypeIdentity, t.Type == gojq.TermTypeRecurse:
		c.fail(".", "there is no body here that `.` could be", "")
	case t.Type == gojq.TermTypeQuery:
		c.body(t.Query)
	case t.Type == gojq.TermTypeArray:
		c.body(t.Array.Query)
	case t.Type == gojq.TermTypeObject:
		for _, kv := range t.Object.KeyVals {
			c.body(kv.Val)
		}
	}
}

// syntaxError gives a parse error its place.
func syntaxError(text string, err error) error {
	out := &plugins.FieldError{Message: "jq: " + err.Error()}
	var parse *gojq.ParseError
	if errors.As(err, &parse) {
		out.Offset = min(max(parse.Offset-len(parse.Token), 0), len(text))
	}
	return out
}

// compileError finds the place of what gojq does not know.
func compileError(text string, err error, scope Scope) error {
	out := &plugins.FieldError{Message: "jq: " + err.Error()}
	_, name, _ := strings.Cut(err.Error(), ": ")
	bare, _, _ := strings.Cut(name, "/")
	out.Offset = max(find(text, bare), 0)
	if strings.HasPrefix(err.Error(), "function not defined") {
		out.Hint = didYouMean(bare, append(builtins(), scope.Names...))
		if slices.Contains(scope.Arguments, bare) {
			out.Hint = "write args." + bare
		}
	}
	return out
}

// builtins are the functions of jq that people use most, for hints.
func builtins() []string {
	return []string{
		"length", "keys", "values", "has", "map", "map_values", "select", "empty", "add", "any", "all", "flatten", "range",
		"floor", "sqrt", "round", "tostring", "tonumber", "type", "sort", "sort_by", "group_by", "min", "max", "unique",
		"unique_by", "reverse", "contains", "startswith", "endswith", "split", "join", "ascii_downcase", "ascii_upcase",
		"to_entries", "from_entries", "with_entries", "first", "last", "limit", "test", "match", "capture", "sub", "gsub",
		"tojson", "fromjson", "todate", "fromdate", "now", "del", "paths", "walk", "not", "error", "index", "trim",
	}
}
