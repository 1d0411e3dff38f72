package openapi

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

const (
	// maxFiles bounds how many files a document refers to.
	maxFiles = 500
	// maxRefs bounds a chain of references to references.
	maxRefs = 16
)

// Document is an OpenAPI document with the files it refers to. It is never
// changed after Parse.
type Document struct {
	name    string
	root    *node
	swagger bool // 2.0
	files   map[string]*node
	// unread are files that couldn't be read, and why; sums are the hashes of
	// those that could.
	unread map[string]string
	sums   map[string][sha256.Size]byte
}

// Parse reads a document in JSON or YAML, and the files it refers to by read,
// whose names are relative to that of the document. It fails only if the text
// is no OpenAPI or Swagger document at all.
func Parse(name string, data []byte, read func(path string) ([]byte, error)) (*Document, error) {
	root, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	d := &Document{name: filepath.Clean(name), root: root, files: map[string]*node{}, unread: map[string]string{}, sums: map[string][sha256.Size]byte{}}
	swagger, version := root.str("swagger"), root.str("openapi")
	switch {
	case strings.HasPrefix(swagger, "2"):
		d.swagger = true
	case strings.HasPrefix(version, "3"):
	case swagger != "" || version != "":
		return nil, fmt.Errorf("version %q is not known: want OpenAPI 3.0, 3.1 or 3.2, or Swagger 2.0", clip(version+swagger, 20))
	default:
		return nil, errors.New("no OpenAPI document: it says neither openapi: 3.x nor swagger: \"2.0\" at its top")
	}
	d.files[d.name] = root
	d.load(root, d.name, read)
	return d, nil
}

func parseTree(data []byte) (*node, error) {
	var root *node
	var err error
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(data, []byte(byteMark)), " \t\r\n")
	if len(trimmed) > 0 && trimmed[0] == '{' {
		root, err = readJSON(string(data))
		if err != nil {
			if again, yamlErr := readYAML(data); yamlErr == nil {
				root, err = again, nil
			} else {
				err = fmt.Errorf("the JSON can't be read: %w", err)
			}
		}
	} else {
		root, err = readYAML(data)
	}
	if err != nil {
		return nil, err
	}
	if !root.isObject() {
		return nil, errors.New("no OpenAPI document: it is no mapping")
	}
	return root, nil
}

// load makes the references in a file's tree absolute, and reads the files they
// lead to. References within the document stay as they are: #/a/b.
func (d *Document) load(n *node, file string, read func(path string) ([]byte, error)) {
	for i := range n.members {
		m := &n.members[i]
		if m.name == "$ref" && m.value.kind == stringKind {
			m.value.text = d.absolute(m.value.text, file, read)
			continue
		}
		d.load(m.value, file, read)
	}
	for _, item := range n.items {
		d.load(item, file, read)
	}
}

// absolute returns a reference as Document.files has it.
func (d *Document) absolute(ref, file string, read func(path string) ([]byte, error)) string {
	path, fragment, _ := strings.Cut(ref, "#")
	switch {
	case path == "" && file == d.name, strings.Contains(path, "://"), strings.HasPrefix(path, "//"):
		return ref
	case path != "" && (d.files[path] != nil || d.unread[path] != ""):
		return ref // a merged mapping, which is met twice
	case path == "":
		return file + "#" + fragment
	}
	path = filepath.FromSlash(path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	path = filepath.Clean(path)
	if path == d.name {
		return "#" + fragment
	}
	d.file(path, read)
	return path + "#" + fragment
}

func (d *Document) file(path string, read func(path string) ([]byte, error)) {
	if d.files[path] != nil || d.unread[path] != "" {
		return
	}
	if len(d.files) >= maxFiles || read == nil {
		d.unread[path] = "too many files"
		return
	}
	data, err := read(path)
	if err != nil {
		d.unread[path] = "the file can't be read"
		return
	}
	d.sums[path] = sha256.Sum256(data)
	root, err := parseTree(data)
	if err != nil {
		d.unread[path] = err.Error()
		return
	}
	d.files[path] = root
	d.load(root, path, read)
}

// lookup returns what a reference stands for, or why it stands for nothing.
func (d *Document) lookup(ref string) (*node, string) {
	path, fragment, _ := strings.Cut(ref, "#")
	n := d.root
	switch {
	case strings.Contains(path, "://") || strings.HasPrefix(path, "//"):
		return nil, "URLs are not fetched"
	case path != "":
		if n = d.files[path]; n == nil {
			return nil, d.unread[path]
		}
	}
	if fragment != "" && fragment[0] != '/' {
		return nil, "anchors are not followed"
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if fragment == "" {
			break
		}
		if n = n.step(token); n == nil {
			return nil, "there is nothing there"
		}
	}
	return n, ""
}

// step follows one token of a JSON pointer (RFC 6901) in a URI fragment.
func (n *node) step(token string) *node {
	name := unescapePointer(token)
	if n.kind == listKind {
		for i, item := range n.items {
			if name == number(i).text {
				return item
			}
		}
		return nil
	}
	return n.get(name)
}

func unescapePointer(token string) string {
	if token = unescapePercent(token); !strings.Contains(token, "~") {
		return token
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
}

// unescapePercent undoes percent-encoding where there is some.
func unescapePercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// Version is that of the specification the document follows, e.g. 3.1.0.
func (d *Document) Version() string { return d.root.str("openapi") + d.root.str("swagger") }

// Title is the document's own.
func (d *Document) Title() string { return d.root.get("info").str("title") }

// Description is the document's own, as it is written.
func (d *Document) Description() string { return d.root.get("info").str("description") }
