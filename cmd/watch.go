package cmd

import (
	"fmt"
	"log/slog"
	"path/filepath"
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
// editors replace) and calls reload once they are quiet.
func watchFiles(manifest func() *config.Manifest, log *slog.Logger, reload func()) (*fileWatch, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &fileWatch{notify: notify, stopped: make(chan struct{})}
	if err = w.follow(manifest()); err != nil {
		return nil, err
	}
	go w.loop(manifest, log, reload)
	return w, nil
}

// follow adds the folders of the manifest's files.
func (w *fileWatch) follow(m *config.Manifest) error {
	for _, file := range m.Files {
		if err := w.notify.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("watch %s: %w", filepath.Dir(file), err)
		}
	}
	return nil
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
			if !event.Has(fsnotify.Chmod) || event.Has(fsnotify.Write) {
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
