package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestSecretsAreNeverShown breaks manifests in the neighbourhood of secrets, and
// looks for them in all forms of the problems.
func TestSecretsAreNeverShown(t *testing.T) {
	const root = "version: 1\ninclude: more.yaml\nupstreams: {a: {url: http://a}}\ntools: {t: {description: d, upstream: a}}\n"
	for name, c := range map[string][2]string{
		"auth in an include":           {root, "auth: {jwt: {issuer: x, secret: canary-1}}\n"},
		"server in an include":         {root, "server: {password: canary-1}\nauth:\n  jwt:\n    issuer: canary-2\n"},
		"defaults beside auth":         {root, "auth: {foo: canary-1}\ndefaults: {}\n"},
		"defined twice":                {root, "upstreams:\n  a: {url: http://a, auth: {bearer: canary-1}}\n"},
		"defined twice with headers":   {root, "upstreams:\n  a:\n    headers: {X-Any: canary-1}\n    url: http://a\n"},
		"written twice":                {root + "auth: {foo: canary-1}\nauth: {bar: canary-2}\n", ""},
		"a scalar for auth":            {root + "auth: canary-1\n", ""},
		"a scalar in upstream":         {root, "upstreams: {b: {url: http://a, auth: canary-1}}\n"},
		"a number for auth":            {root + "auth: 7777canary\n", ""},
		"a list for auth":              {root + "auth: [canary-1]\n", ""},
		"no colon":                     {root + "auth: {bearer canary-1}\n", ""},
		"no colon in upstream":         {root, "upstreams: {b: {url: http://a, auth: {bearer: {canary-1}}}}\n"},
		"misspelled auth":              {root + "auht: {foo: canary-1}\n", ""},
		"authentication":               {root + "authentication: {foo: canary-1}\n", ""},
		"user of a URL":                {root, "upstreams: {b: {url: \"http://me:canary-1@h:x\", nonsense: 1}}\n"},
		"user of a URL, bad mapping":   {root, "upstreams: {b: {url: {\"http://me:canary-1@h\": 1}}}\n"},
		"user without scheme":          {root, "upstreams: {b: {url: \"me:canary-1@h\", timeout: 1}}\n"},
		"query of a URL":               {root, "upstreams: {b: {url: \"http://h?key=canary-1\", connections: x}}\n"},
		"URL for a boolean":            {root, "upstreams: {b: {url: http://h, allow_private: http://u:canary-1@h/p?canary-2}}\n"},
		"default of a variable":        {root, "upstreams: {b: {url: \"${U:-http://u:canary-1@h}\", connections: 0}}\n"},
		"variable for a boolean":       {root, "upstreams: {b: {url: \"http://h\", allow_private: \"${SECRET}\"}}\n"},
		"key that isn't hashed":        {root + "auth: {api_keys: [{name: ci, sha256: canary-1}]}\n", ""},
		"key outside of auth":          {root + "api_keys: [{name: ci, sha256: canary-1}, {key: canary-2}]\n", ""},
		"authorization of a request":   {root + "  \n", "tools: {u: {request: {path: /, headers: {Authorization: Bearer canary-1}}, nonsense: 1}}\n"},
		"a list of tokens":             {root, "upstreams: {b: {url: http://h, token: [canary-1], tls: 5}}\n"},
		"several lines":                {root, "upstreams:\n  b:\n    auth:\n      bearer: |\n        canary-1\n        canary-2\n      x: \"canary-3\n        canary-4\"\n    nonsense: 1\n"},
		"merged":                       {root + "auth: {<<: canary-1, foo: x}\n", ""},
		"a mapping as a key":           {root + "auth: {[canary-1]: canary-2}\n", ""},
		"a tag":                        {root + "auth: {jwt: {secret: !canary-1 x}}\n", ""},
		"an anchor":                    {root + "auth: {jwt: {secret: *canary-1}}\n", ""},
		"an aliased mapping":           {root + "x: &c {foo: canary-1}\nauth: *c\n", ""},
		"broken YAML":                  {root + "auth:\n  jwt: {issuer: canary-1\n  foo: canary-2: x\n", ""},
		"broken YAML below a key":      {root + "auth:\n  jwt:\n    foo: |\n      canary-1: x\n    bar: a: b\n    password:\n      canary-2\n", ""},
		"broken YAML in a header":      {root, "upstreams:\n  a:\n    headers:\n      X: canary-1\n      Y: @canary-2\n      Z: canary-3\n"},
		"broken YAML with a URL":       {root, "upstreams:\n  a: {url: http://u:canary-1@h, x: @}\n  b: {url: http://h?canary-2}\n"},
		"quoted keys":                  {root, "{\"upstreams\": {\"a\": {\"auth\": {\"bearer\": \"canary-1\"}, x: @}}}\n"},
		"a second document":            {root, "upstreams: {b: {auth: {bearer: canary-1}}}\n---\ntools: {}\n"},
		"a file that is a key":         {root, "canary-1\n"},
		"a file that is a list":        {root, "- password: canary-1\n"},
		"a variable without end":       {root + "auth: {jwt: {secret: \"canary-1${\"}}\n", ""},
		"keys in an include":           {root, "server: {keys: [canary-1]}\n"},
		"keys of something":            {root + "serber: {keys: canary-1}\nkeys: [canary-2]\n", ""},
		"a mapping for keys":           {root + "server: {keys: {a: canary-1, file: canary-2}}\n", ""},
		"misspelled keys":              {root + "server: {key: [canary-1], kees: [canary-2]}\n", ""},
		"broken YAML in keys":          {root + "server:\n  keys:\n    - canary-1\n    - canary-2: canary-3: x\n", ""},
		"a long text":                  {root + "auth: " + strings.Repeat("canary", 40) + "\n", ""},
		"a text with characters of Go": {root + "auth: \"canary\\\"\\t\\\\\"\n", ""},
	} {
		src := text(c[0], map[string]string{"SECRET": "canary-v"})
		src.Overlay["more.yaml"] = []byte(c[1])
		_, err := Load(src, testParts())
		var l Problems
		if !errors.As(err, &l) {
			t.Errorf("%s: the manifest isn't broken: %v", name, err)
			continue
		}
		lookForCanaries(t, name, l)
	}
}

func lookForCanaries(t *testing.T, name string, l Problems) {
	t.Helper()
	machine, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	sarif, err := l.SARIF(SARIFOptions{Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for form, shown := range map[string]string{
		"text": render(t, l, RenderOptions{}), "JSON": string(machine), "SARIF": string(sarif), "error": l.Error(),
	} {
		if strings.Contains(shown, "canary") {
			t.Errorf("%s: the %s shows a secret:\n%s", name, form, shown)
		}
	}
}

// TestErrorsOfPartsAreMasked: a part's own words may repeat what it was given.
func TestErrorsOfPartsAreMasked(t *testing.T) {
	m := load(t, text(`version: 1
upstreams: {crm: {url: "http://user:canary@h/p?key=canary2", headers: {X: canary-3}}}
auth: {anonymous: {roles: [canary-4]}}
tools: {t: {description: d}}
`, nil))
	crm, caller := m.Upstreams["crm"].Settings.Place, m.Auth.Place
	for _, p := range []Problem{
		crm.ProblemAt([]string{"url"}, `parse "http://user:canary@h/p?key=canary2": bad`, "", 0),
		crm.ProblemAt([]string{"url"}, `invalid port ":canary@h"`, `not key=canary2`, 0),
		crm.Problem(`invalid port ":canary@h" after "canary-3"`, ""),
		caller.Problem(fmt.Sprintf("unknown role %q", "canary-4"), ""),
	} {
		lookForCanaries(t, p.Path, Problems{p})
	}
}

// TestWhatIsNoSecretIsShown: a mistake in what callers are known by can't be
// found if none of it is shown. What does not look like it is still hidden.
func TestWhatIsNoSecretIsShown(t *testing.T) {
	const root = "version: 1\nupstreams: {a: {url: http://a}}\ntools: {t: {description: d}}\n"
	for line, want := range map[string]string{
		"jwt: {issuer: https://id.example/realms/acme, x: 1}":                          "issuer: https://id.example/realms/acme",
		"anonymous: {roles: [crm-agents, support], x: 1}":                              "roles: [crm-agents, support]",
		"jwt: {issuer: hunter2, jwks_file: hunter2, algorithms: hunter2, x: 1}":        "issuer: ***, jwks_file: ***, algorithms: ***",
		"jwt: {audience: [https://mcp.example/mcp, hunter2], roles: [hunter2], x: 1}":  "audience: [***, ***], roles: [***]",
		"jwt: {issuer: \"https://me:hunter2@id.example\", x: 1}":                       "issuer: ***",
		"jwt: {jwks: \"https://id.example/keys?key=hunter2\", x: 1}":                   "jwks: ***",
		"jwt: {issuer: \"${ISSUER:-https://hunter2.example}\", x: 1}":                  "issuer: ***",
		"jwt: {secret: {issuer: https://hunter2.example, audience: http://hunter2/x}}": "",
	} {
		_, err := Load(text(root+"auth:\n  "+line+"\n", nil), testParts())
		var l Problems
		if !errors.As(err, &l) {
			t.Errorf("%s: the manifest isn't broken: %v", line, err)
			continue
		}
		shown := render(t, l, RenderOptions{})
		if !strings.Contains(shown, want) || strings.Contains(shown, "hunter2") {
			t.Errorf("%s: this is shown:\n%s\nwant %s", line, shown, want)
		}
	}
}

func TestPublicLooks(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       bool
	}{
		{"issuer", "https://id.example/realms/acme", true},
		{"audience", "http://[::1]:8080/mcp", true},
		{"audience", "https://me:hunter2@mcp.example", false},
		{"jwks", "https://id.example/keys?key=hunter2", false},
		{"jwks", "${JWKS:-https://id.example}", false},
		{"jwks_file", ".sallyport/jwks.json", true},
		{"jwks_file", `C:\keys\jwks.json`, true},
		{"jwks_file", "hunter2", false},
		{"algorithms", "ES256", true},
		{"algorithms", "EdDSA", true},
		{"algorithms", "hunter2", false},
		{"roles", "crm-agents", true},
		{"roles", "hunter2", false},
		{"name", "X-Shop-Key", true},
		{"name", "x-api-key", true},
		{"name", "api_key", true},
		{"name", "hunter2", false},
		{"name", "hunter", false},
	} {
		if got := publicLooks(c.key).MatchString(c.value); got != c.want {
			t.Errorf("%s: %s is shown: %t", c.key, c.value, got)
		}
	}
	for _, key := range []string{"secret", "sha256", "bearer", "user"} {
		if publicLooks(key) != nil {
			t.Errorf("values of %s are shown", key)
		}
	}
}
