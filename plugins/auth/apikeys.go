package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxAPIKey is the longest API key looked at, in bytes.
const maxAPIKey = 4096

// APIKeySettings are the known API keys.
type APIKeySettings []APIKey

// APIKey is one known API key, by its hash.
type APIKey struct {
	Name   string   `manifest:"name,required" doc:"Name of the caller that holds the key."`
	SHA256 string   `manifest:"sha256,required" doc:"SHA-256 of the key, in hexadecimal: printf %s KEY | sha256sum."`
	Roles  []string `manifest:"roles" doc:"Roles of that caller."`
	Scopes []string `manifest:"scopes" doc:"OAuth scopes of that caller."`
}

// APIKeys is the part auth.api_keys: callers present a key as X-API-Key or as
// a bearer token. Only its SHA-256 is known here, and it is found by that
// hash, so the time of a look-up tells nothing about other keys.
func APIKeys() plugins.AuthPart {
	return plugins.NewAuthPart("api_keys",
		"Callers known by an API key, sent as X-API-Key or as a bearer token.",
		func(s APIKeySettings, _ plugins.Env) (plugins.Authenticator, error) {
			if err := s.Validate(); err != nil {
				return nil, err
			}
			return newAPIKeys(s), nil
		})
}

// Validate refuses keys that can't be told apart, and hashes that are none.
// Its errors are plugins.FieldErrors.
func (s APIKeySettings) Validate() error {
	var errs plugins.FieldErrors
	add := func(i int, field, message, hint string) {
		errs = append(errs, &plugins.FieldError{
			Path: []string{strconv.Itoa(i), field}, Message: message, Hint: hint,
		})
	}
	names, hashes := map[string]int{}, map[[sha256.Size]byte]int{}
	for i, k := range s {
		if k.Name == "" {
			add(i, "name", "want a name", "")
		} else if _, twice := names[k.Name]; twice {
			add(i, "name", "another API key has the same name", "")
		}
		names[k.Name] = i
		h, ok := hashOf(k.SHA256)
		switch _, twice := hashes[h]; {
		case !ok:
			add(i, "sha256", "want 64 hexadecimal digits", "make it with: printf %s KEY | sha256sum")
		case twice:
			add(i, "sha256", "another API key has the same hash", "give each caller a key of its own")
		case h == sha256.Sum256(nil):
			add(i, "sha256", "this is the hash of an empty key", "make it with: printf %s KEY | sha256sum")
		default:
			hashes[h] = i
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

func hashOf(text string) (h [sha256.Size]byte, ok bool) {
	if len(text) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil
}

type apiKeys struct {
	byHash map[[sha256.Size]byte]*plugins.Principal
}

func newAPIKeys(s APIKeySettings) *apiKeys {
	a := &apiKeys{byHash: make(map[[sha256.Size]byte]*plugins.Principal, len(s))}
	for _, k := range s {
		h, _ := hashOf(k.SHA256)
		a.byHash[h] = &plugins.Principal{
			Key:     "api_key:" + k.Name,
			Subject: k.Name,
			Client:  k.Name,
			Roles:   slices.Clone(k.Roles),
			Scopes:  slices.Clone(k.Scopes),
		}
	}
	return a
}

func (*apiKeys) rank() int { return rankAPIKeys }

// Authenticate returns the principal that holds the presented key.
func (a *apiKeys) Authenticate(_ context.Context, c *plugins.Credentials) (*plugins.Principal, error) {
	key := c.APIKey
	if key == "" {
		key = c.Bearer
	}
	if key == "" {
		return nil, nil
	}
	if len(key) <= maxAPIKey {
		if p := a.byHash[sha256.Sum256([]byte(key))]; p != nil {
			return p, nil
		}
	}
	return nil, refuse(reasonAPIKey, "the API key is not known", nil)
}
