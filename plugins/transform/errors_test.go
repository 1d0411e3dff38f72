package transform

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestRefusals(t *testing.T) {
	problem := answer{status: 422, contentType: "application/problem+json", body: `{"type":"about:blank","title":"Invalid order","detail":"quantity must be positive","errors":[{"pointer":"#/items/0","detail":"too small"}]}`}
	with := func(a answer, status int) answer { a.status = status; return a }
	texts := Settings{Errors: map[string]string{
		"404": "No order ${{ args.id }}.", "4xx": "Refused: ${{ .message // \"?\" }}", "default": "The shop said ${{ status }} ${{ headers.\"X-Code\" }}.",
		"418": "${{ .a + 1 }}",
	}}
	tests := []struct {
		name string
		set  Settings
		in   answer
		want string
	}{
		{"by status", texts, answer{status: 404}, "No order ord_1."},
		{"by class", texts, answer{status: 409, contentType: "application/json", body: `{"message":"busy\u001b[31m\u202e"}`}, "Refused: busy"},
		{"by class, body is no json", texts, answer{status: 409, contentType: "text/html", body: `<html>`}, "Refused: ?"},
		{"by default", texts, answer{status: 503, header: map[string]string{"X-Code": "E7"}}, "The shop said 503 E7."},
		{"a text that fails", texts, answer{status: 418, contentType: "application/json", body: `{"a":"secret"}`}, "The service refused the call (418)."},

		{"problem details", Settings{}, problem, `The service did not accept these arguments (422). It says: "Invalid order; quantity must be positive; #/items/0: too small". Correct them and call again.`},
		{"nested error", Settings{}, answer{status: 400, contentType: "application/json", body: `{"error":{"code":7,"message":"no such SKU"}}`},
			`The service did not accept these arguments (400). It says: "no such SKU". Correct them and call again.`},
		{"no words", Settings{}, answer{status: 400, contentType: "text/html", body: "<html>stack trace"}, "The service did not accept these arguments (400). Correct them and call again."},
		{"credentials: no word", Settings{}, with(problem, 401), "The service refused the gateway's credentials (401); this can't be repaired by changing the arguments."},
		{"forbidden: no word", Settings{}, with(problem, 403), "The service refused the gateway's credentials (403); this can't be repaired by changing the arguments."},
		{"failure: no word", Settings{}, with(problem, 500), "The service failed (500). Try again later."},
		{"unavailable, with a wait", Settings{}, answer{status: 503, header: map[string]string{"Retry-After": "30"}}, "The service is not available (503). Try again in 30 s."},
		{"not found", Settings{}, answer{status: 404, body: "<html>"}, "The service found nothing under these arguments (404). Check them."},
		{"conflict", Settings{}, with(problem, 409), `The service refused this because of the present state of what it is about (409). It says: "Invalid order; quantity must be positive; #/items/0: too small". Look at that before another try.`},
		{"too often", Settings{}, answer{status: 429, header: map[string]string{"Retry-After": "Sat, 01 Aug 2026 12:01:30 GMT"}}, "The service is asked too often (429). Try again in 90 s."},
		{"timeout", Settings{}, answer{status: 504}, "The service took too long (504). Try again later."},
		{"redirect", Settings{}, answer{status: 302, header: map[string]string{"Location": "https://evil.example"}}, "The service answered with a redirect (302), which is not followed."},
		{"unheard of", Settings{}, answer{status: 499}, "The service refused the call (499)."},

		{"token and address hidden", Settings{}, answer{status: 400, contentType: "application/json", body: `{"message":"bad \"Bearer abc123\" from 10.0.0.7:80 see http://crm.internal/x eyJhbGciOi.J9.sig password=hunter2 for cust_1"}`},
			`The service did not accept these arguments (400). It says: "bad 'Bearer [hidden] from [hidden] see [hidden] [hidden] [hidden] for cust_1". Correct them and call again.`},
		{"first line only", Settings{}, answer{status: 400, contentType: "application/json", body: `{"message":"oops\n\tat com.acme.Foo(Foo.java:12)"}`},
			`The service did not accept these arguments (400). It says: "oops". Correct them and call again.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(t, mustBuild(t, tt.set), tt.in)
			e := failureOf(t, err)
			if e.Kind != plugins.KindStatus || e.Status != tt.in.status || e.Cause == nil {
				t.Errorf("got kind %d, status %d, cause %v", e.Kind, e.Status, e.Cause)
			}
			if e.Message != tt.want {
				t.Errorf("got  %s\nwant %s", e.Message, tt.want)
			}
		})
	}
}

func TestWordsAreBounded(t *testing.T) {
	tr := mustBuild(t, Settings{})
	_, err := run(t, tr, answer{status: 400, contentType: "application/json", body: `{"message":"` + strings.Repeat("wörter ", 5000) + `"}`})
	if n := len([]rune(failureOf(t, err).Message)); n > maxSaid+120 {
		t.Errorf("the message has %d characters", n)
	}
	_, err = run(t, mustBuild(t, Settings{Errors: map[string]string{"default": "${{ .message }}"}}),
		answer{status: 400, contentType: "application/json", body: `{"message":"` + strings.Repeat("x", 100_000) + `"}`})
	if n := len([]rune(failureOf(t, err).Message)); n != maxRefusalText+1 {
		t.Errorf("the rendered message has %d characters", n)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		value string
		want  time.Duration
	}{
		{"", 0}, {"5", 5 * time.Second}, {" 7 ", 7 * time.Second}, {"-1", 0}, {"1.5", 0}, {"soon", 0},
		{"99999999999", maxWait}, {"99999999999999999999999", 0},
		{"Sat, 01 Aug 2026 12:00:10 GMT", 10 * time.Second},
		{"Sat, 01 Aug 2026 11:00:10 GMT", 0},
		{"Sat, 01 Aug 2099 12:00:10 GMT", maxWait},
	}
	tr := mustBuild(t, Settings{})
	for _, tt := range tests {
		_, err := run(t, tr, answer{status: 503, header: map[string]string{"Retry-After": tt.value}})
		if got := failureOf(t, err).RetryAfter; got != tt.want {
			t.Errorf("Retry-After %q: got %v, want %v", tt.value, got, tt.want)
		}
	}
}
