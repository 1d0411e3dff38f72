package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// asker answers what calls ask the person: with what --answer says, or by
// asking on the terminal.
type asker struct {
	// given are the answers of flags that are not used yet, by question.
	given map[string]json.RawMessage
	// lines is the terminal; nil if there is none.
	lines *bufio.Reader
	out   io.Writer
}

// asker makes an asker; nil if there is nobody to ask and nothing given.
func (a *app) asker(answers []string) (*asker, error) {
	k := &asker{given: make(map[string]json.RawMessage), out: a.stderr}
	for _, word := range answers {
		key, value, found := strings.Cut(word, "=")
		switch {
		case !found || key == "":
			return nil, usageError{fmt.Errorf("--answer %q: want ID=JSON", word)}
		case !isAnswer([]byte(value)):
			return nil, usageError{fmt.Errorf(`--answer %s: want true, false, or an object such as '{"sure": true}', found %s`, key, value)}
		case k.given[key] != nil:
			return nil, usageError{fmt.Errorf("--answer %s: given twice", key)}
		}
		k.given[key] = json.RawMessage(value)
	}
	if a.interactive() {
		k.lines = bufio.NewReader(a.stdin)
	}
	if k.lines == nil && len(answers) == 0 {
		return nil, nil //nolint:nilnil // nobody can be asked, which is no error
	}
	return k, nil
}

// isAnswer reports whether a value is one that --answer takes.
func isAnswer(value []byte) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	switch v.(type) {
	case bool, map[string]any:
		return true
	}
	return false
}

// interactive reports whether somebody sits at standard input.
func (a *app) interactive() bool {
	f, ok := a.stdin.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nowhere, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, nowhere)
}

// The actions of an elicitation result.
const (
	accepted = "accept"
	refused  = "decline"
)

// ask answers one question with an elicitation result.
func (k *asker) ask(ctx context.Context, q *mcp.Question) ([]byte, error) {
	if given, ok := k.given[q.Key]; ok {
		delete(k.given, q.Key)
		switch string(given) {
		case "true":
			return elicited(accepted, nil)
		case "false":
			return elicited(refused, nil)
		}
		return elicited(accepted, given)
	}
	if k.lines == nil {
		return nil, fmt.Errorf("it asks %q: answer with --answer %s", q.Message, example(q))
	}
	if q.Kind == mcp.AskURL {
		k.say("%s\n%s\n", q.Message, q.URL)
		return k.confirm(ctx, "Have you done it?")
	}
	fields, err := formFields(q.Schema)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return k.confirm(ctx, q.Message)
	}
	k.say("%s (Ctrl-D declines)\n", q.Message)
	return k.fill(ctx, fields)
}

// elicited makes an elicitation result.
func elicited(action string, content json.RawMessage) ([]byte, error) {
	out, err := json.Marshal(struct {
		Action  string          `json:"action"`
		Content json.RawMessage `json:"content,omitempty"`
	}{action, content})
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return out, nil
}

// confirm asks for yes or no.
func (k *asker) confirm(ctx context.Context, question string) ([]byte, error) {
	for {
		k.say("%s [y/n] ", question)
		line, err := k.line(ctx)
		if errors.Is(err, io.EOF) {
			return elicited(refused, nil)
		}
		if err != nil {
			return nil, err
		}
		if yes, ok := yesOrNo(line); ok && yes {
			return elicited(accepted, nil)
		} else if ok {
			return elicited(refused, nil)
		}
	}
}

// fill asks for the fields of a form, one by one.
func (k *asker) fill(ctx context.Context, fields []formField) ([]byte, error) {
	content := make(map[string]any, len(fields))
	for i := range fields {
		f := &fields[i]
		for {
			k.say("%s", f.question())
			line, err := k.line(ctx)
			if errors.Is(err, io.EOF) {
				return elicited(refused, nil)
			}
			if err != nil {
				return nil, err
			}
			value, wrong := f.read(line)
			if wrong != "" {
				k.say("  want %s\n", wrong)
				continue
			}
			if value != nil {
				content[f.name] = value
			}
			break
		}
	}
	filled, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return elicited(accepted, filled)
}

// line reads a line of the terminal, unless the call ends before.
func (k *asker) line(ctx context.Context) (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() { // a terminal that nobody types on keeps it until the process ends
		line, err := k.lines.ReadString('\n')
		if line != "" && errors.Is(err, io.EOF) {
			err = nil
		}
		done <- read{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", errors.New("the question was open for too long")
		}
		return "", errors.New("the call was cancelled")
	}
}

// say writes to the person. Nothing can be done about an error stream that
// can't be written to.
func (k *asker) say(format string, args ...any) { _, _ = fmt.Fprintf(k.out, format, args...) }
