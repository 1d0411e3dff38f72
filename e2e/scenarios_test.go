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
		{"server-sse-polling", []string{rev1125, stable}, ""},
		{"caching", modern, ""},

		// Tools.
		{"tools-list", every, ""},
		{"tools-call-simple-text", every, ""},
		{"tools-call-image", every, ""},
		{"tools-call-audio", every, ""},
		{"tools-call-embedded-resource", every, ""},
		{"tools-call-mixed-content", every, ""},
		{"tools-call-error", every, ""},
		{"json-schema-2020-12", []string{rev1125, rev0728, stable}, ""},
		{"tools-call-with-progress", every, ""},
		{"tools-call-with-logging", legacy, ""},
		{"logging-set-level", legacy, ""},
		{"tools-call-sampling", legacy, ""},
		{"tools-call-elicitation", legacy, ""},
		{"elicitation-sep1034-defaults", []string{rev1125, stable}, ""},
		{"elicitation-sep1330-enums", []string{rev1125, stable}, ""},

		// Input that a call asks for.
		{"input-required-result-basic-elicitation", modern, ""},
		{"input-required-result-basic-sampling", modern, ""},
		{"input-required-result-basic-list-roots", modern, ""},
		{"input-required-result-request-state", modern, ""},
		{"input-required-result-multiple-input-requests", modern, ""},
		{"input-required-result-multi-round", modern, ""},
		{"input-required-result-missing-input-response", modern, ""},
		{"input-required-result-non-tool-request", modern, ""},
		{"input-required-result-result-type", modern, ""},
		{"input-required-result-unsupported-methods", modern, ""},
		{"input-required-result-tampered-state", modern, ""},
		{"input-required-result-capability-check", modern, ""},
		{"input-required-result-ignore-extra-params", modern, ""},
		{"input-required-result-validate-input", modern, ""},

		// Resources, prompts, completion.
		{"resources-list", every, ""},
		{"resources-read-text", every, ""},
		{"resources-read-binary", every, ""},
		{"resources-templates-read", every, ""},
		{"resources-subscribe", legacy, ""},
		{"resources-unsubscribe", legacy, ""},
		{"sep-2164-resource-not-found", modern, ""},
		{"prompts-list", every, ""},
		{"prompts-get-simple", every, ""},
		{"prompts-get-with-args", every, ""},
		{"prompts-get-embedded-resource", every, ""},
		{"prompts-get-with-image", every, ""},
		{"completion-complete", every, ""},

		// Extensions.
		{"tasks-lifecycle", beyond, ""},
		{"tasks-capability-negotiation", beyond, ""},
		{"tasks-wire-fields", beyond, ""},
		{"tasks-request-state-removal", beyond, ""},
		{"tasks-mrtr-input", beyond, ""},
		{"tasks-request-headers", beyond, ""},
		{"tasks-dispatch-and-envelope", beyond, ""},
		{"tasks-required-task-error", beyond, ""},
		{"tasks-mrtr-composition", beyond, ""},
		{"tasks-status-notifications", beyond, "a scenario: the suite skips its only check"},
		{"sep-2640-skills-directory", beyond, "the extension for skills"},
		{"sep-2640-skills-enumeration", beyond, "the extension for skills"},
		{"sep-2640-skills-manifest", beyond, "the extension for skills"},
	}
}
