package strictjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

const call = `{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"get_customer","arguments":{"id":"c-100045",` +
	`"include":["orders","tickets"],"limit":25,"since":"2026-01-01T00:00:00Z"},"_meta":{"progressToken":"p1"}}}`

// rows is a body of about 64 KiB as a REST service would send it.
func rows() []byte {
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for i := 0; b.Len() < 64<<10; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"c-%06d","name":"Customer number %d","email":"customer%d@example.com","balance":%d.25,"active":true,`+
			`"note":"Called on Monday about an invoice; said \"later\".","address":{"street":"Hauptstraße %d","city":"München"}}`, i, i, i, i*17, i)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func TestAllocations(t *testing.T) {
	body, text := rows(), strings.Repeat("some text with \"quotes\"\n", 40)
	data := []byte(call)
	members := make([]strictjson.Member, 0, 8)
	dst := make([]byte, 0, 8<<10)
	for _, tt := range []struct {
		name string
		do   func() error
	}{
		{"Check of a call", func() error { return strictjson.Check(data, 0) }},
		{"Check of 64 KiB", func() error { return strictjson.Check(body, 0) }},
		{"Valid", func() error { return strictjson.Valid(body, 0) }},
		{"Members", func() error { _, err := strictjson.Members(data, members); return err }},
		{"AppendString of a string", func() error { strictjson.AppendString(dst, text); return nil }},
		{"AppendString of bytes", func() error { strictjson.AppendString(dst, data); return nil }},
		{"Append", func() error { _, err := strictjson.Append(dst, flat); return err }},
	} {
		var err error
		if n := testing.AllocsPerRun(100, func() { err = tt.do() }); n != 0 || err != nil {
			t.Errorf("%s: %v allocations, error %v", tt.name, n, err)
		}
	}
}

var flat any = map[string]any{"a": []any{"x", 1, 2.5, json.Number("7"), nil, true}, "b": map[string]any{"c": "d"}}

func BenchmarkCheck(b *testing.B) {
	for name, data := range map[string][]byte{"call": []byte(call), "64KiB": rows()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := strictjson.Check(data, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkValid(b *testing.B) {
	data := rows()
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := strictjson.Valid(data, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("std", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if !json.Valid(data) {
				b.Fatal("invalid")
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, data := range map[string][]byte{"call": []byte(call), "64KiB": rows()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := strictjson.Decode(data, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMembers(b *testing.B) {
	data, dst := []byte(call), make([]strictjson.Member, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictjson.Members(data, dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendString(b *testing.B) {
	data, dst := rows(), make([]byte, 0, 128<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		strictjson.AppendString(dst, data)
	}
}
