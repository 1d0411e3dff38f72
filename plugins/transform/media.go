package transform

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const binaryType = "application/octet-stream"

// readMedia answers an image or a sound. The bytes say what it is where they
// can, for models refuse an image whose type is wrong; but the manifest wins.
func (t *transform) readMedia(call *plugins.Call, resp *plugins.Response, as form, m media) (*reading, error) {
	wanted, prefix, kind := "an image", "image/", mcp.ImageBlock
	if as == formAudio {
		wanted, prefix, kind = "audio", "audio/", mcp.AudioBlock
	}
	if m.name == "image/svg+xml" {
		return t.readBlob(call, resp, m)
	}
	found, name := look(resp.Body), m.name
	switch {
	case t.media.name != "" && strings.HasPrefix(name, prefix) && !strings.HasPrefix(found, "text/"):
		// as the manifest says
	case strings.HasPrefix(found, prefix):
		name = found
	case !strings.HasPrefix(name, prefix), strings.HasPrefix(found, "text/"), isTelling(name):
		return nil, unreadable(resp, wanted, nil)
	}
	return &reading{media: &mcp.Block{Type: kind, Data: resp.Body, MIMEType: name}}, nil
}

// look tells the media type of bytes by their looks, in the name that clients
// know best.
func look(data []byte) string {
	switch found := mediaOf(http.DetectContentType(data)).name; found {
	case "audio/wave":
		return "audio/wav"
	case "application/ogg":
		return "audio/ogg"
	default:
		return found
	}
}

// isTelling reports whether an image of the type is always known by its bytes.
func isTelling(name string) bool {
	switch name {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp":
		return true
	}
	return false
}

// readBlob embeds the body as a resource.
func (t *transform) readBlob(call *plugins.Call, resp *plugins.Response, m media) (*reading, error) {
	uri, err := t.address(call, resp, m)
	if err != nil {
		return nil, err
	}
	block := &mcp.Block{Type: mcp.ResourceBlock, URI: uri, MIMEType: m.name}
	if m.name != "" && m.isText() && !isBinary(resp.Body, m.charset) {
		block.Text = decodeText(resp.Body, m.charset)
		if m.form() != formJSON {
			block.Text = clean(block.Text)
		}
	} else {
		block.Data = resp.Body
		if m.name == "" {
			block.MIMEType = binaryType
		}
	}
	return &reading{media: block}, nil
}

// readLink answers a link to what the upstream sent, and not that itself.
func (t *transform) readLink(call *plugins.Call, resp *plugins.Response, m media) (*reading, error) {
	uri, err := t.address(call, resp, m)
	if err != nil {
		return nil, err
	}
	return &reading{media: &mcp.Block{
		Type: mcp.LinkBlock, URI: uri, Name: t.name, MIMEType: m.name, Size: int64(len(resp.Body)),
	}}, nil
}

// address renders the setting uri. Its holes see the body if that is JSON.
func (t *transform) address(call *plugins.Call, resp *plugins.Response, m media) (string, error) {
	v := valuesOf(call, resp)
	if _, literal := t.uri.Literal(); !literal && m.form() == formJSON {
		r, err := readJSON(resp, m)
		if err != nil {
			return "", err
		}
		v.Body = r.value
	}
	return renderURI(t.uri, v)
}

// renderURI renders a URI with holes. Characters that a URI can't have are
// percent-encoded (RFC 3986, section 2).
func renderURI(text *expr.Text, v *expr.Values) (string, error) {
	out, err := renderText(text, v)
	if err != nil {
		return "", err
	}
	uri := escapeURI(string(out))
	if err := checkURI(uri); err != nil {
		return "", &expr.Error{Message: "The tool's answer has no usable URI.", Cause: err}
	}
	return uri, nil
}

// uri compiles a URI with holes.
func (b *builder) uri(text string, path ...string) *expr.Text {
	t := b.text(text, path...)
	if t == nil {
		return nil
	}
	if literal, ok := t.Literal(); ok {
		if err := checkURI(escapeURI(literal)); err != nil {
			b.wrong(err.Error(), "write e.g. crm://orders/1", path...)
		}
	}
	return t
}

// maxURI bounds a URI, in bytes.
const maxURI = 8 << 10

// checkURI refuses what is no absolute URI, and schemes by which a client that
// opens it would run or read something of its own.
func checkURI(uri string) error {
	if len(uri) > maxURI {
		return fmt.Errorf("the URI is longer than %d bytes", maxURI)
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return errors.New("want an absolute URI")
	}
	switch u.Scheme {
	case "javascript", "vbscript", "data", "file":
		return fmt.Errorf("a URI of the scheme %s is not allowed", u.Scheme)
	}
	return nil
}

// escapeURI percent-encodes the bytes that no URI has.
func escapeURI(s string) string {
	const hex = "0123456789ABCDEF"
	var out []byte
	for i := range len(s) {
		c := s[i]
		if c > ' ' && c < 0x7f && !strings.ContainsRune("\"<>\\^`{|}", rune(c)) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}
