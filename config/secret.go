package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Secret is a value that is never printed. In a manifest it is a text, or
// {file: path}, or {env: VAR}.
type Secret struct{ value string }

// SetSecret takes the value.
func (s *Secret) SetSecret(value string) { s.value = value }

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// String hides the value.
func (s Secret) String() string { return "[secret]" }

// GoString hides the value.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// maxSecretBytes bounds a file that holds a secret.
const maxSecretBytes = 64 << 10

// secret decodes a text, {file: path} or {env: VAR}.
func (d *decoder) secret(s site, to secretSetter) {
	if s.node.kind == scalarNode {
		hide(s.node)
		if s.node.text != "" && len(s.node.parts) == 0 && !s.node.broken {
			d.openSecrets = append(d.openSecrets, s.place())
		}
		to.SetSecret(s.node.text)
		return
	}
	if s.node.namesSecrets() && len(s.node.members) > 1 {
		d.problem(s, fmt.Sprintf("only one of env and file for %q", s.name), "")
		return
	}
	if s.node.kind != mappingNode || len(s.node.members) != 1 {
		hide(s.node)
		d.wrong(s, "a text, {file: path} or {env: VAR}", "")
		return
	}
	m := &s.node.members[0]
	below := s.member(m)
	if m.key.hidden {
		d.wrong(s, "a text, {file: path} or {env: VAR}", "")
		return
	}
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
		hide(m.value)
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
