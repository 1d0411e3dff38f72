package catalog

import "slices"

// term is a word of a query with others that mean the same.
type term struct {
	word string
	// others count less than the word itself.
	others []string
	// weight is what the term counts beside others: 1 unless it is only implied.
	weight float64
}

// What words count that weren't said: synonyms of those that were, and what
// others imply.
const (
	synonymWeight = 0.7
	impliedWeight = 0.5
)

// synonyms are other words for what people ask for, in the words of REST
// services.
func synonyms(word string) []string {
	switch word {
	case "open", "new", "make", "add", "raise", "register", "post", "submit":
		return []string{"create"}
	case "remove", "erase", "drop", "destroy":
		return []string{"delete"}
	case "delete":
		return []string{"remove"}
	case "edit", "change", "modify", "rename", "close", "reopen":
		return []string{"update"}
	case "see", "show", "read", "view", "display", "look", "fetch", "retrieve":
		return []string{"get", "list"}
	case "get":
		return []string{"list"}
	case "all":
		return []string{"list"}
	case "who":
		return []string{"get", "list"}
	case "find", "lookup":
		return []string{"search"}
	case "run", "trigger", "launch", "execute":
		return []string{"dispatch"}
	case "stop", "abort":
		return []string{"cancel"}
	case "repo", "repos":
		return []string{"repository"}
	case "repository", "repositories":
		return []string{"repo"}
	case "organization", "organizations":
		return []string{"org"}
	case "org", "orgs":
		return []string{"organization"}
	case "person", "people", "someone":
		return []string{"user", "member"}
	}
	return nil
}

// implied are words that others stand for.
func implied(word string) []string {
	switch word {
	case "pr", "prs":
		return []string{"pull", "request"}
	case "my", "mine", "myself", "i", "me":
		return []string{"authenticated"}
	}
	return nil
}

// queryTerms are the words to look for: stemmed, each once, without those that
// only make a sentence of the others, and with what they imply.
func queryTerms(words []string) []term {
	telling := slices.DeleteFunc(slices.Clone(words), fillsSentence)
	if len(telling) == 0 {
		telling = slices.Clone(words)
	}
	var terms []term
	add := func(word string, others []string, weight float64) {
		if word = stem(word); slices.ContainsFunc(terms, func(t term) bool { return t.word == word }) {
			return
		}
		t := term{word: word, weight: weight}
		for _, other := range others {
			t.others = append(t.others, stem(other))
		}
		terms = append(terms, t)
	}
	for _, word := range telling {
		add(word, synonyms(word), 1)
	}
	for _, word := range words {
		for _, other := range implied(word) {
			add(other, nil, impliedWeight)
		}
	}
	slices.SortFunc(terms, func(a, b term) int {
		if a.word < b.word {
			return -1
		}
		return 1
	})
	return terms
}
