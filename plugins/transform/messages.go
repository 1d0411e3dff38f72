package transform

import (
	"context"
	"errors"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// Messages declares the key `messages` of prompts.
func Messages() plugins.MessagesPart { return plugins.NewMessagesPart(buildMessages) }

// messages are a prompt's messages, compiled: blocks, and who says each.
type messages struct {
	roles  []string
	blocks []block
}

func buildMessages(all []MessageSettings, env plugins.Env) (plugins.Renderer, error) {
	b := &builder{env: env, scope: expr.Scope{
		Names: []string{expr.NameArgs, expr.NameCaller}, Steps: env.Steps, Loads: env.Loads,
	}}
	b.arguments()
	if len(all) == 0 {
		b.wrong("want at least one message", "write e.g. [{role: user, text: ...}]")
	}
	m := &messages{}
	for i := range all {
		at := strconv.Itoa(i)
		if role := all[i].Role; role != "user" && role != "assistant" {
			b.wrong("want user or assistant", "", at, "role")
		}
		if c, ok := b.block(&all[i].BlockSettings, at); ok {
			m.roles, m.blocks = append(m.roles, all[i].Role), append(m.blocks, c)
		}
	}
	if len(b.errs) > 0 {
		return nil, b.errs
	}
	return m, nil
}

// Render implements plugins.Renderer. The blocks of what was loaded are a
// message each.
func (m *messages) Render(_ context.Context, call *plugins.Call) ([]mcp.PromptMessage, error) {
	v := valuesOf(call, nil)
	out := make([]mcp.PromptMessage, 0, len(m.blocks))
	for i := range m.blocks {
		blocks, err := render(m.blocks[i:i+1], call.Run, v) //nolint:contextcheck // a text's expressions have a clock of their own
		if err != nil {
			return nil, unrendered(err)
		}
		for _, b := range blocks {
			out = append(out, mcp.PromptMessage{Role: m.roles[i], Block: b})
		}
	}
	return out, nil
}

// unrendered is the failure of a message that can't be made of these values.
func unrendered(err error) error {
	var inner *expr.Error
	if !errors.As(err, &inner) {
		return err
	}
	return &plugins.Error{Kind: plugins.KindStatus, Message: inner.Message, Cause: inner.Cause}
}
