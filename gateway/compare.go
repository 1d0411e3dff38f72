package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Comparison tells what another manifest changes, and for whom.
//
// Access is widened if any caller sees more at any endpoint than before, if
// roles, scopes or `when` of something are dropped or ask for less, if something
// is internal no more, if an endpoint without roles is added, if there is a
// further way to be let in, or if anonymous callers are. What can't be decided,
// such as a `when` that is written otherwise, counts as widened and as narrowed.
type Comparison struct {
	Old ComparedManifest `json:"old"`
	New ComparedManifest `json:"new"`
	// Changes are sorted by kind and name.
	Changes []Change `json:"changes"`
	// Access tells what callers see that they didn't see before, and the
	// opposite.
	Access []AccessChange `json:"access"`
	// Widened and Narrowed say whether access is; both may hold.
	Widened  bool `json:"widened"`
	Narrowed bool `json:"narrowed"`
	// Breaking says that calls which were right may now be wrong, Looser that
	// some limit lets more pass.
	Breaking bool `json:"breaking"`
	Looser   bool `json:"looser"`
	// NeedsRestart are the changes that a running process can't make.
	NeedsRestart config.Problems `json:"needs_restart"`
	// Warnings are those of the new manifest.
	Warnings config.Problems `json:"warnings"`
}

// ComparedManifest is one of the manifests compared.
type ComparedManifest struct {
	// Path is the file or folder; Generation is that of a running gateway.
	Path       string `json:"path"`
	Generation uint64 `json:"generation,omitempty"`
	Hash       string `json:"hash"`
	Tools      int    `json:"tools"`
	Resources  int    `json:"resources"`
	Prompts    int    `json:"prompts"`
	Endpoints  int    `json:"endpoints"`
}

// ChangeAction is what became of something.
type ChangeAction string

// The actions.
const (
	ActionAdded   ChangeAction = "added"
	ActionRemoved ChangeAction = "removed"
	ActionChanged ChangeAction = "changed"
)

// Change is what became of one tool, resource, prompt, endpoint, upstream, way
// to authenticate, or of the server.
type Change struct {
	// Kind is tool, resource, prompt, endpoint, upstream, auth or server.
	Kind   string       `json:"kind"`
	Name   string       `json:"name"`
	Action ChangeAction `json:"action"`
	// At is where it is written: in the new manifest, unless it was removed.
	At    string       `json:"at,omitempty"`
	Parts []PartChange `json:"parts,omitempty"`
	Effects
}

// PartChange is what became of one key.
type PartChange struct {
	// Part is the key, or the way to it: input.customer_id.
	Part string `json:"part"`
	Says string `json:"says"`
	// Old and New are the values as they are written, secrets masked; absent if
	// there is none.
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	Effects
}

// Effects is what a change does to those who call.
type Effects struct {
	Breaking bool `json:"breaking,omitempty"`
	Widens   bool `json:"widens,omitempty"`
	Narrows  bool `json:"narrows,omitempty"`
	Looser   bool `json:"looser,omitempty"`
	Tighter  bool `json:"tighter,omitempty"`
	Restart  bool `json:"needs_restart,omitempty"`
}

func (e *Effects) add(more Effects) {
	e.Breaking, e.Restart = e.Breaking || more.Breaking, e.Restart || more.Restart
	e.Widens, e.Narrows = e.Widens || more.Widens, e.Narrows || more.Narrows
	e.Looser, e.Tighter = e.Looser || more.Looser, e.Tighter || more.Tighter
}

// AccessChange is what a caller sees at an endpoint that it didn't see before,
// and the opposite.
type AccessChange struct {
	// Caller is "role NAME", "without roles" (who is known, but has none), or
	// "anonymous".
	Caller   string   `json:"caller"`
	Endpoint string   `json:"endpoint"`
	Gains    []string `json:"gains"`
	Loses    []string `json:"loses"`
}

// Compare builds two manifests, without listening, and tells what the second
// changes. The error is config.Problems if one of them is at fault.
func Compare(oldSource, newSource config.Source, parts plugins.Parts) (*Comparison, error) {
	old, oldErr := New(Options{Source: oldSource, Parts: parts, Offline: true})
	next, newErr := New(Options{Source: newSource, Parts: parts, Offline: true})
	var c *Comparison
	err := joinProblems(oldErr, newErr)
	if err == nil {
		c = compare(old.current.Load(), next.current.Load())
		c.Old.Path, c.New.Path = oldSource.Path, newSource.Path
		c.Old.Generation, c.New.Generation = 0, 0
	}
	for _, g := range []*Gateway{old, next} {
		if g != nil {
			err = errors.Join(err, g.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// joinProblems makes the problems of both manifests one list.
func joinProblems(x, y error) error {
	if x == nil || y == nil {
		return errors.Join(x, y)
	}
	first, ok := IsProblems(x)
	second, also := IsProblems(y)
	if !ok || !also {
		return errors.Join(x, y)
	}
	all := slices.Clone(first)
	for _, p := range second {
		if !slices.ContainsFunc(first, func(known config.Problem) bool { return known.Error() == p.Error() }) {
			all = append(all, p)
		}
	}
	return all.Sorted()
}

// Plan tells what a reload would change, and changes nothing. The error is that
// of the reload, but for what needs a restart.
func (g *Gateway) Plan() (*Comparison, error) {
	g.reload.Lock()
	defer g.reload.Unlock()
	if g.closed.Load() {
		return nil, errClosed
	}
	m, err := config.Load(g.source, Keys(g.parts))
	if err != nil {
		return nil, g.withBuildProblems(m, err)
	}
	next, err := g.build(m)
	if err != nil {
		return nil, err
	}
	defer next.done()
	next.generation = g.generation.Load() + 1
	c := compare(g.current.Load(), next)
	c.Old.Path, c.New.Path = g.source.Path, g.source.Path
	return c, nil
}

// comparer compares two snapshots.
type comparer struct {
	old, next *snapshot
	changes   []Change
}

func compare(old, next *snapshot) *Comparison {
	x := &comparer{old: old, next: next}
	c := &Comparison{
		Old: old.compared(), New: next.compared(), Changes: []Change{}, Access: x.access(),
		NeedsRestart: append(config.Problems{}, needRestart(old.manifest, next.manifest)...),
		Warnings:     append(config.Problems{}, next.warnings...),
	}
	x.targets()
	x.endpoints()
	x.upstreams()
	x.auth()
	x.server(c.NeedsRestart)
	c.Changes = append(c.Changes, x.changes...)
	effects := Effects{}
	for i := range c.Changes {
		effects.add(c.Changes[i].Effects)
	}
	for _, a := range c.Access {
		effects.Widens, effects.Narrows = effects.Widens || len(a.Gains) > 0, effects.Narrows || len(a.Loses) > 0
	}
	c.Widened, c.Narrowed, c.Breaking, c.Looser = effects.Widens, effects.Narrows, effects.Breaking, effects.Looser
	return c
}

func (s *snapshot) compared() ComparedManifest {
	return ComparedManifest{
		Generation: s.generation, Hash: s.manifest.Hash, Tools: len(s.tools),
		Resources: len(s.resources) + len(s.templates), Prompts: len(s.prompts), Endpoints: len(s.endpoints),
	}
}

// note adds a change, unless nothing of it has changed.
func (x *comparer) note(kind, name string, action ChangeAction, at config.Place, parts []PartChange, own Effects) {
	if action == ActionChanged && len(parts) == 0 {
		return
	}
	c := Change{Kind: kind, Name: name, Action: action, Parts: parts, Effects: own}
	if !at.IsZero() {
		c.At = at.String()
	}
	for i := range parts {
		c.add(parts[i].Effects)
	}
	x.changes = append(x.changes, c)
}

// Empty reports whether nothing has changed that anybody could tell.
func (c *Comparison) Empty() bool { return len(c.Changes) == 0 && len(c.Access) == 0 }

// Summary says in a line what has changed.
func (c *Comparison) Summary() string {
	if c.Empty() {
		return "nothing has changed"
	}
	var said []string
	for _, kind := range []string{kindTool, kindResource, kindPrompt, changedEndpoint, changedUpstream} {
		counts := make(map[ChangeAction]int)
		for i := range c.Changes {
			if c.Changes[i].Kind == kind {
				counts[c.Changes[i].Action]++
			}
		}
		said = append(said, counted(kind, counts)...)
	}
	for _, kind := range []string{changedAuth, changedServer} {
		if slices.ContainsFunc(c.Changes, func(own Change) bool { return own.Kind == kind }) {
			said = append(said, kind+" changed")
		}
	}
	line := []string{strings.Join(said, ", ")}
	for _, effect := range []struct {
		there bool
		says  string
	}{
		{c.Widened && c.Narrowed, "access widened and narrowed"},
		{c.Widened && !c.Narrowed, "access widened"}, {c.Narrowed && !c.Widened, "access narrowed"}, {c.Breaking, "breaking"}, {c.Looser, "limits loosened"},
	} {
		if effect.there {
			line = append(line, effect.says)
		}
	}
	return strings.Join(line, "; ")
}

// counted says how many of a kind were added, removed and changed.
func counted(kind string, counts map[ChangeAction]int) []string {
	var said []string
	for _, action := range []ChangeAction{ActionAdded, ActionRemoved, ActionChanged} {
		n := counts[action]
		switch {
		case n == 0:
		case len(said) > 0:
			said = append(said, fmt.Sprintf("%d %s", n, action))
		case n == 1:
			said = append(said, fmt.Sprintf("1 %s %s", kind, action))
		default:
			said = append(said, fmt.Sprintf("%d %ss %s", n, kind, action))
		}
	}
	return said
}

// The kinds of changes besides those of targets.
const (
	changedEndpoint = "endpoint"
	changedUpstream = "upstream"
	changedAuth     = "auth"
	changedServer   = "server"
)
