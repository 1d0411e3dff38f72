package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// sealKey is what all gateways of these tests seal with.
const sealKey = "only-for-these-tests-fedcba9876543210"

// deployment is the shop with what stands before it.
type deployment struct {
	url     string // of the MCP endpoint
	backend string
}

// deploy starts the shop, and gateways before it that share their keys. With
// one gateway the endpoint is its own, else that of front.
func deploy(t *testing.T, gateways int, front func(*testing.T, []gateway) string, env ...string) deployment {
	t.Helper()
	backend := startShop(t)
	folder := copyFolder(t, "testdata/shop")
	if err := backend.announces(folder, nil); err != nil {
		t.Fatal(err)
	}
	var all []gateway
	var admins []string
	env = append(env, "BACKEND_URL="+backend.url, "SALLYPORT_KEY="+sealKey)
	for range gateways {
		g := startGateway(t, filepath.Join(folder, "manifest.yaml"), env...)
		all, admins = append(all, g), append(admins, g.admin)
	}
	if err := backend.announces(folder, admins); err != nil {
		t.Fatal(err)
	}
	d := deployment{url: all[0].url, backend: backend.url}
	if front != nil {
		d.url = front(t, all)
	}
	return d
}

// copyFolder copies a folder to a place where it may be written to.
func copyFolder(t *testing.T, folder string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "manifest")
	if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return copied
}
