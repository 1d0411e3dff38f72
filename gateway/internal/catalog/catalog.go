// Package catalog finds tools by words: a search index over names, titles,
// descriptions, arguments and tags, for clients that are not shown hundreds of
// tools at once.
//
// Ranking is BM25 over weighted fields (Robertson and Zaragoza, "The
// Probabilistic Relevance Framework: BM25 and Beyond", 2009, section 3.5).
package catalog

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Entry is a tool as it is searched for.
type Entry struct {
	// ID is the caller's own number for it.
	ID          int
	Name        string
	Title       string
	Description string
	Arguments   []Argument
	Tags        []string
}

// Argument is an argument of a tool.
type Argument struct {
	Name, Description string
}

// Hit is a tool that was found.
type Hit struct {
	// ID is that of the entry.
	ID int
	// Score orders the hits of one search; it means nothing beside that.
	Score float64
}

// Bounds of a query: what is beyond them is not looked at.
const (
	MaxQueryBytes = 1 << 10
	MaxQueryTerms = 64
)

// Index is a searchable catalog. It never changes, and any number of searches
// may run at once.
type Index struct {
	documents []document // sorted by name
	// terms are all words, sorted; postings are the documents that have them.
	terms    []string
	postings [][]posting
	scratch  sync.Pool
}

// document is an entry as the index keeps it.
type document struct {
	id int
	// name is the words of the name, joined.
	name string
	// words is how many different words the name has that say something.
	words float64
}

// posting tells how much a document is about a word.
type posting struct {
	document int32
	// weight is that of all fields together, named that of the name alone;
	// both from 0 to 1.
	weight, named float32
}

// New makes the index of the entries.
func New(entries []Entry) *Index {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	b := builder{byTerm: make(map[string]int32)}
	x := &Index{documents: make([]document, len(sorted))}
	for i := range sorted {
		x.documents[i] = document{id: sorted[i].ID, name: strings.Join(split(sorted[i].Name), ""), words: tellingWords(sorted[i].Name)}
		b.add(int32(i), &sorted[i])
	}
	x.terms, x.postings = b.finish()
	x.scratch.New = func() any { return newScratch(len(sorted)) }
	return x
}

// Search returns the visible entries that the query's words are about, the best
// first and equal ones by name; at most limit, or all if limit is not positive.
// A query without words lists everything by name. A nil visible hides nothing.
//
// What is found, and in which order, depends on the visible entries alone, as
// if there were no others: how rare a word is gets counted among them, and
// lengths are measured against constants rather than averages. So nobody can
// learn from an order what is hidden from them.
func (x *Index) Search(query string, limit int, visible func(id int) bool) []Hit {
	s, ok := x.scratch.Get().(*scratch)
	if !ok {
		s = newScratch(len(x.documents))
	}
	defer x.scratch.Put(s)
	s.see(x, visible)
	words := split(bounded(query))
	if len(words) > MaxQueryTerms {
		words = words[:MaxQueryTerms]
	}
	if len(words) == 0 {
		return s.all(x, limit)
	}
	terms := queryTerms(words)
	for i := range terms {
		s.match(x, &terms[i])
	}
	s.favourSimple(x)
	s.favourName(x, strings.Join(words, ""))
	return s.hits(x, limit)
}

// bounded cuts a query that is too long at a character.
func bounded(query string) string {
	if len(query) <= MaxQueryBytes {
		return query
	}
	return strings.ToValidUTF8(query[:MaxQueryBytes], "")
}
