package openapi

import (
	"fmt"
	"strconv"
	"strings"
)

// Security are the ways to authenticate that the document names.
func (d *Document) Security() []SecurityScheme {
	schemes := d.root.get("components").get("securitySchemes")
	if d.swagger {
		schemes = d.root.get("securityDefinitions")
	}
	if schemes == nil {
		return nil
	}
	used := d.usedSchemes()
	out := make([]SecurityScheme, 0, len(schemes.members))
	for _, m := range schemes.members {
		n := d.follow(m.value)
		if n == nil {
			continue
		}
		s := SecurityScheme{Name: strings.Clone(m.name), Type: strings.Clone(n.str("type")), Used: used[m.name]}
		if s.Type == "apiKey" {
			s.In, s.Parameter = strings.Clone(n.str("in")), strings.Clone(n.str("name"))
		}
		s.Auth = authOf(n)
		out = append(out, s)
	}
	return out
}

// authOf writes the `auth` of an upstream that stands for a scheme.
func authOf(n *node) string {
	const (
		token = `{bearer: "${API_TOKEN}"}` //nolint:gosec // the name of a variable
		basic = `{basic: {user: "${API_USER}", password: "${API_PASSWORD}"}}`
	)
	switch n.str("type") {
	case "oauth2", "openIdConnect":
		return token
	case "basic":
		return basic
	case "http":
		switch strings.ToLower(n.str("scheme")) {
		case "bearer":
			return token
		case "basic":
			return basic
		}
	case "apiKey":
		name := n.str("name")
		switch in := n.str("in"); {
		case in == "header" && strings.EqualFold(name, "authorization"):
			return `{header: {name: Authorization, value: "${API_KEY}"}}`
		case in == "header" || in == "query":
			if name != legalName(name) && name != argumentName(name) {
				name = strconv.Quote(name)
			}
			return fmt.Sprintf(`{%s: {name: %s, value: "${API_KEY}"}}`, in, name)
		}
	}
	return ""
}

// usedSchemes are the schemes that operations ask for.
func (d *Document) usedSchemes() map[string]bool {
	used := map[string]bool{}
	note := func(n *node) {
		for _, requirement := range n.list("security") {
			for _, m := range requirement.members {
				used[m.name] = true
			}
		}
	}
	note(d.root)
	if paths := d.root.get("paths"); paths != nil {
		for _, path := range paths.members {
			for _, m := range path.value.members {
				note(m.value)
			}
		}
	}
	return used
}

// follow returns what a node stands for if it is a reference, and else itself;
// nil if the reference leads nowhere.
func (d *Document) follow(n *node) *node {
	for range maxRefs {
		ref := n.get("$ref")
		if ref == nil || ref.kind != stringKind {
			return n
		}
		n, _ = d.lookup(ref.text)
		if n == nil {
			return nil
		}
	}
	return nil
}

// required are the schemes that the first requirement of an operation names;
// none if there is an alternative without any.
func (d *Document) required(operation *node) []string {
	requirements := operation.get("security")
	if requirements == nil {
		requirements = d.root.get("security")
	}
	var first []string
	if requirements == nil || requirements.kind != listKind {
		return nil
	}
	for i, r := range requirements.items {
		if len(r.members) == 0 {
			return nil
		}
		for _, m := range r.members {
			if i == 0 {
				first = append(first, m.name)
			}
		}
	}
	return first
}
