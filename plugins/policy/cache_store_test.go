package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// However it is used, the store stays within its bounds and knows its size.
func TestCacheStoreIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newCacheStore()
		now := time.Unix(0, 0)
		for i := range rapid.IntRange(1, 200).Draw(t, "puts") {
			var key cacheKey
			key[0] = byte(rapid.IntRange(0, 40).Draw(t, "key"))
			size := rapid.SampledFrom([]int{0, 10, 1 << 20, maxCacheAnswer - 1000, maxCacheAnswer}).Draw(t, "size")
			s.put(key, &mcp.Result{Structured: make([]byte, size)}, now.Add(time.Duration(i)))
			total := 0
			for e := s.recent.Front(); e != nil; e = e.Next() {
				entry, ok := e.Value.(*cacheEntry)
				if !ok || s.entries[entry.key] != e {
					t.Fatal("the list and the map differ")
				}
				total += entry.size
			}
			if total != s.bytes || s.bytes > maxCacheBytes || len(s.entries) != s.recent.Len() {
				t.Fatalf("%d bytes, said to be %d, in %d entries", total, s.bytes, len(s.entries))
			}
		}
	})
}

func TestCacheDropsWhatWasNotAskedForLongest(t *testing.T) {
	s := newCacheStore()
	at := func(i int) (key cacheKey) { key[0] = byte(i); return key }
	quarter := &mcp.Result{Structured: make([]byte, maxCacheAnswer-1000)}
	for i := range 16 {
		s.put(at(i), quarter, time.Unix(0, 0))
	}
	s.get(at(0), time.Time{})
	s.put(at(16), quarter, time.Unix(0, 0))
	s.put(at(17), quarter, time.Unix(0, 0))
	if s.get(at(0), time.Time{}) == nil || s.get(at(1), time.Time{}) != nil {
		t.Error("what was just asked for goes first")
	}
}

// What is kept points into nothing that it was made of.
func TestOwnCopiesAll(t *testing.T) {
	text, data, structured := []byte("text"), []byte("data"), []byte("structured")
	priority := 0.5
	r := &mcp.Result{
		Content:    []mcp.Block{{Text: text, Data: data, URI: "u", Annotations: &mcp.Annotations{Audience: []string{"user"}, Priority: &priority}}},
		Structured: structured, Messages: []mcp.PromptMessage{{Role: "user", Block: mcp.Block{Text: text}}},
		Release: func() {},
	}
	kept := own(r)
	for _, b := range [][]byte{text, data, structured} {
		clear(b)
	}
	r.Content[0].URI, r.Messages[0].Role, r.Content[0].Annotations.Audience[0] = "x", "x", "x"
	b := kept.Content[0]
	if string(b.Text) != "text" || string(b.Data) != "data" || string(kept.Structured) != "structured" || b.URI != "u" ||
		kept.Messages[0].Role != "user" || string(kept.Messages[0].Block.Text) != "text" || b.Annotations.Audience[0] != "user" {
		t.Errorf("%+v", kept)
	}
	if kept.Release != nil {
		t.Error("what is kept gives buffers back")
	}
}
