package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/edge"
	"github.com/sallyport-mcp/sallyport/gateway/internal/seal"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// headerForwarded vouches for a request that another replica passes on.
	headerForwarded  = "Sallyport-Forwarded"
	purposeForwarded = "forwarded"
	// vouchedFor is how long such a header is good.
	vouchedFor = 30 * time.Second
)

// home is the URL by which other replicas reach this one; empty if they can't,
// or if there are none: without shared keys no other could read what this one
// seals.
func (g *Gateway) home(s *snapshot) string {
	server := &s.manifest.Server
	switch {
	case len(server.Keys) == 0:
		return ""
	case server.Replica != "":
		return strings.TrimSuffix(server.Replica, "/")
	}
	addr, ok := g.Addr().(*net.TCPAddr)
	if !ok || addr.IP.IsUnspecified() {
		return ""
	}
	scheme := "http://"
	if server.TLS != nil {
		scheme = "https://"
	}
	return scheme + addr.String()
}

// forward passes the request on to the replica that has what it is about, and
// reports whether it has been answered that way. What can't be reached is
// served here, as far as possible.
func (x *exchange) forward(home string) bool {
	if home == "" || x.vouched || home == x.g.home(x.s) || x.single != nil {
		return false
	}
	forwarder := x.g.forwarder()
	if forwarder == nil {
		return false
	}
	ctx := context.Background()
	if x.req.Method == "GET" { // a stream that ends when somebody ends it
		ctx = x.g.serving
	}
	err := forwarder.Forward(ctx, x.req, x.resp, home, [][2]string{{headerForwarded, x.vouch()}})
	if errors.Is(err, edge.ErrUnreachable) {
		return false
	}
	x.forwarded = true
	if err != nil {
		x.fail(nil, &plugins.Error{Kind: plugins.KindOverload, RetryAfter: time.Second, Cause: err,
			Message: "The replica that serves this session did not answer. Try again in a second."})
	}
	return true
}

// vouch tells another replica who the client is.
func (x *exchange) vouch() string {
	plain := strconv.AppendInt(nil, time.Now().Add(vouchedFor).Unix(), 10)
	plain = append(plain, ' ')
	plain = append(plain, x.remote.String()...)
	return x.g.ring.Load().SealString(purposeForwarded, plain, nil)
}

// vouchedRemote is the client's address of a request that another replica has
// passed on.
func (x *exchange) vouchedRemote() (netip.Addr, bool) {
	if len(x.s.manifest.Server.Keys) == 0 {
		return netip.Addr{}, false
	}
	token, ok := x.req.Header(headerForwarded)
	if !ok {
		return netip.Addr{}, false
	}
	plain, err := x.g.ring.Load().OpenString(purposeForwarded, token, nil)
	if err != nil {
		return netip.Addr{}, false
	}
	until, address, _ := strings.Cut(string(plain), " ")
	expires, err := strconv.ParseInt(until, 10, 64)
	if err != nil || time.Now().Unix() > expires {
		return netip.Addr{}, false
	}
	remote, err := netip.ParseAddr(address)
	return remote, err == nil
}

// foreign tells the operator, at most once a minute, of what another key has
// sealed: all replicas must have the same.
func (g *Gateway) foreign(err error) {
	if !errors.Is(err, errForeignSession) && !errors.Is(err, seal.ErrForeign) {
		return
	}
	now, last := time.Now().Unix(), g.warnedOfKeys.Load()
	if now-last >= 60 && g.warnedOfKeys.CompareAndSwap(last, now) {
		g.log.Warn("a client came with an id that another key has sealed: do all replicas have the same server.keys?")
	}
}

// forwarder is what requests are passed on by; nil before Listen.
func (g *Gateway) forwarder() *edge.Forwarder {
	g.listeners.Lock()
	defer g.listeners.Unlock()
	return g.replicas
}
