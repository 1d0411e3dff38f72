package gateway

import (
	"cmp"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
)

// The rules that look at a manifest as a whole. They are names in reports and
// on command lines: none is ever given another meaning.
const (
	ruleAnonymousWrites   = "anonymous-access"
	ruleArgumentUnused    = "argument-unused"
	ruleArgumentUnnamed   = "argument-description-missing"
	ruleAuthEmpty         = "auth-empty"
	ruleDefinitionTokens  = "definition-tokens"
	ruleDescriptionLong   = "description-long"
	ruleInternalUnused    = "internal-unused"
	ruleListTokens        = "list-tokens"
	ruleMisnamed          = "misnamed"
	ruleOutputUnbounded   = "output-unbounded"
	rulePlainHTTP         = "plain-http-credentials"
	ruleReplicaUnnamed    = "replica-unnamed"
	ruleResourceWrites    = "resource-writes"
	ruleRoleMisspelled    = "role-misspelled"
	ruleRoleUnassigned    = "role-unassigned"
	ruleSecretWritten     = "secret-in-manifest"
	ruleTooManyTools      = "too-many-tools"
	ruleNowhere           = "shown-nowhere"
	ruleUnreachable       = "unreachable"
	ruleWriteNotRepeating = "write-not-idempotent"
	ruleWriteUnconfirmed  = "write-unconfirmed"
)

// Rules are all rules that Lint and the warnings of a manifest tell of, sorted.
func Rules() []config.Rule {
	all := slices.Concat(config.Rules(), toolRules(), accessRules())
	slices.SortFunc(all, func(a, b config.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// toolRules are those about what models see and do.
func toolRules() []config.Rule {
	return []config.Rule{
		{ID: ruleArgumentUnnamed, Summary: "An argument should say more than its type.",
			Help: "A model fills in what it understands. Give the argument a description, or what says as much: enum, const, default, examples, format or pattern."},
		{ID: ruleArgumentUnused, Summary: "Each argument should be used.",
			Help: "Neither the steps nor the answer mention the argument, so that a model fills it in for nothing. Use it as ${{ args.name }}, or take it out."},
		{ID: ruleDefinitionTokens, Summary: "A tool's definition should take less than 1,500 tokens.",
			Help: "Clients send every definition with every conversation. Shorten descriptions, take out arguments that no model needs, or fill them in by value."},
		{ID: ruleMisnamed, Summary: "A tool that asks no upstream should not be named almost like one that an upstream exposes.",
			Help: "A tool of tools lies over an exposed one of the same name. Under another name it is a tool of its own, which answers without asking anybody."},
		{ID: ruleDescriptionLong, Summary: "Descriptions and instructions should be at most 2 KB.",
			Help: "Clients cut descriptions and instructions at 2 KB: a model never sees the rest."},
		{ID: ruleInternalUnused, Summary: "An internal tool should be called by something.",
			Help: "No client can call an internal tool, and no step, undo, load or suggestion of this manifest does."},
		{ID: ruleListTokens, Summary: "The list of an endpoint should take less than 20,000 tokens.",
			Help: "Clients send the whole list with every conversation. Split it by endpoints, shorten definitions, or let models search: discovery: search."},
		{ID: ruleOutputUnbounded, Summary: "Answers should have a token budget.",
			Help: "With max_tokens: none an answer is as long as the service makes it. Clients cut at about 25,000 tokens, in the middle of what is being said."},
		{ID: ruleNowhere, Summary: "What clients should see must be shown by an endpoint.",
			Help: "With endpoints written, only these paths are served and only what they include is seen; /mcp is one of them only if it is written. Add an endpoint, or make a tool for steps internal."},
		{ID: ruleTooManyTools, Summary: "A caller should see at most 40 tools.",
			Help: "Models choose worse among more than 40 tools, and some clients refuse more than 128. Split them by endpoints, show each role its own, or let models search: discovery: search."},
		{ID: ruleWriteNotRepeating, Summary: "A call that is made twice should not do its work twice.",
			Help: "Models and clients call again when an answer is lost. Send the service an idempotency_key, ask the person by confirm, or say annotations: {idempotent: true} if repeating is safe."},
		{ID: ruleWriteUnconfirmed, Summary: "What destroys should ask first.",
			Help: "Nobody is asked before the tool deletes or overwrites. Ask the person by confirm, or say annotations: {destructive: false} if nothing is lost."},
		{ID: ruleResourceWrites, Summary: "Reading a resource should change nothing.",
			Help: "Clients read resources whenever they like, and nobody is asked. Make it a tool, unless the request only asks."},
	}
}

// accessRules are those about who may do what, and with which secrets.
func accessRules() []config.Rule {
	return []config.Rule{
		{ID: ruleAnonymousWrites, Summary: "Callers without credentials should change nothing.",
			Help: "Whoever reaches the gateway may call these tools. Give them roles that anonymous does not have, or ask for scopes."},
		{ID: ruleAuthEmpty, Summary: "An auth should name a way to know callers.",
			Help: "Without jwt, api_keys or anonymous it knows nobody, and whoever reaches the listener may call."},
		{ID: rulePlainHTTP, Summary: "Credentials should travel encrypted.",
			Help: "The upstream is asked over http://, so that whoever is on the way can read what authenticates the gateway. Use https://."},
		{ID: ruleReplicaUnnamed, Summary: "Replicas have to find one another.",
			Help: "A listener on all addresses doesn't say at which of them other replicas reach it: write server.replica."},
		{ID: ruleRoleMisspelled, Summary: "Roles should be spelled alike everywhere.",
			Help: "A role that is named once is almost spelled like one that is named elsewhere."},
		{ID: ruleRoleUnassigned, Summary: "Each role should be given to somebody.",
			Help: "No API key has the role, nor have anonymous callers, and there are no tokens that could name it: nobody can call what asks for it."},
		{ID: ruleSecretWritten, Summary: "Secrets should not be written in the manifest.",
			Help: "Whoever reads the manifest, or its history, reads the secret. Write ${VAR}, {env: VAR} or {file: path}."},
		{ID: ruleUnreachable, Summary: "What asks for roles or scopes needs auth.",
			Help: "Without auth no caller has roles or scopes, so that nobody can call it."},
	}
}
