package auth

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestIssuerSettings(t *testing.T) {
	base := Issuer{Issuer: testIssuer, Audience: []string{testAudience}, Leeway: 30 * time.Second}
	change := func(f func(*Issuer)) Issuer {
		i := base
		f(&i)
		return i
	}
	secret := plugins.NewSecret
	for name, row := range map[string]struct {
		settings Issuer
		paths    []string
	}{
		"discovery":                {base, nil},
		"plain http on loopback":   {change(func(i *Issuer) { i.Issuer = "http://localhost:8000/x" }), nil},
		"plain http on ::1":        {change(func(i *Issuer) { i.Issuer, i.JWKS = "http://[::1]:8000", "http://127.0.0.1/jwks" }), nil},
		"plain http":               {change(func(i *Issuer) { i.Issuer = "http://id.example" }), []string{"issuer"}},
		"plain http, though file":  {change(func(i *Issuer) { i.Issuer, i.JWKSFile = "http://id.example", "f" }), []string{"issuer"}},
		"plain http, odd loopback": {change(func(i *Issuer) { i.Issuer = "http://127.0.0.1.evil.example" }), []string{"issuer"}},
		"no URL":                   {change(func(i *Issuer) { i.Issuer = "acme" }), []string{"issuer"}},
		"no URL, with a file":      {change(func(i *Issuer) { i.Issuer, i.JWKSFile = "acme", "f" }), nil},
		"fragment":                 {change(func(i *Issuer) { i.Issuer = "https://id.example#x" }), []string{"issuer"}},
		"query":                    {change(func(i *Issuer) { i.Issuer = "https://id.example?x" }), []string{"issuer"}},
		"user":                     {change(func(i *Issuer) { i.Issuer = "https://u:p@id.example" }), []string{"issuer"}},
		"space":                    {change(func(i *Issuer) { i.Issuer = "https://id.example " }), []string{"issuer"}},
		"no audience":              {change(func(i *Issuer) { i.Audience = nil }), []string{"audience"}},
		"empty audience":           {change(func(i *Issuer) { i.Audience = []string{""} }), []string{"audience"}},
		"plain http key set":       {change(func(i *Issuer) { i.JWKS = "http://id.example/jwks" }), []string{"jwks"}},
		"file URL":                 {change(func(i *Issuer) { i.JWKS = "file:///etc/passwd" }), []string{"jwks"}},
		"two sources":              {change(func(i *Issuer) { i.JWKS, i.JWKSFile = "https://x.example", "f" }), []string{"jwks_file"}},
		"short secret":             {change(func(i *Issuer) { i.Secret = secret(testSecret[:31]) }), []string{"secret"}},
		"good secret":              {change(func(i *Issuer) { i.Secret = secret(testSecret[:32]) }), nil},
		"secret short for HS512": {change(func(i *Issuer) {
			i.Secret, i.Algorithms = secret(testSecret[:48]), []string{"HS384", "HS512"}
		}), []string{"secret"}},
		"HS256 and a key set": {change(func(i *Issuer) { i.Algorithms = []string{"RS256", "HS256"} }), []string{"algorithms.1"}},
		"RS256 and a secret":  {change(func(i *Issuer) { i.Secret, i.Algorithms = secret(testSecret), []string{"RS256"} }), []string{"algorithms.0"}},
		"none":                {change(func(i *Issuer) { i.Algorithms = []string{"none"} }), []string{"algorithms.0"}},
		"negative leeway":     {change(func(i *Issuer) { i.Leeway = -1 }), []string{"leeway"}},
		"an hour of leeway":   {change(func(i *Issuer) { i.Leeway = time.Hour }), []string{"leeway"}},
		"all at once": {change(func(i *Issuer) { i.Issuer, i.Audience, i.JWKS, i.Leeway = "", nil, "x", -1 }),
			[]string{"issuer", "audience", "jwks", "leeway"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := row.settings.Validate()
			if got := pathsOf(err); !reflect.DeepEqual(got, row.paths) {
				t.Errorf("got %q (%v), want %q", got, err, row.paths)
			}
			if err != nil && strings.Contains(err.Error(), testSecret[:8]) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestJWTSettings(t *testing.T) {
	env, _ := testEnv(t)
	good := Issuer{Issuer: testIssuer, Audience: []string{testAudience}, JWKSFile: "absent"}
	bad := good
	bad.Audience = nil
	empty := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(empty, keySetOf(), 0o600); err != nil {
		t.Fatal(err)
	}
	hollow := good
	hollow.JWKSFile = empty
	for name, row := range map[string]struct {
		settings any
		paths    []string
	}{
		"nil":            {nil, []string{""}},
		"none":           {JWTSettings{}, []string{""}},
		"twice":          {JWTSettings{good, good}, []string{"1.issuer"}},
		"second is bad":  {JWTSettings{good, {Issuer: "https://b.example", JWKSFile: "absent"}}, []string{"1.audience"}},
		"bad":            {JWTSettings{bad}, []string{"0.audience"}},
		"no file":        {JWTSettings{good}, []string{"0.jwks_file"}},
		"file of no key": {JWTSettings{hollow}, []string{"0.jwks_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := JWT().New(row.settings, env)
			if got := pathsOf(err); a != nil || !reflect.DeepEqual(got, row.paths) {
				t.Errorf("got %v, %q (%v), want %q", a, got, err, row.paths)
			}
		})
	}
}

// TestParts checks what the manifest's decoder and the registry rely on.
func TestParts(t *testing.T) {
	for _, p := range []plugins.AuthPart{JWT(), APIKeys(), Anonymous()} {
		if p.Key == "" || p.Doc == "" || p.Settings == nil || p.New == nil {
			t.Errorf("%+v is not whole", p)
		}
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Issuer](), reflect.TypeFor[Claims](), reflect.TypeFor[APIKey](), reflect.TypeFor[AnonymousSettings](),
	} {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Tag.Get("manifest") == "" || !strings.HasSuffix(f.Tag.Get("doc"), ".") {
				t.Errorf("%s.%s: want tags manifest and doc", typ, f.Name)
			}
		}
	}
}
