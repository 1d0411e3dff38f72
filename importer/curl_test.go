package importer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestSplitCommand takes command lines apart as a shell does.
func TestSplitCommand(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{`curl a b`, []string{"curl", "a", "b"}},
		{"curl \\\n  -X \\\r\n POST", []string{"curl", "-X", "POST"}},
		{`'a b'"c d"e\ f`, []string{"a bc de f"}},
		{`"a\"b\\c\d$x"`, []string{`a"b\c\d$x`}},
		{`'' ""`, []string{"", ""}},
		{`$'a\n\'b\x41\u00e9'`, []string{"a\n'bAé"}},
		{"\n\n  curl x # a comment", []string{"curl", "x"}},
		{"curl x | jq .", []string{"curl", "x"}},
		{"curl x; rm -rf y", []string{"curl", "x"}},
		{`a#b`, []string{"a#b"}},
	} {
		got, err := SplitCommand(test.text)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, %v; want %q", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{`'a`, `"a`, `$'a`} {
		if _, err := SplitCommand(text); err == nil {
			t.Errorf("%q was taken apart", text)
		}
	}
}

// TestGolden writes manifests of the archives in testdata: NAME.sh is a curl
// command, NAME.json a Postman collection, and NAME.yaml what comes of it.
func TestGolden(t *testing.T) {
	for _, file := range []string{"curl.txtar", "postman.txtar"} {
		path := filepath.Join("testdata", file)
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			source, golden := archive.Files[i], &archive.Files[i+1]
			t.Run(source.Name, func(t *testing.T) {
				got := written(t, source.Name, source.Data)
				if os.Getenv("UPDATE_GOLDEN") != "" {
					golden.Data = got
				}
				if string(got) != string(golden.Data) {
					t.Errorf("written:\n%s\nwant:\n%s", got, golden.Data)
				}
			})
		}
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// canary is in every secret of the archives.
const canary = "CANARY"

// written is the manifest, or the error, with the preview below.
func written(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	if !strings.Contains(string(data), canary) {
		t.Fatal("there is no secret to be left out")
	}
	d, err := draftOf(name, data)
	if err != nil {
		if strings.Contains(err.Error(), canary) {
			t.Errorf("a secret is in the error: %v", err)
		}
		return []byte("error: " + err.Error() + "\n")
	}
	var preview strings.Builder
	if err := d.Preview.Write(&preview); err != nil {
		t.Fatal(err)
	}
	inJSON, err := d.Preview.JSON()
	if err != nil {
		t.Fatal(err)
	}
	out := append(d.Manifest(), "\n# "+strings.ReplaceAll(strings.TrimSpace(preview.String()), "\n", "\n# ")+"\n"...)
	for _, text := range [][]byte{out, inJSON} {
		if strings.Contains(string(text), canary) {
			t.Errorf("a secret was written:\n%s", text)
		}
	}
	return out
}

func draftOf(name string, data []byte) (*Draft, error) {
	if strings.HasSuffix(name, ".json") {
		d, err := Postman(data, "")
		if IsNothing(err) {
			err = nil
		}
		return d, err
	}
	words, err := SplitCommand(string(data))
	if err != nil {
		return nil, err
	}
	return Curl(words, CurlOptions{})
}

// FuzzCurl reads command lines: what is written can be read.
func FuzzCurl(f *testing.F) {
	for _, file := range []string{"curl.txtar"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		for _, source := range archive.Files {
			f.Add(string(source.Data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := SplitCommand(text)
		if err != nil {
			return
		}
		if d, err := Curl(words, CurlOptions{}); err == nil {
			checkDraft(t, d)
		}
	})
}

// FuzzPostman reads collections: what is written can be read.
func FuzzPostman(f *testing.F) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "postman.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, source := range archive.Files {
		f.Add(source.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := Postman(data, ""); err == nil {
			checkDraft(t, d)
		}
	})
}

// checkDraft reads what is written, and compares.
func checkDraft(t *testing.T, d *Draft) {
	t.Helper()
	s, err := newSheet(d.Manifest())
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Manifest())
	}
	v, err := valueOf(s.top("tools"))
	if err != nil {
		t.Fatal(err)
	}
	tools, _ := d.root().get("tools")
	if !equal(v, tools) {
		got, _ := encode(v)
		want, _ := encode(tools)
		t.Fatalf("read:\n%s\nwant:\n%s\n%s", got, want, d.Manifest())
	}
	for _, name := range d.Tools() {
		if name == "" || len(name) > maxName || legalName(name) == "" {
			t.Errorf("the name %q", name)
		}
	}
}

// TestCurlOptions reads options in all their spellings.
func TestCurlOptions(t *testing.T) {
	const want = "POST /users?"
	for _, command := range []string{
		"curl -XPOST http://a.example/users -d a=1",
		"curl -sSX POST http://a.example/users -da=1",
		"curl --request=POST --url http://a.example/users --data a=1",
		"curl http://a.example/users --data-urlencode a=1 --max-time 3 -o out --compressed -vk",
		"/usr/bin/curl -r 0-9 -U me:CANARY --connect-to a:1:b:2 a.example/users --data-binary a=1",
		"-d a=1 http://a.example/users",
	} {
		words, err := SplitCommand(command)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Curl(words, CurlOptions{})
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		if got := d.tools[0].operation + "?"; got != want || !strings.Contains(string(d.Manifest()), "a: {type: integer, in: form}") {
			t.Errorf("%s:\n%s", command, d.Manifest())
		}
		if strings.Contains(string(d.Manifest()), canary) {
			t.Errorf("%s: a secret was written", command)
		}
	}
	for command, want := range map[string]string{
		"curl":                                       "no URL",
		"curl -X":                                    "-X wants a value",
		"curl --data":                                "--data wants a value",
		"curl http://a.example/../b":                 "a path with dots",
		"curl -K f http://a.example":                 "-K reads options from a file",
		"curl ftp://a.example":                       "must start with http",
		"curl http://a_b@/":                          "has no host",
		"curl -X BREW http://a.example":              "can't send BREW",
		"curl -F f http://a.example":                 "want name=value",
		"curl -d @f http://a.example":                "the content is in a file",
		"curl --json @f http://a.example":            "the content is in a file",
		"curl -H @f http://a.example":                "the content is in a file",
		"curl http://a.example \xff":                 "no UTF-8",
		"curl --data-urlencode a@f http://a.example": "the content is in a file",
	} {
		words, err := SplitCommand(command)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Curl(words, CurlOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", command, err, want)
		}
	}
}
