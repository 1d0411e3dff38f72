package steps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// stateVersion is that of the state's form.
const stateVersion = 1

// stateDepth bounds the nesting of values in a state: results are nested no
// deeper than strictjson.MaxDepth, in a few levels of ours, maxDepth times.
const stateDepth = 1000

// state is what a run needs to go on. Its names are short, for it travels.
type state struct {
	Version int    `json:"v"`
	Program string `json:"p"`
	// Calls is how many calls were made.
	Calls int64 `json:"n,omitempty"`
	// Uncounted says that the first round was not counted by limits.
	Uncounted bool `json:"u,omitempty"`
	// Progress is the highest that was told.
	Progress *float64 `json:"h,omitempty"`
	// Units are the parts of the program that were begun, by address: that of
	// a step, or with for_each of an item.
	Units map[string]*unit `json:"s,omitempty"`
}

// unit is the state of a step, or of one item of it.
type unit struct {
	Done bool `json:"d,omitempty"`
	// Begun says that the step's condition held.
	Begun bool `json:"g,omitempty"`
	// Value is the result; absent stands for null, or for the JSON that is the
	// text of the block of number In, counted from 1; negative, it is that text
	// itself. Only the result of a step with an id is kept, and its blocks.
	Value  json.RawMessage `json:"r,omitempty"`
	In     int             `json:"v,omitempty"`
	Blocks []savedBlock    `json:"b,omitempty"`
	// Undo is what takes the unit back, in the order it was done.
	Undo []undoing `json:"x,omitempty"`
	// Asked is how often the question was put.
	Asked int `json:"a,omitempty"`
	// Items are the elements of a for_each that isn't done, and Count is how
	// many there were of one that is: each has a unit of its own.
	Items json.RawMessage `json:"i,omitempty"`
	Count int             `json:"k,omitempty"`
	// Tool, Args, Nested and Spent are those of a call that is pending: whom it
	// is made to, its state, and the time it took so far, in nanoseconds.
	Tool   string          `json:"o,omitempty"`
	Args   json.RawMessage `json:"c,omitempty"`
	Nested json.RawMessage `json:"w,omitempty"`
	Spent  int64           `json:"t,omitempty"`
}

// undoing is a call that takes another back.
type undoing struct {
	Label string `json:"l"`
	Tool  string `json:"t"`
	// Args are absent if they could not be made.
	Args json.RawMessage `json:"a,omitempty"`
}

// savedBlock is a content block in a state.
type savedBlock struct {
	Type        mcp.BlockType    `json:"k,omitempty"`
	Text        *string          `json:"t,omitempty"`
	Data        []byte           `json:"d,omitempty"`
	MIMEType    string           `json:"m,omitempty"`
	URI         string           `json:"u,omitempty"`
	Name        string           `json:"n,omitempty"`
	Title       string           `json:"h,omitempty"`
	Description string           `json:"e,omitempty"`
	Size        int64            `json:"z,omitempty"`
	Annotations *mcp.Annotations `json:"a,omitempty"`
}

// errState says that a state is not of this program.
var errState = errors.New("the state is not of this program")

// decodeState reads a state. With an error of another program the state is
// there nevertheless: what was done can be undone.
func decodeState(raw []byte, program string) (*state, error) {
	s := &state{}
	if err := strictjson.Check(raw, stateDepth); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("state of version %d", s.Version)
	}
	for address, u := range s.Units {
		if u == nil {
			delete(s.Units, address)
		}
	}
	if s.Units == nil {
		s.Units = make(map[string]*unit)
	}
	if s.Program != program {
		return s, errState
	}
	return s, nil
}

// encode writes the state.
func (s *state) encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // it would only lengthen
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// addresses are those of the units, in the order of the program.
func (s *state) addresses() []string {
	all := make([]string, 0, len(s.Units))
	for address := range s.Units {
		all = append(all, address)
	}
	slices.SortFunc(all, compareAddresses)
	return all
}

// undoable reports whether giving up would undo something. Of a call that is
// pending only its maker knows, so it may.
func (s *state) undoable() bool {
	for _, u := range s.Units {
		if len(u.Undo) > 0 || u.Nested != nil {
			return true
		}
	}
	return false
}

// compareAddresses orders "3" before "3.1" before "3.10" before "4".
func compareAddresses(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		i, _ := strconv.Atoi(x) // addresses are numbers; anything else comes first
		j, _ := strconv.Atoi(y)
		if i != j {
			return i - j
		}
	}
	return len(a) - len(b)
}

// save keeps a result, and the blocks beside it. Raw is the result as JSON, nil
// if it is not at hand.
func (u *unit) save(value any, raw []byte, blocks []mcp.Block) error {
	u.Blocks = make([]savedBlock, len(blocks))
	for i := range blocks {
		u.Blocks[i] = saveBlock(&blocks[i])
		text := blocks[i].Text
		switch {
		case u.In != 0 || text == nil:
		case raw != nil && bytes.Equal(raw, text):
			u.In = i + 1
		case raw == nil && value == any(string(text)):
			u.In = -i - 1
		}
	}
	if u.In != 0 || value == nil {
		return nil
	}
	var err error
	if u.Value, err = strictjson.Append(nil, value); err != nil {
		return fmt.Errorf("a result is no JSON: %w", err)
	}
	return nil
}

func saveBlock(b *mcp.Block) savedBlock {
	s := savedBlock{
		Type: b.Type, Data: b.Data, MIMEType: b.MIMEType, URI: b.URI, Name: b.Name, Title: b.Title,
		Description: b.Description, Size: b.Size, Annotations: b.Annotations,
	}
	if b.Text != nil {
		text := string(b.Text)
		s.Text = &text
	}
	return s
}

// restore returns the result and its blocks.
func (u *unit) restore() (any, []mcp.Block, error) {
	blocks := make([]mcp.Block, len(u.Blocks))
	for i := range u.Blocks {
		s := &u.Blocks[i]
		blocks[i] = mcp.Block{
			Type: s.Type, Data: s.Data, MIMEType: s.MIMEType, URI: s.URI, Name: s.Name, Title: s.Title,
			Description: s.Description, Size: s.Size, Annotations: s.Annotations,
		}
		if s.Text != nil {
			blocks[i].Text = []byte(*s.Text)
		}
	}
	raw := []byte(u.Value)
	switch {
	case u.In > 0 && u.In <= len(blocks):
		raw = blocks[u.In-1].Text
	case u.In < 0 && u.In >= -len(blocks):
		return string(blocks[-u.In-1].Text), blocks, nil
	}
	if len(raw) == 0 {
		return nil, blocks, nil
	}
	value, err := strictjson.Decode(raw, stateDepth)
	if err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	return value, blocks, nil
}
