package cmd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// maxAnswer is the most that is read of a running gateway's answer.
const maxAnswer = 64 << 20

// callRemote calls a tool of a running gateway, as a client of the newest
// revision.
func (a *app) callRemote(c *cobra.Command, flags calling, tool string, arguments []byte) error {
	switch {
	case flags.dryRun:
		return usageError{errors.New("--dry-run reads a manifest: leave --url out")}
	case len(flags.answers) > 0:
		return usageError{errors.New("--answer is for calls of a manifest: leave --url out")}
	}
	body := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":`)
	body = strictjson.AppendString(body, tool)
	body = append(append(body, `,"arguments":`...), arguments...)
	body = append(body, `,"_meta":{"io.modelcontextprotocol/protocolVersion":"`+string(mcp.Newest)+
		`","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"sallyport","version":`...)
	body = append(strictjson.AppendString(body, Version()), `}}}}`...)
	request, err := http.NewRequestWithContext(c.Context(), http.MethodPost, flags.url, bytes.NewReader(body))
	if err != nil {
		return usageError{fmt.Errorf("--url: %w", err)}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set(mcp.HeaderRevision, string(mcp.Newest))
	request.Header.Set(mcp.HeaderMethod, "tools/call")
	request.Header.Set(mcp.HeaderName, headerValue(tool))
	if flags.token != "" {
		request.Header.Set("Authorization", "Bearer "+flags.token)
	}
	answer, status, err := exchange(request)
	if err != nil {
		return err
	}
	err = a.printResponse(answer, flags.raw)
	if err != nil && bytes.Contains(answer, []byte(`"code":-32021`)) {
		return fmt.Errorf("%s; call it without --url, or use a client that can", strings.TrimSuffix(err.Error(), "."))
	}
	if status == http.StatusUnauthorized {
		return fmt.Errorf("%w; pass a valid token with --token, or in SALLYPORT_TOKEN", err)
	}
	return err
}

// headerValue wraps a value that is no plain ASCII, as Mcp-Name wants it.
func headerValue(s string) string {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
		}
	}
	return s
}

// exchange sends a request and reads the whole answer.
func exchange(request *http.Request) ([]byte, int, error) {
	client := http.Client{Timeout: 2 * time.Minute}
	response, err := client.Do(request)
	if err != nil {
		return nil, 0, fmt.Errorf("ask the gateway: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the gateway's answer: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind == "text/event-stream" {
		answer = lastEvent(answer)
	}
	return answer, response.StatusCode, nil
}

// lastEvent is the data of a stream's last event: the answer, after all that
// was said before it (HTML, section 9.2.6).
func lastEvent(stream []byte) []byte {
	var last, data []byte
	for line := range bytes.Lines(stream) {
		line = bytes.TrimRight(line, "\r\n")
		if rest, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(data, bytes.TrimPrefix(rest, []byte(" "))...)
		}
		if len(line) == 0 && len(data) > 0 {
			last, data = data, nil
		}
	}
	return last
}
