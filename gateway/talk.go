package gateway

import (
	"bytes"
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
	// over says that the answer is on its way.
	over bool
	// reached is the progress told last.
	reached float64
	told    bool
}

// beginTalk prepares the way to the client for a call. The call's parts get it
// if the client wants to hear of more than the answer.
func (r *request) beginTalk() plugins.Talk {
	t := &r.reused.talk
	t.r, t.level, t.channel, t.over, t.reached, t.told = r, r.logLevel(), nil, false, 0, false
	r.talk = t
	if t.level == mcp.LevelOff && r.meta.ProgressToken == nil || !r.converses() {
		return nil
	}
	return t
}

// silence is how long a call may take before its client is shown that it is
// still being served: what stands between them may give up on a silent
// connection after a minute.
const silence = 15 * time.Second

// mind watches over a call's silence until what it returns is called.
func (r *request) mind() func() {
	if r.single != nil || r.batch {
		return func() {}
	}
	if r.reused.slow == nil {
		r.reused.slow = time.AfterFunc(silence, r.reused.talk.breakSilence)
	} else {
		r.reused.slow.Reset(silence)
	}
	return r.endMind
}

func (r *request) endMind() {
	if !r.reused.slow.Stop() {
		r.reused.spoiled = true
	}
}

// breakSilence makes the answer an event stream, which has keep-alives.
func (t *talk) breakSilence() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || !t.r.converses() {
		return
	}
	if c, err := t.openChannel(); err == nil {
		c.Begin()
	}
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
	if t.r.meta.ProgressToken == nil {
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
	if c, err := t.openChannel(); err == nil {
		c.Send(message)
	}
}

// openChannel returns the channel to the client; the caller holds the lock.
func (t *talk) openChannel() (*stream.Channel, error) {
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
	if x.s.manifest.Server.Sessions.Stream > 0 && !x.request.revision.Modern() {
		// The stream may end before the call: nothing else must be asked on a
		// connection that is still busy.
		x.resp.Close = true
	}
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
	if err != nil {
		return nil, err //nolint:wrapcheck // its errors are told apart by the caller
	}
	if r.g.sessions.hasEnded(r.session.nonce) { // meanwhile
		r.g.streams.End(r.session.nonce)
		return nil, stream.ErrEnded
	}
	live.SetOwner(r.owner())
	return live, nil
}

// end notes that nothing more is said.
func (t *talk) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// finish sends the answer, which is in the response's body, the way that the
// client is being talked to.
func (r *request) finish() {
	if r.talk == nil {
		return
	}
	r.talk.mu.Lock()
	defer r.talk.mu.Unlock()
	if r.talk.over = true; r.talk.channel == nil {
		return
	}
	var answer []byte
	if len(r.resp.Body) > 0 {
		answer = bytes.Clone(r.resp.Body)
	}
	r.talk.channel.Finish(answer)
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
