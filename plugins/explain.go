package plugins

import "context"

// Explainer is a policy that tells what it makes of a call, and the state that
// it is in. Nothing is counted by that, and nothing changes.
type Explainer interface {
	Policy
	// Explain tells one finding for each of the policy's rules. The call has no
	// Args if none are known.
	Explain(ctx context.Context, call *Call) []Finding
}

// Finding is what a policy has to say of a call.
type Finding struct {
	// Says is a sentence for people, without a full stop.
	Says string
	// Verdict is empty for what decides nothing.
	Verdict Verdict
	// State are the numbers and texts behind it, for programs; keys are in the
	// style of the manifest. Durations are texts such as 1.5s.
	State map[string]any
}

// Verdict is whether a policy would let a call pass at this moment.
type Verdict string

// The verdicts.
const (
	VerdictAllows Verdict = "allows"
	VerdictDenies Verdict = "denies"
	// VerdictDepends is that of a policy which has to know the arguments.
	VerdictDepends Verdict = "depends"
)

// Bound is implemented by settings that bound how much passes, so that a change
// of them can be judged.
type Bound interface {
	// Compare tells whether more passes than with the old settings, which are of
	// the same type or nil; and whether less does. Both may hold.
	Compare(old any) (looser, tighter bool)
}
