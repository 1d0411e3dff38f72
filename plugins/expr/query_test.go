package expr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

func everything() expr.Scope {
	return expr.Scope{
		Arguments: []string{"customer_id", "items", "note"},
		Names:     []string{expr.NameArgs, expr.NameCaller, expr.NameStatus, expr.NameHeaders},
		Body:      true,
	}
}

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := strictjson.Decode([]byte(text), 0)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func sample(t testing.TB) *expr.Values {
	t.Helper()
	args, _ := decode(t, `{"customer_id":"cust_1","items":[{"id":1,"q":2},{"id":2,"q":3}]}`).(map[string]any)
	return &expr.Values{
		Args: args,
		Caller: &plugins.Principal{
			Subject: "ann", Client: "cli", Roles: []string{"sales"},
			Claims: map[string]any{"tenant": "acme", "groups": []string{"a"}, "limit": json.Number("100")},
		},
		Capabilities: mcp.ClientCapabilities{Sampling: true},
		Status:       404,
		Header: func(name string) string {
			return map[string]string{"Etag": "v1"}[name]
		},
		Body: decode(t, `{"id":12345678901234567890123,"total":12.50,"data":[{"n":"x"},{"n":"y"}],"a b":1,"nil":null}`),
	}
}

func TestQuery(t *testing.T) {
	for _, tt := range []struct{ jq, want string }{
		{`.id`, `12345678901234567890123`},
		{`.total`, `12.50`},
		{`{id, t: .total}`, `{"id":12345678901234567890123,"t":12.50}`},
		{`.data[1].n`, `"y"`},
		{`.data[7].n`, `null`},
		{`.missing.deeper`, `null`},
		{`."a b"`, `1`},
		{`.["a b"]`, `1`},
		{`.`, ``},
		{`[.data[].n]`, `["x","y"]`},
		{`.data[]|.n`, `"x"`},
		{`empty`, `null`},
		{`args.customer_id`, `"cust_1"`},
		{`args["customer_id"]`, `"cust_1"`},
		{`args.note`, `null`},
		{`args.items | length`, `2`},
		{`args.items | map(.q) | add`, `5`},
		{`[args.items[].id] | join(",")`, `"1,2"`},
		{`caller.subject`, `"ann"`},
		{`caller.client`, `"cli"`},
		{`caller.roles[0]`, `"sales"`},
		{`caller.claims.tenant`, `"acme"`},
		{`caller.claims.groups`, `["a"]`},
		{`caller.claims.limit > 99`, `true`},
		{`caller.capabilities.sampling`, `true`},
		{`status`, `404`},
		{`status == 404`, `true`},
		{`headers.Etag`, `"v1"`},
		{`headers["X-None"]`, `null`},
		{`headers.Etag // "none" | ascii_upcase`, `"V1"`},
		{`3 * 4`, `12`},
		{`"ab" * 3`, `"ababab"`},
		{`{a: {b: 1}} * {a: {c: 2}}`, `{"a":{"b":1,"c":2}}`},
		{`{n: 3} | .n *= 2 | .n`, `6`},
		{`def double: . * 2; 4 | double`, `8`},
		{`[1,2] | .[3] = 9`, `[1,2,null,9]`},
		{`"id-\(args.customer_id)"`, `"id-cust_1"`},
		{`"\(1 + 2)\(.data[0])-\("x")"`, `"3{\"n\":\"x\"}-x"`},
		{`["\(1, 2)\("a", "b")"]`, `["1a","2a","1b","2b"]`},
		{`"x" + "y"`, `"xy"`},
		{`1 + null`, `1`},
		{`[1] + [2]`, `[1,2]`},
		{`{a: 1} + {b: 2}`, `{"a":1,"b":2}`},
		{`[(1, 2) + (10, 20)]`, `[11,12,21,22]`},
		{`{n: 1} | .n += 1.5 | .n`, `2.5`},
		{`[1,[2]] | flatten`, `[1,2]`},
		{`[1,2] | tojson`, `"[1,2]"`},
		{`[1,2] | tojson | fromjson[1]`, `2`},
		{`[1,"a"] | @csv`, `"1,\"a\""`},
		{`@base64 "x\("y")"`, `"xeQ=="`},
		{`{"k\(1)": 2}`, `{"k1":2}`},
		{`.data | map(select(.n | test("^y")))`, `[{"n":"y"}]`},
	} {
		q, err := expr.ParseQuery(tt.jq, everything())
		if err != nil {
			t.Errorf("%s: %v", tt.jq, err)
			continue
		}
		v := sample(t)
		got, err := q.Run(context.Background(), v)
		if err != nil {
			t.Errorf("%s: %v", tt.jq, err)
			continue
		}
		if tt.want == "" {
			if !reflect.DeepEqual(got, v.Body) {
				t.Errorf("%s = %v", tt.jq, got)
			}
			continue
		}
		text, err := strictjson.Append(nil, got)
		if err != nil || string(text) != tt.want {
			t.Errorf("%s = %s (%v), want %s", tt.jq, text, err, tt.want)
		}
	}
}

func TestRunaway(t *testing.T) {
	for _, jq := range []string{
		`[range(1e12)]`,
		`last(range(1e12))`,
		`[repeat("x")]`,
		`def f: f; f`,
		`def f: 1 + f; f`,
		`"a" * 1e9`,
		`1e9 * "a"`,
		`{a: "x"} | .a *= 1e9`,
		`.data[500000000] = 1`,
		`args.n as $n | .data[$n] = 1`,
		`setpath(["data", 500000000]; 1)`,
		`reduce range(64) as $i (1; [., .])`,
		`reduce range(64) as $i ("ab"; . + .) | length`,
		`reduce range(64) as $i ("ab"; "\(.)\(.)") | length`,
		`reduce range(64) as $i ("ab"; [., .] | add) | length`,
		`reduce range(64) as $i ("ab"; [., .] | join("-")) | length`,
		`reduce range(64) as $i ({s: "ab"}; .s += .s) | length`,
		`reduce range(64) as $i ([1]; . + .) | length`,
		`reduce range(64) as $i (1; [., .]) | tojson`,
		`reduce range(64) as $i (1; [., .]) | flatten`,
		`reduce range(64) as $i (1; [., .]) | @json`,
		`reduce range(64) as $i (1; [., .]) | "\(.)"`,
		`[.. | .. | ..] | [range(1e9)] | length`,
	} {
		scope := everything()
		scope.Arguments = nil
		q, err := expr.ParseQuery(jq, scope)
		if err != nil {
			t.Errorf("%s: %v", jq, err)
			continue
		}
		v := sample(t)
		v.Args = map[string]any{"n": json.Number("500000000")}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err = q.Run(context.Background(), v)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		var safe *expr.Error
		if !errors.As(err, &safe) {
			t.Errorf("%s: no error but %v", jq, err)
		}
		if took > 5*time.Second {
			t.Errorf("%s took %v", jq, took)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<30 {
			t.Errorf("%s allocated %d MiB", jq, grown>>20)
		}
	}
}

func TestErrorsQuoteNoValue(t *testing.T) {
	v := &expr.Values{Body: map[string]any{"token": "canary-1234"}}
	for _, jq := range []string{`.token.x`, `.token - 1`, `.token | tonumber`, `{(.token | [.] ): 1}`, `.token | error`} {
		q, err := expr.ParseQuery(jq, expr.Scope{Body: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = q.Run(context.Background(), v)
		if err == nil {
			t.Errorf("%s: no error", jq)
			continue
		}
		if quoted := strings.Contains(err.Error(), "canary"); quoted != (jq == `.token | error`) {
			t.Errorf("%s: %q", jq, err)
		}
	}
}

func TestUses(t *testing.T) {
	for _, tt := range []struct {
		jq    string
		args  []string
		whole bool
		names []string
	}{
		{`args.items | length`, []string{"items"}, false, []string{"args"}},
		{`args | keys`, nil, true, []string{"args"}},
		{`{a: args.note, b: [args["items"]], c: caller.subject}`, []string{"items", "note"}, false, []string{"args", "caller"}},
		{`if status > 1 then "\(args.note)" else headers.Etag end`, []string{"note"}, false, []string{"args", "headers", "status"}},
		{`reduce args.items[] as $i (0; . + $i.q)`, []string{"items"}, false, []string{"args"}},
		{`.x`, nil, false, nil},
	} {
		q, err := expr.ParseQuery(tt.jq, everything())
		if err != nil {
			t.Fatalf("%s: %v", tt.jq, err)
		}
		args, whole := q.Arguments()
		slices.Sort(args)
		var names []string
		for _, n := range []string{"args", "caller", "headers", "status"} {
			if q.Uses(n) {
				names = append(names, n)
			}
		}
		if !slices.Equal(args, tt.args) || whole != tt.whole || !slices.Equal(names, tt.names) {
			t.Errorf("%s: %v %v %v", tt.jq, args, whole, names)
		}
	}
}

// One compiled query serves many calls at once, each with its own values.
func TestConcurrentRuns(t *testing.T) {
	q, err := expr.ParseQuery(`{a: args.customer_id, s: caller.subject, b: .n, r: (.n | tostring | test(args.customer_id))}`, everything())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 1000 {
				id := fmt.Sprint(worker, "-", i)
				v := &expr.Values{
					Args: map[string]any{"customer_id": id}, Caller: &plugins.Principal{Subject: "s" + id},
					Body: map[string]any{"n": id},
				}
				got, err := q.Run(context.Background(), v)
				want := map[string]any{"a": id, "s": "s" + id, "b": id, "r": true}
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got %v, %v", got, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// A plain path means what jq means by it.
func TestPlainPathLikeJQ(t *testing.T) {
	bodies := []string{`null`, `1`, `"s"`, `true`, `[]`, `{}`, `{"a":null}`, `{"a":[1,2]}`, `{"a":{"b":3}}`, `[{"a":1}]`, `{"a":[{"b":4}]}`}
	for _, path := range []string{`.a`, `.a.b`, `.a[0]`, `.[0]`, `.[0].a`, `.a[0].b`, `.a[9]`, `."a"`, `.["a"]`, `.a["b"]`} {
		plain, err := expr.ParseQuery(path, expr.Scope{Body: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := plain.Path(); !ok {
			t.Errorf("%s is no plain path", path)
		}
		full, err := expr.ParseQuery("1 as $x | "+path, expr.Scope{Body: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range bodies {
			v := &expr.Values{Body: decode(t, body)}
			got, gotErr := plain.Run(context.Background(), v)
			want, wantErr := full.Run(context.Background(), v)
			if !reflect.DeepEqual(got, want) || (gotErr == nil) != (wantErr == nil) {
				t.Errorf("%s of %s: %v, %v; jq says %v, %v", path, body, got, gotErr, want, wantErr)
			}
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{`.a`, `args.x | length`, `{a: .b}`, `"\(1)"`, `def f(x): x; f(1)`, `.[1:2] |= 3`, `. as [$a, {b: $c}] | $a`, `try error("x") catch .`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := expr.ParseQuery(text, everything())
		if err != nil {
			var field *plugins.FieldError
			if !errors.As(err, &field) || field.Offset < 0 || field.Offset > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		if _, err := q.Run(ctx, &expr.Values{Args: map[string]any{}, Body: map[string]any{"a": "b"}}); err != nil {
			var safe *expr.Error
			if !errors.As(err, &safe) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func BenchmarkPlainPath(b *testing.B) { benchmark(b, `.data[1].n`) }

func BenchmarkJQ(b *testing.B) { benchmark(b, `{id, total, n: .data[0].n}`) }

func benchmark(b *testing.B, jq string) {
	q, err := expr.ParseQuery(jq, everything())
	if err != nil {
		b.Fatal(err)
	}
	v := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Run(context.Background(), v); err != nil {
			b.Fatal(err)
		}
	}
}
