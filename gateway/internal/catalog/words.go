package catalog

import (
	"slices"
	"strings"
	"unicode"
)

// split takes a text apart into lower-case words: at everything that is neither
// letter nor digit, between letters and digits, and where names in camel case
// begin a new word. Scripts that put no space between words are taken by
// character.
func split(text string) []string {
	var words []string
	runes := []rune(text)
	start := 0
	end := func(at int) {
		if at > start {
			words = append(words, strings.ToLower(string(runes[start:at])))
		}
		start = at
	}
	for i, r := range runes {
		kind := kindOf(r)
		if kind == kindOther {
			end(i)
			start = i + 1
			continue
		}
		if i == start {
			continue
		}
		switch before := kindOf(runes[i-1]); {
		case kind == kindMark:
		case before == kindMark && kind != kindDigit:
		case kind == kindSingle, before == kindSingle, (kind == kindDigit) != (before == kindDigit):
			end(i)
		case kind == kindUpper && before == kindLower: // createIssue
			end(i)
		case kind == kindLower && before == kindUpper && i-1 > start && !endsPlural(runes, i): // HTTPServer
			end(i - 1)
		}
	}
	end(len(runes))
	return words
}

// endsPlural reports whether the character is the s of an abbreviation's plural,
// as in IDs and listPRs.
func endsPlural(runes []rune, at int) bool {
	return runes[at] == 's' && (at+1 == len(runes) || kindOf(runes[at+1]) != kindLower && kindOf(runes[at+1]) != kindMark)
}

// kind says what a character is to words.
type kind uint8

const (
	kindOther kind = iota
	kindLower
	kindUpper
	kindDigit
	kindMark   // belongs to the letter before
	kindSingle // is a word by itself
)

func kindOf(r rune) kind {
	switch {
	case r >= 'a' && r <= 'z':
		return kindLower
	case r >= 'A' && r <= 'Z':
		return kindUpper
	case r >= '0' && r <= '9':
		return kindDigit
	case r < 0x80, r == unicode.ReplacementChar:
		return kindOther
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
		return kindSingle
	case unicode.IsUpper(r):
		return kindUpper
	case unicode.IsLetter(r):
		return kindLower
	case unicode.IsDigit(r):
		return kindDigit
	case unicode.IsMark(r):
		return kindMark
	}
	return kindOther
}

// tellingWords counts the different words of a name that say something. What
// stands behind a preposition, e.g. for_authenticated_user or in_org, only says
// where, and counts half.
func tellingWords(name string) float64 {
	seen, share, sum := make(map[string]bool), 1.0, 0.0
	for i, word := range split(name) {
		if i > 0 && placesSentence(word) {
			share = 0.5
		}
		if stemmed := stem(word); !fillsSentence(word) && !seen[stemmed] {
			seen[stemmed] = true
			sum += share
		}
	}
	return sum
}

// placesSentence reports whether a word begins where something is done.
func placesSentence(word string) bool {
	return word == "for" || word == "in" || word == "by" || word == "of" || word == "from"
}

// fillsSentence reports whether a word says nothing of what is looked for.
func fillsSentence(word string) bool {
	switch word {
	case "a", "an", "the", "am", "of", "to", "for", "in", "on", "at", "with", "from", "by", "and", "or", "is", "are", "be",
		"i", "me", "my", "we", "our", "you", "your", "it", "its", "this", "that", "these", "those",
		"how", "what", "which", "want", "need", "can", "do", "does", "please", "some", "any", "tool", "tools":
		return true
	}
	return false
}

// stem takes plurals and the endings of verbs off English words, so that
// "created", "creating" and "creates" are "create". It would rather leave a
// word as it is than make another of it; what it returns need not be a word.
func stem(word string) string {
	if len(word) < 4 || !isASCII(word) {
		return word
	}
	word = singular(word)
	word = withoutEnding(word)
	if len(word) > 4 && word[len(word)-1] == 'e' {
		return word[:len(word)-1]
	}
	return word
}

// singular takes the ending of a plural off.
func singular(word string) string {
	cut := func(n int) string { return word[:len(word)-n] }
	switch {
	case strings.HasSuffix(word, "ies") && len(word) > 4:
		return cut(3) + "y"
	case hasSuffix(word, "sses", "ches", "shes", "xes", "zes"):
		return cut(2)
	case hasSuffix(word, "ss", "us", "is"):
		return word
	case strings.HasSuffix(word, "s"):
		return cut(1)
	}
	return word
}

// withoutEnding takes "ing" and "ed" off a verb.
func withoutEnding(word string) string {
	base := word
	switch {
	case strings.HasSuffix(word, "ied") && len(word) > 4:
		return word[:len(word)-3] + "y"
	case strings.HasSuffix(word, "eed"):
		return word
	case strings.HasSuffix(word, "ing"):
		base = word[:len(word)-3]
	case strings.HasSuffix(word, "ed"):
		base = word[:len(word)-2]
	}
	if len(base) == len(word) || len(base) < 3 || !strings.ContainsAny(base, "aeiouy") {
		return word
	}
	last := base[len(base)-1]
	if base[len(base)-2] == last && !strings.ContainsRune("aeioulsz", rune(last)) && len(base) > 3 { // running
		return base[:len(base)-1]
	}
	return base
}

func hasSuffix(word string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(word, suffix) })
}

func isASCII(word string) bool {
	for i := range len(word) {
		if word[i] >= 0x80 {
			return false
		}
	}
	return true
}
