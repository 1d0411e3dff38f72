package schema

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// mapErrors turns the complete implementation's tree of errors about a value
// into violations.
func mapErrors(e *jsonschema.ValidationError, root any) []Violation {
	got := describeValue(valueAt(root, e.InstanceLocation))
	at := pointerTo(e.InstanceLocation)
	one := func(expected string) []Violation { return []Violation{{Pointer: at, Expected: expected, Got: got}} }
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		return one(choicesOf(e, root))
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return one("exactly one of several choices, not more")
		}
		return one(choicesOf(e, root))
	case *kind.Contains:
		return one("array with an item of the kind the schema asks for")
	case *kind.MinContains:
		return one("array with at least " + count(k.Want, "item") + " of the kind the schema asks for")
	case *kind.MaxContains:
		return one("array with at most " + count(k.Want, "item") + " of the kind the schema asks for")
	case *kind.Not:
		return one("anything but what the schema rules out")
	case *kind.FalseSchema:
		return one("nothing: no value is allowed here")
	case *kind.PropertyNames:
		return one("object without a property named " + quote(k.Property))
	case *kind.Required:
		return missingAt(at, k.Missing, "")
	case *kind.DependentRequired:
		return missingAt(at, k.Missing, "beside "+quote(k.Prop))
	case *kind.Dependency:
		return missingAt(at, k.Missing, "beside "+quote(k.Prop))
	case *kind.AdditionalProperties:
		var found []Violation
		object, _ := valueAt(root, e.InstanceLocation).(map[string]any)
		for _, name := range k.Properties {
			found = append(found, Violation{
				Pointer: at + "/" + escape(shorten(name, 64)), Expected: "no property " + quote(name),
				Got: describeValue(object[name]), Fault: FaultUnknown,
			})
		}
		return found
	}
	if len(e.Causes) > 0 {
		var found []Violation
		for _, cause := range e.Causes {
			found = append(found, mapErrors(cause, root)...)
		}
		return found
	}
	return one(expectation(e))
}

func missingAt(at string, names []string, note string) []Violation {
	found := make([]Violation, 0, len(names))
	for _, name := range names {
		found = append(found, Violation{
			Pointer: at + "/" + escape(shorten(name, 64)), Got: "nothing",
			Expected: strings.TrimSuffix("required property "+note, " "), Fault: FaultMissing, Note: note,
		})
	}
	return found
}

// choicesOf joins what the branches of a choice expect of the value itself.
func choicesOf(e *jsonschema.ValidationError, root any) string {
	var parts []string
	at := pointerTo(e.InstanceLocation)
	for _, cause := range e.Causes {
		all := mapErrors(cause, root)
		if len(all) == 0 {
			continue
		}
		part := all[0].Expected
		if all[0].Pointer != at {
			part = "with " + part + " at " + all[0].Pointer
		}
		if parts = append(parts, part); len(parts) == 5 {
			break
		}
	}
	if parts == nil {
		return "one of the choices of the schema"
	}
	return strings.Join(parts, " or ")
}

// expectation is the text for an error without causes.
func expectation(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return strings.Join(k.Want, " or ")
	case *kind.Enum:
		return "one of " + listing(k.Want)
	case *kind.Const:
		return "exactly " + show(k.Want)
	case *kind.MinLength:
		return "string" + between(k.Want, -1, "character")
	case *kind.MaxLength:
		return "string" + between(-1, k.Want, "character")
	case *kind.MinItems:
		return "array" + between(k.Want, -1, "item")
	case *kind.MaxItems:
		return "array" + between(-1, k.Want, "item")
	case *kind.MinProperties:
		return "object" + between(k.Want, -1, "property")
	case *kind.MaxProperties:
		return "object" + between(-1, k.Want, "property")
	case *kind.Pattern:
		return "string matching " + shorten(k.Want, 200)
	case *kind.UniqueItems:
		return "array of different items; " + itoa(k.Duplicates[0]) + " and " + itoa(k.Duplicates[1]) + " are equal"
	case *kind.AdditionalItems:
		return "array with " + count(k.Count, "item") + " less"
	case *kind.Minimum:
		return "number >= " + ratText(k.Want)
	case *kind.Maximum:
		return "number <= " + ratText(k.Want)
	case *kind.ExclusiveMinimum:
		return "number > " + ratText(k.Want)
	case *kind.ExclusiveMaximum:
		return "number < " + ratText(k.Want)
	case *kind.MultipleOf:
		return "number that is a multiple of " + ratText(k.Want)
	}
	return shorten(e.ErrorKind.LocalizedString(message.NewPrinter(language.English)), 80)
}

// ratText shows a limit as it was probably written.
func ratText(limit *big.Rat) string {
	if limit.IsInt() {
		return shorten(limit.Num().String(), 40)
	}
	f, _ := limit.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func pointerTo(location []string) string {
	var b strings.Builder
	for _, segment := range location {
		b.WriteString("/" + escape(shorten(segment, 64)))
	}
	return b.String()
}

// valueAt follows a location into a value.
func valueAt(v any, location []string) any {
	for _, segment := range location {
		switch outer := v.(type) {
		case map[string]any:
			v = outer[segment]
		case []any:
			i, err := strconv.Atoi(segment)
			if err != nil || i < 0 || i >= len(outer) {
				return nil
			}
			v = outer[i]
		default:
			return nil
		}
	}
	return v
}
