package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// place is the byte of the text where an expression has its place.
func (c *conditionChecker) place(e ast.Expr) int {
	span, ok := c.info.GetOffsetRange(e.ID())
	if !ok {
		return 0
	}
	return c.bytes(int(span.Start))
}

// memberPlace is the byte where the name of a member begins, behind what it is
// a member of.
func (c *conditionChecker) memberPlace(s ast.SelectExpr) int {
	start := c.place(s.Operand())
	if i := strings.IndexByte(c.text[start:], '.'); i >= 0 {
		start += i + 1
	}
	if i := strings.Index(c.text[start:], s.FieldName()); i >= 0 {
		start += i
	}
	return start
}

// functionPlace is the byte where the name of a called function begins: the
// place of a call is that of its parenthesis.
func (c *conditionChecker) functionPlace(e ast.Expr) int {
	name, at := e.AsCall().FunctionName(), c.place(e)
	if i := strings.LastIndex(c.text[:min(at+len(name), len(c.text))], name); i >= 0 {
		return i
	}
	return at
}

// bytes turns an offset in characters, as CEL counts, into one in bytes.
func (c *conditionChecker) bytes(characters int) int {
	at := 0
	for range characters {
		_, n := utf8.DecodeRuneInString(c.text[at:])
		at += n
	}
	return at
}

// at turns a line from 1 and a column from 0, in characters, into a byte.
func (c *conditionChecker) at(line, column int) int {
	start := 0
	for range line - 1 {
		n := strings.IndexByte(c.text[start:], '\n')
		if n < 0 {
			break
		}
		start += n + 1
	}
	for range column {
		_, n := utf8.DecodeRuneInString(c.text[start:])
		start += n
	}
	return start
}

// syntaxError is the first of what the parser complains of.
func (c *conditionChecker) syntaxError(issues *cel.Issues) error {
	all := issues.Errors()
	if len(all) == 0 {
		return &plugins.FieldError{Message: "CEL: " + issues.Err().Error()}
	}
	first := all[0]
	message := strings.TrimPrefix(first.Message, "Syntax error: ")
	message, _, _ = strings.Cut(message, " expecting ")
	out := &plugins.FieldError{Message: "CEL: " + message, Offset: c.at(first.Location.Line(), first.Location.Column())}
	rest := c.text[out.Offset:]
	word, _, _ := strings.Cut(rest, " ")
	for _, known := range []string{"token recognition error at: ", "mismatched input ", "extraneous input ", "no viable alternative at input "} {
		if strings.HasPrefix(message, known) && word != "" {
			out.Message = fmt.Sprintf("CEL: unexpected %q", clipped(word))
		}
	}
	switch {
	case strings.Contains(message, "'<EOF>'"):
		out.Message = "the condition ends too early"
	case strings.HasPrefix(rest, "="):
		out.Hint = "write =="
	case strings.HasPrefix(rest, "|"):
		out.Hint = "this is CEL, not jq: write functions around what they work on, e.g. size(args.items)"
	case word == "and":
		out.Hint = "write &&"
	case word == "or":
		out.Hint = "write ||"
	case strings.HasPrefix(strings.TrimSpace(c.text), "not "):
		out.Hint = "write !"
	}
	return out
}

// typeErrors notes what the type checker complains of.
func (c *conditionChecker) typeErrors(issues *cel.Issues) {
	for _, e := range issues.Errors() {
		c.fail(c.at(e.Location.Line(), e.Location.Column()), "CEL: "+readable(e.Message), "")
	}
	if len(c.errs) == 0 {
		c.errs = append(c.errs, &plugins.FieldError{Message: "CEL: " + issues.Err().Error()})
	}
}

// readable puts operators as they are written in place of CEL's names for them.
func readable(message string) string {
	const start, middle = "found no matching overload for '", "' applied to '"
	rest, ok := strings.CutPrefix(message, start)
	if !ok {
		return message
	}
	name, types, ok := strings.Cut(rest, middle)
	if !ok {
		return message
	}
	if symbol, ok := operators.FindReverse(name); ok && symbol != "" {
		name = symbol
	}
	return fmt.Sprintf("%q does not work on %s", name, strings.TrimSuffix(types, "'"))
}

// clipped shortens a word that a message tells.
func clipped(word string) string {
	const most = 20
	if runes := []rune(word); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return word
}
