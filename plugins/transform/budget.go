package transform

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// defaultTokens bounds an answer whose manifest says nothing of it.
	defaultTokens = 20_000
	// leastTokens is the smallest budget: below, there is no room to say what
	// is missing.
	leastTokens = 100
	// unlimited is the TokenLimit that is written none.
	unlimited = -1
)

// TokenLimit is how many tokens of an answer a model reads; 0 stands for the
// default.
type TokenLimit int

// UnmarshalText reads a number, or none.
func (l *TokenLimit) UnmarshalText(text []byte) error {
	if string(text) == none {
		*l = unlimited
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 31)
	if err != nil {
		hint := "write e.g. 8000; the default is 20000"
		if n, thousands := strings.CutSuffix(strings.ToLower(string(text)), "k"); thousands && strings.Trim(n, "0123456789") == "" && n != "" {
			hint = "write " + n + "000"
		}
		return &plugins.FieldError{Message: "want a number of tokens, or none", Hint: hint}
	}
	if n < leastTokens {
		return &plugins.FieldError{Message: "want at least 100 tokens", Hint: "write e.g. 8000, or none for no limit"}
	}
	*l = TokenLimit(n)
	return nil
}

// bounded reports whether the budget holds for a call. What steps and
// suggestions read of an answer is for programs, and stays whole.
func (t *transform) bounded(call *plugins.Call) bool {
	return t.limit > 0 && (call.Run == nil || call.Run.Nesting == nil && call.Run.Value == nil)
}

// fit shortens a result to its budget: its texts taken together, and its
// structured content. What fits is not touched.
func (t *transform) fit(call *plugins.Call, result *mcp.Result) {
	if !t.bounded(call) {
		return
	}
	total, texts := 0, 0
	for i := range result.Content {
		if b := &result.Content[i]; b.Type == mcp.TextBlock {
			total, texts = total+t.cheaply(b.Text), texts+1
		}
	}
	var long bool
	if texts == 1 && same(result.Content[0].Text, result.Structured) {
		long = total > t.limit
	} else {
		long = t.cheaply(result.Structured) > t.limit
	}
	if total <= t.limit && !long {
		return
	}
	f := fitting{t: t, how: howToGet(call.Tool)}
	if f.how == "" {
		f.how = tooLong
	}
	if long {
		f.structured(result)
	}
	if total > t.limit {
		f.texts(result, texts)
	}
	if call.Record != nil {
		call.Record.Truncated = call.Record.Truncated || f.truncated
		call.Record.TokensSaved += f.saved
	}
}

// tooLong is told where nobody can ask for less.
const tooLong = "The answer was too long to be shown whole."

// same reports whether two texts are one in memory.
func same(a, b []byte) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// cheaply counts a text's tokens, but doesn't look at one that can't be over the
// budget.
func (t *transform) cheaply(text []byte) int {
	if len(text) <= t.limit {
		return len(text) // it can't be more
	}
	return tokens.Estimate(text)
}

// fitting is the shortening of one result.
type fitting struct {
	t   *transform
	how string // to get what is left out
	// of is the JSON text that tree was made of.
	of        []byte
	tree      *tree
	saved     int
	truncated bool
}

// parse makes a tree of JSON text, or takes the one that was made of the same;
// nil if it is no JSON.
func (f *fitting) parse(text []byte) *tree {
	if same(f.of, text) {
		f.tree.shape = whole()
		return f.tree
	}
	if len(text) > math.MaxInt32 || strictjson.Valid(text, deepest) != nil {
		return nil
	}
	f.of, f.tree = text, parseTree(text, f.t.limit)
	return f.tree
}

// deepest bounds the nesting of JSON that an expression made.
const deepest = 1000

// structured shortens structured content. What the declared schema does not
// allow is not done: a program that relies on it comes first.
func (f *fitting) structured(result *mcp.Result) {
	tree := f.parse(result.Structured)
	if tree == nil {
		return
	}
	before := tokens.Estimate(result.Structured)
	keeps := func(out []byte) bool { return f.t.conforms(out, result.Structured) }
	out := tree.appendJSON(nil, 0)
	if tree.complete() && tokens.Estimate(out) <= f.t.limit {
		result.Structured, f.saved = out, before-tokens.Estimate(out)
		return
	}
	for _, drop := range [...]bool{true, false} {
		if drop {
			tree.dropEmpty(0)
		} else {
			tree.restore()
		}
		var note []byte
		out, cut := tree.cutTo(f.t.limit, func() ([]byte, []byte) {
			note = f.note(tree)
			return tree.appendJSON(nil, 0), note
		})
		if marked := withNote(out, note); cut && marked != nil && keeps(marked) {
			out = marked
		}
		if keeps(out) {
			result.Structured, f.saved = out, max(0, before-tokens.Estimate(out))
			f.truncated = f.truncated || cut
			return
		}
	}
}

// noteMember is the member of shortened structured content that says what is
// missing.
const noteMember = "_more"

// withNote adds the note to an object; nil if it is none, or has such a member.
func withNote(object, note []byte) []byte {
	if len(object) < 2 || object[0] != '{' || len(note) == 0 || bytes.Contains(object, []byte(`"`+noteMember+`"`)) {
		return nil
	}
	out := bytes.Clone(object[:len(object)-1])
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(strictjson.AppendString(out, noteMember), ':')
	return append(strictjson.AppendString(out, string(note)), '}')
}

// conforms reports whether shortened content fits the schema that the whole one
// fitted.
func (t *transform) conforms(short, before []byte) bool {
	if t.schema == nil {
		return true
	}
	value, err := strictjson.Decode(short, deepest)
	if err != nil {
		return false
	}
	if len(t.schema.Validate(value, nil)) == 0 {
		return true
	}
	was, err := strictjson.Decode(before, deepest)
	return err == nil && len(t.schema.Validate(was, nil)) > 0
}

// texts shortens the text blocks: the longest first, until all fit together.
func (f *fitting) texts(result *mcp.Result, texts int) {
	costs := make([]int, 0, texts)
	for i := range result.Content {
		if b := &result.Content[i]; b.Type == mcp.TextBlock {
			costs = append(costs, tokens.Estimate(b.Text))
		}
	}
	most := share(costs, f.t.limit)
	all := make([]mcp.Block, 0, len(result.Content)+texts)
	before, after := 0, 0
	for _, b := range result.Content {
		if b.Type != mcp.TextBlock {
			all = append(all, b)
			continue
		}
		cost := tokens.Estimate(b.Text)
		before += cost
		if cost <= most {
			all, after = append(all, b), after+cost
			continue
		}
		text, note, mime := f.text(b.Text, b.MIMEType, most)
		b.Text, b.MIMEType = text, mime
		all, after = append(all, b), after+tokens.Estimate(text)
		if note != nil {
			all = append(all, mcp.Block{Text: note, MIMEType: typeText})
			after += tokens.Estimate(note)
		}
	}
	result.Content = all
	f.saved = max(0, before-after)
}

// share returns how much each of several may cost at most for all to cost no
// more than the budget.
func share(costs []int, budget int) int {
	sorted := slices.Sorted(slices.Values(costs))
	for i, cost := range sorted {
		if each := budget / (len(sorted) - i); cost > each {
			return each
		}
		budget -= cost
	}
	return budget
}

// text shortens one text. What is told of what is missing is a note of its own
// for JSON and tables, and the last line of other texts.
func (f *fitting) text(text []byte, mime string, budget int) (short, note []byte, shortMIME string) {
	switch m := (media{name: mime}); m.form() {
	case formJSON:
		if tree := f.parse(text); tree != nil {
			return f.json(tree, mime, budget)
		}
	case formCSV:
		f.truncated = true
		return cutLines(text, budget, rowsOf(), f.how), nil, mime
	}
	f.truncated = true
	return cutLines(text, budget, linesOf(), f.how), nil, mime
}

// json shortens JSON, step by step and no further than it must be.
func (f *fitting) json(tree *tree, mime string, budget int) (short, note []byte, shortMIME string) {
	out := tree.asText()
	if tree.complete() && tokens.Estimate(out) <= budget {
		return out, nil, mime
	}
	tree.dropEmpty(0)
	if out = tree.asText(); tree.complete() && tokens.Estimate(out) <= budget {
		return out, nil, mime
	}
	if tree.tabulate(0, 0) {
		if out = tree.asText(); tree.complete() && tokens.Estimate(out) <= budget {
			return out, nil, typeText
		}
	}
	var cut bool
	out, cut = tree.cutTo(budget, func() ([]byte, []byte) {
		note = f.note(tree)
		return tree.asText(), note
	})
	f.truncated = f.truncated || cut
	if slices.ContainsFunc(tree.nodes, func(n node) bool { return n.table }) {
		mime = typeText
	}
	return out, note, mime
}

// cutTo makes a tree fit, and returns it as written by render; the note that
// render returns counts too. Reports whether something was left out.
func (t *tree) cutTo(budget int, render func() (text, note []byte)) (out []byte, cut bool) {
	text, note := render()
	spent := tokens.Estimate(text) + tokens.Estimate(note)
	if t.complete() && spent <= budget {
		return text, false
	}
	// What the tree's values cost one by one is not what they cost together.
	target := scale(budget, t.cost(0), max(spent, 1))
	for range 8 {
		t.shape = whole()
		t.fit(target)
		text, note = render()
		if spent = tokens.Estimate(text) + tokens.Estimate(note); spent <= budget {
			return text, true
		}
		target = min(scale(target, budget, spent)*49/50, target-1)
	}
	t.fit(0)
	text, _ = render()
	return text, true
}

func scale(n, by, of int) int { return int(int64(n) * int64(by) / int64(of)) }

// complete reports whether all values of the text are in the tree.
func (t *tree) complete() bool {
	for i := range t.nodes {
		if t.nodes[i].size < t.nodes[i].total {
			return false
		}
	}
	return true
}

// restore takes back what dropEmpty did.
func (t *tree) restore() {
	t.shape = whole()
	for i := range t.nodes {
		t.nodes[i].gone = false
	}
}
