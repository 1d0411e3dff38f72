package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// hours are the settings: a tool may be called from one hour of the day until
// another.
type hours struct {
	From  int    `manifest:"from" doc:"First hour of the day, 0 to 23." default:"8"`
	Until int    `manifest:"until" doc:"Hour at which the day ends, 1 to 24." default:"18"`
	Zone  string `manifest:"zone" doc:"Time zone, e.g. Europe/Vienna." default:"UTC"`
}

// hoursPart declares the key `hours` of tools.
func hoursPart(now func() time.Time) plugins.PolicyPart {
	return plugins.NewPolicyPart("hours", "Hours of the day in which the tool may be called.", plugins.OnTool,
		func(h hours, _ plugins.Env) (plugins.Policy, error) {
			zone, err := time.LoadLocation(h.Zone)
			if err != nil {
				return nil, &plugins.FieldError{Path: []string{"zone"}, Message: "want a time zone", Hint: "write e.g. Europe/Vienna"}
			}
			if h.From < 0 || h.From >= h.Until || h.Until > 24 {
				return nil, errors.New("want from before until, within 0 and 24")
			}
			return &office{hours: h, zone: zone, now: now}, nil
		})
}

// office lets calls pass during its hours.
type office struct {
	hours
	zone *time.Location
	now  func() time.Time
}

// Wrap implements plugins.Policy.
func (o *office) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if hour := o.now().In(o.zone).Hour(); hour >= o.From && hour < o.Until {
			return next(ctx, call)
		}
		return nil, &plugins.Error{
			Kind: plugins.KindLimited, AsToolError: true, // the model reads it, rather than the client
			Message: fmt.Sprintf("%s may be called from %d to %d o'clock (%s) only.", call.Tool.Name, o.From, o.Until, o.Zone),
		}
	}
}
