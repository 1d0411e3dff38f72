package mcp

// Result is what a call of a tool, a resource or a prompt answers.
type Result struct {
	// Content is what the model reads.
	Content []Block
	// Structured is the structured content as JSON; nil if there is none.
	Structured []byte
	// IsError says that the tool failed; Content tells the model why.
	IsError bool
	// Messages are those of a prompt.
	Messages []PromptMessage
	// Pending says that this is no answer yet.
	Pending *Pending
	// Release gives back the buffers that Content and Structured point into;
	// nil if there are none.
	Release func()
}

// Free gives back the buffers that the result points into. Its content must
// not be used afterwards.
func (r *Result) Free() {
	if r != nil && r.Release != nil {
		r.Release()
		r.Release = nil
	}
}

// ErrorResult is a tool error with one text.
func ErrorResult(text string) *Result {
	return &Result{Content: []Block{{Type: TextBlock, Text: []byte(text)}}, IsError: true}
}

// BlockType is the type of a content block.
type BlockType uint8

// The types of content blocks
// (https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result).
const (
	TextBlock BlockType = iota
	ImageBlock
	AudioBlock
	ResourceBlock
	LinkBlock
)

// Block is one content block.
type Block struct {
	Type BlockType
	// Text of a text block, or of an embedded resource without Data. UTF-8.
	Text []byte
	// Data of an image, an audio or a binary resource, as it is; base64 is
	// the encoder's business.
	Data []byte
	// MIMEType of the data; of a text block only where the text is a resource's.
	MIMEType string
	// URI of a resource or a link.
	URI string
	// Name, Title and Description of a link.
	Name, Title, Description string
	// Size of a link's target in bytes; 0 if unknown.
	Size        int64
	Annotations *Annotations
}

// Annotations tell a client whom content is for.
type Annotations struct {
	Audience     []string
	Priority     *float64
	LastModified string
}

// ToolAnnotations are hints on a tool's behaviour. A nil hint is not sent.
type ToolAnnotations struct {
	ReadOnly    *bool
	Destructive *bool
	Idempotent  *bool
	OpenWorld   *bool
}

// ClientCapabilities are what a client declared it can do.
type ClientCapabilities struct {
	Elicitation    bool
	ElicitationURL bool
	Sampling       bool
	Roots          bool
	// Tasks says that the client takes a background task for an answer
	// (extension io.modelcontextprotocol/tasks, SEP-2663).
	Tasks bool
}

// Has reports whether the capability of that manifest name is declared:
// elicitation, elicitation.url, sampling, roots or tasks.
func (c ClientCapabilities) Has(name string) bool {
	switch name {
	case "elicitation":
		return c.Elicitation
	case "elicitation.url":
		return c.ElicitationURL
	case "sampling":
		return c.Sampling
	case "roots":
		return c.Roots
	case "tasks":
		return c.Tasks
	}
	return false
}
