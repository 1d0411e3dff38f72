package transform

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxRows and maxCells bound a table, and maxTable its JSON in bytes: the
	// names of the columns are repeated in each row.
	maxRows  = 100_000
	maxCells = 1_000_000
	maxTable = 16 << 20
)

// readCSV answers a table (RFC 4180, and with semicolons or tabs): the model
// reads it as it is, since that takes the fewest tokens, and programs get an
// array of objects whose members are named by the first row. All values are
// strings; a column without a name is column_N, and a name that comes again
// gets a number.
func readCSV(resp *plugins.Response, m media) (*reading, error) {
	text := clean(decodeText(resp.Body, m.charset))
	rows, err := parseCSV(text, m)
	if err != nil {
		return nil, unreadableCSV(resp, err)
	}
	r := &reading{text: text, mime: bodyType(m, "text/csv")}
	if r.value, r.raw, err = tableOf(rows); err != nil {
		return nil, unreadableCSV(resp, err)
	}
	return r, nil
}

// unreadableCSV says in which line a table is wrong, if it is one.
func unreadableCSV(resp *plugins.Response, cause error) error {
	var at *csv.ParseError
	if errors.As(cause, &at) {
		e := unreadable(resp, "well-formed CSV", cause)
		e.Message = fmt.Sprintf("The service answered with something that isn't well-formed CSV: line %d %s (%s).",
			at.Line, csvReason(at), describe(resp))
		return e
	}
	return unreadable(resp, "CSV of a usable size", cause)
}

func csvReason(e *csv.ParseError) string {
	if errors.Is(e.Err, csv.ErrFieldCount) {
		return "has more or fewer fields than the first"
	}
	return "has a misplaced quote"
}

// parseCSV reads all rows, which must have as many fields as the first.
func parseCSV(text []byte, m media) ([][]string, error) {
	d := csv.NewReader(bytes.NewReader(text))
	d.Comma = delimiter(text, m)
	var rows [][]string
	cells := 0
	for {
		row, err := d.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if cells += len(row); cells > maxCells || len(rows) > maxRows {
			return nil, fmt.Errorf("the table has more than %d rows or %d fields", maxRows, maxCells)
		}
		rows = append(rows, row)
	}
}

// delimiter finds out what separates the fields: what occurs most in the first
// line, outside of quotes.
func delimiter(text []byte, m media) rune {
	if m.name == "text/tab-separated-values" {
		return '\t'
	}
	var commas, semicolons, tabs int
	quoted := false
line:
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			break line
		case c == ',':
			commas++
		case c == ';':
			semicolons++
		case c == '\t':
			tabs++
		}
	}
	switch {
	case tabs > commas && tabs > semicolons:
		return '\t'
	case semicolons > commas:
		return ';'
	}
	return ','
}

// tableOf makes objects of rows, as a value and as JSON with the columns in
// their order.
func tableOf(rows [][]string) ([]any, []byte, error) {
	if len(rows) == 0 {
		return []any{}, []byte("[]"), nil
	}
	names := columns(rows[0])
	keys := make([][]byte, len(names))
	for i, name := range names {
		keys[i] = append(strictjson.AppendString(nil, name), ':')
	}
	value := make([]any, 0, len(rows)-1)
	raw := []byte{'['}
	for n, row := range rows[1:] {
		object := make(map[string]any, len(row))
		if n > 0 {
			raw = append(raw, ',')
		}
		raw = append(raw, '{')
		for i, field := range row {
			if i > 0 {
				raw = append(raw, ',')
			}
			object[names[i]] = field
			raw = strictjson.AppendString(append(raw, keys[i]...), field)
		}
		if raw = append(raw, '}'); len(raw) > maxTable {
			return nil, nil, fmt.Errorf("the table is larger than %d MiB as JSON", maxTable>>20)
		}
		value = append(value, object)
	}
	return value, append(raw, ']'), nil
}

// columns makes names of the first row, each of which is there once.
func columns(header []string) []string {
	names := make([]string, len(header))
	taken := make(map[string]bool, len(header))
	last := make(map[string]int) // number by base: without it, many of one name take forever
	for i, name := range header {
		if name = strings.TrimSpace(name); name == "" {
			name = "column_" + strconv.Itoa(i+1)
		}
		for base := name; taken[name]; {
			last[base]++
			name = base + "_" + strconv.Itoa(last[base]+1)
		}
		taken[name], names[i] = true, name
	}
	return names
}
