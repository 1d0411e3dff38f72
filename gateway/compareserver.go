package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
)

// endpoints compares the virtual servers. A manifest that names none has one,
// which shows everything.
func (x *comparer) endpoints() {
	for _, path := range union(x.old.endpoints, x.next.endpoints) {
		was, is := x.old.endpoints[path], x.next.endpoints[path]
		switch {
		case was == nil:
			x.note(changedEndpoint, path, ActionAdded, is.place(), nil, Effects{Widens: len(is.roles()) == 0})
		case is == nil:
			x.note(changedEndpoint, path, ActionRemoved, was.place(), nil, Effects{Narrows: len(was.roles()) == 0, Breaking: true})
		default:
			x.note(changedEndpoint, path, ActionChanged, is.place(), endpointParts(was, is), Effects{})
		}
	}
}

func (e *endpoint) place() config.Place {
	if e.source == nil {
		return config.Place{}
	}
	return e.source.Place
}

func (e *endpoint) roles() []string {
	if e.source == nil {
		return nil
	}
	return e.source.Roles
}

func (e *endpoint) needs() []string {
	if e.source == nil {
		return nil
	}
	return e.source.Scopes
}

// endpointParts compares two endpoints of one path.
func endpointParts(was, is *endpoint) []PartChange {
	return comparedKeys(was.place(), is.place(), func(key string, before, now config.Place) (Effects, bool) {
		switch key {
		case "roles":
			return namesAsked(was.roles(), is.roles(), true), true
		case "scopes":
			return namesAsked(was.needs(), is.needs(), false), true
		case "include": // everything, unless it is written
			return Effects{}, !everything(before) || !everything(now)
		}
		return Effects{}, true
	})
}

// everything reports whether include is that of an endpoint that has none.
func everything(include config.Place) bool {
	return include.IsZero() || slices.Equal(textsBelow(include), []string{"*"})
}

// comparedKeys compares the keys of two mappings. Judge tells what the change of
// one does, and whether it is one.
func comparedKeys(was, is config.Place, judge func(key string, was, is config.Place) (Effects, bool)) []PartChange {
	var parts []PartChange
	keys := make(map[string]bool)
	for _, at := range slices.Concat(was.Each(), is.Each()) {
		keys[at.Key()] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		before, had := was.At(key)
		now, has := is.At(key)
		if had == has && before.Same(now) {
			continue
		}
		if effects, told := judge(key, before, now); told {
			part := PartChange{Part: key, Says: saysOf(had, has), Old: before.JSON(), New: now.JSON(), Effects: effects}
			if had && has && string(part.Old) == string(part.New) {
				part.Says = "changed: a variable or a secret holds something else"
			}
			parts = append(parts, part)
		}
	}
	return parts
}

// upstreams compares the services behind the gateway.
func (x *comparer) upstreams() {
	old, next := x.old.manifest.Upstreams, x.next.manifest.Upstreams
	for _, name := range union(old, next) {
		was, is := old[name], next[name]
		switch {
		case was == nil:
			x.note(changedUpstream, name, ActionAdded, is.Place, nil, Effects{})
		case is == nil:
			x.note(changedUpstream, name, ActionRemoved, was.Place, nil, Effects{})
		default:
			parts := comparedKeys(was.Place, is.Place, func(key string, _, _ config.Place) (Effects, bool) {
				return boundEffects(written(was.Parts, key), written(is.Parts, key)), true
			})
			x.note(changedUpstream, name, ActionChanged, is.Place, parts, Effects{})
		}
	}
}

// written is a setting that isn't switched off.
func written(parts map[string]config.Setting, key string) config.Setting {
	if setting := parts[key]; !setting.Off {
		return setting
	}
	return config.Setting{}
}

// server compares the gateway's own settings, and what stands beside them at
// the root of the manifest.
func (x *comparer) server(restart config.Problems) {
	old, next := &x.old.manifest.Server, &x.next.manifest.Server
	limits := [][3]any{
		{"max_body", old.MaxBody, next.MaxBody},
		{"max_concurrent_calls", int64(old.MaxConcurrentCalls), int64(next.MaxConcurrentCalls)},
		{"max_streams", int64(old.MaxStreams), int64(next.MaxStreams)},
	}
	parts := comparedKeys(old.Place, next.Place, func(key string, was, is config.Place) (Effects, bool) {
		effects := boundEffects(written(old.Parts, key), written(next.Parts, key))
		if key == "call_timeout" {
			effects = loosened(old.CallTimeout, next.CallTimeout)
		}
		for _, limit := range limits {
			if limit[0] == key {
				before, _ := limit[1].(int64)
				now, _ := limit[2].(int64)
				effects = loosened(before, now)
			}
		}
		if key == "allowed_origins" {
			effects = Effects{Widens: addsNames(textsBelow(was), textsBelow(is)), Narrows: addsNames(textsBelow(is), textsBelow(was))}
		}
		effects.Restart = slices.ContainsFunc(restart, func(p config.Problem) bool { return strings.Contains(p.Message, "server."+key+" ") })
		return effects, true
	})
	at := next.Place
	if at.IsZero() {
		at = old.Place
	}
	x.note(changedServer, "server", ActionChanged, at, parts, Effects{})
	rest := comparedKeys(x.old.manifest.Place, x.next.manifest.Place, func(key string, _, _ config.Place) (Effects, bool) {
		return Effects{}, !slices.Contains(comparedElsewhere(), key)
	})
	for _, part := range rest {
		kept := json.RawMessage(nil)
		part.Old, part.New = kept, kept
		x.note(changedServer, part.Part, ActionChanged, at, []PartChange{part}, Effects{})
	}
}

// comparedElsewhere are the keys of a manifest that are looked at one by one.
func comparedElsewhere() []string {
	return []string{"version", "include", "server", "auth", "defaults", "upstreams", "tools", "resources", "prompts", "endpoints"}
}

// loosened compares two bounds.
func loosened[N int64 | time.Duration](was, is N) Effects {
	return Effects{Looser: is > was, Tighter: is < was}
}
