package config

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The core schema of YAML 1.2 (section 10.3.2).
func isNullText(s string) bool {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

func boolText(s string) (value, ok bool) {
	switch s {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// isDigits reports whether s is one or more digits of the base.
func isDigits(s string, base int) bool {
	for _, c := range []byte(s) {
		d := 99
		switch {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c >= 'a' && c <= 'f':
			d = int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = int(c-'A') + 10
		}
		if d >= base {
			return false
		}
	}
	return s != ""
}

// isInt reports whether s is a number without fraction: 12, -3, 0x1f or 0o17.
func isInt(s string) bool {
	if rest, hex := strings.CutPrefix(s, "0x"); hex {
		return isDigits(rest, 16)
	}
	if rest, octal := strings.CutPrefix(s, "0o"); octal {
		return isDigits(rest, 8)
	}
	return isDigits(unsigned(s), 10)
}

func unsigned(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[1:]
	}
	return s
}

// splitFloat takes a number with fraction or exponent apart.
func splitFloat(s string) (whole, fraction, exponent string, ok bool) {
	s = unsigned(s)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent = s[i+1:]
		s = s[:i]
		if !isDigits(unsigned(exponent), 10) {
			return "", "", "", false
		}
	}
	whole, fraction, _ = strings.Cut(s, ".")
	ok = (whole != "" || fraction != "") && (whole == "" || isDigits(whole, 10)) && (fraction == "" || isDigits(fraction, 10))
	return whole, fraction, exponent, ok
}

func isFloat(s string) bool {
	_, ok := jsonNumber(s)
	return ok || isNotFinite(s)
}

func isNotFinite(s string) bool {
	switch unsigned(s) {
	case ".inf", ".Inf", ".INF":
		return true
	}
	return s == ".nan" || s == ".NaN" || s == ".NAN"
}

// jsonNumber writes a YAML number as JSON, its digits as they are.
func jsonNumber(s string) (string, bool) {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign = "-"
	}
	switch {
	case strings.HasPrefix(s, "0x") && isInt(s), strings.HasPrefix(s, "0o") && isInt(s):
		n, ok := new(big.Int).SetString(s, 0)
		if !ok {
			return "", false
		}
		return n.String(), true
	case isInt(s):
		return sign + trimZeros(unsigned(s)), true
	}
	whole, fraction, exponent, ok := splitFloat(s)
	if !ok {
		return "", false
	}
	out := sign + trimZeros(whole)
	if fraction != "" {
		out += "." + fraction
	}
	if exponent != "" {
		out += "e" + exponent
	}
	return out, true
}

func trimZeros(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}

// isNumber reports whether the scalar means a number in the core schema.
func (n *node) isNumber() bool {
	return n.typed() && (isInt(n.text) || isFloat(n.text))
}

// typed reports whether the scalar's text decides its type: plain scalars, but
// not quoted ones.
func (n *node) typed() bool {
	return n.style == plain && n.tag == ""
}

// quoted reports whether the scalar is a text, whatever it looks like. A single
// variable is not: within braces it can't be written without quotes.
func (n *node) quoted() bool {
	return n.tag == "str" || (n.style != plain && !n.whole)
}

// parseInt reads an integer of the given width.
func parseInt(s string, bits int) (int64, error) {
	digits, ok := jsonNumber(s)
	if !ok || !isInt(s) {
		return 0, errors.New("not a whole number")
	}
	return strconv.ParseInt(digits, 10, bits)
}

func parseUint(s string, bits int) (uint64, error) {
	digits, ok := jsonNumber(s)
	if !ok || !isInt(s) {
		return 0, errors.New("not a whole number")
	}
	return strconv.ParseUint(digits, 10, bits)
}

func parseFloat(s string, bits int) (float64, error) {
	digits, ok := jsonNumber(s)
	if !ok {
		return 0, errors.New("not a number")
	}
	return strconv.ParseFloat(digits, bits)
}

// scalarError is what is wrong with a scalar: what was wanted, and a mend.
type scalarError struct{ want, hint string }

func (e *scalarError) Error() string { return "want " + e.want }

// parseDuration reads 5s, 1h30m, 100ms.
func parseDuration(s string) (time.Duration, *scalarError) {
	const want = "a duration such as 5s, 100ms or 1h30m"
	if isInt(s) && !strings.HasPrefix(s, "0x") {
		return 0, &scalarError{want, fmt.Sprintf("write %ss", trimSign(s))}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok && isDigits(days, 10) && len(days) < 5 {
		n, _ := strconv.Atoi(days)
		return 0, &scalarError{want, fmt.Sprintf("write %dh", n*24)}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, &scalarError{want, durationHint(s)}
	}
	if d < 0 {
		return 0, &scalarError{"a duration that is not negative", ""}
	}
	return d, nil
}

var durationWords = regexp.MustCompile(`^([0-9]+) *([A-Za-z]+)$`)

// durationHint knows other spellings of a number with one unit.
func durationHint(s string) string {
	m := durationWords.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	if _, err := strconv.ParseInt(m[1], 10, 16); err != nil {
		return "" // too many
	}
	switch strings.ToLower(m[2]) {
	case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds":
		return "write " + m[1] + "ms"
	case "s", "sec", "secs", "second", "seconds":
		return "write " + m[1] + "s"
	case "m", "min", "mins", "minute", "minutes":
		return "write " + m[1] + "m"
	case "h", "hr", "hrs", "hour", "hours":
		return "write " + m[1] + "h"
	default:
		return ""
	}
}

func trimSign(s string) string { return trimZeros(unsigned(s)) }

// sizeUnits are the units of sizes, the long ones first.
func sizeUnits() []struct {
	name  string
	bytes int64
} {
	return []struct {
		name  string
		bytes int64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
	}
}

var sizeText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

// parseSize reads a number of bytes: 1MiB, 500KB, 1.5GiB or 4096.
func parseSize(s string) (int64, *scalarError) {
	const want = "a size such as 1MiB, 500KB or 4096"
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		return 0, &scalarError{want, ""}
	}
	for _, unit := range sizeUnits() {
		if m[2] != unit.name {
			continue
		}
		n, ok := new(big.Rat).SetString(m[1])
		if !ok {
			return 0, &scalarError{want, ""}
		}
		n.Mul(n, new(big.Rat).SetInt64(unit.bytes))
		if !n.IsInt() || !n.Num().IsInt64() {
			return 0, &scalarError{"a size of whole bytes, less than 8 EiB", ""}
		}
		return n.Num().Int64(), nil
	}
	for _, unit := range sizeUnits() {
		if strings.EqualFold(m[2], unit.name) || strings.EqualFold(m[2]+"iB", unit.name) {
			return 0, &scalarError{want, fmt.Sprintf("write %s%s", m[1], unit.name)}
		}
	}
	return 0, &scalarError{want, "units are B, KB, MB, GB (1000) and KiB, MiB, GiB (1024)"}
}
