package gateway

import (
	"maps"
	"slices"
	"strconv"

	"github.com/sallyport-mcp/sallyport/config"
)

// auth compares the ways to know a caller.
func (x *comparer) auth() {
	old, next := x.old.manifest.Auth, x.next.manifest.Auth
	if x.old.auth != nil && x.next.auth == nil {
		x.note(changedAuth, "auth", ActionRemoved, old.Place, []PartChange{{
			Part: "auth", Says: "whoever reaches the listener may call", Effects: Effects{Widens: true},
		}}, Effects{})
	}
	if x.old.auth == nil && x.next.auth != nil {
		x.note(changedAuth, "auth", ActionAdded, next.Place, []PartChange{{
			Part: "auth", Says: "callers have to be known", Effects: Effects{Narrows: true, Breaking: true},
		}}, Effects{})
	}
	for _, key := range union(old.Parts, next.Parts) {
		was, is := old.Parts[key], next.Parts[key]
		had, has := !was.IsZero() && !was.Off, !is.IsZero() && !is.Off
		// Without any auth everybody is let in: a first way narrows, and the
		// last one widens.
		switch {
		case had == has && was.Same(is.Place):
		case !had:
			x.note(changedAuth, key, ActionAdded, is.Place, nil, Effects{Widens: x.old.auth != nil})
		case !has:
			x.note(changedAuth, key, ActionRemoved, was.Place, nil, Effects{Narrows: x.next.auth != nil, Breaking: x.next.auth != nil})
		default:
			x.note(changedAuth, key, ActionChanged, is.Place, authParts(key, was.Place, is.Place), Effects{})
		}
	}
}

// authParts compares the settings of one way to know a caller: of a list, item
// by item.
func authParts(key string, was, is config.Place) []PartChange {
	old, next := authItems(was), authItems(is)
	if old == nil || next == nil {
		return authMembers(key, was, is)
	}
	var parts []PartChange
	for _, name := range union(old, next) {
		before, now := old[name], next[name]
		part := PartChange{Part: key + "." + name, Old: before.JSON(), New: now.JSON()}
		switch {
		case before.IsZero():
			part.Says, part.Effects = "added: another way to be let in", Effects{Widens: true}
		case now.IsZero():
			part.Says, part.Effects = "removed", Effects{Narrows: true, Breaking: true}
		case before.Same(now):
			continue
		default:
			parts = append(parts, authMembers(part.Part, before, now)...)
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

// authItems are the items of a list by their names: an API key's name, an
// issuer. Nil if it is no list of such.
func authItems(p config.Place) map[string]config.Place {
	items := make(map[string]config.Place)
	for n, item := range listItems(p) {
		name := ""
		for _, key := range []string{"name", "issuer"} {
			if at, ok := item.At(key); ok && name == "" {
				name = at.Text()
			}
		}
		if name == "" {
			name = strconv.Itoa(n + 1)
		}
		for _, taken := items[name]; taken; _, taken = items[name] {
			name += "'" // the same issuer with another audience
		}
		items[name] = item
	}
	if len(items) == 0 {
		return nil
	}
	return items
}

// listItems are the items of a list; of a mapping itself, as a list of one.
func listItems(p config.Place) []config.Place {
	below := p.Each()
	if len(below) == 0 || below[0].Key() != "" && below[0].Path != p.Path {
		if _, one := p.At("issuer"); one {
			return []config.Place{p}
		}
		return nil
	}
	return below
}

// authMembers compares the keys of one issuer, API key or anonymous.
func authMembers(name string, was, is config.Place) []PartChange {
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
		parts = append(parts, PartChange{
			Part: name + "." + key, Says: saysOf(had, has), Old: before.JSON(), New: now.JSON(), Effects: authEffects(key, before, now),
		})
	}
	return parts
}

// authEffects judges the change of one key. What proves who somebody is may be
// exchanged without anybody gaining by it; of other keys that can't be told.
func authEffects(key string, was, is config.Place) Effects {
	switch key {
	case "roles", "scopes", "audience":
		old, next := textsBelow(was), textsBelow(is)
		return Effects{Widens: addsNames(old, next), Narrows: addsNames(next, old), Breaking: addsNames(next, old)}
	case "role_map":
		old, next := rolePairs(was), rolePairs(is)
		return Effects{Widens: addsNames(old, next), Narrows: addsNames(next, old)}
	case "sha256", "secret", "jwks", "jwks_file":
		return Effects{}
	}
	return Effects{Widens: true, Narrows: true}
}

func textsBelow(p config.Place) []string {
	below := p.Each()
	texts := make([]string, 0, len(below))
	for _, at := range below {
		texts = append(texts, at.Text())
	}
	return texts
}

// rolePairs are the roles that role_map gives for claimed ones.
func rolePairs(p config.Place) []string {
	var pairs []string
	for _, claimed := range p.Each() {
		for _, role := range claimed.Each() {
			pairs = append(pairs, claimed.Key()+" -> "+role.Text())
		}
	}
	return pairs
}
