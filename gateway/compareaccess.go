package gateway

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// access tells what callers see in one manifest and not in the other: one for
// each role that either names, one who is known and has no role, and one who
// shows no credentials.
func (x *comparer) access() []AccessChange {
	changes := []AccessChange{}
	for _, c := range x.callers() {
		old, next := x.old.reach(c), x.next.reach(c)
		for _, path := range union(old, next) {
			change := AccessChange{Caller: c.name, Endpoint: path, Gains: beyond(next[path], old[path]), Loses: beyond(old[path], next[path])}
			if len(change.Gains)+len(change.Loses) > 0 {
				changes = append(changes, change)
			}
		}
	}
	return changes
}

// beyond are the names of the first set that the second lacks, sorted.
func beyond(set, without map[string]bool) []string {
	more := []string{}
	for name := range set {
		if !without[name] {
			more = append(more, name)
		}
	}
	slices.Sort(more)
	return more
}

// comparedCaller is one of the callers that manifests are compared for.
type comparedCaller struct {
	name  string
	roles []string
	// anonymous says that it shows no credentials.
	anonymous bool
}

func (x *comparer) callers() []comparedCaller {
	roles := x.old.namedRoles()
	maps.Copy(roles, x.next.namedRoles())
	callers := make([]comparedCaller, 0, 2+len(roles))
	callers = append(callers, comparedCaller{name: "anonymous", anonymous: true}, comparedCaller{name: "without roles"})
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		callers = append(callers, comparedCaller{name: "role " + role, roles: []string{role}})
	}
	return callers
}

// quotedText finds the texts in a rule on roles: they may be roles.
var quotedText = regexp.MustCompile(`"([^"\\]+)"|'([^'\\]+)'`)

// namedRoles are the roles that a manifest names where it asks for them, or
// gives them.
func (s *snapshot) namedRoles() map[string]bool {
	roles := make(map[string]bool)
	note := func(names []string) {
		for _, name := range names {
			roles[name] = true
		}
	}
	for t := range s.all.targets() {
		note(t.roles())
		if rule, ok := t.parts[whenKey]; ok && !rule.Off && strings.Contains(rule.Text(), "roles") {
			for _, found := range quotedText.FindAllStringSubmatch(rule.Text(), -1) {
				note([]string{found[1] + found[2]})
			}
		}
	}
	for _, e := range s.manifest.Endpoints {
		note(e.Roles)
	}
	for _, setting := range s.manifest.Auth.Parts {
		for role := range rolesGiven(setting.Place) {
			roles[role] = true
		}
	}
	return roles
}

// rolesGiven are the roles that a way to authenticate gives: below `roles` that
// is a list, and in role_map.
func rolesGiven(p config.Place) map[string]bool {
	given := make(map[string]bool)
	for _, below := range p.Each() {
		if below.Path == p.Path {
			break // a scalar
		}
		switch below.Key() {
		case "roles":
			for _, role := range below.Each() {
				given[role.Text()] = true
			}
		case "role_map":
			for _, mapped := range below.Each() {
				for _, role := range mapped.Each() {
					given[role.Text()] = true
				}
			}
		case "claims": // names of claims
		case "":
			maps.Copy(given, rolesGiven(below))
		}
	}
	delete(given, "")
	return given
}

// reach is what a caller sees, by the endpoint.
func (s *snapshot) reach(c comparedCaller) map[string]map[string]bool {
	reached := make(map[string]map[string]bool)
	if anybody := s.anonymous(); anybody != nil {
		s.reachOf(anybody, reached)
	}
	if !c.anonymous && s.knowsCallers() {
		s.reachOf(&plugins.Principal{Key: "compared", Subject: "compared", Roles: c.roles, Claims: map[string]any{}}, reached)
	}
	return reached
}

// anonymous is somebody without credentials; nil if such aren't let in.
func (s *snapshot) anonymous() *plugins.Principal {
	if s.auth == nil {
		return &plugins.Principal{Key: "anonymous:compared", Anonymous: true}
	}
	principal, err := s.auth.Authenticate(context.Background(), &plugins.Credentials{})
	if err != nil {
		return nil
	}
	return principal
}

// knowsCallers reports whether there is a way to be more than anonymous.
func (s *snapshot) knowsCallers() bool {
	for key, setting := range s.manifest.Auth.Parts {
		if key != anonymousKey && !setting.Off {
			return true
		}
	}
	return false
}

// anonymousKey is the key of auth that lets callers in without credentials.
const anonymousKey = "anonymous"

// reachOf adds what a principal sees.
func (s *snapshot) reachOf(p *plugins.Principal, reached map[string]map[string]bool) {
	for path, e := range s.endpoints {
		if !e.admits(p) {
			continue
		}
		for t := range s.all.targets() {
			if s.internal(t) || !e.shows(t) || !t.admits(p) {
				continue
			}
			if reached[path] == nil {
				reached[path] = make(map[string]bool)
			}
			reached[path][t.spec.Kind+" "+t.spec.Name] = true
		}
	}
}
