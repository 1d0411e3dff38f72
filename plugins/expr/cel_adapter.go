package expr

import (
	"encoding/json"
	"math/big"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// adapter gives CEL our values as its own. Maps and lists are wrapped, not
// copied: only what a condition looks at is turned over.
type adapter struct{}

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	case json.Number:
		return numberValue(string(v))
	case *big.Int:
		return numberValue(v.String())
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// numberValue keeps every digit of integers up to 64 bits, signed or not. CEL
// compares numbers of different types by their value.
func numberValue(digits string) ref.Val {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return types.Int(n)
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		return types.Uint(n)
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return types.NewErr("a number is out of range")
	}
	return types.Double(n)
}
