package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test binary be a side, as the comparison starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains(allSides(), os.Args[1]) {
		if err := serve(os.Args[1], os.Args[2:]); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestCompareMeasuresEverySide(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	err := compare([]string{"-sides", "upstream,proxy,floor,gosdk", "-conns", "1,4", "-duration", "10ms", "-rounds", "1", "-json", file})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	const calls, lists = 4 * 4, 2 * 2 // 4 sides call in 4 workloads, 2 sides list in 2
	if len(r.Rows) != calls+lists || len(r.Idle) != 4 || len(r.Missing) != 0 {
		t.Fatalf("%d rows, %d idle, missing %v", len(r.Rows), len(r.Idle), r.Missing)
	}
	for _, row := range r.Rows {
		if row.PerSecond <= 0 || row.CPU <= 0 || row.P50 <= 0 || row.P99 < row.P50 || row.RSS <= 0 {
			t.Errorf("%s at %s has no figures: %+v", row.Side, row.Workload, row)
		}
		if row.Side == floorSide && row.Floors != 1 {
			t.Errorf("the floor is %v floors", row.Floors)
		}
	}
}

func TestMissingSideFailsTheRun(t *testing.T) {
	err := compare([]string{"-sides", "floor,sallyport", "-sallyport", "/does/not/exist", "-conns", "1", "-duration", "1ms", "-rounds", "1", "-check"})
	if err == nil || !strings.Contains(err.Error(), "sallyport was not measured") || !strings.Contains(err.Error(), "goal missed") {
		t.Fatalf("got %v", err)
	}
}

func TestGoals(t *testing.T) {
	good := func() *report {
		r := &report{Idle: []idle{{sallyportSide, 24_999_999}}}
		for side, cpu := range map[string]float64{sallyportSide: 30, floorSide: 20, goSDKSide: 240} {
			r.Rows = append(r.Rows, row{Workload: "call-32", Side: side, CPURounds: []float64{cpu, 2 * cpu, 3 * cpu}})
		}
		for side, cpu := range map[string]float64{sallyportSide: 52.5, proxySide: 50} {
			r.Rows = append(r.Rows, row{Workload: "call-rate", Side: side, UpstreamCPURounds: []float64{cpu, 2 * cpu}})
		}
		return r
	}
	change := func(workload, side string, do func(*row)) func(*report) {
		return func(r *report) {
			for i := range r.Rows {
				if r.Rows[i].Workload == workload && r.Rows[i].Side == side {
					do(&r.Rows[i])
				}
			}
		}
	}
	for name, c := range map[string]struct {
		spoil  func(*report)
		missed []int
	}{
		"just met":         {func(*report) {}, nil},
		"slower":           {change("call-32", sallyportSide, func(r *row) { r.CPURounds = []float64{30.1, 60.2, 1} }), []int{0, 1}},
		"go-sdk is faster": {change("call-32", goSDKSide, func(r *row) { r.CPURounds = []float64{239, 478, 720} }), []int{1}},
		"upstream suffers": {change("call-rate", sallyportSide, func(r *row) { r.UpstreamCPURounds = []float64{52.6, 105.2} }), []int{2}},
		"connections":      {change("call-32", sallyportSide, func(r *row) { r.Opened = 1.1 }), []int{3}},
		"memory":           {func(r *report) { r.Idle[0].RSS++ }, []int{4}},
		"nothing measured": {func(r *report) { *r = report{} }, []int{0, 1, 2, 3, 4}},
	} {
		r := good()
		c.spoil(r)
		var missed []int
		for i, g := range goals(r) {
			if !g.Met {
				missed = append(missed, i)
			}
		}
		if !slices.Equal(missed, c.missed) {
			t.Errorf("%s: missed %v, want %v", name, missed, c.missed)
		}
	}
}

func TestTokensAreSignedByTheKeySet(t *testing.T) {
	id, err := newIdentity("http://issuer.example")
	if err != nil {
		t.Fatal(err)
	}
	text, err := id.keySet()
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("key set %s: %v", text, err)
	}
	tokens, err := id.tokens()
	if err != nil {
		t.Fatal(err)
	}
	point := []byte{4} // uncompressed
	for _, name := range []string{"x", "y"} {
		part, err := base64.RawURLEncoding.DecodeString(set.Keys[0][name])
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, part...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if len(token) != len(tokens[0]) {
			t.Errorf("tokens of %d and %d bytes", len(token), len(tokens[0]))
		}
		cut := strings.LastIndexByte(token, '.')
		digest := sha256.Sum256([]byte(token[:cut]))
		signature, err := base64.RawURLEncoding.DecodeString(token[cut+1:])
		if err != nil || len(signature) != 64 {
			t.Fatalf("signature of %d bytes: %v", len(signature), err)
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		if !ecdsa.Verify(public, digest[:], r, s) {
			t.Errorf("the key set does not verify %s", token)
		}
	}
}
