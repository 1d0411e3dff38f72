// Package standard lists the built-in parts.
package standard

import (
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/auth"
	"github.com/sallyport-mcp/sallyport/plugins/complete"
	"github.com/sallyport-mcp/sallyport/plugins/policy"
	"github.com/sallyport-mcp/sallyport/plugins/steps"
	"github.com/sallyport-mcp/sallyport/plugins/store"
	"github.com/sallyport-mcp/sallyport/plugins/transform"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// Parts returns the built-in parts. The list of policies is the pipeline: a
// call meets them from first to last. A custom build passes its own list.
func Parts() plugins.Parts {
	return plugins.Parts{
		Policies: []plugins.PolicyPart{
			policy.RolesPart(),          // may this caller know of the tool?
			policy.ScopesPart(),         // was its token granted enough?
			policy.RateLimitPart(),      // how often? refused arguments count
			policy.ArgumentsPart(),      // do the arguments fit the schema?
			policy.WhenPart(),           // is the call allowed?
			policy.CachePart(),          // is there an answer already?
			policy.ConcurrencyPart(),    // how many at once?
			policy.TimeoutPart(),        // the whole call, retries included
			policy.RetryPart(),          // each attempt passes what follows
			policy.BreakerPart(),        // is the upstream well?
			policy.AttemptTimeoutPart(), // one attempt
		},
		Upstreams: []plugins.UpstreamPart{
			openapi.Part(), // first: it may have a url besides
			upstream.HTTP(),
		},
		Transform:  transform.Part(),
		Steps:      steps.Steps(),
		Confirm:    steps.Confirm(),
		Load:       steps.Load(),
		Messages:   transform.Messages(),
		Completion: complete.Part(),
		File:       transform.File,
		Auth: []plugins.AuthPart{
			auth.JWT(),
			auth.APIKeys(),
			auth.Anonymous(),
		},
		Chain: auth.Chain,
		Store: func() plugins.Store { return store.NewMemory(store.DefaultBuckets, time.Now) },
	}
}
