package acme_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/examples/acme"
)

func start(t *testing.T) *acme.Server {
	t.Helper()
	srv, err := acme.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// client is one whose connections end with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func get(ctx context.Context, c *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

func TestServer(t *testing.T) {
	srv, c := start(t), client(t)
	for range 3 {
		if status, err := get(soon(t), c, srv.URL()+"/customers/"+acme.FirstCustomer); status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
	}
	st := srv.Service().Stats()
	if st.Total != 3 || st.Routes["GET /customers/{id}"] != 3 || st.Connections != 1 {
		t.Errorf("stats %+v", st)
	}
	for range 2 {
		if err := srv.Close(soon(t)); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := get(soon(t), c, srv.URL()+"/health"); err == nil {
		t.Error("a closed server answers")
	}
}

func TestStartRefusesABadAddress(t *testing.T) {
	if _, err := acme.Start("127.0.0.1:none"); err == nil {
		t.Error("started on no port")
	}
}

func TestSlowEndsWhenTheClientHangsUp(t *testing.T) {
	srv, c := start(t), client(t)
	ctx, hangUp := context.WithCancel(soon(t))
	ended := make(chan error, 1)
	go func() {
		_, err := get(ctx, c, srv.URL()+"/slow?ms=60000")
		ended <- err
	}()
	if err := srv.Service().Wait(soon(t), func(st acme.Stats) bool { return st.SlowStarted == 1 }); err != nil {
		t.Fatalf("the request never arrived: %v", err)
	}
	hangUp()
	if err := srv.Service().Wait(soon(t), func(st acme.Stats) bool { return st.SlowCancelled == 1 }); err != nil {
		t.Errorf("the service never learned of the hang-up: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	if err := srv.Close(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestCloseDropsWhatOutlastsItsContext(t *testing.T) {
	srv, c := start(t), client(t)
	ended := make(chan error, 1)
	go func() {
		_, err := get(soon(t), c, srv.URL()+"/slow?ms=60000")
		ended <- err
	}()
	if err := srv.Service().Wait(soon(t), func(st acme.Stats) bool { return st.SlowStarted == 1 }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := srv.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the request was answered")
	}
	if err := srv.Service().Wait(soon(t), func(st acme.Stats) bool { return st.SlowCancelled == 1 }); err != nil {
		t.Errorf("the request still runs: %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := acme.New().Wait(ctx, func(acme.Stats) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestToken(t *testing.T) {
	s := acme.New(acme.Options{Token: "right"})
	for header, want := range map[string]int{
		"":                            401,
		"Authorization: right":        401,
		"Authorization: Bearer":       401,
		"Authorization: Bearer wrong": 401,
		"Authorization: Basic right":  401,
		"Authorization: Bearer right": 200,
		"Authorization: bearer right": 200,
	} {
		w := send(s.Handler(), "GET", "/health", "", header)
		if w.Code != want || (want == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%q: %d, WWW-Authenticate %q", header, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	if st := s.Stats(); st.Total != 7 || st.Unauthorized != 5 || st.Routes["GET /health"] != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestStats(t *testing.T) {
	s := acme.New()
	send(s, "GET", "/invoices/"+acme.FirstOrder+".xml", "")
	send(s, "HEAD", "/empty", "")
	send(s, "GET", "/slow?ms=0", "")
	send(s, "PUT", "/orders", "")
	send(s, "GET", "/nowhere", "")
	st := s.Stats()
	if st.Total != 5 || st.Unmatched != 2 || st.SlowStarted != 1 || st.SlowFinished != 1 || st.SlowCancelled != 0 {
		t.Errorf("stats %+v", st)
	}
	for _, route := range []string{"GET /invoices/{order_id}.xml", "GET /empty", "GET /slow"} {
		if st.Routes[route] != 1 {
			t.Errorf("%s counted %d times", route, st.Routes[route])
		}
	}
	st.Routes["GET /empty"] = 9
	if s.Stats().Routes["GET /empty"] != 1 {
		t.Error("a caller can change the counts")
	}
	if got := send(s, "PUT", "/orders", "").Header().Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow %q", got)
	}
}
