package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// message is one that the sources can print of a manifest.
type message struct {
	// text is as it is written; what is only known when it is printed is an
	// ellipsis.
	text string
	// at is the file and the function that has it.
	at string
	// part says that other words may be printed around it: it is an error that
	// a message passes on.
	part bool
}

// unknown stands for what only a run knows, within the texts of messages.
const unknown = "\x00"

// pattern is what the message looks like when it is printed.
func (m message) pattern() *regexp.Regexp {
	text := strings.ReplaceAll(regexp.QuoteMeta(m.text), unknown, ".*")
	if m.part {
		return regexp.MustCompile(`(?s)` + text)
	}
	return regexp.MustCompile(`(?s)^` + text + `$`)
}

// sources are the Go files of a folder, and what in them takes messages.
type sources struct {
	fset  *token.FileSet
	files map[string]*ast.File
	// takes are the functions, and the methods with a dot before the name, that
	// have a parameter called message, and which one it is.
	takes map[string]int
	// gives are those whose results have one called message.
	gives map[string]int
	// constants are the texts of the folder's constants.
	constants map[string]ast.Expr
}

// readSources parses the files of a folder that patterns choose.
func readSources(t *testing.T, folder string, patterns ...string) *sources {
	t.Helper()
	s := &sources{fset: token.NewFileSet(), files: map[string]*ast.File{}, takes: map[string]int{}, gives: map[string]int{}, constants: map[string]ast.Expr{}}
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s has no %s: %v", folder, pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			if s.files[name], err = parser.ParseFile(s.fset, name, nil, parser.SkipObjectResolution); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range s.files {
		for _, d := range f.Decls {
			s.declare(d)
		}
	}
	return s
}

// declare notes what a declaration says of messages.
func (s *sources) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = "." + name
		}
		if i := named(d.Type.Params, "message"); i >= 0 {
			s.takes[name] = i
		}
		if i := named(d.Type.Results, "message"); i >= 0 {
			s.gives[name] = i
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST {
				for i, n := range v.Names {
					if i < len(v.Values) {
						s.constants[n.Name] = v.Values[i]
					}
				}
			}
		}
	}
}

// named is the position of the one of that name in a list of parameters.
func named(list *ast.FieldList, name string) int {
	at := 0
	if list == nil {
		return -1
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			if n.Name == name {
				return at
			}
			at++
		}
	}
	return -1
}

// collect returns the messages of all functions but those that skip tells.
func (s *sources) collect(skip func(at string) bool) (found []message) {
	for name, f := range s.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if at := filepath.ToSlash(name)[len("../"):]; ok && fn.Body != nil && !skip(at+" "+fn.Name.Name) {
				c := collector{sources: s, at: at + " " + fn.Name.Name, function: fn, closures: map[string]int{}}
				c.walk()
				found = append(found, c.found...)
			} else if !ok && !skip(at) {
				c := collector{sources: s, at: at}
				ast.Inspect(d, c.visit)
				found = append(found, c.found...)
			}
		}
	}
	return found
}

// collector finds the messages of one function.
type collector struct {
	*sources
	at       string
	function *ast.FuncDecl
	// closures are its functions that take a message.
	closures map[string]int
	found    []message
}

func (c *collector) walk() {
	ast.Inspect(c.function, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
			return true
		}
		name, isName := assign.Lhs[0].(*ast.Ident)
		fn, isFunction := assign.Rhs[0].(*ast.FuncLit)
		if isName && isFunction {
			if i := named(fn.Type.Params, "message"); i >= 0 {
				c.closures[name.Name] = i
			}
		}
		return true
	})
	ast.Inspect(c.function, c.visit)
}

// visit finds what is handed on as a message.
func (c *collector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		c.call(n)
	case *ast.CompositeLit:
		c.literal(n)
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if isMessage(left) && len(n.Rhs) == len(n.Lhs) && n.Tok != token.ADD_ASSIGN {
				c.add(n.Rhs[i], false)
			}
		}
	case *ast.ReturnStmt:
		if c.function != nil {
			if i := named(c.function.Type.Results, "message"); i >= 0 && i < len(n.Results) {
				c.add(n.Results[i], false)
			}
		}
	}
	return true
}

// isMessage reports whether something is called message.
func isMessage(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "message" || e.Name == "Message"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Message" || e.Sel.Name == "message"
	}
	return false
}

// call looks at the arguments of a call.
func (c *collector) call(n *ast.CallExpr) {
	var at int
	var ok bool
	switch fn := n.Fun.(type) {
	case *ast.Ident:
		if at, ok = c.closures[fn.Name]; !ok {
			at, ok = c.takes[fn.Name]
		}
	case *ast.SelectorExpr:
		switch of, _ := fn.X.(*ast.Ident); {
		case of != nil && (of.Name == "errors" && fn.Sel.Name == "New" || of.Name == "fmt" && fn.Sel.Name == "Errorf"):
			c.add(n, true)
			return
		case fn.Sel.Name == "Problem" || fn.Sel.Name == "Warning":
			at, ok = 0, true
		case fn.Sel.Name == "ProblemAt":
			at, ok = 1, true
		case fn.Sel.Name == "wrong" && strings.HasPrefix(c.at, "config/") && len(n.Args) == 3:
			c.wrong(n.Args[1])
			return
		default:
			at, ok = c.takes["."+fn.Sel.Name]
		}
	}
	if ok && at < len(n.Args) {
		c.add(n.Args[at], false)
	}
}

// wrong adds what the decoder says of a value of a wrong type.
func (c *collector) wrong(want ast.Expr) {
	for _, text := range c.texts(want, 0) {
		if strings.Trim(text, unknown) != "" {
			c.found = append(c.found, message{"want " + text + unknown + ", found " + unknown, c.at, false})
		}
	}
}

// literal looks at the fields of a struct that are called message.
func (c *collector) literal(n *ast.CompositeLit) {
	switch of := n.Type.(type) {
	case *ast.Ident:
		if of.Name == "mistake" && len(n.Elts) == 3 {
			c.add(n.Elts[1], false)
		}
	case *ast.SelectorExpr:
		if of.Sel.Name == "Error" {
			return // what clients are told of calls
		}
	}
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && isMessage(kv.Key) {
			c.add(kv.Value, false)
		}
	}
}

// add adds the messages that an expression may be.
func (c *collector) add(e ast.Expr, part bool) {
	for _, text := range c.texts(e, 0) {
		if len(strings.Trim(strings.ReplaceAll(text, unknown, ""), " :\".,")) > 1 {
			c.found = append(c.found, message{text, c.at, part})
		} else if os.Getenv("OPAQUE") != "" {
			println("OPAQUE", c.at, text)
		}
	}
}

// texts are the texts that an expression may be, as far as the sources tell.
func (c *collector) texts(e ast.Expr, depth int) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{text}
		}
	case *ast.ParenExpr:
		return c.texts(e.X, depth)
	case *ast.BinaryExpr:
		var all []string
		for _, left := range c.texts(e.X, depth) {
			for _, right := range c.texts(e.Y, depth) {
				all = append(all, left+right)
			}
		}
		return all
	case *ast.CallExpr:
		if fn, ok := e.Fun.(*ast.SelectorExpr); ok && len(e.Args) > 0 {
			switch fn.Sel.Name {
			case "Sprintf", "Errorf":
				return formatted(c.texts(e.Args[0], depth))
			case "New", "TrimSuffix":
				return c.texts(e.Args[0], depth)
			}
		}
	case *ast.Ident:
		if value := c.constants[e.Name]; value != nil {
			return c.texts(value, depth)
		}
		if depth < 3 && c.function != nil {
			return c.assigned(e.Name, depth)
		}
	}
	return []string{unknown}
}

// assigned are the texts that a variable of the function gets.
func (c *collector) assigned(name string, depth int) []string {
	var all []string
	ast.Inspect(c.function, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == name && len(n.Rhs) == len(n.Lhs) && n.Tok != token.ADD_ASSIGN {
					all = append(all, c.texts(n.Rhs[i], depth+1)...)
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if id.Name == name && i < len(n.Values) {
					all = append(all, c.texts(n.Values[i], depth+1)...)
				}
			}
		}
		return true
	})
	if len(all) == 0 || len(all) > 12 {
		return []string{unknown}
	}
	return all
}

// verb is a verb of a format.
var verb = regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z%]`)

// formatted are formats with their verbs unknown.
func formatted(formats []string) []string {
	all := make([]string, len(formats))
	for i, f := range formats {
		all[i] = verb.ReplaceAllStringFunc(f, func(v string) string {
			if v == "%%" {
				return "%"
			}
			return unknown
		})
	}
	return all
}
