package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// valueDepth is how deep optional properties are given.
const valueDepth = 5

// tooMany is how a description names values of an enum that is not listed.
var tooMany = regexp.MustCompile(`One of \d+ values such as ([^,]+)`)

// values makes values that schemas accept, the same ones each time. Every
// string and number is another one where the schema leaves the choice.
type values struct {
	root map[string]any
	// choice is the alternative of oneOf and anyOf that is tried.
	choice int
	// lean leaves optional properties out.
	lean  bool
	count int
}

// variants are the ways to make a value that are tried one after the other, as
// conditions between the parts of a schema are not understood.
func variants(root map[string]any) []*values {
	var all []*values
	for _, lean := range []bool{false, true} {
		for choice := range 6 {
			all = append(all, &values{root: root, choice: choice, lean: lean})
		}
	}
	return all
}

// of makes a value for a schema.
func (v *values) of(schema any, name string, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok {
		return v.text(name)
	}
	s = v.merge(s, 0)
	if constant, has := s["const"]; has {
		return constant
	}
	if enum, has := s["enum"].([]any); has && len(enum) > 0 {
		for _, each := range enum {
			if each != nil && each != "" {
				return each
			}
		}
		return enum[0]
	}
	switch typeOf(s) {
	case "object":
		return v.object(s, depth)
	case "array":
		return v.array(s, name, depth)
	case "integer":
		return v.number(s, true)
	case "number":
		return v.number(s, false)
	case "boolean":
		return true
	case "null":
		return nil
	}
	return v.string(s, name)
}

// merge puts references, allOf and the chosen alternatives into one schema.
func (v *values) merge(s map[string]any, depth int) map[string]any {
	if depth > 12 {
		return s
	}
	merged := map[string]any{}
	add := func(part any) {
		if p, ok := part.(map[string]any); ok {
			overlay(merged, v.merge(p, depth+1))
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		add(v.resolve(ref))
	}
	for _, part := range list(s["allOf"]) {
		add(part)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if parts := list(s[key]); len(parts) > 0 {
			add(parts[(v.choice+firstText(parts))%len(parts)])
		}
	}
	own := maps.Clone(s)
	for _, key := range []string{"$ref", "allOf", "oneOf", "anyOf"} {
		delete(own, key)
	}
	overlay(merged, own)
	return merged
}

// firstText is the first alternative if they aren't scalars, else the first
// that is a string: a number in a URL is a string as well.
func firstText(parts []any) int {
	text := 0
	for i, part := range parts {
		switch typeOf(object(part)) {
		case "string":
			if text == 0 {
				text = i
			}
		case "integer", "number", "boolean":
		default:
			return 0
		}
	}
	return text
}

func overlay(onto, from map[string]any) {
	for key, value := range from {
		switch key {
		case "properties":
			both := map[string]any{}
			maps.Copy(both, object(onto[key]))
			for name, property := range object(value) {
				if base, ok := both[name].(map[string]any); ok {
					combined := maps.Clone(base)
					overlay(combined, object(property))
					property = combined
				}
				both[name] = property
			}
			onto[key] = both
		case "required":
			onto[key] = append(slices.Clone(list(onto[key])), list(value)...)
		default:
			onto[key] = value
		}
	}
}

func (v *values) resolve(ref string) any {
	var at any = v.root
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(ref, "#"), "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		if part != "" {
			at = object(at)[part]
		}
	}
	return at
}

func (v *values) object(s map[string]any, depth int) any {
	made := map[string]any{}
	required := map[string]bool{}
	for _, name := range list(s["required"]) {
		if name, ok := name.(string); ok {
			required[name] = true
		}
	}
	properties := object(s["properties"])
	most := number(s["maxProperties"], math.MaxInt32)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		optional := !required[name]
		if optional && (v.lean || depth >= valueDepth || float64(len(made)+len(required)) >= most) {
			continue
		}
		if depth > 4*valueDepth {
			continue // a schema that requires itself
		}
		made[name] = v.of(properties[name], name, depth+1)
	}
	for name := range required {
		if _, has := made[name]; !has && depth <= 4*valueDepth {
			made[name] = v.of(s["additionalProperties"], name, depth+1)
		}
	}
	least := number(s["minProperties"], 0)
	if len(properties) == 0 && depth < valueDepth && s["additionalProperties"] != false && s["patternProperties"] == nil {
		least = max(least, 1)
	}
	for i := 0; float64(len(made)) < least && i < 10; i++ {
		made[fmt.Sprintf("key%d", i)] = v.of(s["additionalProperties"], "extra", depth+1)
	}
	return made
}

func (v *values) array(s map[string]any, name string, depth int) any {
	length := max(2, int(number(s["minItems"], 0)))
	if s["uniqueItems"] == true && int(number(s["minItems"], 0)) < 2 || depth >= valueDepth {
		length = max(1, int(number(s["minItems"], 0)))
	}
	length = min(length, int(number(s["maxItems"], math.MaxInt32)))
	made := make([]any, 0, length)
	items := s["items"]
	prefix := list(s["prefixItems"])
	for i := range length {
		each := items
		if i < len(prefix) {
			each = prefix[i]
		}
		made = append(made, v.of(each, name, depth+1))
	}
	if enum := list(v.merge(object(items), 0)["enum"]); len(enum) >= length && s["uniqueItems"] == true {
		return enum[:length]
	}
	return made
}

func (v *values) number(s map[string]any, whole bool) any {
	v.count++
	low, high := number(s["minimum"], math.Inf(-1)), number(s["maximum"], math.Inf(1))
	step := 1.0
	if !whole {
		step = 0.5
	}
	if exclusive := number(s["exclusiveMinimum"], math.Inf(-1)); exclusive >= low {
		low = exclusive + step
	}
	if exclusive := number(s["exclusiveMaximum"], math.Inf(1)); exclusive <= high {
		high = exclusive - step
	}
	value := float64(100 + v.count)
	if !whole {
		value += 0.5
	}
	if value > high {
		value = high
		if below := high - float64(v.count%7)*step; below >= low {
			value = below
		}
	}
	value = max(value, low)
	if of := number(s["multipleOf"], 0); of > 0 && of >= 1e-3 {
		if value = math.Ceil(value/of) * of; value > high {
			value = math.Floor(high/of) * of
		}
	}
	if whole {
		value = math.Ceil(value)
	}
	return json.Number(strconv.FormatFloat(value, 'f', -1, 64))
}

// text is a string that no other is part of.
func (v *values) text(name string) string {
	v.count++
	return fmt.Sprintf("%.12s-%dx", strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, name), v.count)
}

func (v *values) string(s map[string]any, name string) string {
	if told := told(s); told != "" {
		return told
	}
	made := v.formatted(s, name)
	if pattern, ok := s["pattern"].(string); ok {
		if checked, err := regexp.Compile(pattern); err == nil && made != "" && checked.MatchString(made) {
			return made
		}
		if made, ok := fromPattern(pattern, int(number(s["minLength"], 0))); ok {
			return made
		}
	}
	if made != "" {
		return made
	}
	made = v.text(name)
	if least := int(number(s["minLength"], 0)); len(made) < least {
		made += strings.Repeat("x", least-len(made))
	}
	if most := int(number(s["maxLength"], math.MaxInt32)); len(made) > most {
		made = made[len(made)-most:]
	}
	return made
}

// formatted makes a string of the schema's format, if it has one.
func (v *values) formatted(s map[string]any, name string) string {
	v.count++
	n := v.count
	switch s["format"] {
	case "date-time":
		return fmt.Sprintf("2024-05-%02dT10:%02d:00Z", 1+n%28, n%60)
	case "date", "full-date":
		return fmt.Sprintf("2024-%02d-%02d", 1+n%12, 1+n%28)
	case "time":
		return fmt.Sprintf("10:%02d:00Z", n%60)
	case "duration":
		return fmt.Sprintf("P%dD", n)
	case "email", "idn-email":
		return fmt.Sprintf("a%d@example.com", n)
	case "hostname", "idn-hostname":
		return fmt.Sprintf("host%d.example.com", n)
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", n%250)
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", n+1)
	case "uri", "url", "iri", "uri-template":
		return fmt.Sprintf("https://example.com/%d", n)
	case "uri-reference", "iri-reference":
		return fmt.Sprintf("/relative/%d", n)
	case "uuid":
		return fmt.Sprintf("123e4567-e89b-42d3-a456-%012d", n)
	case "regex":
		return fmt.Sprintf("^a%d$", n)
	case "json-pointer":
		return fmt.Sprintf("/a/%d", n)
	case "byte":
		return base64.StdEncoding.EncodeToString([]byte(v.text(name)))
	}
	if s["contentEncoding"] == "base64" {
		return base64.StdEncoding.EncodeToString([]byte(v.text(name)))
	}
	return ""
}

// told is a value that the description names where there are too many to list.
func told(s map[string]any) string {
	description, _ := s["description"].(string)
	if match := tooMany.FindStringSubmatch(description); match != nil {
		return match[1]
	}
	return ""
}

// eitherGroups is how a tool's description tells of groups of arguments that
// exclude each other.
var eitherGroups = regexp.MustCompile(`Give either ([^.]+)\.`)

// chooseGroup leaves the first of such groups in the arguments, as a model does
// that reads the description.
func chooseGroup(description string, args map[string]any) {
	match := eitherGroups.FindStringSubmatch(description)
	if match == nil {
		return
	}
	names := strings.NewReplacer(" and ", ", ").Replace
	groups := strings.Split(match[1], ", or ")
	chosen := strings.Split(names(groups[0]), ", ")
	for _, group := range groups[1:] {
		for name := range strings.SplitSeq(names(group), ", ") {
			if !slices.Contains(chosen, name) {
				delete(args, name)
			}
		}
	}
}

// fromPattern makes a string that a regular expression matches, if it is one
// that Go understands.
func fromPattern(pattern string, least int) (string, bool) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	write(&b, parsed, least)
	return b.String(), true
}

func write(b *strings.Builder, re *syntax.Regexp, least int) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpConcat:
		for _, part := range re.Sub {
			write(b, part, least)
		}
	case syntax.OpAlternate:
		write(b, re.Sub[0], least)
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		times := max(1, re.Min)
		if re.Max < 0 || re.Op != syntax.OpRepeat {
			times = max(times, least-b.Len())
		} else if re.Max > 0 {
			times = max(times, min(re.Max, least-b.Len()))
		}
		for range times {
			write(b, re.Sub[0], 0)
		}
	}
}

// pick is a plain character of a class: a letter or a digit if there is one.
func pick(ranges []rune) rune {
	for _, wanted := range []rune{'a', 'b', 'A', '1', '0', 'f', '_', '-'} {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= wanted && wanted <= ranges[i+1] {
				return wanted
			}
		}
	}
	return ranges[0]
}

func typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		if slices.Contains(t, any("string")) {
			return "string" // a number in a URL is a string as well
		}
		for _, each := range t {
			if name, ok := each.(string); ok && name != "null" {
				return name
			}
		}
		return "null"
	}
	switch {
	case s["properties"] != nil || s["additionalProperties"] != nil || s["required"] != nil:
		return "object"
	case s["items"] != nil || s["prefixItems"] != nil:
		return "array"
	case s["minimum"] != nil || s["maximum"] != nil:
		return "number"
	}
	return "string"
}

func number(value any, otherwise float64) float64 {
	switch n := value.(type) {
	case float64:
		return n
	case json.Number:
		if f, err := n.Float64(); err == nil {
			return f
		}
	}
	return otherwise
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

func object(value any) map[string]any {
	all, _ := value.(map[string]any)
	return all
}
