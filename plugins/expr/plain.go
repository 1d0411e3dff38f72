package expr

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/itchyny/gojq"
)

// plainPath is an expression like .a.b, .a[0] or args.x: it is followed by
// hand, about fifteen times cheaper than by gojq, with the same outcome.
type plainPath struct {
	base  string // one of the names, or "" for the body
	steps []any  // string or int
}

// plainOf returns the path that the expression is, nil if it is none.
func plainOf(q *gojq.Query) *plainPath {
	t := q.Term
	if t == nil || len(q.FuncDefs) > 0 {
		return nil
	}
	p := &plainPath{}
	switch {
	case t.Type == gojq.TermTypeIdentity:
	case t.Type == gojq.TermTypeIndex:
		if !p.step(t.Index) {
			return nil
		}
	case t.Type == gojq.TermTypeFunc && len(t.Func.Args) == 0 && isName(t.Func.Name):
		p.base = t.Func.Name
	default:
		return nil
	}
	for _, s := range t.SuffixList {
		if s.Index == nil || !p.step(s.Index) {
			return nil
		}
	}
	return p
}

func isName(s string) bool {
	switch s {
	case NameArgs, NameCaller, NameStatus, NameHeaders, NameSteps, NameLoad, NameItem, NameValue:
		return true
	}
	return false
}

func (p *plainPath) step(i *gojq.Index) bool {
	if name, ok := memberOf(i); ok {
		p.steps = append(p.steps, name)
		return true
	}
	if i.IsSlice || i.Start == nil || i.Start.Term == nil || i.Start.Term.Type != gojq.TermTypeNumber || len(i.Start.Term.SuffixList) > 0 {
		return false
	}
	n, err := strconv.Atoi(i.Start.Term.Number)
	if err != nil {
		return false
	}
	p.steps = append(p.steps, n)
	return true
}

// follow returns what the path leads to, null where jq says null.
func (p *plainPath) follow(v *Values) (any, error) {
	at, steps := v.Body, p.steps
	switch p.base {
	case "":
	case NameCaller:
		if len(steps) == 1 && steps[0] == "subject" && v.Caller != nil {
			return v.Caller.Subject, nil
		}
		at = v.callerValue()
	case NameHeaders:
		at = nil
		if name, ok := steps[0].(string); ok && v.Header != nil && v.Header(name) != "" {
			at = v.Header(name)
		}
		steps = steps[1:]
	default:
		at = v.named(p.base)
	}
	for _, step := range steps {
		next, err := member(at, step)
		if err != nil {
			return nil, failure(err)
		}
		at = next
	}
	return at, nil
}

func member(at, step any) (any, error) {
	if at == nil {
		return nil, nil
	}
	switch step := step.(type) {
	case string:
		if object, ok := at.(map[string]any); ok {
			return object[step], nil
		}
	case int:
		switch at := at.(type) {
		case []any:
			if step < len(at) {
				return at[step], nil
			}
			return nil, nil
		case string:
			if runes := []rune(at); step < len(runes) {
				return string(runes[step]), nil
			}
			return nil, nil
		}
	}
	return nil, fmt.Errorf("jq: cannot take %q of a value of type %s", fmt.Sprint(step), typeOf(at))
}

func typeOf(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number, int, float64:
		return "number"
	}
	return "null"
}

// argument returns the name of the argument that the path is, whole.
func (p *plainPath) argument() (string, bool) {
	if p == nil || p.base != NameArgs || len(p.steps) != 1 {
		return "", false
	}
	name, ok := p.steps[0].(string)
	return name, ok
}
