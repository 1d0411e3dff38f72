package edge

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// mixed answers in one of several ways, by the path: /number/way/size.
func mixed(req *Request, resp *Response) {
	var number, size int
	var way string
	if _, err := fmt.Sscanf(strings.ReplaceAll(req.Path, "/", " "), "%d %s %d", &number, &way, &size); err != nil {
		resp.Status = 400
		return
	}
	answer := fmt.Appendf(nil, "%d:%s:%s", number, req.Body, strings.Repeat("x", size))
	switch way {
	case "plain":
		resp.Body = append(resp.Body, answer...)
	case "stream":
		s := begin(resp, "")
		for len(answer) > 0 {
			n := min(len(answer), 1+size/7)
			s.Send(answer[:n])
			answer = answer[n:]
		}
	case "late": // written by another goroutine, whenever
		s := begin(resp, "")
		go func() { s.Send(answer); s.End() }()
		s.wait()
	}
}

// TestMixedPipeline sends many requests at once, cut into pieces anyhow, that
// are answered whole or streamed: each gets its own answer, in order.
func TestMixedPipeline(t *testing.T) {
	s := startWith(t, Config{Handler: handlerFunc(mixed)}, streaming())
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := dial(t, s)
		var wire strings.Builder
		type expected struct{ method, answer string }
		var want []expected
		for i := range 40 {
			method := []string{"GET", "POST", "HEAD"}[random.IntN(3)]
			way := []string{"plain", "plain", "stream", "late"}[random.IntN(4)]
			size := []int{0, 1, 100, 5000, 100_000}[random.IntN(5)]
			body := strings.Repeat("b", random.IntN(300))
			fmt.Fprintf(&wire, "%s /%d/%s/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, i, way, size, len(body), body)
			answer := fmt.Sprintf("%d:%s:%s", i, body, strings.Repeat("x", size))
			if method == "HEAD" {
				answer = ""
			}
			want = append(want, expected{method, answer})
		}
		go func() {
			for rest := wire.String(); rest != ""; {
				n := min(len(rest), 1+random.IntN(4000))
				if _, err := io.WriteString(c, rest[:n]); err != nil {
					return // the reader fails then
				}
				if rest = rest[n:]; n%3 == 0 {
					<-time.After(100 * time.Microsecond)
				}
			}
		}()
		for i, w := range want {
			resp, err := http.ReadResponse(c.r, &http.Request{Method: w.method})
			if err != nil {
				t.Fatalf("seed %d, request %d: %v", seed, i, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 || string(body) != w.answer {
				t.Fatalf("seed %d, request %d: %d %.60q, %v; want %.60q", seed, i, resp.StatusCode, body, err, w.answer)
			}
		}
		_ = c.Close()
	}
}
