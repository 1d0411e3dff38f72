package rehearse

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a name that is made of arguments, in characters.
const (
	maxName  = 60
	maxValue = 36 // a UUID
)

// NameOf names an example by its arguments and the status of its answer, e.g.
// "id=42, full=true: 200". Long values, and arguments of too many, are cut.
func NameOf(args map[string]any, status int) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(args)) {
		value, isText := args[name].(string)
		if !isText {
			value = string(Encode(args[name]))
		}
		part := clip(name, maxValue) + "=" + clip(strings.Join(strings.Fields(value), " "), maxValue)
		if i > 0 {
			part = ", " + part
		}
		if len([]rune(b.String()))+len([]rune(part)) > maxName {
			b.WriteString(", …")
			break
		}
		b.WriteString(part)
	}
	if b.Len() == 0 {
		b.WriteString("no arguments")
	}
	return fmt.Sprint(b.String(), ": ", strconv.Itoa(status))
}

func clip(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}
