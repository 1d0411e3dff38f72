package catalog

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
)

// scratch is what one search works with; it is used again.
type scratch struct {
	visible []bool
	seen    int // visible documents
	scores  []float64
	// best is what each document has for the word being matched, and touched
	// are the documents that have anything.
	best    []float32
	touched []int32
}

func newScratch(documents int) *scratch {
	return &scratch{visible: make([]bool, documents), scores: make([]float64, documents), best: make([]float32, documents)}
}

// see finds out what the caller may see, and forgets the last search.
func (s *scratch) see(x *Index, visible func(id int) bool) {
	s.seen = 0
	clear(s.scores)
	for i := range x.documents {
		s.visible[i] = visible == nil || visible(x.documents[i].id)
		if s.visible[i] {
			s.seen++
		}
	}
}

// Words that begin like the one asked for count less than the word itself.
const (
	prefixWeight = 0.5
	minPrefix    = 3
)

// match adds what each document has for a word.
func (s *scratch) match(x *Index, term string) {
	from := sort.SearchStrings(x.terms, term)
	for i := from; i < len(x.terms) && strings.HasPrefix(x.terms[i], term); i++ {
		whole := len(x.terms[i]) == len(term)
		if !whole && len(term) < minPrefix {
			break
		}
		for _, p := range x.postings[i] {
			weight := p.weight
			if !whole {
				weight = p.named * prefixWeight
			}
			if !s.visible[p.document] || weight == 0 {
				continue
			}
			if s.best[p.document] == 0 {
				s.touched = append(s.touched, p.document)
			}
			s.best[p.document] = max(s.best[p.document], weight)
		}
	}
	rarity := math.Log(1 + (float64(s.seen-len(s.touched))+0.5)/(float64(len(s.touched))+0.5))
	for _, number := range s.touched {
		s.scores[number] += rarity * float64(s.best[number])
		s.best[number] = 0
	}
	s.touched = s.touched[:0]
}

// What a name adds to the score: being what was asked for, or beginning so.
const (
	wholeName  = 1000
	beginsName = 1.25
)

// favourName favours names that are the query, or begin with it.
func (s *scratch) favourName(x *Index, query string) {
	for i := range x.documents {
		switch name := x.documents[i].name; {
		case !s.visible[i]:
		case name == query:
			s.scores[i] += wholeName
		case len(query) >= minPrefix && strings.HasPrefix(name, query):
			s.scores[i] = s.scores[i]*beginsName + 1
		}
	}
}

// hits are the documents with a score, the best first.
func (s *scratch) hits(x *Index, limit int) []Hit {
	var found []int32
	for i, score := range s.scores {
		if score > 0 {
			found = append(found, int32(i))
		}
	}
	slices.SortFunc(found, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.scores[b], s.scores[a]), cmp.Compare(a, b)) // documents are sorted by name
	})
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	hits := make([]Hit, len(found))
	for i, number := range found {
		hits[i] = Hit{ID: x.documents[number].id, Score: s.scores[number]}
	}
	return hits
}

// all lists the visible documents by name.
func (s *scratch) all(x *Index, limit int) []Hit {
	hits := []Hit{}
	for i := range x.documents {
		if limit > 0 && len(hits) == limit {
			break
		}
		if s.visible[i] {
			hits = append(hits, Hit{ID: x.documents[i].id})
		}
	}
	return hits
}
