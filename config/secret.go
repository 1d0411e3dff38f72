package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// maxSecretBytes bounds a file that holds a secret.
const maxSecretBytes = 64 << 10

// secret decodes a text, {file: path} or {env: VAR}.
func (d *decoder) secret(s site, to secretSetter) {
	if s.node.kind == scalarNode {
		d.hide(s.node)
		to.SetSecret(s.node.text)
		return
	}
	if s.node.kind != mappingNode || len(s.node.members) != 1 {
		d.hide(s.node)
		d.wrong(s, "a text, {file: path} or {env: VAR}", "")
		return
	}
	m := &s.node.members[0]
	below := s.member(m)
	switch m.key.raw {
	case "file", "env":
		if m.value.kind != scalarNode || m.value.isNull() {
			d.wrong(below, "a text", "")
			return
		}
		if m.value.broken {
			return
		}
	default:
		d.hide(m.value)
		d.report(place(m.key, nil, below.place().Path).Problem(fmt.Sprintf("unknown field %q in a secret", clip(m.key.raw)),
			suggest(m.key.raw, []string{"file", "env"})))
		return
	}
	if m.key.raw == "env" {
		d.secretVariable(below, to)
		return
	}
	d.secretFile(below, to)
}

func (d *decoder) secretVariable(s site, to secretSetter) {
	name := s.node.text
	value, set := d.lookup(name)
	if !set || value == "" {
		d.problem(s, fmt.Sprintf("environment variable %s is not set", clip(name)), "")
		return
	}
	to.SetSecret(value)
}

func (d *decoder) secretFile(s site, to secretSetter) {
	path := s.node.text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.node.file.path), path)
	}
	data, err := d.storage.readFile(path, maxSecretBytes)
	if err != nil {
		d.problem(s, fmt.Sprintf("can't read the secret's file: %v", err), "")
		return
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		d.problem(s, "the secret's file is empty", "")
		return
	}
	to.SetSecret(text)
}

// hide marks all texts in a node as secret: they aren't shown with problems.
func (d *decoder) hide(n *node) {
	for _, item := range n.items {
		d.hide(item)
	}
	for _, m := range n.members {
		d.hide(m.value)
	}
	if n.kind == scalarNode && !n.secret && n.text != "" {
		n.secret = true
		if n.file != nil && (!n.whole || strings.Contains(n.raw, ":-")) {
			n.file.secrets = append(n.file.secrets, n)
		}
	}
}

// secretKey tells keys whose values are secrets wherever they stand.
func secretKey(key string) bool {
	switch fold(key) {
	case "password", "passwd", "secret", "clientsecret", "token", "bearer", "apikey", "privatekey", "secretkey":
		return true
	}
	return false
}
