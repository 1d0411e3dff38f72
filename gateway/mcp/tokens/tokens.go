// Package tokens estimates how many tokens a model reads of a text.
//
// The estimate walks the text once, splits it as o200k_base does before it
// merges bytes (letters by case, up to three digits, runs of punctuation and of
// white space), and adds what pieces of that kind and length cost on average.
// It knows no vocabulary, takes no memory, and is within about 15 % of the true
// count for JSON, prose, code, tables and most scripts.
package tokens

import "unicode/utf8"

// unit is one token: costs are counted in parts of it.
const unit = 64

// Estimate returns about how many tokens the text is. It is 0 only for an empty
// text.
func Estimate(text []byte) int {
	c := counter{text: text}
	for c.at < len(text) {
		c.piece()
	}
	if c.cost == 0 {
		return 0
	}
	return max(1, (c.cost+unit/2)/unit)
}

// counter walks a text.
type counter struct {
	text []byte
	at   int
	cost int
	// prefix is the character that the word after it takes in; 0 if there is
	// none.
	prefix byte
	// mixed says that letters follow digits without a space between: an id or a
	// hash, where no piece is a word.
	mixed bool
	// short counts the short pieces of the present run of letters and digits.
	short int
}

// class is what decides where pieces end.
type class uint8

const (
	classOther class = iota // punctuation
	classLower
	classUpper
	classDigit
	classSpace
	classLine
	classWide // beyond ASCII
)

func classOf(b byte) class {
	switch {
	case b >= utf8.RuneSelf:
		return classWide
	case b >= 'a' && b <= 'z':
		return classLower
	case b >= 'A' && b <= 'Z':
		return classUpper
	case b >= '0' && b <= '9':
		return classDigit
	case b == '\n' || b == '\r':
		return classLine
	case b == ' ' || b == '\t' || b == '\v' || b == '\f':
		return classSpace
	}
	return classOther
}

// piece takes one piece of the text.
func (c *counter) piece() {
	switch classOf(c.text[c.at]) {
	case classLower, classUpper:
		c.word()
	case classDigit:
		c.digits()
	case classSpace, classLine:
		c.space()
	case classWide:
		c.wide()
	default:
		c.punctuation()
	}
}

// word takes capitals and then small letters.
func (c *counter) word() {
	start := c.at
	for c.at < len(c.text) && c.text[c.at]-'A' < 26 {
		c.at++
	}
	capitals := c.at - start
	for c.at < len(c.text) && c.text[c.at]-'a' < 26 {
		c.at++
	}
	n := c.at - start
	if n <= 3 {
		c.short++
	}
	switch {
	case c.mixed || c.short > 3 && n <= 4:
		c.cost += max(unit, n*36)
	case capitals > 2 && n > 2:
		c.cost += unit + (n-2)*14
	case n <= 8:
		c.cost += unit + n/4
	default:
		c.cost += unit + 2 + (n-8)*8
	}
	c.cost += prefixCost(c.prefix)
	c.prefix = 0
}

// prefixCost is what a word costs more for the character before it.
func prefixCost(b byte) int {
	switch b {
	case 0, ' ':
		return 0
	case '\t':
		return unit * 3 / 8
	case '(', '.', '_', '\\':
		return unit / 10
	case '-':
		return unit * 3 / 8
	case '/':
		return unit / 2
	}
	return unit * 5 / 8
}

// digits takes digits, three a token.
func (c *counter) digits() {
	start := c.at
	for c.at < len(c.text) && c.text[c.at]-'0' < 10 {
		c.at++
	}
	c.cost += (c.at - start + 2) / 3 * unit
	if c.prefix != 0 {
		c.cost += unit // digits take nothing in
		c.prefix = 0
	}
	c.mixed = true
}

// space takes white space: line ends with what is before them are one token,
// and so is an indent, whose last space goes to what follows.
func (c *counter) space() {
	c.run()
	start, line := c.at, -1
	for c.at < len(c.text) {
		switch classOf(c.text[c.at]) {
		case classLine:
			line = c.at
		case classSpace:
		default:
			goto end
		}
		c.at++
	}
end:
	if line >= 0 {
		c.cost += unit
		start = line + 1
	}
	n := c.at - start
	if n == 0 {
		return
	}
	if c.at < len(c.text) {
		c.prefix = c.text[c.at-1]
		n--
	}
	if n > 0 {
		c.cost += unit
	}
}

// run begins a new run of letters and digits.
func (c *counter) run() { c.mixed, c.short, c.prefix = false, 0, 0 }

// punctuation takes a run of it. One character alone goes to the word after it.
func (c *counter) punctuation() {
	start := c.at
	same := true
	for c.at < len(c.text) && classOf(c.text[c.at]) == classOther {
		same = same && c.text[c.at] == c.text[start]
		c.at++
	}
	n := c.at - start
	spaced := c.prefix == ' '
	c.run()
	switch {
	case n == 1 && !spaced && c.at < len(c.text) && isLetter(classOf(c.text[c.at])):
		c.prefix = c.text[start]
	case n <= 2:
		c.cost += unit
	case same:
		c.cost += unit + n*unit/16
	case n == 3:
		c.cost += unit
	default:
		c.cost += unit + (n-3)*unit*3/8
	}
}

func isLetter(k class) bool { return k == classLower || k == classUpper || k == classWide }

// wide takes one character beyond ASCII.
func (c *counter) wide() {
	r, size := utf8.DecodeRune(c.text[c.at:])
	first := c.at == 0 || c.text[c.at-1] < utf8.RuneSelf
	c.at += size
	if r == utf8.RuneError && size == 1 {
		c.cost += unit
		return
	}
	c.cost += runeCost(r)
	if first && c.prefix == 0 && r > 0x24f && r < 0x2000 {
		c.cost += unit * 3 / 8 // words are most often known with a space before them
	}
	c.cost += prefixCost(c.prefix)
	c.prefix = 0
}

// script is a range of characters that cost about the same.
type script struct {
	last rune
	cost int
}

// runeCost is what a character costs within a text of its script.
func runeCost(r rune) int {
	for _, s := range [...]script{
		{0xbf, 64},    // Latin-1 signs
		{0x24f, 18},   // Latin with accents
		{0x36f, 50},   // phonetics, combining marks
		{0x3ff, 26},   // Greek
		{0x52f, 16},   // Cyrillic
		{0x58f, 40},   // Armenian
		{0x5ff, 26},   // Hebrew
		{0x8ff, 23},   // Arabic
		{0xdff, 22},   // Indic
		{0xe7f, 24},   // Thai
		{0x1fff, 48},  // others
		{0x206f, 64},  // general punctuation
		{0x2fff, 96},  // symbols
		{0x303f, 64},  // CJK punctuation
		{0x30ff, 44},  // kana
		{0x4dbf, 90},  // rare ideographs
		{0x9fff, 46},  // ideographs
		{0xabff, 96},  // rare scripts
		{0xd7a3, 46},  // Hangul
		{0xfdff, 96},  // private use, presentation forms
		{0xfe0f, 64},  // variation selectors
		{0xffef, 64},  // full-width forms
		{0x1faff, 96}, // emoji and other pictures
	} {
		if r <= s.last {
			return s.cost
		}
	}
	return 2 * unit
}
