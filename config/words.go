package config

import (
	"slices"
	"strings"
)

// otherWord tells which of the known keys an author means by one that goes by
// another name elsewhere: in OpenAPI, in other gateways, in MCP's JSON.
func otherWord(key string, known []string) string {
	folded := fold(key)
	for _, words := range otherWords() {
		wanted, others, _ := strings.Cut(words, ": ")
		if slices.Contains(known, wanted) && slices.Contains(strings.Fields(others), folded) {
			if wanted == "request" {
				wanted += ": GET /path"
			}
			return "write " + wanted
		}
	}
	switch tool := slices.Contains(known, "input_schema"); {
	case tool && folded == "operationid":
		return "a tool's name is its key under tools"
	case tool && folded == "outputschema":
		return "write response: {schema: …}"
	}
	return ""
}

// otherWords are keys, each with what it is called elsewhere, folded. The first
// whose key is known at the place is meant.
func otherWords() []string {
	return []string{
		// the manifest, upstreams and endpoints
		"upstreams: services backends servers apis mcpservers", "tools: paths routes operations endpoint",
		"openapi: spec swagger specification document schema", "url: baseurl host server servers endpoint address uri base",
		"auth: apikey token credentials security", "bearer: token apikey", "include: tools operations tags", "instructions: description",
		// a tool and its request
		"request: method path url endpoint http route", "method: verb httpmethod", "path: url uri route endpoint",
		"description: summary", "response: responses output",
		"document: query", "query: params parameters querystring", "action: soapaction", "body: json data payload envelope", "input: requestbody",
		// its answer
		"select: jq transform filter map", "text: template render", "as: format type", "items: list data", "next: cursor", "pass_as: param parameter argument", "max_pages: limit pages",
		// its examples
		"args: arguments input params", "upstream: response mock returns answer", "json: body data", "status: code statuscode", "structured: result json output", "expect: result output then",
	}
}
