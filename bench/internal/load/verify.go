package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/sallyport-mcp/sallyport/bench/internal/fixture"
)

// VerifyBody accepts exactly the upstream's own answer for the call's customer.
func VerifyBody(want *fixture.Body) Verify {
	return func(answer []byte, call fixture.Call) error {
		if !bytes.Equal(answer, want.Append(nil, call.Customer[:])) {
			return errors.New("not the upstream's answer for this customer")
		}
		return nil
	}
}

// VerifyTool accepts a tools/call result of revision 2026-07-28 with the
// call's id that has the upstream's answer for the call's customer both as a
// text block and as structuredContent.
func VerifyTool(want *fixture.Body) Verify {
	return func(answer []byte, call fixture.Call) error {
		var result struct {
			IsError bool `json:"isError"`
			Content []struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"content"`
			StructuredContent json.RawMessage `json:"structuredContent"`
		}
		if err := decodeResult(answer, call, &result); err != nil {
			return err
		}
		body := want.Append(nil, call.Customer[:])
		switch {
		case result.IsError:
			return errors.New("a tool error")
		case len(result.Content) != 1 || result.Content[0].Type != "text":
			return errors.New("content is not one text block")
		case !sameJSON([]byte(result.Content[0].Text), body):
			return errors.New("the text is not the upstream's answer for this customer")
		case !sameJSON(result.StructuredContent, body):
			return errors.New("structuredContent is not the upstream's answer for this customer")
		}
		return nil
	}
}

// VerifyList accepts a tools/list result with exactly the given tools.
func VerifyList(want []fixture.Tool) Verify {
	return func(answer []byte, call fixture.Call) error {
		var result struct {
			Tools []struct {
				Name        string `json:"name"`
				Description string `json:"description"`
				InputSchema struct {
					Properties map[string]struct {
						Description string `json:"description"`
					} `json:"properties"`
				} `json:"inputSchema"`
			} `json:"tools"`
			NextCursor string `json:"nextCursor"`
		}
		if err := decodeResult(answer, call, &result); err != nil {
			return err
		}
		if len(result.Tools) != len(want) || result.NextCursor != "" {
			return fmt.Errorf("%d tools (next cursor %q), want %d on one page", len(result.Tools), result.NextCursor, len(want))
		}
		for i, tool := range result.Tools { // both are sorted by name
			argument := tool.InputSchema.Properties["customer_id"].Description
			if tool.Name != want[i].Name || tool.Description != want[i].Description || argument != fixture.ArgumentDescription {
				return fmt.Errorf("tool %d is not %s as it was defined", i, want[i].Name)
			}
		}
		return nil
	}
}

// decodeResult decodes the result of a JSON-RPC answer to call.
func decodeResult(answer []byte, call fixture.Call, result any) error {
	var envelope struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if envelope.JSONRPC != "2.0" || !bytes.Equal(envelope.ID, call.ID[:]) {
		return fmt.Errorf("id is %s, want %s", envelope.ID, call.ID)
	}
	if envelope.Result == nil {
		return errors.New("no result")
	}
	var kind struct {
		ResultType string `json:"resultType"`
	}
	if err := json.Unmarshal(envelope.Result, &kind); err != nil {
		return fmt.Errorf("bad result: %w", err)
	}
	if kind.ResultType != "complete" {
		return fmt.Errorf("resultType is %q, want complete", kind.ResultType)
	}
	if err := json.Unmarshal(envelope.Result, result); err != nil {
		return fmt.Errorf("bad result: %w", err)
	}
	return nil
}

// sameJSON compares two JSON values, numbers by their digits.
func sameJSON(a, b []byte) bool {
	var values [2]any
	for i, text := range [2][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
