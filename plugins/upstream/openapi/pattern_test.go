package openapi

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

func TestPortable(t *testing.T) {
	for pattern, want := range map[string]string{
		`^[a-zA-Z0-9_\-\:]+$`:            `^[a-zA-Z0-9_\-:]+$`,
		`^\_\@\#\%\&\=\!\"\'$`:           `^_@#%&=!"'$`,
		`\,\;\<\>\~\` + "`" + `\ \-[\-]`: ",;<>~` -[\\-]",
		`^\/a\.b\d{2,3}$`:                `^\/a\.b\d{2,3}$`,
		`^{a}]$`:                         `^\{a\}\]$`,
		`[\w-.]+[\w-]`:                   `[\w\-.]+[\w-]`,
		`[{}()^]`:                        `[{}()^]`,
		`\Aé\z`:                          `^é$`,
		`[\x00-\x1f]\x{2f}`:              ``,
		`[\x00-\x1f]`:                    `[\x00-\x1f]`,
		`(?i)a`:                          ``,
		`(?P<x>a)`:                       ``,
		`(?=a)`:                          ``,
		`[[:alpha:]]`:                    ``,
		`[]a]`:                           ``,
		`\Qa\E`:                          ``,
		`\pL`:                            ``,
		`(`:                              ``,
	} {
		if got, ok := portable(pattern); got != want || ok != (want != "") {
			t.Errorf("%s becomes %s %v, want %s", pattern, got, ok, want)
		}
	}
}

// What is rewritten means the same, and rewriting it again changes nothing.
func TestPortableMeansTheSame(t *testing.T) {
	piece := rapid.SampledFrom([]string{`\-`, `\:`, `\_`, `\.`, `a`, `-`, `[`, `]`, `[^`, `{`, `}`, `{2}`, `\w`, `\d`, `(`, `)`, `|`, `*`, `+`, `^`, `$`, `\ `, `é`, `(?:`, `\A`, `\x41`})
	rapid.Check(t, func(t *rapid.T) {
		pattern := ""
		for _, s := range rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces") {
			pattern += s
		}
		out, ok := portable(pattern)
		if !ok {
			return
		}
		if again, ok := portable(out); !ok || again != out {
			t.Fatalf("%s becomes %s, and that %s %v", pattern, out, again, ok)
		}
		before, after := regexp.MustCompile(pattern), regexp.MustCompile(out)
		for range 20 {
			s := rapid.StringOfN(rapid.SampledFrom([]rune(`a-:_.A1é {}[]`)), 0, 5, -1).Draw(t, "text")
			if before.MatchString(s) != after.MatchString(s) {
				t.Fatalf("%s and %s differ on %q", pattern, out, s)
			}
		}
	})
}
