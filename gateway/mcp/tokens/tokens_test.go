package tokens

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// counted are the tokens of o200k_base in the files of testdata, as its
// reference tokenizer counts them.
var counted = map[string]int{
	"arabic":              91,
	"base64":              1068,
	"chinese":             109,
	"csv":                 918,
	"emoji":               235,
	"english":             200,
	"english2":            129,
	"french":              93,
	"german":              106,
	"go2":                 1053,
	"greek":               75,
	"hashes":              930,
	"hebrew":              66,
	"hindi":               73,
	"html":                360,
	"japanese":            136,
	"js":                  270,
	"json_camel":          1033,
	"json_charges":        662,
	"json_charges_pretty": 960,
	"json_chinese":        583,
	"json_escaped":        1063,
	"json_issues":         1188,
	"json_issues_pretty":  1069,
	"json_k8s":            1125,
	"json_numbers":        989,
	"json_orders":         1274,
	"json_russian":        563,
	"json_weather":        461,
	"korean":              94,
	"log":                 1640,
	"markdown":            246,
	"python":              318,
	"russian":             95,
	"sql":                 226,
	"table_md":            782,
	"thai":                81,
	"tsv":                 478,
	"urls":                811,
	"uuids":               938,
	"xml":                 349,
}

func TestEstimateIsNearTheTruth(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != len(counted) {
		t.Fatalf("%d files, %d counts: %v", len(files), len(counted), err)
	}
	var estimates, truths int
	for name, truth := range counted {
		text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		got := Estimate(text)
		if off := got - truth; off*100 > truth*15 || -off*100 > truth*15 {
			t.Errorf("%s: estimated %d, it is %d tokens", name, got, truth)
		}
		estimates += got
		truths += truth
	}
	if off := estimates - truths; off*100 > truths*5 || -off*100 > truths*5 {
		t.Errorf("all: estimated %d, it is %d tokens", estimates, truths)
	}
}

func TestEstimateOfLittle(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, " ": 1, "a": 1, "hello world": 2, "null": 1, "{}": 1, "12345": 2, "\n\n\n": 1, "\xff": 1,
	} {
		if got := Estimate([]byte(text)); got != want {
			t.Errorf("Estimate(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestEstimateTakesNoMemory(t *testing.T) {
	text := []byte(strings.Repeat(`{"id":12345,"имя":"Анна","note":"a longer text"},`, 100))
	if n := testing.AllocsPerRun(20, func() { Estimate(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzEstimate holds that no text is free and none costs more than its bytes.
func FuzzEstimate(f *testing.F) {
	for _, seed := range []string{"", "a", `{"a":[1,2,3]}`, "\xff\xfe", "日本語 text", "a\r\n\tb", strings.Repeat("-", 40)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Estimate(text)
		if got < 0 || got > 2*len(text) || len(text) > 0 && got == 0 {
			t.Fatalf("%d tokens in %d bytes", got, len(text))
		}
		twice := Estimate(bytes.Join([][]byte{text, text}, []byte("\n")))
		if twice < got {
			t.Fatalf("twice the text is %d tokens, once %d", twice, got)
		}
	})
}

func BenchmarkEstimate(b *testing.B) {
	text, err := os.ReadFile("testdata/json_issues.txt")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Estimate(text)
	}
}
