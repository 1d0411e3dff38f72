package cmd

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/sallyport-mcp/sallyport/config"
)

// logger is a log whose level and form a reload can change.
type logger struct {
	*slog.Logger
	level    slog.LevelVar
	handlers *formats
}

// formats is a handler that writes text or JSON.
type formats struct {
	text, json slog.Handler
	asText     *atomic.Bool
	terminal   bool
}

// newLog makes a log on a stream: text on a terminal, JSON elsewhere.
func newLog(w io.Writer) *logger {
	l := &logger{}
	options := &slog.HandlerOptions{Level: &l.level}
	l.handlers = &formats{
		text: slog.NewTextHandler(w, options), json: slog.NewJSONHandler(w, options),
		asText: new(atomic.Bool), terminal: isTerminal(w),
	}
	l.handlers.asText.Store(l.handlers.terminal)
	l.Logger = slog.New(l.handlers)
	return l
}

// configure takes over what a manifest says of logs.
func (l *logger) configure(c config.Logs) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(c.Level))); err == nil {
		l.level.Set(level)
	}
	l.handlers.asText.Store(c.Format == "text" || (c.Format != "json" && l.handlers.terminal))
}

func (f *formats) current() slog.Handler {
	if f.asText.Load() {
		return f.text
	}
	return f.json
}

// Enabled implements slog.Handler.
func (f *formats) Enabled(ctx context.Context, level slog.Level) bool {
	return f.current().Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (f *formats) Handle(ctx context.Context, r slog.Record) error { return f.current().Handle(ctx, r) }

// WithAttrs implements slog.Handler.
func (f *formats) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &formats{text: f.text.WithAttrs(attrs), json: f.json.WithAttrs(attrs), asText: f.asText, terminal: f.terminal}
}

// WithGroup implements slog.Handler.
func (f *formats) WithGroup(name string) slog.Handler {
	return &formats{text: f.text.WithGroup(name), json: f.json.WithGroup(name), asText: f.asText, terminal: f.terminal}
}
