package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"sort"
	"strings"
)

// serverRequest is what a server asks a legacy client.
type serverRequest struct {
	id, text string
	// without is the text without the id, which is random.
	without string
}

// requestIn reports whether a message is a request of the server's.
func requestIn(text string) (serverRequest, bool) {
	var m struct {
		ID     *string `json:"id"`
		Method string  `json:"method"`
	}
	if json.Unmarshal([]byte(text), &m) != nil || m.ID == nil || m.Method == "" {
		return serverRequest{}, false
	}
	return serverRequest{id: *m.ID, text: text, without: strings.Replace(text, *m.ID, "", 1)}, true
}

// answer posts the client's reply to a request of the server's, if the step has
// one.
func (p *player) answer(one serverRequest) bool {
	p.t.Helper()
	result, ready := p.readyFor(one.text)
	if !ready {
		return false
	}
	p.say("> reply " + p.asked[one.id] + " " + result)
	member := `"result":` + result
	if strings.HasPrefix(result, `{"error":`) {
		member = strings.TrimSuffix(strings.TrimPrefix(result, "{"), "}")
	}
	s := p.send(http.MethodPost, `{"jsonrpc":"2.0","id":"`+one.id+`",`+member+`}`, p.sessionHeaders())
	if s.begun(p.t).status != http.StatusAccepted {
		p.t.Errorf("the reply was answered %d %s", s.status, s.next(p.t).text)
	}
	s.drop()
	return true
}

// retry is the message that goes on with an answer that asks something; empty
// if there is nothing to go on with, or the step does it by hand.
func (p *player) retry(line, answer string) string {
	p.t.Helper()
	var m struct {
		Result struct {
			Type     string                     `json:"resultType"`
			Requests map[string]json.RawMessage `json:"inputRequests"`
		} `json:"result"`
	}
	if json.Unmarshal([]byte(answer), &m) != nil || m.Result.Type != "input_required" || len(p.replies) == 0 {
		return ""
	}
	p.together = 0
	keys := make([]string, 0, len(m.Result.Requests))
	for key := range m.Result.Requests {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var responses []string
	for _, key := range keys {
		result, ready := p.readyFor(string(m.Result.Requests[key]))
		if !ready {
			p.t.Fatalf("the step has no reply to %s", m.Result.Requests[key])
		}
		p.say("> answer " + key + " " + result)
		responses = append(responses, `"`+key+`":`+result)
	}
	members := `"inputResponses":{` + strings.Join(responses, ",") + `},"requestState":"$state"`
	line = givenBefore.ReplaceAllString(line, "")
	return strings.Replace(line, `"params":{`, `"params":{`+members+`,`, 1)
}

// givenBefore are the members of a retry.
var givenBefore = regexp.MustCompile(`"inputResponses":.*"requestState":"\$state",`)

var (
	stateMember  = regexp.MustCompile(`"requestState":"([^"]+)"`)
	taskMember   = regexp.MustCompile(`"taskId":"([^"]+)"`)
	cursorMember = regexp.MustCompile(`"nextCursor":"([^"]+)"`)
	timeMember   = regexp.MustCompile(`"(createdAt|lastUpdatedAt)":"[^"]+"`)
	pollMember   = regexp.MustCompile(`"pollIntervalMs":[0-9]+`)
	elicitMember = regexp.MustCompile(`"elicitationId":"[^"]+"`)
)

// waitingMember comes and goes with the looks after a job.
const waitingMember = `"statusMessage":"The service is working on it.",`

// tidy replaces what is different every time by names.
func (p *player) tidy(text string) string {
	if m := stateMember.FindStringSubmatch(text); m != nil {
		if m[1] == p.state {
			p.t.Error("two rounds have the same requestState")
		}
		p.state = m[1]
	}
	if m := taskMember.FindStringSubmatch(text); m != nil {
		p.task = m[1]
	}
	if m := cursorMember.FindStringSubmatch(text); m != nil {
		p.cursor = m[1]
	}
	for id, name := range p.asked {
		text = strings.ReplaceAll(text, id, name)
	}
	text = stateMember.ReplaceAllString(text, `"requestState":"$$state"`)
	text = taskMember.ReplaceAllString(text, `"taskId":"$$task"`)
	text = cursorMember.ReplaceAllString(text, `"nextCursor":"$$cursor"`)
	text = timeMember.ReplaceAllString(text, `"$1":"$$time"`)
	text = pollMember.ReplaceAllString(text, `"pollIntervalMs":$$poll`)
	text = strings.ReplaceAll(text, waitingMember, "")
	return elicitMember.ReplaceAllString(text, `"elicitationId":"$$elicitation"`)
}

// namedBy is the member of params that Mcp-Name repeats, by method.
func namedBy(method string) string {
	switch method {
	case "tools/call", "prompts/get":
		return "name"
	case "resources/read":
		return "uri"
	case "tasks/get", "tasks/update", "tasks/cancel":
		return "taskId"
	}
	return ""
}

// modernize gives a message the _meta and the headers of a modern request.
func modernize(message, capabilities string, headers map[string]string) string {
	var m struct {
		Method string                     `json:"method"`
		Params map[string]json.RawMessage `json:"params"`
	}
	headers["MCP-Protocol-Version"] = modernRevision
	if json.Unmarshal([]byte(message), &m) != nil {
		return message
	}
	headers["Mcp-Method"] = m.Method
	var name string
	if json.Unmarshal(m.Params[namedBy(m.Method)], &name) == nil {
		headers["Mcp-Name"] = encodeName(name)
	}
	meta := `"io.modelcontextprotocol/protocolVersion":"` + modernRevision + `","io.modelcontextprotocol/clientCapabilities":` + capabilities
	switch {
	case strings.Contains(message, `"_meta":{`):
		return strings.Replace(message, `"_meta":{`, `"_meta":{`+meta+`,`, 1)
	case strings.Contains(message, `"params":{}`):
		return strings.Replace(message, `"params":{}`, `"params":{"_meta":{`+meta+`}}`, 1)
	case strings.Contains(message, `"params":{`):
		return strings.Replace(message, `"params":{`, `"params":{"_meta":{`+meta+`},`, 1)
	}
	return strings.TrimSuffix(message, "}") + `,"params":{"_meta":{` + meta + `}}}`
}

// encodeName is a value of Mcp-Name: what no header holds goes in Base64.
func encodeName(name string) string {
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(name)) + "?="
		}
	}
	return name
}
