package openapi

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	// maxNodes bounds the size of a document.
	maxNodes = 8 << 20
	// maxAliased bounds what aliases can make of it.
	maxAliased = 200_000
)

// readYAML reads YAML into nodes like those of JSON.
func readYAML(data []byte) (n *node, err error) {
	defer func() {
		if p := recover(); p != nil { // the library panics on some inputs
			n, err = nil, fmt.Errorf("the YAML can't be read: %v", p)
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("the YAML can't be read: %w", err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, errors.New("the document is empty")
	}
	r := yamlReader{}
	return r.value(doc.Content[0], 0, false)
}

type yamlReader struct {
	count, aliased int
	// inside says how many aliases the reader is in.
	inside int
}

func (r *yamlReader) value(y *yaml.Node, depth int, named bool) (*node, error) {
	r.count++
	if r.inside > 0 {
		r.aliased++
	}
	if depth > maxNesting || r.count > maxNodes || r.aliased > maxAliased {
		return nil, fmt.Errorf("line %d: %w", y.Line, errTooDeep)
	}
	n := &node{line: int32(y.Line)}
	switch y.Kind {
	case yaml.AliasNode:
		r.inside++
		defer func() { r.inside-- }()
		return r.value(y.Alias, depth+1, named)
	case yaml.SequenceNode:
		n.kind = listKind
		for _, item := range y.Content {
			v, err := r.value(item, depth+1, false)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
		return n, nil
	case yaml.MappingNode:
		n.kind = objectKind
		return n, r.mapping(n, y, depth, named)
	}
	scalar(n, y)
	return n, nil
}

func (r *yamlReader) mapping(n *node, y *yaml.Node, depth int, named bool) error {
	var merged []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		v, err := r.value(y.Content[i+1], depth+1, !named && holdsNames(key.Value))
		if err != nil {
			return err
		}
		if key.ShortTag() == "!!merge" {
			if v.kind == listKind {
				merged = append(merged, v.items...)
			} else {
				merged = append(merged, v)
			}
			continue
		}
		if key.Kind == yaml.ScalarNode && (named || !isNoise(key.Value)) {
			v.line = int32(key.Line)
			n.add(key.Value, v)
		}
	}
	for _, from := range merged {
		for _, m := range from.members {
			if n.get(m.name) == nil {
				n.add(m.name, m.value)
			}
		}
	}
	return nil
}

// scalar makes a JSON scalar of one of YAML.
func scalar(n *node, y *yaml.Node) {
	n.kind, n.text = stringKind, y.Value
	switch y.ShortTag() {
	case "!!null":
		n.kind = nullKind
	case "!!bool":
		n.kind, n.text = boolKind, strings.ToLower(y.Value)
		if n.text != "true" && n.text != "false" {
			n.text = strconv.FormatBool(n.text == "yes" || n.text == "on" || n.text == "y")
		}
	case "!!int":
		if i, ok := new(big.Int).SetString(y.Value, 0); ok {
			n.kind, n.text = numberKind, i.String()
		}
	case "!!float":
		if isNumber(y.Value) {
			n.kind = numberKind
		} else if f, err := strconv.ParseFloat(y.Value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			n.kind, n.text = numberKind, strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
}
