package mcp

// CallParams are the params of tools/call.
type CallParams struct {
	Name string
	// Arguments is the arguments object as written; nil if there is none.
	Arguments []byte
}

// DecodeCallParams decodes the params of tools/call.
func DecodeCallParams(params Params) (CallParams, *Error) {
	name, ok := DecodeName(params, "name")
	if !ok || name == "" {
		return CallParams{}, Rejected(CodeInvalidParams, "Invalid params: name must be a string")
	}
	arguments := params.Get("arguments")
	switch {
	case arguments == nil, string(arguments) == "null":
		// Clients write null for a call without arguments.
		return CallParams{Name: name}, nil
	case !isObject(arguments):
		return CallParams{}, Rejected(CodeInvalidParams, "Invalid params: arguments must be an object")
	}
	return CallParams{Name: name, Arguments: arguments}, nil
}

// DecodeName returns the string member of params that a method is about
// (params.name, params.uri), and whether there is one.
func DecodeName(params Params, member string) (string, bool) {
	return text(params.Get(member))
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
func DecodeInitializeParams(params Params) (InitializeParams, *Error) {
	p := InitializeParams{Revision: NewestLegacy}
	asked, ok := DecodeName(params, "protocolVersion")
	if !ok {
		return p, Rejected(CodeInvalidParams, "Invalid params: protocolVersion must be a string")
	}
	if r, served := ParseRevision(asked); served && !r.Modern() {
		p.Revision = r
	}
	if raw := params.Get("capabilities"); raw != nil && isObject(raw) {
		p.Capabilities = decodeCapabilities(raw)
	}
	if raw := params.Get("clientInfo"); raw != nil && isObject(raw) {
		p.ClientName, p.ClientVersion = decodeClientInfo(raw)
	}
	return p, nil
}

// CancelledID returns the raw request id that a notifications/cancelled names;
// nil if there is none.
func CancelledID(params Params) ID {
	v := params.Get("requestId")
	if !validID(v) {
		return nil
	}
	return v
}
