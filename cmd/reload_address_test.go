package cmd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReloadOfWhat shows which gateway a reload asks if the manifest is broken:
// the one that it names, and none at all if that can't be read.
func TestReloadOfWhat(t *testing.T) {
	t.Chdir(t.TempDir())
	path := filepath.Join(t.TempDir(), "served.yaml")
	replace(t, path, asking)
	s := serve(t, path)
	for name, test := range map[string]struct {
		manifest, want string
		flags          []string
		ok             bool
	}{
		"no YAML": {manifest: "version: 1\n a: b: c\n",
			want: "1 error; nothing was reloaded; --admin ADDRESS names a running gateway\n"},
		"an unread address": {manifest: "version: 1\nserver: {admin: \"${SALLYPORT_TEST_UNSET}\"}\n",
			want: "1 error; nothing was reloaded; --admin ADDRESS names a running gateway\n"},
		"no address": {manifest: "version: 1\nsever: {admin: \"" + s.admin + "\"}\n",
			want: "1 error; nothing was reloaded; --admin ADDRESS names a running gateway\n"},
		"not there": {want: "1 error; nothing was reloaded; --admin ADDRESS names a running gateway\n"},
		"an address beside mistakes": {manifest: "version: 1\nserver: {admin: \"" + s.admin + "\"}\ntools: {a: {reqest: GET /}}\n",
			want: "is active: 2 tools, hash ", ok: true},
		"told": {manifest: "version: 1\n a: b: c\n", flags: []string{"--admin", s.admin}, want: "is active: 2 tools, hash ", ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			broken := filepath.Join(t.TempDir(), "manifest.yaml")
			if test.manifest != "" {
				if err := os.WriteFile(broken, []byte(test.manifest), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := process(append([]string{"reload", "-c", broken}, test.flags...)...).CombinedOutput()
			if !strings.Contains(string(out), test.want) || (err == nil) != test.ok {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
