package openapi

import (
	"strings"
	"testing"
)

func TestPlainText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"  two\n\n words ", "two words"},
		{"see [the guide](https://x.test/a) and [that][1]", "see the guide and that"},
		{"![picture](x.png) of **bold** and `code`", "of bold and `code`"},
		{"<p>HTML &amp; <br/>more</p>", "HTML & more"},
		{"# Title\ntext\n```\ncode\n```\nend", "Title text end"},
		{"> [!NOTE]\n> Mind it.", "Mind it."},
		{"First. For more information, see \"Here.\" Last.", "First. Last."},
		{"a < b and c > d", "a < b and c > d"},
		{"a_b __x__ 2*3", "a_b x 2*3"},
		{"zero\u200bwidth \x01control", "zerowidth control"},
		{strings.Repeat("word ", 60) + "end.", strings.TrimSpace(strings.Repeat("word ", 24)) + "…"},
		{"One sentence here that is long enough to stay. " + strings.Repeat("word ", 40), "One sentence here that is long enough to stay."},
		{"Sizes, e.g. small, and what else there may be in the whole catalogue of this shop " + strings.Repeat("é", 100), "Sizes, e.g. small, and what else there may be in the whole catalogue of this shop…"},
	} {
		if got := plainText(c.text, 120); got != c.want {
			t.Errorf("%q becomes\n%q, want\n%q", c.text, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("long_", 20)
	for _, c := range []struct{ prefix, id, method, path, want string }{
		{"", "listPets", "GET", "/pets", "listPets"},
		{"", "repos/list-for-org", "GET", "/x", "repos_list_for_org"},
		{"gh_", "a b", "GET", "/x", "gh_a_b"},
		{"", "", "GET", "/users/{id}/posts", "get_users_by_id_posts"},
		{"", "", "POST", "/", "post_root"},
		{"", "…", "GET", "/a.json", "get_a_json"},
		{"", long, "GET", "/x", "long_long_long_long_long_long_long_long_long_long_long_" + hashed("GET /x "+long)},
	} {
		got := toolName(c.prefix, &Operation{ID: c.id, Method: c.method, Path: c.path})
		if got != c.want || len(got) > maxName {
			t.Errorf("%q %s %s is named %q, want %q", c.id, c.method, c.path, got, c.want)
		}
	}
	for text, want := range map[string]string{
		"id": "id", "filter[name]": "filter_name", "$select": "select", "X-Api-Version": "X-Api-Version",
		"a.b": "a.b", "@type": "type", "[]": "arg", "--": "arg", "ids[]": "ids", "größe": "gr_e",
	} {
		if got := argumentName(text); got != want {
			t.Errorf("the parameter %q is named %q, want %q", text, got, want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"a*c*e", "abcde", true},
		{"a*c*e", "ace", true}, {"a*a", "a", false}, {"*", "", true}, {"", "", true}, {"*x*", "axb", true}, {"*x*", "ab", false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) is %v", c.pattern, c.text, got)
		}
	}
}
