package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// local is the shop with a manifest for `sallyport stdio`.
type local struct {
	backend string
	program string
	args    []string
	env     []string
}

// deployLocal starts the shop; the gateway is started by its clients.
func deployLocal(t *testing.T) local {
	t.Helper()
	backend := startShop(t)
	folder := copyFolder(t, "testdata/shop")
	if err := backend.announces(folder, nil); err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(filepath.Join(binaries, "sallyport"))
	if err != nil {
		t.Fatal(err)
	}
	return local{
		backend: backend.url, program: program,
		args: []string{"stdio", "-c", filepath.Join(folder, "manifest.yaml"), "--as", "ada:support"},
		env: []string{
			"BACKEND_URL=" + backend.url, "SALLYPORT_KEY=" + sealKey, "JWT_SECRET=" + jwtSecret,
			"SALLYPORT_LISTEN=" + freeAddress(t), "SALLYPORT_ADMIN=" + freeAddress(t), // which it doesn't use
		},
	}
}

// TestStdio has clients start the gateway and speak to it over its standard
// input and output.
func TestStdio(t *testing.T) {
	t.Parallel()
	l := deployLocal(t)
	t.Run("client", func(t *testing.T) {
		for _, revision := range []string{rev0618, rev1125, rev0728} {
			for name, connect := range map[string]func(context.Context, local, string, *host) (session, func() *os.Process, error){
				"go-sdk": stdioGoSDK, "mcp-go": stdioMCPGo,
			} {
				t.Run(name+"/"+revision, func(t *testing.T) {
					t.Parallel()
					h := newHost()
					s, process, err := connect(t.Context(), l, revision, h)
					if err != nil {
						t.Fatal(err)
					}
					c := client{name: name + "-stdio", revision: revision, cancels: true}
					visit{client: c, session: s, host: h, backend: l.backend, process: process}.do(t, goChecks())
				})
			}
		}
		for _, c := range nodeClients() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.args = slices.Concat(c.args, []string{l.program}, l.args)
				c.run(t, "", "", nodeChecks(), append(l.env, "RELOAD=1")...)
			})
		}
	})
}

func stdioGoSDK(ctx context.Context, l local, revision string, h *host) (session, func() *os.Process, error) {
	cmd := l.command()
	s, err := connectGoSDKOver(ctx, &mcp.CommandTransport{Command: cmd}, revision, h)
	return s, func() *os.Process { return cmd.Process }, err
}

func stdioMCPGo(ctx context.Context, l local, revision string, h *host) (session, func() *os.Process, error) {
	var cmd *exec.Cmd
	over := transport.NewStdioWithOptions(l.program, nil, nil, transport.WithCommandFunc(
		func(context.Context, string, []string, []string) (*exec.Cmd, error) {
			cmd = l.command()
			return cmd, nil
		}))
	s, err := connectMCPGoOver(ctx, over, revision, h)
	return s, func() *os.Process { return cmd.Process }, err
}

// command is the gateway as its client starts it.
func (l local) command() *exec.Cmd {
	cmd := exec.Command(l.program, l.args...)
	cmd.Env = append(os.Environ(), l.env...)
	return cmd
}
