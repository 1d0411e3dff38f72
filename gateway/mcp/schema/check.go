package schema

import (
	"slices"
	"unicode/utf8"
)

// run is one validation.
type run struct {
	dst    []Violation
	limit  int  // how long dst may become
	quiet  bool // only the verdict is wanted
	failed bool
	work   work
}

// work bounds how many subschemas one validation applies: schemas that refer
// to each other can double it with each reference.
type work struct {
	root  any // the value as a whole
	steps int
	most  int
	sized bool // most depends on the value's size already
}

// exhausted counts a step. A large value may take more of them, which is only
// found out once it matters.
func (w *work) exhausted() bool {
	w.steps++
	if w.steps > w.most && !w.sized {
		w.sized = true
		w.most = max(w.most, stepsPerValue*size(w.root))
	}
	return w.steps > w.most
}

// size is how many values a value consists of.
func size(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += size(item)
		}
	case map[string]any:
		for _, member := range v {
			n += size(member)
		}
	}
	return n
}

// over reports whether nothing that is still to be found matters.
func (r *run) over() bool {
	return r.quiet && r.failed || !r.quiet && len(r.dst) >= r.limit || r.work.steps > r.work.most
}

// add notes a violation. What it was is only put into words if asked for.
func (r *run) add(v any, expected func() string) {
	r.failed = true
	if !r.quiet && len(r.dst) < r.limit {
		r.dst = append(r.dst, Violation{Expected: expected(), Got: describeValue(v)})
	}
}

// under puts a member name or an index before the pointers of the violations
// from index from on. Pointers are built on the way back, so that a right
// value costs nothing.
func (r *run) under(from int, segment string) {
	for i := from; i < len(r.dst); i++ {
		r.dst[i].Pointer = "/" + escape(shorten(segment, 64)) + r.dst[i].Pointer
	}
}

// obeys gives only the verdict.
func (r *run) obeys(n *node, v any) bool {
	q := run{quiet: true, work: r.work}
	n.check(v, &q)
	r.work = q.work
	return !q.failed
}

// check applies a schema to a value.
func (n *node) check(v any, r *run) {
	if r.work.exhausted() || r.over() {
		return
	}
	if n.never {
		r.add(v, func() string { return "nothing: no value is allowed here" })
		return
	}
	if n.ref != nil {
		n.ref.check(v, r)
	}
	kind := kindOf(v)
	if !n.admits(kind, v) ||
		n.isConst && !equal(v, n.constant) ||
		n.isEnum && !slices.ContainsFunc(n.enum, func(e any) bool { return equal(v, e) }) {
		r.add(v, func() string { return n.describe(kind) })
		return
	}
	switch v := v.(type) {
	case string:
		n.checkString(v, r)
	case map[string]any:
		n.checkObject(v, r)
	case []any:
		n.checkArray(v, r)
	default:
		if n.numeric && kind == kindNumber && !n.numberFits(v) {
			r.add(v, func() string { return n.describe(kind) })
		}
	}
	n.checkCombined(v, r)
}

// admits applies type.
func (n *node) admits(kind kinds, v any) bool {
	if n.kinds == 0 {
		return kind != 0
	}
	if n.kinds&kind != 0 {
		return true
	}
	if kind != kindNumber || n.kinds&kindInteger == 0 {
		return false
	}
	x, _ := numberOf(v)
	return x.isInteger()
}

func (n *node) numberFits(v any) bool {
	x, _ := numberOf(v)
	return (n.min == nil || x.compare(*n.min) >= 0) &&
		(n.max == nil || x.compare(*n.max) <= 0) &&
		(n.above == nil || x.compare(*n.above) > 0) &&
		(n.below == nil || x.compare(*n.below) < 0) &&
		(n.multipleOf == nil || x.isMultipleOf(*n.multipleOf))
}

func (n *node) checkString(s string, r *run) {
	ok := n.pattern == nil || n.pattern.MatchString(s)
	if ok && (n.minLen >= 0 || n.maxLen >= 0) {
		length := utf8.RuneCountInString(s)
		ok = length >= n.minLen && (n.maxLen < 0 || length <= n.maxLen)
	}
	if !ok {
		r.add(s, func() string { return n.describe(kindString) })
	}
}

func (n *node) checkArray(items []any, r *run) {
	if len(items) < n.minItems || n.maxItems >= 0 && len(items) > n.maxItems {
		r.add(items, func() string { return n.describe(kindArray) })
	}
	if n.unique {
		if i, j := duplicate(items); i >= 0 {
			from := len(r.dst)
			r.add(items[j], func() string { return "an item different from item " + itoa(i) })
			r.under(from, itoa(j))
		}
	}
	if n.prefix == nil && n.items == nil {
		return
	}
	for i, item := range items {
		if r.over() {
			return
		}
		inner := n.items
		if i < len(n.prefix) {
			inner = n.prefix[i]
		}
		if inner == nil {
			return
		}
		from := len(r.dst)
		inner.check(item, r)
		if len(r.dst) > from {
			r.under(from, itoa(i))
		}
	}
}

func (n *node) checkObject(object map[string]any, r *run) {
	if len(object) < n.minProps || n.maxProps >= 0 && len(object) > n.maxProps {
		r.add(object, func() string { return n.describe(kindObject) })
	}
	known := 0
	for i := range n.props {
		p := &n.props[i]
		v, given := object[p.name]
		from := len(r.dst)
		switch {
		case given:
			known++
			p.node.check(v, r)
		case p.required:
			n.missing(p.name, r)
		}
		if len(r.dst) > from {
			r.under(from, p.name)
		}
		if r.over() {
			return
		}
	}
	for _, name := range n.required {
		if _, given := object[name]; !given {
			from := len(r.dst)
			n.missing(name, r)
			r.under(from, name)
		}
	}
	if n.additional != nil && known < len(object) {
		n.checkAdditional(object, r)
	}
}

func (n *node) missing(name string, r *run) {
	r.failed = true
	if r.quiet || len(r.dst) >= r.limit {
		return
	}
	v := Violation{Expected: "required property", Got: "nothing", Fault: FaultMissing}
	if p := n.byName[name]; p != nil {
		v.Note = p.describe(0)
		v.Expected += ": " + v.Note
	}
	r.dst = append(r.dst, v)
}

// checkAdditional applies additionalProperties to the members that have no
// property, in the order of their names if there is something to report.
func (n *node) checkAdditional(object map[string]any, r *run) {
	if r.quiet {
		for name, v := range object {
			if n.byName[name] == nil {
				n.additional.check(v, r)
			}
		}
		return
	}
	clean := true
	for name, v := range object {
		if n.byName[name] == nil && !r.obeys(n.additional, v) {
			clean = false
			break
		}
	}
	if clean {
		return
	}
	for _, name := range sortedNames(object) {
		if n.byName[name] != nil || r.over() {
			continue
		}
		from := len(r.dst)
		if n.additional.never {
			r.unknown(n, name, object)
		} else {
			n.additional.check(object[name], r)
		}
		r.under(from, name)
	}
}

// checkCombined applies the keywords that hold schemas for the same value.
func (n *node) checkCombined(v any, r *run) {
	for _, inner := range n.allOf {
		inner.check(v, r)
	}
	if n.anyOf != nil && !slices.ContainsFunc(n.anyOf, func(inner *node) bool { return r.obeys(inner, v) }) {
		n.noneOf(n.anyOf, v, r)
	}
	if n.oneOf != nil {
		matches := 0
		for _, inner := range n.oneOf {
			if r.obeys(inner, v) {
				matches++
			}
		}
		switch {
		case matches == 0:
			n.noneOf(n.oneOf, v, r)
		case matches > 1:
			r.add(v, func() string { return "exactly one of these, not several: " + describeAll(n.oneOf) })
		}
	}
	if n.not != nil && r.obeys(n.not, v) {
		r.add(v, func() string { return "anything but " + n.not.describe(0) })
	}
	if n.cond != nil {
		branch := n.otherwise
		if r.obeys(n.cond, v) {
			branch = n.then
		}
		if branch != nil {
			branch.check(v, r)
		}
	}
}

// noneOf reports that a value obeys none of several schemas. If one of them is
// clearly meant, what it misses helps more than a list of all.
func (n *node) noneOf(choices []*node, v any, r *run) {
	r.failed = true
	if r.quiet {
		return
	}
	var best []Violation
	sole := false
	for _, choice := range choices {
		q := run{limit: MaxViolations, work: r.work}
		choice.check(v, &q)
		r.work = q.work
		if len(q.dst) == 0 || q.dst[0].Pointer == "" && !choice.plausible(kindOf(v)) {
			continue
		}
		if best == nil || len(q.dst) < len(best) {
			best, sole = q.dst, true
		} else if len(q.dst) == len(best) {
			sole = false
		}
	}
	if !sole {
		r.add(v, func() string { return describeAll(choices) })
		return
	}
	r.dst = append(r.dst, best[:min(len(best), r.limit-len(r.dst))]...)
}

// plausible reports whether a value of a kind may have been meant for n.
func (n *node) plausible(kind kinds) bool {
	for range maxHops {
		if n.kinds != 0 || n.ref == nil {
			break
		}
		n = n.ref
	}
	return n.kinds&kind != 0
}

// maxHops bounds how many references are followed for a description or a
// coercion.
const maxHops = 16
