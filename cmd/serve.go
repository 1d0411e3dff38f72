package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// serve runs the gateway.
func (a *app) serve() *cobra.Command {
	var watch bool
	var examples exampleFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway. SIGHUP reloads the manifest, SIGTERM drains.",
		Args:  noWords,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := examples.check(); err != nil {
				return err
			}
			return a.run(c.Context(), a.source(), running{watch: watch, examples: examples})
		},
	}
	a.manifestFlag(c)
	c.Flags().BoolVar(&watch, "watch", false, "reload whenever a file of the manifest changes")
	examples.add(c)
	return c
}

// running is how a gateway is run.
type running struct {
	watch    bool
	examples exampleFlags
	// ready is called once the listeners are open; nil if nobody wants to know.
	ready func(*gateway.Gateway) error
}

// exampleFlags say how a gateway uses the examples of its manifest.
type exampleFlags struct {
	mock   bool
	record string
	// files are files and folders with more examples.
	files []string
}

// add gives a command the flags.
func (e *exampleFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&e.mock, "mock", false, "answer from the manifest's examples; no service is asked")
	c.Flags().StringVar(&e.record, "record", "", "write calls as examples to this `FOLDER`, secrets removed")
	c.Flags().StringArrayVar(&e.files, "examples", nil, "with --mock: answer also from the examples in this file or folder; may be written several times")
	c.MarkFlagsMutuallyExclusive("mock", "record")
}

// check refuses flags that make no sense together.
func (e *exampleFlags) check() error {
	if len(e.files) > 0 && !e.mock {
		return usageError{errors.New("--examples is for --mock: other calls are answered by the services")}
	}
	return nil
}

// with are the options of a gateway that does so.
func (e *exampleFlags) with(o gateway.Options) gateway.Options {
	o.Mock, o.Record = e.mock, e.record
	o.Source.Examples = e.files
	return o
}

// run runs a gateway until a signal ends it.
func (a *app) run(ctx context.Context, source config.Source, how running) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	log := newLog(a.stderr)
	g, err := gateway.New(how.examples.with(gateway.Options{Source: source, Parts: a.parts, Log: log.Logger, Version: Version()})) //nolint:contextcheck // what it starts has a life of its own
	if err != nil {
		return a.report(err)
	}
	log.configure(g.Manifest().Telemetry.Logs)
	reload := a.reloader(g, log) //nolint:contextcheck // what it starts has a life of its own
	if how.watch {               // before anybody is told that the gateway is up: no change is missed
		watcher, watchErr := watchFiles(g.Manifest, log.Logger, reload)
		if watchErr != nil {
			return errors.Join(watchErr, g.Close()) //nolint:contextcheck // what it starts has a life of its own
		}
		defer watcher.stop()
	}
	if err = g.Listen(); err != nil { //nolint:contextcheck // Shutdown ends it, after ctx has ended
		return errors.Join(err, g.Close()) //nolint:contextcheck // what it starts has a life of its own
	}
	started(log.Logger, g)
	warn(log.Logger, g)
	if how.ready != nil {
		if err = how.ready(g); err != nil {
			return errors.Join(err, g.Close()) //nolint:contextcheck // what it starts has a life of its own
		}
	}
	done := make(chan error, 1)
	go func() { done <- g.Run() }()
	return obey(ctx, g, signals, done, reload, log.Logger)
}

// started logs where the gateway listens.
func started(log *slog.Logger, g *gateway.Gateway) {
	admin := "off"
	if addr := g.AdminAddr(); addr != nil {
		admin = addr.String()
	}
	generation := g.Generation()
	log.Info("sallyport is up", "version", Version(), "mcp", g.Addr().String(), "admin", admin,
		"tools", generation.Tools, "generation", generation.Number, "hash", generation.Hash)
}

// warn logs the warnings of the manifest in force.
func warn(log *slog.Logger, g *gateway.Gateway) {
	for _, w := range g.Warnings() {
		log.Warn("manifest", "problem", w.Error(), "hint", w.Hint)
	}
}

// reloader returns what SIGHUP and a changed file do: reload, and say how it
// ended, with places.
func (a *app) reloader(g *gateway.Gateway, log *logger) func() {
	return func() {
		generation, err := g.Reload()
		g.LogReload(generation, err)
		if err != nil {
			if problems, ok := gateway.IsProblems(err); ok && isTerminal(a.stderr) {
				note := fmt.Sprintf("generation %d stays active", g.Generation().Number)
				// Nothing can be done about a terminal that has gone.
				_ = a.reportNoting(problems, note)
			}
			return
		}
		log.configure(g.Manifest().Telemetry.Logs)
		warn(log.Logger, g)
	}
}

// obey acts on signals until the gateway has ended. A first SIGTERM or SIGINT
// drains, a second one ends at once.
func obey(ctx context.Context, g *gateway.Gateway, signals <-chan os.Signal, done <-chan error, reload func(), log *slog.Logger) error {
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return drain(ctx, g, signals, done, log)
		case s := <-signals:
			if s == syscall.SIGHUP {
				reload()
				continue
			}
			log.Info("draining", "signal", s.String(), "grace", g.Manifest().Server.ShutdownGrace.String())
			return drain(ctx, g, signals, done, log)
		}
	}
}

// errCutOff ends a process whose drain was cut off.
var errCutOff = errors.New("ended before every call was answered")

// drain shuts down within the grace that the manifest gives, which begins when
// ctx has ended or a signal has come, or at once on a further signal.
func drain(ctx context.Context, g *gateway.Gateway, signals <-chan os.Signal, done <-chan error, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.Manifest().Server.ShutdownGrace)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- g.Shutdown(ctx) }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("%w: %w", errCutOff, err)
			}
			log.Info("drained")
			return <-done
		case s := <-signals:
			if s != syscall.SIGHUP {
				log.Warn("ending at once", "signal", s.String())
				cancel()
			}
		}
	}
}
