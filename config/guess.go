package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// guessedSecrets finds what may be secret on a line of a file that couldn't be
// parsed: what follows a key that names secrets, on its line and indented below
// it.
func guessedSecrets(f *file, number int) []span {
	text := f.line(number)
	end := utf8.RuneCountInString(text) + 1
	indent := indentation(text)
	block := false // whether the line may be one of a text of several
	for above := number - 1; above >= 1 && indent > 0; above-- {
		line := f.line(above)
		if strings.TrimSpace(line) == "" || indentation(line) >= indent {
			continue
		}
		indent = indentation(line)
		at := guessedKey(line)
		block = block || !endsInKey(line) || (at >= 0 && !concealing(keyBefore(line, at)))
		if at < 0 {
			continue
		}
		if i := strings.IndexByte(text, ':'); i >= 0 && !block {
			return []span{{number, utf8.RuneCountInString(text[:i]) + 3, end}}
		}
		return []span{{number, indentation(text) + 1, end}}
	}
	if i := guessedKey(text); i >= 0 && strings.TrimSpace(text[i+1:]) != "" {
		skip := len(text[i+1:]) - len(strings.TrimLeft(text[i+1:], " \t"))
		return []span{{number, utf8.RuneCountInString(text[:i+1+skip]) + 1, end}}
	}
	return nil
}

// indentation is how far a line's first key stands from the margin.
func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " -")) }

// guessedKey returns where the colon stands of the first key on a line that
// names secrets, or -1.
func guessedKey(text string) int {
	for i := range len(text) {
		if text[i] != ':' {
			continue
		}
		if key := keyBefore(text, i); secretKey(key) || fold(key) == "keys" || concealing(key) || nearest(key, []string{"headers"}) != "" {
			return i
		}
	}
	return -1
}

// keyBefore is the key before the colon at byte i.
func keyBefore(text string, i int) string {
	name := strings.TrimRight(text[:i], `"' `)
	return name[strings.LastIndexFunc(name, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '-'
	})+1:]
}

// endsInKey reports whether the value of a line's last key begins below it.
func endsInKey(line string) bool { return strings.HasSuffix(strings.TrimRight(line, " \t"), ":") }
