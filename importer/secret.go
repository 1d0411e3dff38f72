package importer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// secretWords are the words of names whose values are credentials.
func secretWords() []string {
	return []string{
		"auth", "token", "secret", "password", "passwd", "pwd", "passphrase", "apikey", "credential", "session", "signature",
		"jwt", "bearer", "cookie", "private", "otp", "csrf", "xsrf",
	}
}

// isSecretName reports whether a field of this name holds a credential.
func isSecretName(name string) bool {
	if isKeyName(name) {
		return true
	}
	flat := flatName(name)
	switch flat {
	case "sid", "pass", "pin", "hmac":
		return true
	case "authority", "author", "authors", "tokentype", "maxtokens", "keyword", "keywords", "authorid", "authorname", "nexttoken", "pagetoken":
		return false
	}
	for _, word := range secretWords() {
		if strings.Contains(flat, word) && (!strings.Contains(flat, "author") || strings.Contains(flat, "authorization")) {
			return true
		}
	}
	return strings.HasSuffix(flat, "key") || strings.HasSuffix(flat, "keyid")
}

// isKeyName reports whether a parameter of this name is how a caller proves who
// it is.
func isKeyName(name string) bool {
	flat := flatName(name)
	if strings.HasPrefix(flat, "xamz") || strings.HasPrefix(flat, "xgoog") { // of signed URLs
		return strings.HasSuffix(flat, "signature") || strings.HasSuffix(flat, "credential") || strings.HasSuffix(flat, "token")
	}
	switch flat {
	case "key", "apikey", "accesskey", "accesstoken", "authtoken", "token", "auth", "sig", "signature", "appid", "appkey",
		"clientsecret", "subscriptionkey", "xapikey", "apitoken":
		return true
	}
	return false
}

// flatName is a name in lower case without what joins words.
func flatName(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

// keyPrefixes are what the keys of well-known services begin with.
func keyPrefixes() []string {
	return []string{
		"sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "whsec_",
	}
}

// looksRandom reports whether a text is like a key: long, without blanks, and of
// more kinds of characters than words have.
func looksRandom(s string) bool {
	if jwtPattern.MatchString(s) {
		return true
	}
	for _, prefix := range keyPrefixes() {
		if strings.HasPrefix(s, prefix) && len(s) >= len(prefix)+8 {
			return true
		}
	}
	if len(s) < 16 || strings.ContainsAny(s, " /,;(") {
		return false
	}
	digits, lower, upper := letters(s)
	other := utf8.RuneCountInString(s) - digits - lower - upper
	if digits >= 2 && lower+upper >= 4 && !datePattern.MatchString(s[:10]) {
		return true
	}
	return len(s) >= 20 && lower >= 4 && upper >= 4 && other <= 2 && !wordsOnly(s)
}

// letters counts the kinds of characters in a text.
func letters(s string) (digits, lower, upper int) {
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLower(r):
			lower++
		case unicode.IsUpper(r):
			upper++
		}
	}
	return digits, lower, upper
}

// wordsOnly reports whether a text is made of words, as CamelCase or with
// dashes.
func wordsOnly(s string) bool {
	capitals := 0
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 && unicode.IsUpper(rune(s[i-1])) {
			capitals++
		}
	}
	return capitals <= len(s)/8
}

// isSafe reports whether a field's value may be repeated as an example.
func isSafe(name, value string) bool {
	return len(value) <= 60 && !isSecretName(name) && !looksRandom(value) && !strings.Contains(value, "@") && isPrintable(value)
}

// environmentName makes the name of an environment variable.
func environmentName(parts ...string) string {
	name := strings.ToUpper(identifier(strings.Join(parts, "_")))
	if name == "" || (name[0] >= '0' && name[0] <= '9') {
		name = "API_" + name
	}
	return strings.TrimSuffix(name, "_")
}

// variable is a reference to an environment variable that has to be set, with
// what to put in it.
func variable(name, about string) string {
	about = strings.Map(func(r rune) rune {
		if strings.ContainsRune("{}$", r) {
			return -1
		}
		return r
	}, clean(about))
	return "${" + name + ":?" + about + "}"
}
