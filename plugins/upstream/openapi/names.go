package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// maxName is the longest name that clients take.
const maxName = 64

// legalName makes of a name one that tools and definitions may have: letters,
// digits and underscores.
func legalName(s string) string { return legal(s, "") }

// argumentName makes of a parameter's name one that clients of models take
// (^[a-zA-Z0-9_.-]{1,64}$) and that paths may have as a placeholder.
func argumentName(s string) string {
	name := legal(s, "-.")
	if strings.Trim(name, "-.") == "" {
		name = "arg"
	}
	return fitting(name, s)
}

// legal replaces each run of other characters by an underscore, but for those
// of also, and takes them away at the ends.
func legal(s, also string) string {
	var b strings.Builder
	gap := false
	for i := range len(s) {
		c := s[i]
		if !isWord(c) && strings.IndexByte(also, c) < 0 {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteByte(c)
	}
	return b.String()
}

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '_' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// fitting cuts a name that is too long, and ends it with a hash of what it was
// made of.
func fitting(name, of string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.TrimRight(name[:maxName-9], "_-.") + "_" + hashed(of)
}

// hashed is a short text that tells one text from others.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// toolName is the name of an operation's tool before it is compared with
// others.
func toolName(prefix string, o *Operation) string {
	name := strings.Trim(legalName(o.ID), "_")
	if name == "" {
		name = pathName(o.Method, o.Path)
	}
	return fitting(prefix+name, o.Method+" "+o.Path+" "+o.ID)
}

// pathName makes a name of a method and a path: get_users_by_id of
// GET /users/{id}.
func pathName(method, path string) string {
	var words []string
	for segment := range strings.SplitSeq(path, "/") {
		if inner, ok := strings.CutPrefix(segment, "{"); ok {
			segment = "by_" + strings.TrimSuffix(inner, "}")
		}
		if word := strings.Trim(legalName(segment), "_"); word != "" {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		words = []string{"root"}
	}
	return strings.ToLower(method) + "_" + strings.Join(words, "_")
}

// nameTools gives the tools their names. What the author renamed is first; of
// operations whose names are the same, the first keeps it and the others are
// told apart by their methods and paths, whatever else the document holds.
func nameTools(operations []Operation, e Expose) {
	taken, twins := map[string]bool{}, map[string]int{}
	for i := range operations {
		o := &operations[i]
		if name := e.renamed(o); name != "" && o.Skip == "" {
			o.Name = name
			taken[name] = true
		}
	}
	for i := range operations {
		o := &operations[i]
		if o.Name != "" || o.Skip != "" && o.Skip != SkipExcluded {
			continue
		}
		plain := toolName(e.Prefix, o)
		name := plain
		if taken[name] {
			name = fitting(plain+"_"+strings.ToLower(o.Method), o.Method+" "+o.Path)
		}
		if taken[name] {
			name = strings.TrimRight(plain[:min(len(plain), maxName-9)], "_") + "_" + hashed(o.Method+" "+o.Path)
		}
		for taken[name] {
			twins[plain]++
			name = plain[:min(len(plain), maxName-9)] + "_" + strconv.Itoa(twins[plain]+1)
		}
		taken[name] = true
		o.Name = name
	}
}
