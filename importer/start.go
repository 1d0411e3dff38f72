package importer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Start turns a draft into a manifest to begin with: it says what to do next,
// listens on loopback, and runs as it is. Credentials whose variables aren't set
// are commented out.
func (d *Draft) Start(path string, isSet func(variable string) bool) {
	manifest := ""
	if path != "manifest.yaml" {
		manifest = " -c " + filepath.ToSlash(path)
	}
	d.Comments = append(d.Comments, "",
		"  sallyport validate"+manifest+"    finds mistakes, with their places",
		"  sallyport serve"+manifest+"       runs it; the endpoint is http://127.0.0.1:8080/mcp",
	)
	if len(d.tools) > 0 {
		d.Comments = append(d.Comments, "  "+strings.TrimRight("sallyport call"+manifest+" "+d.firstCall(), " "))
	}
	d.Comments = append(d.Comments,
		"  claude mcp add --transport http "+strings.ReplaceAll(d.upstream.name, "_", "-")+" http://127.0.0.1:8080/mcp", "",
		"Only this machine reaches it, and every program here may call. Before others may, add `auth`, for example",
		"  auth:",
		"    api_keys: [{name: ci, sha256: \"...\", roles: [support]}]",
	)
	d.server = pairs("name", d.upstream.name, "listen", "127.0.0.1:8080")
	d.Settle(path, isSet)
}

// Settle makes a draft that is ready to be written to a path, or to standard
// output if that is empty: it comments out credentials whose variables aren't
// set, because the manifest would not load, and says what to do about them.
func (d *Draft) Settle(path string, isSet func(variable string) bool) {
	unset := slices.DeleteFunc(slices.Clone(d.needed), isSet)
	switch {
	case len(d.needed) == 0:
	case len(unset) == 0:
		d.Preview.credentials = "credentials are not written down: they are taken from " + strings.Join(d.needed, ", ")
	default:
		keys := d.commentCredentials()
		line := d.lineOf(step + step + "# " + keys[0] + ":")
		at := fmt.Sprintf("in line %d", line)
		if path != "" {
			at = fmt.Sprintf("at %s:%d", filepath.ToSlash(path), line)
		}
		d.Preview.credentials = fmt.Sprintf("calls go out without credentials: set %s, and uncomment %s %s",
			strings.Join(unset, ", "), strings.Join(keys, " and "), at)
	}
}

// lineOf is the number of the manifest's first line that begins so.
func (d *Draft) lineOf(beginning string) int {
	before, _, _ := strings.Cut("\n"+string(d.Manifest()), "\n"+beginning)
	return 1 + strings.Count(before, "\n")
}

// firstCall is a call of the tool that is easiest to call: one that reads, with
// few arguments.
func (d *Draft) firstCall() string {
	best, cost := "", -1
	for _, t := range d.tools {
		schema := listedSchema(t.definition.object("input"))
		required := texts(schema.list("required"))
		c := len(required)
		if !strings.HasPrefix(t.operation, "GET ") {
			c += 100
		}
		if cost >= 0 && c >= cost {
			continue
		}
		words := append(make([]string, 0, 1+len(required)), t.name)
		for _, name := range required {
			words = append(words, name+"=…")
		}
		best, cost = strings.Join(words, " "), c
	}
	return best
}

// commentCredentials comments out what needs variables that aren't set, and
// returns the keys.
func (d *Draft) commentCredentials() (keys []string) {
	kept, credentials := &object{}, &object{}
	for _, m := range d.upstream.settings.members {
		if m.key == "auth" || m.key == "headers" {
			credentials.members = append(credentials.members, m)
			keys = append(keys, m.key)
			continue
		}
		kept.members = append(kept.members, m)
	}
	d.generated, d.upstream.settings = d.upstream.settings, kept
	d.upstream.after = append(d.upstream.after, fmt.Sprintf("The service wants credentials: set %s, and uncomment", strings.Join(d.needed, ", ")))
	text := strings.TrimSuffix(string(appendMapping(nil, credentials, "", spread)), "\n")
	d.upstream.after = append(d.upstream.after, strings.Split(text, "\n")...)
	return keys
}

// Empty is the manifest of who has no service yet: a tool that answers by
// itself.
func Empty() *Draft {
	d := &Draft{
		Comments: []string{"A first manifest. Its tool answers by itself; one that asks a service looks like", "",
			"  get_customer:",
			"    description: Retrieve a customer's details by ID.",
			"    request: GET /customers/{customer_id}",
			"    input:",
			"      customer_id: {type: string, description: The unique customer identifier}"},
	}
	d.upstream = upstream{name: "service", settings: pairs("url", "${SERVICE_URL:-http://127.0.0.1:9000}")}
	definition := pairs(
		"description", "Greet somebody by name.",
		"input", pairs("name", pairs("type", "string", "description", "Who is greeted")),
		"response", pairs("text", "Hello, ${{ args.name }}."),
	)
	d.tools = []tool{{name: "hello", operation: "GET /", definition: definition}}
	d.Preview.add(Line{Operation: "no request", Tool: "hello", Tokens: definitionTokens("hello", "GET /", definition)})
	return d
}

// Service is the manifest of a service of which no more than a URL is known: one
// tool, which gets that URL. Silence says why the service doesn't answer; empty
// if it does.
func Service(address, silence string) (*Draft, error) {
	d, err := Curl([]string{address}, CurlOptions{})
	if err != nil {
		return nil, err
	}
	d.Comments = []string{"Made from a URL: no OpenAPI document was found there. Add a tool for each thing that the service can do."}
	if silence != "" {
		d.Comments = []string{"Made from a URL where nobody answered, so its tool is a guess. Add a tool for each thing that the service can do."}
		url := d.upstream.settings.text("url")
		d.Preview.Notes = append(d.Preview.Notes, url+" does not answer ("+clean(silence)+"): the tool is a guess")
	}
	return d, nil
}
