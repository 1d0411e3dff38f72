package transform

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
)

func TestContent(t *testing.T) {
	dir := t.TempDir()
	file := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	logo, terms, archive := file("logo.png", png), file("terms.md", "# Terms"), file("a.zip", "PK\x03\x04")
	encoded := base64.StdEncoding.EncodeToString([]byte(png))
	half := 0.5
	body := answer{contentType: "application/json", body: `{"id":7,"png":"` + encoded + `","url":"crm://x/a b","bad":"%%%","uri":"data:image/png;base64,` + encoded + `"}`}
	tests := []struct {
		name  string
		block BlockSettings
		want  string
	}{
		{"text", BlockSettings{Text: text("Order ${{ .id }}"), Annotations: &AnnotationSettings{Audience: []string{"user"}, Priority: &half}}, "text for=user Order 7"},
		{"empty text", BlockSettings{Text: text("${{ .none }}")}, "text "},
		{"image of a file", BlockSettings{Image: &MediaSettings{File: logo}}, "image image/png data=" + jsonText(png)},
		{"image of data", BlockSettings{Image: &MediaSettings{Data: "${{ .png }}"}}, "image image/png data=" + jsonText(png)},
		{"image of a data URI", BlockSettings{Image: &MediaSettings{Data: "${{ .uri }}", MIMEType: "image/${{ \"png\" }}"}}, "image image/png data=" + jsonText(png)},
		{"image of bad data", BlockSettings{Image: &MediaSettings{Data: "${{ .bad }}"}}, "text The service's answer does not hold the data that was expected.\nerror"},
		{"image of no data", BlockSettings{Image: &MediaSettings{Data: "${{ .none }}"}}, "text The service's answer does not hold the data that was expected.\nerror"},
		{"sound that is an image", BlockSettings{Audio: &MediaSettings{Data: "${{ .png }}"}}, "text The service's answer does not hold the data that was expected.\nerror"},
		{"sound by type", BlockSettings{Audio: &MediaSettings{Data: "${{ .png }}", MIMEType: "audio/mpeg"}}, "audio audio/mpeg data=" + jsonText(png)},
		{"bad type", BlockSettings{Audio: &MediaSettings{Data: "${{ .png }}", MIMEType: "${{ .id }}"}}, "text The tool's answer has no usable media type.\nerror"},
		{"resource of text", BlockSettings{Resource: &ResourceSettings{URI: "crm://${{ args.id }}", MIMEType: "text/plain", Text: text("x ${{ .id }}")}}, "resource crm://ord_1 text/plain x 7"},
		{"resource of a text file", BlockSettings{Resource: &ResourceSettings{URI: "crm://terms", File: terms}}, "resource crm://terms text/markdown # Terms"},
		{"resource of a binary file", BlockSettings{Resource: &ResourceSettings{URI: "crm://a", File: archive}}, "resource crm://a application/zip data=" + jsonText("PK\x03\x04")},
		{"resource of data", BlockSettings{Resource: &ResourceSettings{URI: "crm://a", Blob: "${{ .png }}"}}, "resource crm://a image/png data=" + jsonText(png)},
		{"link", BlockSettings{Link: &LinkSettings{URI: "${{ .url }}", Name: "Order ${{ .id }}", MIMEType: "text/html", Size: 5}}, "link crm://x/a%20b name=Order 7 text/html size=5"},
		{"link to nowhere", BlockSettings{Link: &LinkSettings{URI: "${{ .none }}", Name: "x"}}, "text The tool's answer has no usable URI.\nerror"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := mustBuild(t, Settings{Content: []BlockSettings{tt.block}, Select: "."})
			result, err := run(t, tr, body)
			if err != nil {
				t.Fatal(err)
			}
			result.Structured = nil
			if got := golden(result); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestContentSeesWhatWasSelected(t *testing.T) {
	tr := mustBuild(t, Settings{Select: ".order", Content: []BlockSettings{{Text: text("a ${{ .id }}")}, {Text: text("b")}}, Text: "unused"})
	got := outcome(t, tr, answer{contentType: "application/json", body: `{"order":{"id":3}}`})
	if want := "text a 3\ntext b\nstructured {\"id\":3}"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDecodeBase64(t *testing.T) {
	for _, in := range []string{"+/8=", "+/8", "-_8", "-_8=", "+/\n8=", "data:a/b;base64,+/8="} {
		if out, err := decodeBase64(in); err != nil || string(out) != "\xfb\xff" {
			t.Errorf("%q: %x, %v", in, out, err)
		}
	}
	for _, in := range []string{"", "=", "a", "data:a/b,xx", "é", "++//+"} {
		if out, err := decodeBase64(in); err == nil {
			t.Errorf("%q was decoded to %x", in, out)
		}
	}
}
