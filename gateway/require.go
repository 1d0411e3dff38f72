package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// purposeState is what request states are sealed for.
	purposeState = "state"
	// maxState bounds the state of a call, in bytes: it travels with every
	// retry.
	maxState = 256 << 10
	// stateGrace is how long a state is good after its last question has closed.
	stateGrace = time.Minute
	// maxUsedStates bounds the states remembered as used.
	maxUsedStates = 100_000
)

// requestState is what a client holds between the rounds of its call
// (2026-07-28, "Multi Round-Trip Requests").
type requestState struct {
	Nonce   []byte          `json:"n"`
	Expires int64           `json:"e"`
	Spent   time.Duration   `json:"t"`
	Home    string          `json:"h,omitempty"`
	State   json.RawMessage `json:"s"`
}

// bound is what a state belongs to: the caller, the method, what is called and
// with which arguments.
func (c *callRun) bound() []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(c.r.holder()), []byte(c.r.message.Method), []byte(c.name), canonical(c.arguments)} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// canonical makes JSON texts of the same value the same text.
func canonical(raw []byte) []byte {
	var v any
	if raw == nil || decodeState(raw, &v) != nil {
		return nil
	}
	if m, ok := v.(map[string]any); ok && len(m) == 0 {
		return nil // no arguments, and an empty object of them
	}
	out, err := json.Marshal(evened(v))
	if err != nil {
		return raw
	}
	return out
}

// evened writes numbers of the same value the same way: a client may well pass
// its arguments through another library between the rounds.
func evened(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	case []any:
		for i := range v {
			v[i] = evened(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = evened(v[name])
		}
	}
	return v
}

// require answers a modern request with the questions, and with the state from
// which its retry goes on.
func (c *callRun) require(call *plugins.Call, p *mcp.Pending) error {
	if len(p.State) > maxState {
		return &plugins.Error{Kind: plugins.KindStatus, Message: "The call has gathered too much to be continued. Ask for less."}
	}
	nonce, err := newNonce()
	if err != nil {
		return err
	}
	longest := time.Duration(0)
	for i := range p.Questions {
		longest = max(longest, p.Questions[i].Timeout)
	}
	expires := time.Now().Add(longest + stateGrace)
	plain, err := json.Marshal(&requestState{
		Nonce: nonce[:], Expires: expires.Unix(), Spent: c.spent,
		Home: c.r.g.home(c.r.s), State: p.State,
	})
	if err != nil {
		return fmt.Errorf("request state: %w", err)
	}
	c.awaitRetry(call, p, string(nonce[:]), expires)
	state := c.r.g.ring.Load().SealString(purposeState, plain, c.bound())
	c.r.resp.ContentType = jsonType
	c.r.resp.Body = c.r.s.encoder.AppendInputRequired(c.r.resp.Body, c.r.message.ID, p.Questions, state)
	return nil
}

// resume reads what a retry brings; nil for a first round.
func (c *callRun) resume() (*plugins.Resume, *mcp.Error) {
	if !c.r.revision.Modern() {
		return nil, nil
	}
	in, err := mcp.DecodeInputResponses(c.r.message.Params)
	if err != nil || !in.Present() {
		return nil, err
	}
	resume := &plugins.Resume{Answers: make(map[string][]byte, len(in.Answers))}
	for key, answer := range in.Answers {
		resume.Answers[key] = bytes.Clone(answer)
	}
	if !in.HasState {
		return resume, nil
	}
	var state requestState
	plain, openErr := c.r.g.ring.Load().OpenString(purposeState, in.State, c.bound())
	c.r.g.foreign(openErr)
	if openErr != nil || decodeState(plain, &state) != nil {
		return nil, mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: requestState is not one of this call's")
	}
	if time.Now().Unix() >= state.Expires {
		return nil, mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: requestState has expired; call again without it")
	}
	if c.r.forward(state.Home) {
		return nil, nil
	}
	c.spent, c.nonce, c.expires = state.Spent, state.Nonce, state.Expires
	c.r.entry.resumed = true
	resume.State, resume.Spent = state.State, state.Spent
	return resume, nil
}

// takeState uses the state up, which a retry can do once.
func (c *callRun) takeState() *mcp.Error {
	if c.nonce != nil && !c.r.g.used.take(c.nonce, c.expires) {
		return mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: requestState was used already; call again without it")
	}
	return nil
}

// stateUsed notes that the retry has come, and goes on.
func (c *callRun) stateUsed() {
	if c.nonce != nil {
		c.r.g.awaited.remove(string(c.nonce))
	}
}

// giveStateBack lets a retry be tried again that was refused before anything
// was done.
// It reports whether it was.
func (c *callRun) giveStateBack(kind plugins.Kind) bool {
	switch kind {
	case plugins.KindDenied, plugins.KindScope, plugins.KindLimited, plugins.KindOverload, plugins.KindInvalid, plugins.KindBreakerOpen:
		if c.nonce != nil {
			c.r.g.used.giveBack(c.nonce)
		}
		return true
	}
	return false
}

// usedStates remembers which states were used: what a call did after its
// questions must not be done again with the same answers.
type usedStates struct {
	mu  sync.Mutex
	all map[string]int64
}

// take reports whether the state was not used before, and notes that it is now.
func (u *usedStates) take(nonce []byte, expires int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, used := u.all[string(nonce)]; used {
		return false
	}
	if u.all == nil {
		u.all = make(map[string]int64)
	}
	if len(u.all) >= maxUsedStates {
		u.sweep()
	}
	u.all[string(nonce)] = expires
	return true
}

// giveBack makes a state unused again.
func (u *usedStates) giveBack(nonce []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.all, string(nonce))
}

// sweep forgets what has expired, or else everything: a state that is used
// twice is worse than one that is refused, but memory has an end.
func (u *usedStates) sweep() {
	now := time.Now().Unix()
	for nonce, expires := range u.all {
		if expires <= now {
			delete(u.all, nonce)
		}
	}
	for nonce := range u.all {
		if len(u.all) < maxUsedStates*9/10 {
			return
		}
		delete(u.all, nonce)
	}
}
