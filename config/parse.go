package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parse reads the YAML of a file and returns its one value; nil if there is
// none, or after a mistake, which it has reported. Variables are expanded
// unless it is to be read verbatim.
func (l *loader) parse(f *file, data []byte, verbatim bool) *node {
	if p := l.checkText(f, data); p != nil {
		l.report(*p)
		return nil
	}
	f.text = string(data)
	first, second, err := decodeDocuments(data)
	switch {
	case err != nil:
		l.report(syntaxProblem(f, err))
		return nil
	case second != nil:
		at := span{second.Line, second.Column, second.Column + 3}
		l.report(f.problem(at, "a manifest is one YAML document, this is the second", "take the line --- away, or use include for more files"))
		return nil
	case first == nil || len(first.Content) == 0:
		return nil
	}
	b := builder{file: f, lookup: l.lookup, report: l.report, verbatim: verbatim, done: make(map[*yaml.Node]*node)}
	return b.build(first.Content[0], 1)
}

// decodeDocuments parses the first two documents of a stream; those that don't
// exist are nil.
func decodeDocuments(data []byte) (first, second *yaml.Node, err error) {
	defer func() {
		// The parser is known to panic on some malformed input.
		if r := recover(); r != nil {
			err = errors.New("this can't be read as YAML")
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for _, into := range []**yaml.Node{&first, &second} {
		var n yaml.Node
		if err = decoder.Decode(&n); errors.Is(err, io.EOF) {
			return first, second, nil
		}
		if err != nil {
			return nil, nil, err
		}
		*into = &n
	}
	return first, second, nil
}

// problem makes an error at a stretch of the file.
func (f *file) problem(at span, message, hint string) Problem {
	return Problem{File: f.name, Line: at.line, Col: at.col, EndCol: max(at.end, at.col+1), Message: message, Hint: hint, source: f}
}

// checkText refuses bytes that aren't text; nil if all is well.
func (l *loader) checkText(f *file, data []byte) *Problem {
	refuse := func(at int, message, hint string) *Problem {
		f.text = strings.ToValidUTF8(string(data), "\uFFFD")
		before := strings.ToValidUTF8(string(data[:at]), "\uFFFD")
		lines := splitLines(before + "x")
		p := f.problem(span{len(lines), utf8.RuneCountInString(lines[len(lines)-1]), 0}, message, hint)
		p.EndCol = p.Col + 1
		return &p
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		f.text = string(data[3:])
		p := f.problem(span{1, 1, 2}, "the file begins with a byte order mark", "save it as UTF-8 without a byte order mark")
		return &p
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return refuse(0, "the file is UTF-16", "save it as UTF-8")
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size < 2:
			return refuse(i, "the file is not UTF-8 from here on", "save it as UTF-8")
		case !yamlCharacter(r):
			return refuse(i, fmt.Sprintf("the character U+%04X can't stand in a manifest", r), fmt.Sprintf(`write it as "\u%04X" in double quotes`, r))
		}
		i += size
	}
	return nil
}

// yamlCharacter reports whether YAML allows the character (section 5.1).
func yamlCharacter(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return false
	default:
		return r != 0xfffe && r != 0xffff && r != 0xfeff
	}
}
