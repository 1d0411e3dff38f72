package strictjson

import "unsafe"

// fewNames is up to how many names of an object are compared one by one.
// Beyond it they go into a set, so that work stays linear.
const fewNames = 16

// keptSet bounds a set that is kept for another object: emptying a set costs
// as much as it once held.
const keptSet = 256

// span is a name without its quotes in the text.
type span struct {
	start, end int
	escaped    bool
}

// nameSet is the names that one open object has had so far.
type nameSet struct {
	few [fewNames]span
	n   int                 // how many of few are used
	set map[string]struct{} // all names, once there are more than a few
}

// add notes a name and reports whether the object had none like it.
func (s *scanner) add(seen *nameSet, name span) bool {
	if seen.set == nil {
		few := seen.few[:seen.n]
		for i := range few {
			if s.same(name, few[i]) {
				return false
			}
		}
		if seen.n < fewNames {
			seen.few[seen.n] = name
			seen.n++
			return true
		}
		seen.set = s.newSet()
		for i := range few {
			seen.set[s.key(few[i])] = struct{}{}
		}
	}
	before := len(seen.set)
	seen.set[s.key(name)] = struct{}{}
	return len(seen.set) > before
}

// drop keeps the set of a closed object for another one.
func (s *scanner) drop(seen *nameSet) {
	if seen.set != nil && len(seen.set) <= keptSet {
		s.spare = append(s.spare, seen.set)
	}
}

func (s *scanner) newSet() map[string]struct{} {
	if k := len(s.spare) - 1; k >= 0 {
		set := s.spare[k]
		s.spare = s.spare[:k]
		clear(set)
		return set
	}
	return make(map[string]struct{}, 2*fewNames)
}

func (s *scanner) same(a, b span) bool {
	if !a.escaped && !b.escaped {
		return a.end-a.start == b.end-b.start && string(s.data[a.start:a.end]) == string(s.data[b.start:b.end])
	}
	s.buf = appendName(s.buf[:0], s.data, a)
	k := len(s.buf)
	s.buf = appendName(s.buf, s.data, b)
	return string(s.buf[:k]) == string(s.buf[k:])
}

// key is the name's text. It aliases the scanned data where it can, which is
// safe because a set lives no longer than the scan.
func (s *scanner) key(name span) string {
	if name.escaped {
		return string(appendName(nil, s.data, name))
	}
	return alias(s.data[name.start:name.end])
}

func appendName(dst, data []byte, name span) []byte {
	if name.escaped {
		return appendUnescaped(dst, data[name.start:name.end])
	}
	return append(dst, data[name.start:name.end]...)
}

// alias views bytes as a string without copying them.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the bytes are not changed while names are compared
}
