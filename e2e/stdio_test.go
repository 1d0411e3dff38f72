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
		args: []string{"stdio", "-c", filepath.Join(folder, "local.yaml")},
		env:  []string{"BACKEND_URL=" + backend.url},
	}
}

// notOverStdio are checks of what a gateway that a client starts can't do: it
// has no admin listener to reload it.
func notOverStdio(name string) bool { return name == "list changed" }

// TestStdio has clients start the gateway and speak to it over its standard
// input and output.
func TestStdio(t *testing.T) {
	t.Parallel()
	l := deployLocal(t)
	t.Run("client", func(t *testing.T) {
		for _, revision := range []string{rev0618, rev1125, rev0728} {
			for name, connect := range map[string]func(context.Context, local, string, *host) (session, error){
				"go-sdk": stdioGoSDK, "mcp-go": stdioMCPGo,
			} {
				t.Run(name+"/"+revision, func(t *testing.T) {
					t.Parallel()
					h := newHost()
					s, err := connect(t.Context(), l, revision, h)
					if err != nil {
						t.Fatal(err)
					}
					c := client{name: name + "-stdio", revision: revision, cancels: true}
					checks := slices.DeleteFunc(append(goChecks(), goFeatures()...), func(c check) bool { return notOverStdio(c.name) })
					visit{client: c, session: s, host: h, backend: l.backend, tools: shopTools()}.do(t, checks)
				})
			}
		}
		for _, c := range nodeClients() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				names := slices.DeleteFunc(allNodeChecks(), notOverStdio)
				c.args = slices.Concat(c.args, []string{l.program}, l.args)
				c.run(t, "", "", names, append(l.env, "BACKEND_URL="+l.backend, "FEATURES=1", "WITHOUT=list changed")...)
			})
		}
	})
}

func stdioGoSDK(ctx context.Context, l local, revision string, h *host) (session, error) {
	cmd := exec.Command(l.program, l.args...)
	cmd.Env = append(os.Environ(), l.env...)
	return connectGoSDKOver(ctx, &mcp.CommandTransport{Command: cmd}, revision, h)
}

func stdioMCPGo(ctx context.Context, l local, revision string, h *host) (session, error) {
	return connectMCPGoOver(ctx, transport.NewStdio(l.program, append(os.Environ(), l.env...), l.args...), revision, h)
}
