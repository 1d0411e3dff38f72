package openapi

import (
	"net/url"
	"strings"
)

// Servers are the document's, as absolute URLs where that is possible.
func (d *Document) Servers() []Server {
	if d.swagger {
		return d.swaggerServers()
	}
	var out []Server
	for _, s := range d.root.list("servers") {
		if u := serverURL(s); u != "" {
			out = append(out, Server{URL: u, Description: plainText(s.str("description"), 80)})
		}
	}
	return out
}

// swaggerServers are what host, basePath and schemes of Swagger 2.0 mean: https
// if there is a choice.
func (d *Document) swaggerServers() []Server {
	host, path := d.root.str("host"), strings.TrimRight(d.root.str("basePath"), "/")
	if host == "" {
		if path == "" {
			return nil
		}
		return []Server{{URL: path}}
	}
	schemes := d.root.texts("schemes")
	var out []Server
	for _, scheme := range []string{"https", "http"} {
		if contains(schemes, scheme) || len(schemes) == 0 && scheme == "https" {
			out = append(out, Server{URL: scheme + "://" + host + path})
		}
	}
	return out
}

// serverURL is the URL of a server object, its variables filled with their
// defaults.
func serverURL(server *node) string {
	u := strings.TrimSpace(server.str("url"))
	if variables := server.get("variables"); variables.isObject() {
		for _, v := range variables.members {
			value := v.value.str("default")
			if values := v.value.texts("enum"); value == "" && len(values) > 0 {
				value = values[0]
			}
			u = strings.ReplaceAll(u, "{"+v.name+"}", value)
		}
	}
	u = strings.Clone(strings.TrimRight(u, "/"))
	if strings.HasPrefix(u, "//") {
		u = "https:" + u
	}
	return u
}

// isAbsolute reports whether requests can be sent to a server as it is written.
func isAbsolute(server string) bool {
	u, err := url.Parse(server)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.ContainsAny(server, "{}")
}

// originOf is the scheme and the host of a URL; empty if it has none.
func originOf(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// below returns what the servers of a path or an operation put before its path,
// seen from the document's own server; why is not empty if that can't be.
func (d *Document) below(e Expose, servers []*node) (prefix, why string) {
	if len(servers) == 0 || e.AnyServer {
		return "", ""
	}
	base := ""
	if all := d.Servers(); len(all) > 0 {
		base = all[0].URL
	}
	first := ""
	for _, s := range servers {
		u := serverURL(s)
		if u == "" && strings.TrimSpace(s.str("url")) == "" {
			return "", ""
		}
		if !strings.Contains(u, "://") {
			u = originOf(base) + u
		}
		if first == "" {
			first = u
		}
		if rest, ok := strings.CutPrefix(u, base); ok && (rest == "" || rest[0] == '/') {
			return rest, ""
		}
	}
	return "", "it is at " + clip(first, 80) + "; write `url`"
}
