package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// targets compares the tools, resources and prompts.
func (x *comparer) targets() {
	old, next := x.old.byName(), x.next.byName()
	for _, key := range union(old, next) {
		was, is := old[key], next[key]
		switch {
		case was == nil:
			x.note(is.spec.Kind, is.spec.Name, ActionAdded, is.place, nil, Effects{Widens: x.next.reachable(is)})
		case is == nil:
			x.note(was.spec.Kind, was.spec.Name, ActionRemoved, was.place, nil, Effects{Breaking: x.old.reachable(was), Narrows: x.old.reachable(was)})
		default:
			d := targetDiff{x: x, was: was, is: is}
			d.compare()
			x.note(is.spec.Kind, is.spec.Name, ActionChanged, is.place, d.parts, Effects{})
		}
	}
}

// byName are all targets, by their order and name.
func (s *snapshot) byName() map[string]*target {
	all := make(map[string]*target)
	for name, t := range s.tools {
		all["1 "+name] = &t.target
	}
	for uri, r := range s.resources {
		all["2 "+uri] = &r.target
	}
	for _, r := range s.templates {
		all["2 "+r.spec.Name] = &r.target
	}
	for name, p := range s.prompts {
		all["3 "+name] = &p.target
	}
	return all
}

// internal reports whether no client can call the target.
func (s *snapshot) internal(t *target) bool {
	own := s.tools[t.spec.Name]
	return own != nil && &own.target == t && own.source.Internal
}

// reachable reports whether some endpoint shows the target.
func (s *snapshot) reachable(t *target) bool {
	if s.internal(t) {
		return false
	}
	for _, e := range s.endpoints {
		if e.shows(t) {
			return true
		}
	}
	return false
}

// union are the keys of two maps, sorted.
func union[V any](x, y map[string]V) []string {
	all := maps.Clone(x)
	if all == nil {
		all = make(map[string]V)
	}
	maps.Copy(all, y)
	return slices.Sorted(maps.Keys(all))
}

// targetDiff compares two builds of one target.
type targetDiff struct {
	x       *comparer
	was, is *target
	parts   []PartChange
}

func (d *targetDiff) add(part PartChange) { d.parts = append(d.parts, part) }

func (d *targetDiff) compare() {
	keys := make(map[string]bool)
	for _, t := range []*target{d.was, d.is} {
		for _, at := range t.place.Each() {
			keys[at.Key()] = true
		}
		for key := range t.parts {
			keys[key] = true
		}
	}
	d.upstream()
	d.annotations()
	d.input()
	d.output()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		d.key(key)
	}
	slices.SortStableFunc(d.parts, func(a, b PartChange) int { return strings.Compare(a.Part, b.Part) })
}

// key compares what a key says.
func (d *targetDiff) key(key string) {
	was, had := d.setting(d.was, key)
	is, has := d.setting(d.is, key)
	switch key {
	case "input", "input_schema", "in", "annotations", "upstream":
		return // looked at in other ways
	}
	if had == has && was.Same(is.Place) || key == "request" && sameRequest(was, is) {
		return
	}
	switch key {
	case "roles", "scopes", "requires", "tags":
		if before, now := textsBelow(was.Place), textsBelow(is.Place); !addsNames(before, now) && !addsNames(now, before) {
			return // in another order
		}
	}
	part := PartChange{Part: key, Says: saysOf(had, has), Old: was.JSON(), New: is.JSON()}
	part.Effects = d.effects(key, was, is)
	if key == "request" && part.Widens {
		part.Says = "only read, and changes something now"
	}
	if key == "arguments" && slices.ContainsFunc(d.parts, func(p PartChange) bool { return strings.HasPrefix(p.Part, "input.") }) {
		return // told in detail
	}
	d.add(part)
}

// setting is what a target says below a key, its own or by defaults; what is
// switched off isn't there.
func (d *targetDiff) setting(t *target, key string) (config.Setting, bool) {
	if setting, ok := t.parts[key]; ok {
		if setting.Off {
			return config.Setting{}, false
		}
		return setting, true
	}
	at, ok := t.place.At(key)
	return config.Setting{Place: at}, ok
}

// saysOf says what became of a key.
func saysOf(had, has bool) string {
	switch {
	case !had:
		return "added"
	case !has:
		return "removed"
	}
	return "changed"
}

// effects tells what the change of a key does to callers.
func (d *targetDiff) effects(key string, was, is config.Setting) Effects {
	switch key {
	case "roles":
		return namesAsked(d.was.roles(), d.is.roles(), true)
	case "scopes":
		return namesAsked(d.was.scopes(), d.is.scopes(), false)
	case whenKey:
		return Effects{Widens: !was.IsZero(), Narrows: !is.IsZero()}
	case "internal":
		widens, narrows := d.x.old.internal(d.was), d.x.next.internal(d.is)
		return Effects{Widens: widens && !narrows, Narrows: narrows && !widens, Breaking: narrows && !widens}
	case "confirm":
		return Effects{Widens: is.IsZero(), Narrows: was.IsZero()}
	case "request":
		before, now := reads(d.was), reads(d.is)
		return Effects{Widens: before && !now, Narrows: now && !before}
	case "requires":
		return Effects{Breaking: addsNames(d.was.spec.Requires, d.is.spec.Requires)}
	}
	return boundEffects(was, is)
}

// reads reports whether what a target asks of its upstream only reads.
func reads(t *target) bool { return t.operator == nil || t.operator.Safe() }

// namesAsked compares the names that a rule asks for: one of them, or all of
// them. None is no rule.
func namesAsked(was, is []string, one bool) Effects {
	if !one {
		return Effects{Widens: addsNames(is, was), Narrows: addsNames(was, is), Breaking: addsNames(was, is)}
	}
	switch {
	case len(was) == 0 && len(is) == 0:
		return Effects{}
	case len(was) == 0:
		return Effects{Narrows: true, Breaking: true}
	case len(is) == 0:
		return Effects{Widens: true}
	}
	return Effects{Widens: addsNames(was, is), Narrows: addsNames(is, was), Breaking: addsNames(is, was)}
}

// addsNames reports whether the second list has a name that the first lacks.
func addsNames(first, second []string) bool {
	return slices.ContainsFunc(second, func(name string) bool { return !slices.Contains(first, name) })
}

// boundEffects compares settings that bound something.
func boundEffects(was, is config.Setting) Effects {
	switch own := is.Value.(type) {
	case plugins.Bound:
		looser, tighter := own.Compare(was.Value)
		return Effects{Looser: looser, Tighter: tighter}
	case time.Duration:
		before, had := was.Value.(time.Duration)
		return Effects{Looser: had && own > before, Tighter: !had || own < before}
	}
	switch was.Value.(type) {
	case plugins.Bound, time.Duration:
		return Effects{Looser: is.Value == nil}
	}
	return Effects{}
}

// sameRequest reports whether a request in the short form says what one in the
// long form does.
func sameRequest(was, is config.Setting) bool {
	return (was.Text() == "") != (is.Text() == "") && bytes.Equal(longRequest(was), longRequest(is))
}

// longRequest is a request as JSON whose short form is written out.
func longRequest(setting config.Setting) []byte {
	method, path, short := strings.Cut(setting.Text(), " ")
	if short {
		out, err := json.Marshal(map[string]string{"method": method, "path": strings.TrimSpace(path)})
		if err == nil {
			return out
		}
	}
	var v any
	if json.Unmarshal(setting.JSON(), &v) != nil {
		return nil
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return out
}

func (d *targetDiff) upstream() {
	if d.was.upstream == d.is.upstream {
		return
	}
	d.add(PartChange{Part: "upstream", Says: fmt.Sprintf("%s -> %s", orNone(d.was.upstream), orNone(d.is.upstream))})
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

// annotations compares the hints as clients get them.
func (d *targetDiff) annotations() {
	was, is := d.was.spec.Annotations, d.is.spec.Annotations
	if reflect.DeepEqual(was, is) {
		return
	}
	var said []string
	for _, hint := range []struct {
		name    string
		was, is *bool
	}{
		{"read_only", was.ReadOnly, is.ReadOnly}, {"destructive", was.Destructive, is.Destructive},
		{"idempotent", was.Idempotent, is.Idempotent}, {"open_world", was.OpenWorld, is.OpenWorld},
	} {
		if before, after := hintText(hint.was), hintText(hint.is); before != after {
			said = append(said, fmt.Sprintf("%s %s -> %s", hint.name, before, after))
		}
	}
	if len(said) > 0 {
		d.add(PartChange{Part: "annotations", Says: strings.Join(said, ", ")})
	}
}

func hintText(hint *bool) string {
	switch {
	case hint == nil:
		return "unsaid"
	case *hint:
		return "true"
	}
	return "false"
}

// input compares the arguments: what calls may give, and where it goes.
func (d *targetDiff) input() {
	for _, c := range compareSchemas(d.was.spec.InputSchema, d.is.spec.InputSchema) {
		d.add(PartChange{Part: "input" + c.at, Says: c.says, Effects: Effects{Breaking: c.tighter}})
	}
	before := make(map[string]*plugins.Argument, len(d.was.spec.Arguments))
	for i := range d.was.spec.Arguments {
		before[d.was.spec.Arguments[i].Name] = &d.was.spec.Arguments[i]
	}
	for i := range d.is.spec.Arguments {
		now := &d.is.spec.Arguments[i]
		was := before[now.Name]
		delete(before, now.Name)
		switch {
		case was == nil && now.Value != nil:
			d.add(PartChange{Part: "request", Says: "sends " + now.Name + ", which the gateway fills in"})
		case was != nil && !samePlace(was, now):
			d.add(PartChange{Part: "request", Says: "argument " + now.Name + " goes another way: " + placeText(was) + " -> " + placeText(now)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name].Value != nil {
			d.add(PartChange{Part: "request", Says: "sends " + name + " no more"})
		}
	}
}

// samePlace reports whether an argument goes the same way as before.
func samePlace(a, b *plugins.Argument) bool {
	x, y := *a, *b
	x.Schema, y.Schema, x.Optional, y.Optional = nil, nil, false, false
	return reflect.DeepEqual(x, y)
}

// placeText says where an argument goes, as far as the manifest does.
func placeText(a *plugins.Argument) string {
	said := []string{a.In, a.As, a.Style, a.MediaType}
	if a.Explode != nil {
		said = append(said, fmt.Sprintf("explode %v", *a.Explode))
	}
	if a.Value != nil {
		said = append(said, "filled in")
	}
	said = slices.DeleteFunc(said, func(text string) bool { return text == "" })
	if len(said) == 0 {
		return "by the rules"
	}
	return strings.Join(said, " ")
}

// output compares the schemas of structured content, for those who read it:
// they break where more is possible than before.
func (d *targetDiff) output() {
	was, is := d.was.spec.OutputSchema, d.is.spec.OutputSchema
	switch {
	case was == nil && is == nil:
	case was == nil:
		d.add(PartChange{Part: "output", Says: "has a schema now"})
	case is == nil:
		d.add(PartChange{Part: "output", Says: "has no schema any more", Effects: Effects{Breaking: true}})
	default:
		for _, c := range compareSchemas(was, is) {
			d.add(PartChange{Part: "output" + c.at, Says: c.says, Effects: Effects{Breaking: c.looser}})
		}
	}
}
