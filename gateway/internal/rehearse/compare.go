package rehearse

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Difference is one way in which a value isn't what was wanted.
type Difference struct {
	// Pointer is the place, as an RFC 6901 JSON pointer.
	Pointer string `json:"pointer"`
	Want    string `json:"want"`
	Got     string `json:"got"`
}

// String is the difference in a line.
func (d Difference) String() string {
	return fmt.Sprintf("%s: want %s, got %s", place(d.Pointer), d.Want, d.Got)
}

// place is a pointer as people read it: the whole value has none.
func place(pointer string) string {
	if pointer == "" {
		return "(all)"
	}
	return pointer
}

// maxDifferences bounds how many differences are told.
const maxDifferences = 20

// nothing is how a value that isn't there is told.
const nothing = "nothing"

// Subset tells how a value lacks what is wanted: members of objects that aren't
// wanted may be there, while lists must be as long as wanted.
func Subset(want, got any) []Difference {
	var all []Difference
	subset(want, got, "", &all)
	return all
}

func subset(want, got any, pointer string, all *[]Difference) {
	if len(*all) >= maxDifferences {
		return
	}
	switch wanted := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			*all = append(*all, Difference{pointer, Show(want), Show(got)})
			return
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			below := pointer + "/" + escaped(name)
			value, there := object[name]
			if !there {
				*all = append(*all, Difference{below, Show(wanted[name]), nothing + among(object)})
				continue
			}
			subset(wanted[name], value, below, all)
		}
	case []any:
		list, ok := got.([]any)
		if !ok {
			*all = append(*all, Difference{pointer, Show(want), Show(got)})
			return
		}
		if len(list) != len(wanted) {
			*all = append(*all, Difference{pointer, items(len(wanted)), items(len(list))})
		}
		for i := range min(len(list), len(wanted)) {
			subset(wanted[i], list[i], pointer+"/"+strconv.Itoa(i), all)
		}
	default:
		if !Equal(want, got) {
			*all = append(*all, Difference{pointer, Show(want), Show(got)})
		}
	}
}

// among names the members that there are instead, if they are few.
func among(object map[string]any) string {
	names := slices.Sorted(maps.Keys(object))
	if len(names) == 0 || len(names) > 8 {
		return ""
	}
	return " (there are: " + strings.Join(names, ", ") + ")"
}

func items(n int) string {
	if n == 1 {
		return "a list of 1 item"
	}
	return "a list of " + strconv.Itoa(n) + " items"
}

// escaped writes a member's name as a pointer does.
func escaped(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// maxShown bounds a value in a message, in bytes.
const maxShown = 160

// Show is a value as messages show it.
func Show(v any) string {
	text := string(Encode(v))
	if len(text) <= maxShown {
		return text
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// Equal reports whether two values are the same; numbers are compared by their
// value.
func Equal(x, y any) bool {
	switch a := x.(type) {
	case map[string]any:
		b, ok := y.(map[string]any)
		return ok && len(a) == len(b) && Includes(a, b)
	case []any:
		b, ok := y.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	}
	m, isNumber := digits(x)
	n, both := digits(y)
	if isNumber || both {
		return isNumber && both && sameNumber(m, n)
	}
	return x == y
}

// digits are those of a number.
func digits(v any) (string, bool) {
	switch n := v.(type) {
	case json.Number:
		return n.String(), true
	case int, int64:
		return fmt.Sprint(n), true
	case float64:
		return strconv.FormatFloat(n, 'g', -1, 64), true
	}
	return "", false
}

// maxExponent bounds the exponents of numbers that are compared exactly: others
// would take much memory.
const maxExponent = 400

func sameNumber(m, n string) bool {
	if m == n {
		return true
	}
	for _, text := range []string{m, n} {
		_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
		if size, err := strconv.Atoi(exponent); exponent != "" && (err != nil || size > maxExponent || size < -maxExponent) {
			return false
		}
	}
	x, fine := new(big.Rat).SetString(m)
	y, too := new(big.Rat).SetString(n)
	return fine && too && x.Cmp(y) == 0
}

// Encode writes a value as JSON, members sorted, as the manifest's loader does.
func Encode(v any) []byte { return appendJSON(nil, v) }

func appendJSON(dst []byte, v any) []byte {
	switch value := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, value)
	case string:
		return appendString(dst, value)
	case []any:
		dst = append(dst, '[')
		for i := range value {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, value[i])
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(value)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, name), ':')
			dst = appendJSON(dst, value[name])
		}
		return append(dst, '}')
	}
	if text, ok := digits(v); ok {
		return append(dst, text...)
	}
	return append(dst, "null"...)
}

func appendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
