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
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	b := newBackend(t, echoBack)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	people := crowd(r)
	var next atomic.Int64
	total := int64(manyCalls())
	var wg sync.WaitGroup
	for worker := range 32 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1)) //nolint:gosec // a test's dice
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
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] }) //nolint:gosec // a test's dice
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

// TestTokensEnd shows that a token that was verified and remembered is refused
// once its time is over.
func TestTokensEnd(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	ends := time.Now().Add(1500 * time.Millisecond).Truncate(time.Second).Add(time.Second)
	headers := map[string]string{"Authorization": "Bearer " + tokenWith("ann", "", ends)}
	session := r.begin("2025-11-25", headers)
	calls := 0
	for ; time.Now().Before(ends.Add(-50 * time.Millisecond)); calls++ {
		if a := r.modern("tools/list", "", "", headers); a.status != 200 {
			t.Fatalf("%s before its end: %d %s", time.Until(ends), a.status, a.body)
		}
	}
	for !time.Now().After(ends) {
		r.modern("tools/list", "", "", headers)
	}
	if a := r.modern("tools/list", "", "", headers); a.status != 401 || calls == 0 {
		t.Errorf("after its end, and %d calls before: %d %s", calls, a.status, a.body)
	}
	if a := r.do("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, session); a.status != 401 {
		t.Errorf("in its session: %d %s", a.status, a.body)
	}
}

// TestBadCredentialsAreNeverAnonymous presents bad credentials where anonymous
// callers are admitted: they are refused, not downgraded.
func TestBadCredentialsAreNeverAnonymous(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	good := tokenWith("ann", "", time.Now().Add(time.Hour))
	claims := fmt.Sprintf(`{"iss":"https://id.acme.example","aud":"gateway","sub":"ann","roles":["admin"],"exp":%d}`, time.Now().Add(time.Hour).Unix())
	without := strings.Join(strings.Split(good, ".")[:2], ".")
	unsigned := strings.Join(strings.Split(forge(`{"alg":"none"}`, claims), ".")[:2], ".")
	for name, headers := range map[string]map[string]string{
		"expired":            {"Authorization": "Bearer " + tokenWith("ann", "", time.Now().Add(-time.Hour))},
		"no signature":       {"Authorization": "Bearer " + without + "."},
		"two parts":          {"Authorization": "Bearer " + without},
		"alg none":           {"Authorization": "Bearer " + unsigned + "."},
		"alg None":           {"Authorization": "Bearer " + forge(`{"alg":"None"}`, claims)},
		"alg HS512":          {"Authorization": "Bearer " + forge(`{"alg":"HS512"}`, claims)},
		"alg twice":          {"Authorization": "Bearer " + forge(`{"alg":"HS256","alg":"none"}`, claims)},
		"crit":               {"Authorization": "Bearer " + forge(`{"alg":"HS256","crit":["x"],"x":1}`, claims)},
		"iss twice":          {"Authorization": "Bearer " + forge(goodHeader, `{"iss":"https://evil.example",`+claims[1:])},
		"another issuer":     {"Authorization": "Bearer " + forge(goodHeader, strings.Replace(claims, "id.acme", "id.evil", 1))},
		"another audience":   {"Authorization": "Bearer " + forge(goodHeader, strings.Replace(claims, `"gateway"`, `"gatewa"`, 1))},
		"no audience":        {"Authorization": "Bearer " + forge(goodHeader, strings.Replace(claims, `"aud":"gateway",`, ``, 1))},
		"exp as text":        {"Authorization": "Bearer " + forge(goodHeader, strings.Replace(claims, `"exp":`, `"exp":"1`, 1)+`"}`)},
		"no subject":         {"Authorization": "Bearer " + forge(goodHeader, strings.Replace(claims, `"sub":"ann",`, ``, 1))},
		"subject is a list":  {"Authorization": "Bearer " + forge(goodHeader, strings.Replace(claims, `"ann"`, `["ann"]`, 1))},
		"one byte more":      {"Authorization": "Bearer " + good + "A"},
		"huge":               {"Authorization": "Bearer " + strings.Repeat("a", 17<<10)},
		"many dots":          {"Authorization": "Bearer " + strings.Repeat(".", 5000)},
		"word":               {"Authorization": "Bearer x"},
		"no word":            {"Authorization": "Bearer"},
		"empty":              {"Authorization": ""},
		"Basic":              {"Authorization": "Basic YTpi"},
		"DPoP":               {"Authorization": "DPoP " + good},
		"two tokens":         {"Authorization": "Bearer " + good + ", Bearer " + good},
		"a space inside":     {"Authorization": "Bearer " + good[:20] + " " + good[20:]},
		"wrong key":          {"X-API-Key": "key-of-c"},
		"empty key":          {"X-API-Key": ""},
		"hash for key":       {"X-API-Key": crowdEnv()["KEY_HASH"]},
		"token for key":      {"X-API-Key": good},
		"long key":           {"X-API-Key": strings.Repeat("k", 8000)},
		"key and token":      {"X-API-Key": "key-of-ci", "Authorization": "Bearer " + good},
		"key and bad token":  {"X-API-Key": "key-of-ci", "Authorization": "Bearer x"},
		"token and bad key":  {"X-API-Key": "x", "Authorization": "Bearer " + good},
		"key, empty token":   {"X-API-Key": "key-of-ci", "Authorization": ""},
		"secret as the key":  {"X-API-Key": sharedSecret},
		"secret as a bearer": {"Authorization": "Bearer " + sharedSecret},
	} {
		a := r.modern("tools/list", "", "", headers)
		if (a.status != 401 && a.status != 400 && a.status != 431) || strings.Contains(a.body, "echo") {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
		for header, value := range headers {
			if value = strings.TrimPrefix(value, "Bearer "); len(value) > 8 && strings.Contains(a.body+fmt.Sprint(a.header)+r.log.String(), value) {
				t.Errorf("%s: the value of %s is told", name, header)
			}
		}
	}
	if a := r.modern("tools/list", "", "", nil); a.status != 200 || !strings.Contains(a.body, "for_public") {
		t.Errorf("anonymous: %d %s", a.status, a.body)
	}
	if a := r.modern("tools/list", "", "", map[string]string{"Authorization": "bearer   " + good}); a.status != 200 || strings.Contains(a.body, "for_public") {
		t.Errorf("a good token: %d %s", a.status, a.body)
	}
}

// TestOddRoles shows that only strings in the claim of roles grant anything,
// and exactly what they say.
func TestOddRoles(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	for claim, admitted := range map[string]bool{
		`"admin"`: true, `["admin"]`: true, `["x","admin","admin"]`: true, `[1,null,"admin",{}]`: true,
		`["\u0061dmin"]`: true, `"admin support"`: false, `"admin,support"`: false, `["ADMIN"]`: false, `[" admin"]`: false,
		`["admin\u0000"]`: false, `["аdmin"]`: false, `{"admin":true}`: false, `{"0":"admin"}`: false, `[["admin"]]`: false,
		`[{"name":"admin"}]`: false, `true`: false, `1`: false, `null`: false, `[]`: false, `""`: false, `["*"]`: false, `"*"`: false, `[".*"]`: false,
	} {
		headers := bearerWith("ann", `,"roles":`+claim)
		if got := strings.Contains(r.modern("tools/list", "", "", headers).body, "for_admin"); got != admitted {
			t.Errorf("roles %s: listed %v, want %v", claim, got, admitted)
		}
		if got := r.call("for_admin", "{}", headers); strings.Contains(got.body, `"ok":true`) != admitted {
			t.Errorf("roles %s: %s, want called %v", claim, got.body, admitted)
		}
	}
	for _, more := range []string{`,"role":"admin"`, `,"Roles":["admin"]`, `,"realm_access":{"roles":["admin"]}`, `,"scope":"admin"`, `,"permissions":["admin"]`, `,"groups":["admin"]`} {
		if a := r.modern("tools/list", "", "", bearerWith("ann", more)); strings.Contains(a.body, "for_admin") {
			t.Errorf("claims %s: %s", more, a.body)
		}
	}
}

// TestAPIKeys shows that a key is its holder, by either header, with exactly
// its roles.
func TestAPIKeysThroughTheFront(t *testing.T) {
	b := newBackend(t, echoBack)
	r := start(t, crowdManifest, b.URL, crowdEnv())
	for _, test := range []struct {
		header, value, subject, sees, hidden string
	}{
		{"X-API-Key", "key-of-ci", "ci", "for_support", "for_admin"},
		{"Authorization", "Bearer key-of-ci", "ci", "for_support", "for_admin"},
		{"X-API-Key", "key-of-cd", "cd", "for_admin", "for_support"},
		{"Authorization", "Bearer key-of-cd", "cd", "for_admin", "for_support"},
	} {
		headers := map[string]string{test.header: test.value, "X-Forwarded-User": "root", "X-Roles": "admin"}
		list := r.modern("tools/list", "", "", headers)
		if !strings.Contains(list.body, test.sees) || strings.Contains(list.body, test.hidden) {
			t.Errorf("%s: %s", test.value, list.body)
		}
		if a := r.call("echo", `{"nonce":"n","pad":""}`, headers); !strings.Contains(a.body, `"sub":"`+test.subject+`"`) {
			t.Errorf("%s: %s", test.value, a.body)
		}
	}
}
