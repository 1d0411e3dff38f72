package edge

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// certificateCheck is how often, at most, the certificate files are looked at.
const certificateCheck = 10 * time.Second

// TLS names the PEM files of a TLS listener. They are read again when they
// change, so that a renewed certificate needs no restart.
type TLS struct {
	// Cert is the certificate with its chain, Key its private key.
	Cert, Key string
	// ClientCA, if set, demands client certificates signed by one of its
	// authorities.
	ClientCA string
}

// certificates keeps the TLS configuration in step with its files.
type certificates struct {
	files   TLS
	log     *slog.Logger
	every   time.Duration
	current atomic.Pointer[tls.Config]
	// stamp is the state of the files when they were last read.
	stamp   atomic.Pointer[string]
	checked atomic.Int64
	// reading keeps an older reading from replacing a newer one.
	reading sync.Mutex
}

// CheckTLS reads the files of a TLS listener and reports what makes them
// unusable: a file that is missing or not PEM, a key that does not belong to
// the certificate, a client_ca without a certificate.
func CheckTLS(files TLS) error {
	_, err := files.load()
	return err
}

// RefreshTLS reads the certificate files again at once. An error leaves the
// old certificate in force. Without TLS it does nothing.
func (s *Server) RefreshTLS() error {
	if s.certs == nil {
		return nil
	}
	return s.certs.read()
}

func loadCertificates(files TLS, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: files, log: log, every: certificateCheck}
	if err := c.read(); err != nil {
		return nil, err
	}
	c.checked.Store(time.Now().UnixNano())
	return c, nil
}

// read reads the files and puts them in force.
func (c *certificates) read() error {
	c.reading.Lock()
	defer c.reading.Unlock()
	stamp := c.stampOf()
	c.stamp.Store(&stamp)
	config, err := c.files.load()
	if err != nil {
		return err
	}
	c.current.Store(config)
	return nil
}

// config is what the listener uses; it asks for the certificate of the day.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c.refresh()
			return c.current.Load(), nil
		},
	}
}

// refresh reads the files again if they have changed. What cannot be read
// leaves the old certificate in force.
func (c *certificates) refresh() {
	now, last := time.Now().UnixNano(), c.checked.Load()
	if now-last < int64(c.every) || !c.checked.CompareAndSwap(last, now) {
		return
	}
	if c.stampOf() == *c.stamp.Load() {
		return
	}
	if err := c.read(); err != nil {
		c.log.Error("the new certificate is not usable; the old one stays in force", "error", err)
		return
	}
	c.log.Info("certificate read again")
}

// stampOf tells the times and sizes of the files.
func (c *certificates) stampOf() string {
	var b strings.Builder
	for _, name := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%d %d;", info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}

// own is the certificate in force, or nil.
func (c *certificates) own() *tls.Certificate {
	if c == nil {
		return nil
	}
	if list := c.current.Load().Certificates; len(list) > 0 {
		return &list[0]
	}
	return nil
}

// load reads the files.
func (t TLS) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s and key %s: %w", t.Cert, t.Key, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"http/1.1"},
	}
	if t.ClientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client_ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client_ca %s: no certificate in PEM form in it", t.ClientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
