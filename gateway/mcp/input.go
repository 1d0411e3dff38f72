package mcp

import "time"

// Pending says that a call can't be answered yet: it has questions for its
// client, or it waits for a job of an upstream. The call goes on, in another
// round, from State.
type Pending struct {
	// Questions are to be put to the client together; none if the call waits.
	Questions []Question
	// Wait is how long to wait before the next round; zero if there are
	// questions.
	Wait time.Duration
	// Status says in a few words what is waited for; may be empty.
	Status string
	// Undoable says that something has been done that the call undoes if it is
	// given up.
	Undoable bool
	// State is what the call needs to go on: JSON that only its maker reads.
	// It never reaches a client unsealed.
	State []byte
}

// QuestionKind tells what is asked of a client.
type QuestionKind uint8

// The kinds of questions.
const (
	// AskForm asks the person for data (elicitation, form mode).
	AskForm QuestionKind = iota
	// AskURL sends the person to a page (elicitation, URL mode).
	AskURL
	// AskModel asks the client's model (sampling).
	AskModel
	// AskRoots asks for the client's roots.
	AskRoots
)

// Question is one thing a call asks its client. In 2026-07-28 it is an entry
// of inputRequests; before, a request of the server's.
type Question struct {
	// Key names the question within its call: the step's id.
	Key  string
	Kind QuestionKind
	// Message is shown to the person (AskForm, AskURL).
	Message string
	// Schema is the requestedSchema of AskForm, as JSON.
	Schema []byte
	// URL is the page of AskURL.
	URL string
	// ElicitationID names the question of AskURL to clients of 2025-11-25, for
	// AppendElicitationComplete; the key if empty.
	ElicitationID string
	// Sampling is what AskModel asks.
	Sampling *Sampling
	// Timeout is how long the question may stand open.
	Timeout time.Duration
}

// Sampling is a question to the client's model (sampling/createMessage).
type Sampling struct {
	Messages    []PromptMessage
	System      string
	MaxTokens   int
	Temperature *float64
	Stop        []string
}

// PromptMessage is a content block that somebody says: of a prompt, or of a
// question to a model.
type PromptMessage struct {
	// Role is user or assistant.
	Role  string
	Block Block
}

// Answer is what a client answered to a question.
type Answer struct {
	// Action of AskForm and AskURL: accept, decline or cancel.
	Action string
	// Content is what the person filled in (AskForm), a JSON object; or the
	// content of the model's message (AskModel), as JSON.
	Content []byte
	// Text, Model and StopReason are the model's (AskModel). Text is that of
	// the text blocks in Content.
	Text, Model, StopReason string
	// Roots are the client's (AskRoots).
	Roots []Root
}

// Root is a folder or file that a client lets servers know of.
type Root struct{ URI, Name string }

// Progress tells how far a call has come.
type Progress struct {
	Progress float64
	// Total is nil if it is unknown.
	Total   *float64
	Message string
}

// LogMessage is a message for the client's log.
type LogMessage struct {
	Level  Level
	Logger string
	// Data is JSON.
	Data []byte
}

// Level is the severity of a log message (RFC 5424, section 6.2.1): the higher,
// the more severe. Zero means that none is wanted.
type Level uint8

// The levels.
const (
	LevelOff Level = iota
	LevelDebug
	LevelInfo
	LevelNotice
	LevelWarning
	LevelError
	LevelCritical
	LevelAlert
	LevelEmergency
)
