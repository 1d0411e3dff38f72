package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// jobManifest has tools whose upstream takes its time.
const jobManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
  anonymous: {roles: [public]}
upstreams: {shop: {url: "${UPSTREAM}/base", retry: none, breaker: none, headers: {X-Key: secret-of-the-upstream}}}
tools:
  plain: {description: d, request: "POST /plain"}
  follow: {description: d, timeout: 2s, request: "POST /follow", input: {v: {type: string}}, response: {poll: {every: 200ms}}}
  status: {description: d, timeout: 2s, request: "POST /status", input: {v: {type: string}}, response: {poll: {status: "GET /jobs/{id}", result: "GET /results/{id}", until: '.state == "done"', failed: '.state == "failed"', every: 200ms}}}
  never:  {description: d, timeout: 1s, request: "POST /never", response: {poll: {status: "GET /jobs/{id}", every: 200ms}}}
  taken:  {description: d, request: "POST /taken", input: {v: {type: string, optional: true}}, response: {poll: {status: "GET /jobs/{id}", until: '.state == "done"', every: 200ms}}}
`

// newJobs is an upstream of long jobs.
func newJobs(t *testing.T, answer http.HandlerFunc) *backend {
	t.Helper()
	return newBackend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer(w, req)
	})
}

// jobOf is the job that a request begins: its argument.
func jobOf(req *http.Request) string {
	var m struct {
		V string `json:"v"`
	}
	if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
		return err.Error()
	}
	return m.V
}

// callAtOnce calls a tool from any goroutine.
func (r *rig) callAtOnce(tool, argument string) (answer, error) {
	return r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{"v":%q},%s}}`, tool, argument, modernMeta),
		with(envelopeHeaders(), "Mcp-Name", tool))
}

// TestLocationsElsewhere has an upstream say that the job is at another place:
// nobody is asked there, least of all with the upstream's credentials.
func TestLocationsElsewhere(t *testing.T) {
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	defer lure.Close()
	var wrong, right []string
	j := newJobs(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && req.URL.Path == "/base/follow" {
			list, number, _ := strings.Cut(jobOf(req), " ")
			n, _ := strconv.Atoi(number)
			w.Header()["Location"] = []string{map[string][]string{"wrong": wrong, "right": right}[list][n]}
			w.WriteHeader(http.StatusAccepted)
			return
		}
		_, _ = io.WriteString(w, `{"at":"`+req.URL.Path+`"}`)
	})
	own := strings.TrimPrefix(j.URL, "http://")
	_, port, _ := strings.Cut(own, ":")
	wrong = []string{
		lure.URL + "/jobs/1", "//" + strings.TrimPrefix(lure.URL, "http://") + "/jobs/1", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://metadata.google.internal/",
		"https://" + own + "/jobs/1", "http://localhost:" + port + "/jobs/1", "http://127.1:" + port + "/", "http://2130706433:" + port + "/", "http://0x7f.1:" + port + "/", "http://[::1]:" + port + "/", "http://[::ffff:127.0.0.1]:" + port + "/",
		"http://" + own + "@" + strings.TrimPrefix(lure.URL, "http://") + "/", "http://user:pass@" + own + "/jobs/1", "http://" + own + ".evil.example/", "http://127.0.0.1:1/", "http://127.0.0.1/",
		"ftp://" + own + "/x", "file:///etc/passwd", "javascript:alert(1)", "gopher://" + own + "/_x", "http:" + "\\\\" + own, "http://" + own + "\\@" + strings.TrimPrefix(lure.URL, "http://"), "http:///x", "http://", "://", "%zz", "#", "",
		"http://" + own + ":80:80/", "unix:/tmp/x", "data:text/plain,x", strings.Repeat("/x", 20_000),
	}
	right = []string{"/jobs/1", "jobs/1", "../x", "../../../x", "?a=b", j.URL + "/abs", "//" + own + "/own", "/jobs/1#frag"}
	r := start(t, jobManifest, j.URL, crowdEnv())
	var wait sync.WaitGroup
	for n, where := range wrong {
		wait.Go(func() {
			a, err := r.callAtOnce("follow", fmt.Sprint("wrong ", n))
			if err != nil || a.status != 200 || !strings.Contains(a.body, `"isError":true`) || len(where) > 12 && strings.Contains(a.body, where) || strings.Contains(a.body, "127.0.0.1") {
				t.Errorf("%.80q: %v %d %.300s", where, err, a.status, a.body)
			}
		})
	}
	wait.Wait()
	if n := len(j.requests()); n != len(wrong) {
		t.Errorf("the upstream saw %d requests for %d jobs: %v", n, len(wrong), j.requests())
	}
	for n, path := range []string{"/jobs/1", "/base/jobs/1", "/x", "/x", "/base/", "/abs", "/own", "/jobs/1"} {
		if a := r.call("follow", fmt.Sprintf(`{"v":"right %d"}`, n), nil); !strings.Contains(a.body, `\"at\":\"`+path+`\"`) {
			t.Errorf("%q: want %s, got %d %.300s", right[n], path, a.status, a.body)
		}
	}
	if n := lured.Load(); n != 0 {
		t.Errorf("%d requests to another origin", n)
	}
}

// TestStatusesThatLie has an upstream answer nonsense when asked for a job: the
// call ends in time with a tool error, and the upstream isn't flooded.
func TestStatusesThatLie(t *testing.T) {
	lies := map[string]http.HandlerFunc{
		"see other, for ever": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Location", req.URL.Path+"x")
			w.WriteHeader(303)
		},
		"moved": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/jobs/1")
			w.WriteHeader(301)
		},
		"temporarily": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/jobs/1")
			w.WriteHeader(307)
		},
		"elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(303)
		},
		"gone":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) },
		"not found": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"unauthorized": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(401)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<p>in")
		},
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"state":`) },
		"a hang-up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"another type": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"state":{"done":true},"id":["x"]}`)
		},
		"wait for a century": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "9999999999")
			w.WriteHeader(202)
		},
		"wait for less than none": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "-5"); w.WriteHeader(202) },
		"wait for no number": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "soon")
			w.WriteHeader(202)
		},
		"wait until long ago": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "Mon, 01 Jan 1990 00:00:00 GMT")
			w.WriteHeader(202)
		},
		"too often": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "0"); w.WriteHeader(429) },
		"another id": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"state":"running","id":"../../admin"}`)
		},
		"failed": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"state":"failed","message":"`+strings.Repeat("secret ", 20_000)+`"}`)
		},
	}
	var mu sync.Mutex
	asked := make(map[string]int)
	j := newJobs(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			v := jobOf(req)
			w.Header().Set("Location", "/jobs/"+url.PathEscape(v))
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprintf(w, `{"id":%q}`, v)
			return
		}
		v := strings.TrimRight(path.Base(req.URL.Path), "x")
		mu.Lock()
		asked[v]++
		mu.Unlock()
		if lie := lies[strings.TrimSuffix(strings.TrimSuffix(v, " status"), " follow")]; lie != nil {
			lie(w, req)
		}
	})
	r := start(t, jobManifest, j.URL, crowdEnv())
	var wait sync.WaitGroup
	for name := range lies {
		for _, tool := range []string{"status", "follow"} {
			wait.Go(func() {
				began := time.Now()
				a, err := r.callAtOnce(tool, name+" "+tool)
				took := time.Since(began)
				if err != nil || a.status != 200 || took > 5*time.Second || len(a.body) > 300_000 || a.header.Get("WWW-Authenticate") != "" {
					t.Errorf("%s, %s: %v %d after %s: %.300s", name, tool, err, a.status, took, a.body)
				}
				if tool == "status" && !strings.Contains(a.body, `"isError":true`) {
					t.Errorf("%s, %s: %.300s", name, tool, a.body)
				}
				mu.Lock()
				defer mu.Unlock()
				if n := asked[name+" "+tool]; n == 0 || n > 14 {
					t.Errorf("%s, %s: the upstream was asked %d times in %s", name, tool, n, took)
				}
			})
		}
	}
	wait.Wait()
	for _, one := range j.requests() {
		if strings.Contains(one, "admin") && !strings.Contains(one, "%2F") {
			t.Errorf("the upstream led itself to %s", one)
		}
	}
	if a := r.call("plain", "{}", nil); a.status != 200 {
		t.Errorf("a call afterwards: %d", a.status)
	}
}

// TestJobsThatNeverEnd shows that a call gives up on a job in its time, and
// that hanging up ends the looking after it.
func TestJobsThatNeverEnd(t *testing.T) {
	j := newJobs(t, func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		if req.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}
	})
	r := start(t, jobManifest, j.URL, crowdEnv())
	began := time.Now()
	if a := r.call("never", "{}", nil); a.status != 200 || !strings.Contains(a.body, `"isError":true`) || time.Since(began) > 2*time.Second {
		t.Errorf("%d %s after %s", a.status, a.body, time.Since(began))
	}
	hangUp := r.background(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"taken",`+modernMeta+`}}`, with(envelopeHeaders(), "Mcp-Name", "taken"))
	seen := len(j.requests())
	until(t, "the job is looked after", func() bool { return len(j.requests()) >= seen+3 })
	hangUp()
	time.Sleep(150 * time.Millisecond) // a look may be under way
	seen = len(j.requests())
	time.Sleep(600 * time.Millisecond) // what is tested is that nothing happens
	if now := len(j.requests()); now > seen+1 {
		t.Errorf("%d looks after a call that nobody waits for", now-seen)
	}
}

// taskMeta is the _meta of a modern client that knows tasks.
const taskMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

// taskRequest sends a request of a client that knows tasks.
func (r *rig) taskRequest(method, name, params string, headers map[string]string) answer {
	r.t.Helper()
	h := with(envelopeHeaders(), "Mcp-Method", method, "Mcp-Name", name, "Accept", "application/json, text/event-stream")
	for key, value := range headers {
		h[key] = value
	}
	return r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+","+taskMeta+`}}`, h)
}

// TestTasksOfOthers asks for, answers and cancels tasks that are not one's own,
// or none: all are unknown alike, and their owner's goes on.
func TestTasksOfOthers(t *testing.T) {
	var done atomic.Bool
	j := newJobs(t, func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"1"}`)
		case done.Load():
			_, _ = io.WriteString(w, `{"state":"done","secret":"of ann"}`)
		default:
			_, _ = io.WriteString(w, `{"state":"running"}`)
		}
	})
	r := start(t, jobManifest, j.URL, crowdEnv())
	ann, ben := bearerWith("ann", ""), bearerWith("ben", "")
	a := r.taskRequest("tools/call", "taken", `"name":"taken"`, ann)
	m := taskMember.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id := m[1]
	flipped := []byte(id)
	flipped[len(id)/2] ^= 2
	unknown := ""
	for name, try := range map[string]struct {
		id      string
		headers map[string]string
	}{
		"another's": {id, ben}, "nobody's": {id, nil}, "flipped": {string(flipped), ann}, "cut": {id[:len(id)-1], ann}, "a word": {"task", ann},
		"long": {strings.Repeat("A", 5000), ann}, "another gateway's": {start(t, jobManifest, j.URL, crowdEnv()).beginAsking("2025-11-25", ann)["Mcp-Session-Id"], ann},
	} {
		for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel"} {
			a := r.taskRequest(method, try.id, `"taskId":"`+try.id+`","inputResponses":{}`, try.headers)
			if a.status != 200 && a.status != 400 && a.status != 404 || !strings.Contains(a.body, `"code":-32602`) || strings.Contains(a.body, "ann") {
				t.Errorf("%s, %s: %d %s", name, method, a.status, a.body)
			}
			if unknown == "" {
				unknown = a.body
			}
			if a.body != unknown {
				t.Errorf("%s, %s is told apart: %s and %s", name, method, a.body, unknown)
			}
		}
	}
	done.Store(true)
	until(t, "the task is done", func() bool {
		return strings.Contains(r.taskRequest("tasks/get", id, `"taskId":"`+id+`"`, ann).body, "of ann")
	})
	if a := r.taskRequest("tasks/get", id, `"taskId":"`+id+`"`, ben); strings.Contains(a.body, "of ann") {
		t.Errorf("another reads %s", a.body)
	}
}

// TestTaskFloods starts more tasks than one caller may have: further ones are
// refused, others are not affected, and cancelling makes room.
func TestTaskFloods(t *testing.T) {
	j := newJobs(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"1"}`)
			return
		}
		_, _ = io.WriteString(w, `{"state":"running"}`)
	})
	r := start(t, jobManifest, j.URL, crowdEnv())
	ann, ben := bearerWith("ann", ""), bearerWith("ben", "")
	ids, refused := []string{}, 0
	for range 130 {
		a := r.taskRequest("tools/call", "taken", `"name":"taken"`, ann)
		if m := taskMember.FindStringSubmatch(a.body); m != nil {
			ids = append(ids, m[1])
			continue
		}
		if a.status != 503 && !strings.Contains(a.body, `"isError":true`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
		refused++
	}
	if len(ids) != 100 || refused != 30 {
		t.Errorf("%d tasks, %d refused", len(ids), refused)
	}
	if a := r.taskRequest("tools/call", "taken", `"name":"taken"`, ben); !taskMember.MatchString(a.body) {
		t.Errorf("another caller: %d %s", a.status, a.body)
	} else {
		ids = append(ids, taskMember.FindStringSubmatch(a.body)[1])
	}
	if a := r.call("plain", "{}", ann); a.status != 200 {
		t.Errorf("a plain call: %d", a.status)
	}
	for n, id := range ids {
		who := ann
		if n == len(ids)-1 {
			who = ben
		}
		for range 2 { // again is fine
			if a := r.taskRequest("tasks/cancel", id, `"taskId":"`+id+`"`, who); a.status != 200 || strings.Contains(a.body, `"error"`) {
				t.Fatalf("cancel: %d %s", a.status, a.body)
			}
		}
	}
	until(t, "there is room again", func() bool {
		a := r.taskRequest("tools/call", "taken", `"name":"taken"`, ann)
		m := taskMember.FindStringSubmatch(a.body)
		if m != nil {
			r.taskRequest("tasks/cancel", m[1], fmt.Sprintf(`"taskId":%q`, m[1]), ann)
		}
		return m != nil
	})
}

// TestQuestionsInBatches puts questions into a batch, where nobody can be
// asked: it is refused at once, and the others of the batch are served.
func TestQuestionsInBatches(t *testing.T) {
	b := newShop(t)
	r := start(t, sessionManifest, b.URL, crowdEnv())
	session := r.beginAsking("2025-03-26", bearerWith("ann", ""))
	began := time.Now()
	a := r.do("POST", "/mcp", "["+legacyCall("a", "ask")+","+legacyCall("b", "plain")+","+legacyCall("c", "ask")+"]", session)
	if a.status != 200 || strings.Count(a.body, `"isError":true`) != 2 || !strings.Contains(a.body, `"id":"b","result":{"content":[{"type":"text","text":"{\"ok\":true}"`) || time.Since(began) > 2*time.Second {
		t.Errorf("%d after %s: %s", a.status, time.Since(began), a.body)
	}
}
