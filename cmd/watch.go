package cmd

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sallyport-mcp/sallyport/config"
)

// settle is how long a file must be quiet before it is read: editors and
// ConfigMap updates write in several steps.
const settle = 200 * time.Millisecond

// fileWatch reloads when a file of the manifest changes.
type fileWatch struct {
	notify  *fsnotify.Watcher
	stopped chan struct{}
}

// watchFiles watches the folders of the manifest's files (not the files, which
// editors replace), and those where its includes look for files, and calls
// reload once they are quiet.
func watchFiles(manifest func() *config.Manifest, log *slog.Logger, reload func()) (*fileWatch, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &fileWatch{notify: notify, stopped: make(chan struct{})}
	if err = w.follow(manifest()); err != nil {
		return nil, errors.Join(err, notify.Close())
	}
	go w.loop(manifest, log, reload)
	return w, nil
}

// follow adds the folders of the manifest's files and includes.
func (w *fileWatch) follow(m *config.Manifest) error {
	folders := append([]string(nil), m.Folders...)
	for _, file := range m.Files {
		folders = append(folders, filepath.Dir(file))
	}
	for _, folder := range folders {
		if err := w.notify.Add(folder); err != nil {
			return fmt.Errorf("watch %s: %w", folder, err)
		}
	}
	return nil
}

// concerns reports whether a change in a watched folder may change the
// manifest: it is one of its files, or a YAML file that an include may find, or
// the link by which Kubernetes swaps the files of a ConfigMap.
func concerns(m *config.Manifest, event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	if slices.Contains(m.Files, event.Name) || filepath.Base(event.Name) == "..data" {
		return true
	}
	extension := filepath.Ext(event.Name)
	return slices.Contains(m.Folders, filepath.Dir(event.Name)) && (extension == ".yaml" || extension == ".yml")
}

func (w *fileWatch) loop(manifest func() *config.Manifest, log *slog.Logger, reload func()) {
	defer close(w.stopped)
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if concerns(manifest(), event) {
				quiet.Reset(settle)
			}
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			log.Error("watch files", "error", err)
		case <-quiet.C:
			reload()
			if err := w.follow(manifest()); err != nil {
				log.Error("watch files", "error", err)
			}
		}
	}
}

// stop ends the watch.
func (w *fileWatch) stop() {
	_ = w.notify.Close() // closing can only fail for a watcher already closed
	<-w.stopped
}
