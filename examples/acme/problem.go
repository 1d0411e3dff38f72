package acme

import "net/http"

const problemBase = "https://acme.example/problems/"

// problem is an error answer (RFC 9457).
type problem struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail"`
	Instance string       `json:"instance,omitempty"`
	Errors   []fieldError `json:"errors,omitempty"`
}

// fieldError is one wrong field of a request body.
type fieldError struct {
	Detail  string `json:"detail"`
	Pointer string `json:"pointer"` // JSON Pointer as a URI fragment (RFC 6901, section 6)
}

func (p *problem) Error() string { return p.Detail }

func newProblem(status int, kind, detail string) *problem {
	return &problem{Type: problemBase + kind, Title: http.StatusText(status), Status: status, Detail: detail}
}

func notFound(what, id string) *problem {
	return newProblem(http.StatusNotFound, "not-found", "There is no "+what+" "+id+".")
}

func badQuery(detail string) *problem {
	return newProblem(http.StatusBadRequest, "bad-query", detail)
}

// checks collects what is wrong in a body, so that a client hears it at once.
type checks []fieldError

func (c *checks) want(ok bool, pointer, detail string) {
	if !ok {
		*c = append(*c, fieldError{Detail: detail, Pointer: "#" + pointer})
	}
}

// err returns nil when every check held.
func (c checks) err() error {
	if len(c) == 0 {
		return nil
	}
	p := newProblem(http.StatusUnprocessableEntity, "invalid", "The request has invalid fields.")
	p.Errors = c
	return p
}

func writeProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	out := *p
	out.Instance = r.URL.EscapedPath()
	writeBody(w, out.Status, "application/problem+json", encode(out))
}
