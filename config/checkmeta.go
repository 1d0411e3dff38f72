package config

import (
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// checkListed checks what everything has in common that is listed.
func (l *loader) checkListed(p Place, icons []Icon) {
	l.checkIcons(icons)
	m := p.node.get("meta")
	if m == nil || m.value.broken {
		return
	}
	if m.value.kind != mappingNode {
		l.reportAt(p, []string{"meta"}, "want a mapping", `write {"com.example/owner": sales}`)
		return
	}
	for _, one := range m.value.members {
		key := one.key.raw
		at := place(one.key, nil, joinPath(p.Path, []string{"meta", key}))
		switch {
		case !metaKey.MatchString(key):
			l.report(at.Problem(fmt.Sprintf("%q can't be a key of _meta", clip(key)), "write a name, or a prefix of your own and a name: com.example/owner"))
		case reservedPrefix(key):
			l.report(at.Problem(fmt.Sprintf("the prefix of %q is reserved for the protocol", clip(key)), "take a prefix of your own: com.example/owner"))
		}
	}
}

// metaKey is the syntax of keys in _meta: perhaps a prefix of labels, and a
// name.
var metaKey = regexp.MustCompile(`^([a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*/)?[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$`)

// reservedPrefix reports whether a key of _meta has a prefix whose second label
// keeps it for the protocol.
func reservedPrefix(key string) bool {
	prefix, _, found := strings.Cut(key, "/")
	labels := strings.Split(prefix, ".")
	if !found || len(labels) < 2 {
		return false
	}
	second := strings.ToLower(labels[1])
	return second == "modelcontextprotocol" || second == "mcp"
}

// iconSize is what a size of an icon looks like.
var iconSize = regexp.MustCompile(`^([1-9][0-9]{0,4}x[1-9][0-9]{0,4}|any)$`)

// checkIcons checks where pictures are, and what is said of them.
func (l *loader) checkIcons(icons []Icon) {
	for i := range icons {
		icon := &icons[i]
		at := func(message, hint string, path ...string) { l.reportAt(icon.Place, path, message, hint) }
		if icon.IsZero() {
			continue
		}
		if icon.Src != "" && !isIconSource(icon.Src) {
			at("want the URL of a picture: https, or data", "write https://acme.example/icon.png, or data:image/png;base64,…", "src")
		}
		if icon.MIMEType != "" && (!isMediaType(icon.MIMEType) || !strings.HasPrefix(strings.ToLower(icon.MIMEType), "image/")) {
			at("want the media type of a picture", "write image/png", "mime_type")
		}
		for n, size := range icon.Sizes {
			if !iconSize.MatchString(size) {
				at("want a width and a height, or any", "write 48x48", "sizes", strconv.Itoa(n))
			}
		}
	}
}

// isIconSource reports whether clients may take an icon from the URL.
func isIconSource(src string) bool {
	u, err := url.Parse(src)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != "" && u.User == nil
	case "data":
		return strings.HasPrefix(strings.ToLower(u.Opaque), "image/") && strings.Contains(u.Opaque, ",")
	}
	return false
}

// isMediaType reports whether s is a type and a subtype, perhaps with
// parameters.
func isMediaType(s string) bool {
	kind, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Count(kind, "/") == 1
}
