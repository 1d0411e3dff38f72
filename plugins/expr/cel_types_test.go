package expr

import (
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// TestTypesOfArguments shows that what may be true for some call is accepted:
// numbers may be whole or not, an argument may be absent, and what has no type
// may be anything. What can be true for none is refused.
func TestTypesOfArguments(t *testing.T) {
	tool := &plugins.Tool{Arguments: []plugins.Argument{
		{Name: "cents", Schema: []byte(`{"type":"integer"}`)}, {Name: "share", Schema: []byte(`{"type":"number"}`)},
		{Name: "sure", Schema: []byte(`{"type":"boolean"}`)}, {Name: "note", Schema: []byte(`{"type":"string"}`)},
		{Name: "tags", Schema: []byte(`{"type":"array"}`)}, {Name: "more", Schema: []byte(`{"type":"object"}`)},
		{Name: "either", Schema: []byte(`{"type":["string","null"]}`)}, {Name: "any", Schema: []byte(`true`)},
	}}
	scope := Scope{Names: []string{NameArgs, NameCaller}, Types: TypesOf(tool)}
	for _, text := range []string{
		`args.cents == 5 && args.cents != 5.5 && args.cents / 2 > 1 && args.cents <= caller.claims.limit`,
		`args.share == 5 && args.share != 2.5 && args.share / 2.0 < 1 && args.share in [1, 2.5]`,
		`double(args.cents) * 1.5 > args.share && string(args.cents) == "5" && args.cents % 2 == 0`,
		`args.note != null && args.tags != null && args.more == null && has(args.share)`,
		`args.sure && !args.sure && (args.sure ? args.cents > 1 : args.note == "x")`,
		`args.tags.size() > 1 && args.tags == ["a"] && "a" in args.tags && args.tags[0].x == 1`,
		`args.any == 1 && args.any == "x" && args.any && args.either == "x" && args.either == null`,
		`args.more.n == 1 && args.more.n == "x" && args.more["n"] && "n" in args.more`,
		`"boss" in caller.roles && caller.roles.exists(r, r == "x") && caller.capabilities["elicitation.url"]`,
		`"note" in args && size(args) < 5 && args["note"] == "x" && args.exists(name, name == "x")`,
		`caller == args || args.unknown == 5`,
		`timestamp(args.note) < timestamp("2026-01-01T00:00:00Z") && args.note.startsWith(caller.subject)`,
	} {
		if _, err := ParseCondition(text, scope); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`args.cents`:                          "a condition is true or false, this is a number",
		`args.tags`:                           "a condition is true or false, this is a list",
		`args.more`:                           "a condition is true or false, this is an object",
		`!args.share`:                         `CEL: "!" does not work on (number)`,
		`args.sure || args.cents`:             "want true or false, found a number",
		`args.cents == "5" || args.share > 1`: `CEL: "==" does not work on (number, text)`,
		`args.note > 5`:                       `CEL: ">" does not work on (text, number)`,
		`args.more == "x"`:                    `CEL: "==" does not work on (object, text)`,
		`caller.subject == 5`:                 `CEL: "==" does not work on (text, number)`,
	} {
		if _, err := ParseCondition(text, scope); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
