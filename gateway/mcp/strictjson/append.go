package strictjson

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// maxAppendDepth bounds what Append nests. It is above what Decode lets in by
// default, because shaping an answer may add levels.
const maxAppendDepth = 1000

// AppendString appends s as a JSON string. Only what must be escaped is:
// quote, backslash and control characters. Invalid UTF-8 becomes U+FFFD, one
// for each byte; everything else stays as it is.
func AppendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	// A string's two words are the first two of a byte slice, so either can
	// be read as a string; it does not outlive the call.
	return appendString(dst, *(*string)(unsafe.Pointer(&s))) //nolint:gosec // see above
}

func appendString(dst []byte, s string) []byte {
	data := unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // only read
	dst = append(slices.Grow(dst, len(data)+len(data)/8+wordRoom), '"')
	i := 0
	for i+8 <= len(data) {
		if cap(dst)-len(dst) < wordRoom {
			dst = slices.Grow(dst, 2*(len(data)-i)+wordRoom)
		}
		// All eight bytes are written, and as many of them are kept as need
		// no escape: between the quotes of JSON in a string, that beats copies
		// of short runs.
		at := len(dst)
		word := binary.LittleEndian.Uint64(data[i:])
		binary.LittleEndian.PutUint64(dst[at:at+8], word)
		m := special(word)
		if m == 0 {
			dst = dst[:at+8]
			i += 8
			continue
		}
		plain := bits.TrailingZeros64(m) >> 3
		dst = dst[:at+plain]
		i += plain
		if c := data[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
			i++
			continue
		}
		dst, i = appendOne(dst, data, i)
	}
	for i < len(data) {
		dst, i = appendOne(dst, data, i)
	}
	return append(dst, '"')
}

// wordRoom is the room in dst for a word, an escape, and the closing quote.
const wordRoom = 24

// appendOne appends the character at i, escaped if it must be, and returns
// where the next one is.
func appendOne(dst, data []byte, i int) ([]byte, int) {
	c := data[i]
	switch {
	case c >= utf8.RuneSelf:
		if n := runeLen(data[i:]); n > 0 {
			return append(dst, data[i:i+n]...), i + n
		}
	case c >= ' ' && c != '"' && c != '\\':
		return append(dst, c), i + 1
	}
	return appendEscaped(dst, c), i + 1
}

// appendEscaped appends a byte that cannot stand in a string as it is.
func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c >= utf8.RuneSelf {
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// Append appends v as JSON text: nil, bool, string, int, int64, float64,
// *big.Int, json.Number, json.RawMessage, []any and map[string]any (names
// sorted). Numbers and raw text are checked; NaN, infinities, other types and
// nesting beyond 1000 levels are errors, and then dst's length is unchanged.
func Append(dst []byte, v any) ([]byte, error) {
	out, err := appendValue(dst, v, maxAppendDepth)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendString(dst, v), nil
	case json.Number:
		return appendNumber(dst, string(v))
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v)
	case *big.Int:
		if v == nil {
			return nil, errors.New("cannot encode a nil big integer as JSON")
		}
		return v.Append(dst, 10), nil
	case json.RawMessage:
		if v == nil {
			return append(dst, "null"...), nil
		}
		if err := Valid(v, depth); err != nil {
			return nil, fmt.Errorf("cannot encode raw text: %w", err)
		}
		return append(dst, v...), nil
	case []any:
		return appendArray(dst, v, depth)
	case map[string]any:
		return appendObject(dst, v, depth)
	default:
		return nil, fmt.Errorf("cannot encode a %T as JSON", v)
	}
}

var errDepth = errors.New("cannot encode as JSON: " + msgDepth)

func appendArray(dst []byte, list []any, depth int) ([]byte, error) {
	if depth <= 0 {
		return nil, errDepth
	}
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, v, depth-1); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, object map[string]any, depth int) ([]byte, error) {
	if depth <= 0 {
		return nil, errDepth
	}
	var room [16]string
	names := room[:0]
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, name), ':')
		var err error
		if dst, err = appendValue(dst, object[name], depth-1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendNumber appends the digits as they are, after a look at them.
func appendNumber(dst []byte, text string) ([]byte, error) {
	s := scanner{data: unsafe.Slice(unsafe.StringData(text), len(text))} //nolint:gosec // only read
	if text == "" || text[0] != '-' && text[0]-'0' > 9 || s.number(0) != len(text) {
		return nil, errors.New("cannot encode as JSON: not a number")
	}
	return append(dst, text...), nil
}

// appendFloat writes a float as ECMAScript does (and encoding/json).
func appendFloat(dst []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("cannot encode as JSON: not a finite number")
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	// e-09 becomes e-9.
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst, nil
}
