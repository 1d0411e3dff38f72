package mcp

import (
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// appendMember appends a string member, unless it is empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return strictjson.AppendString(dst, value)
}

// appendComma appends a comma if anything was written since start.
func appendComma(dst []byte, start int) []byte {
	if len(dst) > start {
		return append(dst, ',')
	}
	return dst
}

// appendRaw appends a member that is JSON already, unless it is nil.
func appendRaw(dst []byte, name string, value []byte) []byte {
	if value == nil {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return append(dst, value...)
}

// appendFlag appends a member that is true, or nothing.
func appendFlag(dst []byte, start int, name string, value bool) []byte {
	if !value {
		return dst
	}
	return appendHint(dst, start, name, &value)
}

// appendStrings appends a list of strings.
func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendString(dst, s)
	}
	return append(dst, ']')
}

// appendNumber appends a number in its shortest form, as ECMAScript writes it.
// What JSON has no number for becomes 0.
func appendNumber(dst []byte, f float64) []byte {
	if f-f != 0 { // an infinity, or not a number
		return append(dst, '0')
	}
	format := byte('f')
	if f != 0 && (f < 1e-6 && f > -1e-6 || f >= 1e21 || f <= -1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}
