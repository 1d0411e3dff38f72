package openapi

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	// outlineSize is how many bytes the outline of an answer may have.
	outlineSize = 420
	// maxFailures is how many failures get a text of their own.
	maxFailures = 3
)

// answer makes the tool's `response`.
func (t *tool) answer() *node {
	out := object()
	if s := t.outline(); s != nil {
		out.set("schema", s)
		out.set("schema_check", text("warn"))
	}
	if errs := t.failures(); len(errs.members) > 0 {
		out.set("errors", errs)
	}
	return out
}

// outline tells the members of a successful answer and their types. Real
// services leave out what their documents promise, and send null for it: so
// nothing is required, and everything may be null.
func (t *tool) outline() *node {
	answer := t.answerSchema()
	if answer == nil {
		return nil
	}
	c := newConverter(t.doc, t.schemas.known, detail{depth: 1}, &notes{})
	c.output = true
	s := c.inlined(c.schema(answer, 0))
	if len(s.texts("type")) != 1 || s.str("type") != "object" || s.get("properties") == nil {
		return nil
	}
	properties := object()
	size := 0
	for _, m := range s.get("properties").members {
		one := object()
		if types := withoutNull(m.value).texts("type"); len(types) == 1 && types[0] != nullType {
			if types[0] == "integer" {
				types[0] = "number"
			}
			one.set("type", listOf([]string{types[0], nullType}))
		}
		if size += len(m.name) + len(one.json()) + 4; size > outlineSize {
			break
		}
		properties.add(m.name, one)
	}
	return object().set("type", text("object")).set("properties", properties)
}

// answerSchema is that of the first successful answer, if all of them are JSON
// or empty.
func (t *tool) answerSchema() (answer *node) {
	for _, m := range membersOf(t.at.operation.get("responses")) {
		if !strings.HasPrefix(m.name, "2") {
			continue
		}
		content := membersOf(t.doc.follow(m.value).get("content"))
		if t.doc.swagger {
			content = t.swaggerAnswer(m.value)
		}
		found := len(content) == 0
		for _, c := range content {
			if isJSONType(c.name) {
				found = true
				if answer == nil {
					answer = c.value.get("schema")
				}
				break
			}
		}
		if !found {
			return nil
		}
	}
	return answer
}

// streams reports whether all that the operation answers is a stream of events,
// which has no end.
func (t *tool) streams() bool {
	const stream = "text/event-stream"
	streams := false
	for _, m := range membersOf(t.at.operation.get("responses")) {
		if !strings.HasPrefix(m.name, "2") {
			continue
		}
		content := membersOf(t.doc.follow(m.value).get("content"))
		if t.doc.swagger {
			content = t.swaggerAnswer(m.value)
		}
		for _, c := range content {
			if baseType(c.name) != stream {
				return false
			}
			streams = true
		}
	}
	return streams
}

// swaggerAnswer is the content of an answer of Swagger 2.0.
func (t *tool) swaggerAnswer(response *node) []member {
	r := t.doc.follow(response)
	if r.get("schema") == nil {
		return nil
	}
	types := t.at.operation.texts("produces")
	if len(types) == 0 {
		types = t.doc.root.texts("produces")
	}
	if len(types) == 0 {
		types = []string{"application/json"}
	}
	var content []member
	for _, name := range types {
		content = append(content, member{name, r})
	}
	return content
}

// failures are the texts of failures that the document tells more of than their
// names, and whose answers have no text of their own.
func (t *tool) failures() *node {
	out := object()
	for _, m := range membersOf(t.at.operation.get("responses")) {
		status, err := strconv.Atoi(m.name)
		if err != nil || status < 402 || status > 499 || status == http.StatusTooManyRequests || len(out.members) >= maxFailures {
			continue
		}
		r := t.doc.follow(m.value)
		if r.get("content") != nil || r.get("schema") != nil {
			continue
		}
		if s := plainText(r.str("description"), 140); isSpecific(s, status) {
			out.set(m.name, text(sentence(s)))
		}
	}
	return out
}

// isSpecific reports whether a failure's description says more than its status.
func isSpecific(s string, status int) bool {
	lower := strings.ToLower(s)
	if len(strings.Fields(s)) < 4 || len(s) < 20 || strings.Contains(s, "${{") || strings.HasSuffix(s, "…") {
		return false
	}
	for _, noise := range []string{
		strings.ToLower(http.StatusText(status)), "error", "bad request", "unexpected", "requested resource", "validation failed",
		"requires authentication", "unauthorized", "not authorized", "permission", "status code",
	} {
		if strings.Contains(lower, noise) {
			return false
		}
	}
	return true
}
