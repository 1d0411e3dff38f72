// Package rehearse holds what examples are made of: canned answers and which of
// them is meant, comparing what was expected with what came, values made from a
// schema, the shapes of answers, and examples recorded from real traffic with
// secrets removed. Values are as strictjson.Decode yields them.
package rehearse

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Fault is why no answer comes.
type Fault string

// The faults.
const (
	Connect Fault = "connect"
	Timeout Fault = "timeout"
)

// Answer is what a service answers to one request.
type Answer struct {
	// Args are members that the arguments of a call must have for this answer;
	// nil for any call.
	Args   map[string]any
	Status int
	// Header holds response headers by their canonical names.
	Header map[string]string
	Body   []byte
	Delay  time.Duration
	// Fault is empty if an answer comes.
	Fault Fault
}

// Response is the answer as an upstream gives it.
func (a *Answer) Response() *plugins.Response {
	return &plugins.Response{
		Status: a.Status, ContentType: a.Header["Content-Type"], Body: a.Body,
		Header: func(name string) string { return a.Header[http.CanonicalHeaderKey(name)] },
	}
}

// Fine reports whether the answer is one of success.
func (a *Answer) Fine() bool { return a.Fault == "" && a.Status >= 200 && a.Status < 300 }

// NewHeader makes the headers of an answer: of those written, and the media
// type of its body if none is.
func NewHeader(written map[string]string, mediaType string) map[string]string {
	header := make(map[string]string, len(written)+1)
	for name, value := range written {
		header[http.CanonicalHeaderKey(name)] = value
	}
	if _, own := header["Content-Type"]; !own && mediaType != "" {
		header["Content-Type"] = mediaType
	}
	return header
}

// MediaType guesses the media type of a body that is none of JSON.
func MediaType(name string, body []byte) string {
	for suffix, mediaType := range map[string]string{
		".json": "application/json", ".xml": "application/xml", ".csv": "text/csv", ".html": "text/html",
		".htm": "text/html", ".txt": "text/plain; charset=utf-8",
	} {
		if strings.HasSuffix(strings.ToLower(name), suffix) {
			return mediaType
		}
	}
	if len(body) == 0 {
		return ""
	}
	return http.DetectContentType(body)
}

// Unreached is the failure of an answer that doesn't come, in the words of an
// HTTP upstream.
func Unreached(fault Fault, repeatable bool) *plugins.Error {
	if fault == Connect {
		return &plugins.Error{Kind: plugins.KindConnect, Message: "The service behind it can't be reached. Nothing was sent. Try again later."}
	}
	message := "The service behind it did not answer in time, and the call was stopped. "
	if repeatable {
		message += "It is safe to call it again."
	} else {
		message += "It may have taken effect nevertheless: check before you call it again."
	}
	return &plugins.Error{Kind: plugins.KindTimeout, Message: message}
}

// Case is an example as the answer to calls.
type Case struct {
	// Args are the example's arguments after validation.
	Args    map[string]any
	Answers []Answer
}

// Match finds the case that fits arguments best: one with equal arguments; else
// the one of whose arguments most are among them, and none differs; else one
// with the same required arguments; else, if lenient, the first that ends
// well. It is nil if there is none.
func Match(cases []Case, args map[string]any, required []string, lenient bool) *Case {
	var within, needed *Case
	for i := range cases {
		c := &cases[i]
		switch {
		case len(c.Answers) == 0:
		case len(c.Args) == len(args) && Includes(args, c.Args):
			return c
		case Includes(args, c.Args):
			if within == nil || len(c.Args) > len(within.Args) {
				within = c
			}
		case needed == nil && len(required) > 0 && sameMembers(args, c.Args, required):
			needed = c
		}
	}
	switch {
	case within != nil && (len(within.Args) > 0 || len(required) == 0):
		return within
	case needed != nil:
		return needed
	case lenient:
		return firstFine(cases)
	}
	return nil
}

// firstFine is the first case that ends well; nil if there is none.
func firstFine(cases []Case) *Case {
	for i := range cases {
		if answers := cases[i].Answers; len(answers) > 0 && answers[len(answers)-1].Fine() {
			return &cases[i]
		}
	}
	return nil
}

// Pick takes the answer to a call out of several: the first whose arguments are
// among the call's, or the one at the index of those without arguments, the
// last of them over and over. It is nil if there is none.
func Pick(answers []Answer, args map[string]any, index int) *Answer {
	var free []*Answer
	for i := range answers {
		a := &answers[i]
		if a.Args == nil {
			free = append(free, a)
		} else if Includes(args, a.Args) {
			return a
		}
	}
	if len(free) == 0 {
		return nil
	}
	return free[min(index, len(free)-1)]
}

// Includes reports whether all members of some are members of all, and equal.
func Includes(all, some map[string]any) bool {
	for name, value := range some {
		other, ok := all[name]
		if !ok || !Equal(other, value) {
			return false
		}
	}
	return true
}

// sameMembers reports whether two objects agree on the members of these names.
func sameMembers(x, y map[string]any, names []string) bool {
	for _, name := range names {
		a, inX := x[name]
		b, inY := y[name]
		if inX != inY || !Equal(a, b) {
			return false
		}
	}
	return true
}

// Defaults are the defaults of declared arguments.
func Defaults(arguments []plugins.Argument) map[string]any {
	defaults := make(map[string]any)
	for i := range arguments {
		property, err := strictjson.Decode(arguments[i].Schema, 0)
		if err != nil {
			continue // told when the tool is built
		}
		keywords, _ := property.(map[string]any)
		if value, ok := keywords["default"]; ok {
			defaults[arguments[i].Name] = value
		}
	}
	return defaults
}

// Filled is the object with the defaults of what is absent.
func Filled(args, defaults map[string]any) map[string]any {
	filled := maps.Clone(defaults)
	maps.Copy(filled, args)
	return filled
}
