package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/itchyny/gojq"
)

// Names that the compiled code uses beside those of the manifest.
const (
	varArgs    = "$__args"
	varCaller  = "$__caller"
	varStatus  = "$__status"
	varHeaders = "$__headers"

	guardMultiply = "_guarded_multiply"
	guardIndex    = "_guarded_index"
)

// nameDefs makes the manifest's names functions over the hidden variables, so
// that one compiled code serves concurrent runs.
func nameDefs() []*gojq.FuncDef {
	def := func(name, variable string) *gojq.FuncDef {
		return &gojq.FuncDef{Name: name, Body: callOf(variable)}
	}
	return []*gojq.FuncDef{
		def(NameArgs, varArgs), def(NameCaller, varCaller), def(NameStatus, varStatus), def(NameHeaders, varHeaders),
	}
}

func callOf(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// guard puts checks before the operations that could allocate without measure
// in a single step, where gojq doesn't look at the clock: repeating a string
// and naming a far position of an array.
func guard(tree *gojq.Query) {
	w := walker{
		def: func(*gojq.FuncDef) {},
		query: func(q *gojq.Query) {
			switch q.Op {
			case gojq.OpMul:
				*q = *callOf(guardMultiply, q.Left, q.Right)
			case gojq.OpUpdateMul: // l *= r is r as $x | l |= . * $x
				const name = "$__factor"
				dot := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
				*q = gojq.Query{
					Left: q.Right, Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: name}},
					Right: &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: callOf(guardMultiply, dot, callOf(name))},
				}
			}
		},
		term: func(t *gojq.Term) {
			if t.Func != nil && len(t.Func.Args) == 2 && t.Func.Name == "setpath" {
				t.Func.Args[0] = pipe(t.Func.Args[0], callOf(guardIndex))
			}
		},
		index: func(i *gojq.Index) {
			if i.Start != nil && !i.IsSlice {
				i.Start = pipe(i.Start, callOf(guardIndex))
			}
		},
	}
	w.walkQuery(tree)
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

// guardedMultiply is jq's operator with a bound on repeated strings, as an
// option of the compiler.
func guardedMultiply() (gojq.CompilerOption, error) {
	q, err := gojq.Parse(".[0] * .[1]")
	if err != nil {
		return nil, err
	}
	operator, err := gojq.Compile(q)
	if err != nil {
		return nil, err
	}
	return gojq.WithFunction(guardMultiply, 2, 2, func(_ any, args []any) any {
		return multiply(operator, args[0], args[1])
	}), nil
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
	out, ok := operator.Run([]any{l, r}).Next()
	if !ok {
		return errors.New("no product")
	}
	return out
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
