package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	adminHeaderBytes = 16 << 10
	// adminBodyBytes leaves room for a recorded answer to be explained.
	adminBodyBytes   = 8 << 20
	adminReadTimeout = 10 * time.Second
	// adminWriteTimeout leaves time for a reload.
	adminWriteTimeout = 60 * time.Second
)

// Check is one thing that must hold for the gateway to be ready.
type Check struct {
	// Name says what is checked.
	Name string
	// Err is nil if it holds. Its text is shown.
	Err error
}

// AdminConfig says where the admin listener is and what it shows. It belongs
// on a local address: it knows no callers.
type AdminConfig struct {
	// Addr is host:port.
	Addr string
	// Live fails when only a restart helps.
	Live func() error
	// Ready lists what must hold before clients are sent here.
	Ready func() []Check
	// Summary is what GET /health shows, as JSON.
	Summary func() any
	// Metrics serves GET /metrics.
	Metrics http.Handler
	// Reload reloads the manifest for POST /reload. The result is shown as
	// JSON, with an error too. An error that is a json.Marshaler lists
	// problems of the manifest.
	Reload func() (any, error)
	// Plan tells what a reload would change, for POST /plan; it answers like
	// Reload.
	Plan func() (any, error)
	// Explain answers POST /explain from its body, which is JSON.
	Explain func(body []byte) (any, error)
	// Log gets trouble with the listener.
	Log *slog.Logger
}

// Admin is the admin listener: health, metrics, reload, and what it would do.
type Admin struct {
	cfg      AdminConfig
	listener net.Listener
	http     *http.Server
	// local says that the listener has a loopback address.
	local bool
}

// ListenAdmin opens the admin listener.
func ListenAdmin(cfg AdminConfig) (*Admin, error) {
	l, err := listenOn(cfg.Addr)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Admin{cfg: cfg, listener: l, local: addrOf(l.Addr()).IsLoopback()}
	a.http = &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: adminReadTimeout,
		ReadTimeout:       adminReadTimeout,
		WriteTimeout:      adminWriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    adminHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return a, nil
}

// Addr is the address listened on.
func (a *Admin) Addr() net.Addr { return a.listener.Addr() }

// Serve answers until Shutdown.
func (a *Admin) Serve() error {
	if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}

// Shutdown answers what was begun, and cuts the rest off when ctx ends.
func (a *Admin) Shutdown(ctx context.Context) error {
	err := a.http.Shutdown(ctx)
	// Serve may never have been called: then the server does not know the
	// listener. A second close is an error that means nothing.
	_ = a.listener.Close()
	if err != nil {
		return errors.Join(fmt.Errorf("admin requests were cut off: %w", err), a.http.Close())
	}
	return nil
}

// route is one admin endpoint.
type route struct {
	allow string
	serve func(http.ResponseWriter, *http.Request)
}

// routes is the table of the endpoints.
func (a *Admin) routes() http.Handler {
	const read = "GET, HEAD"
	table := map[string]route{
		"/health":       {read, a.health},
		"/health/live":  {read, a.live},
		"/health/ready": {read, a.ready},
		"/metrics":      {read, a.cfg.Metrics.ServeHTTP},
		"/reload":       {"POST", a.outcome(a.cfg.Reload)},
		"/plan":         {"POST", a.outcome(a.cfg.Plan)},
		"/explain":      {"POST", a.explain},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(noSniff, "nosniff")
		w.Header().Set(caching, "no-store")
		to, known := table[r.URL.Path]
		switch {
		case !a.trusts(r):
			reply(w, http.StatusForbidden, failure{Error: "the admin endpoints are not for web pages: call them without Origin and by a local name"})
		case !known:
			reply(w, http.StatusNotFound, failure{Error: "want /health, /health/live, /health/ready, /metrics, /reload, /plan or /explain"})
		case !allows(to.allow, r.Method):
			w.Header().Set("Allow", to.allow)
			reply(w, http.StatusMethodNotAllowed, failure{Error: "want " + to.allow})
		default:
			to.serve(w, r)
		}
	})
}

func allows(allow, method string) bool {
	return method == allow || allow != http.MethodPost && (method == http.MethodGet || method == http.MethodHead)
}

// trusts refuses what a web page can make a browser send, and on a local
// listener every Host that is not local: DNS rebinding makes a page of another
// site one of ours.
func (a *Admin) trusts(r *http.Request) bool {
	if _, page := r.Header["Origin"]; page {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return false
	}
	return !a.local || r.Host == "" || isLocal(r.Host) // a page of a browser has a Host
}

// isLocal reports whether host[:port] names this machine.
func isLocal(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if equalFold([]byte(host), "localhost") {
		return true
	}
	if len(host) > 2 && host[0] == '[' {
		host = host[1 : len(host)-1]
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// failure is the JSON of an error.
type failure struct {
	Error    string          `json:"error"`
	Problems json.RawMessage `json:"problems,omitempty"`
	Result   any             `json:"result,omitempty"`
}

// health answers with the summary.
func (a *Admin) health(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, a.cfg.Summary())
}

// live answers 200, or 503 if only a restart helps.
func (a *Admin) live(w http.ResponseWriter, _ *http.Request) {
	if err := a.cfg.Live(); err != nil {
		reply(w, http.StatusServiceUnavailable, failure{Error: err.Error()})
		return
	}
	reply(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"live"})
}

// readiness is the JSON of GET /health/ready.
type readiness struct {
	Status string      `json:"status"`
	Checks []checkLine `json:"checks"`
}

type checkLine struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// ready answers 200 if every check holds, or 503 and which do not.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	answer, status := readiness{Status: "ready", Checks: []checkLine{}}, http.StatusOK
	for _, check := range a.cfg.Ready() {
		line := checkLine{Name: check.Name, OK: check.Err == nil}
		if check.Err != nil {
			line.Error = check.Err.Error()
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		}
		answer.Checks = append(answer.Checks, line)
	}
	reply(w, status, answer)
}

// outcome answers with the result of what reads the manifest again: 200, 422
// with the problems of the manifest, or 500.
func (a *Admin) outcome(do func() (any, error)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		result, err := do()
		if err == nil {
			reply(w, http.StatusOK, result)
			return
		}
		answer, status := failure{Error: err.Error(), Result: result}, http.StatusInternalServerError
		var problems json.Marshaler
		if errors.As(err, &problems) {
			if list, jsonErr := problems.MarshalJSON(); jsonErr == nil {
				answer.Problems, answer.Error, status = list, "the manifest was refused; nothing has changed", http.StatusUnprocessableEntity
			}
		}
		reply(w, status, answer)
	}
}

// explain answers with an explanation: 200, or 422 if there is none.
func (a *Admin) explain(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, adminBodyBytes))
	if err != nil {
		reply(w, http.StatusRequestEntityTooLarge, failure{Error: "the body can't be read, or is too large"})
		return
	}
	result, err := a.cfg.Explain(body)
	if err != nil {
		reply(w, http.StatusUnprocessableEntity, failure{Error: err.Error()})
		return
	}
	reply(w, http.StatusOK, result)
}

// reply writes JSON.
func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error says that the client has gone.
	_, _ = w.Write(append(body, '\n'))
}
