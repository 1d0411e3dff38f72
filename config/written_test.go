package config_test

import (
	"testing"

	"github.com/sallyport-mcp/sallyport/config"
)

// loadText loads a manifest from memory.
func loadText(t *testing.T, text string, env map[string]string) *config.Manifest {
	t.Helper()
	m, err := config.Load(config.Source{
		Path: "m.yaml", Overlay: map[string][]byte{"m.yaml": []byte("version: 1\ntools: {t: {description: d}}\n" + text)},
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}, config.Parts{})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return m
}

// TestWritten shows values as they are written, and never what may be secret.
func TestWritten(t *testing.T) {
	env := map[string]string{"NAME": "hush", "N": "7", "URL": "http://u:p@x"}
	for name, tt := range map[string]struct{ text, want string }{
		"variable":       {`name: "a ${NAME} b $$ c"`, `"a ${NAME} b $ c"`},
		"whole variable": {`name: ${N}`, `"${N}"`},
		"default":        {`name: "x${NOT:-default}y"`, `"xdefaulty"`},
		"several":        {`name: "${NAME}${N}-${NAME}"`, `"${NAME}${N}-${NAME}"`},
		"user in a URL":  {`description: "http://me:secret@acme.example/"`, `"http://***@acme.example/"`},
		"plain":          {`name: 010`, `10`},
		"quoted":         {`name: "010"`, `"010"`},
	} {
		m := loadText(t, "server:\n  "+tt.text+"\n", env)
		key := "name"
		if name == "user in a URL" {
			key = "description"
		}
		place, ok := m.Server.At(key)
		if got := string(place.JSON()); !ok || got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	m := loadText(t, "server: {keys: [\"0123456789abcdef0123456789abcdef\"]}\n", env)
	if got := string(m.Server.JSON()); got != `{"keys":["[secret]"]}` {
		t.Errorf("secret: %s", got)
	}
}

// TestSame compares what is said, not how.
func TestSame(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		env  [2]map[string]string
		want bool
	}{
		{a: "{name: x, title: y}", b: "{title: \"y\", name: 'x'}", want: true},
		{a: "{name: x}", b: "{name: y}"},
		{a: "{name: x}", b: "{name: x, title: z}"},
		{a: "{page_size: 0x10}", b: "{page_size: 16}", want: true},
		{a: "{allowed_origins: [\"https://a.example\", \"https://b.example\"]}", b: "{allowed_origins: [\"https://b.example\", \"https://a.example\"]}"},
		{a: "{name: \"${X}\"}", b: "{name: one}", env: [2]map[string]string{{"X": "one"}, nil}, want: true},
		{a: "{name: \"${X}\"}", b: "{name: \"${X}\"}", env: [2]map[string]string{{"X": "one"}, {"X": "two"}}},
		{
			a: "{keys: [\"0123456789abcdef0123456789abcdef\"]}", b: "{keys: [\"0123456789abcdef0123456789abcdeF\"]}",
		},
	} {
		a := loadText(t, "server: "+tt.a+"\n", tt.env[0])
		b := loadText(t, "server: "+tt.b+"\n", tt.env[1])
		if got := a.Server.Same(b.Server.Place); got != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
	var none config.Place
	m := loadText(t, "", nil)
	if !none.Same(none) || none.Same(m.Place) || none.JSON() != nil {
		t.Error("what isn't written is the same only as what isn't")
	}
}
