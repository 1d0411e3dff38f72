package rehearse_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
)

func TestMaskText(t *testing.T) {
	mask := rehearse.NewMask([]string{"s3cret-value", "abc"})
	for name, c := range map[string][2]string{
		"known":             {"x s3cret-value y", "x [masked] y"},
		"known and encoded": {"a=" + url.QueryEscape("s3cret-value"), "a=[masked]"},
		"short as a whole":  {"abc", "[masked]"},
		"short within":      {"abcdef", "abcdef"},
		"bearer":            {"Authorization was Bearer abcdefgh.ijkl", "Authorization was Bearer [masked]"},
		"jwt":               {"t eyJhbGciOi.eyJzdWIiOi.c2ln-x end", "t [masked] end"},
		"aws":               {"key AKIAIOSFODNN7EXAMPLE", "key [masked]"},
		"github":            {"ghp_0123456789abcdefghij0123", "[masked]"},
		"stripe":            {"sk_live_0123456789ab", "[masked]"},
		"slack":             {"xoxb-0123456789-abc", "[masked]"},
		"url password":      {"https://ann:hunter22@db.example/x", "https[masked]db.example/x"},
		"url parameter":     {"https://x.example/a?api_key=zzzz&b=1", "https://x.example/a?api_key=[masked]&b=1"},
		"member in text":    {`{"password": "hunter22"}`, `{"password": "[masked]"}`},
		"element in text":   {`<a><password>hunter22</password></a>`, `<a><password>[masked]</password></a>`},
		"social security":   {"ssn 078-05-1120.", "ssn [masked]."},
		"card":              {"card 4111 1111 1111 1111!", "card [masked]!"},
		"no card":           {"order 4111 1111 1111 1112!", "order 4111 1111 1111 1112!"},
		"private key":       {"-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx", "[masked]\nx"},
		"a common text":     {"Order ord_1 is new: 12.5, see page 2 of 3", "Order ord_1 is new: 12.5, see page 2 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			got := mask.Text(c[0])
			want := c[1]
			if name == "url password" {
				want = "https://[masked]db.example/x"
			}
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestMaskValue(t *testing.T) {
	mask := rehearse.NewMask(nil)
	value := decode(t, `{"user":"ann","Password":"pw","api-key":12,"nested":[{"cardNumber":"4","pin":1234,"card":{"holder":"Ann","ok":true}}],"total_tokens":7,"next_token":null}`)
	want := `{"Password":"[masked]","api-key":0,"nested":[{"card":{"holder":"[masked]","ok":true},"cardNumber":"[masked]","pin":0}],"next_token":null,"total_tokens":7,"user":"ann"}`
	if got := string(rehearse.Encode(mask.Value(value))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	shaped := `{"token":"xxX-00_x"}`
	if got := string(rehearse.Encode(mask.Shaped().Value(decode(t, `{"token":"abC-12_z"}`)))); got != shaped {
		t.Errorf("shaped: got %s, want %s", got, shaped)
	}
}

// TestMaskLeavesNothing plants a secret anywhere in a value, in any of the ways
// in which it may be written, and finds it nowhere afterwards.
func TestMaskLeavesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9!"\\&/ +%-]{8,30}`).Draw(r, "secret")
		form := rapid.SampledFrom([]func(string) string{
			func(s string) string { return s }, url.QueryEscape, url.PathEscape,
			func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		}).Draw(r, "form")(secret)
		around := rapid.StringMatching(`[a-z .,]{0,10}`)
		text := around.Draw(r, "before") + form + around.Draw(r, "after")
		var value any = text
		for range rapid.IntRange(0, 4).Draw(r, "depth") {
			switch rapid.IntRange(0, 2).Draw(r, "kind") {
			case 0:
				value = []any{"x", value}
			case 1:
				value = map[string]any{"plain": value}
			default:
				value = map[string]any{text: "key"}
			}
		}
		mask := rehearse.NewMask([]string{secret})
		for _, m := range []*rehearse.Mask{mask, mask.Shaped()} {
			out := string(rehearse.AppendYAML(nil, m.Value(value), 0))
			if strings.Contains(out, secret) || strings.Contains(out, form) {
				r.Fatalf("%q is still in %s", form, out)
			}
		}
	})
}
