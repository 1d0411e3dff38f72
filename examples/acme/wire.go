package acme

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const mediaJSON = "application/json"

// encode renders one of the package's own values; they all have a JSON form.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("acme: a row without a JSON form: " + err.Error())
	}
	return b.Bytes()
}

func writeBody(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone; there is nobody to tell
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	writeBody(w, status, mediaJSON, encode(v))
}

// writeCreated answers 201 with the place of what was made.
func writeCreated(w http.ResponseWriter, location string, v any) {
	w.Header().Set("Location", location)
	writeJSON(w, http.StatusCreated, v)
}

// serveResource answers a single resource with its validators, and a
// conditional request (RFC 9110, section 13) with 304 where it can.
func serveResource(w http.ResponseWriter, r *http.Request, mediaType string, changed time.Time, body []byte) {
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", changed, bytes.NewReader(body))
}

// readJSON decodes a body strictly into dst and returns its bytes.
func readJSON(r *http.Request, dst any) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (mediaType != mediaJSON && mediaType != "application/merge-patch+json") {
		return nil, newProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", "The body must be application/json.")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, newProblem(http.StatusRequestEntityTooLarge, "too-large", "The body must not be larger than 1 MiB.")
		}
		return nil, newProblem(http.StatusBadRequest, "bad-body", "The body could not be read.")
	}
	return body, decodeJSON(body, dst)
}

func decodeJSON(body []byte, dst any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(dst)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		var c checks
		pointer := ""
		if wrongType.Field != "" {
			pointer = "/" + strings.ReplaceAll(wrongType.Field, ".", "/")
		}
		c.want(false, pointer, "must be of type "+jsonType(wrongType))
		return c.err()
	}
	if err != nil {
		detail := "The body is not valid JSON."
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			detail = "The body has the unknown field " + field + "."
		}
		return newProblem(http.StatusBadRequest, "bad-body", detail)
	}
	if _, err = dec.Token(); !errors.Is(err, io.EOF) {
		return newProblem(http.StatusBadRequest, "bad-body", "The body has something after its JSON value.")
	}
	return nil
}

// jsonType names what a field wants in JSON's words, not Go's.
func jsonType(err *json.UnmarshalTypeError) string {
	switch kind := err.Type.Kind().String(); {
	case strings.HasPrefix(kind, "int"):
		return "integer"
	case kind == "slice":
		return "array"
	case kind == "struct":
		return "object"
	default:
		return kind
	}
}
