package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// uriScheme is how an absolute URI begins (RFC 3986, section 3.1).
var uriScheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)

// placeholderName is a variable of a URI template that can be used as the name
// of an argument.
var placeholderName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// uriMistake is what is wrong with a URI, and at which byte.
type uriMistake struct {
	message, hint string
	offset        int
}

// parseURI checks a URI or a template of URIs with simple placeholders (RFC
// 6570, section 3.2.2), and returns the names of the placeholders and its
// shape: what it is with all placeholders alike.
func parseURI(uri string) (names []string, shape string, mistake *uriMistake) {
	scheme := uriScheme.FindString(uri)
	if scheme == "" {
		return nil, "", &uriMistake{"want an absolute URI", "begin with a scheme, e.g. crm://customers/{customer_id}", 0}
	}
	if len(uri) == len(scheme) {
		return nil, "", &uriMistake{"want more than a scheme", "write e.g. crm://customers", 0}
	}
	var out strings.Builder
	end := -1 // where the placeholder before ended
	for i := 0; i < len(uri); i++ {
		if uri[i] != '{' {
			if mistake := uriCharacter(uri, i); mistake != nil {
				return nil, "", mistake
			}
			out.WriteByte(uri[i])
			continue
		}
		name, _, closed := strings.Cut(uri[i+1:], "}")
		switch {
		case !closed:
			return nil, "", &uriMistake{"this placeholder isn't closed", "write {name}", i}
		case !placeholderName.MatchString(name):
			return nil, "", &uriMistake{fmt.Sprintf("%q can't be a placeholder", "{"+clip(name)+"}"), placeholderHint(name), i}
		case i == end:
			return nil, "", &uriMistake{"two placeholders need something between them", "write e.g. {year}/{month}", i}
		case slices.Contains(names, name):
			return nil, "", &uriMistake{fmt.Sprintf("the placeholder {%s} stands twice", clip(name)), "give each its own name", i}
		}
		names = append(names, name)
		out.WriteString("{}")
		i += len(name) + 1
		end = i + 1
	}
	return names, out.String(), nil
}

// placeholderHint knows the forms of RFC 6570 that aren't simple.
func placeholderHint(name string) string {
	switch {
	case name == "":
		return "write {name}"
	case strings.ContainsAny(name[:1], "+#./;?&"), strings.ContainsAny(name, "*:,"):
		return "only simple placeholders are known: one name in braces, {name}"
	default:
		return "names are letters, digits and _"
	}
}

// uriCharacter checks the byte of a URI at i (RFC 3986, section 2).
func uriCharacter(uri string, i int) *uriMistake {
	c := uri[i]
	switch {
	case c == '}':
		return &uriMistake{"there is no { to this brace", "write {name}", i}
	case c < ' ' || c == 0x7f:
		return &uriMistake{"a URI can't hold control characters", "", i}
	case c > 0x7f:
		return &uriMistake{"a URI holds only ASCII", "write other letters percent-encoded, e.g. %C3%A9", i}
	case strings.IndexByte(" \"<>\\^`|", c) >= 0:
		return &uriMistake{fmt.Sprintf("a URI can't hold %q", string(c)), fmt.Sprintf("write %%%02X", c), i}
	case c == '%' && (len(uri) < i+3 || !isDigits(uri[i+1:i+3], 16)):
		return &uriMistake{"want two hexadecimal digits after %", "write %25 for the character itself", i}
	}
	return nil
}
