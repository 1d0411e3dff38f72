package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// Manifest is a whole configuration, decoded and typed, every value with its
// place. It is never changed after Load.
type Manifest struct {
	Place     `manifest:"-"`
	Version   int                  `manifest:"version,required" doc:"Version of the manifest language; always 1."`
	Include   []string             `manifest:"include" doc:"Further files, as globs relative to this one."`
	Server    Server               `manifest:"server" doc:"The gateway itself: listeners, limits, identity."`
	Auth      Auth                 `manifest:"auth" doc:"The ways to know a caller."`
	Defaults  Defaults             `manifest:"defaults" doc:"Policies and response settings inherited by every tool."`
	Upstreams map[string]*Upstream `manifest:"upstreams" doc:"The services behind the gateway, by name."`
	Tools     map[string]*Tool     `manifest:"tools" doc:"The tools that clients see, by name."`
	Resources map[string]*Resource `manifest:"resources" doc:"What clients can read, by URI; with a placeholder, {name}, it is a template."`
	Prompts   map[string]*Prompt   `manifest:"prompts" doc:"The prompts that people can pick, by name."`
	Endpoints map[string]*Endpoint `manifest:"endpoints" doc:"Virtual servers by path, e.g. /mcp/support: each shows a part of what there is. Default: one at /mcp that shows all."`
	Telemetry Telemetry            `manifest:"telemetry" doc:"Logs."`

	// Hash identifies the manifest's content: SHA-256 of all files read,
	// secrets and environment left out, in hexadecimal.
	Hash string
	// Files are all files read, for watching.
	Files []string
	// Folders are the folders in which further files may appear: those of
	// patterns, or of the manifest itself.
	Folders []string
	// Warnings are problems that don't keep the manifest from being used.
	Warnings Problems

	openSecrets []Place
}

// Server is the gateway itself.
type Server struct {
	Place              `manifest:"-"`
	Name               string             `manifest:"name" doc:"Name that clients are told." default:"sallyport"`
	Title              string             `manifest:"title" doc:"Name for people."`
	Description        string             `manifest:"description" doc:"What the server is for, for people."`
	Website            string             `manifest:"website" doc:"URL of a page about it, e.g. https://acme.example."`
	Icons              []Icon             `manifest:"icons" doc:"Pictures that clients may show beside its name."`
	Instructions       string             `manifest:"instructions" doc:"What a model should know about these tools."`
	Listen             string             `manifest:"listen" doc:"Address of the MCP listener; the endpoint is /mcp." default:"127.0.0.1:8080"`
	Admin              string             `manifest:"admin" doc:"Address for health, metrics and reload; off to disable." default:"127.0.0.1:9090"`
	PublicURL          string             `manifest:"public_url" doc:"URL by which clients reach the gateway, e.g. https://mcp.acme.example."`
	TLS                *ServerTLS         `manifest:"tls" doc:"Certificate of the MCP listener."`
	AllowedOrigins     []string           `manifest:"allowed_origins" doc:"Web origins whose pages may call, e.g. https://claude.ai."`
	TrustedProxies     []string           `manifest:"trusted_proxies" doc:"Networks whose X-Forwarded-For is believed."`
	MaxBody            int64              `manifest:"max_body,size" doc:"Largest request body." default:"1MiB" min:"1KiB"`
	MaxConcurrentCalls int                `manifest:"max_concurrent_calls" doc:"Calls served at once; more are refused with 503." default:"1000" min:"1"`
	CallTimeout        time.Duration      `manifest:"call_timeout" doc:"Ceiling for any call." default:"60s" min:"1ms"`
	ShutdownGrace      time.Duration      `manifest:"shutdown_grace" doc:"Time for calls in flight to end after SIGTERM." default:"25s"`
	Sessions           Sessions           `manifest:"sessions" doc:"Sessions of the legacy protocol revisions."`
	Keys               []Secret           `manifest:"keys" doc:"Secrets that protect what clients hold between rounds of a call, the same on all replicas. The first seals, all of them open. Default: a random one for each run."`
	Replica            string             `manifest:"replica" doc:"URL by which other replicas reach this one's MCP listener, e.g. http://10.0.0.5:8080. Default: made of listen, unless that is all addresses."`
	PageSize           int                `manifest:"page_size" doc:"Items on a page of a list; 0 puts all of them on one." default:"0" min:"0"`
	HTTPSSE            bool               `manifest:"http_sse" doc:"Serve clients of revision 2024-11-05 at /sse and /messages."`
	MaxStreams         int                `manifest:"max_streams" doc:"Event streams open at once; more are refused with 503." default:"10000" min:"1"`
	Parts              map[string]Setting `manifest:",inline,parts=server"`
}

// ServerTLS is the certificate of the MCP listener.
type ServerTLS struct {
	Cert     string `manifest:"cert,required,path" doc:"Certificate chain, PEM."`
	Key      string `manifest:"key,required,path" doc:"Private key, PEM."`
	ClientCA string `manifest:"client_ca,path" doc:"CA whose client certificates are demanded, PEM."`
}

// Sessions bounds the sessions of the legacy revisions.
type Sessions struct {
	TTL time.Duration `manifest:"ttl" doc:"Life of a session since initialize." default:"1h" min:"1s"`
	Max int           `manifest:"max" doc:"Sessions with streams, subscriptions or a log level of their own at once; and ended ones remembered until they expire." default:"10000" min:"1"`
	// Stream is zero for streams that stay open.
	Stream time.Duration `manifest:"stream" doc:"Longest time that an event stream stays open; a client of revision 2025-11-25 then comes back for the rest. Default: for ever." min:"1s"`
	Replay int           `manifest:"replay" doc:"Events kept for each session, for clients that come back." default:"256" min:"0"`
}

// Auth holds the settings of the ways to know a caller, by key.
type Auth struct {
	Place `manifest:"-"`
	Parts map[string]Setting `manifest:",inline,parts=auth"`
}

// Defaults are settings that every tool inherits.
type Defaults struct {
	Place       `manifest:"-"`
	Annotations Annotations        `manifest:"annotations" doc:"Hints for tools that have none of their own."`
	Parts       map[string]Setting `manifest:",inline,parts=tool"`
}

// Upstream is a service behind the gateway.
type Upstream struct {
	Place `manifest:"-"`
	Name  string `manifest:"-"`
	// Kind is the key that tells its kind, e.g. "url"; Settings are that
	// kind's.
	Kind     string  `manifest:"-"`
	Settings Setting `manifest:"-"`
	// Unexposed says that its description could not be read, so that nobody
	// knows which tools it gives.
	Unexposed bool `manifest:"-"`
	// Exposes are the names of the tools that its description gives, sorted.
	Exposes []string `manifest:"-"`
	// Parts are the policies on it.
	Parts map[string]Setting `manifest:",inline,parts=upstream"`
}

// Tool is a tool as clients see it, and what is behind it.
type Tool struct {
	Place       `manifest:"-"`
	Name        string            `manifest:"-"`
	Title       string            `manifest:"title" doc:"Name for people."`
	Description string            `manifest:"description" doc:"What the tool does, for the model."`
	Upstream    string            `manifest:"upstream" doc:"The upstream asked; may be left out when there is one."`
	Input       *Input            `manifest:"input" doc:"Arguments: property name to JSON Schema 2020-12. Every one is required unless it has a default or optional: true."`
	InputSchema *SchemaRef        `manifest:"input_schema" doc:"The whole input schema instead of input, or {file: schema.json}."`
	In          map[string]string `manifest:"in" doc:"With input_schema: places of arguments, e.g. {limit: query}."`
	Internal    bool              `manifest:"internal" doc:"For steps, load and complete only: not listed, and unknown to clients."`
	Requires    []string          `manifest:"requires" doc:"Client capabilities without which the tool can't work." enum:"elicitation,elicitation.url,sampling,roots,tasks"`
	Annotations Annotations       `manifest:"annotations" doc:"Hints on behaviour; the default comes from the request's method."`
	Icons       []Icon            `manifest:"icons" doc:"Pictures that clients may show beside its name."`
	Meta        json.RawMessage   `manifest:"meta" doc:"Further members for _meta, as clients want them."`
	Tags        []string          `manifest:"tags" doc:"Words by which endpoints choose tools, e.g. [sales]."`
	Idempotency IdempotencyKey    `manifest:"idempotency_key" doc:"Header that gets a key of its own for each call, the same for all attempts, so that the service does the work once: header Idempotency-Key. A POST with a key may be repeated."`
	Examples    []Example         `manifest:"examples" doc:"Contract tests: what a call looks like, what the service answers, and what comes of it. They are also the answers of mock mode."`
	// Broken says that its arguments could not be read.
	Broken bool `manifest:"-"`
	// Misspelled says that a key which isn't known is probably meant for what
	// the tool does.
	Misspelled bool               `manifest:"-"`
	Parts      map[string]Setting `manifest:",inline,parts=tool"`
}

// IdempotencyKey is where the key of a call goes: header NAME.
type IdempotencyKey struct{ Header string }

// UnmarshalText reads "header NAME".
func (k *IdempotencyKey) UnmarshalText(text []byte) error {
	where, name, ok := strings.Cut(string(text), " ")
	if name = strings.TrimSpace(name); !ok || where != "header" || name == "" || strings.Contains(name, " ") {
		hint := "write e.g. header Idempotency-Key"
		if toolName.Match(text) && len(text) > len("header") {
			hint = "write header " + string(text)
		}
		return &mistake{nil, "want the place of the key: header and a name", hint}
	}
	k.Header = name
	return nil
}

// Annotations are hints on a tool's behaviour.
type Annotations struct {
	ReadOnly    *bool `manifest:"read_only" doc:"The tool changes nothing."`
	Destructive *bool `manifest:"destructive" doc:"The tool may delete or overwrite."`
	Idempotent  *bool `manifest:"idempotent" doc:"Calling twice does no more than calling once."`
	OpenWorld   *bool `manifest:"open_world" doc:"The tool deals with things outside of the upstream."`
}

// Input is a list of declared arguments, in the order of the manifest.
type Input struct {
	Place
	Properties []Property
	// Defs are the definitions that schemas of arguments refer to as
	// #/$defs/NAME; nil if there are none.
	Defs json.RawMessage
}

// Property is one declared argument. Our own keywords are taken out; every
// other keyword of its schema passes verbatim.
type Property struct {
	Place
	Name     string
	Optional bool   `manifest:"optional" doc:"Calls may leave the argument out."`
	In       string `manifest:"in" doc:"Where the argument goes." enum:"path,query,header,cookie,body,form,file"`
	As       string `manifest:"as" doc:"Its name there, if another."`
	Style    string `manifest:"style" doc:"Serialization of arrays and objects as in OpenAPI 3." enum:"simple,label,matrix,form,spaceDelimited,pipeDelimited,deepObject"`
	Explode  *bool  `manifest:"explode" doc:"A pair for each item, as in OpenAPI 3."`
	// MediaType is that of its part in a multipart body.
	MediaType string `manifest:"media_type" doc:"Content-Type of its part in a multipart body."`
	// Value is what the gateway writes there itself; nil if clients give it.
	Value json.RawMessage `manifest:"value" doc:"What the gateway writes there itself: a constant, or a text with holes such as ${{ caller.claims.tenant }}. Clients neither see the argument nor can give it. A hole that gives null refuses the call, unless the argument is optional: true; then it is left out, as null itself is."`
	// Schema is the JSON Schema as listed, members in the manifest's order.
	Schema json.RawMessage
	// HasDefault says that the schema has a default.
	HasDefault bool
}

// SchemaRef is a JSON Schema written in place, or in a file.
type SchemaRef struct {
	Place
	// Schema is the JSON, members in the order written.
	Schema json.RawMessage
}

// Telemetry says what is told to operators.
type Telemetry struct {
	Logs Logs `manifest:"logs" doc:"The log on standard error."`
}

// Logs says what is logged and how.
type Logs struct {
	Level  string `manifest:"level" doc:"Least severity logged." enum:"debug,info,warn,error" default:"info"`
	Format string `manifest:"format" doc:"json, text, or auto: text on a terminal." enum:"auto,json,text" default:"auto"`
}

// Setting is the decoded value of a part's key.
type Setting struct {
	Place
	// Value has the type its part declares; nil if Off.
	Value any
	// Off says that the manifest wrote `none`: a default is switched off.
	Off bool
	// Broken says that the value could not be read, or not all of it.
	Broken bool
	// told are the paths of what was wrong with it.
	told []string
}

// Part tells Load of a key it doesn't know by itself.
type Part struct {
	// Key in the manifest.
	Key string
	// Doc is one sentence for schema and reference.
	Doc string
	// Settings is the type its value is decoded into.
	Settings reflect.Type
	// Merge lays a tool's mapping over that of `defaults`, key by key, rather
	// than in its place.
	Merge bool
	// ToolOnly keeps the key out of `defaults`.
	ToolOnly bool
	// Expose finds, of a kind of upstreams, the tools that one describes; nil
	// if its kind describes none. Read reads a file by its absolute path.
	Expose func(settings any, read func(path string) ([]byte, error)) (Exposure, error)
}

// Exposure is what an upstream's description makes of it.
type Exposure struct {
	// Settings are the upstream's own, with what the description adds.
	Settings any
	Tools    []ExposedTool
	// Warnings are what an author should know of.
	Warnings []error
}

// ExposedTool is a tool that an upstream's description gives.
type ExposedTool struct {
	Name string
	// Definition is a JSON object of a tool's keys. Variables in it are not
	// expanded.
	Definition json.RawMessage
	// File and Line are where the description has it.
	File string
	Line int
}

// Parts tells Load of the keys that parts add to the language.
type Parts struct {
	// Tool are the keys of tools and defaults.
	Tool []Part
	// Resource and Prompt are the keys of resources and prompts. What bears the
	// name of a key in defaults is inherited.
	Resource, Prompt []Part
	// Complete is the request that gives suggestions, of the type of the
	// upstream's kind.
	Complete []Part
	// Upstream are the policy keys of upstreams.
	Upstream []Part
	// Kinds are the kinds of upstreams: an upstream is of the kind whose Key
	// it has, and its keys other than policies are decoded into that kind's
	// Settings, as a struct.
	Kinds []Part
	// Auth are the keys of auth.
	Auth []Part
	// Server are the policy keys of server.
	Server []Part
}
