package transform

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// everything is a bound that bounds nothing.
	everything = 1 << 30
	// manyMembers is from which number of members an object is taken for a list
	// of things under their ids.
	manyMembers = 64
)

// shape says what is left out of a tree.
type shape struct {
	items   int // most items of a list
	members int // most members of an object
	letters int // most bytes of a string
	// more are lists that keep more than items, by node.
	more map[int]int
}

// whole leaves out nothing.
func whole() shape { return shape{items: everything, members: everything, letters: everything} }

// keeps is how many children of a value stay.
func (s *shape) keeps(t *tree, at int) int {
	n := &t.nodes[at]
	if n.kind == '{' && n.total <= manyMembers {
		return s.members
	}
	return max(s.items, s.more[at])
}

// cuts reports whether a string is cut.
func (s *shape) cuts(n *node) bool { return int(n.end-n.start)-2 > s.letters }

// cost estimates the tokens of a value in the present shape.
func (t *tree) cost(at int) int {
	n := &t.nodes[at]
	switch n.kind {
	case 'a':
		return int(n.cost)
	case '"':
		if t.shape.cuts(n) {
			return int(int64(n.cost)*int64(t.shape.letters)/int64(n.end-n.start)) + cutCost
		}
		return int(n.cost)
	}
	sum, kept, most := 1, 0, t.shape.keeps(t, at)
	t.each(at, func(child int) bool {
		if kept == most {
			return false
		}
		kept++
		sum += t.cost(child)
		if !n.cells {
			sum += int(t.nodes[child].named)
		}
		return true
	})
	return sum
}

// cutCost is about what the mark of a cut string costs.
const cutCost = 8

// fit leaves out what it must for the tree to cost at most that many tokens,
// and no more: items off the longest lists; then parts of long strings; then
// members.
func (t *tree) fit(budget int) {
	if t.cost(0) <= budget {
		return
	}
	t.shape.items = 1
	for _, letters := range [...]int{everything, 8000, 2000, 500, 120, 40} {
		t.shape.letters = letters
		if t.cost(0) <= budget {
			t.fillItems(budget)
			if letters < everything {
				t.shape.letters = max(letters, t.largest(budget, len(t.text), func(n int) { t.shape.letters = n }))
			}
			return
		}
	}
	for i := range t.nodes { // a table's columns would stay
		t.nodes[i].table, t.nodes[i].cells = false, false
	}
	t.shape.items = 0
	t.shape.members = t.largest(budget, len(t.nodes), func(n int) { t.shape.members = n })
}

// fillItems lets lists be as long as fits: all of the same length first, and
// then the lightest of those that were cut.
func (t *tree) fillItems(budget int) {
	longest := 1
	for i := range t.nodes {
		if n := &t.nodes[i]; n.kind == '[' || n.kind == '{' && n.total > manyMembers {
			longest = max(longest, int(n.size))
		}
	}
	t.shape.items = t.largest(budget, longest, func(n int) { t.shape.items = n })
	t.refill(budget - t.cost(0))
}

// largest finds the largest bound up to most with which the tree fits, and sets
// it; 0 if none does.
func (t *tree) largest(budget, most int, set func(int)) int {
	low, high := 0, most
	for low < high {
		middle := (low + high + 1) / 2
		set(middle)
		if t.cost(0) <= budget {
			low = middle
		} else {
			high = middle - 1
		}
	}
	set(low)
	return low
}

// refill uses what is left of a budget for lists that are seen, in their order:
// first for those that it makes whole.
func (t *tree) refill(spare int) {
	t.shape.more = map[int]int{}
	for _, wholly := range [...]bool{true, false} {
		t.walk(0, func(at int) {
			n := &t.nodes[at]
			had := t.shape.keeps(t, at)
			if n.kind != '[' && n.total <= manyMembers || int(n.size) <= had || wholly && n.size < n.total {
				return
			}
			kept, cost := t.affords(at, had, spare)
			if kept > had && (!wholly || kept == t.count(at)) {
				t.shape.more[at] = kept
				spare -= cost
			}
		})
	}
}

// affords returns how many children of a list fit if those after the first had
// may cost so much, and what they do cost.
func (t *tree) affords(list, had, spare int) (kept, cost int) {
	named := !t.nodes[list].cells
	t.each(list, func(child int) bool {
		if kept >= had {
			price := t.cost(child)
			if named {
				price += int(t.nodes[child].named)
			}
			if cost+price > spare {
				return false
			}
			cost += price
		}
		kept++
		return true
	})
	return kept, cost
}

// count is how many children are there but for the dropped.
func (t *tree) count(at int) int {
	n := 0
	t.each(at, func(int) bool {
		n++
		return true
	})
	return n
}

// walk calls f with every list and object that is seen in the present shape,
// and before those in it.
func (t *tree) walk(at int, f func(at int)) {
	if k := t.nodes[at].kind; k != '[' && k != '{' {
		return
	}
	most := t.shape.keeps(t, at)
	f(at)
	kept := 0
	t.each(at, func(child int) bool {
		if kept == most {
			return false
		}
		kept++
		t.walk(child, f)
		return true
	})
}

// omission is what was left out at places of the same path.
type omission struct {
	path           string
	missing, total int
	members        bool
}

// omissions tells what the shape leaves out of lists and objects, the outermost
// first, and how many strings are cut.
func (t *tree) omissions() (all []omission, cut int) {
	index := map[string]int{}
	t.omitted(0, "", func(path string, at int) {
		n := &t.nodes[at]
		if n.kind == '"' {
			cut++
			return
		}
		kept := min(t.count(at), t.shape.keeps(t, at))
		missing := t.count(at) - kept + int(n.total-n.size)
		i, known := index[path]
		if !known {
			i = len(all)
			index[path] = i
			all = append(all, omission{path: path, members: n.kind == '{'})
		}
		all[i].missing += missing
		all[i].total += kept + missing
	})
	return all, cut
}

// omitted calls f for everything that is seen and not whole.
func (t *tree) omitted(at int, path string, f func(path string, at int)) {
	n := &t.nodes[at]
	switch n.kind {
	case 'a':
		return
	case '"':
		if t.shape.cuts(n) {
			f(path, at)
		}
		return
	}
	most := t.shape.keeps(t, at)
	if t.count(at) > most || n.size < n.total {
		f(path, at)
	}
	kept := 0
	t.each(at, func(child int) bool {
		if kept == most {
			return false
		}
		kept++
		if k := t.nodes[child].kind; k != 'a' {
			t.omitted(child, t.below(path, child), f)
		}
		return true
	})
}

// below is the path of a child, in the words of jq: orders[].lines.
func (t *tree) below(path string, child int) string {
	c := &t.nodes[child]
	if c.name < 0 {
		return path + "[]"
	}
	name := string(t.text[c.name+1 : c.colon-1])
	if path == "" {
		return clip(name, 64)
	}
	return path + "." + clip(name, 64)
}

// cutWord cuts a text at the end of a word, and says how much is missing.
func cutWord(text string, most int) string {
	if len(text) <= most {
		return text
	}
	at := most
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	if space := strings.LastIndexFunc(text[:at], unicode.IsSpace); space > at/2 {
		at = space
	}
	return text[:at] + "… (" + strconv.Itoa(utf8.RuneCountInString(text[at:])) + " more characters)"
}

// sentence tells an omission.
func (o *omission) sentence() string {
	what := "items"
	if o.members {
		what = "members"
	}
	if o.path == "" {
		return fmt.Sprintf("… %d more of %d %s.", o.missing, o.total, what)
	}
	return fmt.Sprintf("… %d more of %d %s in %s.", o.missing, o.total, what, o.path)
}
