package rehearse_test

import (
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
)

func TestSynthesize(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"constants":  {`{"type":"object","properties":{"a":{"const":3},"b":{"enum":["x","y"]},"c":{"default":null}}}`, `{"a":3,"b":"x","c":null}`},
		"types":      {`{"type":"object","properties":{"s":{"type":"string"},"n":{"type":"integer","minimum":5},"l":{"type":"array","items":{"type":"boolean"},"minItems":2}}}`, `{"l":[true,true],"n":5,"s":"text"}`},
		"references": {`{"$defs":{"x":{"type":"string","format":"date"}},"type":"object","properties":{"a":{"$ref":"#/$defs/x"}}}`, `{"a":"2026-01-01"}`},
		"all of":     {`{"allOf":[{"type":"object","properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}},"required":["b"]}]}`, `{"a":1,"b":2}`},
		"one of":     {`{"oneOf":[{"type":"string","maxLength":2},{"type":"null"}]}`, `"te"`},
		"cycles":     {`{"type":"object","properties":{"next":{"$ref":"#"}},"required":[]}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			value, ok := rehearse.Synthesize([]byte(c.schema))
			if !ok {
				t.Fatal("no value was found")
			}
			if got := string(rehearse.Encode(value)); c.want != "" && got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for name, schema := range map[string]string{
		"no JSON": `{`, "a pattern": `{"type":"string","pattern":"^[0-9]{9}$"}`, "impossible": `{"type":"integer","minimum":5,"maximum":4}`,
	} {
		if value, ok := rehearse.Synthesize([]byte(schema)); ok {
			t.Errorf("%s: made %s", name, rehearse.Encode(value))
		}
	}
}
