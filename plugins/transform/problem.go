package transform

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxSaid bounds what is repeated of a service's own words, in characters.
	maxSaid = 300
	// maxSaidParts bounds how many of its sentences are.
	maxSaidParts = 8
)

// said quotes the words in which a service tells what it objects to: the
// members of problem details (RFC 9457) and those that most APIs have. It is
// asked for the statuses only that a caller can repair. The words are cleaned,
// cut, put on one line, and rid of what looks like an address or a credential.
func said(resp *plugins.Response) string {
	body := refusalBody(resp)
	if root, ok := body.(map[string]any); ok && len(root) == 1 && mediaOf(resp.ContentType).form() == formXML {
		for _, inner := range root {
			if inner, ok := inner.(map[string]any); ok {
				body = inner
			}
		}
	}
	return saidIn(body)
}

// saidIn is said of a body that is decoded.
func saidIn(body any) string {
	var parts []string
	collect(body, 0, &parts)
	text := strings.TrimSuffix(clip(strings.Join(parts, "; "), maxSaid), ".")
	if text == "" {
		return ""
	}
	return ` It says: "` + text + `".`
}

// sayings are the members that hold words for people, and lists of such.
func sayings() []string {
	return []string{"title", "detail", "message", "error", "error_description", "reason", "errors", "invalid-params", "details"}
}

// collect gathers the sentences in a failure's body.
func collect(v any, depth int, parts *[]string) {
	if depth > 3 || len(*parts) >= maxSaidParts {
		return
	}
	switch v := v.(type) {
	case string:
		if depth > 0 {
			add(v, parts)
		}
	case []any:
		if depth > 0 {
			for _, e := range v {
				collect(e, depth+1, parts)
			}
		}
	case map[string]any:
		at := len(*parts)
		for _, name := range sayings() {
			collect(v[name], depth+1, parts)
		}
		name := fieldOf(v)
		if len(*parts) > at && name != "" {
			(*parts)[at] = name + ": " + (*parts)[at]
		}
	}
}

// fieldOf returns the name of what an entry of a list of errors is about.
func fieldOf(v map[string]any) string {
	for _, key := range []string{"pointer", "field", "name", "param", "parameter", "path"} {
		if s, ok := v[key].(string); ok && s != "" && len(s) <= 64 {
			return oneLine(s)
		}
	}
	return ""
}

func add(s string, parts *[]string) {
	if s = oneLine(s); s != "" && !slices.Contains(*parts, s) {
		*parts = append(*parts, s)
	}
}

// oneLine takes the first line of a text, cleaned, with words hidden that no
// client should see.
func oneLine(s string) string {
	s = strings.TrimSpace(s[:min(len(s), 4*maxSaid)])
	s, _, _ = strings.Cut(string(clean(validUTF8([]byte(s)))), "\n")
	words := strings.Fields(s)
	hide := false
	for i, word := range words {
		lower := strings.ToLower(strings.Trim(word, `"'():,;=`))
		switch {
		case hide, isSecretLike(word), isAddress(word):
			words[i] = "[hidden]"
		}
		hide = lower == "bearer" || lower == "basic"
	}
	return strings.ReplaceAll(strings.Join(words, " "), `"`, "'")
}

// isSecretLike knows tokens by their looks, and values by their names.
func isSecretLike(word string) bool {
	lower := strings.ToLower(word)
	if i := strings.Index(word, "eyJ"); i >= 0 && strings.Count(word[i:], ".") >= 2 {
		return true
	}
	for _, name := range []string{"password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "authorization"} {
		if i := strings.Index(lower, name); i >= 0 && strings.ContainsAny(lower[i+len(name):], "=:") && !strings.HasSuffix(lower, ":") {
			return true
		}
	}
	return false
}

// isAddress knows URLs and IP addresses.
func isAddress(word string) bool {
	if strings.Contains(word, "://") {
		return true
	}
	word = strings.Trim(word, `"'()<>,;.`)
	if _, err := netip.ParseAddr(strings.Trim(word, "[]")); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(word)
	return err == nil
}
