package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// counted counts the tokens in a cache.
func (c *cache) counted() (entries, weight int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		entries += len(s.index)
		weight += s.weight
		s.mu.Unlock()
	}
	return entries, weight
}

func digestNumber(n int) *digest {
	d := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return &d
}

// TestCachedPrincipal checks that a cached token gives the very same principal
// without a second verification, and none once its time is over.
func TestCachedPrincipal(t *testing.T) {
	c := newClock()
	es := newSigner("ES256", "k")
	i := fileIssuer(t, keySetOf(es.jwk()))
	i.Leeway = 0
	a := tokensOf(t, i, c)
	token := bearer(es.sign(with(goodClaims(c.Now()), map[string]any{"exp": c.Now().Add(8 * time.Minute).Unix()}), nil))
	first := accepted(t, a, token)
	if accepted(t, a, token) != first {
		t.Error("the second call verified again")
	}
	c.add(cacheTime - time.Nanosecond)
	if accepted(t, a, token) != first {
		t.Error("just before the cap the token was verified again")
	}
	c.add(time.Nanosecond)
	second := accepted(t, a, token)
	if second == first {
		t.Error("a verification held longer than the cap")
	}
	c.add(3*time.Minute - time.Nanosecond)
	if accepted(t, a, token) != second {
		t.Error("just before exp the token was verified again")
	}
	c.add(time.Nanosecond)
	refused(t, a, token, reasonExpired)
}

// TestLeewayIsNotCached checks that within the leeway behind exp a token is
// verified each time: no entry lives beyond exp.
func TestLeewayIsNotCached(t *testing.T) {
	c := newClock()
	es := newSigner("ES256", "k")
	a := tokensOf(t, fileIssuer(t, keySetOf(es.jwk())), c)
	token := bearer(es.sign(with(goodClaims(c.Now()), map[string]any{"exp": c.Now().Add(time.Second).Unix()}), nil))
	accepted(t, a, token)
	c.add(time.Second)
	if accepted(t, a, token) == accepted(t, a, token) {
		t.Error("a token past its exp came from the cache")
	}
	c.add(30 * time.Second)
	refused(t, a, token, reasonExpired)
}

// TestReloadKeepsAndDrops builds the part anew, as a reload does: verified
// tokens stay if nothing changed, and end if their key is gone.
func TestReloadKeepsAndDrops(t *testing.T) {
	c := newClock()
	env, _ := testEnv(t)
	old, fresh := newSigner("ES256", "old"), newSigner("ES256", "new")
	i := fileIssuer(t, keySetOf(old.jwk()))
	build := func(i Issuer) *tokens { return must(newTokens(JWTSettings{i}, env, defaultFetching(), c.Now)) }
	token := bearer(old.sign(goodClaims(c.Now()), nil))
	first := accepted(t, build(i), token)
	if accepted(t, build(i), token) != first {
		t.Error("a reload without a change dropped verified tokens")
	}
	mapped := i
	mapped.RoleMap = map[string][]string{"reader": {"boss"}}
	if p := accepted(t, build(mapped), token); !p.HasRole("boss") || p.HasRole("reader") {
		t.Errorf("changed settings, old roles: %q", p.Roles)
	}
	if err := os.WriteFile(i.JWKSFile, keySetOf(fresh.jwk()), 0o600); err != nil {
		t.Fatal(err)
	}
	a := build(i)
	refused(t, a, token, reasonUnknownKey)
	accepted(t, a, bearer(fresh.sign(goodClaims(c.Now()), nil)))
}

func TestSecretChangeDropsVerified(t *testing.T) {
	c := newClock()
	env, _ := testEnv(t)
	build := func(secret string) *tokens {
		return must(newTokens(JWTSettings{{Issuer: testIssuer, Audience: []string{testAudience}, Secret: plugins.NewSecret(secret)}},
			env, defaultFetching(), c.Now))
	}
	token := bearer(signer{alg: "HS256", private: []byte(testSecret)}.sign(goodClaims(c.Now()), nil))
	accepted(t, build(testSecret), token)
	refused(t, build(testSecret+"x"), token, reasonSignature)
}

// TestCacheBounds fills a cache far beyond its bounds.
func TestCacheBounds(t *testing.T) {
	const entries, weight = 64, 6400
	c := newCache(entries, weight)
	p := &plugins.Principal{}
	for n := range 10_000 {
		c.put(digestNumber(n), verified{principal: p, until: 10, weight: 1 + n%300})
		if n%2 == 0 {
			c.put(digestNumber(n), verified{principal: p, until: 10, weight: 7})
		}
		if e, w := c.counted(); e > entries || w > weight || e == 0 {
			t.Fatalf("after %d tokens: %d entries of weight %d", n+1, e, w)
		}
	}
	c.put(digestNumber(-1), verified{principal: p, until: 10, weight: weight + 1})
	if _, ok := c.get(digestNumber(-1), 0); ok {
		t.Error("a token heavier than the cache was taken")
	}
}

// TestCacheKeepsWhatIsUsed checks that tokens in use outlive a flood of others.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache(cacheShards*8, 1<<20)
	mine := &plugins.Principal{Key: "mine"}
	c.put(digestNumber(0), verified{principal: mine, until: 10, weight: 1})
	for n := 1; n < 5_000; n++ {
		if v, ok := c.get(digestNumber(0), 0); !ok || v.principal != mine {
			t.Fatalf("forgotten after %d others", n)
		}
		c.put(digestNumber(n), verified{principal: &plugins.Principal{}, until: 10, weight: 1})
	}
	if _, ok := c.get(digestNumber(1), 0); ok {
		t.Error("what nobody used is still there")
	}
}

// TestConcurrentCallers checks under the race detector that no caller is taken
// for another while the cache evicts.
func TestConcurrentCallers(t *testing.T) {
	c := newClock()
	es := newSigner("ES256", "k")
	a := tokensOf(t, fileIssuer(t, keySetOf(es.jwk())), c)
	a.cache = newCache(cacheShards*2, 1<<20)
	const callers = 60
	tokens := make([]*plugins.Credentials, callers)
	for n := range tokens {
		tokens[n] = bearer(es.sign(with(goodClaims(c.Now()), map[string]any{"sub": fmt.Sprint("s", n)}), nil))
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := range 600 {
				at := (n*7 + worker) % callers
				p, err := a.Authenticate(context.Background(), tokens[at])
				if err != nil || p.Subject != fmt.Sprint("s", at) {
					t.Errorf("caller s%d: got %+v, %v", at, p, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestCachedAllocations checks that a cached token costs no allocation.
func TestCachedAllocations(t *testing.T) {
	c := newClock()
	es := newSigner("ES256", "k")
	a := Chain([]plugins.Authenticator{tokensOf(t, fileIssuer(t, keySetOf(es.jwk())), c)})
	token := bearer(es.sign(with(goodClaims(c.Now()), map[string]any{"pad": strings.Repeat("x", 600)}), nil))
	accepted(t, a, token)
	got := testing.AllocsPerRun(1000, func() {
		if p, err := a.Authenticate(context.Background(), token); p == nil || err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

// TestFailureBudget floods with forged tokens.
func TestFailureBudget(t *testing.T) {
	c := newClock()
	es, forger := newSigner("ES256", "k"), newSigner("ES256", "k")
	a := tokensOf(t, fileIssuer(t, keySetOf(es.jwk())), c)
	from := func(remote, token string) *plugins.Credentials {
		return &plugins.Credentials{Bearer: token, Remote: netip.MustParseAddr(remote)}
	}
	const bad, neighbour, other = "2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "198.51.100.9"
	if a.failures.cell(netip.MustParseAddr(bad)) == a.failures.cell(netip.MustParseAddr(other)) {
		a.failures = newBudget() // one process in 16,384 has them share
	}
	cached := es.sign(goodClaims(c.Now()), nil)
	accepted(t, a, from(bad, cached))
	expired := es.sign(with(goodClaims(c.Now()), map[string]any{"exp": 1}), nil)
	for range 500 { // cheap refusals cost nothing
		refused(t, a, from(bad, expired), reasonExpired)
	}
	for n := range failureBurst {
		refused(t, a, from(bad, forger.sign(with(goodClaims(c.Now()), map[string]any{"n": n}), nil)), reasonSignature)
	}
	forged := forger.sign(goodClaims(c.Now()), nil)
	fresh := es.sign(with(goodClaims(c.Now()), map[string]any{"sub": "bob"}), nil)
	refused(t, a, from(bad, forged), reasonLimited)
	refused(t, a, from(neighbour, forged), reasonLimited) // the same /64
	_, err := a.Authenticate(t.Context(), from(bad, fresh))
	var e *plugins.Error
	if !errors.As(err, &e) || e.Kind != plugins.KindLimited || e.RetryAfter <= 0 || e.RetryAfter > time.Second/failureRate {
		t.Errorf("got %+v, want KindLimited with a short RetryAfter", err)
	}
	accepted(t, a, from(bad, cached)) // who is known is not affected
	accepted(t, a, from(other, fresh))
	c.add(time.Second / failureRate)
	refused(t, a, from(bad, forged), reasonSignature)
	refused(t, a, from(bad, forged), reasonLimited)
	c.add(time.Hour)
	for range failureBurst { // a pause gives the burst back, and no more
		refused(t, a, from(bad, forged), reasonSignature)
	}
	refused(t, a, from(bad, forged), reasonLimited)
}

// BenchmarkAuthenticateCached measures what a call pays for a known token.
func BenchmarkAuthenticateCached(b *testing.B) {
	es := newSigner("ES256", "k")
	env, _ := testEnv(b)
	a := Chain([]plugins.Authenticator{
		must(newTokens(JWTSettings{fileIssuer(b, keySetOf(es.jwk()))}, env, defaultFetching(), time.Now)),
	})
	token := bearer(es.sign(goodClaims(time.Now()), nil))
	b.Logf("token of %d bytes", len(token.Bearer))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := a.Authenticate(context.Background(), token); p == nil || err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuthenticateFirst measures the verification of an unknown token.
func BenchmarkAuthenticateFirst(b *testing.B) {
	es := newSigner("ES256", "k")
	env, _ := testEnv(b)
	a := must(newTokens(JWTSettings{fileIssuer(b, keySetOf(es.jwk()))}, env, defaultFetching(), time.Now))
	token := bearer(es.sign(goodClaims(time.Now()), nil))
	a.cache = newCache(cacheShards, 1) // too small for any token
	var name digest
	b.ReportAllocs()
	for b.Loop() {
		if p, err := a.verify(context.Background(), token, &name, time.Now()); p == nil || err != nil {
			b.Fatal(err)
		}
	}
}
