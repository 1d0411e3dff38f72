package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/bench/internal/load"
	"github.com/sallyport-mcp/sallyport/bench/internal/process"
	"github.com/sallyport-mcp/sallyport/bench/internal/side"
)

// bench is a running comparison: the upstream and the sides as processes.
type bench struct {
	options
	self     string // our own binary, which is most of the sides
	folder   string // for manifests, keys and the built binary
	upstream instance
	identity identity
	tokens   []string
	numbers  load.Numbers
	sides    map[sideKey]instance
}

// sideKey names a process of a side: tools is the size of its catalog, 0 for
// the process that is called.
type sideKey struct {
	side  string
	tools int
}

// instance is a running process and its address.
type instance struct {
	*process.Process
	addr string
}

// start starts the upstream. The sides are started when they are needed.
func start(o options) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the own binary: %w", err)
	}
	folder, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	b := &bench{options: o, self: self, folder: folder, sides: map[sideKey]instance{}}
	if err := b.startUpstream(); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *bench) startUpstream() error {
	addr, err := process.FreeAddress()
	if err != nil {
		return err
	}
	if b.identity, err = newIdentity("http://" + addr); err != nil {
		return err
	}
	if b.tokens, err = b.identity.tokens(); err != nil {
		return err
	}
	keys, err := b.identity.keySet()
	if err != nil {
		return err
	}
	file := filepath.Join(b.folder, "jwks.json")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		return fmt.Errorf("write the key set: %w", err)
	}
	p, err := process.Start(b.self, upstreamSide, "-listen", addr, "-keys", file)
	if err != nil {
		return err
	}
	b.upstream = instance{p, addr}
	return b.upstream.ready()
}

// startSide starts a side's process with a catalog of so many tools.
func (b *bench) startSide(key sideKey) (instance, error) {
	if key.side == upstreamSide {
		return b.upstream, nil
	}
	addr, err := process.FreeAddress()
	if err != nil {
		return instance{}, err
	}
	name, args := b.self, []string{key.side, "-listen", addr, "-upstream", b.upstream.addr, "-tools", strconv.Itoa(key.tools)}
	if key.side == sallyportSide {
		if name, args, err = b.sallyportCommand(addr, key.tools); err != nil {
			return instance{}, err
		}
	}
	p, err := process.Start(name, args...)
	if err != nil {
		return instance{}, err
	}
	i := instance{p, addr}
	if err := i.ready(); err != nil {
		p.Stop()
		return instance{}, fmt.Errorf("%s: %w", key.side, err)
	}
	return i, nil
}

func (b *bench) sallyportCommand(listen string, tools int) (name string, args []string, err error) {
	if b.binary == "" {
		if b.binary, err = buildSallyport(b.source, b.folder); err != nil {
			return "", nil, err
		}
	}
	admin, err := process.FreeAddress()
	if err != nil {
		return "", nil, err
	}
	file, err := manifest{
		listen: listen, admin: admin, upstream: b.upstream.addr, issuer: b.identity.issuer,
		logLevel: b.logLevel, tools: catalogOf(tools),
	}.write(b.folder, fmt.Sprintf("manifest-%d.yaml", tools))
	return b.binary, []string{"serve", "-c", file}, err
}

// ready waits until the instance accepts connections.
func (i instance) ready() error {
	const patience, pause = 10 * time.Second, 20 * time.Millisecond
	client := http.Client{Timeout: time.Second}
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		res, err := client.Get("http://" + i.addr + side.ConnectionsPath) // any answer will do
		if err == nil {
			client.CloseIdleConnections()
			return res.Body.Close()
		}
		if i.Exited() {
			return fmt.Errorf("the process ended: %s", i.Log())
		}
		if time.Now().After(end) {
			return fmt.Errorf("not ready after %v: %w: %s", patience, err, i.Log())
		}
	}
}

// connections returns how many connections the upstream has accepted.
func (b *bench) connections() (n int, err error) {
	res, err := http.Get("http://" + b.upstream.addr + side.ConnectionsPath)
	if err != nil {
		return 0, fmt.Errorf("ask the upstream for its connections: %w", err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, fmt.Errorf("ask the upstream for its connections: %w", err)
	}
	return strconv.Atoi(string(text))
}

// stop ends all processes and removes the folder.
func (b *bench) stop() {
	all := []instance{b.upstream}
	for _, i := range b.sides {
		all = append(all, i)
	}
	all = slices.DeleteFunc(all, func(i instance) bool { return i.Process == nil })
	for _, i := range all {
		i.Stop()
	}
	if err := os.RemoveAll(b.folder); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}
