package schema

import (
	"encoding/json"
	"math/big"
	"regexp"
)

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindInteger // in a schema only: a value's kind is number
	kindNumber
	kindString
	kindArray
	kindObject
)

// kindNames are in the order in which an expectation lists them.
func kindNames() []struct {
	kind kinds
	name string
} {
	return []struct {
		kind kinds
		name string
	}{
		{kindString, "string"},
		{kindInteger, "integer"},
		{kindNumber, "number"},
		{kindBoolean, "boolean"},
		{kindArray, "array"},
		{kindObject, "object"},
		{kindNull, "null"},
	}
}

func kindByName(name string) (kinds, bool) {
	for _, k := range kindNames() {
		if k.name == name {
			return k.kind, true
		}
	}
	return 0, false
}

// kindOf is the type of a value, or 0 if it is no JSON value.
func kindOf(v any) kinds {
	switch v := v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBoolean
	case json.Number, int, int64:
		return kindNumber
	case string:
		return kindString
	case []any:
		return kindArray
	case map[string]any:
		return kindObject
	case float64, *big.Int:
		if _, ok := numberOf(v); ok {
			return kindNumber
		}
	}
	return 0
}

// node is a compiled schema. A limit of -1 means none.
type node struct {
	never bool // the schema false

	kinds     kinds // 0 means all
	enum      []any
	isEnum    bool
	constant  any
	isConst   bool
	ref       *node
	allOf     []*node
	anyOf     []*node
	oneOf     []*node
	not       *node
	cond      *node // if
	then      *node
	otherwise *node // else

	numeric        bool // any of the next five is set
	min, max       *number
	above, below   *number // exclusive
	multipleOf     *number
	minLen, maxLen int
	pattern        *regexp.Regexp
	format         string

	minItems, maxItems int
	unique             bool
	prefix             []*node
	items              *node

	minProps, maxProps int
	props              []property // by name
	byName             map[string]*node
	required           []string // those without a property
	additional         *node
}

type property struct {
	name     string
	node     *node
	required bool
}
