package catalog

import (
	"maps"
	"slices"
)

// field is a part of an entry.
type field uint8

const (
	fieldName field = iota
	fieldTitle
	fieldDescription
	fieldArguments
	fieldTags
	fields
)

// The parameters of BM25: how soon a word that is said again adds nothing, and
// how much a long field's words count less.
const (
	k1 = 1.2
	b  = 0.75
)

// weights are what a word counts in each field.
func weights() [fields]float64 {
	return [fields]float64{fieldName: 5, fieldTitle: 2.5, fieldDescription: 1.2, fieldArguments: 0.5, fieldTags: 0.4}
}

// lengths are the usual numbers of words in each field. They stand for the
// averages of BM25, which would depend on entries that a caller may not see.
func lengths() [fields]float64 {
	return [fields]float64{fieldName: 3, fieldTitle: 4, fieldDescription: 20, fieldArguments: 30, fieldTags: 3}
}

// descriptionWords bounds how much of a text is indexed.
const descriptionWords = 400

// builder collects postings.
type builder struct {
	byTerm   map[string]int32
	postings [][]posting
	counts   map[int32]*[fields]uint16
}

// add indexes a document.
func (b *builder) add(number int32, e *Entry) {
	b.counts = make(map[int32]*[fields]uint16)
	var words [fields]int
	note := func(in field, texts ...string) {
		for _, text := range texts {
			words[in] += b.count(in, text)
		}
	}
	note(fieldName, e.Name)
	b.joined(e.Name)
	note(fieldTitle, e.Title)
	note(fieldDescription, e.Description)
	for i := range e.Arguments {
		note(fieldArguments, e.Arguments[i].Name, e.Arguments[i].Description)
	}
	note(fieldTags, e.Tags...)
	for term, counts := range b.counts {
		b.postings[term] = append(b.postings[term], posting{number, weigh(counts, &words, fields), weigh(counts, &words, fieldTitle)})
	}
}

// count counts the words of a text, and returns how many there are.
func (b *builder) count(in field, text string) int {
	words := split(text)
	if len(words) > descriptionWords {
		words = words[:descriptionWords]
	}
	for _, word := range words {
		b.word(in, word)
	}
	return len(words)
}

// joined counts neighbours in a name as one word, too: who looks for rerun means
// re_run.
func (b *builder) joined(name string) {
	words := split(name)
	for i := 1; i < len(words); i++ {
		b.word(fieldName, words[i-1]+words[i])
	}
}

// word counts a word.
func (b *builder) word(in field, word string) {
	word = stem(word)
	term, known := b.byTerm[word]
	if !known {
		term = int32(len(b.postings))
		b.byTerm[word] = term
		b.postings = append(b.postings, nil)
	}
	counts := b.counts[term]
	if counts == nil {
		counts = new([fields]uint16)
		b.counts[term] = counts
	}
	counts[in]++
}

// weigh makes a weight from 0 to 1 of how often a word is in the fields before
// end.
func weigh(counts *[fields]uint16, words *[fields]int, end field) float32 {
	weight, length := weights(), lengths()
	sum := 0.0
	for f := range end {
		if counts[f] > 0 {
			sum += weight[f] * float64(counts[f]) / (1 - b + b*float64(words[f])/length[f])
		}
	}
	return float32(sum / (k1 + sum))
}

// finish returns the sorted words, and the postings of each.
func (b *builder) finish() ([]string, [][]posting) {
	terms := slices.Sorted(maps.Keys(b.byTerm))
	postings := make([][]posting, len(terms))
	for i, term := range terms {
		postings[i] = slices.Clip(b.postings[b.byTerm[term]])
	}
	return terms, postings
}
