package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// spoil changes an answer. Servers in these tests answer rightly at first, so
// that the target learns the right answer, and spoil later answers.
type spoil func(answer []byte) (int, []byte)

// serveTool is a right MCP server but for what spoil does from the third
// answer on.
func serveTool(t *testing.T, spoil spoil) string {
	t.Helper()
	var answers atomic.Int64
	body := fixture.CustomerBody()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := io.ReadAll(r.Body)
		var call struct {
			ID     json.RawMessage
			Params struct{ Arguments map[string]string }
		}
		if err != nil || json.Unmarshal(request, &call) != nil {
			t.Errorf("bad request %q (%v)", request, err)
		}
		text := body.Append(nil, []byte(call.Params.Arguments["customer_id"]))
		quoted, _ := json.Marshal(string(text))
		answer := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[{"type":"text","text":%s}],"structuredContent":%s}}`,
			call.ID, quoted, text)
		status := http.StatusOK
		if answers.Add(1) > 2 {
			status, answer = spoil(answer)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func toolRequest(call fixture.Call) [][]byte {
	body := fmt.Sprintf(`{"id":%s,"params":{"arguments":{"customer_id":"%s"}}}`, call.ID, call.Customer)
	return [][]byte{fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
}

func ok(answer []byte) (int, []byte) { return http.StatusOK, answer }

// loads runs both kinds of load against a spoiled server.
func loads(t *testing.T, spoil spoil, check func(Result, error)) {
	t.Helper()
	for name, drive := range map[string]func(*Session) (Result, error){
		"closed": func(s *Session) (Result, error) { return s.Closed(30 * time.Millisecond) },
		"rate":   func(s *Session) (Result, error) { return s.AtRate(500, 30*time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			target, err := NewTarget(serveTool(t, spoil), &Numbers{}, toolRequest, VerifyTool(fixture.CustomerBody()))
			if err != nil {
				t.Fatal(err)
			}
			session, err := target.Open(4)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			check(drive(session))
		})
	}
}

func TestWrongAnswersAreDetected(t *testing.T) {
	replace := func(from, to string) spoil {
		return func(answer []byte) (int, []byte) {
			if !bytes.Contains(answer, []byte(from)) {
				t.Errorf("the answer has no %q to spoil", from)
			}
			return ok(bytes.Replace(answer, []byte(from), []byte(to), 1))
		}
	}
	other := fixture.NewCall(1 << 40)
	for name, spoil := range map[string]spoil{
		"id of another call":       replace(`"id":1`, `"id":2`),
		"id as a string":           replace(`"id":1`, `"id":"1`),
		"a value in the text":      replace(`Gothenburg`, `Gothenbury`),
		"a value in the structure": func(a []byte) (int, []byte) { return ok(replaceLast(a, "1834.25", "1834.26")) },
		"a missing member":         func(a []byte) (int, []byte) { return ok(replaceLast(a, `"active":true,`, "")) },
		"another customer": func(a []byte) (int, []byte) {
			return ok(replaceLast(a, string(a[customerAt(a):][:20]), string(other.Customer[:20])))
		},
		"a tool error":     replace(`"content"`, `"isError":true,"content"`),
		"an input request": replace(`complete`, `input_required`),
		"an error": func([]byte) (int, []byte) {
			return ok([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}`))
		},
		"status 500": func(a []byte) (int, []byte) { return http.StatusInternalServerError, a },
		"cut off":    func(a []byte) (int, []byte) { return ok(a[:len(a)-1]) },
		"nothing":    func([]byte) (int, []byte) { return ok(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			loads(t, spoil, func(r Result, err error) {
				if err == nil {
					t.Errorf("%d calls counted as right", r.Calls)
				}
			})
		})
	}
}

func TestRightAnswersPass(t *testing.T) {
	loads(t, ok, func(r Result, err error) {
		if err != nil || r.Calls == 0 || r.Reparsed != 0 || r.P99 < r.P50 || r.P50 <= 0 {
			t.Errorf("%+v, %v; want calls, none judged by content, and latencies", r, err)
		}
	})
}

func TestOtherBytesOfTheSameContentPass(t *testing.T) {
	spaced := func(a []byte) (int, []byte) { return ok(append([]byte(" "), a...)) }
	loads(t, spaced, func(r Result, err error) {
		if err != nil || r.Reparsed == 0 {
			t.Errorf("%+v, %v; want answers judged by content", r, err)
		}
	})
}

func TestFirstAnswerIsJudged(t *testing.T) {
	_, err := NewTarget(serveTool(t, ok), &Numbers{}, toolRequest, VerifyTool(fixture.OrdersBody()))
	if err == nil {
		t.Fatal("a target whose first answer is wrong was accepted")
	}
}

func TestRateIsKept(t *testing.T) {
	target, err := NewTarget(serveTool(t, ok), &Numbers{}, toolRequest, VerifyTool(fixture.CustomerBody()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := target.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.AtRate(200, 100*time.Millisecond)
	if err != nil || r.Calls != 20 || r.Elapsed < 95*time.Millisecond {
		t.Errorf("%+v, %v; want 20 calls, the last after 95 ms", r, err)
	}
}

func customerAt(answer []byte) int { return bytes.LastIndex(answer, []byte("cust_")) }

func replaceLast(text []byte, from, to string) []byte {
	at := bytes.LastIndex(text, []byte(from))
	return append(append(bytes.Clone(text[:at]), to...), text[at+len(from):]...)
}
