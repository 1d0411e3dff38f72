package plugins

// Outliner is a program that tells what its steps are, for explanations and
// for checks against the tools that they call.
type Outliner interface {
	Program
	// Outlines are the steps in their order.
	Outlines() []StepOutline
}

// StepOutline is a step on paper, with its expressions as they are written.
type StepOutline struct {
	// ID is empty for a step without one.
	ID string
	// Kind is what it does: tool, ask, sample, roots, require, progress, log or
	// parallel.
	Kind string
	// Text is the question of ask, the condition of require, or the message of
	// progress and log; empty if there is none.
	Text string
	// When is the step's condition, and Otherwise what is said if it fails.
	When, Otherwise string
	// Call is the tool called, and Undo what takes it back; nil if there is none.
	Call, Undo *CallOutline
	// ForEach is what the step is repeated for, AtOnce how many at once.
	ForEach string
	AtOnce  int
	// Optional and Detached are the step's keys.
	Optional, Detached bool
	// Needs is what a client has to be able to do; empty if there is no question.
	Needs string
	// Steps are those that run side by side.
	Steps []StepOutline
}

// CallOutline is the call of a tool on paper.
type CallOutline struct {
	Tool string
	// Arguments are the names of those given, in the order written; Any says
	// that they are known only when the step runs.
	Arguments []string
	Any       bool
	// Path leads from the program's settings to the mapping with `tool` in it.
	Path []string
}
