package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// testFlags are the flags of test.
type testFlags struct {
	live, unsafe, strict, asJSON, verbose bool
	junit, pattern                        string
	// examples are files and folders with more examples.
	examples []string
}

// test tries the examples of a manifest.
func (a *app) test() *cobra.Command {
	var flags testFlags
	c := &cobra.Command{
		Use:   "test [TOOL]...",
		Short: "Try the examples of a manifest's tools, without a network; or compare them with the services.",
		Long: "Try the examples of a manifest's tools. Each goes the whole way of a call: policies, checks of the arguments,\n" +
			"the request to the service, its answer (the example's) and what is made of that. Nothing is sent.\n\n" +
			"With --live the services are asked, and what they answer is compared with the examples: the status, and the names\n" +
			"and types of what is in it, also of what `expect` says of structured and content; text and contains, which are\n" +
			"values, are left out. The request must be the expected one. Requests that may change something are left out,\n" +
			"unless --unsafe is written.",
		Example: "  sallyport test\n" +
			"  sallyport test get_customer --run missing\n" +
			"  sallyport test --junit report.xml --strict\n" +
			"  sallyport test --examples recorded\n" +
			"  sallyport test --live",
		ValidArgsFunction: a.completeNames(gateway.KindTool),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runTest(c, &flags, args)
		},
	}
	a.manifestFlag(c)
	f := c.Flags()
	f.BoolVar(&flags.live, "live", false, "ask the services, and compare")
	f.BoolVar(&flags.unsafe, "unsafe", false, "with --live: send also what may change something")
	f.BoolVar(&flags.strict, "strict", false, "fail also if a tool has no examples")
	f.BoolVar(&flags.asJSON, "json", false, "print JSON")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "tell of every example")
	f.StringArrayVar(&flags.examples, "examples", nil, "try also the examples in this file or folder, e.g. one of serve --record; may be written several times")
	f.StringVar(&flags.junit, "junit", "", "write a report in JUnit's XML to this `FILE`; - for standard output, and nothing else there")
	f.StringVar(&flags.pattern, "run", "", "only examples whose TOOL/NAME or TOOL/NUMBER match this `REGEXP`")
	return c
}

func (a *app) runTest(c *cobra.Command, flags *testFlags, tools []string) error {
	if flags.unsafe && !flags.live {
		return usageError{errors.New("--unsafe is for --live: nothing is sent otherwise")}
	}
	if flags.asJSON && flags.junit == "-" {
		return usageError{errors.New("--json and --junit - both write to standard output")}
	}
	r := &gateway.Rehearsal{Tools: tools, Live: flags.live, Unsafe: flags.unsafe}
	if flags.pattern != "" {
		match, err := regexp.Compile(flags.pattern)
		if err != nil {
			return usageError{fmt.Errorf("--run: %w", err)}
		}
		r.Match = match
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	source := a.source()
	source.Examples = flags.examples
	options := gateway.Options{Source: source, Parts: a.parts, Version: Version()}
	if flags.live {
		options.Log = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: withoutTime}))
	}
	report, err := gateway.Rehearse(ctx, options, r)
	if err != nil {
		return a.report(err)
	}
	if err := a.tellReport(report, flags); err != nil {
		return err
	}
	if nothing := nothingTried(report, flags); nothing != "" {
		return errors.New(nothing)
	}
	if report.Failed > 0 || flags.strict && report.Without > 0 {
		return errSilent
	}
	return nil
}

// nothingTried says why there was no example; empty if there were some. It is
// a failure: a typing mistake must not look like success.
func nothingTried(report *gateway.RehearsalReport, flags *testFlags) string {
	switch {
	case report.Passed+report.Failed+report.Skipped > 0:
		return ""
	case flags.pattern != "":
		return fmt.Sprintf("no example matches --run %s: see sallyport test -v for their names, TOOL/NAME or TOOL/NUMBER", flags.pattern)
	case len(report.Tools) == 0:
		return "nothing was tried: the manifest has no tools"
	}
	return "nothing was tried: there are no examples; write tools.NAME.examples, or record some with serve --record and name their folder with --examples"
}

// tellReport prints a report in the forms that are asked for.
func (a *app) tellReport(report *gateway.RehearsalReport, flags *testFlags) error {
	if flags.junit == "-" {
		return writeJUnit(a.stdout, report, flags.strict)
	}
	if flags.junit != "" {
		var text strings.Builder
		if err := writeJUnit(&text, report, flags.strict); err != nil {
			return err
		}
		if err := os.WriteFile(flags.junit, []byte(text.String()), 0o644); err != nil { //nolint:gosec // a report is for everybody
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if !flags.asJSON {
		return printReport(a.stdout, report, flags)
	}
	out, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return a.printf("%s\n", out)
}

// printReport prints a report for people, tool by tool.
func printReport(w io.Writer, report *gateway.RehearsalReport, flags *testFlags) error {
	var b strings.Builder
	for i := range report.Tools {
		printTool(&b, &report.Tools[i], flags)
	}
	verdict := "ok"
	if nothingTried(report, flags) != "" || report.Failed > 0 || flags.strict && report.Without > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(&b, "%s: %d passed, %d failed, %d skipped", verdict, report.Passed, report.Failed, report.Skipped)
	if report.Without > 0 {
		fmt.Fprintf(&b, "; %d %s without examples", report.Without, plural(report.Without, "tool"))
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func printTool(b *strings.Builder, t *gateway.ToolRehearsal, flags *testFlags) {
	word := map[string]string{
		gateway.OutcomePass: "ok", gateway.OutcomeFail: "FAIL", gateway.OutcomeSkip: "skip", gateway.OutcomeNone: "none",
	}[t.Outcome]
	switch t.Outcome {
	case gateway.OutcomeNone:
		if flags.strict {
			word = "FAIL"
		}
		fmt.Fprintf(b, "%-4s  %s  no examples  (%s)\n", word, t.Name, at(t.File, t.Line))
	default:
		fmt.Fprintf(b, "%-4s  %s  %d %s\n", word, t.Name, len(t.Examples), plural(len(t.Examples), "example"))
	}
	for i := range t.Examples {
		e := &t.Examples[i]
		if e.Outcome == gateway.OutcomePass && !flags.verbose && len(e.Notes) == 0 {
			continue
		}
		fmt.Fprintf(b, "      %s %s: %s", e.Outcome, at(e.File, e.Line), e.Name)
		if e.Reason != "" {
			fmt.Fprintf(b, " (%s)", e.Reason)
		}
		b.WriteByte('\n')
		for _, f := range e.Findings {
			fmt.Fprintf(b, "          %s: %s\n%s", at(f.File, f.Line), f.What, indented(f.Message, "              "))
		}
		for _, note := range e.Notes {
			fmt.Fprintf(b, "          note: %s\n", note)
		}
	}
}

// at is a place in a file as it is shown: relative to where one is.
func at(file string, line int) string {
	if relative, err := filepath.Rel(workingFolder(), file); err == nil && filepath.IsAbs(file) && !strings.HasPrefix(relative, "..") {
		file = relative
	}
	return fmt.Sprintf("%s:%d", file, line)
}

func indented(text, by string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight(by+line, " ") + "\n")
	}
	return b.String()
}
