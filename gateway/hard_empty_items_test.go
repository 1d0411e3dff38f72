package gateway_test

import (
	"strings"
	"testing"
)

// TestEmptyItemsKeepThePathWhole: a list of one empty string leaves an empty
// segment, which names another resource (often the whole collection).
func TestEmptyItemsKeepThePathWhole(t *testing.T) {
	w := &witness{}
	b := newBackend(t, w.ServeHTTP)
	r := start(t, placesManifest+"  map_path: {description: d, request: \"GET /a/{v}/z\", input: {v: {type: object}}}\n", b.URL, nil)
	for tool, arguments := range map[string]string{"list_path": `{"v":[""]}`, "list_matrix": `{"v":[""]}`, "map_path": `{"v":{"a":null}}`} {
		a := r.call(tool, arguments, nil)
		if got := w.take(); !strings.Contains(a.body, `"isError":true`) || len(got) > 0 {
			t.Errorf("%s %s: %s, the upstream saw %d requests", tool, arguments, a.body, len(got))
		}
	}
}
