package importer

import (
	"slices"
	"strings"
)

// credentials collects how requests proved who sent them. It never holds a
// value: only where one goes, and the variable that will have it.
type credentials struct {
	service string
	// first are the schemes of Authorization, in the order met; cookies, queries
	// and headers are names.
	first, cookies, queries, headers []string
	// noUser and noPassword say that a half of basic is always empty.
	noUser, noPassword bool
	needed             []string
}

// variable notes that a variable is needed, and returns a reference to it.
func (k *credentials) variable(suffix, about string) string {
	name := environmentName(k.service, suffix)
	if !slices.Contains(k.needed, name) {
		k.needed = append(k.needed, name)
	}
	return variable(name, about)
}

// note adds a name once.
func note(to *[]string, name string) {
	if !slices.ContainsFunc(*to, func(other string) bool { return strings.EqualFold(other, name) }) {
		*to = append(*to, name)
	}
}

func (k *credentials) bearer() { note(&k.first, "bearer") }

func (k *credentials) basic() { note(&k.first, "basic") }

// halves takes user:password, of which one may be empty: services that know
// their callers by one key do so.
func (k *credentials) halves(pair string) {
	user, password, both := strings.Cut(pair, ":")
	if len(k.first) == 0 && both {
		k.noUser, k.noPassword = user == "" && password != "", password == "" && user != ""
	}
	k.basic()
}

// any reports whether there are credentials.
func (k *credentials) any() bool {
	return len(k.first)+len(k.cookies)+len(k.queries)+len(k.headers) > 0
}

// authorization takes the header of that name.
func (k *credentials) authorization(value string) {
	scheme, _, _ := strings.Cut(value, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		k.bearer()
	case "basic":
		k.basic()
	default:
		note(&k.first, "header")
	}
}

// header takes a header whose value is a secret.
func (k *credentials) header(name string) {
	switch lower := strings.ToLower(name); {
	case lower == "authorization":
		note(&k.first, "header")
	case lower == "cookie":
		k.cookie("")
	case !isReserved(lower):
		note(&k.headers, name)
	}
}

// cookie takes a cookie whose value is a secret; without a name, all of them.
func (k *credentials) cookie(name string) { note(&k.cookies, name) }

// query takes a query parameter whose value is a secret.
func (k *credentials) query(name string) { note(&k.queries, name) }

// publicQuery takes the keys out of a query.
func (k *credentials) publicQuery(all []field) []field {
	return slices.DeleteFunc(all, func(f field) bool {
		if !isKeyName(f.name) && (!isSecretName(f.name) || !looksRandom(f.value)) {
			return false
		}
		k.query(f.name)
		return true
	})
}

// isReserved reports whether a header is none that manifests may set: it frames
// or routes requests, or is the gateway's own.
func isReserved(lower string) bool {
	switch lower {
	case "x-request-id", "forwarded", "content-encoding", "x-http-method", "x-http-method-override", "x-method-override", "baggage":
		return true
	}
	return isOwnHeader(lower) || strings.HasPrefix(lower, "x-forwarded-")
}

// auth makes the upstream's auth of the first of the credentials, of which it
// has one; it is nil if there are none but headers that go beside it.
func (k *credentials) auth() (auth *object, kind string) {
	switch {
	case len(k.first) > 0 && k.first[0] == "bearer":
		return pairs("bearer", k.variable("token", "an access token of "+k.service)), "bearer"
	case len(k.first) > 0 && k.first[0] == "basic":
		return pairs("basic", k.pair()), "basic"
	case len(k.first) > 0:
		return k.named("header", "Authorization", k.variable("authorization", "the value of the header Authorization")), "Authorization"
	case len(k.cookies) > 0 && k.cookies[0] != "":
		name := k.cookies[0]
		return k.named("header", "Cookie", name+"="+k.variable(name, "the value of the cookie "+name)), "cookie"
	case len(k.cookies) > 0:
		return k.named("header", "Cookie", k.variable("cookie", "the cookies of a session")), "cookie"
	case len(k.queries) > 0:
		name := k.queries[0]
		return k.named("query", name, k.variable(name, "the value of the query parameter "+name)), "query"
	case len(k.headers) > 0:
		name := k.headers[0]
		k.headers = k.headers[1:]
		return k.named("header", name, k.variable(headerSuffix(name), "the value of the header "+name)), "header"
	}
	return nil, ""
}

// pair are the halves of basic.
func (k *credentials) pair() *object {
	switch {
	case k.noPassword:
		return pairs("user", k.variable("key", "a key of "+k.service), "password", "")
	case k.noUser:
		return pairs("user", "", "password", k.variable("key", "a key of "+k.service))
	}
	return pairs("user", k.variable("user", "a user of "+k.service), "password", k.variable("password", "the user's password"))
}

// named is an auth that has a name and a value.
func (k *credentials) named(kind, name, value string) *object {
	return pairs(kind, pairs("name", variableText(name), "value", value))
}

// headerSuffix is what a header's variable is called: X-Api-Key is API_KEY.
func headerSuffix(name string) string { return strings.TrimPrefix(strings.ToLower(name), "x-") }

// apply writes what was collected into the draft, and says which variables have
// to be set, and what was left out.
func (k *credentials) apply(d *Draft) {
	auth, kind := k.auth()
	if auth == nil {
		return
	}
	d.upstream.settings.set("auth", auth)
	if len(k.headers) > 0 {
		headers := &object{}
		for _, name := range k.headers {
			headers.set(name, k.variable(headerSuffix(name), "the value of the header "+name))
		}
		d.upstream.settings.set("headers", headers)
	}
	d.needed = k.needed
	d.Preview.credentials = "credentials are not written down: set " + strings.Join(k.needed, ", ")
	if left := k.left(kind); len(left) > 0 {
		d.Preview.Notes = append(d.Preview.Notes, "an upstream has one auth, so this is left out: "+strings.Join(left, ", "))
	}
}

// left are the credentials that found no place.
func (k *credentials) left(kind string) []string {
	var out []string
	for i, scheme := range k.first {
		if i > 0 {
			out = append(out, "Authorization, "+scheme)
		}
	}
	if kind != "cookie" && len(k.cookies) > 0 || len(k.cookies) > 1 {
		out = append(out, "cookies")
	}
	for i, name := range k.queries {
		if kind != "query" || i > 0 {
			out = append(out, "the query parameter "+name)
		}
	}
	return out
}
