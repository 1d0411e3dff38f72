package openapi

import (
	"regexp"
	"slices"
	"strings"
)

var placeholders = regexp.MustCompile(`\{([^{}]*)\}`)

// makePath makes the path of the request: of placeholders that bear the names
// of arguments, and of literals as they are sent.
func (t *tool) makePath(prefix string) *skip {
	path := t.op.Path
	if before, fragment, found := strings.Cut(path, "#"); found {
		t.notes.add("the fragment #%s of the path is not sent", clip(fragment, 60))
		path = before
	}
	byWire := map[string]*argument{}
	for _, a := range t.arguments {
		if a.place == inPath {
			byWire[a.wire] = a
		}
	}
	var b strings.Builder
	b.WriteString(escapeLiteral(strings.TrimRight(prefix, "/")))
	at := 0
	used := map[*argument]bool{}
	for _, m := range placeholders.FindAllStringSubmatchIndex(path, -1) {
		b.WriteString(escapeLiteral(path[at:m[0]]))
		at = m[1]
		wire := strings.TrimRight(strings.TrimLeft(path[m[2]:m[3]], "+#./;?&"), "*")
		a := byWire[wire]
		if a == nil {
			a = &argument{wire: wire, place: inPath, required: true, schema: object().set("type", text("string"))}
			byWire[wire] = a
			t.arguments = append(t.arguments, a)
			t.parameters, t.known = t.parameters+1, t.known+1
			t.notes.add("the document doesn't declare the parameter %q of the path", clip(wire, 60))
		}
		if a.name == "" {
			a.name = pathArgument(wire, byWire)
		}
		used[a] = true
		if a.style == "matrix" {
			b.WriteString("{" + wire + "}")
		} else {
			b.WriteString("{" + a.name + "}")
		}
	}
	rest := path[at:]
	if strings.ContainsAny(rest, "{}") {
		return skipFor(SkipPath, "its placeholders are not closed")
	}
	b.WriteString(escapeLiteral(rest))
	t.path = b.String()
	for segment := range strings.SplitSeq(strings.SplitN(t.path, "?", 2)[0], "/") {
		if plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", "."); plain == "." || plain == ".." {
			return skipFor(SkipPath, "it has a segment of dots only")
		}
	}
	t.dropUnused(used)
	t.dropWritten()
	return nil
}

// dropWritten takes parameters away that the query behind the path writes
// already.
func (t *tool) dropWritten() {
	_, query, found := strings.Cut(t.path, "?")
	if !found {
		return
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		t.arguments = slices.DeleteFunc(t.arguments, func(a *argument) bool {
			return a.place == inQuery && (a.wire == name || a.wire == unescapePercent(name))
		})
	}
}

// pathArgument is the name of an argument of the path. Two names that are the
// same once made legal are told apart.
func pathArgument(wire string, all map[string]*argument) string {
	name := argumentName(wire)
	for _, other := range all {
		if other.name == name {
			return fitting(name+"_"+hashed(wire), wire)
		}
	}
	return name
}

// dropUnused takes parameters away that the path has no place for.
func (t *tool) dropUnused(used map[*argument]bool) {
	var rest []*argument
	for _, a := range t.arguments {
		if a.place == inPath && !used[a] {
			t.notes.add("the path has no place for the parameter %q", clip(a.wire, 60))
			t.parameters, t.known = t.parameters-1, t.known-1
			continue
		}
		rest = append(rest, a)
	}
	t.arguments = rest
}

// escapeLiteral encodes what can't stand in a path or a query as it is
// (RFC 3986, section 3.3).
func escapeLiteral(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]),
			isWord(c), strings.IndexByte("-.~!$&'()*+,;=:@/?", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(hexDigits[c>>4]) + string(hexDigits[c&15]))
		}
	}
	return b.String()
}
