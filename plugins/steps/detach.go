package steps

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxDetached bounds the calls in the background; further ones wait for a
	// place before they begin.
	maxDetached = 64
	// detachedTime bounds one of them, and closeTime how long they may go on
	// when the gateway ends.
	detachedTime, closeTime = 30 * time.Second, 5 * time.Second
)

// background runs the calls of detached steps. It outlives reloads.
type background struct {
	places chan struct{}
	// gone is closed when all must end.
	gone context.Context //nolint:containedctx // the end of the whole
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newBackground() *background {
	gone, end := context.WithCancel(context.Background())
	return &background{places: make(chan struct{}, maxDetached), gone: gone, end: end}
}

// detachment takes part in the background if a step needs it.
func (b *builder) detachment() error {
	needed := false
	for _, s := range b.p.list {
		for _, one := range append([]*step{s}, s.side...) {
			needed = needed || one.tool != nil && one.tool.detach
		}
	}
	if !needed {
		return nil
	}
	if b.env.Keep == nil {
		b.p.background = newBackground()
		return nil
	}
	kept, err := b.env.Keep("steps/detached", func() (io.Closer, error) { return newBackground(), nil })
	if err != nil {
		return fmt.Errorf("keep calls in the background: %w", err)
	}
	var ok bool
	if b.p.background, ok = kept.(*background); !ok {
		return fmt.Errorf("steps/detached keeps a %T", kept)
	}
	return nil
}

// run runs work in the background, as soon as there is a place. It returns an
// error if the caller's context ends before.
func (b *background) run(ctx context.Context, work func(ctx context.Context)) *plugins.Error {
	select {
	case b.places <- struct{}{}:
	case <-ctx.Done():
		return ended(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		<-b.places
		return &plugins.Error{Kind: plugins.KindOverload, Message: "The gateway is being shut down. Try again later."}
	}
	b.running.Go(func() {
		defer func() { <-b.places }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), detachedTime)
		defer cancel()
		defer context.AfterFunc(b.gone, cancel)() //nolint:contextcheck // the call goes on until the gateway ends
		work(ctx)
	})
	return nil
}

// ClosesFirst implements plugins.FirstCloser: the calls ask upstreams.
func (b *background) ClosesFirst() {}

// Close waits a while for the calls to end, and then ends them.
func (b *background) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	defer time.AfterFunc(closeTime, b.end).Stop()
	b.running.Wait()
	b.end()
	return nil
}

// detached starts a call of which nobody hears again.
func (r *run) detached(ctx context.Context, callee *plugins.Callee, call *plugins.Call) *plugins.Error {
	call.Talk, call.Capabilities = nil, mcp.ClientCapabilities{}
	call = call.Detached()
	log, name := r.p.log, r.p.env.Name
	return r.p.background.run(ctx, func(ctx context.Context) {
		defer func() {
			if p := recover(); p != nil {
				log.LogAttrs(ctx, slog.LevelError, "a detached step panicked", slog.String("tool", name), slog.Any("panic", p))
			}
		}()
		result, err := callee.Call(ctx, call)
		switch {
		case err != nil:
			log.LogAttrs(ctx, slog.LevelWarn, "a detached step failed", slog.String("tool", name),
				slog.String("step", callee.Tool.Name), slog.Any("error", err))
			return
		case result.IsError:
			log.LogAttrs(ctx, slog.LevelWarn, "a detached step failed", slog.String("tool", name),
				slog.String("step", callee.Tool.Name), slog.String("error", clip(textOf(result.Content))))
		}
		result.Free()
	})
}
