package expr

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxUnknown bounds how many different unknown names are told.
const maxUnknown = 16

// compile compiles the query's tree and notes all that gojq does not know: it
// tells of one at a time, which is then taken out of the tree.
func (c *checker) compile(q *Query) {
	for range maxUnknown {
		err := q.compile()
		if err == nil {
			return
		}
		what, missing, _ := strings.Cut(err.Error(), ": ")
		count := 0
		if strings.HasSuffix(what, " not defined") {
			count = takeOut(q.tree, missing)
		}
		if count == 0 {
			if len(c.errs) == 0 { // else it may follow from what is told
				c.wrong(name(missing), "jq: "+err.Error(), "")
			}
			return
		}
		called, arguments, _ := strings.Cut(missing, "/")
		message, hint := c.unknown(called, arguments)
		for range count {
			c.wrong(name(called), message, hint)
		}
	}
}

// takeOut puts `.` in place of all calls of a function (name/count) or all uses
// of a variable, and returns how many there were.
func takeOut(tree *gojq.Query, missing string) int {
	count := 0
	w := walker{def: func(*gojq.FuncDef) {}, query: func(*gojq.Query) {}, index: func(*gojq.Index) {}}
	w.term = func(t *gojq.Term) {
		if f := t.Func; f != nil && (f.Name == missing || f.Name+"/"+strconv.Itoa(len(f.Args)) == missing) {
			*t = gojq.Term{Type: gojq.TermTypeIdentity, SuffixList: t.SuffixList}
			count++
		}
	}
	w.walkQuery(tree)
	return count
}

// unknown says what is wrong with a function or a variable that there isn't.
func (c *checker) unknown(called, arguments string) (message, hint string) {
	switch {
	case strings.HasPrefix(called, "$"):
		message, hint = fmt.Sprintf("unknown variable %q", called), "bind it first: ... as "+called+" | ..."
		if bare := called[1:]; slices.Contains(c.names, bare) {
			hint = "write " + bare
		}
		return message, hint
	case slices.Contains(builtins(), called):
		return fmt.Sprintf("the function %q takes another number of arguments than %s", called, arguments), ""
	case arguments != "0":
		message = fmt.Sprintf("unknown function %q", called)
	default:
		message = fmt.Sprintf("unknown name %q", called)
	}
	if slices.Contains(c.scope.Arguments, called) {
		return message, "write args." + called
	}
	hint = didYouMean(called, append(builtins(), c.names...))
	if c.scope.Body && arguments == "0" && !near(called, append(builtins(), c.names...)) {
		return message, "a field of the answer is written with a dot: ." + called
	}
	if known := c.known(); hint == "" && len(known) > 0 {
		hint = "known here: " + strings.Join(known, ", ") + ", and jq's functions"
	}
	return message, hint
}

// result returns the mistakes in the order of the text; nil if there are none.
func (c *checker) result() error {
	slices.SortStableFunc(c.errs, func(a, b *plugins.FieldError) int { return cmp.Compare(a.Offset, b.Offset) })
	return oneOrMore(c.errs)
}

// oneOrMore is a *plugins.FieldError or, of several, plugins.FieldErrors.
func oneOrMore(errs plugins.FieldErrors) error {
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return errs
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

// formats are those of jq. gojq finds only when it runs that there is no other.
func formats() []string {
	return []string{"@text", "@json", "@html", "@uri", "@urid", "@csv", "@tsv", "@sh", "@base64", "@base64d"}
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
