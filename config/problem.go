package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a problem keeps a manifest from being used.
type Severity uint8

// The severities.
const (
	// SeverityError refuses the manifest.
	SeverityError Severity = iota
	// SeverityWarning is advice.
	SeverityWarning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// Problem is one thing wrong in a manifest, and where.
type Problem struct { //nolint:errname // it is the product's word, and an error only by the way
	// File is the path as it was opened.
	File string
	// Line and Col count from 1, Col in characters; EndCol is the column after
	// the last character meant.
	Line, Col, EndCol int
	// Path is the dotted way to the value, e.g. tools.get_order.rate_limit.
	Path string
	// Message is lower case, without a full stop, and says what was wanted.
	Message string
	// Hint proposes a mend; may be empty, and may have several lines.
	Hint string
	// Severity is error or warning.
	Severity Severity
	// Rule is the name of the lint that found it; empty for what is no lint.
	Rule string

	// source is the file's text, to show the line.
	source *file
	// first is the place that the hint names, if it names one.
	first *Place
}

// Error returns place, severity and message in one line.
func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Col, p.Severity, oneLine(p.Message))
}

// machineProblem is the machine form of a problem.
type machineProblem struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndColumn int    `json:"end_column"`
	Path      string `json:"path"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	Severity  string `json:"severity"`
	Rule      string `json:"rule,omitempty"`
}

// MarshalJSON writes the machine form: file, line, columns, path, message, hint,
// severity and rule.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(machineProblem{p.File, p.Line, p.Col, p.EndCol, p.Path, p.Message, p.Hint, p.Severity.String(), p.Rule})
}

// UnmarshalJSON reads the machine form.
func (p *Problem) UnmarshalJSON(data []byte) error {
	var m machineProblem
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("problem: %w", err)
	}
	*p = Problem{File: m.File, Line: m.Line, Col: m.Column, EndCol: m.EndColumn, Path: m.Path, Message: m.Message, Hint: m.Hint, Rule: m.Rule}
	if m.Severity == SeverityWarning.String() {
		p.Severity = SeverityWarning
	}
	return nil
}

// Problems are all the problems of a manifest, sorted by place. It is an
// error, and errors.As finds it in one.
type Problems []Problem //nolint:errname // see Problem

// Error returns a line for each problem.
func (l Problems) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// MarshalJSON writes the problems as a list; of none an empty one.
func (l Problems) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Problem(l))
}

// Count returns how many errors and how many warnings there are.
func (l Problems) Count() (errs, warnings int) {
	for _, p := range l {
		if p.Severity == SeverityWarning {
			warnings++
		} else {
			errs++
		}
	}
	return errs, warnings
}

// Sorted returns the problems by file, line and column, each once.
func (l Problems) Sorted() Problems {
	all := slices.Clone(l)
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	type identity struct {
		file, message string
		line, col     int
	}
	seen := make(map[identity]bool, len(all))
	kept := all[:0]
	for _, p := range all {
		id := identity{p.File, p.Message, p.Line, p.Col}
		if !seen[id] {
			seen[id] = true
			kept = append(kept, p)
		}
	}
	return kept
}

// fieldError is what errors of parts offer to be shown at their place.
type fieldError interface {
	error
	FieldPath() []string
	FieldHint() string
	FieldMessage() string
	FieldOffset() int
}

// leaves takes an error apart into the single mistakes it reports: problems,
// field errors, and whatever says nothing about its place.
func leaves(err error) []error {
	for e := err; e != nil; {
		switch x := e.(type) { //nolint:errorlint // the chain is walked by hand, to stop at the first that has parts
		case Problem, Problems, fieldError:
			return []error{e}
		case interface{ Unwrap() []error }:
			var all []error
			for _, one := range x.Unwrap() {
				all = append(all, leaves(one)...)
			}
			return all
		}
		e = errors.Unwrap(e)
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// oneLine makes text safe for a line of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return visible(r)
	}, s)
}
