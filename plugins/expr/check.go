package expr

import (
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
	text   string
	scope  Scope
	names  []string // those of the scope
	uses   *uses
	tokens []token
	told   map[spot]int // how many mistakes of a spot are told
	errs   plugins.FieldErrors
}

// fail notes a mistake at an offset of the text.
func (c *checker) fail(offset int, message, hint string) {
	for _, e := range c.errs {
		if e.Offset == offset {
			return // one is enough
		}
	}
	c.errs = append(c.errs, &plugins.FieldError{Message: message, Hint: hint, Offset: offset})
}

// wrong notes a mistake of a token: of the first one like it, the next time of
// the second, and so on.
func (c *checker) wrong(at spot, message, hint string) {
	if c.tokens == nil {
		c.tokens, c.told = scan(c.text), map[spot]int{}
	}
	c.told[at]++
	c.fail(at.offset(c.tokens, c.told[at]), message, hint)
}

// name is the spot of a function, a variable, a format, or `.`.
func name(text string) spot {
	if text == "." || strings.HasPrefix(text, "$") || strings.HasPrefix(text, "@") {
		return spot{kind: tokenOther, text: text}
	}
	return spot{kind: tokenName, text: text}
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// check notes what is wrong with the tree, and reports whether it can be
// compiled, to find more.
func (c *checker) check(tree *gojq.Query) bool {
	c.uses.names = map[string]bool{}
	c.names = c.scope.names()
	if tree.Meta != nil || len(tree.Imports) > 0 {
		c.fail(0, "modules are not available in expressions", "")
		return false
	}
	if tree.Term == nil && tree.Left == nil {
		c.fail(0, "the expression is empty", "")
		return false
	}
	w := walker{def: c.def, query: func(*gojq.Query) {}, term: c.term, index: func(*gojq.Index) {}}
	w.walkQuery(tree)
	if !c.scope.Body {
		c.body(tree)
	}
	return true
}

func (c *checker) def(d *gojq.FuncDef) {
	for _, defined := range append([]string{d.Name}, d.Args...) {
		if slices.Contains(allNames(), defined) || strings.HasPrefix(defined, "_") || strings.HasPrefix(defined, "$__") {
			c.wrong(name(defined), fmt.Sprintf("%q can't be defined anew", defined), "choose another name")
		}
	}
}

func allNames() []string {
	return []string{NameArgs, NameCaller, NameStatus, NameHeaders, NameSteps, NameLoad, NameItem, NameValue}
}

func (c *checker) term(t *gojq.Term) {
	if t.Format != "" && !slices.Contains(formats(), t.Format) {
		c.wrong(name(t.Format), fmt.Sprintf("unknown format %q", t.Format), didYouMean(t.Format, formats()))
	}
	if t.Func == nil {
		return
	}
	called := t.Func.Name
	switch called {
	case "env", "$ENV", "input", "inputs", "debug", "stderr", "input_filename", "input_line_number",
		"halt", "halt_error", "modulemeta", "get_search_list", "builtins":
		c.wrong(name(called), fmt.Sprintf("%q is not available in expressions", called), "")
	case "test", "match", "capture", "scan", "split", "splits", "sub", "gsub":
		if len(t.Func.Args) > 0 && !literal(t.Func.Args[0]) {
			c.uses.dynamicRegexp = true
		}
	case NameArgs, NameCaller, NameStatus, NameHeaders, NameSteps, NameLoad, NameItem, NameValue:
		if len(t.Func.Args) == 0 {
			c.named(called, t)
		}
	}
	if strings.HasPrefix(called, "$__") || strings.HasPrefix(called, "_") {
		c.wrong(name(called), fmt.Sprintf("%q is not defined", called), "")
	}
}

func literal(q *gojq.Query) bool {
	return q.Term != nil && q.Term.Str != nil && q.Term.Str.Queries == nil && len(q.Term.SuffixList) == 0
}

// named notes the use of one of the scope's names.
func (c *checker) named(base string, t *gojq.Term) {
	if !slices.Contains(c.names, base) {
		c.wrong(name(base), fmt.Sprintf("%q is not known here", base), c.scope.notKnown(base, c.known()))
		return
	}
	c.uses.names[base] = true
	member, ok := "", false
	if len(t.SuffixList) > 0 {
		member, ok = memberOf(t.SuffixList[0].Index)
	}
	switch base {
	case NameArgs:
		if !ok {
			c.uses.allArgs = true
		} else if c.member(NameArgs, member) && !slices.Contains(c.uses.args, member) {
			c.uses.args = append(c.uses.args, member)
		}
	case NameCaller, NameSteps, NameLoad:
		if ok {
			c.member(base, member)
		}
	case NameHeaders:
		if !ok {
			c.wrong(name(base), "headers must be asked for one by name", `write headers["Content-Type"]`)
		} else if !slices.Contains(c.uses.headers, member) {
			c.uses.headers = append(c.uses.headers, member)
		}
	}
}

// notKnown says where a name of the language is known that isn't here, or what
// is known instead.
func (s *Scope) notKnown(base string, known []string) string {
	switch base {
	case NameItem:
		return "an item is known where there is for_each"
	case NameValue:
		return "what is typed is known in complete"
	}
	return "known here: " + strings.Join(known, ", ")
}

func (c *checker) known() []string {
	if c.scope.Body {
		return append([]string{"."}, c.names...)
	}
	return c.names
}

// member reports whether a name has that member, and notes it if it hasn't.
func (c *checker) member(base, member string) bool {
	message, hint := c.scope.member(base, member)
	if message != "" {
		c.wrong(spot{tokenMember, member, base}, message, hint)
	}
	return message == ""
}

// member says what is wrong with a member of one of the names; nothing if it
// is declared, or if all are allowed.
func (s *Scope) member(base, member string) (message, hint string) {
	var known []string
	switch base {
	case NameArgs:
		known, message = s.Arguments, fmt.Sprintf("there is no argument %q", member)
	case NameSteps:
		known, message = s.Steps, fmt.Sprintf("there is no step %q before this", member)
	case NameLoad:
		known, message = s.Loads, fmt.Sprintf("nothing named %q is loaded", member)
	case NameCaller:
		known, message = callerFields(), fmt.Sprintf("caller has no %q", member)
	}
	if known == nil || slices.Contains(known, member) {
		return "", ""
	}
	if base == NameSteps && slices.Contains(s.Later, member) {
		return message, "that step comes later, or runs beside this one"
	}
	return message, memberHint(base, member, known)
}

func memberHint(base, member string, known []string) string {
	if hint := didYouMean(member, known); hint != "" || len(known) == 0 {
		return hint
	}
	if len(known) > 8 {
		known = known[:8]
	}
	word := "declared: "
	if base == NameCaller {
		word = "there are: "
	}
	return word + strings.Join(known, ", ")
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

// inPlaceOfBody says what there is where there is no body.
func (s *Scope) inPlaceOfBody() string {
	if len(s.Steps) > 0 {
		return "write steps." + s.Steps[len(s.Steps)-1]
	}
	return ""
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
		switch {
		case slices.Contains(c.scope.Arguments, member):
			hint = "write args." + member
		case slices.Contains(c.scope.Steps, member):
			hint = "write steps." + member
		case len(c.scope.Steps) > 0:
			hint = "write steps." + c.scope.Steps[len(c.scope.Steps)-1] + "." + member
		}
		c.wrong(spot{kind: tokenBody, text: member}, "there is no body here that `."+member+"` could be taken from", hint)
	case t.Type == gojq.TermTypeIdentity, t.Type == gojq.TermTypeRecurse:
		c.wrong(name("."), "there is no body here that `.` could be", c.scope.inPlaceOfBody())
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
