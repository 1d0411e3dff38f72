package gateway_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// checklist numbers what the protocol and its authorization ask of a server.
// Each is borne by a test that names it in a line "checklist: N ...". 107, whole
// flows with foreign clients, is for the tests of the folder e2e.
var checklist = slices.Concat(
	between(1, 22),    // every revision
	between(30, 42),   // legacy revisions
	between(45, 48),   // 2024-11-05, 2025-03-26
	between(50, 53),   // 2025-06-18
	between(55, 60),   // 2025-11-25
	between(70, 93),   // 2026-07-28
	between(100, 106), // authorization
)

func between(first, last int) []int {
	var out []int
	for n := first; n <= last; n++ {
		out = append(out, n)
	}
	return out
}

var borne = regexp.MustCompile(`(?m)^(?:// )?checklist:((?: [0-9]+)+)$`)

// TestChecklist shows that every number is borne by a test of this package, and
// that tests bear no others.
func TestChecklist(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*_test.go", "testdata/rpc/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	bearers := make(map[int][]string)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range borne.FindAllStringSubmatch(string(text), -1) {
			for word := range strings.FieldsSeq(m[1]) {
				n, err := strconv.Atoi(word)
				if err != nil || !slices.Contains(checklist, n) {
					t.Errorf("%s: there is no number %s", file, word)
				}
				bearers[n] = append(bearers[n], file)
			}
		}
	}
	for _, n := range checklist {
		if len(bearers[n]) == 0 {
			t.Errorf("no test bears number %d; those borne are %v", n, slices.Sorted(maps.Keys(bearers)))
		}
	}
}

// errorCodes are the codes of all errors in a transcript.
func errorCodes(text string) []int {
	var codes []int
	for line := range strings.Lines(text) {
		var m struct {
			Error struct {
				Code int `json:"code"`
			} `json:"error"`
		}
		if json.Unmarshal([]byte(line), &m) == nil && m.Error.Code != 0 {
			codes = append(codes, m.Error.Code)
		}
	}
	return codes
}

// TestErrorCodes looks at every error of the scripts: codes that the protocol
// keeps to itself are used as it says.
//
// checklist: 91
func TestErrorCodes(t *testing.T) {
	files, err := filepath.Glob("testdata/rpc/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]bool)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if !expectation(f.Name) {
				continue
			}
			modern := strings.HasSuffix(f.Name, ".modern")
			for _, code := range errorCodes(string(f.Data)) {
				seen[code] = true
				if !mayAnswer(code, modern) {
					t.Errorf("%s: %s answers %d", file, f.Name, code)
				}
			}
		}
	}
	for _, code := range []int{-32700, -32600, -32601, -32602, -32603, -32002, -32020, -32021, -32022, 42900} {
		if !seen[code] {
			t.Errorf("no script shows %d", code)
		}
	}
}

// mayAnswer reports whether a code may be answered in an era. Of the range that
// JSON-RPC reserves, -32000 to -32019 are of old servers and -32020 to -32099 of
// the specification, which defines three.
func mayAnswer(code int, modern bool) bool {
	switch {
	case code > -32000 || code < -32768:
		return true
	case code < -32099:
		return slices.Contains([]int{-32700, -32600, -32601, -32602, -32603}, code)
	case modern:
		return slices.Contains([]int{-32020, -32021, -32022}, code)
	}
	return code == -32002
}
