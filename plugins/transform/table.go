package transform

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
)

const (
	// minRows is from how many items on a list may become a table.
	minRows = 3
	// sampleRows is how many are measured.
	sampleRows = 200
	// maxColumns and maxCellDepth bound what is shown as one.
	maxColumns   = 64
	maxCellDepth = 4
)

// tabulate marks the lists of objects that are shown as tables since that takes
// fewer tokens: the root, or members of objects only. Reports whether there are
// any.
func (t *tree) tabulate(at, depth int) bool {
	n := &t.nodes[at]
	switch n.kind {
	case '[':
		if t.isTable(at) {
			t.nodes[at].table = true
			t.setCells(at, true)
			return true
		}
	case '{':
		if depth == maxCellDepth {
			return false
		}
		found := false
		t.each(at, func(child int) bool {
			if t.tabulate(child, depth+1) {
				found = true
			}
			return true
		})
		return found
	}
	return false
}

// isTable reports whether a list is shorter as a table.
func (t *tree) isTable(at int) bool {
	n := &t.nodes[at]
	if n.size < minRows {
		return false
	}
	objects := true
	t.each(at, func(row int) bool {
		objects = t.nodes[row].kind == '{' && t.count(row) > 0
		return objects
	})
	if !objects {
		return false
	}
	columns := t.columns(at)
	if len(columns) == 0 || len(columns) > maxColumns {
		return false
	}
	was := t.shape
	defer func() { t.shape = was }()
	t.shape.items = sampleRows // tell the others
	asJSON := tokens.Estimate(t.appendJSON(nil, at))
	asTable := tokens.Estimate(t.appendTable(nil, at))
	return asTable < asJSON*9/10
}

// setCells marks the objects that become cells.
func (t *tree) setCells(list int, cells bool) {
	var mark func(at, depth int)
	mark = func(at, depth int) {
		if t.nodes[at].kind != '{' || depth == maxCellDepth {
			return
		}
		t.nodes[at].cells = cells
		t.each(at, func(child int) bool {
			mark(child, depth+1)
			return true
		})
	}
	t.each(list, func(row int) bool {
		mark(row, 0)
		return true
	})
}

// columns are the names of a table's columns, in the order in which they first
// come; members of objects within a row have a path. More than maxColumns mean
// that it is none.
func (t *tree) columns(list int) []string {
	var names []string
	known := map[string]bool{}
	t.each(list, func(row int) bool {
		t.leaves(row, "", 0, func(path string, _ int) bool {
			if !known[path] {
				known[path] = true
				names = append(names, path)
			}
			return len(names) <= maxColumns
		})
		return len(names) <= maxColumns
	})
	return names
}

// leaves calls f with the values that are cells of a row.
func (t *tree) leaves(at int, path string, depth int, f func(path string, at int) bool) bool {
	goOn := true
	t.each(at, func(child int) bool {
		c := &t.nodes[child]
		name := string(t.text[c.name+1 : c.colon-1])
		if path != "" {
			name = path + "." + name
		}
		if c.kind == '{' && depth+1 < maxCellDepth && t.count(child) > 0 {
			goOn = t.leaves(child, name, depth+1, f)
		} else {
			goOn = f(name, child)
		}
		return goOn
	})
	return goOn
}

// appendTable appends a list as a table: the names of the columns, and a line
// for each item, with | between the cells. In a cell, | is \| and the end of a
// line is \n; lists in it are JSON. Columns that no row has are not shown.
func (t *tree) appendTable(dst []byte, list int) []byte {
	names := t.columns(list)
	column := make(map[string]int, len(names))
	for i, name := range names {
		if i > 0 {
			dst = append(dst, '|')
		}
		column[name] = i
		dst = appendCell(dst, name)
	}
	cells := make([]int, len(names))
	kept, most := 0, t.shape.keeps(t, list)
	t.each(list, func(row int) bool {
		if kept == most {
			return false
		}
		kept++
		for i := range cells {
			cells[i] = -1
		}
		t.leaves(row, "", 0, func(path string, at int) bool {
			cells[column[path]] = at
			return true
		})
		dst = append(dst, '\n')
		for i, at := range cells {
			if i > 0 {
				dst = append(dst, '|')
			}
			if at >= 0 {
				dst = t.appendValueCell(dst, at)
			}
		}
		return true
	})
	return dst
}

// appendValueCell appends a value as a cell.
func (t *tree) appendValueCell(dst []byte, at int) []byte {
	n := &t.nodes[at]
	switch n.kind {
	case 'a':
		return append(dst, t.raw(n)...)
	case '"':
		text, err := strictjson.UnquoteAlias(t.raw(n))
		if err != nil { // it was valid
			return dst
		}
		if t.shape.cuts(n) {
			text = cutWord(text, t.shape.letters)
		}
		return appendCell(dst, string(clean([]byte(text))))
	}
	return appendCell(dst, string(t.appendJSON(nil, at)))
}

// appendCell appends a text that is on one line and has no | of its own.
func appendCell(dst []byte, text string) []byte {
	if !strings.ContainsAny(text, "|\n\r") {
		return append(dst, text...)
	}
	for i := range len(text) {
		switch c := text[i]; c {
		case '|':
			dst = append(dst, '\\', '|')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// asText returns what a model reads: JSON, and then the tables that were
// taken out of it, each under its path.
func (t *tree) asText() []byte {
	if t.nodes[0].table {
		return t.appendTable(nil, 0)
	}
	rest := t.appendJSON(nil, 0)
	tables := t.appendTables(nil, 0, "")
	switch {
	case len(tables) == 0:
		return rest
	case string(rest) == "{}":
		return tables
	}
	return append(append(rest, "\n\n"...), tables...)
}

// appendTables appends the tables below an object.
func (t *tree) appendTables(dst []byte, at int, path string) []byte {
	if t.nodes[at].kind != '{' {
		return dst
	}
	t.each(at, func(child int) bool {
		name := t.below(path, child)
		if t.nodes[child].table {
			if len(dst) > 0 {
				dst = append(dst, "\n\n"...)
			}
			dst = append(append(dst, name...), ":\n"...)
			dst = t.appendTable(dst, child)
			return true
		}
		if t.nodes[child].kind == '{' {
			dst = t.appendTables(dst, child, name)
		}
		return true
	})
	return dst
}
