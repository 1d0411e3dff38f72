package gateway

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// uriPattern is a URI template of level 1 (RFC 6570, section 1.2): literals
// with {name} between them. A name stands for text without "/", "?" and "#",
// percent-encoded.
type uriPattern struct {
	// texts[i] stands before names[i]; the last one at the end.
	texts []string
	names []string
}

// parsePattern parses a template, which was checked when the manifest was
// loaded.
func parsePattern(template string) *uriPattern {
	p := &uriPattern{}
	for {
		before, rest, found := strings.Cut(template, "{")
		p.texts = append(p.texts, before)
		if !found {
			return p
		}
		name, after, _ := strings.Cut(rest, "}")
		p.names = append(p.names, name)
		template = after
	}
}

// literals is how much of a URI the template says itself.
func (p *uriPattern) literals() int {
	n := 0
	for _, text := range p.texts {
		n += len(text)
	}
	return n
}

// match returns the values of the names, decoded, in their order; nil and false
// if the URI is none of the template's.
func (p *uriPattern) match(uri string) ([]string, bool) {
	rest, ok := strings.CutPrefix(uri, p.texts[0])
	if !ok {
		return nil, false
	}
	values := make([]string, len(p.names))
	for i := range p.names {
		literal := p.texts[i+1]
		end := len(rest) - len(literal)
		if i+1 < len(p.names) && rest != "" {
			end = 1 + strings.Index(rest[1:], literal) // a value isn't empty
		}
		if end <= 0 || rest[end:end+len(literal)] != literal {
			return nil, false
		}
		if values[i], ok = decodeValue(rest[:end]); !ok {
			return nil, false
		}
		rest = rest[end+len(literal):]
	}
	return values, rest == ""
}

// decodeValue undoes percent-encoding. What could be more than the one value,
// or no text, is none.
func decodeValue(raw string) (string, bool) {
	if strings.ContainsAny(raw, "/?#") {
		return "", false
	}
	value, err := url.PathUnescape(raw)
	if err != nil || !utf8.ValidString(value) {
		return "", false
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return "", false
		}
	}
	return value, true
}
