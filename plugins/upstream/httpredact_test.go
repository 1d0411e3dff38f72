package upstream_test

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"pgregory.net/rapid"
)

func bearer(token string) *upstream.HTTPAuth {
	return &upstream.HTTPAuth{Bearer: plugins.NewSecret(token)}
}

func basic(user, password string) *upstream.HTTPAuth {
	return &upstream.HTTPAuth{Basic: &upstream.HTTPBasic{User: user, Password: plugins.NewSecret(password)}}
}

func keyed(name, value string) *upstream.HTTPCredential {
	return &upstream.HTTPCredential{Name: name, Value: plugins.NewSecret(value)}
}

// A service that echoes its request in whatever form doesn't tell a client the
// gateway's credentials.
func TestCredentialsAreRedacted(t *testing.T) {
	const token = "canary-token-01"
	for _, tt := range []struct {
		name string
		auth *upstream.HTTPAuth
		echo string
		want string
	}{
		{"bearer", bearer(token), "a Bearer canary-token-01 b", "a Bearer *************** b"},
		{"twice", bearer(token), token + token, strings.Repeat("*", 30)},
		{"almost", bearer(token), "canary-token-0 anary-token-01 canary-token-02", "canary-token-0 anary-token-01 canary-token-02"},
		{"too short to tell", bearer("canary1"), "canary1", "canary1"},
		{"basic, as sent", basic("me", "canary-pass"), "Basic " + base64.StdEncoding.EncodeToString([]byte("me:canary-pass")), "Basic *******************="},
		{"basic, decoded", basic("me", "canary-pass"), `{"user":"me","password":"canary-pass"}`, `{"user":"me","password":"***********"}`},
		{"basic, short password", basic("me-myself", "pass"), `me-myself:pass pass`, `************** pass`},
		{"header", &upstream.HTTPAuth{Header: keyed("X-Key", token)}, `{"X-Key":["canary-token-01"]}`, `{"X-Key":["***************"]}`},
		{"header with a scheme", &upstream.HTTPAuth{Header: keyed("Authorization", "Token "+token)}, token, "***************"},
		{"header with parameters", &upstream.HTTPAuth{Header: keyed("Authorization", `Sig id="canary-id", key="canary-token-01"`)}, `canary-token-01 by canary-id`, "*************** by *********"},
		{"cookie", &upstream.HTTPAuth{Header: keyed("Cookie", "lang=en; session=canary-token-01")}, `{"lang":"en","session":"canary-token-01"}`, `{"lang":"en","session":"***************"}`},
		{"query", &upstream.HTTPAuth{Query: keyed("key", "canary/tok en")}, "?key=canary%2Ftok%20en canary%2ftok%20en canary%2Ftok+en canary/tok en", "?key=***************** ***************** *************** *************"},
		{"a slash in PHP's JSON", bearer("canary/token+01"), `"canary\/token+01"`, `"****************"`},
		{"quotes in JSON", basic("me", `canary"\pass`), `"canary\"\\pass"`, `"**************"`},
		{"HTML's characters in Go's JSON", basic("me", `canary<&>pass`), "\"canary\\u003c\\u0026\\u003epass\"", `"****************************"`},
		{"a plus in .NET's JSON", bearer("canary+token"), "\"canary\\u002Btoken\"", `"*****************"`},
		{"not ASCII, in Python's JSON", basic("me", "canary-ö😀"), "\"canary-\\u00f6\\ud83d\\ude00\"", `"*************************"`},
		{"HTML", basic("me", `canary<'">pass`), html.EscapeString(`canary<'">pass`), strings.Repeat("*", 28)},
		{"two in one", &upstream.HTTPAuth{Header: keyed("X-Key", "static-key-and-more")}, "static-key-and-more static-key", "******************* **********"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Echo", strings.Map(printable, tt.echo))
				if _, err := io.WriteString(w, tt.echo); err != nil {
					t.Error(err)
				}
			})
			s := base(address)
			s.Auth, s.Headers = tt.auth, map[string]plugins.Secret{"X-Static": plugins.NewSecret("static-key")}
			resp, err := prepare(t, build(t, s), short(t, "GET /")).Do(context.Background(), callOf(t, `{}`))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Free()
			if string(resp.Body) != tt.want {
				t.Errorf("body\n got %s\nwant %s", resp.Body, tt.want)
			}
			if got := resp.Header("X-Echo"); got != strings.Map(printable, tt.want) {
				t.Errorf("header\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// printable drops what no header holds.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// What settings say about content is no secret, and names of headers stay.
func TestOrdinaryHeadersAreNotRedacted(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.acme+json")
		w.Header().Set("X-Canary-Name", "X-Canary-Name")
		if _, err := io.WriteString(w, `{"at":"2022-11-28","agent":"acme-gateway/1.0"}`); err != nil {
			t.Error(err)
		}
	})
	s := base(address)
	s.Auth = bearer("X-Canary-Name")
	s.Headers = map[string]plugins.Secret{}
	for name, value := range map[string]string{"Accept": "application/vnd.acme+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "acme-gateway/1.0"} {
		s.Headers[name] = plugins.NewSecret(value)
	}
	resp, err := prepare(t, build(t, s), short(t, "GET /")).Do(context.Background(), callOf(t, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Free()
	if resp.ContentType != "application/vnd.acme+json" || string(resp.Body) != `{"at":"2022-11-28","agent":"acme-gateway/1.0"}` || resp.Header("X-Canary-Name") != "*************" {
		t.Errorf("%s %s %s", resp.ContentType, resp.Body, resp.Header("X-Canary-Name"))
	}
}

// A compressed body is searched after it is decompressed.
func TestCompressedBodiesAreRedacted(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		if _, err := fmt.Fprint(z, r.Header); err != nil {
			t.Error(err)
		}
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	})
	s := base(address)
	s.Auth = bearer("canary-token-01")
	_, body, err := do(t, prepare(t, build(t, s), short(t, "GET /")), `{}`)
	if err != nil || strings.Contains(body, "canary") || !strings.Contains(body, "Bearer ***************") {
		t.Errorf("%s %v", body, err)
	}
}

// Any secret is found in any text around it, and nothing else is changed.
func TestRedactsExactly(t *testing.T) {
	var text string
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, text); err != nil {
			t.Error(err)
		}
	})
	around := rapid.OneOf(rapid.StringMatching(`[ab]{0,300}`), rapid.StringMatching(`[ab"\\/&+é]{0,20}`), rapid.String())
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.OneOf(rapid.StringMatching(`[ab]{8,12}`), rapid.StringMatching(`[ab"\\/&+é]{8,12}`)).Draw(rt, "secret")
		text = around.Draw(rt, "before") + secret + around.Draw(rt, "after")
		s := base(address)
		s.Auth = &upstream.HTTPAuth{Query: keyed("key", secret)}
		_, body, err := do(t, prepare(t, build(t, s), short(t, "GET /")), `{}`)
		if err != nil || len(body) != len(text) || strings.Contains(body, secret) {
			rt.Fatalf("%q in %q: %q %v", secret, text, body, err)
		}
		// A secret of letters has one form only.
		if want := strings.ReplaceAll(text, secret, strings.Repeat("*", len(secret))); strings.Trim(secret, "ab") == "" && body != want {
			rt.Fatalf("%q in %q: %q", secret, text, body)
		}
	})
}
