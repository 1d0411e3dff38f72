package openapi

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// maxCached bounds the documents whose tools are kept for the next reload.
const maxCached = 8

// cache keeps what was made of documents: a reload of one that didn't change is
// cheap. The documents themselves, which are large, it doesn't keep.
type cache struct {
	mutex   sync.Mutex
	entries []*made // the last used at the end
}

// made is what was made of a document. Nobody changes it.
type made struct {
	key        [sha256.Size]byte
	operations []Operation
	servers    []Server
	schemes    []SecurityScheme
	// sums are the hashes of the files that the document refers to, and unread
	// are those that couldn't be read.
	sums   map[string][sha256.Size]byte
	unread []string
}

// tools returns what an Expose makes of the document of that text, as it was
// made before if the files that it refers to are as they were.
func (c *cache) tools(name string, data []byte, e Expose, read func(path string) ([]byte, error)) (*made, error) {
	key, err := keyOf(name, data, e)
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i, m := range c.entries {
		if m.key != key {
			continue
		}
		c.entries = append(c.entries[:i], c.entries[i+1:]...)
		if m.unchanged(read) {
			c.entries = append(c.entries, m)
			return m, nil
		}
		break
	}
	d, err := Parse(name, data, read)
	if err != nil {
		return nil, err
	}
	m := &made{key: key, operations: d.Tools(e), servers: d.Servers(), schemes: d.Security(), sums: d.sums}
	for path := range d.unread {
		if _, known := d.sums[path]; !known {
			m.unread = append(m.unread, path)
		}
	}
	c.entries = append(c.entries, m)
	if len(c.entries) > maxCached {
		c.entries = c.entries[1:]
	}
	return m, nil
}

// keyOf tells a document and what is made of it from all others.
func keyOf(name string, data []byte, e Expose) (key [sha256.Size]byte, err error) {
	how, err := json.Marshal(struct {
		Name   string
		Expose Expose
	}{name, e})
	if err != nil {
		return key, err
	}
	h := sha256.New()
	h.Write(append(how, 0)) // a hash never fails
	h.Write(data)
	h.Sum(key[:0])
	return key, nil
}

// unchanged reports whether the files that the document refers to are as they
// were. All of them are read, so that they are watched.
func (m *made) unchanged(read func(path string) ([]byte, error)) bool {
	same := true
	for path, sum := range m.sums {
		data, err := read(path)
		same = same && err == nil && sha256.Sum256(data) == sum
	}
	for _, path := range m.unread {
		_, err := read(path)
		same = same && err != nil
	}
	return same
}
