package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestThousandsOfTools tells how long a large manifest takes to apply, and
// that calls go on meanwhile.
func TestThousandsOfTools(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, soundManifest, b.URL, nil)
	large := &strings.Builder{}
	large.WriteString(soundManifest)
	for n := range 2000 {
		fmt.Fprintf(large, "  tool_%d:\n    description: The tool of number %d, with a description of usual length.\n    request: GET /things/{id}/parts/{part}\n    input: {id: {type: string, pattern: '^[a-z0-9]+$'}, part: {type: integer, minimum: 1}, note: {type: string, optional: true}}\n    roles: [r%d]\n    response: {select: '{id, n: .number}'}\n", n, n, n%50)
	}
	r.replace(large.String())
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := r.g.Reload()
		done <- err
	}()
	calls, longest := 0, time.Duration(0)
	for running := true; running; calls++ {
		before := time.Now()
		if a := r.call("get", `{"id":"x"}`, nil); !strings.Contains(a.body, `"ok":true`) {
			t.Fatalf("a call: %s", a.body)
		}
		longest = max(longest, time.Since(before))
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
	t.Logf("2,000 tools applied in %s; %d calls meanwhile, the slowest took %s", time.Since(began), calls, longest)
	if got := r.g.Generation().Tools; got != 2003 {
		t.Errorf("%d tools", got)
	}
}

// TestReloadsLeaveNothing reloads 200 times between manifests that share
// nothing, with calls going on: no goroutine stays, and the heap comes back.
func TestReloadsLeaveNothing(t *testing.T) {
	b := newBackend(t, ok)
	id := newIdentity(t)
	r := start(t, soundManifest, b.URL, id.env)
	variant := func(n int) string {
		text := strings.ReplaceAll(soundManifest, "min_calls: 2", fmt.Sprintf("min_calls: %d", 2+n%7))
		text = strings.ReplaceAll(text, "crm:", fmt.Sprintf("crm%d:", n%5))
		text = strings.ReplaceAll(text, "1/h burst 1", fmt.Sprintf("%d/h burst 1", 1+n%3))
		if n%2 == 1 {
			text += "auth: {jwt: {issuer: \"https://id.acme.example\", audience: a, jwks_file: \"${JWKS}\"}, anonymous: {roles: []}}\n"
		}
		return text
	}
	reload := func(from, to int) {
		for n := from; n < to; n++ {
			r.replace(variant(n))
			if _, err := r.g.Reload(); err != nil {
				t.Fatal(err)
			}
			if a := r.call("get", `{"id":"x"}`, nil); !strings.Contains(a.body, `"ok":true`) {
				t.Fatalf("reload %d: %s", n, a.body)
			}
		}
	}
	reload(0, 20)
	goroutines, heap := settled()
	reload(20, 220)
	deadline := time.Now().Add(5 * time.Second)
	for {
		nowGoroutines, nowHeap := settled()
		if nowGoroutines <= goroutines+5 && nowHeap <= heap+(6<<20) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d KiB of heap after 200 reloads, %d and %d before", nowGoroutines, nowHeap>>10, goroutines, heap>>10)
		}
		runtime.Gosched()
	}
}

// settled are goroutines and heap in use after a collection.
func settled() (goroutines int, heap uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// TestReloadsAtOnce reloads from many sides while calls are made: generations
// only grow, and no call fails.
func TestReloadsAtOnce(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, soundManifest, b.URL, nil)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get","arguments":{"id":"x"},`+modernMeta+`}}`, with(envelopeHeaders(), "Mcp-Name", "get"))
				if err != nil || !strings.Contains(a.body, `"ok":true`) {
					t.Errorf("a call: %v %d %s", err, a.status, a.body)
					return
				}
			}
		})
	}
	var reloads sync.WaitGroup
	for range 4 {
		reloads.Go(func() {
			last := uint64(0)
			for range 25 {
				got, err := r.g.Reload()
				if err != nil || got.Number <= last {
					t.Errorf("generation %d after %d: %v", got.Number, last, err)
					return
				}
				last = got.Number
			}
		})
	}
	reloads.Wait()
	close(stop)
	wg.Wait()
	if got := r.g.Generation().Number; got != 101 {
		t.Errorf("generation %d after 100 reloads", got)
	}
}

// TestClosedGateways shows that a gateway that was closed answers instead of
// spinning, and takes no new manifest.
func TestClosedGateways(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, soundManifest, b.URL, nil)
	if err := r.g.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = r.g.Invoke(t.Context(), "get", []byte(`{"id":"x"}`), gatewayCaller())
		if _, err := r.g.Reload(); err == nil {
			t.Error("a closed gateway took a manifest")
		}
		if err := r.g.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("a call of a closed gateway never ends")
	}
}

// TestSecretFilesAreReadAtReload shows that a secret that changed on disk is
// the one that is sent after a reload, and that one that vanished refuses it.
func TestSecretFilesAreReadAtReload(t *testing.T) {
	var mu sync.Mutex
	got := ""
	b := newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		got = req.Header.Get("Authorization")
		mu.Unlock()
		_, _ = io.Copy(io.Discard, req.Body)
		ok(w, req)
	})
	path := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first-secret")
	r := start(t, strings.Replace(soundManifest, "breaker:", "auth: {bearer: {file: \""+path+"\"}}, breaker:", 1), b.URL, nil)
	sent := func() string {
		r.call("get", `{"id":"x"}`, nil)
		mu.Lock()
		defer mu.Unlock()
		return got
	}
	if s := sent(); s != "Bearer first-secret" {
		t.Errorf("sent %q", s)
	}
	write("second-secret\n")
	if _, err := r.g.Reload(); err != nil {
		t.Fatal(err)
	}
	if s := sent(); s != "Bearer second-secret" {
		t.Errorf("after a reload: sent %q", s)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := r.g.Reload(); err == nil || strings.Contains(err.Error(), "second-secret") {
		t.Errorf("without the file: %v", err)
	}
	if s := sent(); s != "Bearer second-secret" {
		t.Errorf("after a refused reload: sent %q", s)
	}
}
