package transform

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// block is a content block of the manifest, compiled.
type block struct {
	// made has what needs no evaluation: type, annotations, and the bytes of
	// a file.
	made mcp.Block
	// step and load name whose blocks stand here; empty for a block of its own.
	step, load string
	// The texts are nil where there is nothing to render.
	text, data, mimeType, uri, name, title, description *expr.Text
}

// content compiles blocks.
func (b *builder) content(all []BlockSettings, path ...string) []block {
	var out []block
	for i := range all {
		if c, ok := b.block(&all[i], append(path[:len(path):len(path)], strconv.Itoa(i))...); ok {
			out = append(out, c)
		}
	}
	return out
}

// block compiles one block.
func (b *builder) block(s *BlockSettings, path ...string) (block, bool) {
	kinds := 0
	for _, there := range []bool{s.Text != nil, s.Image != nil, s.Audio != nil, s.Resource != nil, s.Link != nil, s.Step != "", s.Load != ""} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		b.wrong("want exactly one of text, image, audio, resource, link, step, load", "", path...)
		return block{}, false
	}
	var c block
	below := func(key string) []string { return append(path[:len(path):len(path)], key) }
	switch {
	case s.Text != nil:
		c.made.MIMEType = typeText
		c.text = b.text(*s.Text, below("text")...)
	case s.Step != "":
		c.step = s.Step
		b.known(s.Step, "step", b.env.Steps, below("step")...)
	case s.Load != "":
		c.load = s.Load
		b.known(s.Load, "load", b.env.Loads, below("load")...)
	case s.Image != nil:
		c = b.mediaBlock(s.Image, mcp.ImageBlock, below("image")...)
	case s.Audio != nil:
		c = b.mediaBlock(s.Audio, mcp.AudioBlock, below("audio")...)
	case s.Resource != nil:
		c = b.resourceBlock(s.Resource, below("resource")...)
	default:
		c = b.linkBlock(s.Link, below("link")...)
	}
	if a := s.Annotations; a != nil {
		c.made.Annotations = &mcp.Annotations{Audience: a.Audience, Priority: a.Priority}
		if a.Priority != nil && (*a.Priority < 0 || *a.Priority > 1) {
			b.wrong("want a number from 0 to 1", "", append(below("annotations"), "priority")...)
		}
	}
	return c, true
}

// known checks the name of a step, or of what is loaded.
func (b *builder) known(name, kind string, declared []string, path ...string) {
	switch {
	case slices.Contains(declared, name):
	case len(declared) == 0 && kind == "step":
		b.wrong("there are no steps here", "", path...)
	case len(declared) == 0:
		b.wrong("nothing is loaded here", "load goes with messages of a prompt", path...)
	default:
		hint := "declared: " + strings.Join(declared[:min(len(declared), 8)], ", ")
		if near := expr.Suggest(name, declared); near != "" {
			hint = `did you mean "` + near + `"?`
		}
		b.wrong("there is no "+kind+" \""+name+"\"", hint, path...)
	}
}

func (b *builder) mediaBlock(s *MediaSettings, kind mcp.BlockType, path ...string) block {
	c := block{made: mcp.Block{Type: kind}}
	below := func(key string) []string { return append(path[:len(path):len(path)], key) }
	if (s.File == "") == (s.Data == "") {
		b.wrong("want either file or data", "", path...)
		return c
	}
	c.mimeType = b.mime(s.MIMEType, below("mime_type")...)
	prefix := "image/"
	if kind == mcp.AudioBlock {
		prefix = "audio/"
	}
	if s.Data != "" {
		c.data = b.base64(s.Data, below("data")...)
		return c
	}
	c.made.Data = b.file(s.File, below("file")...)
	c.made.MIMEType = fileType(s.File, c.made.Data)
	if c.mimeType == nil && c.made.Data != nil && !strings.HasPrefix(c.made.MIMEType, prefix) {
		b.wrong("the file's media type is unknown", "write its mime_type, e.g. "+prefix+"…", path...)
	}
	return c
}

func (b *builder) resourceBlock(s *ResourceSettings, path ...string) block {
	c := block{made: mcp.Block{Type: mcp.ResourceBlock}}
	below := func(key string) []string { return append(path[:len(path):len(path)], key) }
	c.uri = b.uri(s.URI, below("uri")...)
	c.mimeType = b.mime(s.MIMEType, below("mime_type")...)
	kinds := 0
	for _, there := range []bool{s.Text != nil, s.Blob != "", s.File != ""} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		b.wrong("want exactly one of text, blob, file", "", path...)
	case s.Text != nil:
		c.text = b.text(*s.Text, below("text")...)
	case s.Blob != "":
		c.data = b.base64(s.Blob, below("blob")...)
	default:
		data := b.file(s.File, below("file")...)
		c.made.MIMEType = fileType(s.File, data)
		m := media{name: c.made.MIMEType}
		if s.MIMEType != "" {
			m = mediaOf(s.MIMEType)
		}
		if m.isText() && utf8.Valid(data) {
			c.made.Text = data
		} else {
			c.made.Data = data
		}
	}
	return c
}

func (b *builder) linkBlock(s *LinkSettings, path ...string) block {
	below := func(key string) []string { return append(path[:len(path):len(path)], key) }
	c := block{made: mcp.Block{Type: mcp.LinkBlock, Size: s.Size}}
	c.uri = b.uri(s.URI, below("uri")...)
	c.name = b.text(s.Name, below("name")...)
	if s.Title != "" {
		c.title = b.text(s.Title, below("title")...)
	}
	if s.Description != "" {
		c.description = b.text(s.Description, below("description")...)
	}
	c.mimeType = b.mime(s.MIMEType, below("mime_type")...)
	return c
}

// mime compiles a media type; nil if there is none.
func (b *builder) mime(text string, path ...string) *expr.Text {
	if text == "" {
		return nil
	}
	t := b.text(text, path...)
	if t == nil {
		return nil
	}
	if literal, ok := t.Literal(); ok && mediaOf(literal).name == "" {
		b.wrong("want a media type such as image/png", "", path...)
	}
	return t
}

// base64 compiles data that is written in base64.
func (b *builder) base64(text string, path ...string) *expr.Text {
	t := b.text(text, path...)
	if t == nil {
		return nil
	}
	if literal, ok := t.Literal(); ok {
		if _, err := decodeBase64(literal); err != nil {
			b.wrong("this is not base64", "write a hole such as ${{ .png }}, or file: PATH", path...)
		}
	}
	return t
}

// render makes the manifest's blocks.
func render(blocks []block, run *plugins.Run, v *expr.Values) ([]mcp.Block, error) {
	all := make([]mcp.Block, 0, len(blocks))
	for i := range blocks {
		c := &blocks[i]
		if c.step != "" || c.load != "" {
			all = append(all, c.borrow(run)...)
			continue
		}
		one, err := c.render(v)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// borrow returns the blocks of a step, or of what was loaded; none if that is
// null.
func (c *block) borrow(run *plugins.Run) []mcp.Block {
	if run == nil {
		return nil
	}
	all := run.StepBlocks[c.step]
	if c.load != "" {
		all = run.LoadBlocks[c.load]
	}
	if c.made.Annotations == nil {
		return all
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].Annotations = c.made.Annotations
	}
	return all
}

func (c *block) render(v *expr.Values) (mcp.Block, error) {
	out := c.made
	if c.text != nil {
		text, err := renderText(c.text, v)
		if err != nil {
			return out, err
		}
		if out.Text = clean(text); out.Text == nil {
			out.Text = []byte{}
		}
	}
	if c.uri != nil {
		uri, err := renderURI(c.uri, v)
		if err != nil {
			return out, err
		}
		out.URI = uri
	}
	if c.data != nil {
		if err := c.renderData(&out, v); err != nil {
			return out, err
		}
	}
	for _, field := range []struct {
		text *expr.Text
		to   *string
	}{{c.name, &out.Name}, {c.title, &out.Title}, {c.description, &out.Description}, {c.mimeType, &out.MIMEType}} {
		if field.text == nil {
			continue
		}
		text, err := renderText(field.text, v)
		if err != nil {
			return out, err
		}
		*field.to = string(clean(text))
	}
	return out, checkBlock(&out, c.mimeType != nil)
}

// renderData decodes a block's base64.
func (c *block) renderData(out *mcp.Block, v *expr.Values) error {
	text, err := renderText(c.data, v)
	if err != nil {
		return err
	}
	data, err := decodeBase64(string(text))
	if err != nil {
		return &expr.Error{Message: "The service's answer does not hold the data that was expected.", Cause: err}
	}
	out.Data = data
	if c.mimeType == nil {
		out.MIMEType = fileType("", data)
	}
	return nil
}

// checkBlock refuses a block that a client could not take.
func checkBlock(out *mcp.Block, rendered bool) error {
	if rendered {
		if out.MIMEType = mediaOf(out.MIMEType).name; out.MIMEType == "" {
			return &expr.Error{Message: "The tool's answer has no usable media type.", Cause: errors.New("mime_type is no media type")}
		}
	}
	prefix := ""
	switch out.Type {
	case mcp.ImageBlock:
		prefix = "image/"
	case mcp.AudioBlock:
		prefix = "audio/"
	}
	if !strings.HasPrefix(out.MIMEType, prefix) {
		return &expr.Error{Message: "The service's answer does not hold the data that was expected.", Cause: errors.New("the data is no " + strings.TrimSuffix(prefix, "/"))}
	}
	return nil
}

// decodeBase64 decodes the usual kinds of base64 (RFC 4648): with and without
// padding, of both alphabets, in lines, and in a data URI.
func decodeBase64(text string) ([]byte, error) {
	if strings.HasPrefix(text, "data:") {
		_, after, ok := strings.Cut(text, ";base64,")
		if !ok {
			return nil, errors.New("want a data URI in base64")
		}
		text = after
	}
	text = strings.NewReplacer("\n", "", "\r", "", " ", "", "-", "+", "_", "/").Replace(text)
	if text = strings.TrimRight(text, "="); text == "" {
		return nil, errors.New("there is no data")
	}
	return base64.RawStdEncoding.DecodeString(text)
}
