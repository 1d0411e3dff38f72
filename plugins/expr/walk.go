package expr

import "github.com/itchyny/gojq"

// walker visits every term and query of a jq syntax tree, children first.
// A visitor may change what it is given in place.
type walker struct {
	def   func(*gojq.FuncDef)
	query func(*gojq.Query)
	term  func(*gojq.Term)
	index func(*gojq.Index)
}

func (w *walker) walkQuery(q *gojq.Query) {
	if q == nil {
		return
	}
	for _, d := range q.FuncDefs {
		w.def(d)
		w.walkQuery(d.Body)
	}
	w.walkTerm(q.Term)
	w.walkQuery(q.Left)
	w.walkPatterns(q.Patterns)
	w.walkQuery(q.Right)
	w.query(q)
}

func (w *walker) walkTerm(t *gojq.Term) {
	if t == nil {
		return
	}
	w.walkIndex(t.Index)
	w.walkString(t.Str)
	w.walkQuery(t.Query)
	if t.Func != nil {
		for _, a := range t.Func.Args {
			w.walkQuery(a)
		}
	}
	if t.Object != nil {
		for _, kv := range t.Object.KeyVals {
			w.walkString(kv.KeyString)
			w.walkQuery(kv.KeyQuery)
			w.walkQuery(kv.Val)
		}
	}
	if t.Array != nil {
		w.walkQuery(t.Array.Query)
	}
	if t.Unary != nil {
		w.walkTerm(t.Unary.Term)
	}
	w.walkControl(t)
	for _, s := range t.SuffixList {
		w.walkIndex(s.Index)
	}
	w.term(t)
}

func (w *walker) walkControl(t *gojq.Term) {
	if c := t.If; c != nil {
		w.walkQuery(c.Cond)
		w.walkQuery(c.Then)
		for _, e := range c.Elif {
			w.walkQuery(e.Cond)
			w.walkQuery(e.Then)
		}
		w.walkQuery(c.Else)
	}
	if c := t.Try; c != nil {
		w.walkQuery(c.Body)
		w.walkQuery(c.Catch)
	}
	if c := t.Reduce; c != nil {
		w.walkQuery(c.Query)
		w.walkPatterns(c.Patterns)
		w.walkQuery(c.Start)
		w.walkQuery(c.Update)
	}
	if c := t.Foreach; c != nil {
		w.walkQuery(c.Query)
		w.walkPatterns(c.Patterns)
		w.walkQuery(c.Start)
		w.walkQuery(c.Update)
		w.walkQuery(c.Extract)
	}
	if c := t.Label; c != nil {
		w.walkQuery(c.Body)
	}
}

func (w *walker) walkIndex(i *gojq.Index) {
	if i == nil {
		return
	}
	w.walkString(i.Str)
	w.walkQuery(i.Start)
	w.walkQuery(i.End)
	w.index(i)
}

func (w *walker) walkString(s *gojq.String) {
	if s == nil {
		return
	}
	for _, q := range s.Queries {
		w.walkQuery(q)
	}
}

func (w *walker) walkPatterns(list []*gojq.Pattern) {
	for _, p := range list {
		if p == nil {
			continue
		}
		w.walkPatterns(p.Array)
		for _, o := range p.Object {
			w.walkString(o.KeyString)
			w.walkQuery(o.KeyQuery)
			if o.Val != nil {
				w.walkPatterns([]*gojq.Pattern{o.Val})
			}
		}
	}
}
