package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// balanceRequests starts a balancer that hands each HTTP request to the next
// gateway, whatever connection or session it belongs to.
func balanceRequests(t *testing.T, gateways []gateway) string {
	t.Helper()
	var next atomic.Uint64
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			g := gateways[next.Add(1)%uint64(len(gateways))]
			// The Host stays the client's: that of the balancer.
			r.Out.URL.Scheme, r.Out.URL.Host = "http", g.address()
			r.SetXForwarded()
		},
		Transport:     transport,
		FlushInterval: -1, // streams pass at once
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // else the client has hung up
				t.Errorf("balancer: %s %s: %v", r.Method, r.URL, err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	listener, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	// The proxy breaks off an answer that begins before it has read the end of
	// the request, so that is read before.
	whole := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: whole, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		transport.CloseIdleConnections()
	})
	return "http://" + listener.Addr().String() + "/mcp"
}

// balanceConnections starts a balancer that hands each connection to the next
// gateway.
func balanceConnections(t *testing.T, gateways []gateway) string {
	t.Helper()
	listener, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for next := 0; ; next++ {
			client, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go relay(client, gateways[next%len(gateways)].address())
			}
		}
	}()
	return (&url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/mcp"}).String()
}

// relay passes bytes both ways until one side ends, which ends the other.
func relay(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
