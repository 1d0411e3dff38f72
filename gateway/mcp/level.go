package mcp

// String returns the level's name on the wire
// (https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging#log-levels);
// "off" for LevelOff, which has none.
func (l Level) String() string {
	switch l {
	case LevelOff:
		return "off"
	case LevelDebug:
		return "debug"
	case LevelInfo:
		return "info"
	case LevelNotice:
		return "notice"
	case LevelWarning:
		return "warning"
	case LevelError:
		return "error"
	case LevelCritical:
		return "critical"
	case LevelAlert:
		return "alert"
	default:
		return "emergency"
	}
}

// ParseLevel finds the level of that name on the wire. LevelOff has no name
// there: not to ask for a level is how a client wants none.
func ParseLevel(name string) (Level, bool) {
	for l := LevelDebug; l <= LevelEmergency; l++ {
		if l.String() == name {
			return l, true
		}
	}
	return LevelOff, false
}

// Admits reports whether a client that wants messages from level l on wants
// those of level other.
func (l Level) Admits(other Level) bool { return l != LevelOff && other >= l }

// BadLogLevel is the answer to a log level that there isn't (2026-07-28,
// "Logging", section "Error Handling").
func BadLogLevel() *Error {
	return Rejected(CodeInvalidParams, "Invalid params: unknown log level; want debug, info, notice, warning, error, critical, alert or emergency")
}

// DecodeSetLevelParams decodes the params of logging/setLevel (2025-11-25,
// "Logging", section "Setting Log Level").
func DecodeSetLevelParams(params Params) (Level, *Error) {
	name, ok := DecodeName(params, "level")
	if !ok {
		return LevelOff, Rejected(CodeInvalidParams, "Invalid params: level must be a string")
	}
	level, ok := ParseLevel(name)
	if !ok {
		return LevelOff, BadLogLevel()
	}
	return level, nil
}
