package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certificateFiles is a self-signed certificate in files.
type certificateFiles struct {
	TLS
	pool *x509.CertPool
}

func newCertificate(t *testing.T, name string) *certificateFiles {
	t.Helper()
	dir := t.TempDir()
	f := &certificateFiles{TLS: TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
	f.write(t, name)
	return f
}

// write makes a new certificate and replaces the files.
func (f *certificateFiles) write(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		f.Cert: {Type: "CERTIFICATE", Bytes: der}, f.Key: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.pool = x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	f.pool.AddCert(leaf)
}

func (f *certificateFiles) client() *tls.Config {
	return &tls.Config{RootCAs: f.pool, ServerName: "a.example"}
}

// ask sends a request over TLS and returns the answer, or the error.
func ask(s *Server, config *tls.Config) (string, error) {
	c, err := tls.Dial("tcp", s.Addr().String(), config)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

func TestTLS(t *testing.T) {
	files := newCertificate(t, "a.example")
	s := startWith(t, Config{Handler: handlerFunc(echo), TLS: &files.TLS}, quick())
	answer, err := ask(s, files.client())
	if err != nil || !strings.Contains(answer, "GET /? a.example []") {
		t.Errorf("%q, %v", answer, err)
	}
	old := files.client()
	old.MaxVersion = tls.VersionTLS11
	if _, err := ask(s, old); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	c := dial(t, s)
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, body := c.read("GET"); resp.StatusCode != 400 || !strings.Contains(body, "https") {
		t.Errorf("HTTP on an HTTPS port: %d %q", resp.StatusCode, body)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	files := newCertificate(t, "a.example")
	s, err := listen(Config{Addr: "127.0.0.1:0", Handler: handlerFunc(echo)}, quick())
	if err != nil {
		t.Fatal(err)
	}
	certs, err := loadCertificates(files.TLS, s.log)
	if err != nil {
		t.Fatal(err)
	}
	certs.every = 0
	s.listener.tls = certs.config()
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	defer func() {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
	}()
	before := files.client()
	if _, err := ask(s, before); err != nil {
		t.Fatal(err)
	}
	files.write(t, "a.example")
	if err := os.Chtimes(files.Cert, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(s, files.client()); err != nil {
		t.Errorf("the new certificate is not used: %v", err)
	}
	if _, err := ask(s, before); err == nil {
		t.Error("the old certificate is still used")
	}
	if err := os.WriteFile(files.Cert, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(s, files.client()); err != nil {
		t.Errorf("a broken file took the certificate out of force: %v", err)
	}
}

func TestClientCertificates(t *testing.T) {
	files, ca := newCertificate(t, "a.example"), newCertificate(t, "client")
	files.ClientCA = ca.Cert
	s := startWith(t, Config{Handler: handlerFunc(echo), TLS: &files.TLS}, quick())
	if _, err := ask(s, files.client()); err == nil {
		t.Error("a client without a certificate was served")
	}
	config := files.client()
	pair, err := tls.LoadX509KeyPair(ca.Cert, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	if answer, err := ask(s, config); err != nil || !strings.Contains(answer, "200 OK") {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestRefreshTLS: the certificate is read at once, though it was just looked
// at; what is wrong with it is told, and the old one stays.
func TestRefreshTLS(t *testing.T) {
	files := newCertificate(t, "a.example")
	s := startWith(t, Config{Handler: handlerFunc(echo), TLS: &files.TLS}, quick())
	before := files.client()
	files.write(t, "a.example")
	if err := s.RefreshTLS(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(s, files.client()); err != nil {
		t.Errorf("the new certificate is not used: %v", err)
	}
	if _, err := ask(s, before); err == nil {
		t.Error("the old certificate is still used")
	}
	if err := os.WriteFile(files.Key, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.RefreshTLS(); err == nil {
			t.Error("a broken key: no error")
		}
	}
	if _, err := ask(s, files.client()); err != nil {
		t.Errorf("a broken file took the certificate out of force: %v", err)
	}
	if err := start(t, echo).RefreshTLS(); err != nil {
		t.Errorf("without TLS: %v", err)
	}
}

func TestCheckTLS(t *testing.T) {
	files, other := newCertificate(t, "a.example"), newCertificate(t, "b.example")
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files TLS
		want  string
	}{
		"good":          {TLS{Cert: files.Cert, Key: files.Key, ClientCA: other.Cert}, ""},
		"no key":        {TLS{Cert: files.Cert, Key: garbage + "2"}, garbage + "2: "},
		"garbage":       {TLS{Cert: garbage, Key: files.Key}, garbage},
		"another's key": {TLS{Cert: files.Cert, Key: other.Key}, "does not match"},
		"no client_ca":  {TLS{Cert: files.Cert, Key: files.Key, ClientCA: garbage + "2"}, "client_ca: "},
		"bad client_ca": {TLS{Cert: files.Cert, Key: files.Key, ClientCA: garbage}, "client_ca " + garbage},
	} {
		err := CheckTLS(test.files)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// TestTakenPort: the error names the address once.
func TestTakenPort(t *testing.T) {
	s := start(t, echo)
	addr := s.Addr().String()
	_, err := Listen(Config{Addr: addr, Handler: handlerFunc(echo)})
	_, adminErr := ListenAdmin(AdminConfig{Addr: addr})
	for _, err := range []error{err, adminErr} {
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), addr+" is taken by another process: ") || strings.Count(err.Error(), addr) != 1 || strings.Contains(err.Error(), "listen") {
			t.Errorf("error %v", err)
		}
	}
}

func TestListenErrors(t *testing.T) {
	files := newCertificate(t, "a.example")
	for name, cfg := range map[string]Config{
		"address":   {Addr: "127.0.0.1:99999"},
		"no file":   {Addr: "127.0.0.1:0", TLS: &TLS{Cert: "none", Key: "none"}},
		"client_ca": {Addr: "127.0.0.1:0", TLS: &TLS{Cert: files.Cert, Key: files.Key, ClientCA: files.Key}},
	} {
		cfg.Handler = handlerFunc(echo)
		if _, err := Listen(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
