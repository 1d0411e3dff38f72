package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// adminAnswer is the most that is read of the admin listener's answers.
const adminAnswer = 16 << 20

// adminAddress is the address of the admin listener: the one given, or that
// of the manifest.
func (a *app) adminAddress(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	// The manifest at hand may be broken; the process that runs is not. What
	// can be read of it tells the address.
	m, err := config.Load(a.source(), gateway.Keys(a.parts))
	if m == nil || (err != nil && m.Server.Admin == "") {
		return defaultAdmin, nil
	}
	if m.Server.Admin == "off" || m.Server.Admin == "" {
		return "", errors.New("the manifest switches the admin listener off: pass --admin ADDRESS")
	}
	return m.Server.Admin, nil
}

// defaultAdmin is the address of the admin listener unless a manifest says
// another.
const defaultAdmin = "127.0.0.1:9090"

// askAdmin sends a request to the admin listener and returns status and body.
func askAdmin(ctx context.Context, method, address, path string, question []byte, wait time.Duration) (int, []byte, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, nil, usageError{fmt.Errorf("admin address %q: want host:port", address)}
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+net.JoinHostPort(host, port)+path, bytes.NewReader(question))
	if err != nil {
		return 0, nil, fmt.Errorf("admin address %q: %w", address, err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask the gateway at %s: is it running? %w", address, err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, adminAnswer))
	if closeErr := response.Body.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	return response.StatusCode, body, nil
}
