package acme

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	defaultLimit = 20
	maxLimit     = 100
)

// list is what a listing asks for and how it is read.
type list struct {
	name        string // ties a cursor to its list
	newestFirst bool   // from the last row backwards
}

// page is the answer of a listing.
type page[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// paginate returns the page that the query asks for of the rows that keep
// wants. Rows are only ever added at the end, so the index of a row is a
// cursor that stays right while others write.
func paginate[T any](l list, rows []T, q url.Values, keep func(*T) bool) (page[T], error) {
	limit, err := intParam(q, "limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return page[T]{}, err
	}
	at, step := 0, 1
	if l.newestFirst {
		at, step = len(rows)-1, -1
	}
	if cursor := q.Get("cursor"); cursor != "" {
		if at, err = l.parseCursor(cursor, len(rows)); err != nil {
			return page[T]{}, err
		}
	}
	out := page[T]{Data: []T{}}
	for ; at >= 0 && at < len(rows); at += step {
		if !keep(&rows[at]) {
			continue
		}
		if len(out.Data) == limit {
			next := l.cursor(at)
			out.NextCursor = &next
			break
		}
		out.Data = append(out.Data, rows[at])
	}
	return out, nil
}

func (l list) cursor(at int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(l.name + ":" + strconv.Itoa(at)))
}

func (l list) parseCursor(cursor string, rows int) (int, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	name, number, _ := strings.Cut(string(raw), ":")
	at, atErr := strconv.Atoi(number)
	if err != nil || atErr != nil || name != l.name || at < 0 || at >= rows {
		return 0, badQuery("cursor must be a next_cursor of this list.")
	}
	return at, nil
}

// writePage answers with a page and the link to the next one (RFC 8288).
func writePage[T any](w http.ResponseWriter, r *http.Request, p page[T]) {
	if p.NextCursor != nil {
		q := r.URL.Query()
		q.Set("cursor", *p.NextCursor)
		w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+q.Encode()+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, p)
}

// intParam reads a whole number between least and most from the query.
func intParam(q url.Values, name string, fallback, least, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badQuery(name + " must be a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most) + ".")
	}
	return n, nil
}

// wordParam reads one of the given words from the query; empty means any.
func wordParam(q url.Values, name string, words ...string) (string, error) {
	got := q.Get(name)
	if got == "" || oneOf(got, words...) {
		return got, nil
	}
	return "", badQuery(name + " must be one of " + strings.Join(words, ", ") + ".")
}
