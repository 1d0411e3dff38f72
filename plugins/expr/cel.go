package expr

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxCost bounds one evaluation of a condition, in CEL's units: about one
	// for each operation, and one for each ten bytes of text compared.
	maxCost = 2_000_000
	// maxNodes and maxNesting bound the size of a condition.
	maxNodes, maxNesting = 10_000, 100
	// maxRegexp bounds the size of a regular expression that is made from data,
	// in instructions.
	maxRegexp = 10_000
)

// Condition is a compiled CEL expression that is true or false. It is safe for
// concurrent use.
type Condition struct {
	text    string
	uses    map[string]bool // of the scope's names
	headers []string        // response headers, as spelled
	caller  []string        // members of caller that are asked for by name
	whole   bool            // caller is used in another way
	program cel.Program
	// loops says that there is a macro that visits all elements of something.
	loops bool
}

// ParseCondition compiles a CEL expression. The error is a *plugins.FieldError
// whose Offset is a byte of the text; of several mistakes, plugins.FieldErrors.
func ParseCondition(text string, scope Scope) (*Condition, error) {
	if len(text) > maxSource {
		return nil, &plugins.FieldError{Message: "the condition is too long"}
	}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "${{") {
		return nil, &plugins.FieldError{Message: "want a CEL condition, found a hole", Hint: "a condition is bare CEL: take ${{ }} away"}
	}
	env, err := newConditionEnv(nil)
	if err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	c := conditionChecker{text: text, scope: scope, names: scope.names(), env: env}
	tree, err := c.compile()
	if err != nil {
		return nil, err
	}
	program, err := env.Program(tree,
		cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, &plugins.FieldError{Message: "CEL: " + err.Error()}
	}
	return &Condition{text: text, uses: c.uses, headers: c.headers, caller: c.caller, whole: c.whole, program: program, loops: c.loops}, nil
}

// newConditionEnv is the language of conditions: CEL's standard functions and
// those on strings, and all names. Which of them are known at a place is
// checked on the syntax tree.
// The types of names that aren't given are not known.
func newConditionEnv(known map[string]*cel.Type, more ...cel.EnvOption) (*cel.Env, error) {
	options := make([]cel.EnvOption, 0, 8+len(more)+len(allNames()))
	options = append(options, more...)
	options = append(options,
		cel.CustomTypeAdapter(adapter{}),
		cel.CrossTypeNumericComparisons(true),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ParserRecursionLimit(maxNesting),
		cel.ParserErrorRecoveryLimit(1),
		cel.ParserExpressionSizeLimit(maxSource),
		cel.RegexProgramSizeLimit(maxRegexp),
		ext.Strings(ext.StringsVersion(5)),
	)
	for _, name := range allNames() {
		kind := cel.DynType
		if k := known[name]; k != nil {
			kind = k
		}
		options = append(options, cel.Variable(name, kind))
	}
	return cel.NewEnv(options...)
}

// Text returns the condition as it was written.
func (c *Condition) Text() string { return c.text }

// Uses reports whether the condition refers to one of the scope's names.
func (c *Condition) Uses(name string) bool { return c.uses[name] }

// UsesCaller reports whether the outcome may depend on who calls.
func (c *Condition) UsesCaller() bool { return c.Uses(NameCaller) }

// Caller returns the members of `caller` that the condition asks for by name,
// and whether it uses `caller` in another way as well.
func (c *Condition) Caller() (members []string, whole bool) { return c.caller, c.whole }

// UsesOnly reports whether the condition refers to none but these names.
func (c *Condition) UsesOnly(names ...string) bool {
	for name := range c.uses {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// Eval decides. What can't be decided is false: a value is missing, types don't
// fit, or it takes too long.
func (c *Condition) Eval(ctx context.Context, v *Values) bool {
	on := activation{v: v, headers: c.headers}
	if !c.loops {
		out, _, err := c.program.Eval(on)
		return err == nil && out.Value() == true
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	out, _, err := c.program.ContextEval(ctx, on)
	return err == nil && out.Value() == true
}

// activation gives CEL the values of names when it asks for them.
type activation struct {
	v       *Values
	headers []string
}

// ResolveName implements cel.Activation.
func (a activation) ResolveName(name string) (any, bool) {
	switch {
	case name == NameHeaders:
		return a.v.headersValue(a.headers), true
	case name == NameValue && a.v.Value == nil, !isName(name):
		return nil, false
	}
	return a.v.named(name), true
}

// Parent implements cel.Activation.
func (a activation) Parent() cel.Activation { return nil }
