package mcp

import "testing"

func TestDecodeMeta(t *testing.T) {
	const claim = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`
	tests := []struct {
		name, meta string
		level      Level
		unknown    bool
		malformed  bool
		token      string
	}{
		{name: "none", meta: claim},
		{name: "level", meta: claim + `,"io.modelcontextprotocol/logLevel":"warning"`, level: LevelWarning},
		{name: "unknown level", meta: claim + `,"io.modelcontextprotocol/logLevel":"loud"`, unknown: true},
		{name: "empty level", meta: claim + `,"io.modelcontextprotocol/logLevel":""`, unknown: true},
		{name: "level of another type", meta: claim + `,"io.modelcontextprotocol/logLevel":3`, malformed: true},
		{name: "token", meta: claim + `,"progressToken":"p\u00e4"`, token: `"p\u00e4"`},
		{name: "number as token, legacy", meta: `"progressToken":-7`, token: `-7`},
		{name: "large number as token", meta: `"progressToken":12345678901234567890123`, token: `12345678901234567890123`},
		{name: "token of another type", meta: `"progressToken":{"a":1}`},
		{name: "null as token", meta: `"progressToken":null`},
		{name: "fraction as token", meta: `"progressToken":1.5`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := DecodeMeta(paramsOf(t, `{"_meta":{`+test.meta+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			if m.LogLevel != test.level || m.UnknownLogLevel != test.unknown || string(m.ProgressToken) != test.token {
				t.Errorf("level %v, unknown %v, token %q", m.LogLevel, m.UnknownLogLevel, m.ProgressToken)
			}
			if (m.malformed != "") != test.malformed {
				t.Errorf("malformed %q", m.malformed)
			}
		})
	}
}

func TestTasksCapability(t *testing.T) {
	tests := map[string]bool{
		`{"extensions":{"io.modelcontextprotocol/tasks":{}}}`:                       true,
		`{"extensions":{"a.example/b":{},"io.modelcontextprotocol/tasks":{"x":1}}}`: true,
		`{"extensions":{"io.modelcontextprotocol/tasks":true}}`:                     false,
		`{"extensions":{"io.modelcontextprotocol/tasks":null}}`:                     false,
		`{"extensions":{}}`:                        false,
		`{"extensions":[]}`:                        false,
		`{"io.modelcontextprotocol/tasks":{}}`:     false,
		`{"experimental":{"tasks":{}},"tasks":{}}`: false,
	}
	for raw, want := range tests {
		m, err := DecodeMeta(paramsOf(t, `{"_meta":{"io.modelcontextprotocol/clientCapabilities":`+raw+`}}`))
		if err != nil || m.Capabilities.Tasks != want || m.Capabilities.Has("tasks") != want {
			t.Errorf("%s: %v, %v", raw, m.Capabilities.Tasks, err)
		}
		p, err := DecodeInitializeParams(paramsOf(t, `{"protocolVersion":"2025-11-25","capabilities":`+raw+`}`))
		if err != nil || p.Capabilities.Tasks != want {
			t.Errorf("initialize, %s: %v, %v", raw, p.Capabilities.Tasks, err)
		}
	}
}
