package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// secrets warns of secrets that are written in the manifest.
func (l *linter) secrets() {
	for _, at := range l.s.manifest.OpenSecrets() {
		if strings.Contains(at.Path, ".headers.") && !credentialHeader(at.Key()) {
			continue
		}
		l.warn(ruleSecretWritten, at.Problem("the secret is written in the manifest", "write ${VAR}, {env: VAR} or {file: path}"))
	}
}

// credentialHeader reports whether a header of that name holds a credential.
func credentialHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"authorization", "token", "secret", "password", "api-key", "apikey", "api_key", "cookie", "credential"},
		func(word string) bool { return strings.Contains(name, word) })
}

// upstreams warns of credentials that travel unencrypted.
func (l *linter) upstreams() {
	for _, name := range slices.Sorted(maps.Keys(l.s.manifest.Upstreams)) {
		up := l.s.manifest.Upstreams[name]
		_, authenticated := up.At("auth")
		if headers, written := up.At("headers"); written {
			authenticated = authenticated || slices.ContainsFunc(headers.Each(), func(p config.Place) bool { return credentialHeader(p.Key()) })
		}
		addresses, written := up.At("url")
		if !authenticated || !written {
			continue
		}
		for _, at := range addresses.Each() {
			if u, err := url.Parse(at.Text()); err == nil && strings.EqualFold(u.Scheme, "http") && !loopbackHost(u.Hostname()) {
				l.warn(rulePlainHTTP, at.Problem(fmt.Sprintf("the credentials of upstream %q travel unencrypted", name), "write https://"))
			}
		}
	}
}

// loopbackHost reports whether a host is this machine.
func loopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}

// roleUse tells where a role is asked for.
type roleUse struct {
	role string
	at   []config.Place
}

// roles warns of roles that are probably misspelled, and of those that nobody
// is given.
func (l *linter) roles() {
	if l.s.auth == nil {
		return // the warnings tell of all of them
	}
	given, open := l.givenRoles()
	uses := l.usedRoles()
	for _, use := range uses {
		if given[use.role] {
			continue
		}
		likely := likelyRole(use, uses, given)
		switch hint := fmt.Sprintf("did you mean %q?", likely); {
		case !open && likely == "":
			l.warn(ruleRoleUnassigned, use.at[0].Problem(fmt.Sprintf("no caller has the role %q", use.role), "give it to an API key, or to anonymous"))
		case !open && given[likely]:
			l.warn(ruleRoleUnassigned, use.at[0].Problem(fmt.Sprintf("no caller has the role %q", use.role), hint))
		case likely != "":
			l.warn(ruleRoleMisspelled, use.at[0].Problem(fmt.Sprintf("the role %q is named only here", use.role), hint))
		}
	}
}

// givenRoles are the roles that the manifest itself gives to callers. Open says
// that tokens may name others.
func (l *linter) givenRoles() (given map[string]bool, open bool) {
	given = make(map[string]bool)
	note := func(list config.Place, _ bool) {
		for _, role := range writtenRoles(list) {
			given[role.Text()] = true
		}
	}
	for key := range l.s.manifest.Auth.Parts {
		part := l.s.manifest.Auth.Parts[key]
		switch key {
		case "api_keys":
			for _, one := range part.Each() {
				note(one.At("roles"))
			}
			note(part.At("roles"))
		case "anonymous":
			note(part.At("roles"))
		default:
			open = true
			issuers := part.Each()
			if _, single := part.At("role_map"); single {
				issuers = []config.Place{part.Place}
			}
			for _, issuer := range issuers {
				if mapped, written := issuer.At("role_map"); written {
					for _, to := range mapped.Each() {
						note(to, true)
					}
				}
			}
		}
	}
	return given, open
}

// usedRoles are the roles that anything asks for, sorted.
func (l *linter) usedRoles() []roleUse {
	byRole := make(map[string][]config.Place)
	seen := make(map[string]bool) // those of defaults are met again and again
	note := func(list config.Place) {
		for _, at := range writtenRoles(list) {
			if !seen[at.String()] {
				seen[at.String()] = true
				byRole[at.Text()] = append(byRole[at.Text()], at)
			}
		}
	}
	for _, t := range l.s.tools {
		note(t.parts["roles"].Place)
	}
	for t := range l.s.all.targets() {
		note(t.parts["roles"].Place)
	}
	for _, e := range l.s.manifest.Endpoints {
		if list, written := e.At("roles"); written {
			note(list)
		}
	}
	uses := make([]roleUse, 0, len(byRole))
	for role, at := range byRole {
		slices.SortFunc(at, func(a, b config.Place) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
		})
		uses = append(uses, roleUse{role, at})
	}
	slices.SortFunc(uses, func(a, b roleUse) int { return cmp.Compare(a.role, b.role) })
	return uses
}

// likelyRole is the role that one which is named once probably means: one that
// is given, or named more often.
func likelyRole(use roleUse, uses []roleUse, given map[string]bool) string {
	if len(use.at) > 1 {
		return ""
	}
	for _, role := range slices.Sorted(maps.Keys(given)) {
		if oneSlip(use.role, role) {
			return role
		}
	}
	for _, other := range uses {
		if len(other.at) > 1 && oneSlip(use.role, other.role) {
			return other.role
		}
	}
	return ""
}

// minRole is the least length of a role that may be another's misspelling.
const minRole = 4

// oneSlip reports whether two names differ only in case, in how words are
// joined, or by one letter that is too much, missing, another or swapped. Digits
// and the first letter usually tell names apart.
func oneSlip(a, b string) bool {
	x, y := plainName(a), plainName(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if a == b || len(x) < minRole || x[0] != y[0] || len(y)-len(x) > 1 {
		return false
	}
	start := 0
	for start < len(x) && x[start] == y[start] {
		start++
	}
	end := 0
	for end < len(x)-start && x[len(x)-1-end] == y[len(y)-1-end] {
		end++
	}
	left, right := x[start:len(x)-end], y[start:len(y)-end]
	if slices.ContainsFunc(slices.Concat(left, right), unicode.IsDigit) {
		return false
	}
	swapped := len(left) == 2 && len(right) == 2 && left[0] == right[1] && left[1] == right[0]
	return swapped || len(right) <= 1
}

// plainName is a name without case and without what joins its words.
func plainName(s string) []rune {
	return slices.DeleteFunc([]rune(strings.ToLower(s)), func(r rune) bool { return strings.ContainsRune("-_:. ", r) })
}

// anonymous warns of tools that change something and may be called by callers
// without credentials, where these are told from others.
func (l *linter) anonymous() {
	setting, written := l.s.manifest.Auth.Parts["anonymous"]
	if !written || setting.Off || l.s.auth == nil {
		return
	}
	caller, err := l.s.auth.Authenticate(context.Background(), &plugins.Credentials{Remote: netip.AddrFrom4([4]byte{127, 0, 0, 1})})
	if err != nil || caller == nil {
		return
	}
	var names []string
	for name, t := range l.s.tools {
		_, ruled := t.parts[whenKey]
		if t.source.Internal || isTrue(t.spec.Annotations.ReadOnly) || ruled || l.onlyReads(&t.target, make(map[*target]bool)) {
			continue
		}
		lacks := slices.ContainsFunc(t.scopes(), func(scope string) bool { return !caller.HasScope(scope) })
		if t.admits(caller) && !lacks && l.entered(&t.target, caller) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		l.warn(ruleAnonymousWrites, setting.ProblemAt(nil, "whoever reaches the gateway may change something by "+few(names), "give these tools roles that anonymous does not have", -1))
	}
}

// entered reports whether some endpoint shows the target to the caller.
func (l *linter) entered(t *target, caller *plugins.Principal) bool {
	for _, e := range l.s.endpoints {
		if e.shows(t) && e.admits(caller) && e.lacks(caller) == nil {
			return true
		}
	}
	return false
}

// onlyReads reports whether a tool of steps calls only tools that change
// nothing.
func (l *linter) onlyReads(t *target, seen map[*target]bool) bool {
	if t.operator != nil || seen[t] {
		return false
	}
	seen[t] = true
	for _, p := range t.programs {
		for _, name := range p.Tools() {
			next := l.s.tools[name]
			if next == nil || !isTrue(next.spec.Annotations.ReadOnly) && !l.onlyReads(&next.target, seen) {
				return false
			}
		}
	}
	return true
}
