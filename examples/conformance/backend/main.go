// Command backend is the service behind the conformance example: it answers
// what the fixtures of the MCP conformance suite need from a service.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:9100", "address to listen on")
	folder := flag.String("generated", "", "folder for the parts of the manifest that change; empty if nothing changes")
	admin := flag.String("admin", "http://127.0.0.1:9090", "admin listeners of the gateways to reload after a change, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, &catalog{folder: *folder, admins: strings.Split(*admin, ",")}); err != nil {
		slog.Error("backend ended", "error", err)
		os.Exit(1)
	}
}

// serve answers on addr until the context ends.
func serve(ctx context.Context, addr string, changing *catalog) error {
	if err := changing.begin(); err != nil {
		return err
	}
	server := &http.Server{
		Addr:              addr,
		Handler:           handler(changing),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	slog.Info("backend listens", "address", addr)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
