package config

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"path/filepath"
	"strconv"
)

// hash identifies what was read: keys and values as written, variables not
// expanded and secrets left out. Comments and layout don't count.
func (l *loader) hash() string {
	h := sha256.New()
	for _, f := range l.files {
		if f.root == nil {
			continue
		}
		name, err := filepath.Rel(l.rootFolder, f.path)
		if err != nil {
			name = filepath.Base(f.path)
		}
		writeText(h, 'f', filepath.ToSlash(name))
		writeNode(h, f.root)
	}
	for _, schema := range l.hashed {
		writeText(h, 'j', string(schema))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeNode(h hash.Hash, n *node) {
	switch {
	case n.kind == mappingNode:
		writeText(h, 'm', strconv.Itoa(len(n.members)))
		for _, m := range n.members {
			writeText(h, 'k', m.key.raw)
			writeNode(h, m.value)
		}
	case n.kind == sequenceNode:
		writeText(h, 'l', strconv.Itoa(len(n.items)))
		for _, item := range n.items {
			writeNode(h, item)
		}
	case n.secret:
		writeText(h, 'x', "")
	default:
		writeText(h, byte('0'+n.style), n.tag+" "+n.raw)
	}
}

// writeText writes a text so that no two sequences of texts look alike; a hash
// never fails.
func writeText(h hash.Hash, kind byte, text string) {
	line := append([]byte{kind}, strconv.Itoa(len(text))...)
	line = append(line, ':')
	_, _ = h.Write(append(line, text...))
}
