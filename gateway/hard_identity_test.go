package gateway_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manyCalls is how many calls look for a mix-up: 100,000 in the long form.
func manyCalls() int {
	if os.Getenv("SALLYPORT_SOAK") == "1" {
		return 100_000
	}
	return 5_000
}

// sharedSecret signs the tokens of these tests.
const sharedSecret = "0123456789abcdef0123456789abcdef"

// crowdManifest knows its callers by tokens, API keys, or not at all, and
// tells the upstream who calls.
const crowdManifest = serverKeys + `
version: 1
auth:
  jwt: {issuer: "https://id.acme.example", audience: gateway, secret: "${SECRET}", leeway: 0s}
  api_keys:
    - {name: ci, sha256: "${KEY_HASH}", roles: [support]}
    - {name: cd, sha256: "${OTHER_HASH}", roles: [admin]}
  anonymous: {roles: [public]}
upstreams:
  crm: {url: "${UPSTREAM}"}
defaults: {rate_limit: none}
tools:
  echo:
    description: d
    request:
      method: POST
      path: /echo/{nonce}
      headers: {X-Sub: "${{ caller.subject }}"}
      body: {nonce: "${{ args.nonce }}", pad: "${{ args.pad }}"}
    input: {nonce: {type: string}, pad: {type: string}}
  shaped:
    description: d
    request: {method: POST, path: "/echo/{nonce}", headers: {X-Sub: "${{ caller.subject }}"}, body: {nonce: "${{ args.nonce }}", pad: ""}}
    input: {nonce: {type: string}}
    response: {select: "{nonce, sub}", text: "${{ .nonce }} for ${{ .sub }}"}
  for_admin:   {description: d, roles: [admin], request: GET /x}
  for_support: {description: d, roles: [support], request: GET /x}
  for_both:    {description: d, roles: [admin, support], request: GET /x}
  for_public:  {description: d, roles: [public], request: GET /x}
`

func crowdEnv() map[string]string {
	hash := func(key string) string {
		sum := sha256.Sum256([]byte(key))
		return hex.EncodeToString(sum[:])
	}
	return map[string]string{"SECRET": sharedSecret, "KEY_HASH": hash("key-of-ci"), "OTHER_HASH": hash("key-of-cd")}
}

// forge makes a token of any header and claims, signed with the secret.
func forge(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(sharedSecret))
	_, _ = mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

const goodHeader = `{"alg":"HS256","typ":"JWT"}`

// tokenWith is a good token with more claims: `,"roles":["admin"]`.
func tokenWith(subject, more string, expires time.Time) string {
	return forge(goodHeader, fmt.Sprintf(`{"iss":"https://id.acme.example","aud":"gateway","sub":%q,"exp":%d%s}`, subject, expires.Unix(), more))
}

func bearerWith(subject, more string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + tokenWith(subject, more, time.Now().Add(time.Hour))}
}

// echoBack answers with what it got, and by whom.
func echoBack(w http.ResponseWriter, req *http.Request) {
	var got struct{ Nonce, Pad string }
	body, _ := io.ReadAll(req.Body)
	if err := json.Unmarshal(body, &got); err != nil || req.URL.Path != "/echo/"+got.Nonce {
		http.Error(w, "path and body differ: "+req.URL.Path, http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"nonce": got.Nonce, "pad": got.Pad, "sub": req.Header.Get("X-Sub")})
}

// person is one caller of the crowd.
type person struct {
	subject string
	modern  map[string]string
	legacy  map[string]string // with a session
}

func crowd(r *rig) []person {
	people := []person{
		{subject: "", modern: map[string]string{}},
		{subject: "ci", modern: map[string]string{"X-API-Key": "key-of-ci"}},
		{subject: "cd", modern: map[string]string{"Authorization": "Bearer key-of-cd"}},
	}
	for i := range 9 {
		subject := fmt.Sprintf("person-%d", i)
		people = append(people, person{subject: subject, modern: bearerWith(subject, "")})
	}
	for i := range people {
		people[i].legacy = r.begin("2025-06-18", people[i].modern)
	}
	return people
}

// TestNobodyGetsAnothersAnswer makes thousands of calls of many callers with
// unique nonces, of all sizes and kinds, over shared connections and buffers:
// each answer has the id, the nonce and the caller of its request.
//
// checklist: 21
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	b := newBackend(t, echoBack)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	people := crowd(r)
	var next atomic.Int64
	total := int64(manyCalls())
	var wg sync.WaitGroup
	for worker := range 32 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for n := next.Add(1); n <= total && !t.Failed(); n = next.Add(1) {
				p := &people[random.IntN(len(people))]
				if why := r.oneOfMany(p, n, random); why != "" {
					t.Errorf("call %d of %s: %s", n, p.subject, why)
				}
			}
		})
	}
	wg.Wait()
}

// oneOfMany makes one call of the crowd and says what is wrong with its
// answer.
func (r *rig) oneOfMany(p *person, n int64, random *rand.Rand) string {
	nonce := fmt.Sprintf("n%d-%d", n, random.Uint64())
	id := fmt.Sprintf(`"id-%s"`, nonce)
	pad := strings.Repeat(nonce, random.IntN(40)*random.IntN(40))
	tool, arguments, want := "echo", fmt.Sprintf(`{"nonce":%q,"pad":%q}`, nonce, pad), fmt.Sprintf(`"structuredContent":{"nonce":%q,"pad":%q,"sub":%q}`, nonce, pad, p.subject)
	switch random.IntN(6) {
	case 0:
		tool, arguments, want = "shaped", fmt.Sprintf(`{"nonce":%q}`, nonce), fmt.Sprintf(`"text":"%s for %s"`, nonce, p.subject)
	case 1:
		tool, arguments, want = "none-"+nonce, "{}", "Unknown tool: none-"+nonce
	case 2:
		arguments, want = fmt.Sprintf(`{"nonce":%q,"%s":1}`, nonce, nonce), "/"+nonce
	}
	params := fmt.Sprintf(`"name":%q,"arguments":%s`, tool, arguments)
	headers := p.legacy
	if random.IntN(2) == 0 {
		params += "," + modernMeta
		headers = with(p.modern, "Content-Type", "application/json", "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", tool)
	}
	a, err := r.send(`{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{`+params+`}}`, headers)
	switch {
	case err != nil:
		return err.Error()
	case a.status != 200 || !strings.HasPrefix(a.body, `{"jsonrpc":"2.0","id":`+id+`,`) || !strings.Contains(a.body, want):
		return fmt.Sprintf("got %d %.600s, want %.200s", a.status, a.body, want)
	case strings.Count(a.body, "person-") > 0 && !strings.Contains(a.body, p.subject+`"`) || !json.Valid([]byte(a.body)):
		return "another caller in " + a.body
	}
	return ""
}

// send sends a POST from any goroutine.
func (r *rig) send(body string, headers map[string]string) (answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/mcp", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(data)}, err
}

// TestSessionsOfOthers tries to use sessions that are not one's own.
func TestSessionsOfOthers(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	other := start(t, crowdManifest, b.URL, crowdEnv())
	ann, ben := bearerWith("ann", ""), bearerWith("ben", "")
	session := r.begin("2025-11-25", ann)
	id := session["Mcp-Session-Id"]
	flipped := []byte(id)
	flipped[len(flipped)/2] ^= 1
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	for name, headers := range map[string]map[string]string{
		"another's":              with(session, "Authorization", ben["Authorization"]),
		"with an API key":        with(session, "Authorization", "", "X-API-Key", "key-of-ci"),
		"of a caller, anonymous": with(session, "Authorization", ""),
		"one bit changed":        with(session, "Mcp-Session-Id", string(flipped)),
		"cut":                    with(session, "Mcp-Session-Id", id[:len(id)-2]),
		"longer":                 with(session, "Mcp-Session-Id", id+"AA"),
		"padded":                 with(session, "Mcp-Session-Id", id+"="),
		"of another gateway":     with(session, "Mcp-Session-Id", other.begin("2025-11-25", ann)["Mcp-Session-Id"]),
		"path":                   with(session, "Mcp-Session-Id", "../"+id),
		"twice":                  with(session, "Mcp-Session-Id", id+", "+id),
	} {
		for key, value := range headers {
			if value == "" {
				delete(headers, key)
			}
		}
		for _, method := range []string{"POST", "DELETE"} {
			body := ""
			if method == "POST" {
				body = list
			}
			if a := r.do(method, "/mcp", body, headers); a.status != 404 || strings.Contains(a.body, "ann") {
				t.Errorf("%s, %s: %d %s", name, method, a.status, a.body)
			}
		}
	}
	if a := r.do("POST", "/mcp", list, session); a.status != 200 {
		t.Errorf("her own, afterwards: %d %s", a.status, a.body)
	}
	// A session says nothing of roles: those of the token count.
	promoted := with(session, "Authorization", bearerWith("ann", `,"roles":["admin"]`)["Authorization"])
	if a := r.do("POST", "/mcp", list, promoted); !strings.Contains(a.body, "for_admin") {
		t.Errorf("a new token with a role: %s", a.body)
	}
	if a := r.do("POST", "/mcp", list, session); strings.Contains(a.body, "for_admin") {
		t.Errorf("the old token: %s", a.body)
	}
}

// TestListsNeverLeak asks for lists with all sets of roles, in an order that
// would fill the prepared lists wrongly if any two sets were taken for one.
//
// checklist: 92 106
func TestListsNeverLeak(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	names := []string{"admin", "support", "public", "", "admin\x00support", "admin\x00", "\x00support", "admin,support", "adminsupport",
		"support\x00admin", "Admin", "admin ", "5admin", "a", "\x007support"}
	var sets [][]string
	for i := range names {
		sets = append(sets, []string{names[i]})
		for j := range names {
			sets = append(sets, []string{names[i], names[j]}, []string{names[j], "x", names[i]})
		}
	}
	for i := range 300 {
		sets = append(sets, []string{fmt.Sprint("role", i), names[i%len(names)]})
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < len(sets); i += 4 {
				r.checkList(t, sets[i])
			}
		})
	}
	wg.Wait()
}

// checkList compares a list with what the roles admit.
func (r *rig) checkList(t *testing.T, roles []string) {
	t.Helper()
	claim, err := json.Marshal(roles)
	if err != nil {
		t.Error(err)
		return
	}
	headers := with(bearerWith("ann", `,"roles":`+string(claim)), "Content-Type", "application/json", "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list")
	a, err := r.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{`+modernMeta+`}}`, headers)
	var list struct {
		Result struct {
			Tools []struct{ Name string } `json:"tools"`
		} `json:"result"`
	}
	if err != nil || json.Unmarshal([]byte(a.body), &list) != nil {
		t.Errorf("%q: %v, %s", roles, err, a.body)
		return
	}
	got := make([]string, 0, len(list.Result.Tools))
	for _, tool := range list.Result.Tools {
		got = append(got, tool.Name)
	}
	want := []string{"echo"}
	admin, support := slices.Contains(roles, "admin"), slices.Contains(roles, "support")
	for _, tool := range []struct {
		name  string
		admit bool
	}{{"for_admin", admin}, {"for_both", admin || support}, {"for_public", slices.Contains(roles, "public")}, {"for_support", support}, {"shaped", true}} {
		if tool.admit {
			want = append(want, tool.name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("roles %q see %q, want %q", roles, got, want)
	}
}
