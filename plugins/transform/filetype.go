package transform

import (
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// File makes the content block of a file: text, if its name or its content say
// so.
func File(path string, content []byte) mcp.Block {
	m := media{name: fileType(path, content)}
	if utf8.Valid(content) && m.isText() {
		return mcp.Block{MIMEType: m.name, Text: content}
	}
	return mcp.Block{Type: mcp.ResourceBlock, MIMEType: m.name, Data: content}
}
