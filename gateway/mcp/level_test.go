package mcp

import "testing"

func TestLevels(t *testing.T) {
	names := []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
	for i, name := range names {
		want := Level(i + 1)
		if got, ok := ParseLevel(name); !ok || got != want || got.String() != name {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
		params := paramsOf(t, `{"level":"`+name+`"}`)
		if got, err := DecodeSetLevelParams(params); err != nil || got != want {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "off", "Info", "warn", "trace"} {
		if l, ok := ParseLevel(name); ok || l != LevelOff {
			t.Errorf("%q is a level", name)
		}
	}
	for _, params := range []string{`{}`, `{"level":4}`, `{"level":"warn"}`, `{"level":null}`} {
		if _, err := DecodeSetLevelParams(paramsOf(t, params)); err == nil || err.Code != CodeInvalidParams || err.Status != 200 {
			t.Errorf("%s: %v", params, err)
		}
	}
	if LevelOff.Admits(LevelEmergency) || LevelInfo.Admits(LevelDebug) || !LevelInfo.Admits(LevelInfo) || !LevelInfo.Admits(LevelAlert) {
		t.Error("wrong levels pass")
	}
}
