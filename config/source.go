package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read.
const (
	maxFileBytes  = 4 << 20
	maxFiles      = 1000
	maxTotalBytes = 32 << 20
	// maxDescribed bounds a description of an upstream, and all of them.
	maxDescribed = 64 << 20
)

// Source says where a manifest comes from.
type Source struct {
	// Path is a file, or a folder whose *.yaml and *.yml are merged in the
	// order of their names.
	Path string
	// Env looks environment variables up; os.LookupEnv if nil.
	Env func(string) (string, bool)
	// Overlay is file contents by path that stand for those on disk.
	Overlay map[string][]byte
	// Examples are files, or folders of files, whose tools.NAME.examples are
	// added to those of the manifest's tools.
	Examples []string
}

// file is the text of a file read.
type file struct {
	// name is the path as shown, path the absolute one.
	name, path string
	text       string
	lines      []string
	root       *node
	// secrets are the values that must not be shown.
	secrets []*node
	// urls are the credentials in URLs on the lines asked for: lines may be
	// long, and problems many.
	urls map[int][]span
}

// urlSpans returns the stretches of a line that hold credentials of URLs.
func (f *file) urlSpans(number int) []span {
	if known, ok := f.urls[number]; ok {
		return known
	}
	text := f.line(number)
	var all []span
	for _, at := range urlSecrets(text) {
		all = append(all, span{number, utf8.RuneCountInString(text[:at[0]]) + 1, utf8.RuneCountInString(text[:at[1]]) + 1})
	}
	if f.urls == nil {
		f.urls = make(map[int][]span)
	}
	f.urls[number] = all
	return all
}

// line returns a line by its number, which counts from 1.
func (f *file) line(number int) string {
	if f.lines == nil {
		f.lines = splitLines(f.text)
	}
	if number < 1 || number > len(f.lines) {
		return ""
	}
	return f.lines[number-1]
}

// count returns the number of lines.
func (f *file) count() int {
	_ = f.line(1)
	return len(f.lines)
}

// splitLines splits at all that YAML 1.1 takes for a line break.
func splitLines(s string) []string {
	normal := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	return strings.Split(strings.TrimSuffix(normal, "\n"), "\n")
}

// storage reads files from the overlay or from disk, within bounds.
type storage struct {
	overlay map[string][]byte
	files   int
	bytes   int
	// described is how large descriptions are so far.
	described int
	read      map[string]bool
}

func newStorage(overlay map[string][]byte) *storage {
	s := &storage{overlay: make(map[string][]byte, len(overlay)), read: make(map[string]bool)}
	for name, data := range overlay {
		s.overlay[absolute(name)] = data
	}
	return s
}

// absolute never fails: without a working directory the path stays relative.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// readFile returns a file's content. Errors don't repeat the path.
func (s *storage) readFile(path string, limit int) ([]byte, error) {
	if s.files++; s.files > maxFiles {
		return nil, fmt.Errorf("more than %d files", maxFiles)
	}
	s.read[path] = true
	data, ok := s.overlay[path]
	if !ok {
		var err error
		if data, err = readDisk(path, limit); err != nil {
			return nil, err
		}
	}
	if len(data) > limit {
		return nil, fmt.Errorf("larger than %d KiB", limit>>10)
	}
	if s.bytes += len(data); s.bytes > maxTotalBytes {
		return nil, fmt.Errorf("all files together are larger than %d MiB", maxTotalBytes>>20)
	}
	return data, nil
}

// readDescription returns the content of a file that describes an upstream.
func (s *storage) readDescription(path string) ([]byte, error) {
	s.read[path] = true
	data, ok := s.overlay[path]
	if !ok {
		var err error
		if data, err = readDisk(path, maxDescribed); err != nil {
			return nil, err
		}
	}
	if s.described += len(data); s.described > maxDescribed {
		return nil, fmt.Errorf("descriptions of upstreams are larger than %d MiB", maxDescribed>>20)
	}
	return data, nil
}

// readDisk reads a regular file, but never more than just past the limit.
func readDisk(path string, limit int) (_ []byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plainError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, plainError(err)
	}
	return data, nil
}

// plainError takes the path out of an error.
func plainError(err error) error {
	var pathError *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case errors.As(err, &pathError):
		return pathError.Err
	default:
		return err
	}
}

// exists tells what is at the path.
func (s *storage) exists(path string) (isFile, isFolder bool) {
	if _, ok := s.overlay[path]; ok {
		return true, false
	}
	for name := range s.overlay {
		if strings.HasPrefix(name, strings.TrimSuffix(path, string(filepath.Separator))+string(filepath.Separator)) {
			isFolder = true
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, isFolder
	}
	return !info.IsDir() && !isFolder, isFolder || info.IsDir()
}

// list returns the names in a folder, sorted; none if it can't be read.
func (s *storage) list(folder string) []string {
	seen := make(map[string]bool)
	entries, err := os.ReadDir(folder)
	if err == nil {
		for _, e := range entries {
			seen[e.Name()] = true
		}
	}
	for name := range s.overlay {
		rel, err := filepath.Rel(folder, name)
		if err != nil || rel == "." || strings.HasPrefix(rel, "..") {
			continue
		}
		first, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		seen[first] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// real resolves the symbolic links of a path; what isn't on disk stays as it is.
func (s *storage) real(path string) string {
	if _, ok := s.overlay[path]; ok {
		return path
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// inside reports whether path is folder or below it.
func inside(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
