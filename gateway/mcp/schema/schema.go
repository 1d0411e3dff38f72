// Package schema checks tool arguments and answers against JSON Schema, and
// says what is wrong in words a model can repair its call by.
//
// Schemas of the dialects 2020-12 (the default), 2019-09 and draft-07 are
// compiled once. The keywords tools really use are checked by code of our own
// that allocates nothing while a value is right; a schema with any other
// keyword is handed to a complete implementation as a whole. Nothing is ever
// fetched. "format" is an annotation.
//
// Values are as strictjson.Decode yields them; int, int64, float64 and
// *big.Int are understood as well. Numbers are compared exactly.
package schema

import (
	"fmt"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

const (
	// MaxViolations is how many violations Validate reports at most.
	MaxViolations = 32

	maxDepth      = 128     // nesting of a schema's text
	maxSubschemas = 10_000  // subschemas in one schema
	minSteps      = 200_000 // subschemas that one validation may always apply
	stepsPerValue = 64      // and in a larger value, for each value in it
)

// Schema is a compiled JSON Schema. It is immutable and safe for concurrent
// use.
type Schema struct {
	root    *node
	foreign *foreign // checks in place of root, if root lacks a keyword
}

// Violation is one way in which a value differs from its schema. Its texts are
// short whatever the value is.
type Violation struct {
	// Pointer is the place in the value, as an RFC 6901 JSON pointer. Member
	// names longer than 64 characters are cut there.
	Pointer string
	// Expected says what should stand there, such as "integer >= 1".
	Expected string
	// Got says what does, such as `string "abc"`.
	Got string
	// Fault is what is wrong in general.
	Fault Fault
	// Note tells more: of a missing property what it should be, of one that
	// isn't known which ones are. It may be empty.
	Note string
}

// Fault says in which general way a value differs from its schema.
type Fault uint8

// The faults.
const (
	FaultValue   Fault = iota // a value that isn't allowed there
	FaultMissing              // a required property isn't given
	FaultUnknown              // there is no such property
)

// As returns the violation with Got telling what a value holds at its place:
// the value as it was sent, where another was made of it before validation.
// Where it holds nothing, as inside of JSON in a string, Got stays.
func (v Violation) As(sent any) Violation {
	if v.Fault == FaultMissing {
		return v
	}
	for _, name := range splitPointer(v.Pointer) {
		var ok bool
		if sent, ok = inside(sent, name); !ok {
			return v
		}
	}
	v.Got = describeValue(sent)
	return v
}

// dialect knows the accepted values of $schema, with a trailing # or without.
func dialect(uri string) (int, bool) {
	switch strings.TrimSuffix(uri, "#") {
	case "https://json-schema.org/draft/2020-12/schema":
		return draft2020, true
	case "https://json-schema.org/draft/2019-09/schema":
		return draft2019, true
	case "http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema":
		return draft07, true
	}
	return 0, false
}

// Compile prepares a schema. The error is an *Error, which tells the place of
// the first problem, or says that the text can't be read: text that isn't strict JSON, an unknown
// dialect, a keyword with a wrong value, a $ref that doesn't resolve inside
// the schema or loops, a pattern that is no RE2 expression, and sizes beyond
// 128 levels of text or 10,000 subschemas.
func Compile(raw []byte) (*Schema, error) {
	doc, err := strictjson.Decode(raw, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := compiler{doc: doc, draft: draft2020, nodes: map[string]*node{}}
	if object, ok := doc.(map[string]any); ok {
		if value, given := object["$schema"]; given {
			uri, _ := value.(string)
			if c.draft, ok = dialect(uri); !ok {
				return nil, &Error{
					Path: []string{"$schema"}, Message: "unknown dialect in $schema",
					Hint: "use https://json-schema.org/draft/2020-12/schema (or leave it out), 2019-09 or draft-07",
				}
			}
		}
	}
	root, err := c.compile(doc, "")
	if err != nil {
		return nil, err
	}
	s := &Schema{root: root}
	if c.outside {
		s.foreign, err = compileForeign(doc, c.draft)
		return s, err
	}
	return s, c.refuseLoops()
}

// Validate appends the violations of v to dst: none if v obeys the schema, and
// at most MaxViolations, in an order that depends on v alone.
func (s *Schema) Validate(v any, dst []Violation) []Violation {
	if s.foreign != nil {
		return s.foreign.validate(v, dst)
	}
	r := run{dst: dst, limit: len(dst) + MaxViolations, work: work{root: v, most: minSteps}}
	s.root.check(v, &r)
	if r.work.steps > r.work.most {
		return append(dst, Violation{Expected: "a value that can be checked in reasonable time", Got: describeValue(v)})
	}
	return r.dst
}
