package transform

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// nextOf returns the target of an answer's link with the relation next
// (RFC 8288, section 3); empty if there is none.
func nextOf(resp *plugins.Response) string {
	if resp.Header == nil {
		return ""
	}
	return linkOf(resp.Header("Link"), nextRelation)
}

const nextRelation = "next"

// linkOf finds the first link of a relation in the value of a Link header.
func linkOf(value, relation string) string {
	for rest := value; rest != ""; {
		rest = strings.TrimLeft(rest, ", \t")
		if !strings.HasPrefix(rest, "<") {
			return ""
		}
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			return ""
		}
		target := strings.TrimSpace(rest[1:end])
		var found bool
		found, rest = hasRelation(rest[end+1:], relation)
		if found && target != "" {
			return strings.Clone(target)
		}
	}
	return ""
}

// hasRelation reads the parameters of a link, and returns what comes after
// them. Of several rel the first counts (RFC 8288, section 3.3).
func hasRelation(rest, relation string) (found bool, after string) {
	known := false
	for {
		rest = strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(rest, ";") {
			return found, rest
		}
		var name, value string
		name, value, rest = parameter(rest[1:])
		if known || !strings.EqualFold(name, "rel") {
			continue
		}
		known = true
		for _, r := range strings.Fields(value) {
			found = found || strings.EqualFold(r, relation)
		}
	}
}

// parameter reads a parameter, whose value is a token or quoted.
func parameter(text string) (name, value, rest string) {
	end := strings.IndexAny(text, "=;,")
	if end < 0 {
		return strings.TrimSpace(text), "", ""
	}
	name, rest = strings.TrimSpace(text[:end]), text[end:]
	if rest[0] != '=' {
		return name, "", rest
	}
	rest = strings.TrimLeft(rest[1:], " \t")
	if !strings.HasPrefix(rest, `"`) {
		if end = strings.IndexAny(rest, ";,"); end < 0 {
			end = len(rest)
		}
		return name, strings.TrimSpace(rest[:end]), rest[end:]
	}
	var out []byte
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			return name, string(out), rest[i+1:]
		case c == '\\' && i+1 < len(rest):
			i++
			out = append(out, rest[i])
		default:
			out = append(out, c)
		}
	}
	return name, string(out), ""
}
