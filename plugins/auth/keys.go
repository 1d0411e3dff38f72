package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// keySource gives the keys in force of an issuer.
type keySource interface {
	// current returns the keys in force, or nil. It is cheap.
	current(now time.Time) *keySet
	// renew looks for newer keys because a token names one that is not in
	// force, and returns when there is news, or in vain after a short time.
	renew(ctx context.Context, now time.Time)
	// ready returns nil once keys were loaded.
	ready() error
}

// fixedKeys are keys that change only with the manifest.
type fixedKeys struct{ set *keySet }

func (f fixedKeys) current(time.Time) *keySet        { return f.set }
func (f fixedKeys) renew(context.Context, time.Time) {}
func (f fixedKeys) ready() error                     { return nil }

// fileKeys reads the key set of a file. It is read whenever the part is built,
// so a reload puts a changed file in force.
func fileKeys(path string, env plugins.Env) (keySource, error) {
	bad := func(err error) error {
		return &plugins.FieldError{Path: []string{"jwks_file"}, Message: err.Error()}
	}
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &plugins.FieldError{
			Path: []string{"jwks_file"}, Message: "there is no such file",
			Hint: `for development, "sallyport token --keys FOLDER" makes a key pair with its jwks.json`,
		}
	}
	if err != nil {
		return nil, bad(err)
	}
	set, skipped, err := parseKeySet(data)
	if err != nil && len(skipped) > 0 {
		err = fmt.Errorf("%w: %s", err, skipped[0])
	}
	if err != nil {
		return nil, bad(err)
	}
	for _, why := range skipped {
		env.Log.Warn("key left out", "jwks_file", path, "why", why)
	}
	return fixedKeys{set}, nil
}

// readFile reads a key set's file, up to the size of the largest one.
func readFile(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the key set can't be read: %w", withoutPath(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("the key set can't be read: %w", withoutPath(err))
	}
	return data, nil
}

// withoutPath takes away the path, which the manifest says already.
func withoutPath(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// keySourceOf returns where the keys of an issuer come from. Fetched key sets
// outlive reloads, one fetcher for each URL.
func keySourceOf(s Issuer, env plugins.Env, with fetching) (keySource, error) {
	switch {
	case !s.Secret.Empty():
		return fixedKeys{secretKeys(s.Secret.Reveal())}, nil
	case s.JWKSFile != "":
		return fileKeys(s.JWKSFile, env)
	}
	name, where := "auth.jwt jwks "+s.JWKS, fixedLocation(s.JWKS)
	if s.JWKS == "" {
		name, where = "auth.jwt issuer "+s.Issuer, discovery(s.Issuer)
	}
	kept, err := env.Keep(name, func() (io.Closer, error) {
		return newRemoteKeys(s.Issuer, where, env, with), nil
	})
	if err != nil {
		return nil, fmt.Errorf("key set of %s: %w", s.Issuer, err)
	}
	remote, ok := kept.(*remoteKeys)
	if !ok {
		return nil, fmt.Errorf("key set of %s: kept value is %T", s.Issuer, kept)
	}
	return remote, nil
}
