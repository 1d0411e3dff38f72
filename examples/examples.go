// Package examples holds manifests to learn from, a folder each.
package examples

import _ "embed"

//go:embed quickstart/manifest.yaml
var quickstart []byte

// Quickstart returns the manifest of the quickstart.
func Quickstart() []byte { return append([]byte(nil), quickstart...) }
