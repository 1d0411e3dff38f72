package auth

import (
	"errors"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxName is the longest name of a caller or client, in bytes. OpenID Connect
// Core (section 2) allows 255 for a subject.
const maxName = 1024

// claim finds a claim by its name or by a dotted path into objects. An exact
// name wins, since names may hold dots themselves (https://acme.example/roles).
func claim(object map[string]any, path string) (any, bool) {
	if v, ok := object[path]; ok {
		return v, true
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		inner, ok := object[path[:i]].(map[string]any)
		if !ok {
			continue
		}
		if v, ok := claim(inner, path[i+1:]); ok {
			return v, true
		}
	}
	return nil, false
}

// stringsOf reads a claim: a list gives those of its elements that are strings, a
// string itself. Any other shape gives nothing, so that it grants nothing.
func stringsOf(v any) []string {
	var list []string
	switch v := v.(type) {
	case string:
		list = []string{v}
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				list = append(list, text)
			}
		}
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// unique drops repetitions and keeps the order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

// roles reads the caller's roles and maps them to ours.
func (i *issuer) roles(claims map[string]any) []string {
	v, _ := claim(claims, i.names.Roles)
	var roles []string
	for _, claimed := range stringsOf(v) {
		if ours, mapped := i.roleMap[claimed]; mapped {
			roles = append(roles, ours...)
		} else {
			roles = append(roles, claimed)
		}
	}
	return unique(roles)
}

// scopes reads the scopes of the token: the standard's string separated by
// spaces (RFC 8693, section 4.2), or a list.
func (i *issuer) scopes(claims map[string]any) []string {
	v, ok := claim(claims, i.names.Scopes)
	if !ok && i.names.Scopes == "scope" {
		v = claims["scp"] // what some issuers call it
	}
	if text, ok := v.(string); ok {
		return unique(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }))
	}
	return unique(stringsOf(v))
}

// client reads which application the token was issued to.
func (i *issuer) client(claims map[string]any) string {
	v, ok := claim(claims, i.names.Client)
	if !ok && i.names.Client == "azp" {
		v = claims["client_id"] // RFC 9068, section 2.2
	}
	text, _ := v.(string)
	return text
}

// principal makes the caller of a verified token. A token without a subject,
// as some issuers give to applications, is known by its client.
func (i *issuer) principal(t *token) (*plugins.Principal, error) {
	v, has := claim(t.claims, i.names.Subject)
	subject, isText := v.(string)
	if has && (!isText || subject == "") {
		return nil, errors.New("its subject is no usable string")
	}
	client := i.client(t.claims)
	if len(subject) > maxName || len(client) > maxName {
		return nil, errors.New("its subject or client is longer than 1024 bytes")
	}
	// An issuer holds no '#', so keys of different callers are never equal.
	key := "jwt:" + i.name + "#" + subject
	if subject == "" {
		if client == "" {
			return nil, errors.New("it names neither subject nor client")
		}
		key = "jwt-client:" + i.name + "#" + client
	}
	return &plugins.Principal{
		Key:     key,
		Issuer:  i.name,
		Subject: subject,
		Client:  client,
		Roles:   i.roles(t.claims),
		Scopes:  i.scopes(t.claims),
		Claims:  t.claims,
		Expires: t.expires,
	}, nil
}
