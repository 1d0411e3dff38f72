package steps

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func TestAddressesAreOrdered(t *testing.T) {
	s := &state{Units: map[string]*unit{}}
	want := []string{"0", "2", "2.0", "2.1", "2.1.3", "2.1.12", "2.10", "10"}
	for _, address := range []string{"10", "2.10", "2", "2.1.12", "0", "2.1", "2.0", "2.1.3"} {
		s.Units[address] = &unit{}
	}
	if got := s.addresses(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestResultsSurviveTheState: a result and its blocks are the same after a
// round.
func TestResultsSurviveTheState(t *testing.T) {
	priority := 0.5
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "plain", `{"a":1}`, `{"b" : "<&>\u2028", "a":12345678901234567890}`, `"x"`, "<b>\n"}).Draw(t, "text")
		structured := rapid.Bool().Draw(t, "structured")
		blocks := []mcp.Block{
			{Type: mcp.ImageBlock, Data: []byte{0, 255}, MIMEType: "image/png", Annotations: &mcp.Annotations{Audience: []string{"user"}, Priority: &priority}},
			{Text: []byte(text), MIMEType: "text/plain"},
			{Type: mcp.LinkBlock, URI: "crm://1", Name: "n", Title: "t", Description: "d", Size: 7},
			{Type: mcp.ResourceBlock, URI: "crm://2", Data: []byte("x")},
		}
		var value any = text
		var raw []byte
		if structured {
			if decoded, err := strictjson.Decode([]byte(text), 0); err == nil {
				value, raw = decoded, []byte(text)
			}
		}
		u := &unit{Done: true}
		if err := u.save(value, raw, blocks); err != nil {
			t.Fatal(err)
		}
		s := &state{Version: stateVersion, Program: "p", Units: map[string]*unit{"0": u}}
		encoded, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeState(encoded, "p")
		if err != nil {
			t.Fatal(err)
		}
		gotValue, gotBlocks, err := back.Units["0"].restore()
		if err != nil || !reflect.DeepEqual(gotValue, value) || !reflect.DeepEqual(gotBlocks, blocks) {
			t.Fatalf("got %v %+v %v\nwant %v %+v", gotValue, gotBlocks, err, value, blocks)
		}
	})
}
