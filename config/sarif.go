package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of SARIF 2.1.0 that are used
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string           `json:"id"`
		ShortDescription sarifText        `json:"shortDescription"`
		Help             *sarifText       `json:"help,omitempty"`
		Configuration    sarifRuleDefault `json:"defaultConfiguration"`
	}
	sarifRuleDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Related      []sarifLocation   `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Message  *sarifText     `json:"message,omitempty"`
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
	}
)

// SARIFOptions say how problems are written for code review.
type SARIFOptions struct {
	// Version is that of the program.
	Version string
	// Root is the folder to which files are named relative, usually that of the
	// repository; those outside are named by whole file: URIs.
	Root string
	// Rules are those that problems may name.
	Rules []Rule
}

// errorRule is the rule of problems that keep a manifest from being used.
const errorRule = "manifest"

// SARIF returns the problems in the Static Analysis Results Interchange
// Format, version 2.1.0.
func (l Problems) SARIF(o SARIFOptions) ([]byte, error) {
	w := sarifWriter{options: o, seen: make(map[string]int)}
	rules := []sarifRule{{ID: errorRule, ShortDescription: sarifText{"The manifest must be valid."}, Configuration: sarifRuleDefault{"error"}}}
	for _, r := range o.Rules {
		rules = append(rules, sarifRule{ID: r.ID, ShortDescription: sarifText{r.Summary}, Help: &sarifText{r.Help}, Configuration: sarifRuleDefault{"warning"}})
	}
	for _, p := range l { // a rule that is not told of is a rule all the same
		if !slices.ContainsFunc(rules, func(r sarifRule) bool { return r.ID == p.rule() }) {
			rules = append(rules, sarifRule{ID: p.Rule, ShortDescription: sarifText{p.Rule}, Configuration: sarifRuleDefault{"warning"}})
		}
	}
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "sallyport", Version: o.Version, InformationURI: "https://github.com/sallyport-mcp/sallyport", Rules: rules,
		}},
		ColumnKind: "unicodeCodePoints",
		Results:    make([]sarifResult, len(l)),
	}
	for i, p := range l {
		run.Results[i] = w.result(p)
		run.Results[i].RuleIndex = slices.IndexFunc(rules, func(r sarifRule) bool { return r.ID == p.rule() })
	}
	return json.MarshalIndent(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", "  ")
}

// rule is the rule that found the problem.
func (p Problem) rule() string {
	if p.Rule == "" {
		return errorRule
	}
	return p.Rule
}

// sarifWriter writes results.
type sarifWriter struct {
	options SARIFOptions
	// seen counts results of the same fingerprint.
	seen map[string]int
}

func (w *sarifWriter) result(p Problem) sarifResult {
	text := p.Message
	if p.Hint != "" {
		text += "\n" + p.Hint
	}
	at := w.location(Place{File: p.File, Line: p.Line, Col: p.Col}, p.EndCol)
	if p.Path != "" {
		at.Logical = []sarifLogical{{p.Path}}
	}
	result := sarifResult{
		RuleID: p.rule(), Level: p.Severity.String(), Message: sarifText{text}, Locations: []sarifLocation{at},
		Fingerprints: map[string]string{"sallyport/v1": w.fingerprint(p, at.Physical.Artifact.URI)},
	}
	if p.first != nil {
		first := w.location(*p.first, 0)
		first.Message = &sarifText{"The first is here."}
		result.Related = []sarifLocation{first}
	}
	return result
}

func (w *sarifWriter) location(p Place, end int) sarifLocation {
	region := sarifRegion{StartLine: max(p.Line, 1), StartColumn: max(p.Col, 1)}
	if end > 0 {
		region.EndColumn = max(end, region.StartColumn+1)
	}
	return sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{w.uri(p.File)}, Region: region}}
}

// fingerprint knows a problem again after lines were added above it: it is made
// of what is said of which value, and of how often the same is said before.
func (w *sarifWriter) fingerprint(p Problem, uri string) string {
	same := strings.Join([]string{p.rule(), uri, p.Path, p.Message}, "\x00")
	w.seen[same]++
	sum := sha256.Sum256([]byte(same + strings.Repeat("\x00", w.seen[same])))
	return hex.EncodeToString(sum[:16])
}

// uri names a file: relative to the root if it is below that.
func (w *sarifWriter) uri(name string) string {
	if w.options.Root != "" && inside(absolute(w.options.Root), absolute(name)) {
		if rel, err := filepath.Rel(absolute(w.options.Root), absolute(name)); err == nil {
			name = rel
		}
	}
	return fileURI(name)
}

// fileURI writes a path as a URI; relative paths stay relative.
func fileURI(name string) string {
	slashed := filepath.ToSlash(name)
	u := url.URL{Path: slashed}
	if filepath.IsAbs(name) {
		u = url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(slashed, "/")}
	}
	return u.String()
}
