package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/examples"
	"github.com/sallyport-mcp/sallyport/examples/acme"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/auth"
)

// demoIssuer signs the tokens of the demo.
const demoIssuer = "https://id.acme.example"

// quickstart is the manifest of the demo.
var quickstart = filepath.Join("examples", "quickstart", "manifest.yaml") //nolint:gochecknoglobals // a constant but for its separator

// demoRoles are the callers of the demo, one for each role of its manifest.
func demoRoles() []gateway.Caller {
	return []gateway.Caller{
		{Subject: "ann", Roles: []string{"support"}},
		{Subject: "ben", Roles: []string{"sales"}},
		{Subject: "cleo", Roles: []string{"admin"}},
	}
}

// demo runs the gateway in front of a demo service.
func (a *app) demo() *cobra.Command {
	var listen, admin, upstream string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a demo: a REST service of an invented company, and the gateway in front of it.",
		Args:  noWords,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.runDemo(c.Context(), listen, admin, upstream)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of the MCP listener")
	c.Flags().StringVar(&admin, "admin", defaultAdmin, "address of the admin listener")
	c.Flags().StringVar(&upstream, "upstream", "127.0.0.1:9000", "address of the demo service")
	return c
}

// demoRun is a demo that runs.
type demoRun struct {
	service *acme.Server
	key     *auth.DevKey
	keys    string // folder of the key set
	listen  string
	admin   string
}

func (a *app) runDemo(ctx context.Context, listen, admin, upstream string) (err error) {
	d, err := startDemo(ctx, listen, admin, upstream)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(ctx)) }()
	return a.run(ctx, d.source(), running{ready: func(g *gateway.Gateway) error { return a.welcome(d, g) }})
}

// startDemo starts the demo service. An address that is taken is replaced by a
// free one: a demo should start.
func startDemo(ctx context.Context, listen, admin, upstream string) (*demoRun, error) {
	key, err := auth.NewDevKey()
	if err != nil {
		return nil, fmt.Errorf("make key pair: %w", err)
	}
	keys, err := os.MkdirTemp("", "sallyport-demo-")
	if err != nil {
		return nil, fmt.Errorf("folder of the key set: %w", err)
	}
	d := &demoRun{key: key, keys: keys, listen: freeAddress(ctx, listen), admin: freeAddress(ctx, admin)}
	if err = os.WriteFile(d.jwks(), key.JWKS(), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("write key set: %w", err), os.RemoveAll(keys))
	}
	if d.service, err = acme.Start(freeAddress(ctx, upstream)); err != nil { //nolint:contextcheck // stop ends it, after ctx has ended
		return nil, errors.Join(fmt.Errorf("start demo service: %w", err), os.RemoveAll(keys))
	}
	return d, nil
}

func (d *demoRun) jwks() string { return filepath.Join(d.keys, devJWKSFile) }

// stop ends the demo service, whether ctx has ended or not.
func (d *demoRun) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return errors.Join(d.service.Close(ctx), os.RemoveAll(d.keys))
}

// freeAddress returns the address if it can be listened on, or else one with a
// free port.
func freeAddress(ctx context.Context, address string) string {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			return address
		}
		if l, err = lc.Listen(ctx, "tcp", net.JoinHostPort(host, "0")); err != nil {
			return address
		}
	}
	defer func() { _ = l.Close() }() // nothing was sent over it
	return l.Addr().String()
}

// source is the manifest of the demo: the file of a checkout, which may be
// edited and reloaded, or the one in the binary.
func (d *demoRun) source() config.Source {
	own := map[string]string{
		"ACME_URL":         d.service.URL(),
		"SALLYPORT_ISSUER": demoIssuer,
		"SALLYPORT_JWKS":   d.jwks(),
		"SALLYPORT_LISTEN": d.listen,
		"SALLYPORT_ADMIN":  d.admin,
	}
	source := config.Source{Path: quickstart, Env: func(name string) (string, bool) {
		if value, ok := own[name]; ok {
			return value, true
		}
		return os.LookupEnv(name)
	}}
	if _, err := os.Stat(quickstart); errors.Is(err, fs.ErrNotExist) {
		source.Overlay = map[string][]byte{quickstart: examples.Quickstart()}
	}
	return source
}

// manifest says where the demo's manifest is.
func (d *demoRun) manifest(program string) string {
	if d.source().Overlay != nil {
		return "that of examples/quickstart, built in"
	}
	return quickstart + " (edit it, then: " + program + " reload --admin " + d.admin + ")"
}

// programName is how the program is called: what "go run" builds lies in a
// folder that is soon gone.
func programName() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/sallyport"
	}
	return "sallyport"
}

// welcome prints what to do next.
func (a *app) welcome(d *demoRun, g *gateway.Gateway) error {
	program := programName()
	endpoint := "http://" + g.Addr().String() + "/mcp"
	var text strings.Builder
	text.WriteString("sallyport demo\n\n" +
		"  MCP endpoint   " + endpoint + "\n" +
		"  demo service   " + d.service.URL() + "\n" +
		"  admin          http://" + d.admin + "/health\n" +
		"  manifest       " + d.manifest(program) + "\n\n" +
		"Development tokens, valid for 24 hours:\n")
	first := ""
	for _, caller := range demoRoles() {
		token, err := d.key.Sign(auth.DevClaims{
			Issuer: demoIssuer, Audience: endpoint, Subject: caller.Subject,
			Client: "sallyport-demo", Roles: caller.Roles, TTL: 24 * time.Hour,
		})
		if err != nil {
			return fmt.Errorf("sign token: %w", err)
		}
		if first == "" {
			first = token
		}
		text.WriteString("\n  " + caller.Roles[0] + "\n  " + token + "\n")
	}
	text.WriteString("\nClaude Code, as support:\n\n" +
		"  claude mcp add --transport http acme " + endpoint + " --header \"Authorization: Bearer " + first + "\"\n" +
		"\nA first call:\n\n" +
		"  " + program + " call --url " + endpoint + " --token " + first + " get_customer customer_id=" + acme.FirstCustomer + "\n\n" +
		"In a client for people there are besides: the resources acme://customers/{customer_id} and\n" +
		"acme://products/{sku}/stock, for support the prompt answer_ticket, and for sales the tool\n" +
		"place_order, which asks you before it orders anything.\n\n" +
		"Ctrl-C ends the demo.\n\n")
	return a.printf("%s", text.String())
}
