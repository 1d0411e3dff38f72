package upstream

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// dialer makes connections to one host. It resolves the name for each of them,
// and dials the very addresses it has checked.
type dialer struct {
	host, port   string
	allowPrivate bool
	rules        *addressRules
	tls          *tls.Config // nil for http
	lookup       func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// key names all that connections are made from.
	key string
}

var errRefusedAddress = errors.New("the name leads to an address that upstreams may not have")

func newDialer(b *base, s HTTPSettings) (*dialer, error) {
	d := &dialer{
		host: b.host, port: b.port, allowPrivate: s.AllowPrivate, rules: newAddressRules(),
		lookup: net.DefaultResolver.LookupNetIP,
	}
	if addr, err := netip.ParseAddr(b.host); err == nil && d.rules.refused(addr, d.allowPrivate) {
		return nil, &plugins.FieldError{
			Path: []string{"url"}, Message: "upstreams may not have this address",
			Hint: "link-local and metadata addresses are never reached; private ones need allow_private: true",
		}
	}
	parts := fmt.Appendf(nil, "%t %q %s %t", b.https, b.host, b.port, s.AllowPrivate)
	if b.https {
		var err error
		if d.tls, err = s.TLS.config(b.host, func(pem []byte) { parts = fmt.Appendf(parts, " %q", pem) }); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(parts)
	d.key = hex.EncodeToString(sum[:])
	return d, nil
}

// check refuses TLS settings that can't work.
func (t *HTTPTLS) check(baseURL string) (errs plugins.FieldErrors) {
	if t == nil {
		return nil
	}
	if strings.HasPrefix(baseURL, "http://") {
		errs = append(errs, &plugins.FieldError{Path: []string{"tls"}, Message: "the URL is not https, so tls has no effect", Hint: "write https:// in `url`"})
	}
	if (t.Cert == "") != (t.Key == "") {
		errs = append(errs, &plugins.FieldError{Path: []string{"tls"}, Message: "cert and key are wanted together"})
	}
	return errs
}

// config reads the certificates; note is told all that the configuration is
// made from.
func (t *HTTPTLS) config(host string, note func([]byte)) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: host, NextProtos: []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(32),
	}
	if t == nil {
		return c, nil
	}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
		note([]byte(t.ServerName))
	}
	read := func(key, file string) ([]byte, error) {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, &plugins.FieldError{Path: []string{"tls", key}, Message: "the file can't be read: " + reason(err)}
		}
		note(pem)
		return pem, nil
	}
	if t.CA != "" {
		pem, err := read("ca", t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &plugins.FieldError{Path: []string{"tls", "ca"}, Message: "the file holds no certificate in PEM form"}
		}
	}
	if t.Cert == "" {
		return c, nil
	}
	cert, err := read("cert", t.Cert)
	if err != nil {
		return nil, err
	}
	key, err := read("key", t.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &plugins.FieldError{Path: []string{"tls", "cert"}, Message: "certificate and key don't go together: " + err.Error()}
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// dial makes a connection that is ready for a request.
func (d *dialer) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	addrs, err := d.addresses(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := d.first(ctx, addrs)
	if err != nil {
		return nil, err
	}
	if d.tls == nil {
		return newConn(raw, raw), nil
	}
	secure := tls.Client(raw, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("tls handshake: %w", err), raw.Close())
	}
	return newConn(raw, secure), nil
}

// addresses resolves the host and takes out what may not be dialed.
func (d *dialer) addresses(ctx context.Context) ([]netip.Addr, error) {
	all := make([]netip.Addr, 0, 1)
	if addr, err := netip.ParseAddr(d.host); err == nil {
		all = append(all, addr)
	} else if all, err = d.lookup(ctx, "ip", d.host); err != nil {
		return nil, fmt.Errorf("resolve: %w", err)
	}
	allowed := make([]netip.Addr, 0, len(all))
	for _, addr := range all {
		if !d.rules.refused(addr, d.allowPrivate) {
			allowed = append(allowed, addr.Unmap())
		}
	}
	if len(allowed) == 0 {
		return nil, errRefusedAddress
	}
	return allowed, nil
}

// first dials the addresses in order, each with its share of the time, and
// returns the first connection.
func (d *dialer) first(ctx context.Context, addrs []netip.Addr) (net.Conn, error) {
	port, err := strconv.ParseUint(d.port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port: %w", err)
	}
	var failed error
	for i, addr := range addrs {
		share := connectTimeout
		if deadline, ok := ctx.Deadline(); ok {
			share = time.Until(deadline) / time.Duration(len(addrs)-i)
		}
		nd := net.Dialer{Timeout: max(share, time.Millisecond)}
		c, err := nd.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, uint16(port)).String())
		if err == nil {
			return c, nil
		}
		failed = errors.Join(failed, fmt.Errorf("dial: %w", err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}
