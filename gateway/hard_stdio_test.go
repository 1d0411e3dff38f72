package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// lineClient is a client over standard input and output.
type lineClient struct {
	t    *testing.T
	in   *io.PipeWriter
	out  chan string
	done chan error
	stop context.CancelFunc
}

// stdio serves a client with a gateway until the test ends.
func (r *rig) stdio(t *testing.T) *lineClient {
	t.Helper()
	inReader, in := io.Pipe()
	out, outWriter := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	c := &lineClient{t: t, in: in, out: make(chan string, 8192), done: make(chan error, 1), stop: stop}
	go func() {
		err := r.g.ServeStdio(ctx, inReader, outWriter, gatewayCaller())
		_ = outWriter.Close()
		c.done <- err
	}()
	go func() {
		defer close(c.out)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			if line != "" {
				c.out <- line
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		stop()
	})
	return c
}

func (c *lineClient) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		c.t.Errorf("say: %v", err)
	}
}

// next is the next line: always one whole JSON text.
func (c *lineClient) next() string {
	c.t.Helper()
	select {
	case line, more := <-c.out:
		if !more {
			c.t.Fatal("the output has ended")
		}
		if !strings.HasSuffix(line, "\n") || !json.Valid([]byte(line)) || strings.Contains(line, "\r") {
			c.t.Fatalf("a line that is no message: %.300q", line)
		}
		return line
	case <-time.After(patience):
		c.t.Fatal("nothing more came")
	}
	return ""
}

// end closes the input, and returns what else came.
func (c *lineClient) end() string {
	c.t.Helper()
	_ = c.in.Close()
	var all strings.Builder
	for line := range c.out {
		all.WriteString(line)
	}
	select {
	case err := <-c.done:
		if err != nil {
			c.t.Errorf("the end: %v", err)
		}
	case <-time.After(patience):
		c.t.Fatal("it never ends")
	}
	return all.String()
}

const hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}` + "\n"

// TestGarbageLines writes what is no message: each is refused or ignored, and
// the next message is served.
func TestGarbageLines(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	for n, garbage := range []string{
		"", " ", "\r", "{", "}", "[]", "[[]]", "null", "5", `""`, "\x00", "\xff\xfe", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":{},"method":"ping"}`,
		`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","method":"nope"}`, `{"jsonrpc":"2.0","id":1,"method":"ping","method":"x"}`, strings.Repeat("[", 5000), "Content-Length: 5\r", "POST /mcp HTTP/1.1\r",
		`{"jsonrpc":"2.0","id":"unknown","result":{}}`, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"nobody's"}}`, `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`,
	} {
		c.say(garbage + "\n")
		id := fmt.Sprintf(`"id":"after-%d"`, n)
		c.say(`{"jsonrpc":"2.0",` + id + `,"method":"ping"}` + "\r\n")
		for count := 0; ; count++ {
			line := c.next()
			if strings.Contains(line, id) {
				break
			}
			if count > 0 || !strings.Contains(line, `"error"`) {
				t.Fatalf("%.60q: %s", garbage, line)
			}
		}
	}
	c.say(`{"jsonrpc":"2.0","id":"last","method":"ping"}`) // without the end of the line
	if rest := c.end(); !strings.Contains(rest, `"id":"last"`) {
		t.Errorf("a last line without its end: %q", rest)
	}
}

// TestManyAtOnceOverStdio sends a thousand calls at once, in both eras: each is
// answered once, with what belongs to it.
func TestManyAtOnceOverStdio(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	const many = 1000
	go func() {
		for n := range many {
			meta := ""
			if n%2 == 0 {
				meta = "," + loud
			}
			tool := "echo"
			if n%3 == 0 {
				tool = "tell"
			}
			_, _ = fmt.Fprintf(c.in, `{"jsonrpc":"2.0","id":"n%d","method":"tools/call","params":{"name":%q,"arguments":{"v":"v%d."}%s}}`+"\n", n, tool, n, meta)
		}
	}()
	answered := make(map[string]bool)
	for len(answered) < many {
		var m struct {
			ID string `json:"id"`
		}
		line := c.next()
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if m.ID == "" {
			continue // a notification
		}
		if answered[m.ID] || !strings.Contains(line, `"v`+strings.TrimPrefix(m.ID, "n")+`."`) {
			t.Fatalf("%s again, or with another's: %s", m.ID, line)
		}
		answered[m.ID] = true
	}
	c.end()
}

// TestStdioEndsInTheMiddle closes the input under calls: those that an upstream
// answers are answered, those that wait for an answer of the client are given
// up, and it ends.
func TestStdioEndsInTheMiddle(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	c.say(legacyCall("held", "held") + "\n" + legacyCall("asks", "ask") + "\n")
	<-b.begun
	until(t, "it has asked", func() bool { return strings.Contains(c.next(), "elicitation/create") })
	go func() {
		time.Sleep(200 * time.Millisecond) // the end of the input comes first
		close(b.finish)
	}()
	rest := c.end()
	if !strings.Contains(rest, `"id":"held","result"`) || !strings.Contains(rest, `"id":"asks"`) {
		t.Errorf("what came after the end: %s", rest)
	}
}

// TestTheSameIDTwice makes two calls with one id, and cancels: nothing hangs.
func TestTheSameIDTwice(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	for _, call := range []string{legacyCall("same", "slow"), legacyCall("same", "slow"), legacyCall("other", "slow")} {
		c.say(call + "\n")
		<-b.begun
	}
	c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"other"}}` + "\n")
	c.say(`{"jsonrpc":"2.0","id":"ping","method":"ping"}` + "\n")
	until(t, "the ping is answered", func() bool { return strings.Contains(c.next(), `"id":"ping"`) })
	close(b.finish)
	if rest := c.end(); strings.Count(rest, `"id":"same"`) != 2 || strings.Contains(rest, `"id":"other","result":{"content":[{"type":"text","text":"{\"ok\"`) {
		t.Errorf("the answers: %s", rest)
	}
}

// TestListenersOverStdio opens many listen streams on one line: each hears the
// news once, under its own id, and then its end.
func TestListenersOverStdio(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	listen, _ := listenBody()
	const many = 50
	for n := range many {
		id := fmt.Sprintf(`"listen-%d"`, n)
		c.say(strings.Replace(listen, `"id":"listen"`, `"id":`+id, 1) + "\n")
		if line := c.next(); !strings.Contains(line, "acknowledged") || !strings.Contains(line, id) {
			t.Fatalf("the acknowledgement: %s", line)
		}
	}
	r.replace(strings.Replace(streamManifest, "tools:\n", "tools:\n  more: {description: d, request: GET /x}\n", 1))
	reload(t, r)
	heard := ""
	for range many {
		heard += c.next()
	}
	for n := range many {
		if id := fmt.Sprintf(`"listen-%d"`, n); strings.Count(heard, id) != 1 {
			t.Errorf("%s heard %d times", id, strings.Count(heard, id))
		}
	}
	c.end()
}

// TestStdioIsStopped stops it from outside, with calls under way.
func TestStdioIsStopped(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	c.say(legacyCall("slow", "slow") + "\n" + legacyCall("asks", "ask") + "\n")
	<-b.begun
	c.stop()
	select {
	case <-c.done:
	case <-time.After(5 * time.Second):
		t.Error("it goes on")
	}
}

// TestCancelledRightBehind cancels calls and listeners with the very next line:
// each cancellation is of what it names, though that has hardly begun.
func TestCancelledRightBehind(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	const many = 100
	listen, _ := listenBody()
	for n := range many {
		call, listener := fmt.Sprint("c", n), fmt.Sprint("listen-", n)
		c.say(legacyCall(call, "slow") + "\n" + `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"` + call + `"}}` + "\n")
		c.say(strings.Replace(listen, `"id":"listen"`, `"id":"`+listener+`"`, 1) + "\n")
		until(t, "the listener is acknowledged", func() bool {
			line := c.next()
			return strings.Contains(line, "acknowledged") && strings.Contains(line, listener)
		})
		if n > 0 {
			c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"` + listener + `",` + modernMeta + `}}` + "\n")
		}
	}
	c.say(`{"jsonrpc":"2.0","id":"sync","method":"server/discover","params":{` + modernMeta + `}}` + "\n")
	until(t, "what was said is taken", func() bool { return strings.Contains(c.next(), `"id":"sync"`) })
	r.replace(strings.Replace(streamManifest, "tools:\n", "tools:\n  more: {description: d, request: GET /x}\n", 1))
	reload(t, r)
	until(t, "the listener that is left hears", func() bool { return strings.Contains(c.next(), `"listen-0"`) })
	close(b.finish)
	if rest := c.end(); strings.Contains(rest, `{\"ok\":true}`) || strings.Contains(rest, `"subscriptionId":"listen`) && strings.Contains(rest, "list_changed") {
		t.Errorf("what was cancelled went on: %.500s", rest)
	}
}

// TestALongLineAtTheEnd ends the input within a line that is too long: nothing
// of it is served.
func TestALongLineAtTheEnd(t *testing.T) {
	b := newEcho(t)
	r := start(t, streamManifest, b.URL, crowdEnv())
	c := r.stdio(t)
	c.say(hello)
	c.next()
	c.say(`{"jsonrpc":"2.0","id":"cut","method":"tools/call","params":{"name":"echo","arguments":{"v":"x"}}}` + strings.Repeat(" ", 2<<20) + "and more")
	if rest := c.end(); strings.Contains(rest, `"id":"cut","result"`) || len(b.requests()) != 0 {
		t.Errorf("a line that was cut is served: %s", rest)
	}
}
