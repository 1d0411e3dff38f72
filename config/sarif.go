package config

import (
	"encoding/json"
	"net/url"
	"path/filepath"
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
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
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
		EndColumn   int `json:"endColumn"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
	}
)

// SARIF returns the problems in the Static Analysis Results Interchange
// Format, version 2.1.0; version is that of the program.
func (l Problems) SARIF(version string) ([]byte, error) {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "sallyport", Version: version, InformationURI: "https://github.com/sallyport-mcp/sallyport",
			Rules: []sarifRule{{ID: "manifest", ShortDescription: sarifText{"The manifest must be valid."}}},
		}},
		ColumnKind: "unicodeCodePoints",
		Results:    make([]sarifResult, len(l)),
	}
	for i, p := range l {
		run.Results[i] = p.sarif()
	}
	return json.MarshalIndent(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", "  ")
}

func (p Problem) sarif() sarifResult {
	text := p.Message
	if p.Hint != "" {
		text += "\n" + p.Hint
	}
	at := sarifLocation{Physical: sarifPhysical{
		Artifact: sarifArtifact{fileURI(p.File)},
		Region:   sarifRegion{p.Line, p.Col, max(p.EndCol, p.Col+1)},
	}}
	if p.Path != "" {
		at.Logical = []sarifLogical{{p.Path}}
	}
	return sarifResult{RuleID: "manifest", Level: p.Severity.String(), Message: sarifText{text}, Locations: []sarifLocation{at}}
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
