package transform

import (
	"strings"
)

// form is what a body is taken for.
type form uint8

const (
	formAuto form = iota
	formEmpty
	formJSON
	formText
	formXML
	formCSV
	formHTML
	formImage
	formAudio
	formBlob
	formLink
)

// formOf reads the setting `as`.
func formOf(as string) form {
	switch as {
	case "json":
		return formJSON
	case "text":
		return formText
	case "xml":
		return formXML
	case "csv":
		return formCSV
	case "html":
		return formHTML
	case "image":
		return formImage
	case "audio":
		return formAudio
	case "blob":
		return formBlob
	case "link":
		return formLink
	}
	return formAuto
}

// media is a media type with the one parameter that matters here.
type media struct {
	// name is type/subtype in lower case; empty if there is none, or if what
	// was written is none.
	name    string
	charset string
}

// mediaOf reads a Content-Type (RFC 9110, section 8.3.1). It is tolerant of
// parameters, which upstreams often get wrong, and strict with the type, which
// goes into results.
func mediaOf(contentType string) media {
	name, params, _ := strings.Cut(contentType, ";")
	name = strings.ToLower(strings.Trim(name, " \t"))
	main, sub, ok := strings.Cut(name, "/")
	if !ok || !isToken(main) || !isToken(sub) {
		return media{}
	}
	m := media{name: name}
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		key, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.Trim(key, " \t"), "charset") {
			m.charset = strings.Trim(value, " \t\"'")
			break
		}
	}
	return m
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2, of a length
// that media types have (RFC 6838, section 4.2).
func isToken(s string) bool {
	if s == "" || len(s) > 127 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// form tells what a body of the type is.
func (m media) form() form {
	switch m.name {
	case "":
		return formAuto
	case "application/json", "text/json", "text/x-json":
		return formJSON
	case "text/xml", "application/xml":
		return formXML
	case "text/html", "application/xhtml+xml":
		return formHTML
	case "text/csv", "text/tab-separated-values", "application/csv":
		return formCSV
	case "image/svg+xml":
		return formBlob
	}
	switch {
	case strings.HasSuffix(m.name, "+json"):
		return formJSON
	case strings.HasSuffix(m.name, "+xml"):
		return formXML
	case m.isText():
		return formText
	case strings.HasPrefix(m.name, "image/"):
		return formImage
	case strings.HasPrefix(m.name, "audio/"):
		return formAudio
	}
	return formBlob
}

// isText reports whether bodies of the type are text.
func (m media) isText() bool {
	switch m.name {
	case "application/json", "application/xml", "application/csv", "image/svg+xml",
		"application/javascript", "application/ecmascript", "application/x-javascript",
		"application/yaml", "application/x-yaml", "application/toml", "application/sql",
		"application/graphql", "application/x-www-form-urlencoded", "application/x-ndjson",
		"application/ndjson", "application/jsonl", "application/x-sh", "application/rtf":
		return true
	}
	return strings.HasPrefix(m.name, "text/") || strings.HasSuffix(m.name, "+json") ||
		strings.HasSuffix(m.name, "+xml") || strings.HasSuffix(m.name, "+yaml")
}
