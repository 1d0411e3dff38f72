package mcp

import "github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"

// Icon is a picture of something that is listed
// (2026-07-28, schema "Icon"). Icons
// are sent to all clients: those of revisions before 2025-11-25 ignore them.
type Icon struct {
	// Src is an https or data URI.
	Src string
	// MIMEType is empty if the server at Src tells it.
	MIMEType string
	// Sizes are sizes like 48x48, or any; none if every size will do.
	Sizes []string
	// Theme is light or dark, the background it is made for; empty for both.
	Theme string
}

// appendIcons appends the member that holds icons, if there are any.
func appendIcons(dst []byte, icons []Icon) []byte {
	if len(icons) == 0 {
		return dst
	}
	dst = append(dst, `,"icons":[`...)
	for i := range icons {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"src":`...)
		dst = strictjson.AppendString(dst, icons[i].Src)
		dst = appendMember(dst, "mimeType", icons[i].MIMEType)
		if len(icons[i].Sizes) > 0 {
			dst = append(dst, `,"sizes":`...)
			dst = appendStrings(dst, icons[i].Sizes)
		}
		dst = appendMember(dst, "theme", icons[i].Theme)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
