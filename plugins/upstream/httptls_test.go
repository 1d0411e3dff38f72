package upstream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// authority signs certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue signs a certificate and returns it and its key as PEM.
func (a *authority) issue(t *testing.T, names ...string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if len(names) > 0 {
		template.IPAddresses = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

func file(t *testing.T, data []byte) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(f, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// secureServer demands a client certificate of the authority.
func secureServer(t *testing.T, a *authority, version uint16, names ...string) string {
	t.Helper()
	cert, key := a.issue(t, names...)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: version}
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestTLS(t *testing.T) {
	trusted, other := newAuthority(t), newAuthority(t)
	cert, key := trusted.issue(t)
	good := func() *upstream.HTTPTLS {
		return &upstream.HTTPTLS{CA: file(t, trusted.pem), Cert: file(t, cert), Key: file(t, key)}
	}
	byAddress, byName := secureServer(t, trusted, 0), secureServer(t, trusted, 0, "crm.internal")
	old := secureServer(t, trusted, tls.VersionTLS11)
	for _, tt := range []struct {
		name string
		url  string
		tls  func(*upstream.HTTPTLS)
		fine bool
	}{
		{"all right", byAddress, func(*upstream.HTTPTLS) {}, true},
		{"another authority", byAddress, func(s *upstream.HTTPTLS) { s.CA = file(t, other.pem) }, false},
		{"the system's roots", byAddress, func(s *upstream.HTTPTLS) { s.CA = "" }, false},
		{"another name", byName, func(*upstream.HTTPTLS) {}, false},
		{"a name that is told", byName, func(s *upstream.HTTPTLS) { s.ServerName = "crm.internal" }, true},
		{"tls 1.1", old, func(*upstream.HTTPTLS) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := base(tt.url)
			s.TLS = good()
			tt.tls(s.TLS)
			op := prepare(t, build(t, s), short(t, "POST /"))
			for range 3 {
				status, _, err := do(t, op, `{}`)
				if tt.fine && (err != nil || status != 204) {
					t.Fatalf("%d, %v", status, err)
				}
				if !tt.fine && (err == nil || kindOf(t, err) != plugins.KindConnect) {
					t.Fatalf("%d, %v", status, err)
				}
			}
		})
	}
}
