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
	// isNamed says that the word being matched is in the name, and named counts
	// the words that are.
	isNamed []bool
	named   []int32
}

func newScratch(documents int) *scratch {
	return &scratch{
		visible: make([]bool, documents), scores: make([]float64, documents), best: make([]float32, documents),
		isNamed: make([]bool, documents), named: make([]int32, documents),
	}
}

// see finds out what the caller may see, and forgets the last search.
func (s *scratch) see(x *Index, visible func(id int) bool) {
	s.seen = 0
	clear(s.scores)
	clear(s.named)
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

// match adds what each document has for a term.
func (s *scratch) match(x *Index, t *term) {
	s.matchWord(x, t.word, 1)
	for _, other := range t.others {
		s.matchWord(x, other, synonymWeight)
	}
	rarity := t.weight * math.Log(1+(float64(s.seen-len(s.touched))+0.5)/(float64(len(s.touched))+0.5))
	for _, number := range s.touched {
		s.scores[number] += rarity * float64(s.best[number])
		if s.isNamed[number] {
			s.named[number]++
		}
		s.best[number], s.isNamed[number] = 0, false
	}
	s.touched = s.touched[:0]
}

// matchWord notes the documents that have a word, or one that begins like it.
func (s *scratch) matchWord(x *Index, word string, factor float32) {
	from := sort.SearchStrings(x.terms, word)
	for i := from; i < len(x.terms) && strings.HasPrefix(x.terms[i], word); i++ {
		whole := len(x.terms[i]) == len(word)
		if !whole && (len(word) < minPrefix || factor < 1) {
			break
		}
		for _, p := range x.postings[i] {
			weight := p.weight * factor
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
			s.isNamed[p.document] = s.isNamed[p.document] || p.named > 0
		}
	}
}

// coveredName is how much of a score a name earns by saying nothing that wasn't
// asked for: of two tools that fit alike the simpler one is meant.
const coveredName = 0.5

// favourSimple favours names of which the query says all words.
func (s *scratch) favourSimple(x *Index) {
	for i := range x.documents {
		if s.scores[i] > 0 {
			covered := min(1, float64(s.named[i])/max(1, x.documents[i].words))
			s.scores[i] *= 1 - coveredName + coveredName*covered
		}
	}
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
