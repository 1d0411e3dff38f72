package e2e

// suite is a version of the conformance suite at one protocol revision.
type suite struct {
	name    string // as in scenario.suites
	cli     string // program, relative to node/
	version string // argument of --spec-version
}

// The suites. The requirement sets of the suite, 2025-11-25 and 2026-07-28, run
// at their own revision.
const (
	rev0618 = "2025-06-18"
	rev1125 = "2025-11-25"
	rev0728 = "2026-07-28"
	stable  = "0.1.16" // the released version of the suite, its newest revision
	// extension are the scenarios of extensions, at the newest revision.
	extension = "extension"
)

// The programs of the suites, relative to node/.
const (
	newestSuite = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
	stableSuite = "node_modules/conformance-stable/dist/index.js"
)

// conformanceManifest is the manifest in examples/conformance.
const conformanceManifest = "manifest.yaml"

func suites() []suite {
	return []suite{
		{rev0618, newestSuite, "2025-06-18"},
		{rev1125, newestSuite, "2025-11-25"},
		{rev0728, newestSuite, "2026-07-28"},
		{stable, stableSuite, "2025-11-25"},
		{extension, newestSuite, "2026-07-28"},
	}
}

// scenario is a scenario of the conformance suite and where it stands.
type scenario struct {
	name   string
	suites []string
	// lacks names what the gateway lacks for it. Such a scenario is not run;
	// empty means that it has to pass.
	lacks string
}

// scenarios lists every scenario that the suites have for a server; a test
// compares the list with theirs. To demand one more, empty its last field.
func scenarios() []scenario {
	var (
		legacy = []string{rev0618, rev1125, stable}
		every  = []string{rev0618, rev1125, rev0728, stable}
		modern = []string{rev0728}
		beyond = []string{extension}
	)
	return []scenario{
		// Lifecycle, statelessness, transport.
		{"server-initialize", legacy, ""},
		{"server-session-lifecycle", []string{rev0618, rev1125}, ""},
		{"ping", legacy, ""},
		{"server-stateless", modern, ""},
		{"server-sse-multiple-streams", []string{rev1125, rev0728, stable}, ""},
		{"dns-rebinding-protection", []string{rev1125, rev0728, stable}, ""},
		{"http-header-validation", modern, ""},
		{"http-custom-header-server-validation", modern, ""},
		{"server-sse-polling", []string{rev1125, stable}, "resumable streams"},
		{"caching", modern, "prompts and resources"},

		// Tools.
		{"tools-list", every, ""},
		{"tools-call-simple-text", every, ""},
		{"tools-call-image", every, ""},
		{"tools-call-audio", every, ""},
		{"tools-call-embedded-resource", every, ""},
		{"tools-call-mixed-content", every, ""},
		{"tools-call-error", every, ""},
		{"json-schema-2020-12", []string{rev1125, rev0728, stable}, ""},
		{"tools-call-with-progress", every, "progress notifications"},
		{"tools-call-with-logging", legacy, "log notifications"},
		{"logging-set-level", legacy, "log notifications"},
		{"tools-call-sampling", legacy, "sampling"},
		{"tools-call-elicitation", legacy, "elicitation"},
		{"elicitation-sep1034-defaults", []string{rev1125, stable}, "elicitation"},
		{"elicitation-sep1330-enums", []string{rev1125, stable}, "elicitation"},

		// Input that a call asks for.
		{"input-required-result-basic-elicitation", modern, "elicitation"},
		{"input-required-result-basic-sampling", modern, "sampling"},
		{"input-required-result-basic-list-roots", modern, "roots"},
		{"input-required-result-request-state", modern, "elicitation"},
		{"input-required-result-multiple-input-requests", modern, "elicitation, sampling, roots"},
		{"input-required-result-multi-round", modern, "elicitation"},
		{"input-required-result-missing-input-response", modern, "elicitation"},
		{"input-required-result-non-tool-request", modern, "elicitation, prompts"},
		{"input-required-result-result-type", modern, "elicitation"},
		{"input-required-result-unsupported-methods", modern, ""},
		{"input-required-result-tampered-state", modern, "elicitation"},
		{"input-required-result-capability-check", modern, "elicitation, sampling"},
		{"input-required-result-ignore-extra-params", modern, "elicitation"},
		{"input-required-result-validate-input", modern, "elicitation"},

		// Resources, prompts, completion.
		{"resources-list", every, "resources"},
		{"resources-read-text", every, "resources"},
		{"resources-read-binary", every, "resources"},
		{"resources-templates-read", every, "resources"},
		{"resources-subscribe", legacy, "subscriptions"},
		{"resources-unsubscribe", legacy, "subscriptions"},
		{"sep-2164-resource-not-found", modern, "resources"},
		{"prompts-list", every, "prompts"},
		{"prompts-get-simple", every, "prompts"},
		{"prompts-get-with-args", every, "prompts"},
		{"prompts-get-embedded-resource", every, "prompts"},
		{"prompts-get-with-image", every, "prompts"},
		{"completion-complete", every, "completion"},

		// Extensions.
		{"tasks-lifecycle", beyond, "tasks"},
		{"tasks-capability-negotiation", beyond, "tasks"},
		{"tasks-wire-fields", beyond, "tasks"},
		{"tasks-request-state-removal", beyond, "tasks"},
		{"tasks-mrtr-input", beyond, "tasks"},
		{"tasks-request-headers", beyond, "tasks"},
		{"tasks-dispatch-and-envelope", beyond, "tasks"},
		{"tasks-required-task-error", beyond, "tasks"},
		{"tasks-mrtr-composition", beyond, "tasks"},
		{"tasks-status-notifications", beyond, "a scenario: the suite skips its only check"},
		{"sep-2640-skills-directory", beyond, "the extension for skills"},
		{"sep-2640-skills-enumeration", beyond, "the extension for skills"},
		{"sep-2640-skills-manifest", beyond, "the extension for skills"},
	}
}
