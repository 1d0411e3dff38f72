package upstream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxBody bounds the body of a request with files: resources come in besides
// what the client sent.
const maxBody = 32 << 20

// file is the content of a part of a multipart body, or of a whole body.
type file struct {
	content   []byte
	mediaType string // empty if not known
	name      string // empty if not known
}

// fileForm says how a text stands for the content of a file.
type fileForm uint8

const (
	fileText   fileForm = iota // it is the content
	fileBase64                 // RFC 4648, section 4
	fileURI                    // a data URI (RFC 2397), or that of a resource of the gateway
)

// fileSchema is what a schema says of files.
type fileSchema struct {
	form      fileForm
	mediaType string
	// data is the form of the member `data`, for files that are objects.
	data fileForm
}

// readFileSchema reads the schema of an argument; other is the form of what
// the schema says nothing about. A list is one of files.
func readFileSchema(schema []byte, other fileForm) fileSchema {
	type node struct {
		Format           string `json:"format"`
		ContentEncoding  string `json:"contentEncoding"`
		ContentMediaType string `json:"contentMediaType"`
	}
	var s struct {
		node
		Items      *node `json:"items"`
		Properties struct {
			Data node `json:"data"`
		} `json:"properties"`
	}
	out := fileSchema{form: other, data: other}
	if json.Unmarshal(schema, &s) != nil {
		return out // more than one type or the like: nothing is said
	}
	formOf := func(n *node) fileForm {
		switch {
		case strings.EqualFold(n.ContentEncoding, "base64"):
			return fileBase64
		case n.Format == "uri":
			return fileURI
		}
		return other
	}
	one := &s.node
	if s.Items != nil {
		one = s.Items
	}
	out.form, out.data = formOf(one), formOf(&s.Properties.Data)
	for _, n := range []*node{one, &s.Properties.Data} {
		if out.mediaType == "" && isMediaType(n.ContentMediaType) {
			out.mediaType = n.ContentMediaType
		}
	}
	return out
}

// isMediaType reports whether s is a media type that a header can hold.
func isMediaType(s string) bool {
	name, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Count(name, "/") == 1 && isHeaderValue(s)
}

// reader returns what reads resources for a call.
func (op *operation) reader(ctx context.Context, call *plugins.Call) func(uri string) (*file, error) {
	return func(uri string) (*file, error) {
		if op.upstream.read == nil {
			return nil, errNoResource
		}
		content, mediaType, name, err := op.upstream.read(ctx, call, uri)
		if err != nil {
			return nil, err
		}
		return &file{content, mediaType, name}, nil
	}
}

var errNoResource = errors.New("there is no such resource")

// file returns the content that a value stands for: a text, or an object with
// `data` or `uri`, and perhaps `name` and `mime_type`.
func (b *builder) file(s *slot, schema *fileSchema, v any) (*file, error) {
	object, isObject := v.(map[string]any)
	if !isObject {
		text, err := scalar(v)
		if err != nil {
			return nil, s.refuse("a file is a text, or an object with `data`")
		}
		return b.fileOf(s, schema.form, text)
	}
	var texts [4]string
	for name, member := range object {
		at := map[string]int{"data": 0, "uri": 1, "name": 2, "mime_type": 3}
		i, known := at[name]
		text, isText := member.(string)
		if !known || !isText && member != nil {
			return nil, s.refuse("a file is an object with the texts `data` or `uri`, `name` and `mime_type`")
		}
		texts[i] = text
	}
	form, text := schema.data, texts[0]
	if _, given := object["data"]; !given {
		form, text = fileURI, texts[1]
	}
	f, err := b.fileOf(s, form, text)
	if err != nil {
		return nil, err
	}
	if texts[2] != "" {
		if !isFilename(texts[2]) {
			return nil, s.refuse("its name is not the name of a file")
		}
		f.name = texts[2]
	}
	if texts[3] != "" {
		if !isMediaType(texts[3]) {
			return nil, s.refuse("its mime_type is not a media type")
		}
		f.mediaType = texts[3]
	}
	return f, nil
}

func (b *builder) fileOf(s *slot, form fileForm, text string) (*file, error) {
	switch form {
	case fileBase64:
		content, ok := decodeBase64(text)
		if !ok {
			return nil, s.refuse("it is not base64")
		}
		return &file{content: content}, nil
	case fileURI:
		if len(text) > 5 && strings.EqualFold(text[:5], "data:") {
			f, ok := decodeDataURI(text[5:])
			if !ok {
				return nil, s.refuse("it is not a data URI that can be read")
			}
			return f, nil
		}
		return b.resource(s, text)
	case fileText:
	}
	return &file{content: []byte(text)}, nil
}

// resource reads a resource of the gateway with the caller's rights.
func (b *builder) resource(s *slot, uri string) (*file, error) {
	if b.masked {
		return &file{content: fmt.Appendf(nil, "[content of %s]", uri)}, nil
	}
	if b.load == nil {
		return nil, s.refuse("there is no such resource")
	}
	f, err := b.load(uri)
	if err == nil {
		if !isMediaType(f.mediaType) {
			f.mediaType = ""
		}
		if !isFilename(f.name) {
			f.name = ""
		}
		return f, nil
	}
	var failed *plugins.Error
	if errors.As(err, &failed) && failed.Kind != plugins.KindDenied && failed.Kind != plugins.KindInvalid && failed.Kind != plugins.KindScope {
		return nil, err
	}
	refused := s.refuse("there is no such resource")
	refused.Cause = err
	return nil, refused
}

// decodeBase64 reads base64 with or without padding, line breaks passed over.
func decodeBase64(text string) ([]byte, bool) {
	text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
	encoding := base64.StdEncoding
	if !strings.HasSuffix(text, "=") {
		encoding = base64.RawStdEncoding
	}
	content, err := encoding.DecodeString(text)
	return content, err == nil
}

// decodeDataURI reads what stands behind "data:" (RFC 2397).
func decodeDataURI(rest string) (*file, bool) {
	head, data, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, false
	}
	plain, err := url.PathUnescape(data)
	if err != nil {
		return nil, false
	}
	f := &file{content: []byte(plain)}
	if n := len(head) - len(";base64"); n >= 0 && strings.EqualFold(head[n:], ";base64") {
		head = head[:n]
		if f.content, ok = decodeBase64(plain); !ok {
			return nil, false
		}
	}
	if isMediaType(head) {
		f.mediaType = head
	}
	return f, true
}

// isFilename reports whether a text is the name of a file, and nothing that a
// service could take for a path.
func isFilename(s string) bool {
	for _, c := range s {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '/' || c == '\\' || c == 0x2028 || c == 0x2029 {
			return false
		}
	}
	return s != "" && s != "." && s != ".." && len(s) <= 255 && utf8.ValidString(s)
}

// legible returns content as an outline shows it.
func (b *builder) legible(content []byte) []byte {
	if !b.masked || utf8.Valid(content) {
		return content
	}
	return fmt.Appendf(nil, "[%d bytes]", len(content))
}

// checkSize refuses a body that has become too large.
func (b *builder) checkSize(more int) error {
	if len(b.body)+more <= maxBody {
		return nil
	}
	return &plugins.Error{Kind: plugins.KindInvalid, Message: fmt.Sprintf("The request would be larger than %d MiB. Nothing was sent. Send less at once.", maxBody>>20)}
}
