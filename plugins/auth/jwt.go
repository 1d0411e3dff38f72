package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// JWT is the part auth.jwt: callers present a token that a trusted issuer
// signed (RFC 7519, RFC 9068), meant for this gateway.
func JWT() plugins.AuthPart {
	return plugins.NewAuthPart("jwt",
		"Callers known by a signed token of a trusted issuer, one or several.",
		func(s JWTSettings, env plugins.Env) (plugins.Authenticator, error) {
			a, err := newTokens(s, env, defaultFetching(), time.Now)
			if err != nil {
				return nil, err
			}
			return a, nil
		})
}

// tokens verifies tokens of several issuers.
type tokens struct {
	issuers  []*issuer
	byName   map[string]int
	cache    *cache
	failures *budget
	now      func() time.Time
}

// issuer is one trusted issuer, compiled.
type issuer struct {
	name       string
	audiences  []string
	algorithms []string
	names      Claims
	roleMap    map[string][]string
	leeway     time.Duration
	keys       keySource
	parser     *jwt.Parser
}

// newTokens checks the settings and makes the verifier. Verified tokens and
// the failure budget outlive a reload that leaves the settings as they are.
func newTokens(s JWTSettings, env plugins.Env, with fetching, now func() time.Time) (*tokens, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &tokens{byName: make(map[string]int, len(s)), now: now}
	var faults []error
	for n, settings := range s {
		i, err := newIssuer(settings, env, with, now)
		if err != nil {
			faults = append(faults, below(n, err))
			continue
		}
		a.byName[i.name] = n
		a.issuers = append(a.issuers, i)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	mark, err := s.fingerprint()
	if err != nil {
		return nil, err
	}
	a.cache, err = keep(env, "auth.jwt verified "+mark, func() *cache { return newCache(cacheEntries, cacheWeight) })
	if err != nil {
		return nil, err
	}
	a.failures, err = keep(env, "auth.jwt failures", newBudget)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// keep returns the value kept under the name, or builds it.
func keep[T io.Closer](env plugins.Env, name string, build func() T) (T, error) {
	kept, err := env.Keep(name, func() (io.Closer, error) { return build(), nil })
	if err != nil {
		var none T
		return none, fmt.Errorf("keep %s: %w", name, err)
	}
	v, ok := kept.(T)
	if !ok {
		return v, fmt.Errorf("keep %s: kept value is %T", name, kept)
	}
	return v, nil
}

// check validates the list and each issuer in it.
func (s JWTSettings) check() error {
	if err := s.Validate(); err != nil {
		return err
	}
	var errs plugins.FieldErrors
	for n, i := range s {
		var list plugins.FieldErrors
		if errors.As(below(n, i.Validate()), &list) {
			errs = append(errs, list...)
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// below puts the place in the list before the paths of field errors.
func below(n int, err error) error {
	var list plugins.FieldErrors
	var one *plugins.FieldError
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = plugins.FieldErrors{one}
	default:
		return err
	}
	moved := make(plugins.FieldErrors, len(list))
	for i, e := range list {
		at := *e
		at.Path = append([]string{strconv.Itoa(n)}, e.Path...)
		moved[i] = &at
	}
	return moved
}

// fingerprint identifies the settings but for the keys, which verified tokens
// are bound to by the digest of the key set.
func (s JWTSettings) fingerprint() (string, error) {
	text, err := json.Marshal(s) // a Secret hides itself
	if err != nil {
		return "", fmt.Errorf("encode the settings: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

func newIssuer(s Issuer, env plugins.Env, with fetching, now func() time.Time) (*issuer, error) {
	keys, err := keySourceOf(s, env, with)
	if err != nil {
		return nil, err
	}
	i := &issuer{
		name:       s.Issuer,
		audiences:  slices.Clone(s.Audience),
		algorithms: s.algorithms(),
		names:      s.Claims.withDefaults(),
		roleMap:    s.RoleMap,
		leeway:     s.Leeway,
		keys:       keys,
	}
	i.parser = jwt.NewParser(
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
		jwt.WithValidMethods(i.algorithms),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithIssuer(i.name),
		jwt.WithAudience(i.audiences...),
		jwt.WithLeeway(i.leeway),
		jwt.WithTimeFunc(now),
	)
	return i, nil
}

func (*tokens) rank() int { return rankJWT }

// Issuers returns the URLs of the issuers, as far as they have one.
func (a *tokens) Issuers() []string {
	var urls []string
	for _, i := range a.issuers {
		if isWebURL(i.name) {
			urls = append(urls, i.name)
		}
	}
	return urls
}

// Ready returns nil once every issuer's keys were loaded.
func (a *tokens) Ready() error {
	errs := make([]error, len(a.issuers))
	for at, i := range a.issuers {
		errs[at] = i.keys.ready()
	}
	return errors.Join(errs...)
}

// Authenticate returns the principal of a bearer token: from the cache if it
// was verified under the keys in force, else after verification.
func (a *tokens) Authenticate(ctx context.Context, c *plugins.Credentials) (*plugins.Principal, error) {
	if c.Bearer == "" {
		return nil, nil
	}
	if len(c.Bearer) > maxToken {
		return nil, refuse(reasonMalformed, "the token is too long", nil)
	}
	now := a.now()
	name := digestOfToken(c.Bearer)
	if v, ok := a.cache.get(&name, now.UnixNano()); ok {
		if set := a.issuers[v.issuer].keys.current(now); set != nil && set.digest == v.keys {
			return v.principal, nil
		}
	}
	return a.verify(ctx, c, &name, now)
}

// digestOfToken hashes a token; one of usual length without allocating.
func digestOfToken(text string) digest {
	var room [2048]byte
	if len(text) > len(room) {
		return sha256.Sum256([]byte(text))
	}
	return sha256.Sum256(room[:copy(room[:], text)])
}
