package schema

import (
	"encoding/json"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// number is a JSON number. Most are small integers; the others are kept as
// text and compared digit by digit, so nothing is rounded and a huge exponent
// costs nothing.
type number struct {
	small bool
	i     int64  // if small
	text  string // as written; empty for a small number that never was text
}

// numberOf returns the number a value is, and false if it is none.
func numberOf(v any) (number, bool) {
	switch v := v.(type) {
	case json.Number:
		return parseNumber(string(v)), true
	case int:
		return number{small: true, i: int64(v)}, true
	case int64:
		return number{small: true, i: v}, true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return number{}, false
		}
		return parseNumber(strconv.FormatFloat(v, 'e', -1, 64)), true
	case *big.Int:
		if v == nil {
			return number{}, false
		}
		return parseNumber(v.String()), true
	}
	return number{}, false
}

// parseNumber reads well-formed JSON number text.
func parseNumber(text string) number {
	digits := strings.TrimPrefix(text, "-")
	if len(digits) > 18 {
		return number{text: text}
	}
	var i int64
	for k := range len(digits) {
		c := digits[k] - '0'
		if c > 9 {
			return number{text: text}
		}
		i = i*10 + int64(c)
	}
	if len(digits) != len(text) {
		i = -i
	}
	return number{small: true, i: i, text: text}
}

func (n number) String() string {
	if n.text == "" {
		return strconv.FormatInt(n.i, 10)
	}
	return n.text
}

// isInteger reports whether the value has no fraction: 5.0 and 1e3 have none.
func (n number) isInteger() bool {
	if n.small {
		return true
	}
	d := parseDecimal(n.text)
	return int64(d.len()) <= d.exp
}

// compare orders by value.
func (n number) compare(m number) int {
	if n.small && m.small {
		switch {
		case n.i < m.i:
			return -1
		case n.i > m.i:
			return 1
		}
		return 0
	}
	return parseDecimal(n.String()).compare(parseDecimal(m.String()))
}

// isMultipleOf reports whether n is m times an integer; m is positive.
func (n number) isMultipleOf(m number) bool {
	if n.small && m.small {
		return n.i%m.i == 0
	}
	return parseDecimal(n.String()).isMultipleOf(parseDecimal(m.String()))
}

// decimal is ±0.DDD × 10^exp, where the digits DDD are whole followed by frac.
// They neither start nor end with a zero, so equal values are equal decimals;
// zero has no digits.
type decimal struct {
	neg         bool
	whole, frac string
	exp         int64
}

// maxExponent is where an exponent's value stops growing. No text that fits
// into a request has as many digits, so only numbers beyond it fall together.
const maxExponent = 1 << 40

// parseDecimal reads well-formed JSON number text.
func parseDecimal(text string) decimal {
	var d decimal
	text, d.neg = strings.CutPrefix(text, "-")
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(text[i+1:], 10, 64)
		if err != nil {
			e = maxExponent // out of range
			if text[i+1] == '-' {
				e = -maxExponent
			}
		}
		d.exp = max(-maxExponent, min(maxExponent, e))
		text = text[:i]
	}
	d.whole, d.frac, _ = strings.Cut(text, ".")
	d.exp += int64(len(d.whole))
	trimmed := strings.TrimLeft(d.whole, "0")
	d.exp -= int64(len(d.whole) - len(trimmed))
	d.whole = trimmed
	if d.whole == "" {
		trimmed = strings.TrimLeft(d.frac, "0")
		d.exp -= int64(len(d.frac) - len(trimmed))
		d.frac = trimmed
	}
	if d.frac = strings.TrimRight(d.frac, "0"); d.frac == "" {
		d.whole = strings.TrimRight(d.whole, "0")
	}
	if d.len() == 0 {
		return decimal{}
	}
	return d
}

func (d decimal) len() int { return len(d.whole) + len(d.frac) }

func (d decimal) digit(i int) byte {
	if i < len(d.whole) {
		return d.whole[i]
	}
	return d.frac[i-len(d.whole)]
}

func (d decimal) compare(e decimal) int {
	switch {
	case d.len() == 0 || e.len() == 0 || d.neg != e.neg:
		return d.sign() - e.sign()
	case d.neg:
		return e.compareSize(d)
	}
	return d.compareSize(e)
}

// sign is a value in the order of the numbers: negative, zero, positive.
func (d decimal) sign() int {
	switch {
	case d.len() == 0:
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// compareSize compares two decimals that aren't zero without their signs.
func (d decimal) compareSize(e decimal) int {
	if d.exp != e.exp {
		if d.exp < e.exp {
			return -1
		}
		return 1
	}
	for i := range min(d.len(), e.len()) {
		if a, b := d.digit(i), e.digit(i); a != b {
			return int(a) - int(b)
		}
	}
	return d.len() - e.len()
}

// isMultipleOf works on d = a × 10^x and e = b × 10^y with integers a and b:
// d is a multiple if b divides a × 10^(x-y). As a doesn't end with a zero, it
// never is for a negative x-y.
func (d decimal) isMultipleOf(e decimal) bool {
	if d.len() == 0 {
		return true
	}
	shift := (d.exp - int64(d.len())) - (e.exp - int64(e.len()))
	if shift < 0 {
		return false
	}
	if e.len() > 19 {
		return d.isMultipleOfBig(e, shift)
	}
	var b uint64
	for i := range e.len() {
		b = b*10 + uint64(e.digit(i)-'0')
	}
	var rest uint64
	for i := range d.len() {
		rest = addMod(mulMod(rest, 10, b), uint64(d.digit(i)-'0'), b)
	}
	power := uint64(1) % b
	for base := 10 % b; shift > 0; shift >>= 1 {
		if shift&1 == 1 {
			power = mulMod(power, base, b)
		}
		base = mulMod(base, base, b)
	}
	return mulMod(rest, power, b) == 0
}

// isMultipleOfBig is for a divisor of 20 digits or more.
func (d decimal) isMultipleOfBig(e decimal, shift int64) bool {
	b, ok := new(big.Int).SetString(e.whole+e.frac, 10)
	if !ok {
		return false
	}
	rest, ten, digit := new(big.Int), big.NewInt(10), new(big.Int)
	for i := range d.len() {
		rest.Mul(rest, ten)
		rest.Add(rest, digit.SetUint64(uint64(d.digit(i)-'0')))
		rest.Mod(rest, b)
	}
	power := new(big.Int).Exp(ten, big.NewInt(shift), b)
	return rest.Mod(rest.Mul(rest, power), b).Sign() == 0
}

// mulMod is a*b mod m for a, b < m.
func mulMod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return bits.Rem64(hi, lo, m)
}

// addMod is a+b mod m for a < m and small b.
func addMod(a, b, m uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	return bits.Rem64(carry, sum, m)
}
