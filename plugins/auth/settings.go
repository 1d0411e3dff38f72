package auth

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// JWTSettings are the trusted issuers of tokens.
type JWTSettings []Issuer

// Issuer is one trusted authorization server and how its tokens are read.
type Issuer struct {
	Issuer     string              `manifest:"issuer,required" doc:"The issuer exactly as it stands in the tokens' iss, e.g. https://id.acme.example."`
	Audience   []string            `manifest:"audience,required" doc:"What a token's aud must name, one or several; usually the gateway's URL, e.g. https://mcp.acme.example/mcp."`
	JWKS       string              `manifest:"jwks" doc:"URL of the issuer's key set. Without jwks, jwks_file and secret it is found through the issuer's metadata."`
	JWKSFile   string              `manifest:"jwks_file,path" doc:"File that holds the key set; read again at every reload."`
	Secret     plugins.Secret      `manifest:"secret" doc:"Shared secret of HS256 tokens, 32 bytes or more."`
	Algorithms []string            `manifest:"algorithms" doc:"Signature algorithms that are accepted; by default RS256, ES256, EdDSA and PS256 with a key set, and HS256 with a secret." enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,HS256,HS384,HS512"`
	Claims     Claims              `manifest:"claims" doc:"Which claims say what, as dotted paths, e.g. realm_access.roles."`
	RoleMap    map[string][]string `manifest:"role_map" doc:"Claimed role to a role of this manifest, or several; others pass as they are."`
	Leeway     time.Duration       `manifest:"leeway" doc:"Clock difference tolerated for exp, nbf and iat; 5m at most." default:"30s"`
}

// Claims say which claims hold what. Each is the name of a claim, or a dotted
// path into claims that are objects; an exact name wins over a path.
type Claims struct {
	Subject string `manifest:"subject" doc:"Claim that names the caller." default:"sub"`
	Client  string `manifest:"client" doc:"Claim that names the caller's application; client_id is read if azp is absent." default:"azp"`
	Roles   string `manifest:"roles" doc:"Claim that holds the roles: a list of strings, or one string." default:"roles"`
	Scopes  string `manifest:"scopes" doc:"Claim that holds the scopes: a string separated by spaces, or a list; scp is read if scope is absent." default:"scope"`
}

// maxLeeway is the largest clock difference that may be tolerated.
const maxLeeway = 5 * time.Minute

// withDefaults fills in what settings made in Go rather than decoded may lack.
func (c Claims) withDefaults() Claims {
	return Claims{
		Subject: cmp.Or(c.Subject, "sub"),
		Client:  cmp.Or(c.Client, "azp"),
		Roles:   cmp.Or(c.Roles, "roles"),
		Scopes:  cmp.Or(c.Scopes, "scope"),
	}
}

// Validate refuses an empty list and issuers that can't be told apart. Its
// errors are plugins.FieldErrors.
func (s JWTSettings) Validate() error {
	if len(s) == 0 {
		return &plugins.FieldError{Message: "want at least one issuer"}
	}
	var errs plugins.FieldErrors
	seen := map[string]bool{}
	for i, issuer := range s {
		if issuer.Issuer != "" && seen[issuer.Issuer] {
			errs = append(errs, &plugins.FieldError{
				Path:    []string{strconv.Itoa(i), "issuer"},
				Message: "the issuer is listed twice",
				Hint:    "audience may be a list",
			})
		}
		seen[issuer.Issuer] = true
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// Validate refuses an issuer whose tokens could not be verified safely. Its
// errors are plugins.FieldErrors.
func (i Issuer) Validate() error {
	errs := i.checkIssuer()
	if len(i.Audience) == 0 || slices.Contains(i.Audience, "") {
		errs = append(errs, &plugins.FieldError{
			Path: []string{"audience"}, Message: "want the audience that tokens for this gateway name",
			Hint: "usually the gateway's URL, e.g. https://mcp.acme.example/mcp",
		})
	}
	errs = append(errs, i.checkSource()...)
	errs = append(errs, i.checkAlgorithms()...)
	if i.Leeway < 0 || i.Leeway > maxLeeway {
		errs = append(errs, &plugins.FieldError{
			Path: []string{"leeway"}, Message: "want a duration from 0s to 5m",
		})
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// checkIssuer wants a name that tokens can bear. It needn't be a URL unless
// keys are found through it; if it is one, it must be safe.
func (i Issuer) checkIssuer() plugins.FieldErrors {
	bad := func(message, hint string) plugins.FieldErrors {
		return plugins.FieldErrors{{Path: []string{"issuer"}, Message: message, Hint: hint}}
	}
	discovered := i.JWKS == "" && i.JWKSFile == "" && i.Secret.Empty()
	switch {
	case i.Issuer == "":
		return bad("want the issuer as it stands in the tokens' iss", "")
	case strings.ContainsFunc(i.Issuer, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }):
		return bad("an issuer has no space, control character or fragment", "")
	case !isWebURL(i.Issuer) && !discovered:
		return nil
	}
	u, err := checkedURL(i.Issuer)
	if err != nil {
		return bad(err.Error(), "give jwks, jwks_file or secret if the issuer is not a URL")
	}
	if discovered && u.RawQuery != "" {
		return bad("an issuer found through its metadata has no query", "")
	}
	return nil
}

// checkSource wants at most one source of keys, and a safe one.
func (i Issuer) checkSource() plugins.FieldErrors {
	var given []string
	if i.JWKS != "" {
		given = append(given, "jwks")
	}
	if i.JWKSFile != "" {
		given = append(given, "jwks_file")
	}
	if !i.Secret.Empty() {
		given = append(given, "secret")
	}
	var errs plugins.FieldErrors
	if len(given) > 1 {
		errs = append(errs, &plugins.FieldError{
			Path: given[len(given)-1:], Message: "only one of jwks, jwks_file and secret can be given",
		})
	}
	if i.JWKS != "" {
		if _, err := checkedURL(i.JWKS); err != nil {
			errs = append(errs, &plugins.FieldError{Path: []string{"jwks"}, Message: err.Error()})
		}
	}
	return errs
}

// checkAlgorithms wants algorithms that fit the source of keys. A secret must
// be as long as the algorithm's hash (RFC 7518, section 3.2).
func (i Issuer) checkAlgorithms() plugins.FieldErrors {
	var errs plugins.FieldErrors
	for n, alg := range i.Algorithms {
		path := []string{"algorithms", strconv.Itoa(n)}
		kind, known := keyTypeOf(alg)
		switch {
		case !known:
			errs = append(errs, &plugins.FieldError{Path: path, Message: "the algorithm is not supported"})
		case kind == keyTypeSecret && i.Secret.Empty():
			errs = append(errs, &plugins.FieldError{Path: path, Message: alg + " needs a secret",
				Hint: "key sets take RS256, ES256, EdDSA, PS256"})
		case kind != keyTypeSecret && !i.Secret.Empty():
			errs = append(errs, &plugins.FieldError{Path: path, Message: alg + " needs a key set, not a secret",
				Hint: "with a secret write HS256"})
		}
	}
	if i.Secret.Empty() {
		return errs
	}
	need := 32
	for _, alg := range i.algorithms() {
		need = max(need, map[string]int{"HS384": 48, "HS512": 64}[alg])
	}
	if len(i.Secret.Reveal()) < need {
		errs = append(errs, &plugins.FieldError{
			Path: []string{"secret"}, Message: fmt.Sprintf("want a secret of at least %d bytes", need),
			Hint: "make one with: openssl rand -base64 48",
		})
	}
	return errs
}

// algorithms returns the accepted algorithms, defaults filled in.
func (i Issuer) algorithms() []string {
	switch {
	case len(i.Algorithms) > 0:
		return slices.Clone(i.Algorithms)
	case !i.Secret.Empty():
		return []string{"HS256"}
	default:
		return []string{"RS256", "ES256", "EdDSA", "PS256"}
	}
}

// isWebURL reports whether the text means an HTTP URL.
func isWebURL(text string) bool {
	lower := strings.ToLower(text)
	return strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://")
}

// checkedURL parses a URL that may be asked: https, or http on loopback, with
// a host and without user or fragment.
func checkedURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !isWebURL(text) || u.Hostname() == "":
		return nil, errors.New("want an https URL")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("want a URL without user and fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("plain http is accepted on loopback only")
	}
	return u, nil
}

// isLoopback reports whether a URL's host is this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
