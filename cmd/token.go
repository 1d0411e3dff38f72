package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/auth"
)

// The files of a development key.
const (
	devKeyFile  = "dev-key.pem"
	devJWKSFile = "jwks.json"
)

// token makes development tokens.
func (a *app) token() *cobra.Command {
	var folder string
	claims := auth.DevClaims{}
	c := &cobra.Command{
		Use:   "token",
		Short: "Make a development token, and the key pair that signs it.",
		Long: "Make a token for development, signed with a key pair kept in a folder: " + devKeyFile + ", and " + devJWKSFile + "\n" +
			"for auth.jwt.jwks_file. The pair is made when it isn't there.",
		Example: "  sallyport token --issuer https://dev.acme.example --audience http://127.0.0.1:8080/mcp --roles support",
		Args:    noWords,
		RunE: func(*cobra.Command, []string) error {
			a.fillClaims(&claims)
			key, err := devKey(folder)
			if err != nil {
				return err
			}
			token, err := key.Sign(claims)
			if err != nil {
				return fmt.Errorf("sign token: %w", err)
			}
			return a.printf("%s\n", token)
		},
	}
	a.manifestFlag(c)
	f := c.Flags()
	f.StringVar(&folder, "keys", ".sallyport", "folder of the development key pair")
	f.StringVar(&claims.Issuer, "issuer", "", "the token's issuer (default: the manifest's, or "+devIssuer+")")
	f.StringVar(&claims.Audience, "audience", "", "the token's audience (default: the manifest's, or "+devAudience+")")
	f.StringVar(&claims.Subject, "subject", "developer", "the caller")
	f.StringVar(&claims.Client, "client", "sallyport-token", "the caller's application")
	f.StringSliceVar(&claims.Roles, "roles", nil, "the caller's roles")
	f.StringSliceVar(&claims.Scopes, "scopes", nil, "the token's scopes")
	f.DurationVar(&claims.TTL, "ttl", time.Hour, "how long the token is valid")
	return c
}

// What a development token says unless it is told otherwise.
const (
	devIssuer   = "https://dev.sallyport.example"
	devAudience = "http://127.0.0.1:8080/mcp"
)

// fillClaims fills in what was not given: issuer and audience are those that
// the manifest, if there is one, wants of tokens.
func (a *app) fillClaims(claims *auth.DevClaims) {
	issuer, audience := devIssuer, devAudience
	// A manifest may want a key set that this command has yet to make: what
	// could be read of it is enough.
	if m, _ := config.Load(a.source(), gateway.Keys(a.parts)); m != nil {
		if trusted, ok := m.Auth.Parts["jwt"].Value.(auth.JWTSettings); ok && len(trusted) > 0 && len(trusted[0].Audience) > 0 {
			issuer, audience = trusted[0].Issuer, trusted[0].Audience[0]
		}
	}
	claims.Issuer = cmp.Or(claims.Issuer, issuer)
	claims.Audience = cmp.Or(claims.Audience, audience)
}

// devKey loads the development key of a folder, or makes it.
func devKey(folder string) (*auth.DevKey, error) {
	path := filepath.Join(folder, devKeyFile)
	key, err := auth.LoadDevKey(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err = os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the key pair: %w", err)
	}
	if key, err = auth.NewDevKey(); err != nil {
		return nil, fmt.Errorf("make key pair: %w", err)
	}
	if err = key.Save(path, filepath.Join(folder, devJWKSFile)); err != nil {
		return nil, fmt.Errorf("save key pair: %w", err)
	}
	return key, nil
}
