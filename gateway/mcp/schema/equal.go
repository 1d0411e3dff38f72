package schema

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
)

// fewItems is up to how many items of an array are compared one by one.
const fewItems = 16

// equal compares as JSON Schema does: numbers by value, objects without order.
func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case string:
		b, ok := b.(string)
		return ok && a == b
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	}
	x, isNumber := numberOf(a)
	y, isToo := numberOf(b)
	return isNumber && isToo && x.compare(y) == 0
}

// duplicate finds two equal items, or returns -1. Its work is linear in long
// arrays.
func duplicate(items []any) (first, second int) {
	if len(items) <= fewItems {
		for j := range items {
			for i := range j {
				if equal(items[i], items[j]) {
					return i, j
				}
			}
		}
		return -1, -1
	}
	seed := maphash.MakeSeed()
	seen := make(map[uint64][]int, len(items))
	for j, item := range items {
		var h maphash.Hash
		h.SetSeed(seed)
		hashValue(&h, item)
		sum := h.Sum64()
		for _, i := range seen[sum] {
			if equal(items[i], item) {
				return i, j
			}
		}
		seen[sum] = append(seen[sum], j)
	}
	return -1, -1
}

// hashValue feeds a hash so that equal values have equal hashes. The hash
// keeps what it is fed in memory of its own; writing to it never fails.
func hashValue(h *maphash.Hash, v any) {
	switch v := v.(type) {
	case nil:
		_ = h.WriteByte('z')
	case bool:
		if v {
			_ = h.WriteByte('t')
		} else {
			_ = h.WriteByte('f')
		}
	case string:
		hashText(h, 's', v)
	case []any:
		hashLen(h, 'a', len(v))
		for _, item := range v {
			hashValue(h, item)
		}
	case map[string]any:
		hashLen(h, 'o', len(v))
		for _, name := range sortedNames(v) {
			hashText(h, 's', name)
			hashValue(h, v[name])
		}
	default:
		n, _ := numberOf(v)
		d := parseDecimal(n.String())
		kind := byte('+')
		if d.neg {
			kind = '-'
		}
		hashLen(h, kind, int(d.exp))
		hashLen(h, 'n', d.len())
		_, _ = h.WriteString(d.whole)
		_, _ = h.WriteString(d.frac)
	}
}

func hashText(h *maphash.Hash, kind byte, s string) {
	hashLen(h, kind, len(s))
	_, _ = h.WriteString(s)
}

func hashLen(h *maphash.Hash, kind byte, n int) {
	var buf [9]byte
	buf[0] = kind
	binary.LittleEndian.PutUint64(buf[1:], uint64(n))
	_, _ = h.Write(buf[:])
}
