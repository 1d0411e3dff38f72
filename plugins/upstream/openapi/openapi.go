// Package openapi makes tools of OpenAPI documents: of versions 3.0, 3.1 and
// 3.2, and of Swagger 2.0, in JSON or YAML
// (https://spec.openapis.org/oas/v3.1.1.html).
//
// A tool is made in the words of the manifest: what it is made into is what an
// author would have written by hand. Real documents are full of mistakes, so
// nothing here refuses a document for one of its operations: what can't be
// sent is left out, and says why.
package openapi

import "encoding/json"

// Expose says which operations of a document become tools, and under which
// names.
type Expose struct {
	Include []string          `manifest:"include" doc:"Operations that become tools: an operationId, the name of a tool, a pattern of either such as list*, tag:reports, or a method and a path such as GET /reports/*. Default: all."`
	Exclude []string          `manifest:"exclude" doc:"Operations that don't, of those included; written like include."`
	Prefix  string            `manifest:"prefix" doc:"What the names of the tools begin with, e.g. billing_."`
	Rename  map[string]string `manifest:"rename" doc:"Names of single tools, without prefix, by operationId or by method and path, e.g. {getInvoice: invoice}."`

	// AnyServer says that requests go to one URL whatever servers the document
	// names for single operations.
	AnyServer bool `manifest:"-"`
}

// Server is where a document says that its operations are found.
type Server struct {
	// URL is absolute, unless the document doesn't tell its host.
	URL         string
	Description string
}

// SecurityScheme is a way to authenticate that a document names.
type SecurityScheme struct {
	Name string
	// Type is that of the document: http, apiKey, oauth2, openIdConnect, basic,
	// mutualTLS.
	Type string
	// In and Parameter are the place and the name of an apiKey.
	In, Parameter string
	// Auth is the value of the upstream's key `auth` that stands for it, as YAML
	// in one line, with a variable for the secret; empty if there is none.
	Auth string
	// Used says that operations ask for it.
	Used bool
}

// Operation is an operation of a document and what becomes of it.
type Operation struct {
	// ID is the operationId; it may be empty.
	ID string
	// Method is in capitals; Path is as the document writes it.
	Method, Path string
	Summary      string
	Tags         []string
	// Line is where the document has it, from 1.
	Line       int
	Deprecated bool
	// Security are the names of the security schemes that its first requirement
	// asks for; none if it can do without.
	Security []string
	// Name is that of the tool; empty if there is none.
	Name string
	// Skip says why there is no tool: a short reason that is the same for all of
	// its kind, and after a colon what it is about. Empty if there is a tool.
	Skip string
	// Notes say what the tool leaves out or simplifies.
	Notes []string
	// Parameters counts the parameters of the operation and the properties of
	// its body; Known counts those that the tool knows by name.
	Parameters, Known int
	// Definition is a JSON object of the keys that the manifest has for a tool.
	Definition json.RawMessage
}

// Reasons why an operation becomes no tool, as in Operation.Skip.
const (
	SkipExcluded  = "not exposed"
	SkipMethod    = "method"
	SkipPath      = "path"
	SkipParameter = "parameter"
	SkipBody      = "request body"
	SkipAnswer    = "answer"
	SkipServer    = "server"
	SkipReference = "reference"
	SkipBroken    = "broken"
)
