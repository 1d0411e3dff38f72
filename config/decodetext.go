package config

import (
	"encoding"
	"fmt"
	"reflect"
)

// DecodeText makes a value of a type of the short form that its UnmarshalText
// takes, as in a manifest.
func DecodeText(t reflect.Type, text string) (any, error) {
	v := reflect.New(t)
	from, ok := v.Interface().(encoding.TextUnmarshaler)
	if !ok {
		return nil, fmt.Errorf("a value of type %s has no short form", t)
	}
	if err := from.UnmarshalText([]byte(text)); err != nil {
		return nil, err //nolint:wrapcheck // it says where in the text
	}
	return v.Elem().Interface(), nil
}
