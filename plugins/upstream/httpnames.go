package upstream

import "strings"

// names are names of parameters at one place of a request. Brackets nest, as
// many servers read them: v and v[a] are in each other's way, v[a] and v[b]
// are not.
type names map[string]nameUse

type nameUse uint8

const (
	// fullName is a parameter.
	fullName nameUse = 1 << iota
	// namePrefix is what stands before a bracket of a parameter.
	namePrefix
)

// maxBrackets bounds how deep names nest that calls give.
const maxBrackets = 8

func (n names) add(name string) {
	n[name] |= fullName
	for at := range brackets(name) {
		n[name[:at]] |= namePrefix
	}
}

// has reports whether there is a parameter of this name.
func (n names) has(name string) bool { return n[name]&fullName != 0 }

// clash reports whether a server could take the name for another parameter, or
// for a part of one, or one for a part of it.
func (n names) clash(name string) bool {
	if n[name] != 0 {
		return true
	}
	for at := range brackets(name) {
		if n.has(name[:at]) {
			return true
		}
	}
	return false
}

// brackets yields where the first opening brackets stand.
func brackets(name string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		found := 0
		for i := 0; i < len(name) && found < maxBrackets; i++ {
			if name[i] == '[' {
				if found++; !yield(i) {
					return
				}
			}
		}
	}
}

// fold returns a name as the most careless servers read it: without regard to
// case (ASP.NET), blanks before it and the difference of "." and " " to "_"
// (PHP).
func fold(name string) string {
	out := []byte(strings.ToLower(strings.TrimLeft(name, " ")))
	for i, c := range out {
		if c == '.' || c == ' ' {
			out[i] = '_'
		}
	}
	return string(out)
}

// fixedNames are the names that the manifest gives at a place. Nothing that a
// call names may be taken for one of them, by whatever server.
type fixedNames struct{ exact, folded names }

func newFixedNames() *fixedNames { return &fixedNames{exact: names{}, folded: names{}} }

func (f *fixedNames) add(name string) {
	f.exact.add(name)
	f.folded.add(fold(name))
}

// has reports whether the manifest gives this very name.
func (f *fixedNames) has(name string) bool { return f.exact.has(name) }

// admit notes a name that a call gives, and reports whether it may be sent:
// no parameter of the manifest and no other of the call is in its way.
func (p *pairs) admit(fixed *fixedNames, name string) bool {
	if fixed != nil && fixed.folded.clash(fold(name)) || p.sent.clash(name) || strings.Count(name, "[") > maxBrackets {
		return false
	}
	p.note(name)
	return true
}

// admitMember is admit for a member of a deepObject, whose brackets are ours:
// the name before them is that of the parameter itself.
func (p *pairs) admitMember(fixed *fixedNames, name string) bool {
	if fixed != nil && fixed.folded[fold(name)] != 0 || p.sent[name] != 0 {
		return false
	}
	p.note(name)
	return true
}

func (p *pairs) note(name string) {
	if p.sent == nil {
		p.sent = names{}
	}
	p.sent.add(name)
}
