package acme

import (
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// store holds all rows. Rows are values: a reader copies one under the lock
// and uses it without.
type store struct {
	mu        sync.RWMutex
	customers rows[customer]
	orders    rows[order]
	products  rows[product]
	payments  rows[payment]
	tickets   rows[ticket]

	rng     *rand.Rand
	epoch   time.Time
	writes  int
	replays replays
}

// rows is one kind of row in the order in which they were made.
type rows[T any] struct {
	all []T
	at  map[string]int
}

func (t *rows[T]) add(id string, row T) {
	if t.at == nil {
		t.at = map[string]int{}
	}
	t.at[id] = len(t.all)
	t.all = append(t.all, row)
}

// find returns the row itself, for those who hold the write lock.
func (t *rows[T]) find(id string) *T {
	if i, ok := t.at[id]; ok {
		return &t.all[i]
	}
	return nil
}

// get returns a copy of the row under the read lock, or a 404.
func get[T any](s *store, t *rows[T], what, id string) (T, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if row := t.find(id); row != nil {
		return *row, nil
	}
	var none T
	return none, notFound(what, id)
}

// now returns the time of a write. The caller holds the write lock.
func (s *store) now() time.Time {
	s.writes++
	return s.epoch.Add(time.Duration(s.writes) * time.Second)
}

const idAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID returns prefix and n random characters. The caller holds the write lock.
func (s *store) newID(prefix string, n int) string {
	id := make([]byte, n)
	for i := range id {
		id[i] = idAlphabet[s.rng.IntN(len(idAlphabet))]
	}
	return prefix + string(id)
}

func oneOf(word string, words ...string) bool { return slices.Contains(words, word) }

// maxReplays bounds the idempotency keys that are remembered.
const maxReplays = 1000

// replays remembers what the requests with an idempotency key made.
type replays struct {
	byKey map[string]replay
	keys  []string // oldest first
}

type replay struct {
	body [sha256.Size]byte
	id   string
}

// find returns the id that the same request made earlier, or "". A key used
// with another body is refused.
func (p *replays) find(kind string, r *http.Request, body []byte) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	seen, ok := p.byKey[kind+key]
	if key == "" || !ok {
		return "", nil
	}
	if seen.body != sha256.Sum256(body) {
		return "", newProblem(http.StatusUnprocessableEntity, "idempotency-key-reused",
			"This Idempotency-Key was used with another body.")
	}
	return seen.id, nil
}

func (p *replays) add(kind string, r *http.Request, body []byte, id string) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return
	}
	if len(p.keys) == maxReplays {
		delete(p.byKey, p.keys[0])
		p.keys = slices.Delete(p.keys, 0, 1)
	}
	if p.byKey == nil {
		p.byKey = map[string]replay{}
	}
	p.byKey[kind+key] = replay{sha256.Sum256(body), id}
	p.keys = append(p.keys, kind+key)
}
