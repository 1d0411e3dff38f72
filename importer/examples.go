package importer

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
)

const (
	// maxExamples is how many saved answers of a request become examples.
	maxExamples = 2
	// maxExample is how long one may be.
	maxExample = 4 << 10
)

// examplesOf makes contract tests of saved answers: of those in JSON, of small
// size, which hold nothing that looks like a secret; and only if what was sent
// says all that the tool must be given.
func (s *sent) examplesOf(args *object, complete bool) []any {
	if !complete || !isHarmless(args, "") {
		return nil
	}
	var out []any
	for _, v := range s.saved {
		o, _ := v.(*object)
		code, _ := o.get("code")
		status, ok := code.(json.Number)
		text := o.text("body")
		if !ok || len(status) != 3 || status[0] != '2' || text == "" || len(text) > maxExample || len(out) == maxExamples {
			continue
		}
		body, err := decode([]byte(text))
		if err != nil || !isHarmless(body, "") {
			continue
		}
		example := pairs("name", strings.TrimSpace(clean(o.text("name"))))
		if len(args.members) > 0 {
			example.set("args", args)
		}
		example.set("upstream", pairs("status", status, "json", body))
		out = append(out, escaped(example))
	}
	return out
}

// isHarmless reports whether there is no secret in a value, and no variable.
func isHarmless(v any, name string) bool {
	switch v := v.(type) {
	case string:
		return !strings.Contains(v, "{{") && (name == "" || !isSecretName(name)) && !looksSecret(v) && !strings.Contains(v, "@")
	case []any:
		for _, item := range v {
			if !isHarmless(item, name) {
				return false
			}
		}
	case *object:
		for _, m := range v.members {
			if !isHarmless(m.value, m.key) {
				return false
			}
		}
	case json.Number:
		return name == "" || !isSecretName(name)
	}
	return true
}

// looksSecret reports whether any word of a text is like a key. UUIDs are not.
func looksSecret(text string) bool {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n\"'<>()[]{},;=&?/:", r) }) {
		if looksRandom(word) && !uuidPattern.MatchString(word) && !datedPattern.MatchString(word) {
			return true
		}
	}
	return false
}

// datedPattern is the date that a time begins with.
var datedPattern = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$`)

// checkGraphQL refuses a document with what looks like a secret in it: it would
// be written into the manifest.
func checkGraphQL(document string) error {
	if looksSecret(document) || graphqlSecret.MatchString(document) {
		return errors.New("the GraphQL document holds what looks like a secret: make a variable of it")
	}
	return nil
}

// graphqlSecret is an argument that is given a credential.
var graphqlSecret = regexp.MustCompile(`(?i)\w*(password|secret|token|api_?key)\w*\s*:\s*"`)
