package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// Path is a URL path, perhaps with a query, that has placeholders.
type Path struct {
	// Segments of the path, between slashes, and Query behind the first `?`,
	// as pieces in order. A path starts with a slash, so the first segment is
	// what follows it.
	Segments [][]Piece
	Query    []Piece
	HasQuery bool
}

// Piece is literal text, already encoded as a URL wants it, or a placeholder.
type Piece struct {
	Literal string
	// Name is the argument of a placeholder; empty for literal text.
	Name string
	// Offset is the placeholder's byte in the text.
	Offset int
}

// ParsePath reads a path with `{name}` placeholders (RFC 6570, level 1) of the
// declared arguments; nil allows any. The error is a *plugins.FieldError with
// an Offset in the text; of several mistakes, plugins.FieldErrors.
func ParsePath(path string, declared []string) (*Path, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, &plugins.FieldError{Message: "the path must start with /"}
	}
	p := &Path{}
	var segment []Piece
	var errs plugins.FieldErrors
	for i := 1; i < len(path); {
		piece, next, err := nextPiece(path, i, p.HasQuery)
		if err != nil {
			return nil, oneOrMore(append(errs, err))
		}
		i = next
		switch {
		case piece.Name != "":
			if declared != nil && !slices.Contains(declared, piece.Name) {
				errs = append(errs, &plugins.FieldError{
					Message: fmt.Sprintf("there is no argument %q", piece.Name),
					Hint:    memberHint(NameArgs, piece.Name, declared), Offset: piece.Offset,
				})
			}
			fallthrough
		case piece.Literal != "":
			if p.HasQuery {
				p.Query = append(p.Query, piece)
			} else {
				segment = append(segment, piece)
			}
		case path[i-1] == '?':
			p.HasQuery = true
		default: // a slash
			p.Segments, segment = append(p.Segments, segment), nil
		}
	}
	p.Segments = append(p.Segments, segment)
	if err := p.dots(path); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, oneOrMore(errs)
	}
	return p, nil
}

// nextPiece reads one placeholder, one run of literal text, or one separator
// (then the piece is empty).
func nextPiece(path string, i int, inQuery bool) (Piece, int, *plugins.FieldError) {
	fail := func(at int, message, hint string) (Piece, int, *plugins.FieldError) {
		return Piece{}, 0, &plugins.FieldError{Message: message, Hint: hint, Offset: at}
	}
	if c := path[i]; !inQuery && (c == '/' || c == '?') {
		return Piece{}, i + 1, nil
	}
	if path[i] == '{' {
		end := strings.IndexByte(path[i:], '}')
		if end < 0 {
			return fail(i, "the placeholder is not closed", "end it with }")
		}
		name := path[i+1 : i+end]
		if !isPlaceholder(name) {
			return fail(i, fmt.Sprintf("%q is not the name of an argument", name), "write {name}")
		}
		return Piece{Name: name, Offset: i}, i + end + 1, nil
	}
	ends := "{/?"
	if inQuery {
		ends = "{"
	}
	end := len(path)
	if n := strings.IndexAny(path[i:], ends); n >= 0 {
		end = i + n
	}
	for at := i; at < end; at++ {
		if message, hint := literalFault(path[at:]); message != "" {
			return fail(at, message, hint)
		}
	}
	return Piece{Literal: path[i:end]}, end, nil
}

// literalFault says what is wrong with the first byte of literal text.
func literalFault(rest string) (message, hint string) {
	switch c := rest[0]; {
	case strings.HasPrefix(rest, holeStart):
		return "a path has placeholders, not holes", "write {name}, or use `query` of the long form"
	case c == '%' && (len(rest) < 3 || !isHex(rest[1]) || !isHex(rest[2])):
		return "a lone % in a URL", "write %25"
	case c == '#':
		return "a URL that is sent has no fragment", "write %23 for the character"
	case !isURL(c):
		return fmt.Sprintf("%q can't stand in a URL", rest[:1]), fmt.Sprintf("write %%%02X", c)
	}
	return "", ""
}

func isPlaceholder(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isWord(c) && c != '-' && c != '.' && c != '$' {
			return false
		}
	}
	return name != ""
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// isURL reports whether the byte may stand in a path or a query (RFC 3986,
// sections 3.3 and 3.4).
func isURL(c byte) bool {
	return isWord(c) || strings.IndexByte("-.~!$&'()*+,;=:@/?%", c) >= 0
}

// dots refuses `.` and `..` as segments: servers and proxies take them away.
func (p *Path) dots(path string) *plugins.FieldError {
	for _, segment := range p.Segments {
		if len(segment) != 1 || segment[0].Name != "" {
			continue
		}
		if IsDots(strings.ReplaceAll(strings.ToLower(segment[0].Literal), "%2e", ".")) {
			return &plugins.FieldError{
				Message: "the path has a segment of dots only", Hint: "write the path it stands for",
				Offset: max(strings.Index(path, "/"+segment[0].Literal), 0),
			}
		}
	}
	return nil
}

// IsDots reports whether a segment is `.` or `..`.
func IsDots[T ~string | ~[]byte](segment T) bool {
	switch string(segment) {
	case ".", "..":
		return true
	}
	return false
}

// Arguments returns the names of the placeholders.
func (p *Path) Arguments() []string {
	var names []string
	for _, segment := range append(slices.Clone(p.Segments), p.Query) {
		for _, piece := range segment {
			if piece.Name != "" && !slices.Contains(names, piece.Name) {
				names = append(names, piece.Name)
			}
		}
	}
	return names
}
