package importer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxCommand bounds a command line.
const maxCommand = 1 << 20

// SplitCommand takes a command line apart as a POSIX shell does (XCU 2.2):
// quotes, backslashes and continued lines, besides the $'...' of bash that
// browsers write. What a shell would run or expand is kept as it is.
func SplitCommand(text string) ([]string, error) {
	if len(text) > maxCommand {
		return nil, fmt.Errorf("the command is longer than %d KiB", maxCommand>>10)
	}
	w := words{text: strings.ReplaceAll(text, "\r\n", "\n")}
	for w.at < len(w.text) {
		if err := w.next(); err != nil {
			return nil, err
		}
		if w.ended {
			break
		}
	}
	w.finish()
	return w.all, nil
}

// words is a command line being taken apart.
type words struct {
	text  string
	at    int
	word  []byte
	open  bool // a word has begun, maybe an empty one
	ended bool // the command is over
	all   []string
}

func (w *words) finish() {
	if w.open {
		w.all = append(w.all, string(w.word))
	}
	w.word, w.open = w.word[:0], false
}

func (w *words) next() error {
	c := w.text[w.at]
	switch {
	case c == '\n' && len(w.all) == 0 && !w.open, c == ' ', c == '\t':
		w.finish()
		w.at++
	case c == '\n', c == ';', c == '|', c == '&':
		w.finish()
		w.ended = true
	case c == '#' && !w.open:
		end := strings.IndexByte(w.text[w.at:], '\n')
		if end < 0 {
			end = len(w.text) - w.at
		}
		w.at += end
	case c == '\\':
		w.escaped()
	case c == '\'':
		return w.single()
	case c == '"':
		return w.double()
	case strings.HasPrefix(w.text[w.at:], "$'"):
		w.at++
		return w.ansi()
	default:
		w.open = true
		w.word = append(w.word, c)
		w.at++
	}
	return nil
}

// escaped takes a backslash outside of quotes.
func (w *words) escaped() {
	w.at++
	if w.at == len(w.text) {
		return
	}
	if w.text[w.at] != '\n' {
		w.open = true
		w.word = append(w.word, w.text[w.at])
	}
	w.at++
}

func (w *words) single() error {
	end := strings.IndexByte(w.text[w.at+1:], '\'')
	if end < 0 {
		return errors.New("a ' is not closed")
	}
	w.open = true
	w.word = append(w.word, w.text[w.at+1:w.at+1+end]...)
	w.at += end + 2
	return nil
}

func (w *words) double() error {
	w.open = true
	for w.at++; w.at < len(w.text); w.at++ {
		switch c := w.text[w.at]; {
		case c == '"':
			w.at++
			return nil
		case c == '\\' && w.at+1 < len(w.text) && strings.IndexByte("\\\"$`\n", w.text[w.at+1]) >= 0:
			w.at++
			if w.text[w.at] != '\n' {
				w.word = append(w.word, w.text[w.at])
			}
		default:
			w.word = append(w.word, c)
		}
	}
	return errors.New(`a " is not closed`)
}

// ansi takes $'...', with the escapes of C.
func (w *words) ansi() error {
	w.open = true
	for w.at++; w.at < len(w.text); w.at++ {
		c := w.text[w.at]
		if c == '\'' {
			w.at++
			return nil
		}
		if c != '\\' || w.at+1 == len(w.text) {
			w.word = append(w.word, c)
			continue
		}
		w.at++
		w.ansiEscape()
	}
	return errors.New("a $' is not closed")
}

// ansiEscape takes what follows a backslash in $'...'; it leaves at on the last
// byte taken.
func (w *words) ansiEscape() {
	c := w.text[w.at]
	if i := strings.IndexByte("abfnrtv0e", c); i >= 0 {
		w.word = append(w.word, "\a\b\f\n\r\t\v\x00\x1b"[i])
		return
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	end := w.at + 1
	for end < len(w.text) && end-w.at-1 < digits && strings.IndexByte("0123456789abcdefABCDEF", w.text[end]) >= 0 {
		end++
	}
	if end == w.at+1 {
		w.word = append(w.word, c)
		return
	}
	code, err := strconv.ParseUint(w.text[w.at+1:end], 16, 32)
	switch {
	case err != nil || code > utf8.MaxRune:
		code = utf8.RuneError
		fallthrough
	case c != 'x':
		w.word = utf8.AppendRune(w.word, rune(code))
	default:
		w.word = append(w.word, byte(code))
	}
	w.at = end - 1
}
