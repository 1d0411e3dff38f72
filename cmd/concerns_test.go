package cmd

import (
	"testing"

	"github.com/fsnotify/fsnotify"

	"github.com/sallyport-mcp/sallyport/config"
)

func TestConcerns(t *testing.T) {
	m := &config.Manifest{
		Files:   []string{"/etc/sallyport/manifest.yaml", "/etc/sallyport/order.json", "/run/secrets/crm"},
		Folders: []string{"/etc/sallyport/tools"},
	}
	tests := []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"/etc/sallyport/manifest.yaml", fsnotify.Write, true},
		{"/etc/sallyport/manifest.yaml", fsnotify.Create | fsnotify.Chmod, true},
		{"/etc/sallyport/manifest.yaml", fsnotify.Chmod, false},
		{"/etc/sallyport/manifest.yaml", fsnotify.Remove, true},
		{"/etc/sallyport/order.json", fsnotify.Write, true},
		{"/run/secrets/crm", fsnotify.Rename, true},
		{"/etc/sallyport/..data", fsnotify.Create, true},
		{"/etc/sallyport/tools/new.yaml", fsnotify.Create, true},
		{"/etc/sallyport/tools/new.yml", fsnotify.Create, true},
		{"/etc/sallyport/tools/notes.txt", fsnotify.Create, false},
		{"/etc/sallyport/log.txt", fsnotify.Write, false},
		{"/etc/sallyport/other.yaml", fsnotify.Write, false},
	}
	for _, test := range tests {
		if got := concerns(m, fsnotify.Event{Name: test.name, Op: test.op}); got != test.want {
			t.Errorf("%s %s: %v", test.op, test.name, got)
		}
	}
}
