package upstream

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"pgregory.net/rapid"
)

// The search finds what bytes.Index finds.
func TestNeedleIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]string{`[a]`, `[aZ]`, `[abcZ]`}).Draw(t, "letters")
		secret := rapid.StringMatching(letters+`{1,9}`).Draw(t, "secret")
		text := []byte(rapid.StringMatching(letters+`{0,400}`).Draw(t, "text"))
		n := needle{[]byte(secret), rarest(secret)}
		if got, want := n.index(text), bytes.Index(text, n.text); got != want {
			t.Fatalf("%q in %q: %d, want %d", secret, text, got, want)
		}
	})
}

// What it costs to look for credentials that aren't there.
func BenchmarkRedact(b *testing.B) {
	const row = `{"id":"cust_aaaaaaaaaaaaaaaaaaaa","name":"Ann Example","email":"ann@example.com","at":"2024-03-01T12:00:00Z","sum":1234.56},`
	for _, size := range []int{310, 64 << 10} {
		body := []byte(strings.Repeat(row, size/len(row)+1))[:size]
		for name, auth := range map[string]*HTTPAuth{
			"bearer": {Bearer: plugins.NewSecret("ghp_16C7e42F292c6912E7710c838347Ae178B4a")},
			"words":  {Bearer: plugins.NewSecret("canary-bearer-token")},
			"hex":    {Bearer: plugins.NewSecret("d41d8cd98f00b204e9800998ecf8427e")},
			"basic":  {Basic: &HTTPBasic{User: "me", Password: plugins.NewSecret("open sesame/now")}},
		} {
			r := newRedactor(&HTTPSettings{Auth: auth})
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r.redact(body)
				}
			})
		}
	}
}
