package plugins

import (
	"fmt"
	"reflect"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// Parts is the registry of a build: every part it knows, as a value. The order
// of Policies is the pipeline: a call meets them from first to last.
type Parts struct {
	Policies  []PolicyPart
	Upstreams []UpstreamPart
	Transform TransformPart
	// Steps are the key `steps`, and Confirm and Load its short forms `confirm`
	// and `load`.
	Steps, Confirm, Load ProgramPart
	// Messages are the key `messages` of prompts.
	Messages MessagesPart
	// Completion is what `complete` does with answers of upstreams and tools.
	Completion CompletionPart
	// File makes the content block of a file that is a resource.
	File func(path string, content []byte) mcp.Block
	Auth []AuthPart
	// Chain joins the ways to authenticate that a manifest names, in the order
	// of Auth, into one.
	Chain func([]Authenticator) Authenticator
	// Store makes the store of limits' counters. One that is an io.Closer is
	// closed with the gateway.
	Store func() Store
}

// Where says in which places of a manifest a policy's key may stand.
type Where uint8

// The places of a policy's key.
const (
	OnTool Where = 1 << iota
	OnUpstream
	OnServer
	OnResource
	OnPrompt
)

// PolicyPart is a kind of policy.
type PolicyPart struct {
	// Key is the policy's key in a manifest; empty for one that is always on
	// and has no settings.
	Key string
	// Doc says in one sentence what the key is for.
	Doc string
	// Where the key may stand. A policy OnUpstream wraps every operation of
	// that upstream, in the place the pipeline gives it.
	Where Where
	// Always builds the policy also where no manifest names it; New then gets
	// nil settings.
	Always bool
	// Settings is the type that a manifest's value is decoded into.
	Settings reflect.Type
	// New builds the policy; nil and no error mean that there is nothing to do.
	New func(settings any, env Env) (Policy, error)
}

// NewPolicyPart declares a policy with settings of type S.
func NewPolicyPart[S any](key, doc string, where Where, build func(S, Env) (Policy, error)) PolicyPart {
	return PolicyPart{
		Key: key, Doc: doc, Where: where,
		Settings: reflect.TypeFor[S](),
		New: func(settings any, env Env) (Policy, error) {
			s, err := settingsOf[S](settings)
			if err != nil {
				return nil, err
			}
			return build(s, env)
		},
	}
}

// UpstreamPart is a kind of upstream.
type UpstreamPart struct {
	// Key is the key that tells an upstream of this kind, e.g. "url".
	Key string
	// Doc says in one sentence what it is.
	Doc string
	// Settings is the type of the upstream's own keys.
	Settings reflect.Type
	// Request is the type of a tool's `request`.
	Request reflect.Type
	// New builds the upstream.
	New func(settings any, env Env) (Upstream, error)
	// Expose finds the tools that the upstream describes by itself; nil if its
	// kind describes none.
	Expose func(settings any, read ReadFile) (Exposure, error)
}

// ReadFile reads a file that settings name, and takes note of it: its change is
// a change of the manifest. The path is absolute.
type ReadFile func(path string) ([]byte, error)

// Exposure is what an upstream's description makes of it.
type Exposure struct {
	// Settings are the upstream's own, with what the description adds.
	Settings any
	Tools    []ExposedTool
	// Warnings are what an author should know; they may be *FieldError.
	Warnings []error
}

// ExposedTool is a tool as a manifest would write it.
type ExposedTool struct {
	Name string
	// Definition is a JSON object of the keys of a tool.
	Definition []byte
	// File and Line are where the description has it; Line counts from 1.
	File string
	Line int
}

// NewUpstreamPart declares an upstream kind with settings of type S, whose
// tools have requests of type R.
func NewUpstreamPart[S, R any](key, doc string, build func(S, Env) (Upstream, error)) UpstreamPart {
	return UpstreamPart{
		Key: key, Doc: doc,
		Settings: reflect.TypeFor[S](), Request: reflect.TypeFor[R](),
		New: func(settings any, env Env) (Upstream, error) {
			s, err := settingsOf[S](settings)
			if err != nil {
				return nil, err
			}
			return build(s, env)
		},
	}
}

// TransformPart is the way from responses to results.
type TransformPart struct {
	Settings reflect.Type
	// New builds the transform of one tool; settings may be nil.
	New func(settings any, env Env) (Transform, error)
}

// NewTransformPart declares the transform with settings of type S.
func NewTransformPart[S any](build func(S, Env) (Transform, error)) TransformPart {
	return TransformPart{
		Settings: reflect.TypeFor[S](),
		New: func(settings any, env Env) (Transform, error) {
			s, err := settingsOf[S](settings)
			if err != nil {
				return nil, err
			}
			return build(s, env)
		},
	}
}

// ProgramPart is a way to write steps.
type ProgramPart struct {
	Settings reflect.Type
	// New compiles the steps. With an error it may return a program all the
	// same, which is asked for the ids of its Steps and for nothing else: for
	// what else can be checked.
	New func(settings any, env Env) (Program, error)
}

// NewProgramPart declares a way to write steps with settings of type S.
func NewProgramPart[S any](build func(S, Env) (Program, error)) ProgramPart {
	return ProgramPart{
		Settings: reflect.TypeFor[S](),
		New: func(settings any, env Env) (Program, error) {
			s, err := settingsOf[S](settings)
			if err != nil {
				return nil, err
			}
			return build(s, env)
		},
	}
}

// MessagesPart is the way to write a prompt's messages.
type MessagesPart struct {
	Settings reflect.Type
	// New compiles the messages.
	New func(settings any, env Env) (Renderer, error)
}

// NewMessagesPart declares the way to write messages with settings of type S.
func NewMessagesPart[S any](build func(S, Env) (Renderer, error)) MessagesPart {
	return MessagesPart{
		Settings: reflect.TypeFor[S](),
		New: func(settings any, env Env) (Renderer, error) {
			s, err := settingsOf[S](settings)
			if err != nil {
				return nil, err
			}
			return build(s, env)
		},
	}
}

// CompletionSettings are what a manifest says of suggestions that an upstream
// or a tool makes.
type CompletionSettings struct {
	// Args are the tool's arguments, with holes; nil if an upstream is asked.
	Args []byte
	// Select is the jq expression that finds the suggestions; empty if the
	// answer is a list of them.
	Select string
}

// CompletionPart is the way to suggestions.
type CompletionPart struct {
	// New compiles the settings. Its errors are *FieldError with the paths
	// `args` and `select`.
	New func(settings CompletionSettings, env Env) (Completion, error)
}

// AuthPart is a way to know the caller.
type AuthPart struct {
	// Key is its key under `auth`.
	Key string
	// Doc says in one sentence what it is.
	Doc string
	// Settings is the type that the key's value is decoded into.
	Settings reflect.Type
	// New builds the authenticator.
	New func(settings any, env Env) (Authenticator, error)
}

// NewAuthPart declares a way to authenticate with settings of type S.
func NewAuthPart[S any](key, doc string, build func(S, Env) (Authenticator, error)) AuthPart {
	return AuthPart{
		Key: key, Doc: doc,
		Settings: reflect.TypeFor[S](),
		New: func(settings any, env Env) (Authenticator, error) {
			s, err := settingsOf[S](settings)
			if err != nil {
				return nil, err
			}
			return build(s, env)
		},
	}
}

// settingsOf takes settings as decoded; nil stands for the zero value.
func settingsOf[S any](settings any) (S, error) {
	var zero S
	if settings == nil {
		return zero, nil
	}
	s, ok := settings.(S)
	if !ok {
		return zero, fmt.Errorf("settings are %T, want %T", settings, zero)
	}
	return s, nil
}
