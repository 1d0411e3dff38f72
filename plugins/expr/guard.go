package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/itchyny/gojq"
)

// hidden begins the variables that hold what the manifest's names stand for.
const hidden = "$__"

// Functions that the compiled code uses beside those of jq.
const (
	guardMultiply = "_guarded_multiply"
	guardAdd      = "_guarded_add"
	guardSize     = "_guarded_size"
	guardIndex    = "_guarded_index"
)

// nameDefs makes the manifest's names functions over the hidden variables, so
// that one compiled code serves concurrent runs.
func nameDefs() []*gojq.FuncDef {
	names := allNames()
	defs := make([]*gojq.FuncDef, len(names))
	for i, name := range names {
		defs[i] = &gojq.FuncDef{Name: name, Body: callOf(hidden + name)}
	}
	return defs
}

// variables are the hidden variables, in the order of allNames.
func variables() []string {
	names := allNames()
	for i, name := range names {
		names[i] = hidden + name
	}
	return names
}

func callOf(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// guard puts checks before the operations that could make something very large
// in a single step, between two looks at the budget: adding and repeating
// strings, naming a far position of an array, and what writes out a value whose
// parts are shared.
func guard(tree *gojq.Query) {
	w := walker{
		def: func(*gojq.FuncDef) {},
		query: func(q *gojq.Query) {
			switch q.Op {
			case gojq.OpMul:
				*q = *callOf(guardMultiply, q.Left, q.Right)
			case gojq.OpAdd:
				*q = *callOf(guardAdd, q.Left, q.Right)
			case gojq.OpUpdateMul:
				*q = *update(q, guardMultiply)
			case gojq.OpUpdateAdd:
				*q = *update(q, guardAdd)
			}
		},
		term: guardTerm,
		index: func(i *gojq.Index) {
			if i.Start != nil && !i.IsSlice {
				i.Start = pipe(i.Start, callOf(guardIndex))
			}
		},
	}
	w.walkQuery(tree)
}

// update is l op= r as r as $x | l |= . op $x.
func update(q *gojq.Query, op string) *gojq.Query {
	const name = "$__operand"
	dot := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
	return &gojq.Query{
		Left: q.Right, Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: name}},
		Right: &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: callOf(op, dot, callOf(name))},
	}
}

func guardTerm(t *gojq.Term) {
	switch {
	case t.Func != nil && t.Func.Name == "setpath" && len(t.Func.Args) == 2:
		t.Func.Args[0] = pipe(t.Func.Args[0], callOf(guardIndex))
	case t.Func != nil && spreads(t.Func.Name), t.Type == gojq.TermTypeFormat && t.Str == nil:
		inner := *t
		inner.SuffixList = nil
		*t = gojq.Term{
			Type: gojq.TermTypeQuery, SuffixList: t.SuffixList,
			Query: pipe(callOf(guardSize), &gojq.Query{Term: &inner}),
		}
	case t.Type == gojq.TermTypeString && t.Str != nil && t.Str.Queries != nil:
		*t = gojq.Term{Type: gojq.TermTypeQuery, SuffixList: t.SuffixList, Query: interpolated(t.Str)}
	}
}

// spreads reports whether a function writes its whole input out in one step.
func spreads(name string) bool {
	switch name {
	case "add", "join", "tojson", "tostring", "flatten", "implode", "transpose":
		return true
	}
	return false
}

// interpolated is a string with interpolations as a guarded sum.
func interpolated(s *gojq.String) *gojq.Query {
	var sum *gojq.Query
	for _, q := range s.Queries {
		if q.Term == nil || q.Term.Str == nil {
			q = pipe(q, pipe(callOf(guardSize), callOf("tostring")))
		}
		if sum == nil {
			sum = q
		} else {
			sum = callOf(guardAdd, sum, q)
		}
	}
	return sum
}

func pipe(l, r *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: l, Op: gojq.OpPipe, Right: r}
}

// checkIndex passes an index or a path on unless it names a far position.
func checkIndex(v any, _ []any) any {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err, ok := checkIndex(e, nil).(error); ok {
				return err
			}
		}
	case int, float64, *big.Int, json.Number:
		if n, _ := gojq.ToInt(v); n > maxIndex {
			return fmt.Errorf("position %d of an array is too far", n)
		}
	}
	return v
}

// guards are the functions that the guarded tree calls.
func guards() ([]gojq.CompilerOption, error) {
	product, err := operator("*")
	if err != nil {
		return nil, err
	}
	sum, err := operator("+")
	if err != nil {
		return nil, err
	}
	return []gojq.CompilerOption{
		gojq.WithFunction(guardIndex, 0, 0, checkIndex),
		gojq.WithFunction(guardSize, 0, 0, checkSize),
		gojq.WithFunction(guardMultiply, 2, 2, func(_ any, args []any) any { return multiply(product, args[0], args[1]) }),
		gojq.WithFunction(guardAdd, 2, 2, func(_ any, args []any) any { return add(sum, args[0], args[1]) }),
	}, nil
}

// operator is one of jq's own, to be applied to a pair.
func operator(symbol string) (*gojq.Code, error) {
	q, err := gojq.Parse(".[0] " + symbol + " .[1]")
	if err != nil {
		return nil, err
	}
	return gojq.Compile(q)
}

func apply(operator *gojq.Code, l, r any) any {
	out, ok := operator.Run([]any{l, r}).Next()
	if !ok {
		return errors.New("no value")
	}
	return out
}

func checkSize(v any, _ []any) any {
	if !fits(v) {
		return errSize
	}
	return v
}

func add(operator *gojq.Code, l, r any) any {
	switch a := l.(type) {
	case int:
		if b, ok := r.(int); ok && small(a) && small(b) {
			return a + b
		}
	case string:
		if b, ok := r.(string); ok {
			if len(a)+len(b) > maxSize {
				return errSize
			}
			return a + b
		}
	case []any:
		if b, ok := r.([]any); ok && len(a)+len(b) > maxIndex {
			return errSize
		}
	}
	return apply(operator, l, r)
}

func multiply(operator *gojq.Code, l, r any) any {
	if a, ok := l.(int); ok {
		if b, ok := r.(int); ok && small(a) && small(b) {
			return a * b
		}
	}
	text, isText := l.(string)
	times, isNumber := gojq.ToFloat64(r)
	if !isText {
		text, isText = r.(string)
		times, isNumber = gojq.ToFloat64(l)
	}
	if isText && isNumber && float64(len(text))*times > maxSize {
		return errSize
	}
	return apply(operator, l, r)
}

func small(n int) bool { return -1<<31 <= n && n < 1<<31 }

// fits reports whether a value's JSON text stays below maxSize. It stops
// counting there: shared parts can make a small value's text endless.
func fits(v any) bool {
	left := maxSize
	return measure(v, &left, 0)
}

func measure(v any, left *int, depth int) bool {
	if depth > 1000 {
		return false
	}
	switch v := v.(type) {
	case string:
		*left -= len(v) + 2
	case json.Number:
		*left -= len(v)
	case *big.Int:
		*left -= v.BitLen() / 3
	case []any:
		*left -= 2 + len(v)
		for _, e := range v {
			if *left < 0 || !measure(e, left, depth+1) {
				return false
			}
		}
	case map[string]any:
		*left -= 2
		for name, e := range v {
			*left -= len(name) + 4
			if *left < 0 || !measure(e, left, depth+1) {
				return false
			}
		}
	default:
		*left -= 4
	}
	return *left >= 0
}
