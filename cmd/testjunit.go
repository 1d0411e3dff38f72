package cmd

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// junitSuites is a report in the form that JUnit's Ant task writes and Maven
// Surefire describes (surefire-test-report.xsd, version 3.0).
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

// junitSuite is a tool.
type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

// junitCase is an example.
type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes a report in JUnit's XML. A tool without examples is a
// skipped case; with strict, a failed one.
func writeJUnit(w io.Writer, report *gateway.RehearsalReport, strict bool) error {
	all := junitSuites{Name: "sallyport", Time: seconds(report.Milliseconds)}
	for i := range report.Tools {
		suite := junitOf(&report.Tools[i], strict)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Skipped += suite.Skipped
		all.Suites = append(all.Suites, suite)
	}
	out, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, out); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// junitOf is the suite of a tool.
func junitOf(t *gateway.ToolRehearsal, strict bool) junitSuite {
	suite := junitSuite{Name: t.Name, Time: seconds(t.Milliseconds)}
	if t.Outcome == gateway.OutcomeNone {
		c := junitCase{Name: "examples", Class: t.Name, File: t.File, Line: t.Line, Time: seconds(0)}
		message := &junitMessage{Message: "no examples"}
		if strict {
			message.Type = "examples"
			c.Failure, suite.Failures = message, 1
		} else {
			c.Skipped, suite.Skipped = message, 1
		}
		suite.Tests, suite.Cases = 1, []junitCase{c}
		return suite
	}
	for i := range t.Examples {
		e := &t.Examples[i]
		c := junitCase{
			Name: e.Name, Class: t.Name, File: e.File, Line: e.Line, Time: seconds(e.Milliseconds),
			Output: strings.Join(e.Notes, "\n"),
		}
		suite.Tests++
		switch e.Outcome {
		case gateway.OutcomeFail:
			suite.Failures++
			c.Failure = junitFailure(e.Findings)
		case gateway.OutcomeSkip:
			suite.Skipped++
			c.Skipped = &junitMessage{Message: e.Reason}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}

// junitFailure joins what was found about an example.
func junitFailure(findings []gateway.Finding) *junitMessage {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s\n%s", at(f.File, f.Line), f.What, indented(f.Message, "    "))
	}
	first, _, _ := strings.Cut(findings[0].Message, "\n")
	return &junitMessage{Message: findings[0].What + ": " + first, Type: findings[0].What, Text: b.String()}
}

// seconds is a time as JUnit writes it.
func seconds(milliseconds float64) string { return strconv.FormatFloat(milliseconds/1000, 'f', 3, 64) }
