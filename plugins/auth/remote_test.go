package auth

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// idp answers requests for key sets without a network, so that time can be
// a bubble's.
type idp struct {
	mu     sync.Mutex
	body   []byte
	status int
	header http.Header
	err    error
	hang   bool
	asked  []time.Time
	urls   []string
}

func (s *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	s.urls = append(s.urls, r.URL.String())
	body, status, header, err, hang := s.body, s.status, s.header, s.err, s.hang
	s.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func (s *idp) set(f func(*idp)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *idp) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// remoteBubble runs f in a bubble of time with a verifier whose key set comes
// from the idp.
func remoteBubble(t *testing.T, s *idp, f func(t *testing.T, a *tokens, o *observed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env, o := testEnv(t)
		with := defaultFetching()
		with.transport = s
		i := Issuer{Issuer: testIssuer, Audience: []string{testAudience}, JWKS: testIssuer + "/jwks", Leeway: 30 * time.Second}
		f(t, must(newTokens(JWTSettings{i}, env, with, time.Now)), o)
	})
}

func (s signer) now() string { return s.sign(goodClaims(time.Now()), nil) }

// wide is a token that outlives the bubble's days.
func (s signer) wide() string {
	return s.sign(with(goodClaims(time.Now()), map[string]any{"exp": time.Now().Add(1000 * time.Hour).Unix()}), nil)
}

func TestRotation(t *testing.T) {
	old, fresh := newSigner("ES256", "old"), newSigner("ES256", "new")
	s := &idp{body: keySetOf(old.jwk())}
	remoteBubble(t, s, func(t *testing.T, a *tokens, o *observed) {
		accepted(t, a, bearer(old.now())) // waits for the first fetch
		if err := a.Ready(); err != nil {
			t.Error(err)
		}
		s.set(func(s *idp) { s.body = keySetOf(old.jwk(), fresh.jwk()) })
		begun := time.Now()
		accepted(t, a, bearer(fresh.now())) // an unknown kid is looked for at once
		if waited := time.Since(begun); waited > 0 || s.count() != 2 {
			t.Errorf("waited %v, %d fetches", waited, s.count())
		}
		token := bearer(old.wide())
		accepted(t, a, token)
		s.set(func(s *idp) { s.body = keySetOf(fresh.jwk()) })
		accepted(t, a, token)
		time.Sleep(15 * time.Minute) // of the bubble: until the next refresh
		refused(t, a, token, reasonUnknownKey)
		accepted(t, a, bearer(fresh.now()))
		for _, err := range o.all() {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRemovedKeyLeavesTheCache removes a key while a token of it is cached.
func TestRemovedKeyLeavesTheCache(t *testing.T) {
	old, fresh := newSigner("ES256", "old"), newSigner("ES256", "new")
	s := &idp{body: keySetOf(old.jwk())}
	remoteBubble(t, s, func(t *testing.T, a *tokens, _ *observed) {
		token := bearer(old.wide())
		first := accepted(t, a, token)
		s.set(func(s *idp) { s.body = keySetOf(fresh.jwk()) })
		if accepted(t, a, token) != first {
			t.Fatal("the token is not cached; this test proves nothing")
		}
		accepted(t, a, bearer(fresh.now())) // fetches the new set
		refused(t, a, token, reasonUnknownKey)
	})
}

// TestUnknownKeysAskSeldom floods with unknown key ids.
func TestUnknownKeysAskSeldom(t *testing.T) {
	es, forger := newSigner("ES256", "k"), newSigner("ES256", "")
	s := &idp{body: keySetOf(es.jwk())}
	remoteBubble(t, s, func(t *testing.T, a *tokens, _ *observed) {
		accepted(t, a, bearer(es.now()))
		before := s.count()
		for n := range 30 {
			forger.kid = strings.Repeat("x", n+1)
			refused(t, a, bearer(forger.now()), reasonUnknownKey)
			time.Sleep(time.Second)
		}
		if got := s.count() - before; got != 3 {
			t.Errorf("30 unknown keys in 30 s caused %d fetches, want 3", got)
		}
	})
}

func TestSchedule(t *testing.T) {
	es := newSigner("ES256", "k")
	for name, row := range map[string]struct {
		header   string
		min, max time.Duration
	}{
		"nothing":   {"", 13*time.Minute + 30*time.Second, 15 * time.Minute},
		"an hour":   {"public, max-age=3600", 54 * time.Minute, time.Hour},
		"a second":  {"max-age=1", 4*time.Minute + 30*time.Second, 5 * time.Minute},
		"a year":    {"max-age=31536000", 10*time.Hour + 48*time.Minute, 12 * time.Hour},
		"no-store":  {"no-store", 4*time.Minute + 30*time.Second, 5 * time.Minute},
		"nonsense":  {"max-age=-5, max-age=x", 13*time.Minute + 30*time.Second, 15 * time.Minute},
		"in quotes": {`Max-Age="3600"`, 54 * time.Minute, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := &idp{body: keySetOf(es.jwk()), header: http.Header{"Cache-Control": {row.header}}}
			remoteBubble(t, s, func(t *testing.T, _ *tokens, _ *observed) {
				time.Sleep(48 * time.Hour)
				synctest.Wait()
				for i := 1; i < len(s.asked); i++ {
					if pause := s.asked[i].Sub(s.asked[i-1]); pause < row.min || pause > row.max {
						t.Errorf("asked again after %v, want %v to %v", pause, row.min, row.max)
					}
				}
				if len(s.asked) < 3 {
					t.Errorf("asked %d times in two days", len(s.asked))
				}
			})
		})
	}
}

// TestOutage has the identity provider fail in every way: known keys hold for
// a day, no longer, and come back with it.
func TestOutage(t *testing.T) {
	es := newSigner("ES256", "k")
	private := with(es.jwk(), map[string]any{"d": "AAAA"})
	encryption := with(es.jwk(), map[string]any{"use": "enc"})
	for name, fail := range map[string]func(*idp){
		"down":         func(s *idp) { s.err = errors.New("connection refused") },
		"hanging":      func(s *idp) { s.hang = true },
		"503":          func(s *idp) { s.status = http.StatusServiceUnavailable },
		"redirect":     func(s *idp) { s.status, s.header = 302, http.Header{"Location": {"https://evil.example"}} },
		"HTML":         func(s *idp) { s.body = []byte("<html>log in</html>") },
		"no bytes":     func(s *idp) { s.body = nil },
		"empty set":    func(s *idp) { s.body = keySetOf() },
		"no list":      func(s *idp) { s.body = []byte(`{}`) },
		"null":         func(s *idp) { s.body = []byte(`null`) },
		"private only": func(s *idp) { s.body = keySetOf(private) },
		"enc only":     func(s *idp) { s.body = keySetOf(encryption) },
		"duplicates":   func(s *idp) { s.body = []byte(`{"keys":[],"keys":` + string(keySetOf(es.jwk()))[8:]) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &idp{body: keySetOf(es.jwk())}
			remoteBubble(t, s, func(t *testing.T, a *tokens, o *observed) {
				token := bearer(es.wide())
				accepted(t, a, token)
				loaded := time.Now()
				s.set(fail)
				time.Sleep(23*time.Hour + 59*time.Minute)
				accepted(t, a, token)
				time.Sleep(loaded.Add(24 * time.Hour).Sub(time.Now()))
				begun := time.Now()
				refused(t, a, token, reasonNoKeys)
				if waited := time.Since(begun); waited > 2*time.Second {
					t.Errorf("the call waited %v", waited)
				}
				results := o.all()
				if results[0] != nil || results[len(results)-1] == nil {
					t.Errorf("refreshes observed as %v", results)
				}
				if n := s.count(); n < 24*60-60 || n > 24*60*2 {
					t.Errorf("%d fetches in a day; want about one a minute", n)
				}
				s.set(func(s *idp) { s.body, s.status, s.header, s.err, s.hang = keySetOf(es.jwk()), 0, nil, nil, false })
				time.Sleep(10 * time.Second)
				accepted(t, a, token)
			})
		})
	}
}

// TestNoKeysYet starts while the identity provider hangs.
func TestNoKeysYet(t *testing.T) {
	es := newSigner("ES256", "k")
	s := &idp{body: keySetOf(es.jwk()), hang: true}
	remoteBubble(t, s, func(t *testing.T, a *tokens, _ *observed) {
		if a.Ready() == nil {
			t.Error("ready without keys")
		}
		begun := time.Now()
		refused(t, a, bearer(es.now()), reasonNoKeys)
		if waited := time.Since(begun); waited != 2*time.Second {
			t.Errorf("the call waited %v, want 2s", waited)
		}
		s.set(func(s *idp) { s.hang = false })
		time.Sleep(5 * time.Second) // the hanging fetch ends, and is repeated a second later
		synctest.Wait()
		accepted(t, a, bearer(es.now()))
		if err := a.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// TestWaitersAreBounded has many calls wait for the same unknown key.
func TestWaitersAreBounded(t *testing.T) {
	es := newSigner("ES256", "k")
	s := &idp{hang: true}
	remoteBubble(t, s, func(t *testing.T, a *tokens, _ *observed) {
		r := a.issuers[0].keys.(*remoteKeys)
		var wg sync.WaitGroup
		for range r.with.waiting {
			wg.Go(func() { r.renew(t.Context(), time.Now()) })
		}
		synctest.Wait()
		begun := time.Now()
		refused(t, a, bearer(es.now()), reasonNoKeys)
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("one call too many waited %v", waited)
		}
		wg.Wait()
		if n := r.waiting.Load(); n != 0 {
			t.Errorf("%d still counted as waiting", n)
		}
	})
}

// TestOneFetcherForAReload builds the part again, as reloads do.
func TestOneFetcherForAReload(t *testing.T) {
	es := newSigner("ES256", "k")
	s := &idp{body: keySetOf(es.jwk())}
	synctest.Test(t, func(t *testing.T) {
		env, _ := testEnv(t)
		with := defaultFetching()
		with.transport = s
		i := Issuer{Issuer: testIssuer, Audience: []string{testAudience}, JWKS: testIssuer + "/jwks"}
		for range 20 {
			a := must(newTokens(JWTSettings{i}, env, with, time.Now))
			accepted(t, a, bearer(es.now()))
			i.Audience = append(i.Audience, "another") // settings may change, the key set stays
		}
		if s.count() != 1 {
			t.Errorf("%d fetches, want 1", s.count())
		}
	})
}
