package rehearse

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Masked stands in place of a secret.
const Masked = "[masked]"

// minSecret is the length from which on a secret is looked for within texts,
// in bytes; a shorter one is found only where it is all there is.
const minSecret = 6

// Mask takes secrets out of values. It is immutable and safe for concurrent use.
type Mask struct {
	// within are secrets found anywhere in a text, the longest first; whole are
	// those that are masked only where they are all of it.
	within []string
	whole  map[string]bool
	shaped bool
}

// NewMask makes a mask of the secrets that are known.
func NewMask(secrets []string) *Mask { return (&Mask{}).With(secrets) }

// With returns a mask that knows further secrets.
func (m *Mask) With(secrets []string) *Mask {
	next := &Mask{within: slices.Clone(m.within), whole: map[string]bool{}, shaped: m.shaped}
	for s := range m.whole {
		next.whole[s] = true
	}
	for _, s := range secrets {
		if len(s) < minSecret {
			next.whole[s] = s != ""
			continue
		}
		next.within = append(next.within, forms(s)...)
	}
	slices.SortFunc(next.within, func(x, y string) int {
		if len(x) != len(y) {
			return len(y) - len(x)
		}
		return strings.Compare(x, y)
	})
	next.within = slices.Compact(next.within)
	return next
}

// Shaped returns a mask that keeps the length of what it masks and the kinds of
// its characters, for values that must still fit a pattern.
func (m *Mask) Shaped() *Mask {
	next := *m
	next.shaped = true
	return &next
}

// forms are the ways in which a secret may be written.
func forms(secret string) []string {
	quoted := strings.Trim(string(Encode(secret)), `"`)
	all := make([]string, 0, 16)
	all = append(all,
		secret, quoted, url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	)
	all = append(all, within64(secret)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// within64 are the ways in which base64 of a longer text has a secret in it,
// such as that of a user and a password.
func within64(secret string) (all []string) {
	for shift := range 3 {
		text := "xx"[:shift] + secret
		whole := len(text) / 3 * 3
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			encoded := encoding.EncodeToString([]byte(text[:whole]))
			if shift > 0 {
				encoded = encoded[4:] // has a part of what stands before
			}
			if len(encoded) >= minSecret {
				all = append(all, encoded)
			}
		}
	}
	return all
}

// Value returns a copy of a JSON value without secrets: known ones, members
// whose names tell of one, and texts that look like one.
func (m *Mask) Value(v any) any { return m.value(v, false) }

func (m *Mask) value(v any, secret bool) any {
	switch value := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, member := range value {
			out[m.Text(name)] = m.value(member, secret || SecretName(name))
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i := range value {
			out[i] = m.value(value[i], secret)
		}
		return out
	case string:
		if secret && value != "" {
			return m.hide(value)
		}
		return m.Text(value)
	case json.Number:
		if secret || m.Text(value.String()) != value.String() {
			if m.shaped {
				return json.Number(regexp.MustCompile(`[0-9]`).ReplaceAllString(value.String(), "1"))
			}
			return json.Number("0")
		}
	}
	return v
}

// hide masks a text as a whole.
func (m *Mask) hide(text string) string {
	if !m.shaped {
		return Masked
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'x'
		case r >= 'A' && r <= 'Z':
			return 'X'
		case r >= '0' && r <= '9':
			return '0'
		case r > '~':
			return 'x'
		}
		return r
	}, text)
}

// Text returns a text without secrets.
func (m *Mask) Text(text string) string {
	if m.whole[text] {
		return m.hide(text)
	}
	for _, secret := range m.within {
		text = strings.ReplaceAll(text, secret, m.hide(secret))
	}
	if len(text) < minSecret {
		return text
	}
	for _, p := range patterns {
		text = p.mask(m, text)
	}
	return text
}

// pattern finds what looks like a secret. Its first group, if it has one, is
// kept.
type pattern struct {
	*regexp.Regexp
	// hint is a text without which there can't be a match, in lower case; empty
	// if there is none.
	hints []string
	// check is asked whether a match is one; nil if it always is.
	check func(string) bool
}

func (p *pattern) mask(m *Mask, text string) string {
	lower := strings.ToLower(text)
	if len(p.hints) > 0 && !slices.ContainsFunc(p.hints, func(h string) bool { return strings.Contains(lower, h) }) {
		return text
	}
	return p.ReplaceAllStringFunc(text, func(match string) string {
		if p.check != nil && !p.check(match) {
			return match
		}
		kept := ""
		if groups := p.FindStringSubmatch(match); len(groups) > 1 {
			kept = groups[1]
		}
		return kept + m.hide(match[len(kept):])
	})
}

// secretWord are names of secrets within a text or a URL.
const secretWord = `(?:pass(?:word|wd|phrase)?|pwd|secret|[a-z_-]*token|authorization|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|sig|signature|session(?:id)?)` //nolint:gosec // names, no credentials

// patterns are what secrets look like.
var patterns = []pattern{ //nolint:gochecknoglobals // a table that is never changed
	{Regexp: regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), hints: []string{"-----begin"}},
	{Regexp: regexp.MustCompile(`(?i)\b((?:bearer|basic|digest|negotiate|apikey|token)\s+)[A-Za-z0-9._~+/=-]{8,}`), hints: []string{"bearer", "basic", "digest", "negotiate", "apikey", "token"}},
	{Regexp: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*`), hints: []string{"eyj"}},
	{Regexp: regexp.MustCompile(`\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}`), hints: []string{"akia", "asia", "aroa", "aida", "agpa", "anpa"}},
	{Regexp: regexp.MustCompile(`\b(?:gh[pousr]_|github_pat_|glpat-|npm_|pypi-)[A-Za-z0-9_-]{16,}`), hints: []string{"gh", "glpat", "npm_", "pypi"}},
	{Regexp: regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`), hints: []string{"xox"}},
	{Regexp: regexp.MustCompile(`\b(?:[srp]k_(?:live|test)_|whsec_|sk-)[A-Za-z0-9_-]{10,}`), hints: []string{"_live_", "_test_", "whsec_", "sk-"}},
	{Regexp: regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_-]{10,}`), hints: []string{"aiza", "ya29."}},
	{Regexp: regexp.MustCompile(`(://)[^/\s:@]*:[^/\s@]+@`), hints: []string{"://"}},
	{Regexp: regexp.MustCompile(`(?i)(` + secretWord + `["']?\s*[=:]\s*["']?)[^\s"'&,;<>}]+`), hints: []string{"pass", "pwd", "secret", "token", "authorization", "key", "sig", "session"}},
	{Regexp: regexp.MustCompile(`(?i)(<(?:[a-z0-9]+:)?` + secretWord + `(?:\s[^>]*)?>)[^<]+`), hints: []string{"<"}},
	{Regexp: regexp.MustCompile(`\b\d{3}-\d{2}-\d{4}\b`), hints: []string{"-"}},
	{Regexp: regexp.MustCompile(`\b(?:\d[ -]?){12,18}\d\b`), check: isCard},
}

// isCard reports whether digits are the number of a payment card (ISO/IEC
// 7812-1, annex B).
func isCard(text string) bool {
	sum, n := 0, 0
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] < '0' || text[i] > '9' {
			continue
		}
		digit := int(text[i] - '0')
		if n%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
		n++
	}
	return n >= 13 && n <= 19 && sum%10 == 0
}

// SecretName reports whether the name of a member, parameter or header tells
// that its value is a secret.
func SecretName(name string) bool {
	folded := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '_' || r == '-' || r == '.' || r == ' ':
			return -1
		}
		return r
	}, name)
	switch folded {
	case "pin", "pan", "otp", "auth", "card", "cards", "cvv", "cvc", "cvv2", "jwt", "pwd", "sig", "sid", "tan", "key", "bearer", "session":
		return true
	}
	if strings.HasSuffix(folded, "tokens") { // a number of them
		return false
	}
	return slices.ContainsFunc([]string{
		"password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "apikey", "accesskey", "privatekey",
		"signingkey", "encryptionkey", "credential", "ssn", "socialsecurity", "cardnumber", "creditcard", "debitcard", "cardno",
		"securitycode", "iban", "accountnumber", "cookie", "sessionid", "sessionkey", "signature", "taxid", "passport",
	}, func(word string) bool { return strings.Contains(folded, word) })
}

// Knows reports whether a text still holds a secret that is known.
func (m *Mask) Knows(text string) bool {
	return slices.ContainsFunc(m.within, func(secret string) bool { return strings.Contains(text, secret) })
}
