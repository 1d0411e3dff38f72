package transform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const (
	// leastLook and mostLook bound the time between two looks after a job.
	leastLook, mostLook = 200 * time.Millisecond, time.Minute
	// defaultLook and defaultJob are the defaults of every and timeout.
	defaultLook, defaultJob = 2 * time.Second, 10 * time.Minute
	// maxMisses is how many looks may fail one after the other.
	maxMisses = 3
	// maxJobValue bounds what is kept of a job for a placeholder, in bytes.
	maxJobValue = 2048
	// argLocation is the argument of a request that follows a Location.
	argLocation = "location"
)

// The requests of a poll, in the order of PollRequests.
const (
	requestStatus = iota
	requestResult
)

// poll is how a job is waited for, compiled.
type poll struct {
	requests      []plugins.PollRequest
	until, failed *expr.Query
	every         time.Duration
	timeout       time.Duration
}

// job is the state of a call that waits for a job.
type job struct {
	Version int `json:"v"`
	// Started is when the upstream accepted it, in milliseconds since 1970.
	Started int64 `json:"s"`
	// Values are what placeholders stand for.
	Values map[string]any `json:"a,omitempty"`
	// Misses are the looks that failed, one after the other.
	Misses int `json:"e,omitempty"`
}

// jobVersion is that of a job's form.
const jobVersion = 1

// sending sends one of the requests of a poll.
type sending = func(ctx context.Context, request int, args map[string]any) (*plugins.Response, error)

// poll compiles the settings.
func (b *builder) poll(s *PollSettings) {
	if s == nil {
		return
	}
	p := &poll{every: s.Every, timeout: s.Timeout}
	if p.every == 0 {
		p.every = defaultLook
	}
	if p.timeout == 0 {
		p.timeout = defaultJob
	}
	if p.every < leastLook || p.every > mostLook {
		b.wrong("want 200ms to 60s", "", "poll", "every")
	}
	if p.timeout < time.Second {
		b.wrong("want at least 1s", "", "poll", "timeout")
	}
	if s.Status == "" {
		p.requests = append(p.requests, plugins.PollRequest{Names: []string{argLocation}, Path: []string{"poll"}})
	} else {
		p.requests = append(p.requests, b.pollRequest(s.Status, "poll", "status"))
	}
	if s.Result != "" {
		p.requests = append(p.requests, b.pollRequest(s.Result, "poll", "result"))
	}
	if s.Until != "" {
		p.until = b.query(s.Until, "poll", "until")
	}
	if s.Failed != "" {
		p.failed = b.query(s.Failed, "poll", "failed")
	}
	if b.env.Upstream == "" {
		b.wrong("there is no upstream whose jobs could be waited for", "give the tool a request, or take poll away", "poll")
	}
	b.t.poll = p
}

// pollRequest reads a request in its short form, as far as to know its
// placeholders: the rest is the upstream's business.
func (b *builder) pollRequest(text string, path ...string) plugins.PollRequest {
	r := plugins.PollRequest{Request: text, Path: path}
	method, rest, ok := strings.Cut(text, " ")
	at := strings.TrimLeft(rest, " ")
	if !ok || at == "" || method != strings.ToUpper(method) {
		b.wrong("not a request", "write a method and a path, e.g. GET /jobs/{id}", path...)
		return r
	}
	parsed, err := expr.ParsePath(strings.TrimRight(at, " "), nil)
	if err != nil {
		offset := len(text) - len(at)
		before := len(b.errs)
		b.fail(err, path...)
		for _, e := range b.errs[before:] {
			e.Offset += offset
		}
		return r
	}
	for _, segment := range append(parsed.Segments, parsed.Query) {
		for _, piece := range segment {
			if piece.Name != "" && !slices.Contains(r.Names, piece.Name) {
				r.Names = append(r.Names, piece.Name)
			}
		}
	}
	return r
}

// PollRequests implements plugins.Poller.
func (t *transform) PollRequests() []plugins.PollRequest {
	if t.poll == nil {
		return nil
	}
	return t.poll.requests
}

// accepted makes a call wait whose upstream accepted a job.
func (t *transform) accepted(call *plugins.Call, resp *plugins.Response) (*mcp.Result, error) {
	defer resp.Free()
	j := &job{Version: jobVersion, Started: t.now().UnixMilli(), Values: map[string]any{}}
	j.learn(t.poll, call.Args)
	if members, ok := bodyOf(resp).(map[string]any); ok {
		j.learn(t.poll, members)
	}
	if resp.Header != nil && t.poll.requests[requestStatus].Request == "" {
		if at := resp.Header("Location"); at != "" && len(at) <= maxURI {
			j.Values[argLocation] = strings.Clone(at)
		}
	}
	if missing := j.missing(&t.poll.requests[requestStatus]); missing != "" {
		return nil, lost("The service accepted the job, but did not say how to follow it.", fmt.Errorf("the answer 202 has no %s", missing))
	}
	return t.wait(j, resp)
}

// bodyOf decodes a JSON body; nil if it is none.
func bodyOf(resp *plugins.Response) any {
	body, err := strictjson.Decode(trimSpace(resp.Body), 0)
	if err != nil {
		return nil
	}
	return body
}

// learn takes the scalars that placeholders name.
func (j *job) learn(p *poll, from map[string]any) {
	for i := range p.requests {
		for _, name := range p.requests[i].Names {
			if name == argLocation && p.requests[i].Request == "" {
				continue // it is a header
			}
			switch v := from[name].(type) {
			case string:
				if v != "" && len(v) <= maxJobValue {
					j.Values[name] = v
				}
			case bool, json.Number, int, float64:
				j.Values[name] = v
			}
		}
	}
}

// missing names a placeholder of the request that nothing is known of.
func (j *job) missing(r *plugins.PollRequest) string {
	for _, name := range r.Names {
		if _, known := j.Values[name]; !known {
			return name
		}
	}
	return ""
}

// arguments are those of a request of the job.
func (j *job) arguments(r *plugins.PollRequest) map[string]any {
	args := make(map[string]any, len(r.Names))
	for _, name := range r.Names {
		if v, known := j.Values[name]; known {
			args[name] = v
		}
	}
	return args
}

// wait answers that the job isn't done. The response may be nil.
func (t *transform) wait(j *job, resp *plugins.Response) (*mcp.Result, error) {
	next := t.poll.every
	if resp != nil {
		if asked := t.waitFor(resp); asked > 0 {
			next = min(max(asked, leastLook), mostLook)
		}
	}
	if over := t.now().Add(next).Sub(time.UnixMilli(j.Started)); over > t.poll.timeout {
		return nil, &plugins.Error{
			Kind:    plugins.KindTimeout,
			Message: "The service did not get the job done within " + t.poll.timeout.String() + ". It may still go on there.",
		}
	}
	state, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("keeping a job: %w", err)
	}
	return &mcp.Result{Pending: &mcp.Pending{Wait: next, Status: "The service is working on it.", State: state}}, nil
}

// decodeJob reads the state of a job.
func decodeJob(raw []byte) (*job, error) {
	value, err := strictjson.Decode(raw, 0)
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	j := &job{}
	if err = json.Unmarshal(raw, j); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	if j.Version != jobVersion {
		return nil, fmt.Errorf("job of version %d", j.Version)
	}
	// Numbers keep the digits that they were written in.
	members, _ := value.(map[string]any)
	if j.Values, _ = members["a"].(map[string]any); j.Values == nil {
		j.Values = map[string]any{}
	}
	return j, nil
}

// lost is the failure of a job that can't be followed.
func lost(message string, cause error) *plugins.Error {
	return &plugins.Error{Kind: plugins.KindUpstream, Message: message, Cause: cause}
}

const lostText = "The job can't be followed any more."

// Poll implements plugins.Poller.
func (t *transform) Poll(ctx context.Context, call *plugins.Call, do sending) (*mcp.Result, error) {
	resume := call.Resumed()
	if t.poll == nil || resume == nil {
		return nil, lost(lostText, errors.New("there is no job to look after"))
	}
	j, err := decodeJob(resume.State)
	if err != nil {
		return nil, lost(lostText, err)
	}
	request := &t.poll.requests[requestStatus]
	if missing := j.missing(request); missing != "" {
		return nil, lost(lostText, fmt.Errorf("the job has no %s", missing))
	}
	resp, err := do(ctx, requestStatus, j.arguments(request))
	if err != nil {
		return t.missed(ctx, j, nil, err)
	}
	if seeOther(resp) && len(t.poll.requests) == 1 {
		return t.redirected(ctx, call, j, resp, do)
	}
	if isMiss(resp) {
		defer resp.Free()
		return t.missed(ctx, j, resp, fmt.Errorf("the job's status answered %d", resp.Status))
	}
	return t.look(ctx, call, j, resp, do)
}

// seeOther reports whether an answer says that the result is elsewhere
// (RFC 9110, section 15.4.4).
func seeOther(resp *plugins.Response) bool {
	return resp.Status == 303 && resp.Header != nil && resp.Header("Location") != ""
}

// isMiss reports whether an answer tells nothing of the job.
func isMiss(resp *plugins.Response) bool { return resp.Status >= 300 && resp.Status != 303 }

// missed counts a look that failed, and gives up after some.
func (t *transform) missed(ctx context.Context, j *job, resp *plugins.Response, cause error) (*mcp.Result, error) {
	if ctx.Err() != nil {
		return nil, cause
	}
	var failure *plugins.Error
	if errors.As(cause, &failure) && (failure.Kind == plugins.KindCancelled || failure.Kind == plugins.KindInvalid || failure.Kind == plugins.KindStatus) {
		return nil, cause
	}
	if resp == nil || resp.Status != 429 { // being asked too often is no sign of a loss
		j.Misses++
	}
	if j.Misses >= maxMisses {
		return nil, lost(lostText, cause)
	}
	return t.wait(j, resp)
}

// redirected fetches a result that the status answer points to.
func (t *transform) redirected(ctx context.Context, call *plugins.Call, j *job, resp *plugins.Response, do sending) (*mcp.Result, error) {
	at := strings.Clone(resp.Header("Location"))
	resp.Free()
	if t.poll.requests[requestStatus].Request != "" || len(at) > maxURI {
		return nil, lost(lostText, errors.New("the job's status answered 303, and there is no request for the result"))
	}
	resp, err := do(ctx, requestStatus, map[string]any{argLocation: at})
	if err != nil {
		return t.missed(ctx, j, nil, err)
	}
	return t.answer(ctx, call, resp)
}

// look reads what the status answer says of the job.
func (t *transform) look(ctx context.Context, call *plugins.Call, j *job, resp *plugins.Response, do sending) (*mcp.Result, error) {
	v := valuesOf(call, resp)
	v.Body = bodyOf(resp)
	failed, err := holds(ctx, t.poll.failed, v, false)
	if err == nil && failed {
		defer resp.Free()
		return mcp.ErrorResult(t.failedText(resp, v)), nil //nolint:contextcheck // a text's expressions have a clock of their own
	}
	done := false
	if err == nil {
		done, err = holds(ctx, t.poll.until, v, resp.Status != 202)
		done = done || resp.Status == 303
	}
	switch {
	case err != nil:
		resp.Free()
		return t.failed(ctx, err)
	case !done:
		defer resp.Free()
		j.Misses = 0
		return t.wait(j, resp)
	case len(t.poll.requests) == 1:
		return t.answer(ctx, call, resp)
	}
	if body, ok := v.Body.(map[string]any); ok {
		j.Values = maps.Clone(j.Values)
		j.learn(t.poll, body)
	}
	resp.Free()
	request := &t.poll.requests[requestResult]
	if missing := j.missing(request); missing != "" {
		return nil, lost("The service did not say where the result is.", fmt.Errorf("nothing is known of %s", missing))
	}
	if resp, err = do(ctx, requestResult, j.arguments(request)); err != nil {
		return t.missed(ctx, j, nil, err)
	}
	if resp.Status == 202 {
		defer resp.Free()
		return t.wait(j, resp)
	}
	return t.answer(ctx, call, resp)
}

// holds reports whether an expression is true: neither null nor false. Without
// one the answer is usual.
func holds(ctx context.Context, q *expr.Query, v *expr.Values, usual bool) (bool, error) {
	if q == nil {
		return usual, nil
	}
	out, err := q.Run(ctx, v)
	if err != nil {
		return false, fmt.Errorf("looking after a job: %w", err)
	}
	return out != nil && out != any(false), nil
}

// failedText says that the job has failed: in the manifest's words, or in ours.
func (t *transform) failedText(resp *plugins.Response, v *expr.Values) string {
	if text := t.refusal["default"]; text != nil {
		rendered, err := renderText(text, v)
		if err == nil {
			return clip(string(clean(rendered)), maxRefusalText)
		}
		t.log.Warn("the text in errors for a failed job failed", slog.String("tool", t.name), slog.Any("error", causeOf(err)))
	}
	return "The job failed." + said(resp)
}
