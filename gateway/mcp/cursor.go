package mcp

import (
	"encoding/base64"
	"unicode/utf8"
)

// cursorVersion is the first byte of a cursor: what it is made of may change.
const cursorVersion = 1

// maxCursor bounds a cursor in bytes.
const maxCursor = 16 << 10

// EncodeCursor makes the cursor of the page that begins after the item of that
// name or URI (2026-07-28, "Pagination"). It stays good when the list changes,
// and on every replica.
func EncodeCursor(after string) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion}, after...))
}

// DecodeCursor returns the name or URI that the page asked for begins after,
// and whether a cursor was sent. The empty cursor is a valid one, and means the
// start, as none does: then the name is empty.
func DecodeCursor(params Params) (string, bool, *Error) {
	raw := params.Get("cursor")
	if raw == nil {
		return "", false, nil
	}
	cursor, ok := text(raw)
	if !ok {
		return "", false, Rejected(CodeInvalidParams, "Invalid params: cursor must be a string")
	}
	if cursor == "" {
		return "", true, nil
	}
	if len(cursor) > maxCursor {
		return "", false, badCursor()
	}
	plain, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(plain) < 2 || plain[0] != cursorVersion || !utf8.Valid(plain) {
		return "", false, badCursor()
	}
	after := string(plain[1:])
	if EncodeCursor(after) != cursor { // the decoder skips line ends
		return "", false, badCursor()
	}
	return after, true, nil
}

func badCursor() *Error {
	return Rejected(CodeInvalidParams, "Invalid params: unknown cursor; list again from the start")
}
