package gateway_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// compareTexts compares two manifests.
func compareTexts(t testing.TB, old, next string) *gateway.Comparison {
	t.Helper()
	source := func(text string) config.Source {
		return config.Source{
			Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": []byte("version: 1\nupstreams: {u: {url: \"http://127.0.0.1:1\"}}\n" + text)},
			Env: func(string) (string, bool) { return "", false },
		}
	}
	c, err := gateway.Compare(source(old), source(next), standard.Parts())
	if err != nil {
		t.Fatalf("compare: %v\n--- old\n%s\n--- new\n%s", err, old, next)
	}
	return c
}

// The pieces of the manifests compared.
const (
	keyAuth = "auth: {api_keys: [{name: ci, sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae, roles: [a]}]}\n"
	toolOne = "tools: {one: {description: d, request: GET /one%s}}\n"
)

// jwtAuth trusts one issuer.
func jwtAuth(more string) string {
	return "auth: {jwt: [{issuer: \"https://id.acme.example\", audience: a, secret: 0123456789abcdef0123456789abcdef" + more + "}]}\n"
}

func oneTool(more string) string { return fmt.Sprintf(toolOne, more) }

// TestWidening tells what widens access, and what does not. Told the other way
// round, the same narrows it.
func TestWidening(t *testing.T) {
	twoTools := "tools: {one: {description: d, request: GET /one}, two: {description: d, request: GET /two%s}}\n"
	for _, tt := range []struct {
		name, old, next string
		widened         bool
		narrowed        bool
	}{
		{"the same", keyAuth + oneTool(""), keyAuth + oneTool(""), false, false},
		{"a tool is added", keyAuth + oneTool(""), keyAuth + fmt.Sprintf(twoTools, ""), true, false},
		{"an internal tool is added", keyAuth + oneTool(""), keyAuth + fmt.Sprintf(twoTools, ", internal: true"), false, false},
		{"roles are dropped", keyAuth + oneTool(", roles: [a]"), keyAuth + oneTool(""), true, false},
		{"a role is added", keyAuth + oneTool(", roles: [a]"), keyAuth + oneTool(", roles: [a, b]"), true, false},
		{"a role is exchanged", keyAuth + oneTool(", roles: [a]"), keyAuth + oneTool(", roles: [b]"), true, true},
		{"roles in another order", keyAuth + oneTool(", roles: [a, b]"), keyAuth + oneTool(", roles: [b, a]"), false, false},
		{"roles by defaults", keyAuth + oneTool(", roles: [a]"), keyAuth + "defaults: {roles: [a]}\n" + oneTool(""), false, false},
		{"a default is switched off", keyAuth + "defaults: {roles: [a]}\n" + oneTool(""), keyAuth + "defaults: {roles: [a]}\n" + oneTool(", roles: none"), true, false},
		{"scopes are dropped", keyAuth + oneTool(", scopes: [r]"), keyAuth + oneTool(""), true, false},
		{"fewer scopes", keyAuth + oneTool(", scopes: [r, w]"), keyAuth + oneTool(", scopes: [r]"), true, false},
		{"another scope", keyAuth + oneTool(", scopes: [r]"), keyAuth + oneTool(", scopes: [w]"), true, true},
		{"when is dropped", keyAuth + oneTool(`, when: "caller.subject == 'x'"`), keyAuth + oneTool(""), true, false},
		{"when is another", keyAuth + oneTool(`, when: "caller.subject == 'x'"`), keyAuth + oneTool(`, when: "caller.subject == 'y'"`), true, true},
		{"when on roles is dropped", keyAuth + oneTool(`, when: "'boss' in caller.roles"`), keyAuth + oneTool(""), true, false},
		{"a person is asked no more", keyAuth + oneTool(`, confirm: "Sure?"`), keyAuth + oneTool(""), true, false},
		{"a person is asked otherwise", keyAuth + oneTool(`, confirm: "Sure?"`), keyAuth + oneTool(`, confirm: "Really?"`), false, false},
		{"what read changes something", keyAuth + oneTool(""), keyAuth + strings.Replace(oneTool(""), "GET", "DELETE", 1), true, false},
		{"internal is dropped", keyAuth + oneTool(", internal: true"), keyAuth + oneTool(""), true, false},
		{"internal with a rule is dropped", keyAuth + oneTool(`, internal: true, when: "caller.subject == 'x'"`), keyAuth + oneTool(`, when: "caller.subject == 'x'"`), true, false},
		{"anonymous is added", keyAuth + oneTool(""), strings.Replace(keyAuth, "auth: {", "auth: {anonymous: {roles: [p]}, ", 1) + oneTool(""), true, false},
		{"anonymous is added and sees nothing", keyAuth + oneTool(", roles: [a]"), strings.Replace(keyAuth, "auth: {", "auth: {anonymous: {roles: [p]}, ", 1) + oneTool(", roles: [a]"), true, false},
		{"anonymous gets a role", "auth: {anonymous: {roles: [p]}}\n" + oneTool(", roles: [q]"), "auth: {anonymous: {roles: [p, q]}}\n" + oneTool(", roles: [q]"), true, false},
		{"auth is removed", keyAuth + oneTool(""), oneTool(""), true, false},
		{"auth is removed, roles stay", keyAuth + oneTool(", roles: [a]"), oneTool(", roles: [a]"), true, true},
		{"an API key is added", keyAuth + oneTool(""), strings.Replace(keyAuth, "api_keys: [", "api_keys: [{name: cd, sha256: fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9}, ", 1) + oneTool(""), true, false},
		{"an API key gets a role", keyAuth + oneTool(""), strings.Replace(keyAuth, "roles: [a]", "roles: [a, z]", 1) + oneTool(""), true, false},
		{"an API key is exchanged", keyAuth + oneTool(""), strings.Replace(keyAuth, "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9", 1) + oneTool(""), false, false},
		{"a claimed role is mapped", jwtAuth("") + oneTool(""), jwtAuth(", role_map: {boss: admin}") + oneTool(""), true, false},
		{"an audience is added", jwtAuth("") + oneTool(""), strings.Replace(jwtAuth(""), "audience: a", "audience: [a, b]", 1) + oneTool(""), true, false},
		{"the roles are another claim", jwtAuth("") + oneTool(""), jwtAuth(", claims: {roles: groups}") + oneTool(""), true, true},
		{"a secret is exchanged", jwtAuth("") + oneTool(""), strings.Replace(jwtAuth(""), "0123", "3210", 1) + oneTool(""), false, false},
		{"another issuer", jwtAuth("") + oneTool(""), strings.Replace(jwtAuth(""), "id.acme", "id2.acme", 1) + oneTool(""), true, true},
		{"an endpoint without roles is added", keyAuth + oneTool("") + "endpoints: {/mcp: {}}\n", keyAuth + oneTool("") + "endpoints: {/mcp: {}, /mcp/x: {include: [nothing]}}\n", true, false},
		{"an endpoint with roles that shows nothing new to anybody is added", keyAuth + oneTool(", roles: [a]") + "endpoints: {/mcp: {}}\n", keyAuth + oneTool(", roles: [a]") + "endpoints: {/mcp: {}, /mcp/x: {roles: [b]}}\n", false, false},
		{"an endpoint shows more", keyAuth + fmt.Sprintf(twoTools, "") + "endpoints: {/mcp: {include: [one]}}\n", keyAuth + fmt.Sprintf(twoTools, "") + "endpoints: {/mcp: {include: ['*']}}\n", true, false},
		{"an endpoint drops its roles", keyAuth + oneTool("") + "endpoints: {/mcp: {roles: [a]}}\n", keyAuth + oneTool("") + "endpoints: {/mcp: {}}\n", true, false},
		{"an endpoint drops its scopes", keyAuth + oneTool("") + "endpoints: {/mcp: {scopes: [s]}}\n", keyAuth + oneTool("") + "endpoints: {/mcp: {}}\n", true, false},
		{"the endpoint that was there is written", keyAuth + oneTool(""), keyAuth + oneTool("") + "endpoints: {/mcp: {include: ['*']}}\n", false, false},
		{"an origin is allowed", keyAuth + oneTool(""), keyAuth + "server: {allowed_origins: [\"https://claude.ai\"]}\n" + oneTool(""), true, false},
		{"a limit is loosened", keyAuth + oneTool(", rate_limit: 10/min"), keyAuth + oneTool(", rate_limit: 20/min"), false, false},
		{"a description is another", keyAuth + oneTool(""), keyAuth + strings.Replace(oneTool(""), "description: d", "description: e", 1), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := compareTexts(t, tt.old, tt.next)
			if c.Widened != tt.widened || c.Narrowed != tt.narrowed {
				t.Errorf("widened %v, narrowed %v\n%s", c.Widened, c.Narrowed, shown(t, c))
			}
			back := compareTexts(t, tt.next, tt.old)
			if back.Widened != tt.narrowed || back.Narrowed != tt.widened {
				t.Errorf("back: widened %v, narrowed %v\n%s", back.Widened, back.Narrowed, shown(t, back))
			}
		})
	}
}

func shown(t testing.TB, v any) string {
	t.Helper()
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestSchemaChanges tells which changes of arguments make right calls wrong.
func TestSchemaChanges(t *testing.T) {
	input := func(schema string) string { return keyAuth + oneTool(", input: {x: "+schema+"}") }
	for _, tt := range []struct {
		old, next string
		breaking  bool
		says      string // of the first change; empty if there is none
	}{
		{"{type: string}", "{type: string}", false, ""},
		{"{type: string, maxLength: 10}", "{maxLength: 10, type: string}", false, ""},
		{"{type: string}", "{type: string, optional: true}", false, "input.x: is optional now"},
		{"{type: string, optional: true}", "{type: string}", true, "input.x: is required now"},
		{"{type: string}", "{type: integer}", true, `input.x: type "string" -> "integer"`},
		{"{type: integer}", "{type: number}", false, `input.x: type "integer" -> "number"`},
		{"{type: number}", "{type: integer}", true, `input.x: type "number" -> "integer"`},
		{"{type: string}", "{type: [string, \"null\"]}", false, `input.x: type "string" -> ["string","null"]`},
		{"{type: string, enum: [a, b]}", "{type: string, enum: [a, b, c]}", false, `input.x: enum ["a","b"] -> ["a","b","c"]`},
		{"{type: string, enum: [a, b]}", "{type: string, enum: [b]}", true, `input.x: enum ["a","b"] -> ["b"]`},
		{"{type: string}", "{type: string, enum: [b]}", true, `input.x: enum none -> ["b"]`},
		{"{type: string, enum: [b]}", "{type: string}", false, `input.x: enum ["b"] -> none`},
		{"{type: integer, maximum: 10}", "{type: integer, maximum: 9}", true, "input.x: maximum 10 -> 9"},
		{"{type: integer, maximum: 10}", "{type: integer, maximum: 11}", false, "input.x: maximum 10 -> 11"},
		{"{type: integer, minimum: 1}", "{type: integer, minimum: 2}", true, "input.x: minimum 1 -> 2"},
		{"{type: integer, minimum: 1}", "{type: integer, minimum: 1.0}", false, ""},
		{"{type: string, pattern: a}", "{type: string, pattern: b}", true, `input.x: pattern "a" -> "b"`},
		{"{type: string, description: a}", "{type: string, description: b}", false, "input.x: description changed"},
		{"{type: array, items: {type: string}}", "{type: array, items: {type: integer}}", true, `input.x[]: type "string" -> "integer"`},
		{"{type: object, properties: {y: {type: string}}}", "{type: object, properties: {y: {type: string}}, required: [y]}", true, "input.x.y: is required now"},
		{"{type: object, properties: {y: {type: string}}}", "{type: object, properties: {}}", false, "input.x.y: removed"},
		{"{type: object, additionalProperties: false, properties: {y: {type: string}}}", "{type: object, additionalProperties: false, properties: {}}", true, "input.x.y: removed"},
		{"{type: string}, y: {type: string}", "{type: string}", true, "input.y: removed"},
		{"{type: string}", "{type: string}, y: {type: string}", true, "input.y: added, and required"},
		{"{type: string}", "{type: string}, y: {type: string, optional: true}", false, "input.y: added, optional"},
	} {
		c := compareTexts(t, input(tt.old), input(tt.next))
		said := ""
		if len(c.Changes) > 0 {
			said = c.Changes[0].Parts[0].Part + ": " + c.Changes[0].Parts[0].Says
		}
		if c.Breaking != tt.breaking || said != tt.says || c.Widened {
			t.Errorf("%s to %s: breaking %v, %q\n%s", tt.old, tt.next, c.Breaking, said, shown(t, c.Changes))
		}
	}
}

// TestCompareParts tells which part of a tool has changed.
func TestCompareParts(t *testing.T) {
	for _, tt := range []struct{ old, next, want string }{
		{", rate_limit: 10/min", ", rate_limit: 20/min", "rate_limit changed looser"},
		{", rate_limit: 20/min", ", rate_limit: 10/min", "rate_limit changed tighter"},
		{", rate_limit: 20/min", "", "rate_limit removed looser"},
		{"", ", rate_limit: 20/min", "rate_limit added tighter"},
		{", rate_limit: 20/min", ", rate_limit: {rate: 20/min, cost: 2}", "rate_limit changed tighter"},
		{", rate_limit: [20/min, {rate: 5/s, per: all}]", ", rate_limit: [20/min, {rate: 6/s, per: all}]", "rate_limit changed looser"},
		{", concurrency: 4", ", concurrency: 5", "concurrency changed looser"},
		{", timeout: 4s", ", timeout: 5s", "timeout changed looser"},
		{", timeout: 4s", ", timeout: 3s", "timeout changed tighter"},
		{", response: {select: .a}", ", response: {select: .b}", "response changed"},
		{", title: a", ", title: b", "title changed"},
		{", tags: [a]", ", tags: [a, b]", "tags changed"},
		{", response: {schema: {type: object, properties: {a: {type: string}}, required: [a]}}", ", response: {schema: {type: object, properties: {a: {type: string}}}}", "output.a is optional now breaking|response changed"},
		{", annotations: {read_only: true}", ", annotations: {read_only: false}", "annotations read_only true -> false"},
		{", input: {x: {type: string}}", ", input: {x: {type: string, in: header, as: X}}", "request argument x goes another way: by the rules -> header X"},
	} {
		c := compareTexts(t, keyAuth+oneTool(tt.old), keyAuth+oneTool(tt.next))
		var said []string
		for _, change := range c.Changes {
			for _, p := range change.Parts {
				line := p.Part + " " + p.Says
				for effect, there := range map[string]bool{"looser": p.Looser, "tighter": p.Tighter, "breaking": p.Breaking} {
					if there {
						line += " " + effect
					}
				}
				said = append(said, line)
			}
		}
		if got := strings.Join(said, "|"); got != tt.want {
			t.Errorf("%q to %q: %q, want %q", tt.old, tt.next, got, tt.want)
		}
	}
	short := keyAuth + "tools: {one: {description: d, request: GET /one}}\n"
	long := keyAuth + "tools: {one: {request: {path: /one, method: GET}, description: d}}\n"
	if c := compareTexts(t, short, long); !c.Empty() {
		t.Errorf("the long form of a request: %s", shown(t, c))
	}
	other := keyAuth + "tools: {one: {request: {path: /other, method: GET}, description: d}}\n"
	if c := compareTexts(t, short, other); len(c.Changes) != 1 || c.Changes[0].Parts[0].Part != "request" {
		t.Errorf("another path: %s", shown(t, c))
	}
}

// genManifest draws manifests of a few tools, rules and endpoints.
func genManifest(t *rapid.T, label string) string {
	text := rapid.SampledFrom([]string{
		"", keyAuth, "auth: {anonymous: {roles: [p]}}\n", strings.Replace(keyAuth, "auth: {", "auth: {anonymous: {roles: [a]}, ", 1),
		strings.Replace(keyAuth, "roles: [a]", "roles: [a, b], scopes: [r]", 1),
	}).Draw(t, label+" auth")
	text += "tools:\n"
	for _, name := range []string{"base", "one", "two"} {
		if name != "base" && !rapid.Bool().Draw(t, label+name) {
			continue
		}
		text += "  " + name + ":\n    description: d\n    request: GET /" + name + "\n"
		for _, rule := range []string{"roles: [a]", "roles: [a, b]", "roles: [p]", "scopes: [r]", "scopes: [r, w]", "when: caller.subject == 'x'", "when: \"'b' in caller.roles\"", "internal: true", "rate_limit: 5/s"} {
			key, _, _ := strings.Cut(rule, ":")
			if !strings.Contains(text[strings.LastIndex(text, "description"):], "    "+key+":") && rapid.IntRange(0, 3).Draw(t, label+name+rule) == 0 {
				text += "    " + rule + "\n"
			}
		}
	}
	return text + rapid.SampledFrom([]string{
		"", "endpoints: {/mcp: {}}\n", "endpoints: {/mcp: {roles: [a]}}\n", "endpoints: {/mcp: {scopes: [s]}, /mcp/x: {include: [one]}}\n",
		"endpoints: {/mcp/x: {exclude: [one], roles: [b]}}\n",
	}).Draw(t, label+" endpoints")
}

// TestCompareIsSymmetric: nothing differs from itself, and what widens one way
// narrows the other.
func TestCompareIsSymmetric(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := genManifest(r, "a"), genManifest(r, "b")
		if same := compareTexts(t, a, a); !same.Empty() || same.Widened || same.Narrowed || same.Summary() != "nothing has changed" {
			r.Fatalf("a manifest differs from itself:\n%s\n%s", a, shown(t, same))
		}
		there, back := compareTexts(t, a, b), compareTexts(t, b, a)
		if there.Widened != back.Narrowed || there.Narrowed != back.Widened {
			r.Fatalf("%s\n---\n%s\n---\n%s\n---\n%s", a, b, shown(t, there), shown(t, back))
		}
		swapped := slices.Clone(back.Access)
		for i := range swapped {
			swapped[i].Gains, swapped[i].Loses = swapped[i].Loses, swapped[i].Gains
		}
		if !reflect.DeepEqual(there.Access, swapped) {
			r.Fatalf("access is not the opposite: %s\n%s", shown(t, there.Access), shown(t, back.Access))
		}
	})
}
