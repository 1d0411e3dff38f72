package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestMetadataURLs(t *testing.T) {
	for issuer, want := range map[string][]string{
		"https://id.example": {
			"https://id.example/.well-known/oauth-authorization-server",
			"https://id.example/.well-known/openid-configuration",
		},
		"https://id.example/realms/a%2Fb/": {
			"https://id.example/.well-known/oauth-authorization-server/realms/a%2Fb",
			"https://id.example/.well-known/openid-configuration/realms/a%2Fb",
			"https://id.example/realms/a%2Fb/.well-known/openid-configuration",
			"https://id.example/realms/a%2Fb/.well-known/oauth-authorization-server",
		},
	} {
		if got, err := metadataURLs(issuer); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, %v; want %q", issuer, got, err, want)
		}
	}
}

// TestDiscovery serves metadata in one of the places.
func TestDiscovery(t *testing.T) {
	es := newSigner("ES256", "k")
	for _, row := range []struct{ path, place string }{
		{"", "/.well-known/oauth-authorization-server"},
		{"", "/.well-known/openid-configuration"},
		{"/", "/.well-known/openid-configuration"},
		{"/realms/acme", "/.well-known/oauth-authorization-server/realms/acme"},
		{"/realms/acme", "/.well-known/openid-configuration/realms/acme"},
		{"/realms/acme", "/realms/acme/.well-known/openid-configuration"},
		{"/realms/acme", "/realms/acme/.well-known/oauth-authorization-server"},
	} {
		t.Run(row.path+" "+row.place, func(t *testing.T) {
			var issuer string
			mux := http.NewServeMux()
			mux.HandleFunc("GET "+row.place, func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://%s/keys"}`, issuer, r.Host)
			})
			mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySetOf(es.jwk())) })
			server := httptest.NewServer(mux)
			defer server.Close()
			issuer = server.URL + row.path
			env, _ := testEnv(t)
			a := must(newTokens(JWTSettings{{Issuer: issuer, Audience: []string{testAudience}}}, env, defaultFetching(), time.Now))
			accepted(t, a, bearer(es.sign(with(goodClaims(time.Now()), map[string]any{"iss": issuer}), nil)))
		})
	}
}

func TestKeySetURL(t *testing.T) {
	const jwks = `"jwks_uri":"https://keys.example/jwks"`
	for name, row := range map[string]struct{ issuer, body, want string }{
		"good":            {testIssuer, `{"issuer":"https://id.example",` + jwks + `}`, "https://keys.example/jwks"},
		"loopback":        {"http://127.0.0.1:1", `{"issuer":"http://127.0.0.1:1","jwks_uri":"http://127.0.0.1:2/x"}`, "http://127.0.0.1:2/x"},
		"another issuer":  {testIssuer, `{"issuer":"https://evil.example",` + jwks + `}`, "!another issuer"},
		"final slash":     {testIssuer, `{"issuer":"https://id.example/",` + jwks + `}`, "!final slash"},
		"no issuer":       {testIssuer, `{` + jwks + `}`, "!another issuer"},
		"twice":           {testIssuer, `{"issuer":"https://evil.example","issuer":"https://id.example",` + jwks + `}`, "!strict"},
		"no key set":      {testIssuer, `{"issuer":"https://id.example"}`, "!jwks_uri"},
		"plain http":      {testIssuer, `{"issuer":"https://id.example","jwks_uri":"http://keys.example/jwks"}`, "!jwks_uri"},
		"down to a local": {testIssuer, `{"issuer":"https://id.example","jwks_uri":"http://127.0.0.1:9090/jwks"}`, "!jwks_uri"},
		"file":            {testIssuer, `{"issuer":"https://id.example","jwks_uri":"file:///etc/passwd"}`, "!jwks_uri"},
		"HTML":            {testIssuer, `<html>`, "!strict"},
		"list":            {testIssuer, `[]`, "!another issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keySetURL([]byte(row.body), row.issuer)
			if word, fails := strings.CutPrefix(row.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("got %q, %v; want an error about %q", got, err, word)
				}
			} else if err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

// TestRealServer fetches over a real network stack: redirects are not
// followed, endless bodies end, hanging servers are left.
func TestRealServer(t *testing.T) {
	es := newSigner("ES256", "k")
	var followed atomic.Int64
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Error("credentials were sent")
		}
		_, _ = w.Write(keySetOf(es.jwk()))
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/followed", http.StatusFound) })
	mux.HandleFunc("/followed", func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for block := []byte(strings.Repeat(" ", 1<<16)); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(release)
	with := defaultFetching()
	with.timeout = 300 * time.Millisecond
	for path, want := range map[string]string{
		"/good": "", "/redirect": "redirect", "/endless": "1 MiB", "/hang": "deadline", "/absent": "404",
	} {
		t.Run(path, func(t *testing.T) {
			with := with
			if path == "/good" {
				with.timeout = 5 * time.Second
			}
			if path == "/endless" {
				with.timeout = 30 * time.Second
			}
			env, o := testEnv(t)
			r := newRemoteKeys(testIssuer, fixedLocation(server.URL+path), env, with)
			defer func() {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}()
			<-o.news
			err := o.all()[0]
			if want == "" && (err != nil || r.ready() != nil) {
				t.Errorf("got %v", err)
			}
			if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want an error about %q", err, want)
			}
		})
	}
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestRefusedAddresses checks the addresses that are never dialed.
func TestRefusedAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true, "fe80::1": true,
		"fe80::1%eth0": true, "fd00:ec2::254": true, "fd00:ec2::254%eth0": true, "64:ff9b::a9fe:a9fe": true,
		"10.0.0.1": false, "192.168.1.1": false, "127.0.0.1": false, "::1": false, "fd00::1": false, "8.8.8.8": false, "64:ff9b::808:808": false,
	} {
		a := netip.MustParseAddr(text)
		if got := isMetadata(a); got != want {
			t.Errorf("%s: refused %v, want %v", text, got, want)
		}
		err := refuseAddress("tcp", netip.AddrPortFrom(a, 443).String(), nil)
		if (err != nil) != want {
			t.Errorf("%s: dial: %v", text, err)
		}
	}
	_, err := fetch(context.Background(), newTransport(), "https://169.254.169.254/latest/meta-data")
	if err == nil || !strings.Contains(err.Error(), "link-local") {
		t.Errorf("got %v, want a refusal at dial time", err)
	}
}

// TestNoProxyFromEnvironment checks that the environment can't reroute fetches.
func TestNoProxyFromEnvironment(t *testing.T) {
	if newTransport().Proxy != nil {
		t.Error("the transport has a proxy")
	}
}
