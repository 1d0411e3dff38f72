package expr

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// conditionChecker compiles a condition and says what is wrong with it.
type conditionChecker struct {
	text    string
	scope   Scope
	names   []string // those of the scope
	env     *cel.Env
	info    *ast.SourceInfo
	uses    map[string]bool
	headers []string
	caller  []string
	whole   bool
	loops   bool
	errs    plugins.FieldErrors
}

// compile parses and checks the condition.
func (c *conditionChecker) compile() (*cel.Ast, error) {
	c.uses = map[string]bool{}
	if strings.TrimSpace(c.text) == "" {
		return nil, &plugins.FieldError{Message: "the condition is empty", Hint: "write a CEL expression that is true or false"}
	}
	tree, issues := c.env.Parse(c.text)
	if err := issues.Err(); err != nil {
		return nil, c.syntaxError(issues)
	}
	c.info = tree.NativeRep().SourceInfo()
	c.walk(tree.NativeRep().Expr(), nil)
	if len(c.errs) > 0 {
		return nil, c.result()
	}
	checked, issues := c.env.Check(tree)
	if err := issues.Err(); err != nil {
		c.typeErrors(issues)
		return nil, c.result()
	}
	if err := c.checkTypes(checked); err != nil {
		return nil, err
	}
	switch kind := checked.OutputType(); kind.Kind() {
	case cel.BoolKind, cel.DynKind:
		return checked, nil
	default:
		return nil, &plugins.FieldError{
			Message: "a condition is true or false, this is " + kindInWords(kind),
			Hint:    "compare it with something",
		}
	}
}

// kindInWords says of what type an expression is.
func kindInWords(kind *cel.Type) string {
	switch kind.Kind() {
	case cel.IntKind, cel.UintKind, cel.DoubleKind:
		return "a number"
	case cel.StringKind:
		return "a text"
	case cel.ListKind:
		return "a list"
	case cel.MapKind:
		return "an object"
	default:
		return "of type " + kind.String()
	}
}

// result returns the mistakes in the order of the text.
func (c *conditionChecker) result() error {
	slices.SortStableFunc(c.errs, func(a, b *plugins.FieldError) int { return cmp.Compare(a.Offset, b.Offset) })
	return oneOrMore(c.errs)
}

func (c *conditionChecker) fail(offset int, message, hint string) {
	for _, e := range c.errs {
		if e.Offset == offset {
			return // one is enough
		}
	}
	c.errs = append(c.errs, &plugins.FieldError{Message: message, Hint: hint, Offset: offset})
}

// walk checks the names, members and functions of an expression. Bound are the
// variables of the macros around it.
func (c *conditionChecker) walk(e ast.Expr, bound []string) {
	switch e.Kind() {
	case ast.IdentKind:
		c.ident(e, bound)
	case ast.SelectKind:
		s := e.AsSelect()
		// The place of a selection is that of its dot, of has(a.b) that of has.
		at := c.place(e) + 1
		if i := strings.LastIndexByte(c.text[:min(at, len(c.text))], '.'); i < 0 || i != at-1 {
			at = c.memberPlace(s)
		}
		c.selected(s.Operand(), s.FieldName(), at, bound)
	case ast.CallKind:
		c.call(e, bound)
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			c.walk(element, bound)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			c.walk(entry.AsMapEntry().Key(), bound)
			c.walk(entry.AsMapEntry().Value(), bound)
		}
	case ast.StructKind:
		c.fail(c.place(e), fmt.Sprintf("unknown type %q", e.AsStruct().TypeName()), "")
	case ast.ComprehensionKind:
		c.comprehension(e.AsComprehension(), bound)
	case ast.LiteralKind, ast.UnspecifiedExprKind:
	}
}

func (c *conditionChecker) comprehension(e ast.ComprehensionExpr, bound []string) {
	c.loops = true
	c.walk(e.IterRange(), bound)
	c.walk(e.AccuInit(), bound)
	inner := append(slices.Clone(bound), e.IterVar(), e.AccuVar())
	if e.HasIterVar2() {
		inner = append(inner, e.IterVar2())
	}
	c.walk(e.LoopCondition(), inner)
	c.walk(e.LoopStep(), inner)
	c.walk(e.Result(), inner)
}

// ident checks a name that stands alone.
func (c *conditionChecker) ident(e ast.Expr, bound []string) {
	name := e.AsIdent()
	switch {
	case slices.Contains(bound, name), slices.Contains(celTypes(), name), !c.known(e, name):
	case name == NameHeaders:
		c.fail(c.place(e), "headers must be asked for one by name", `write headers["Content-Type"]`)
	case name == NameCaller:
		c.whole = true
	}
}

// known notes the use of one of the scope's names, or that it isn't one.
func (c *conditionChecker) known(e ast.Expr, name string) bool {
	if slices.Contains(c.names, name) {
		c.uses[name] = true
		return true
	}
	message := fmt.Sprintf("unknown name %q", name)
	if slices.Contains(allNames(), name) {
		message = fmt.Sprintf("%q is not known here", name)
	}
	hint := c.scope.notKnown(name, c.names)
	if near := didYouMean(name, c.names); near != "" {
		hint = near
	}
	if slices.Contains(c.scope.Arguments, name) {
		hint = "write args." + name
	}
	c.fail(c.place(e), message, hint)
	return false
}

// selected checks operand.member, and operand["member"].
func (c *conditionChecker) selected(operand ast.Expr, member string, at int, bound []string) {
	if operand.Kind() != ast.IdentKind || slices.Contains(bound, operand.AsIdent()) {
		c.walk(operand, bound)
		return
	}
	base := operand.AsIdent()
	if !c.known(operand, base) {
		return
	}
	switch {
	case base == NameHeaders && !slices.Contains(c.headers, member):
		c.headers = append(c.headers, member)
	case base == NameCaller && !slices.Contains(c.caller, member):
		c.caller = append(c.caller, member)
	}
	if message, hint := c.scope.member(base, member); message != "" {
		c.fail(at, message, hint)
	}
}

// call checks a function or an operator and what it is given.
func (c *conditionChecker) call(e ast.Expr, bound []string) {
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); {
	case name == operators.Index && isString(args[1]):
		c.selected(args[0], stringOf(args[1]), c.place(args[1])+1, bound)
		return
	case name == operators.In && isString(args[0]) && args[1].Kind() == ast.IdentKind:
		c.selected(args[1], stringOf(args[0]), c.place(args[0])+1, bound)
		return
	case call.IsMemberFunction() && c.env.HasFunction(qualified(call)):
		// strings.quote(x) is a function, not one of a variable.
	case !c.env.HasFunction(name):
		c.unknownFunction(e, name)
		return
	case call.IsMemberFunction():
		c.walk(call.Target(), bound)
	}
	for _, arg := range args {
		c.walk(arg, bound)
	}
}

func isString(e ast.Expr) bool {
	if e.Kind() != ast.LiteralKind {
		return false
	}
	_, ok := e.AsLiteral().Value().(string)
	return ok
}

func stringOf(e ast.Expr) string {
	s, _ := e.AsLiteral().Value().(string)
	return s
}

func qualified(call ast.CallExpr) string {
	if t := call.Target(); t.Kind() == ast.IdentKind {
		return t.AsIdent() + "." + call.FunctionName()
	}
	return ""
}

// unknownFunction notes a call of what there isn't.
func (c *conditionChecker) unknownFunction(e ast.Expr, name string) {
	known := c.functions()
	message, hint := fmt.Sprintf("unknown function %q", name), didYouMean(name, known)
	switch {
	case slices.Contains(known, name):
		message, hint = fmt.Sprintf("the function %q takes other arguments", name), ""
	case Suggest(name, []string{"length", "len", "count"}) != "":
		hint = "write size(...)"
	}
	c.fail(c.functionPlace(e), message, hint)
}

// functions are those that can be called by name, macros too.
func (c *conditionChecker) functions() []string {
	var names []string
	for name := range c.env.Functions() {
		if isWord(name[0]) && !strings.Contains(name, "_") {
			names = append(names, name)
		}
	}
	for _, m := range c.env.Macros() {
		names = append(names, m.Function())
	}
	slices.Sort(names)
	return names
}

// celTypes are the names of types, which stand for themselves in type(x) == int.
func celTypes() []string {
	return []string{"bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"}
}
