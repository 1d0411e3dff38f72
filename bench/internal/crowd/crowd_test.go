package crowd

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	toolsNews = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`
	updated   = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a://b","_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`
)

// waiting is a crowd of one modern and one legacy client.
func waiting() *Crowd {
	return &Crowd{plan: Plan{Streams: 2, URI: "a://b"}, clients: []client{{}, {legacy: true}}}
}

func TestCrowdHearsNewsOnce(t *testing.T) {
	c := waiting()
	await := c.Expect(ResourceUpdated)
	now := time.Unix(100, 0)
	for n, data := range []string{updated, strings.Replace(updated, `,"_meta":{"io.modelcontextprotocol/subscriptionId":1}`, "", 1)} {
		if err := c.hear(n, []byte(data), now); err != nil {
			t.Fatal(err)
		}
	}
	arrivals, err := await()
	if err != nil || len(arrivals) != 2 || !arrivals[0].Equal(now) {
		t.Errorf("%v, %v", arrivals, err)
	}
	if err := c.hear(0, []byte(updated), now); err == nil || !strings.Contains(err.Error(), "told 2 times of 1") {
		t.Errorf("told twice: %v", err)
	}
}

func TestCrowdRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON":              `{`,
		"another subscription": strings.Replace(updated, `Id":1`, `Id":2`, 1),
		"an id as text":        strings.Replace(updated, `Id":1`, `Id":"1"`, 1),
		"another resource":     strings.Replace(updated, "a://b", "a://c", 1),
		"other news":           toolsNews,
	} {
		c := waiting()
		c.Expect(ResourceUpdated)
		if err := c.hear(0, []byte(data), time.Time{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := waiting().hear(0, []byte(updated), time.Time{}); err == nil {
		t.Error("news that nobody waits for: no error")
	}
}

func TestCrowdEndsWaitingWithAnError(t *testing.T) {
	c := waiting()
	await := c.Expect(ToolsChanged)
	c.mu.Lock()
	c.fail(errLine)
	c.fail(nil) // the first one stays
	c.mu.Unlock()
	if _, err := await(); !errors.Is(err, errLine) {
		t.Errorf("got %v", err)
	}
}
