package config

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "100ms": 100 * time.Millisecond, "1h30m": 90 * time.Minute, "0s": 0, "1.5s": 1500 * time.Millisecond, "7us": 7 * time.Microsecond,
	} {
		if got, bad := parseDuration(text); got != want || bad != nil {
			t.Errorf("%q is %v (%v), want %v", text, got, bad, want)
		}
	}
	for text, hint := range map[string]string{
		"5": "write 5s", "0": "write 0s", "007": "write 7s", "2d": "write 48h", "-5s": "", "": "", "5 s": "write 5s", "abc": "", "9999999999h": "", "∞": "",
	} {
		if got, bad := parseDuration(text); bad == nil || bad.hint != hint {
			t.Errorf("%q is %v (%v), want a mistake with hint %q", text, got, bad, hint)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "1B": 1, "1KB": 1000, "1kB": 1000, "1KiB": 1024, "500KB": 500_000, "1MiB": 1 << 20, "1.5GiB": 3 << 29, "2 TiB": 2 << 40,
	} {
		if got, bad := parseSize(text); got != want || bad != nil {
			t.Errorf("%q is %v (%v), want %v", text, got, bad, want)
		}
	}
	for text, hint := range map[string]string{
		"1M": "write 1MiB", "1mb": "write 1MB", "1K": "write 1KiB", "-1": "", "": "", "1.5": "", "0.3B": "", "9999999TiB": "",
		"1XB": "units are B, KB, MB, GB (1000) and KiB, MiB, GiB (1024)",
	} {
		if got, bad := parseSize(text); bad == nil || bad.hint != hint {
			t.Errorf("%q is %v (%v), want a mistake with hint %q", text, got, bad, hint)
		}
	}
}

func TestCoreSchema(t *testing.T) {
	for text, want := range map[string]string{
		"": "null", "~": "null", "null": "null", "nULL": "str", "none": "str",
		"true": "bool", "FALSE": "bool", "yes": "str", "no": "str", "on": "str", "off": "str", "y": "str", "tRue": "str",
		"0": "int", "010": "int", "-12": "int", "+3": "int", "0x1f": "int", "0o17": "int", "0b1": "str", "1_000": "str", "0o8": "str", "0xg": "str", "-0x1": "str",
		"1.5": "float", ".5": "float", "5.": "float", "1e3": "float", "-1.5E-3": "float", ".inf": "float", "-.INF": "float", ".nan": "float",
		".": "str", "-": "str", "e3": "str", "1e": "str", "1.2.3": "str", "12:30": "str", "2026-07-28": "str", "٣": "str",
	} {
		if got := (&node{text: text}).coreType(); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestJSONNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"010": "10", "-007": "-7", "+3": "3", "0x1F": "31", "0o17": "15", "1.50": "1.50", ".5": "0.5", "5.": "5", "-.5": "-0.5", "1e3": "1e3", "1E+3": "1e+3",
		"00": "0", "-0": "-0", "0001.10": "1.10", "123456789012345678901234567890": "123456789012345678901234567890", "0xffffffffffffffffff": "4722366482869645213695",
	} {
		if got, ok := jsonNumber(text); !ok || got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", ".inf", "x", "1x", "-", ".", "0x", "1e"} {
		if got, ok := jsonNumber(text); ok {
			t.Errorf("%q is taken for the number %s", text, got)
		}
	}
}

func TestSuggestions(t *testing.T) {
	known := []string{"timeout", "roles", "rate_limit", "response", "retry", "request", "description"}
	for name, want := range map[string]string{
		"timeot": "timeout", "tiemout": "timeout", "Timeout": "timeout", "rateLimit": "rate_limit", "rate-limit": "rate_limit", "role": "roles",
		"desc": "description", "descriptions": "description", "xyz": "", "": "", "re": "", "requets": "request",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%q is taken for %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
