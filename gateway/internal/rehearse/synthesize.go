package rehearse

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// maxSynthesis bounds how deep a value is made; what is below is left out where
// the schema allows it.
const maxSynthesis = 12

// Synthesize makes a value that a JSON Schema allows: of its examples, defaults
// and constants where it has them. It reports false if it finds none.
func Synthesize(raw []byte) (any, bool) {
	document, err := strictjson.Decode(raw, 0)
	if err != nil {
		return nil, false
	}
	compiled, err := schema.Compile(raw)
	if err != nil {
		return nil, false
	}
	s := synthesis{root: document}
	value := s.value(document, 0)
	return value, len(compiled.Validate(value, nil)) == 0
}

// maxSynthesized bounds how many values are made for one schema.
const maxSynthesized = 5000

type synthesis struct {
	root any
	made int
}

// value makes a value of one schema.
func (s *synthesis) value(node any, depth int) any {
	s.made++
	keywords, ok := node.(map[string]any)
	if !ok || s.made > maxSynthesized {
		return map[string]any{}
	}
	if given, ok := written(keywords); ok {
		return given
	}
	if reference, ok := keywords["$ref"].(string); ok && depth < maxSynthesis {
		return s.value(s.resolve(reference), depth+1)
	}
	keywords = s.merged(keywords, depth)
	for _, choice := range []string{"oneOf", "anyOf"} {
		if branches, ok := keywords[choice].([]any); ok && len(branches) > 0 && depth < maxSynthesis {
			return s.value(branches[0], depth+1)
		}
	}
	switch typeOf(keywords) {
	case "object":
		return s.object(keywords, depth)
	case "array":
		return s.array(keywords, depth)
	case "string":
		return text(keywords)
	case "integer", "number":
		return number(keywords)
	case "boolean":
		return true
	}
	return nil
}

// written is the value that a schema names itself.
func written(keywords map[string]any) (any, bool) {
	if value, ok := keywords["const"]; ok {
		return value, true
	}
	for _, key := range []string{"examples", "enum"} {
		if list, ok := keywords[key].([]any); ok && len(list) > 0 {
			return list[0], true
		}
	}
	for _, key := range []string{"example", "default"} {
		if value, ok := keywords[key]; ok {
			return value, true
		}
	}
	return nil, false
}

// typeOf is the type that a schema asks for, or seems to.
func typeOf(keywords map[string]any) string {
	switch t := keywords["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok && name != "null" {
				return name
			}
		}
		return "null"
	}
	if _, ok := keywords["items"]; ok {
		return "array"
	}
	return "object"
}

// merged is a schema with those of its allOf laid together.
func (s *synthesis) merged(keywords map[string]any, depth int) map[string]any {
	branches, ok := keywords["allOf"].([]any)
	if !ok || depth >= maxSynthesis {
		return keywords
	}
	all := merging{out: map[string]any{}, properties: map[string]any{}}
	for _, branch := range branches {
		one, _ := branch.(map[string]any)
		for range maxSynthesis {
			reference, ok := one["$ref"].(string)
			if !ok {
				break
			}
			one, _ = s.resolve(reference).(map[string]any)
		}
		all.take(s.merged(one, depth+1))
	}
	all.take(keywords)
	all.out["properties"], all.out["required"] = all.properties, all.required
	return all.out
}

// merging is a schema made of several that hold at once.
type merging struct {
	out, properties map[string]any
	required        []any
}

func (m *merging) take(one map[string]any) {
	for key, value := range one {
		switch key {
		case "properties":
			members, _ := value.(map[string]any)
			maps.Copy(m.properties, members)
		case "required":
			names, _ := value.([]any)
			m.required = append(m.required, names...)
		case "allOf":
		default:
			m.out[key] = value
		}
	}
}

func (s *synthesis) object(keywords map[string]any, depth int) any {
	properties, _ := keywords["properties"].(map[string]any)
	required, _ := keywords["required"].([]any)
	out := make(map[string]any, len(properties))
	for name, property := range properties {
		if depth < maxSynthesis/2 || depth < maxSynthesis && slices.Contains(required, any(name)) {
			out[name] = s.value(property, depth+1)
		}
	}
	return out
}

func (s *synthesis) array(keywords map[string]any, depth int) any {
	least := 1
	if n, ok := toInt(keywords["minItems"]); ok {
		least = max(least, n)
	}
	if most, ok := toInt(keywords["maxItems"]); ok {
		least = min(least, most)
	}
	if depth >= maxSynthesis/2 {
		if n, ok := toInt(keywords["minItems"]); !ok || n == 0 {
			return []any{}
		}
	}
	items := keywords["items"]
	if items == nil {
		items = map[string]any{"type": "string"}
	}
	out := make([]any, 0, min(least, 16))
	for range cap(out) {
		out = append(out, s.value(items, depth+1))
	}
	return out
}

// text makes a string of the format and length that are asked for.
func text(keywords map[string]any) string {
	format, _ := keywords["format"].(string)
	out, ok := map[string]string{
		"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z", "duration": "P1D",
		"email": "someone@example.com", "uuid": "00000000-0000-4000-8000-000000000000", "hostname": "example.com",
		"uri": "https://example.com/", "url": "https://example.com/", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	}[format]
	if !ok {
		out = "text"
	}
	if least, ok := toInt(keywords["minLength"]); ok && len(out) < least && least < 10_000 {
		out += strings.Repeat("x", least-len(out))
	}
	if most, ok := toInt(keywords["maxLength"]); ok && len(out) > most && most >= 0 {
		out = out[:most]
	}
	return out
}

// number makes a number within the bounds.
func number(keywords map[string]any) json.Number {
	value := 1.0
	if v, ok := toFloat(keywords["maximum"]); ok {
		value = math.Min(value, math.Floor(v))
	}
	if v, ok := toFloat(keywords["exclusiveMaximum"]); ok && value >= v {
		value = math.Ceil(v) - 1
	}
	if v, ok := toFloat(keywords["minimum"]); ok {
		value = math.Max(value, math.Ceil(v))
	}
	if v, ok := toFloat(keywords["exclusiveMinimum"]); ok && value <= v {
		value = math.Floor(v) + 1
	}
	if step, ok := toFloat(keywords["multipleOf"]); ok && step > 0 {
		value = math.Ceil(value/step) * step
	}
	return json.Number(strconv.FormatFloat(value, 'f', -1, 64))
}

func toInt(v any) (int, bool) {
	f, ok := toFloat(v)
	return int(f), ok && f == math.Trunc(f) && math.Abs(f) < 1<<31
}

func toFloat(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// resolve finds what a reference within the schema means; nil if it is none.
func (s *synthesis) resolve(reference string) any {
	pointer, local := strings.CutPrefix(reference, "#")
	if !local {
		return nil
	}
	at := s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if name == "" {
			break
		}
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return at
}
