package upstream

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// secrets returns what of the settings no client may see, in the forms in
// which it is sent.
func (s *HTTPSettings) secrets() []string {
	var out []string
	for name, value := range s.Headers {
		if isCredentialHeader(name) {
			out = append(out, value.Reveal())
		}
	}
	a := s.Auth
	if a == nil {
		return out
	}
	out = append(out, a.Bearer.Reveal())
	if b := a.Basic; b != nil {
		password, pair := b.Password.Reveal(), b.User+":"+b.Password.Reveal()
		// Without the padding, which some leave out.
		out = append(out, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(pair)), "="), password)
		if len(password) < minSecret {
			out = append(out, pair)
		}
	}
	if a.Header != nil {
		out = append(out, credentialParts(a.Header.Value.Reveal())...)
	}
	if a.Query != nil {
		out = append(out, a.Query.Value.Reveal())
	}
	return out
}

// isCredentialHeader reports whether the value of a header that an upstream's
// settings set may be a credential. Headers of content negotiation are none,
// and their values (application/json, 2022-11-28) stand in answers rightly.
func isCredentialHeader(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "accept", "cache-control", "from", "origin", "pragma", "prefer", "range", "referer", "user-agent", "x-requested-with":
		return false
	}
	return !strings.HasPrefix(name, "accept-") && !strings.HasPrefix(name, "content-") && !strings.HasSuffix(name, "-version")
}

// credentialParts returns a header's value and what a service may take out of
// it: what follows a scheme (Token abc), and the values of parameters and
// cookies (key=abc; other="def").
func credentialParts(value string) []string {
	out := []string{value}
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || !isToken(scheme) || strings.Contains(scheme, "=") {
		rest = value
	} else {
		out = append(out, strings.TrimLeft(rest, " "))
	}
	for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		if _, v, isPair := strings.Cut(part, "="); isPair {
			out = append(out, strings.Trim(v, `"`))
		}
	}
	return out
}

// secretForms returns the secret and how it looks in URLs, and as the usual
// encoders of JSON, HTML and XML escape it. For most secrets all are the same.
func secretForms(secret string) []string {
	percent := string(appendPercent(nil, secret))
	return []string{
		secret,
		percent, lowerHex(percent), url.QueryEscape(secret), url.PathEscape(secret),
		// Strict JSON; with slashes escaped (PHP); with what HTML minds escaped
		// (Go); in ASCII (Python, and PHP again); everything (.NET).
		jsonForm(secret, "", false, false), jsonForm(secret, "/", false, false), jsonForm(secret, "<>&", false, false),
		jsonForm(secret, "", true, false), jsonForm(secret, "/", true, false), jsonForm(secret, `<>&"'+`+"`", true, true),
		html.EscapeString(secret), strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(secret),
	}
}

// lowerHex turns %2F into %2f.
func lowerHex(percent string) string {
	out := []byte(percent)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:], strings.ToLower(percent[i+1:i+3]))
		}
	}
	return string(out)
}

// jsonForm writes a string as a JSON encoder does that escapes these
// characters besides those it must, and maybe all that aren't ASCII.
func jsonForm(s, escaped string, ascii, upper bool) string {
	format := `\u%04x`
	if upper {
		format = `\u%04X`
	}
	var out strings.Builder
	for _, r := range s {
		switch {
		case r == '/' && strings.Contains(escaped, "/"):
			out.WriteString(`\/`)
		case r < ' ', r < utf8.RuneSelf && strings.ContainsRune(escaped, r), ascii && r >= utf8.RuneSelf && r <= 0xffff:
			fmt.Fprintf(&out, format, r)
		case ascii && r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, format+format, high, low)
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
