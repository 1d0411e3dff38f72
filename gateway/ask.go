package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// ask puts questions to a legacy client, all at once, as requests on the
// stream of its own request. ctx has no deadline: the clock stands while a
// question is open.
func (r *request) ask(ctx context.Context, questions []mcp.Question) (map[string][]byte, error) {
	ctx, stop := r.whileAnswerable(ctx)
	defer stop()
	r.talk.mu.Lock()
	channel, err := r.talk.openChannel()
	r.talk.mu.Unlock()
	if err != nil {
		return nil, overload(err)
	}
	asked := make([]*stream.Asked, len(questions))
	for i := range questions {
		if asked[i], err = put(channel, &questions[i], r.revision); err != nil {
			return nil, gone(err)
		}
	}
	return awaitAnswers(ctx, asked, questions, r.revision)
}

// errDraining ends the waiting for answers.
var errDraining = errors.New("the gateway is draining")

// whileAnswerable is a context that ends when no answer can come any more:
// nobody will wait for one while the gateway drains, or once the client's line
// has ended.
func (r *request) whileAnswerable(ctx context.Context) (context.Context, func()) {
	inner, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.g.serving, func() { cancel(errDraining) })
	if r.peer != nil {
		go func() {
			select {
			case <-r.peer.deaf:
				cancel(stream.ErrGone)
			case <-inner.Done():
			}
		}()
	}
	return inner, func() {
		stop()
		cancel(nil)
	}
}

// awaitAnswers waits for the answers to questions that were put. The first
// failure is told, once nobody waits for any of them any more.
func awaitAnswers(ctx context.Context, asked []*stream.Asked, questions []mcp.Question, r mcp.Revision) (map[string][]byte, error) {
	var (
		mu      sync.Mutex
		wait    sync.WaitGroup
		answers = make(map[string][]byte, len(questions))
		failed  error
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range questions {
		wait.Go(func() {
			answer, err := awaitAnswer(ctx, asked[i], &questions[i], r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && failed == nil {
				failed = err
				cancel()
			}
			answers[questions[i].Key] = answer
		})
	}
	wait.Wait()
	return answers, failed
}

// put puts a question to a client.
func put(channel *stream.Channel, q *mcp.Question, r mcp.Revision) (*stream.Asked, error) {
	if q.Kind == mcp.AskURL {
		named := *q
		named.ElicitationID = newRequestID()
		q = &named
	}
	return channel.Ask(q.Method(), q.AppendParams(nil, r)) //nolint:wrapcheck // it names the method
}

// awaitAnswer waits for the answer to one question.
func awaitAnswer(ctx context.Context, asked *stream.Asked, q *mcp.Question, r mcp.Revision) ([]byte, error) {
	inner, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	reply, err := asked.Wait(inner)
	switch {
	case err == nil && reply.Error != nil:
		return []byte(`{"action":"decline"}`), nil // it won't, whatever its reason
	case err == nil:
		return q.RestoreAnswer(r, reply.Result), nil
	case inner.Err() == context.DeadlineExceeded:
		return nil, &plugins.Error{Kind: plugins.KindTimeout, Message: "Nobody answered within " + q.Timeout.String() + ": " + q.Message}
	}
	if errors.Is(context.Cause(ctx), errDraining) {
		return nil, &plugins.Error{
			Kind: plugins.KindOverload, RetryAfter: time.Second, Cause: errDraining,
			Message: "The gateway is restarting. Call again in a second.",
		}
	}
	return nil, gone(err)
}

// gone is the failure of a client that can't be asked any more.
func gone(cause error) *plugins.Error {
	return &plugins.Error{Kind: plugins.KindCancelled, Message: "The client has gone.", Cause: cause}
}
