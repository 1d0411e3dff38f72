package cmd

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// parseArguments makes a JSON object of the words k=v and k:=json. A value
// after = is a string, which the tool's schema makes a number or boolean of
// where it asks for one.
func parseArguments(words []string) ([]byte, error) {
	dst := []byte{'{'}
	for i, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found || name == "" || name == ":" {
			return nil, usageError{fmt.Errorf("argument %q: want name=text or name:=json", word)}
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		raw, isJSON := strings.CutSuffix(name, ":")
		dst = append(strictjson.AppendString(dst, raw), ':')
		switch {
		case !isJSON:
			dst = strictjson.AppendString(dst, value)
		case !json.Valid([]byte(value)):
			return nil, usageError{fmt.Errorf("argument %q: %s is not JSON", raw, value)}
		default:
			dst = append(dst, value...)
		}
	}
	dst = append(dst, '}')
	if err := strictjson.Check(dst, strictjson.MaxDepth); err != nil {
		return nil, usageError{fmt.Errorf("arguments: %w", err)}
	}
	return dst, nil
}

// parseCaller reads subject[:role,role].
func parseCaller(text string) gateway.Caller {
	subject, roles, found := strings.Cut(text, ":")
	caller := gateway.Caller{Subject: subject}
	if found && roles != "" {
		caller.Roles = strings.Split(roles, ",")
	}
	return caller
}
