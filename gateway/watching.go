package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/watch"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// watch calls changed whenever the content of a resource changes, as a caller
// sees it and as long as it may, until what it returns is called.
//
// Looked is closed once the resource was looked at for the first time: changes
// are told from then on.
func (g *Gateway) watch(s *snapshot, uri string, whose func() *owner, changed func()) (stop func(), looked <-chan struct{}, err error) {
	p := whose().principal
	w := &watcher{uri: uri, whose: whose, key: p.Key}
	own := s.watchedBy(w)
	if own == nil {
		return nil, nil, errors.New("the resource can't be watched")
	}
	key := uri
	if own.personal {
		digest := p.Digest()
		key += "\x00" + string(digest[:])
	}
	forget, err := g.watchers.add(key, w)
	if err != nil {
		return nil, nil, err
	}
	unsubscribe, err := g.hub.Subscribe(key, g.watchSource(own, key), func() {
		if g.current.Load().watchedBy(w) != nil {
			changed()
		}
	})
	if err != nil {
		forget()
		return nil, nil, err //nolint:wrapcheck // told as an overload
	}
	return func() {
		unsubscribe()
		forget()
	}, g.hub.Looked(key), nil
}

// firstLook bounds how long a subscription waits for the first look at what it
// is about.
const firstLook = 2 * time.Second

// awaitLooks waits until everything was looked at once: what changes after a
// subscription is acknowledged is told.
func awaitLooks(all []<-chan struct{}) {
	patience := time.NewTimer(firstLook)
	defer patience.Stop()
	for _, looked := range all {
		select {
		case <-looked:
		case <-patience.C:
			return
		}
	}
}

// watchedBy is the resource that somebody watches; nil if it may not, or not
// any more.
func (s *snapshot) watchedBy(w *watcher) *resource {
	p := w.whose().principal
	if !p.Expires.IsZero() && time.Now().After(p.Expires) {
		return nil
	}
	e := s.endpoints[w.whose().path]
	if e == nil {
		return nil
	}
	own, _ := e.resourceAt(w.uri, p)
	if own == nil || own.source.Watch == 0 {
		return nil
	}
	return own
}

// watchSource is how a resource is looked at, as the manifest says.
func (g *Gateway) watchSource(own *resource, key string) watch.Source {
	return watch.Source{
		Every: own.source.Watch, Version: own.version,
		Look: func(ctx context.Context, before watch.State) (watch.State, error) {
			s := g.acquire()
			defer s.done()
			as := g.watchers.any(key, func(w *watcher) bool { return s.watchedBy(w) != nil })
			if as == nil {
				return before, errors.New("nobody who watches it may read it now")
			}
			return s.look(ctx, as, before)
		},
	}
}

// watchers know who watches each key of the hub.
type watchers struct {
	mu  sync.Mutex
	all map[string]map[*watcher]struct{}
	// keys counts the keys that each caller watches.
	keys map[string]map[string]int
}

// maxWatched bounds the resources that one caller watches, however many streams
// it has: each of them is asked for again and again.
const maxWatched = 1000

// errWatched refuses one more.
var errWatched = errors.New("the caller watches too many resources")

// watcher is somebody who watches a resource.
type watcher struct {
	uri string
	// whose is the caller, and where: a legacy session's is that of its newest
	// token.
	whose func() *owner
	// key is the caller's.
	key string
}

// add notes one more who watches the key, until what it returns is called.
func (w *watchers) add(key string, one *watcher) (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all, w.keys = make(map[string]map[*watcher]struct{}), make(map[string]map[string]int)
	}
	own := w.keys[one.key]
	if own == nil {
		own = make(map[string]int, 1)
		w.keys[one.key] = own
	}
	if len(own) >= maxWatched && own[key] == 0 {
		return nil, errWatched
	}
	own[key]++
	if w.all[key] == nil {
		w.all[key] = make(map[*watcher]struct{}, 1)
	}
	w.all[key][one] = struct{}{}
	return sync.OnceFunc(func() { w.remove(key, one) }), nil
}

func (w *watchers) remove(key string, one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.all[key], one); len(w.all[key]) == 0 {
		delete(w.all, key)
	}
	own := w.keys[one.key]
	if own[key]--; own[key] == 0 {
		delete(own, key)
	}
	if len(own) == 0 {
		delete(w.keys, one.key)
	}
}

// any is somebody who watches the key, of those that fit; nil if none does.
func (w *watchers) any(key string, fits func(*watcher) bool) *watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all[key] {
		if fits(one) {
			return one
		}
	}
	return nil
}

// look reads a watched resource, if it has changed.
func (s *snapshot) look(ctx context.Context, as *watcher, before watch.State) (watch.State, error) {
	p := as.whose().principal
	own, arguments := s.resourceAt(as.uri, p)
	record := plugins.Record{}
	call := &plugins.Call{
		Tool: own.spec, Principal: p, Revision: mcp.Newest, Arguments: arguments, RequestID: newRequestID(), Record: &record,
		Run: &plugins.Run{Uncounted: true, Condition: &plugins.Condition{ETag: before.ETag, LastModified: before.LastModified}},
	}
	result, err := own.handler(ctx, call)
	if err != nil {
		if failure := failureOf(err); failure.Kind == plugins.KindStatus && failure.Status == 304 {
			return before, nil
		}
		return before, err
	}
	defer result.Free()
	if result.Pending != nil || result.IsError {
		return before, errors.New("the resource has no content now")
	}
	h := sha256.New()
	for _, c := range own.contents(as.uri, result) {
		h.Write([]byte(c.MIMEType + "\x00"))
		h.Write(c.Text)
		h.Write([]byte{0})
		h.Write(c.Blob)
	}
	state := watch.State{ETag: record.ETag, LastModified: record.LastModified, Seen: true}
	h.Sum(state.Hash[:0])
	return state, nil
}
