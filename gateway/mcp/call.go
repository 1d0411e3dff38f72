package mcp

import (
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// CallParams are the params of tools/call.
type CallParams struct {
	Name string
	// Arguments is the arguments object as written; nil if there is none.
	Arguments []byte
}

// DecodeCallParams decodes the params of tools/call.
func DecodeCallParams(params []byte) (CallParams, *Error) {
	var p CallParams
	if params == nil {
		return p, Rejected(CodeInvalidParams, "Invalid params: name is missing")
	}
	var space [8]strictjson.Member
	members, err := strictjson.Members(params, space[:0])
	if err != nil {
		return p, BadRequest(CodeParse, "Parse error: "+err.Error())
	}
	for i := range members {
		v := members[i].Value
		switch members[i].Name {
		case "name":
			if p.Name, err = strictjson.UnquoteAlias(v); err != nil || p.Name == "" {
				return p, Rejected(CodeInvalidParams, "Invalid params: name must be a string")
			}
		case "arguments":
			if string(v) == "null" {
				continue // clients write it for a call without arguments
			}
			if !isObject(v) {
				return p, Rejected(CodeInvalidParams, "Invalid params: arguments must be an object")
			}
			p.Arguments = v
		}
	}
	if p.Name == "" {
		return p, Rejected(CodeInvalidParams, "Invalid params: name is missing")
	}
	return p, nil
}

// DecodeName returns the string member of params that a method is about
// (params.name, params.uri), and whether there is one.
func DecodeName(params []byte, member string) (string, bool) {
	v := lookup(params, member)
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	s, err := strictjson.UnquoteAlias(v)
	return s, err == nil
}

// lookup returns a member of an object as written; nil if there is none.
func lookup(object []byte, member string) []byte {
	if object == nil {
		return nil
	}
	var space [8]strictjson.Member
	members, err := strictjson.Members(object, space[:0])
	if err != nil {
		return nil
	}
	for i := range members {
		if members[i].Name == member {
			return members[i].Value
		}
	}
	return nil
}

// CheckCursor refuses a cursor: lists are sent whole, so none was ever given.
func CheckCursor(params []byte) *Error {
	if lookup(params, "cursor") == nil {
		return nil
	}
	return Rejected(CodeInvalidParams, "Invalid params: unknown cursor")
}

// InitializeParams are the params of initialize.
type InitializeParams struct {
	Revision                  Revision
	Capabilities              ClientCapabilities
	ClientName, ClientVersion string
}

// DecodeInitializeParams decodes the params of initialize and settles the
// revision: the one asked for if it is served and legacy, or else the newest
// legacy one.
func DecodeInitializeParams(params []byte) (InitializeParams, *Error) {
	p := InitializeParams{Revision: NewestLegacy}
	asked, ok := DecodeName(params, "protocolVersion")
	if !ok {
		return p, Rejected(CodeInvalidParams, "Invalid params: protocolVersion must be a string")
	}
	if r, served := ParseRevision(asked); served && !r.Modern() {
		p.Revision = r
	}
	if raw := lookup(params, "capabilities"); raw != nil && isObject(raw) {
		p.Capabilities = decodeCapabilities(raw)
	}
	if raw := lookup(params, "clientInfo"); raw != nil && isObject(raw) {
		p.ClientName, p.ClientVersion = decodeClientInfo(raw)
	}
	return p, nil
}

// CancelledID returns the raw request id that a notifications/cancelled names;
// nil if there is none.
func CancelledID(params []byte) ID {
	v := lookup(params, "requestId")
	if !validID(v) {
		return nil
	}
	return v
}
