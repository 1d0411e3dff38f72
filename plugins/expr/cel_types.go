package expr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// TypesOf are the JSON types of a tool's arguments, as far as their schemas
// name one.
func TypesOf(tool *plugins.Tool) map[string]string {
	if tool == nil {
		return nil
	}
	known := make(map[string]string)
	for i := range tool.Arguments {
		var schema struct {
			Type any `json:"type"`
		}
		if json.Unmarshal(tool.Arguments[i].Schema, &schema) != nil {
			continue // a schema may be true
		}
		if name, one := schema.Type.(string); one {
			known[tool.Arguments[i].Name] = name
		}
	}
	return known
}

// The types that only the type check knows: of args and of caller.
const (
	typeArgs   = "sallyport.args"
	typeCaller = "sallyport.caller"
)

// fieldTypes tells CEL's type checker what members args and caller have.
type fieldTypes struct {
	types.Provider

	args   map[string]string
	number *cel.Type
}

// FindStructType implements types.Provider.
func (f fieldTypes) FindStructType(name string) (*types.Type, bool) {
	if name == typeArgs || name == typeCaller {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return f.Provider.FindStructType(name)
}

// FindStructFieldType implements types.Provider.
func (f fieldTypes) FindStructFieldType(of, name string) (*types.FieldType, bool) {
	switch of {
	case typeArgs:
		return &types.FieldType{Type: f.argument(name)}, true
	case typeCaller:
		return &types.FieldType{Type: callerType(name)}, true
	}
	return f.Provider.FindStructFieldType(of, name)
}

func (f fieldTypes) argument(name string) *cel.Type {
	switch f.args[name] {
	case "string":
		return cel.StringType
	case "boolean":
		return cel.BoolType
	case "integer", "number":
		return f.number
	case "array":
		return cel.ListType(cel.DynType)
	case "object":
		return cel.MapType(cel.StringType, cel.DynType)
	}
	return cel.DynType
}

func callerType(name string) *cel.Type {
	switch name {
	case "subject", "client":
		return cel.StringType
	case "roles", "scopes":
		return cel.ListType(cel.StringType)
	case "claims":
		return cel.MapType(cel.StringType, cel.DynType)
	case "capabilities":
		return cel.MapType(cel.StringType, cel.BoolType)
	}
	return cel.DynType
}

// checkTypes refuses what can never be true, as the types of arguments and of
// the caller's properties tell. A number is whole or not as the call has it: a
// mistake is one that is a mistake both ways.
func (c *conditionChecker) checkTypes(tree *cel.Ast) error {
	if !c.uses[NameArgs] && !c.uses[NameCaller] {
		return nil
	}
	var both [2]plugins.FieldErrors
	for i, number := range []*cel.Type{cel.IntType, cel.DoubleType} {
		var err error
		if both[i], err = c.typeFaults(tree, number); err != nil {
			return err
		}
	}
	for _, e := range both[0] {
		if slices.ContainsFunc(both[1], func(other *plugins.FieldError) bool { return e.Offset == other.Offset }) {
			c.fail(e.Offset, e.Message, e.Hint)
		}
	}
	return c.result()
}

// typeFaults are the mistakes if all numbers are of that type.
func (c *conditionChecker) typeFaults(tree *cel.Ast, number *cel.Type) (plugins.FieldErrors, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("making CEL's types: %w", err)
	}
	provider := fieldTypes{Provider: registry, args: c.scope.Types, number: number}
	declared := map[string]*cel.Type{NameArgs: cel.ObjectType(typeArgs), NameCaller: cel.ObjectType(typeCaller)}
	for name := range declared {
		if !onlySelected(tree.NativeRep().Expr(), name) {
			declared[name] = cel.DynType // it is looked at as a map
		}
	}
	env, err := newConditionEnv(declared, cel.CustomTypeProvider(provider))
	if err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	own, issues := env.Parse(c.text)
	if issues.Err() != nil {
		return nil, nil //nolint:nilerr // told already
	}
	checked, issues := env.Check(own)
	if issues.Err() != nil {
		return c.faultsOf(issues), nil
	}
	if kind := checked.OutputType(); kind.Kind() != cel.BoolKind && kind.Kind() != cel.DynKind {
		return plugins.FieldErrors{{Message: "a condition is true or false, this is " + kindInWords(kind), Hint: "compare it with something"}}, nil
	}
	return nil, nil
}

// faultsOf are what the type checker complains of. What is compared with null
// is a question whether it is there at all.
func (c *conditionChecker) faultsOf(issues *cel.Issues) plugins.FieldErrors {
	var faults plugins.FieldErrors
	for _, e := range issues.Errors() {
		if strings.Contains(e.Message, "null") {
			continue
		}
		message := inWords(readable(e.Message))
		if !strings.HasPrefix(message, "want ") {
			message = "CEL: " + message
		}
		faults = append(faults, &plugins.FieldError{
			Message: message, Hint: typeHint(message), Offset: c.at(e.Location.Line(), e.Location.Column()),
		})
	}
	return faults
}

// typeHint proposes a mend of what does not work on values of some types.
func typeHint(message string) string {
	of := func(pairs ...string) bool {
		return slices.ContainsFunc(pairs, func(pair string) bool { return strings.HasSuffix(message, pair) })
	}
	switch {
	case strings.HasPrefix(message, "want "):
		return "compare it with something"
	case of("(list, text)", "list.(text)", "(text, list)"):
		return `write "x" in … to ask whether a list holds something`
	case of("(number, text)", "(text, number)"):
		return "a number is written without quotes, a text with them"
	case of("(boolean, text)", "(text, boolean)"):
		return "true and false are written without quotes"
	}
	return ""
}

// inWords names the types of a manifest in place of CEL's.
func inWords(message string) string {
	if found, ok := strings.CutPrefix(message, "expected type 'bool' but found '"); ok {
		return "want true or false, found " + kindNamed(strings.TrimSuffix(found, "'"))
	}
	const before = " does not work on "
	function, kinds, found := strings.Cut(message, before)
	if !found {
		return message
	}
	return function + before + kindNames().Replace(kinds)
}

// kindNames are the names of types in a manifest, by CEL's.
func kindNames() *strings.Replacer {
	return strings.NewReplacer("list(string)", "list", "list(dyn)", "list", "map(string, dyn)", "object", "map(string, bool)", "object",
		"string", "text", "double", "number", "int", "number", "bool", "boolean")
}

// kindNamed is a type's name with its article.
func kindNamed(kind string) string {
	name := kindNames().Replace(kind)
	if name == "object" {
		return "an " + name
	}
	return "a " + name
}

// onlySelected reports whether a name stands for nothing but members taken of
// it.
func onlySelected(e ast.Expr, name string) bool {
	selected, all := 0, 0
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(at ast.Expr) {
		if at.Kind() == ast.IdentKind && at.AsIdent() == name {
			all++
		}
		if at.Kind() == ast.SelectKind {
			if operand := at.AsSelect().Operand(); operand.Kind() == ast.IdentKind && operand.AsIdent() == name {
				selected++
			}
		}
	}))
	return selected == all
}
