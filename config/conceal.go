package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// conceal marks all that may be a secret in a file, before anything of it is
// reported: what stands below auth, the headers of upstreams, and the values of
// keys that name secrets everywhere. within is the way to the node.
func (f *file) conceal(n *node, within []string) {
	for _, item := range n.items {
		f.conceal(item, within)
	}
	for _, m := range n.written() {
		key := m.key.raw
		switch {
		case concealsAll(key, within):
			f.hideBelow(m.value)
		case fold(key) == "sha256" && m.value.kind == scalarNode:
			m.value.hide() // it may be the key itself by mistake; a hash counts as content
		case secretKey(key) && m.value.kind != mappingNode && (fold(key) != "key" || n.get("cert") == nil):
			hide(m.value)
		default:
			f.conceal(m.value, append(slices.Clip(within), key))
		}
	}
}

// written are all members of a mapping, also those that don't count.
func (n *node) written() []member {
	if n.dropped == nil {
		return n.members
	}
	return append(slices.Clip(n.members), n.dropped...)
}

// concealsAll tells keys below which nothing is shown. Misspelled ones count;
// arguments may be called anything.
func concealsAll(key string, within []string) bool {
	if slices.Contains(within, "input") || slices.Contains(within, "input_schema") || (len(within) == 3 && within[0] == "prompts" && within[2] == "arguments") {
		return false
	}
	if concealing(key) {
		return true
	}
	if len(within) == 0 || (len(within) == 1 && nearest(within[0], []string{"server"}) != "") {
		return nearest(key, []string{"keys"}) != ""
	}
	return len(within) > 0 && within[0] == "upstreams" && nearest(key, []string{"headers"}) != ""
}

// concealing tells the key whose mapping is about credentials, also misspelled.
func concealing(key string) bool { return nearest(key, []string{"auth"}) != "" }

// hideBelow hides all texts in a node but the names of variables and of files
// that hold secrets. They count for the manifest's hash, unless they are known
// to be secrets.
func (f *file) hideBelow(n *node) {
	f.conceal(n, nil)
	n.hide()
	for _, item := range n.items {
		f.hideBelow(item)
	}
	for _, m := range n.dropped {
		if m.key.kind != scalarNode {
			f.hideBelow(m.key)
		}
		f.hideBelow(m.value)
	}
	named := n.namesSecrets()
	for _, m := range n.members {
		if !named && !m.public() {
			f.hideBelow(m.value)
		}
		if m.value.isNull() && !m.key.endsInColon() {
			m.key.hide() // a text in braces is a key
		}
	}
}

// What the keys about callers look like that hold no secrets.
var (
	publicURL       = regexp.MustCompile(`^https?://[A-Za-z0-9.:/_~\[\]-]+$`)
	publicFile      = regexp.MustCompile(`^[A-Za-z0-9./\\:_~ -]+\.json$`)
	publicAlgorithm = regexp.MustCompile(`^[A-Za-z]{2,5}[0-9]{0,3}$`)
	publicName      = regexp.MustCompile(`^(?:[A-Z][A-Za-z]{0,11}(?:-[A-Z][A-Za-z]{0,11}){1,4}|[Xx](?:-[a-z]{1,12}){1,4}|(?:api|app|access|auth)?[_-]?(?:key|id|token))$`)
	publicRole      = regexp.MustCompile(`^[A-Za-z_.-]{1,32}$`)
)

// publicLooks is what the values of a key look like that are shown, for people
// look for mistakes in them. What looks otherwise is hidden: it may have been
// meant for another key. It is nil for all other keys.
func publicLooks(key string) *regexp.Regexp {
	switch key {
	case "issuer", "audience", "jwks":
		return publicURL
	case "jwks_file":
		return publicFile
	case "algorithms":
		return publicAlgorithm
	case "name":
		return publicName // of a header or a parameter
	case "roles":
		return publicRole
	}
	return nil
}

// public reports whether a member may be shown below a key that conceals.
func (m member) public() bool {
	looks := publicLooks(m.key.raw)
	if looks == nil {
		return false
	}
	items := []*node{m.value}
	if m.value.kind == sequenceNode {
		items = m.value.items
	}
	return !slices.ContainsFunc(items, func(n *node) bool {
		return n.kind != scalarNode || n.broken || !looks.MatchString(n.raw)
	})
}

// namesSecrets reports whether a mapping tells where secrets are: it has no
// keys but env and file.
func (n *node) namesSecrets() bool {
	return len(n.members) > 0 && n.dropped == nil && !slices.ContainsFunc(n.members, func(m member) bool {
		return (m.key.raw != "env" && m.key.raw != "file") || m.value.kind != scalarNode
	})
}

// endsInColon reports whether a key is followed by its colon.
func (n *node) endsInColon() bool {
	rest, _ := n.source()
	for range n.sourceLength(rest) {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	return n.style == plain && strings.HasPrefix(n.raw, "?") || strings.HasPrefix(strings.TrimLeft(rest, " \t"), ":")
}

// hide keeps a scalar from being shown.
func (n *node) hide() {
	if n.kind != scalarNode || n.hidden || (n.text == "" && !n.broken) {
		return
	}
	n.hidden = true
	if n.file != nil && (!n.whole || strings.Contains(n.raw, ":-")) {
		n.file.secrets = append(n.file.secrets, n)
	}
}

// hide marks all texts in a node as secret: they aren't shown with problems,
// nor do they count for the manifest's hash.
func hide(n *node) {
	for _, item := range n.items {
		hide(item)
	}
	for _, m := range n.written() {
		hide(m.value)
		if m.value.isNull() && !m.key.endsInColon() {
			m.key.hide()
		}
	}
	n.hide()
	n.secret = n.secret || (n.kind == scalarNode && n.text != "")
}

// secretKey tells keys whose values are secrets wherever they stand.
func secretKey(key string) bool {
	switch fold(key) {
	case "password", "passwd", "secret", "clientsecret", "token", "accesstoken", "bearer", "apikey", "xapikey",
		"privatekey", "secretkey", "key", "sha256", "authorization":
		return true
	}
	return false
}

// What in a URL is not for everybody: the user and password, also where the
// scheme is forgotten, and the query.
var (
	urlUser   = regexp.MustCompile(`://([^\s"']+)@`)
	plainUser = regexp.MustCompile(`([^\s"'{}\[\],:/]+:[^\s"'/]+)@`)
	urlQuery  = regexp.MustCompile(`://(?:[^\s"'?]*[^\s"'?{])?\?([^\s"']+)`)
)

// urlSecrets returns the stretches of a text, in bytes, that hold credentials
// of URLs. They may overlap.
func urlSecrets(s string) [][2]int {
	if !strings.Contains(s, "://") && !strings.Contains(s, "@") {
		return nil
	}
	var all [][2]int
	for _, pattern := range []*regexp.Regexp{urlUser, plainUser, urlQuery} {
		for _, m := range pattern.FindAllStringSubmatchIndex(s, -1) {
			end := m[2] + len(strings.TrimRight(s[m[2]:m[3]], ",]}"))
			if end > m[2] {
				all = append(all, [2]int{m[2], end})
			}
		}
	}
	return all
}

// maskURLs takes credentials out of the URLs in a message.
func maskURLs(s string) string {
	if !strings.Contains(s, "://") && !strings.Contains(s, "@") {
		return s
	}
	for _, pattern := range []*regexp.Regexp{urlUser, plainUser, urlQuery} {
		s = pattern.ReplaceAllStringFunc(s, func(match string) string {
			m := pattern.FindStringSubmatchIndex(match)
			return match[:m[2]] + mask + match[m[3]:]
		})
	}
	return s
}

// shownKey is a key as messages show it.
func (n *node) shownKey() string {
	if n.hidden {
		return mask
	}
	return clip(n.raw)
}

// hideValues takes out of a problem's words what may be secret of the values
// that it is about: hidden texts, values of environment variables, and
// credentials in URLs.
func hideValues(p *Problem, n *node) {
	if n != nil {
		least := 3
		if n.kind != scalarNode {
			least = 6 // short texts of others stand in any message
		}
		hideTexts(p, n, least)
	}
	p.Message, p.Hint = maskURLs(p.Message), maskURLs(p.Hint)
}

func hideTexts(p *Problem, n *node, least int) {
	for _, item := range n.items {
		hideTexts(p, item, least)
	}
	for _, m := range n.members {
		hideTexts(p, m.value, least)
	}
	if n.kind != scalarNode {
		return
	}
	if n.hidden {
		hideText(p, n.text, "[secret]", least)
	}
	for _, part := range n.parts {
		if part.name != "" {
			hideText(p, part.value, "${"+part.name+"}", least)
		}
	}
	for _, at := range urlSecrets(n.text) {
		secret := n.text[at[0]:at[1]]
		hideText(p, secret, mask, least)
		for _, piece := range strings.FieldsFunc(secret, func(r rune) bool { return strings.ContainsRune(":/@?&=", r) }) {
			hideText(p, piece, mask, least)
		}
	}
}

// hideText replaces a text in a problem's words, also where it is quoted or
// shortened.
func hideText(p *Problem, old, instead string, least int) {
	if len(old) < least {
		return
	}
	for _, form := range []string{old, clip(old), strings.TrimSpace(old), strings.TrimSuffix(clip(old), "…")} {
		quoted := strconv.Quote(form)
		for _, written := range []string{form, quoted[1 : len(quoted)-1]} {
			if len(written) >= least {
				p.Message = strings.ReplaceAll(p.Message, written, instead)
				p.Hint = strings.ReplaceAll(p.Hint, written, instead)
			}
		}
	}
}
