package edge

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// dialTLS connects to a replica with TLS. The replica may demand a client
// certificate: then it gets ours.
func (f *Forwarder) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &dialError{err}
	}
	plain, err := dialReplica(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	own := f.own.own()
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: host,
		NextProtos: []string{"http/1.1"},
		//nolint:gosec // VerifyConnection verifies
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return verifyReplica(state.PeerCertificates, host, own) },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if own == nil {
				return new(tls.Certificate), nil
			}
			return own, nil
		},
	}
	ctx, cancel := context.WithTimeout(ctx, forwardHandshake)
	defer cancel()
	c := tls.Client(plain, config)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // the handshake has failed already
		return nil, &dialError{err}
	}
	return c, nil
}

// verifyReplica accepts a peer that has the key of our own certificate, which
// the handshake has proved, or a certificate that verifies for its host.
// Replicas commonly share a certificate for the name that clients know, and are
// reached by their addresses among themselves.
func verifyReplica(chain []*x509.Certificate, host string, own *tls.Certificate) error {
	if len(chain) == 0 {
		return errors.New("the replica has no certificate")
	}
	if own != nil && own.Leaf != nil && sameKey(chain[0], own.Leaf) {
		return nil
	}
	options := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return fmt.Errorf("the replica's certificate has another key than ours, and does not verify: %w", err)
	}
	return nil
}

// sameKey reports whether two certificates are for one key.
func sameKey(a, b *x509.Certificate) bool {
	key, ok := a.PublicKey.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && key.Equal(b.PublicKey)
}
