package acme

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a service on a listener of its own.
type Server struct {
	service *Service
	http    *http.Server
	url     string
	done    chan struct{} // closed when Serve has returned
	failed  error         // why, if not for Close
}

// Start serves a new service on addr, for example "127.0.0.1:0" for a port
// that is free. Close ends it.
func Start(addr string, opts ...Options) (*Server, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start the acme service: %w", err)
	}
	s := &Server{
		service: New(opts...),
		url:     "http://" + ln.Addr().String(),
		done:    make(chan struct{}),
	}
	s.http = &http.Server{
		Handler:           s.service,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      maxSlow + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.service.stats.count(func(st *Stats) { st.Connections++ })
			}
		},
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.failed = err
		}
	}()
	return s, nil
}

// URL returns the server's base URL without a slash at the end.
func (s *Server) URL() string { return s.url }

// Service returns the service behind the server.
func (s *Server) Service() *Service { return s.service }

// Close stops accepting and waits for the requests in flight. When ctx ends
// first, it drops their connections and returns the context's error.
// Closing again does nothing.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return errors.Join(err, s.failed)
}
