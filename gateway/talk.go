package gateway

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const eventStream = "text/event-stream"

// talk is the way to the client of one request while it is being served. Nothing
// is opened before there is something to say: a call that only answers is
// answered with plain JSON.
type talk struct {
	r *request
	// level is the least severe level of messages that the client wants.
	level mcp.Level

	mu sync.Mutex
	// channel is nil until something is said.
	channel *stream.Channel
	// reached is the progress told last.
	reached float64
	told    bool
}

// talker is the way to the client, for the parts that a call passes; nil if
// the client hears nothing but the answer.
func (r *request) talker() plugins.Talk {
	if !r.converses() {
		return nil
	}
	level := r.logLevel()
	if level == mcp.LevelOff && r.meta.ProgressToken == nil {
		return nil
	}
	r.talk = &talk{r: r, level: level}
	return r.talk
}

// converses reports whether anything can be said to the client before the
// answer: not in a batch, and not if it takes no event streams.
func (r *request) converses() bool {
	if r.single != nil {
		return true
	}
	accept, _ := r.req.Header("Accept")
	return !r.batch && acceptsType(accept, eventStream, "text/*")
}

// logLevel is the least severe level of log messages that the client wants.
func (r *request) logLevel() mcp.Level {
	switch {
	case !r.s.logs:
		return mcp.LevelOff
	case r.revision.Modern():
		return r.meta.LogLevel
	case r.single != nil:
		return r.single.Level()
	}
	if live := r.g.streams.Find(r.session.nonce); live != nil {
		return live.Level()
	}
	return mcp.LevelInfo
}

// Progress implements plugins.Talk.
func (t *talk) Progress(p mcp.Progress) {
	if t.r.meta.ProgressToken == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told && p.Progress <= t.reached {
		return
	}
	t.told, t.reached = true, p.Progress
	t.send(mcp.AppendProgress(nil, t.r.meta.ProgressToken, &p))
}

// tick tells that the call goes on, where nobody knows how far it has come.
func (t *talk) tick(status string) {
	if t == nil || t.r.meta.ProgressToken == nil {
		return
	}
	t.mu.Lock()
	next := t.reached + 1
	t.mu.Unlock()
	t.Progress(mcp.Progress{Progress: next, Message: status})
}

// Log implements plugins.Talk.
func (t *talk) Log(m mcp.LogMessage) {
	if t.level == mcp.LevelOff || m.Level < t.level {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.send(mcp.AppendLog(nil, &m))
}

// send says something; the caller holds the lock.
func (t *talk) send(message []byte) {
	if c, err := t.open(); err == nil {
		c.Send(message)
	}
}

// open returns the channel to the client.
func (t *talk) open() (*stream.Channel, error) {
	if t.channel != nil {
		return t.channel, nil
	}
	r := t.r
	switch {
	case r.single != nil:
		t.channel = r.single.Open(nil, false)
	case r.revision.Modern():
		t.channel = r.g.streams.Channel(r.sink)
	default:
		live, err := r.live()
		if err != nil {
			return nil, err
		}
		t.channel = live.Open(r.sink, r.revision >= mcp.Rev20251125)
	}
	return t.channel, nil
}

// sink makes the answer to the HTTP request an event stream.
func (x *exchange) sink() stream.Sink {
	x.resp.Status, x.resp.ContentType = 200, eventStream
	if s := x.resp.Stream(stream.KeepAlive); s != nil {
		return s
	}
	return nil
}

// live is the live side of the request's session.
func (r *request) live() (*stream.Session, error) {
	if r.single != nil {
		return r.single, nil
	}
	live, err := r.g.streams.Session(r.session.nonce, r.principal.Key, r.session.expires)
	if err == nil {
		r.g.hears(r.session.nonce, r.principal)
	}
	return live, err //nolint:wrapcheck // its errors are told apart by the caller
}

// finish sends the answer, which is in the response's body, the way that the
// client is being talked to.
func (r *request) finish() {
	if r.talk == nil || r.talk.channel == nil {
		return
	}
	var answer []byte
	if len(r.resp.Body) > 0 {
		answer = bytes.Clone(r.resp.Body)
	}
	r.talk.channel.Finish(answer)
}

// ask puts questions to a legacy client, all at once, as requests on the
// stream of its own request. ctx has no deadline: the clock stands while a
// question is open.
func (r *request) ask(ctx context.Context, questions []mcp.Question) (map[string][]byte, error) {
	if r.talk == nil {
		r.talk = &talk{r: r}
	}
	r.talk.mu.Lock()
	channel, err := r.talk.open()
	r.talk.mu.Unlock()
	if err != nil {
		return nil, overload(err)
	}
	var (
		mu      sync.Mutex
		wait    sync.WaitGroup
		answers = make(map[string][]byte, len(questions))
		failed  error
	)
	for i := range questions {
		wait.Go(func() {
			answer, err := askOne(ctx, channel, &questions[i], r.revision)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && failed == nil {
				failed = err
			}
			answers[questions[i].Key] = answer
		})
	}
	wait.Wait()
	if failed != nil {
		return nil, failed
	}
	return answers, nil
}

// askOne puts one question to a client.
func askOne(ctx context.Context, channel *stream.Channel, q *mcp.Question, r mcp.Revision) ([]byte, error) {
	inner, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	if q.Kind == mcp.AskURL {
		named := *q
		named.ElicitationID = newRequestID()
		q = &named
	}
	reply, err := channel.Request(inner, q.Method(), q.AppendParams(nil, r))
	switch {
	case err == nil && reply.Error != nil:
		return nil, &plugins.Error{Kind: plugins.KindStatus, Message: "The client did not answer: " + q.Message + " It can't be asked this."}
	case err == nil:
		return q.RestoreAnswer(r, reply.Result), nil
	case inner.Err() == context.DeadlineExceeded: //nolint:errorlint // a context returns exactly this
		return nil, &plugins.Error{Kind: plugins.KindTimeout, Message: "Nobody answered within " + q.Timeout.String() + ": " + q.Message}
	}
	return nil, &plugins.Error{Kind: plugins.KindCancelled, Message: "The client has gone.", Cause: err}
}

// overload is the failure of a bound that is reached.
func overload(cause error) *plugins.Error {
	return &plugins.Error{
		Kind: plugins.KindOverload, RetryAfter: time.Second, Cause: cause,
		Message: "The gateway has too many streams open. Try again in a moment.",
	}
}

// acceptsType reports whether an Accept header admits a media type (RFC 9110,
// section 12.5.1); group is its type with any subtype. A client that names
// nothing takes everything.
func acceptsType(accept, media, group string) bool {
	if accept == "" {
		return true
	}
	for accept != "" {
		var part string
		part, accept, _ = strings.Cut(accept, ",")
		name, params, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		if name != "*/*" && !strings.EqualFold(name, media) && !strings.EqualFold(name, group) {
			continue
		}
		quality := strings.ReplaceAll(params, " ", "")
		if !strings.HasPrefix(quality, "q=0") || strings.Trim(quality[3:], ".0") != "" {
			return true
		}
	}
	return false
}
