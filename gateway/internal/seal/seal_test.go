package seal

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

const (
	secretA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	secretB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func ring(t testing.TB, secrets ...string) *Ring {
	t.Helper()
	r, err := New(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refuse(t *testing.T, r *Ring, purpose string, token, bound []byte) {
	t.Helper()
	if plain, err := r.Open(purpose, token, bound); !errors.Is(err, ErrInvalid) || plain != nil {
		t.Errorf("opened as %q, %v, want ErrInvalid", plain, err)
	}
}

func TestRoundTrip(t *testing.T) {
	for name, r := range map[string]*Ring{"random": ring(t), "one": ring(t, secretA), "two": ring(t, secretA, secretB)} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			plain := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "plain")
			bound := rapid.SliceOf(rapid.Byte()).Draw(t, "bound")
			purpose := rapid.String().Draw(t, "purpose")
			prefix := rapid.SliceOf(rapid.Byte()).Draw(t, "prefix")
			for _, seal := range []func([]byte, string, []byte, []byte) []byte{r.Seal, r.SealCompact} {
				token := seal(bytes.Clone(prefix), purpose, plain, bound)
				if !bytes.HasPrefix(token, prefix) {
					t.Fatal("what was in dst is gone")
				}
				got, err := r.Open(purpose, token[len(prefix):], bound)
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("got %q, %v", got, err)
				}
			}
		}))
	}
}

func TestEveryAlteredTokenIsRefused(t *testing.T) {
	r := ring(t, secretA)
	for name, token := range map[string][]byte{
		"plain":    r.Seal(nil, "state", []byte("round 2"), []byte("ada")),
		"deflated": r.SealCompact(nil, "state", bytes.Repeat([]byte("round 2"), 500), []byte("ada")),
	} {
		t.Run(name, func(t *testing.T) {
			for i := range token {
				for bit := range 8 {
					altered := bytes.Clone(token)
					altered[i] ^= 1 << bit
					refuse(t, r, "state", altered, []byte("ada"))
				}
				refuse(t, r, "state", token[:i], []byte("ada"))
				refuse(t, r, "state", token[i+1:], []byte("ada"))
			}
			refuse(t, r, "state", append(bytes.Clone(token), 0), []byte("ada"))
			refuse(t, r, "state", token, []byte("bob"))
			refuse(t, r, "state", token, nil)
			refuse(t, r, "state", token, []byte("ada\x00"))
			refuse(t, r, "task", token, []byte("ada"))
			refuse(t, r, "", token, []byte("ada"))
			refuse(t, ring(t, secretB), "state", token, []byte("ada"))
			refuse(t, ring(t), "state", token, []byte("ada"))
		})
	}
}

// A byte that moves from the bound data to the header or back makes another
// token.
func TestHeaderAndBoundDataDontRunTogether(t *testing.T) {
	r := ring(t, secretA)
	token := r.Seal(nil, "state", nil, []byte("x"))
	refuse(t, r, "statex", token, nil)
	token = r.Seal(nil, "statex", nil, nil)
	refuse(t, r, "state", token, []byte("x"))
}

func TestRotation(t *testing.T) {
	before, during, after := ring(t, secretA), ring(t, secretB, secretA), ring(t, secretB)
	old := before.Seal(nil, "s", []byte("old"), nil)
	fresh := during.Seal(nil, "s", []byte("fresh"), nil)
	for _, each := range []struct {
		name  string
		ring  *Ring
		token []byte
		want  string
	}{
		{"old before", before, old, "old"},
		{"old during", during, old, "old"},
		{"fresh during", during, fresh, "fresh"},
		{"fresh after", after, fresh, "fresh"},
	} {
		got, err := each.ring.Open("s", each.token, nil)
		if err != nil || string(got) != each.want {
			t.Errorf("%s: %q, %v", each.name, got, err)
		}
	}
	refuse(t, after, "s", old, nil)
	refuse(t, before, "s", fresh, nil)
}

func TestKeysWithTheSameID(t *testing.T) {
	r := ring(t, secretB, secretA)
	r.keys[0].id = r.keys[1].id
	token := ring(t, secretA).Seal(nil, "s", []byte("x"), nil)
	if _, err := r.Open("s", token, nil); err != nil {
		t.Error("only the first key of that id was tried")
	}
}

func TestRenew(t *testing.T) {
	random := ring(t)
	token := random.Seal(nil, "s", []byte("x"), nil)
	renew := func(r *Ring, secrets ...string) *Ring {
		t.Helper()
		next, err := r.Renew(secrets)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	again := renew(random)
	configured := renew(again, secretA)
	back := renew(configured)
	for i, each := range []*Ring{again, configured, back} {
		if _, err := each.Open("s", token, nil); err != nil {
			t.Errorf("ring %d does not open a token of this process", i)
		}
	}
	ofA := configured.Seal(nil, "s", []byte("x"), nil)
	if _, err := ring(t, secretA).Open("s", ofA, nil); err != nil {
		t.Error("the secret does not seal although it is there")
	}
	refuse(t, back, "s", ofA, nil)
	if _, err := random.Renew([]string{"short"}); err == nil {
		t.Error("a short secret was taken")
	}
}

func TestSecretsAreChecked(t *testing.T) {
	for name, secrets := range map[string][]string{
		"empty": {""}, "short": {strings.Repeat("x", MinSecret-1)}, "second": {secretA, "canary"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(secrets)
			if err == nil {
				t.Fatal("taken")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestTextIsStrict(t *testing.T) {
	r := ring(t, secretA)
	token := r.SealString("s", []byte("12"), nil) // 35 bytes: 2 unused bits at the end
	if got, err := r.OpenString("s", token, nil); err != nil || string(got) != "12" {
		t.Fatalf("%q, %v", got, err)
	}
	last := strings.IndexByte(alphabet, token[len(token)-1])
	if len(token)%4 != 3 || last%4 != 0 {
		t.Fatalf("the test needs a token with unused bits, not %q", token)
	}
	for name, altered := range map[string]string{
		"padding":     token + "=",
		"line break":  token[:5] + "\n" + token[5:],
		"CR":          token + "\r",
		"space":       token + " ",
		"unused bits": token[:len(token)-1] + alphabet[last+1:last+2],
		"suffix":      token + "-TAMPERED",
		"empty":       "",
		"standard":    "+" + token[1:],
		"NUL":         token + "\x00",
	} {
		if _, err := r.OpenString("s", altered, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestTokensOfOneTextDiffer(t *testing.T) {
	r := ring(t, secretA)
	seen := map[string]bool{}
	for range 1000 {
		token := r.SealString("s", []byte("x"), nil)
		if seen[token[len("0123456"):]] {
			t.Fatal("the same token twice")
		}
		seen[token[len("0123456"):]] = true
	}
}

func TestCompression(t *testing.T) {
	r := ring(t, secretA)
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	for _, each := range []struct {
		name  string
		plain []byte
		form  byte
	}{
		{"short", bytes.Repeat([]byte("a"), deflateFrom-1), formPlain},
		{"long", bytes.Repeat([]byte("a"), deflateFrom), formDeflated},
		{"noise", noise, formPlain},
		{"longest", make([]byte, maxInflated), formDeflated},
		{"too long", make([]byte, maxInflated+1), formPlain},
	} {
		t.Run(each.name, func(t *testing.T) {
			token := r.SealCompact(nil, "s", each.plain, nil)
			if token[0] != each.form {
				t.Errorf("form %d, want %d", token[0], each.form)
			}
			if each.form == formDeflated && len(token) > len(each.plain) {
				t.Errorf("%d bytes became %d", len(each.plain), len(token))
			}
			got, err := r.OpenString("s", r.SealCompactString("s", each.plain, nil), nil)
			if err != nil || !bytes.Equal(got, each.plain) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if plain := r.Seal(nil, "s", each.plain, nil); len(plain) != len(each.plain)+overhead {
				t.Errorf("Seal made %d bytes of %d", len(plain), len(each.plain))
			}
		})
	}
}

func TestInflationIsBounded(t *testing.T) {
	r := ring(t, secretA)
	var bomb bytes.Buffer
	writer, _ := flate.NewWriter(&bomb, flate.BestCompression)
	_, _ = writer.Write(make([]byte, maxInflated+1))
	_ = writer.Close()
	refuse(t, r, "s", r.seal(nil, formDeflated, "s", bomb.Bytes(), nil), nil)
	refuse(t, r, "s", r.seal(nil, formDeflated, "s", []byte("no deflate stream"), nil), nil)
}

func TestConcurrentUse(t *testing.T) {
	r := ring(t, secretA)
	plain := bytes.Repeat([]byte("state "), 200)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			bound := []byte{byte(i)}
			for range 100 {
				token := r.SealCompactString("purpose", plain, bound)
				if got, err := r.OpenString("purpose", token, bound); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestBind(t *testing.T) {
	all := [][]string{{}, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"abc", ""}}
	seen := map[string][]string{}
	for _, parts := range all {
		made := string(Bind(parts...))
		if other, ok := seen[made]; ok {
			t.Errorf("%q and %q are bound alike", parts, other)
		}
		seen[made] = parts
	}
	if !bytes.Equal(Bind("a", "b"), Bind("a", "b")) {
		t.Error("the same parts are bound differently")
	}
}

// Whatever comes, nothing opens but what was sealed: the seeds.
func FuzzOpen(f *testing.F) {
	r, other := ring(f, secretA, secretB), ring(f)
	texts := map[string]bool{"": true, "x": true, strings.Repeat("state ", 300): true}
	for plain := range texts {
		for _, token := range []string{r.SealString("s", []byte(plain), nil), r.SealCompactString("s", []byte(plain), nil)} {
			f.Add(token)
			f.Add(token[1:])
			f.Add("AQ" + token[2:])
		}
	}
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, overhead)))
	f.Fuzz(func(t *testing.T, token string) {
		plain, err := r.OpenString("s", token, nil)
		switch {
		case err != nil:
			if !errors.Is(err, ErrInvalid) || plain != nil {
				t.Errorf("%q, %v, want ErrInvalid", plain, err)
			}
			return
		case !texts[string(plain)]:
			t.Errorf("opened as %q, which was never sealed", plain)
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != token {
			t.Errorf("%q is a second text of a token", token)
		}
		for _, with := range []struct {
			ring    *Ring
			purpose string
			bound   []byte
		}{{other, "s", nil}, {r, "t", nil}, {r, "s", []byte("x")}} {
			if _, err := with.ring.OpenString(with.purpose, token, with.bound); !errors.Is(err, ErrInvalid) {
				t.Errorf("opened with another ring, purpose or bound data: %v", err)
			}
		}
	})
}
