package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scalar decodes numbers, booleans, durations and sizes.
func (d *decoder) scalar(s site, v reflect.Value, f *field) {
	want, hint, err := d.parseScalar(s, v, f)
	switch {
	case err != nil && errors.Is(err, strconv.ErrRange):
		d.wrong(s, want+" within its bounds", "")
	case err != nil:
		d.wrong(s, want, hint)
	case f != nil && f.min != "":
		d.atLeast(s, v, f)
	}
}

// errQuoted says that the value is a text because it is quoted.
var errQuoted = errors.New("quoted")

// parseScalar sets v, or tells what was wanted, and a hint.
func (d *decoder) parseScalar(s site, v reflect.Value, f *field) (want, hint string, err error) {
	want = wanted(v, f)
	if s.node.kind != scalarNode {
		return want, "", errors.New("not a scalar")
	}
	text := s.node.text
	if s.node.quoted() && !isDuration(v.Type()) && (f == nil || !f.size) {
		hint, err = "take the quotes away", errQuoted
	}
	switch {
	case isDuration(v.Type()):
		return setDuration(v, text, want)
	case f != nil && f.size:
		n, bad := parseSize(text)
		if bad != nil {
			return bad.want, bad.hint, bad
		}
		v.SetInt(n)
		return want, "", nil
	}
	if parseErr := setScalar(v, text); parseErr != nil {
		if v.Kind() == reflect.Bool {
			hint = boolHint(text)
		} else if err != nil {
			hint = ""
		}
		return want, hint, parseErr
	}
	return want, hint, err
}

// wanted says in words what the type wants.
func wanted(v reflect.Value, f *field) string {
	switch {
	case isDuration(v.Type()):
		return "a duration such as 5s, 100ms or 1h30m"
	case f != nil && f.size:
		return "a size such as 1MiB, 500KB or 4096"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.Kind() == reflect.Float32, v.Kind() == reflect.Float64:
		return "a number"
	case v.CanInt(), v.CanUint():
		return "a whole number"
	default:
		return "a value that " + v.Type().String() + " can hold"
	}
}

func setDuration(v reflect.Value, text, want string) (string, string, error) {
	n, bad := parseDuration(text)
	if bad != nil {
		return bad.want, bad.hint, bad
	}
	v.SetInt(int64(n))
	return want, "", nil
}

// setScalar reads a plain scalar by the kind of v.
func setScalar(v reflect.Value, text string) error {
	switch {
	case v.Kind() == reflect.Bool:
		b, ok := boolText(text)
		if !ok {
			return errors.New("not a boolean")
		}
		v.SetBool(b)
	case v.CanInt():
		n, err := parseInt(text, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := parseUint(text, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetUint(n)
	case v.CanFloat():
		n, err := parseFloat(text, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetFloat(n)
	default:
		return errors.New("no scalar")
	}
	return nil
}

// boolHint knows the words that other tools take for booleans.
func boolHint(text string) string {
	switch fold(text) {
	case "yes", "on", "y", "1", "true":
		return "write true"
	case "no", "off", "n", "0", "false":
		return "write false"
	default:
		return ""
	}
}

// atLeast reports a number below its least value.
func (d *decoder) atLeast(s site, v reflect.Value, f *field) {
	least := reflect.New(v.Type()).Elem()
	at := s
	at.node = &node{file: s.node.file, raw: f.min, text: f.min}
	if _, _, err := d.parseScalar(at, least, f); err != nil {
		return
	}
	var below bool
	switch {
	case v.CanInt():
		below = v.Int() < least.Int()
	case v.CanUint():
		below = v.Uint() < least.Uint()
	case v.CanFloat():
		below = v.Float() < least.Float()
	}
	if below {
		d.problem(s, fmt.Sprintf("%q must be at least %s", s.name, f.min), "")
	}
}

// describe says in words what a node is; values of variables and secrets are
// not shown.
func describe(n *node) string {
	switch {
	case n.kind == mappingNode:
		return "a mapping"
	case n.kind == sequenceNode:
		return "a list"
	case n.hidden:
		return "a text"
	case n.parts != nil:
		return "the value of " + clip(n.raw)
	case n.isNull():
		return "nothing"
	case n.style != plain:
		return "the text " + strconv.Quote(clip(n.text))
	case n.coreType() == "bool":
		return n.text
	case n.isNumber():
		return "the number " + clip(n.text)
	default:
		return strconv.Quote(clip(n.text))
	}
}

// clip shortens a text for messages.
func clip(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// flowHint helps with a mapping or list in the place of a text.
func flowHint(n *node) string {
	if len(n.members) == 1 && n.members[0].value.kind == scalarNode && !n.members[0].value.isNull() {
		switch m := n.members[0]; m.key.raw {
		case "env":
			return "write ${" + clip(m.value.raw) + "}"
		case "file":
			return "write the text itself, or ${VAR}"
		}
	}
	if n.flow && meantAsText(n) {
		return "quote this value"
	}
	return ""
}

// meantAsText reports whether something in braces or brackets is probably a
// text without quotes: a placeholder {name}, or jq.
func meantAsText(n *node) bool {
	jq := func(v *node) bool {
		return v.kind == scalarNode && v.style == plain && (strings.HasPrefix(v.raw, ".") || strings.HasPrefix(v.raw, "$"))
	}
	for _, m := range n.members {
		if m.value.isNull() || jq(m.value) {
			return true
		}
	}
	return slices.ContainsFunc(n.items, jq)
}

// docHint tells what a missing field is for.
func docHint(f *field) string {
	if f.doc == "" {
		return ""
	}
	return f.name + ": " + f.doc
}

// exampleHint names the keys of a small mapping.
func exampleHint(t *structType) string {
	if len(t.fields) == 0 {
		return "write {}"
	}
	names, more := t.names(), ""
	if len(names) > 4 {
		if names = required(t); len(names) == 0 {
			names, more = t.names()[:2], ", …"
		}
	}
	return "write {" + strings.Join(names, ": …, ") + ": …" + more + "}"
}

// required are the keys that must be there.
func required(t *structType) (names []string) {
	for i := range t.fields {
		if t.fields[i].required {
			names = append(names, t.fields[i].name)
		}
	}
	return names
}

// listHint shows the form of a list of these: with all keys if they are few,
// else with those that must be there.
func listHint(t *structType) string {
	names := t.names()
	if len(names) > 4 {
		names = required(t)
	}
	if len(names) == 0 {
		return "write [{…}, {…}]"
	}
	return "write [{" + strings.Join(names, ": …, ") + ": …}]"
}
