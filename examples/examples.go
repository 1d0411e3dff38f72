// Package examples holds manifests to learn from, a folder each.
package examples

import _ "embed"

//go:embed quickstart/manifest.yaml
var quickstart []byte //nolint:gochecknoglobals // go:embed needs a variable

// Quickstart returns the manifest of the quickstart.
func Quickstart() []byte { return append([]byte(nil), quickstart...) }
