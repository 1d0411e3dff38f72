package openapi

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// renamed is the name that the author gave an operation's tool, or empty.
func (e Expose) renamed(o *Operation) string {
	if name := e.Rename[o.ID]; o.ID != "" && name != "" {
		return name
	}
	return e.Rename[o.Method+" "+o.Path]
}

// exposes reports whether an operation is to become a tool.
func (e Expose) exposes(o *Operation) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return e.matches(p, o) })
	}
	return (len(e.Include) == 0 || matches(e.Include)) && !matches(e.Exclude)
}

// matches reports whether a pattern means an operation.
func (e Expose) matches(pattern string, o *Operation) bool {
	if tag, ok := strings.CutPrefix(pattern, "tag:"); ok {
		return slices.ContainsFunc(o.Tags, func(t string) bool { return glob(tag, t) })
	}
	if method, path, ok := strings.Cut(pattern, " "); ok {
		return glob(strings.ToUpper(method), o.Method) && glob(strings.TrimSpace(path), o.Path)
	}
	if o.ID != "" && glob(pattern, o.ID) || o.Name != "" && glob(pattern, o.Name) {
		return true
	}
	name := toolName("", o)
	return glob(pattern, name) || glob(pattern, e.Prefix+name)
}

// names reports whether a pattern of include means just this operation.
func (e Expose) names(o *Operation) bool {
	return slices.ContainsFunc(e.Include, func(p string) bool {
		return !strings.Contains(p, "*") && !strings.HasPrefix(p, "tag:") && e.matches(p, o)
	})
}

// glob matches a pattern in which * stands for any text.
func glob(pattern, s string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(s, rest)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], more
	}
}

// Check says which entries match none of the operations that Tools made, and
// which names can't be names of tools. The error is plugins.FieldErrors with
// paths below `expose`.
func (e Expose) Check(operations []Operation) error {
	var errs plugins.FieldErrors
	for key, patterns := range map[string][]string{"include": e.Include, "exclude": e.Exclude} {
		for i, p := range patterns {
			if !slices.ContainsFunc(operations, func(o Operation) bool { return e.matches(p, &o) }) {
				errs = append(errs, &plugins.FieldError{
					Path:    []string{key, strconv.Itoa(i)},
					Message: fmt.Sprintf("no operation of the document is meant by %q", p), Hint: nearest(p, operations),
				})
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.Rename)) {
		name := e.Rename[id]
		found := slices.IndexFunc(operations, func(o Operation) bool { return o.ID == id && id != "" || o.Method+" "+o.Path == id })
		switch {
		case found < 0:
			errs = append(errs, &plugins.FieldError{
				Path: []string{"rename", id}, Offset: -1,
				Message: fmt.Sprintf("the document has no operation %q", id), Hint: nearest(id, operations),
			})
		case !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`).MatchString(name):
			errs = append(errs, &plugins.FieldError{
				Path: []string{"rename", id}, Message: fmt.Sprintf("%q can't be the name of a tool", name),
				Hint: "use letters, digits, - and _, at most 64 of them",
			})
		}
	}
	errs = append(errs, e.checkPrefix()...)
	errs = append(errs, e.checkTwice()...)
	if len(errs) == 0 {
		return nil
	}
	slices.SortFunc(errs, func(a, b *plugins.FieldError) int { return slices.Compare(a.Path, b.Path) })
	return errs
}

func (e Expose) checkPrefix() plugins.FieldErrors {
	if regexp.MustCompile(`^[a-zA-Z0-9_-]{0,32}$`).MatchString(e.Prefix) {
		return nil
	}
	return plugins.FieldErrors{{Path: []string{"prefix"}, Message: fmt.Sprintf("%q can't begin the name of a tool", e.Prefix), Hint: "use letters, digits, - and _, at most 32 of them"}}
}

// checkTwice refuses one name for two operations.
func (e Expose) checkTwice() (errs plugins.FieldErrors) {
	first := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(e.Rename)) {
		name := e.Rename[id]
		if other, twice := first[name]; twice {
			errs = append(errs, &plugins.FieldError{Path: []string{"rename", id}, Message: fmt.Sprintf("%q is the name of %q already", name, other)})
		}
		first[name] = id
	}
	return errs
}

// nearest proposes what was meant by an entry.
func nearest(entry string, operations []Operation) string {
	var candidates []string
	tag, isTag := strings.CutPrefix(entry, "tag:")
	for i := range operations {
		o := &operations[i]
		switch {
		case isTag:
			candidates = append(candidates, o.Tags...)
		case strings.Contains(entry, " "):
			candidates = append(candidates, o.Method+" "+o.Path)
		default:
			candidates = append(candidates, o.ID)
		}
	}
	if isTag {
		if s := expr.Suggest(tag, candidates); s != "" {
			return fmt.Sprintf("did you mean %q?", "tag:"+s)
		}
		return ""
	}
	if s := expr.Suggest(entry, candidates); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return ""
}
