package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTokensEnd shows that a token that was verified and remembered is refused
// once its time is over.
//
// checklist: 100
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
//
// checklist: 100 101
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
