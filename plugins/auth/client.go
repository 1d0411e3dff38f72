package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// newTransport makes the transport by which key sets are fetched. It takes no
// proxy from the environment, and refuses at dial time, when names are
// resolved, to talk to link-local addresses: cloud metadata services live
// there. Private addresses are fine, identity providers are often internal.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: -1, Control: refuseAddress}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true, // minutes pass between two fetches
		DisableCompression:     true, // no bombs
	}
}

// refuseAddress is a net.Dialer's Control.
func refuseAddress(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	if isMetadata(to.Addr()) {
		return errors.New("dial: the name resolves to a link-local or metadata address, which is refused")
	}
	return nil
}

// isMetadata reports whether an address is link-local, or that of a cloud's
// metadata service elsewhere.
func isMetadata(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if netip.MustParsePrefix("64:ff9b::/96").Contains(a) { // NAT64, RFC 6052
		b := a.As16()
		a, _ = netip.AddrFromSlice(b[12:])
	}
	return a.IsLinkLocalUnicast() || a == netip.MustParseAddr("fd00:ec2::254")
}

// answer is what a fetched document came with.
type answer struct {
	status int
	body   []byte
	maxAge time.Duration // of Cache-Control; negative if it says nothing
}

// fetch gets a JSON document of at most maxKeySet bytes. No redirect is
// followed. Errors hold nothing the server sent.
func fetch(ctx context.Context, rt http.RoundTripper, where string) (_ *answer, err error) {
	u, err := checkedURL(where)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", u.Redacted(), err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "sallyport")
	client := &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", u.Redacted(), err)
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("%s answered more than 1 MiB", u.Redacted())
	}
	return &answer{status: resp.StatusCode, body: body, maxAge: maxAge(resp.Header.Values("Cache-Control"))}, nil
}

// withoutURL takes the error out of what the client wraps it in, which may
// hold a URL the server named.
func withoutURL(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return fmt.Errorf("fetch: %w", outer.Err)
	}
	return fmt.Errorf("fetch: %w", err)
}

// statusError says what an answer other than 200 means.
func statusError(status int, where string) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("%s answered a redirect (%d), which is not followed; write the final URL", where, status)
	default:
		return fmt.Errorf("%s answered status %d", where, status)
	}
}

// maxAge reads max-age of Cache-Control (RFC 9111, section 5.2.2.1); negative
// if there is none, zero if the answer is not to be stored.
func maxAge(values []string) time.Duration {
	age := time.Duration(-1)
	for _, directive := range strings.Split(strings.ToLower(strings.Join(values, ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err == nil {
				age = time.Duration(seconds) * time.Second
			}
		}
	}
	return age
}
