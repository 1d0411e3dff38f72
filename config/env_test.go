package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// expandText expands a text with the variables, and returns the mistake, if any.
func expandText(text string, env map[string]string) (string, string) {
	e := expansion{raw: text, lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}
	e.expand()
	return e.out.String(), e.fail
}

func TestExpand(t *testing.T) {
	env := map[string]string{"A": "1", "EMPTY": "", "EVIL": "${A} $$ ${{ x }}\nb: c", "_x9": "u"}
	for text, want := range map[string]string{
		"":                                "",
		"no variable":                     "no variable",
		"${A}":                            "1",
		"a${A}b${A}":                      "a1b1",
		"${_x9}":                          "u",
		"$$":                              "$",
		"$${A}":                           "${A}",
		"$$$${A}":                         "$${A}",
		"$":                               "$",
		"a$":                              "a$",
		"$A $1 ^x$":                       "$A $1 ^x$",
		"${EMPTY}":                        "",
		"${EMPTY:-d}":                     "d",
		"${NO:-}":                         "",
		"${NO:-a:b-c?}":                   "a:b-c?",
		"${NO:-${A}}":                     "1",
		"${NO:-${NO:-x}y}":                "xy",
		"${A:?needed}":                    "1",
		"${EVIL}":                         "${A} $$ ${{ x }}\nb: c",
		"${{ .a }}":                       "${{ .a }}",
		"${{ ${A} $$ }}${A}":              "${{ ${A} $$ }}1",
		`${{ "}}${A}" }}${A}`:             `${{ "}}${A}" }}1`,
		`${{ {a: {b: 1}} }}${A}`:          `${{ {a: {b: 1}} }}1`,
		`${{ "a\"}}" }}${A}`:              `${{ "a\"}}" }}1`,
		`${{ "\("}}" + "\(1)")}}" }}${A}`: `${{ "\("}}" + "\(1)")}}" }}1`,
		"${{ 1 # }}\n }}${A}":             "${{ 1 # }}\n }}1",
		"${{ never closed ${A}":           "${{ never closed ${A}",
		"${NO:-${{ .a }}}":                "${{ .a }}",
	} {
		if got, fail := expandText(text, env); got != want || fail != "" {
			t.Errorf("%q gives %q (%s), want %q", text, got, fail, want)
		}
	}
	for text, want := range map[string]string{
		"${NO}":        "environment variable NO is not set",
		"${NO:?why}":   "environment variable NO is not set: why",
		"${EMPTY:?}":   "environment variable EMPTY is not set: ",
		"${":           "a variable is not closed",
		"${A":          "a variable is not closed",
		"${}":          "a variable is not written well",
		"${1}":         "a variable is not written well",
		"${A-x}":       "a variable is not written well",
		"${A:+x}":      "a variable is not written well",
		"${A:}":        "a variable is not written well",
		"${ A }":       "a variable is not written well",
		"${NO:-${NO}}": "environment variable NO is not set",
		strings.Repeat("${NO:-", 12) + strings.Repeat("}", 12): "defaults are nested deeper than 10",
	} {
		if _, fail := expandText(text, env); fail != want {
			t.Errorf("%q fails with %q, want %q", text, fail, want)
		}
	}
}

// TestExpandNeverReadsValues: whatever a variable holds, it is copied and not
// looked at again.
func TestExpandNeverReadsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.SampledFrom([]rune("${}:-?A \"'\n{["))).Draw(t, "value")
		before := rapid.StringOf(rapid.SampledFrom([]rune("ab} :-{"))).Draw(t, "before")
		got, fail := expandText(before+"${A}"+before, map[string]string{"A": value})
		if fail != "" || got != before+value+before {
			t.Fatalf("got %q (%s)", got, fail)
		}
	})
}

// TestVariablesDontChangeStructure: a value with YAML in it stays a text.
func TestVariablesDontChangeStructure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z]?[\n :{}\[\],#&*!|>'"%@a-z-]{0,20}[a-z]`).Draw(t, "value")
		manifest := strings.Replace(quickstart, "Retrieve a customer's details by ID.", "\"${D}\"", 1)
		m, err := Load(text(manifest, map[string]string{"D": value}), testParts())
		if err != nil || m.Tools["get_customer"].Description != value {
			t.Fatalf("%q gives %v", value, err)
		}
	})
}
