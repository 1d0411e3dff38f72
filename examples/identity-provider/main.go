// Command identity-provider plays the identity provider of this example, and
// runs the demo service behind the gateway.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-mcp/sallyport/examples/acme"
)

// Where the manifest looks for the provider and what it expects of tokens.
const (
	addr     = "127.0.0.1:9400"
	audience = "http://127.0.0.1:8080/mcp"
	partners = "https://partners.example"
)

func main() {
	fmt.Fprintln(os.Stderr, run())
	os.Exit(1)
}

func run() error {
	p, err := newProvider("http://" + addr + realm)
	if err != nil {
		return err
	}
	if _, err = acme.Start("127.0.0.1:9000"); err != nil {
		return fmt.Errorf("demo service: %w", err)
	}
	for _, who := range people() {
		token, signErr := p.sign(who.claims(p.issuer))
		if signErr != nil {
			return signErr
		}
		fmt.Printf("%s\n\n%s\n\n", who.name, token)
	}
	server := http.Server{Addr: addr, Handler: p, ReadHeaderTimeout: 5 * time.Second}
	return errors.Join(errors.New("the provider ended"), server.ListenAndServe())
}

// person is someone who may log in.
type person struct {
	name   string
	roles  []string
	scopes string
}

func people() []person {
	return []person{
		{name: "ann", roles: []string{"crm-agents"}},
		{name: "ben", roles: []string{"crm-agents"}, scopes: "openid orders:write"},
		{name: "cleo", roles: []string{"crm-admins"}, scopes: "openid orders:write payments:write"},
	}
}

// claims are those of the person's token, in the form of Keycloak.
func (p person) claims(issuer string) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": p.name, "azp": "example",
		"exp": time.Now().Add(time.Hour).Unix(), "scope": p.scopes,
		"realm_access": map[string]any{"roles": p.roles},
	}
}
