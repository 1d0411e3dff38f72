package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
)

// WrittenNote tells where one value is written.
type WrittenNote struct {
	// Key is the way to the value from what is explained, e.g.
	// input.customer_id; from the root for values of the upstream.
	Key  string `json:"key"`
	From string `json:"from"`
	// Default says that it is inherited from defaults.
	Default bool `json:"default,omitempty"`
	// Value is as it is written: variables by their names, secrets masked.
	Value json.RawMessage `json:"value"`
}

// written tells where each value of the target is written, and those of its
// upstream.
func (i *inspection) written() []WrittenNote {
	notes := []WrittenNote{}
	own := make(map[string]bool)
	for _, at := range i.t.place.Each() {
		key := strings.TrimPrefix(at.Path, i.t.place.Path+".")
		own[key] = true
		switch key {
		case "input", "arguments":
			for _, argument := range at.Each() {
				notes = append(notes, noteWritten(argument, strings.TrimPrefix(argument.Path, i.t.place.Path+".")))
			}
		default:
			notes = append(notes, noteWritten(at, key))
			notes = append(notes, i.mergedInto(key, at)...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(i.t.parts)) {
		if setting := i.t.parts[key]; !own[key] && !setting.IsZero() {
			note := noteWritten(setting.Place, key)
			note.Default = inheritedSetting(setting)
			notes = append(notes, note)
		}
	}
	if upstream := i.s.manifest.Upstreams[i.t.upstream]; upstream != nil {
		for _, at := range upstream.Each() {
			notes = append(notes, noteWritten(at, at.Path))
		}
	}
	return notes
}

// mergedInto are the values of defaults that a value of the target was laid
// over.
func (i *inspection) mergedInto(key string, own config.Place) []WrittenNote {
	setting, ok := i.t.parts[key]
	if !ok || setting.Off {
		return nil
	}
	var notes []WrittenNote
	for _, at := range setting.Each() {
		name, below := strings.CutPrefix(at.Path, setting.Path+".")
		if _, written := own.At(name); below && !written {
			note := noteWritten(at, key+"."+name)
			note.Default = true
			notes = append(notes, note)
		}
	}
	return notes
}

func noteWritten(at config.Place, key string) WrittenNote {
	return WrittenNote{Key: key, From: at.String(), Value: at.JSON()}
}
