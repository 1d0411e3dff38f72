package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// location finds out where a key set is.
type location func(ctx context.Context, rt http.RoundTripper) (string, error)

// fixedLocation is a URL that the manifest gives.
func fixedLocation(where string) location {
	return func(context.Context, http.RoundTripper) (string, error) { return where, nil }
}

// discovery finds the key set through the issuer's metadata: that of OAuth
// authorization servers (RFC 8414, section 3) or of OpenID Connect (Discovery
// 1.0, section 4), in either form of path.
func discovery(issuer string) location {
	return func(ctx context.Context, rt http.RoundTripper) (string, error) {
		places, err := metadataURLs(issuer)
		if err != nil {
			return "", err
		}
		var errs []error
		for _, place := range places {
			doc, err := fetch(ctx, rt, place)
			if err != nil {
				// The others are on the same host.
				return "", fmt.Errorf("metadata of %s: %w", issuer, errors.Join(append(errs, err)...))
			}
			if err = statusError(doc.status, place); err == nil {
				var where string
				if where, err = keySetURL(doc.body, issuer); err == nil {
					return where, nil
				}
				err = fmt.Errorf("%s: %w", place, err)
			}
			errs = append(errs, err)
		}
		return "", fmt.Errorf("metadata of %s: %w", issuer, errors.Join(errs...))
	}
}

// metadataURLs returns where an issuer's metadata may be, in the order that
// the authorization page of MCP gives.
func metadataURLs(issuer string) ([]string, error) {
	u, err := checkedURL(issuer)
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	base := (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	const oauth, openID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	if path == "" {
		return []string{base + oauth, base + openID}, nil
	}
	return []string{base + oauth + path, base + openID + path, base + path + openID, base + path + oauth}, nil
}

// keySetURL reads jwks_uri from metadata that must be of that very issuer
// (RFC 8414, section 3.3): otherwise one issuer could speak for another.
func keySetURL(body []byte, issuer string) (string, error) {
	doc, err := strictjson.Decode(body, 32)
	if err != nil {
		return "", fmt.Errorf("the metadata is not strict JSON: %w", err)
	}
	metadata, _ := doc.(map[string]any)
	if metadata["issuer"] != issuer {
		if text, ok := metadata["issuer"].(string); ok && strings.TrimSuffix(text, "/") == strings.TrimSuffix(issuer, "/") {
			return "", errors.New("the metadata names the issuer with another final slash; write it as the metadata does")
		}
		return "", errors.New("the metadata names another issuer")
	}
	where, _ := metadata["jwks_uri"].(string)
	u, err := checkedURL(where)
	if err != nil {
		return "", errors.New("the metadata's jwks_uri is missing or not an https URL")
	}
	if from, err := checkedURL(issuer); err != nil || from.Scheme == "https" && u.Scheme != "https" {
		return "", errors.New("the metadata's jwks_uri is not an https URL")
	}
	return u.String(), nil
}
