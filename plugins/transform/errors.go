package transform

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const (
	// maxWait bounds the wait that an upstream can ask for.
	maxWait = time.Hour
	// maxRefusalBody bounds the body of a failure that is decoded.
	maxRefusalBody = 256 << 10
	// maxRefusalText bounds a failure's text, in characters.
	maxRefusalText = 4000
)

// refuse makes an error of a status that is no success: the manifest's text,
// or else one written for a model.
func (t *transform) refuse(call *plugins.Call, resp *plugins.Response) error {
	e := &plugins.Error{
		Kind: plugins.KindStatus, Status: resp.Status,
		RetryAfter: t.retryAfter(resp),
		Cause:      fmt.Errorf("the upstream answered with status %d (%s)", resp.Status, describe(resp)),
	}
	body := refusalBody(resp)
	text := t.refusalText(resp.Status)
	e.Message = defaultText(resp, e.RetryAfter)
	if fault := faultOf(body); fault != nil {
		body, e.Message = fault, faultText(fault)
		if own := t.refusal[keyFailed]; own != nil && t.refusal[strconv.Itoa(resp.Status)] == nil {
			text = own
		}
	}
	e.Message = t.bound(call, e.Message)
	if text != nil {
		t.write(e, text, call, resp, body)
	}
	return e
}

// refusalText finds the manifest's text: by status, by class, or the default.
func (t *transform) refusalText(status int) *expr.Text {
	for _, key := range [...]string{strconv.Itoa(status), strconv.Itoa(status/100) + "xx", "default"} {
		if text := t.refusal[key]; text != nil {
			return text
		}
	}
	return nil
}

// causeOf returns what the log should tell of an expression's failure.
func causeOf(err error) error {
	if inner, ok := err.(*expr.Error); ok && inner.Cause != nil { //nolint:errorlint // made unwrapped
		return inner.Cause
	}
	return err
}

// refusalBody decodes a failure's body; nil unless it is JSON or XML of a sane
// size.
func refusalBody(resp *plugins.Response) any {
	m := mediaOf(resp.ContentType)
	f := m.form()
	if len(resp.Body) > maxRefusalBody {
		return nil
	}
	body := trimSpace(resp.Body)
	if f == formXML || f == formAuto && len(body) > 0 && body[0] == '<' {
		r, err := readXML(&plugins.Response{Body: body, ContentType: resp.ContentType}, m)
		if err != nil {
			return nil
		}
		return r.value
	}
	if f != formJSON && f != formAuto && m.name != "text/plain" {
		return nil
	}
	value, err := strictjson.Decode(body, 0)
	if err != nil {
		return nil
	}
	return value
}

// retryAfter reads Retry-After: seconds or a date (RFC 9110, section 10.2.3).
func (t *transform) retryAfter(resp *plugins.Response) time.Duration {
	if resp.Status < 400 {
		return 0
	}
	return t.waitFor(resp)
}

// waitFor is the wait that an answer of any status asks for.
func (t *transform) waitFor(resp *plugins.Response) time.Duration {
	if resp.Header == nil {
		return 0
	}
	text := strings.TrimSpace(resp.Header("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxWait/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	wait := at.Sub(t.now())
	return min(max(wait, 0), maxWait).Round(time.Second)
}

// defaultText says what a status means for the one who called, and what to do.
func defaultText(resp *plugins.Response, wait time.Duration) string {
	status := resp.Status
	switch status {
	case 400, 422:
		return fmt.Sprintf("The service did not accept these arguments (%d).%s Correct them and call again.", status, said(resp))
	case 401, 403:
		return fmt.Sprintf("The service refused the gateway's credentials (%d); this can't be repaired by changing the arguments.", status)
	case 402:
		return "The service asks for a payment (402); this can't be repaired by changing the arguments."
	case 404:
		return fmt.Sprintf("The service found nothing under these arguments (404).%s Check them.", said(resp))
	case 405, 406, 415, 501, 505:
		return fmt.Sprintf("The service does not offer this operation (%d); the tool's definition needs a correction, not the arguments.", status)
	case 408, 504:
		return fmt.Sprintf("The service took too long (%d). %s", status, again(wait))
	case 409, 412:
		return fmt.Sprintf("The service refused this because of the present state of what it is about (%d).%s Look at that before another try.", status, said(resp))
	case 410:
		return "What these arguments name is gone for good (410)." + said(resp)
	case 413, 414, 431:
		return fmt.Sprintf("The arguments are too large for the service (%d). Send less.", status)
	case 423, 425:
		return fmt.Sprintf("The service can't do this right now (%d). %s", status, again(wait))
	case 428:
		return "The service wants a condition with this request (428)." + said(resp)
	case 429:
		return "The service is asked too often (429). " + again(wait)
	case 304:
		return "The service answered that nothing has changed (304), without content."
	}
	switch {
	case status < 400:
		return fmt.Sprintf("The service answered with a redirect (%d), which is not followed.", status)
	case status < 500:
		return fmt.Sprintf("The service refused the call (%d).", status)
	case status == 502 || status == 503:
		return fmt.Sprintf("The service is not available (%d). %s", status, again(wait))
	}
	return fmt.Sprintf("The service failed (%d). %s", status, again(wait))
}

// again says when to try again.
func again(wait time.Duration) string {
	if wait <= 0 {
		return "Try again later."
	}
	return fmt.Sprintf("Try again in %d s.", int64((wait+time.Second-1)/time.Second))
}
