package transform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// service is an upstream with a job: what it answers to each request of the
// poll, in their order.
type service struct {
	t       *testing.T
	answers []any // answer or error
	asked   []string
	freed   int
}

func (s *service) do(_ context.Context, request int, args map[string]any) (*plugins.Response, error) {
	sent, err := strictjson.Append(nil, args)
	if err != nil {
		s.t.Fatal(err)
	}
	s.asked = append(s.asked, fmt.Sprint(request, " ", string(sent)))
	if len(s.answers) == 0 {
		s.t.Fatal("one request too many")
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	if err, ok := next.(error); ok {
		return nil, err
	}
	return next.(answer).response(&s.freed), nil
}

var (
	working = answer{contentType: "application/json", body: `{"state":"working"}`}
	ready   = answer{contentType: "application/json", body: `{"state":"done","result_id":"r 1"}`}
	down    = answer{status: 503}
)

func TestPoll(t *testing.T) {
	full := PollSettings{
		Status: "GET /jobs/{job}/{n}?of={id}", Until: `.state == "done"`, Failed: `.state == "failed"`, Result: "GET /results/{result_id}",
	}
	plain := PollSettings{Status: "GET /jobs/{job}", Until: `.state == "done"`}
	job := answer{status: 202, contentType: "application/json", body: `{"job":"j/1","n":12345678901234567890,"nested":{"a":1}}`}
	located := answer{status: 202, header: map[string]string{"Location": "/jobs/7"}}
	refused := &plugins.Error{Kind: plugins.KindConnect, Message: "no connection"}
	for name, test := range map[string]struct {
		poll    PollSettings
		first   answer
		answers []any
		want    string // the outcome
		asked   string
	}{
		"to the result": {full, job, []any{working, ready, answer{contentType: "application/json", body: `{"total":5}`}},
			"text {\"total\":5}\nstructured {\"total\":5}",
			`0 {"id":"ord_1","job":"j/1","n":12345678901234567890}|0 {"id":"ord_1","job":"j/1","n":12345678901234567890}|1 {"result_id":"r 1"}`},
		"the status is the result":  {plain, job, []any{working, ready}, "text " + ready.body + "\nstructured " + ready.body, `0 {"job":"j/1"}|0 {"job":"j/1"}`},
		"failed":                    {full, job, []any{answer{contentType: "application/json", body: `{"state":"failed","message":"Out of paper today"}`}}, "text The job failed. It says: \"Out of paper today\".\nerror", `0 {"id":"ord_1","job":"j/1","n":12345678901234567890}`},
		"a location":                {PollSettings{}, located, []any{answer{status: 202}, ready}, "text " + ready.body + "\nstructured " + ready.body, `0 {"location":"/jobs/7"}|0 {"location":"/jobs/7"}`},
		"a location that leads on":  {PollSettings{}, located, []any{answer{status: 303, header: map[string]string{"Location": "/results/7"}}, ready}, "text " + ready.body + "\nstructured " + ready.body, `0 {"location":"/jobs/7"}|0 {"location":"/results/7"}`},
		"303 with a result":         {full, job, []any{answer{status: 303, header: map[string]string{"Location": "/x"}, body: `{"result_id":1}`}, working}, "text " + working.body + "\nstructured " + working.body, `0 {"id":"ord_1","job":"j/1","n":12345678901234567890}|1 {"result_id":1}`},
		"no location":               {PollSettings{}, answer{status: 202}, nil, "!upstream: The service accepted the job, but did not say how to follow it.", ""},
		"no id":                     {plain, answer{status: 202, body: `{"job":{"a":1}}`}, nil, "!upstream: The service accepted the job, but did not say how to follow it.", ""},
		"no word of the result":     {full, job, []any{answer{body: `{"state":"done"}`}}, "!upstream: The service did not say where the result is.", `0 {"id":"ord_1","job":"j/1","n":12345678901234567890}`},
		"misses that pass":          {plain, job, []any{down, refused, working, down, down, ready}, "text " + ready.body + "\nstructured " + ready.body, ""},
		"misses that stay":          {plain, job, []any{down, refused, answer{status: 404}}, "!upstream: The job can't be followed any more.", ""},
		"asked too often":           {plain, job, []any{answer{status: 429}, answer{status: 429}, answer{status: 429}, ready}, "text " + ready.body + "\nstructured " + ready.body, ""},
		"a cancelled look":          {plain, job, []any{&plugins.Error{Kind: plugins.KindCancelled, Message: "gone"}}, "!: gone", ""},
		"a result that failed":      {full, job, []any{ready, answer{status: 404}}, "!status: The service found nothing under these arguments (404). Check them.", ""},
		"a result that isn't there": {full, job, []any{ready, answer{status: 202}, ready, answer{contentType: "text/plain", body: "fine"}}, "text fine", ""},
		"an expression that fails":  {PollSettings{Status: "GET /jobs/{job}", Until: ".state.x"}, job, []any{working}, "text An expression of the tool's definition does not fit these values.\nerror", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tr := mustBuild(t, Settings{Poll: &test.poll})
			s := &service{t: t, answers: test.answers}
			sent := 1 + len(test.answers)
			got := follow(t, tr, s, test.first)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if asked := strings.Join(s.asked, "|"); test.asked != "" && asked != test.asked {
				t.Errorf("asked %s\nwant  %s", asked, test.asked)
			}
			for _, a := range test.answers {
				if _, isError := a.(error); isError {
					sent--
				}
			}
			if s.freed != sent || len(s.answers) > 0 {
				t.Errorf("%d of %d responses were freed, %d left unasked", s.freed, sent, len(s.answers))
			}
		})
	}
}

// follow drives a call to its end, each round by a copy of the transform.
func follow(t *testing.T, tr *transform, s *service, first answer) string {
	t.Helper()
	result, err := tr.Transform(t.Context(), testCall(), first.response(&s.freed))
	for range 20 {
		if err != nil {
			e := failureOf(t, err)
			kind := map[plugins.Kind]string{plugins.KindUpstream: "upstream", plugins.KindStatus: "status", plugins.KindTimeout: "timeout"}[e.Kind]
			return "!" + kind + ": " + e.Message
		}
		if result.Pending == nil {
			defer result.Free()
			return golden(keep(result))
		}
		if result.Pending.Wait <= 0 || len(result.Pending.Questions) > 0 || result.Release != nil {
			t.Fatalf("pending %+v", result.Pending)
		}
		call := testCall().WithRun(&plugins.Run{Resume: &plugins.Resume{State: slices.Clone(result.Pending.State)}})
		result, err = tr.Poll(t.Context(), call, s.do)
	}
	t.Fatal("the job doesn't end")
	return ""
}

func TestPollWaits(t *testing.T) {
	header := func(wait string) answer {
		return answer{status: 202, header: map[string]string{"Location": "/a", "Retry-After": wait}}
	}
	for name, test := range map[string]struct {
		every time.Duration
		first answer
		want  time.Duration
	}{
		"default":  {0, header(""), 2 * time.Second},
		"every":    {5 * time.Second, header(""), 5 * time.Second},
		"asked":    {5 * time.Second, header("7"), 7 * time.Second},
		"too long": {time.Second, header("3600"), time.Minute},
		"a date":   {time.Second, header("Sat, 01 Aug 2026 12:00:09 GMT"), 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			freed := 0
			result, err := mustBuild(t, Settings{Poll: &PollSettings{Every: test.every}}).Transform(t.Context(), testCall(), test.first.response(&freed))
			if err != nil || result.Pending.Wait != test.want {
				t.Errorf("%+v %v, want a wait of %s", result, err, test.want)
			}
		})
	}
}

func TestPollEnds(t *testing.T) {
	tr := mustBuild(t, Settings{Poll: &PollSettings{Timeout: 3 * time.Second}})
	start := tr.now()
	s := &service{t: t, answers: []any{answer{status: 202}}}
	result, err := tr.Transform(t.Context(), testCall(), answer{status: 202, header: map[string]string{"Location": "/a"}}.response(&s.freed))
	if err != nil {
		t.Fatal(err)
	}
	tr.now = func() time.Time { return start.Add(2 * time.Second) }
	_, err = tr.Poll(t.Context(), testCall().WithRun(&plugins.Run{Resume: &plugins.Resume{State: result.Pending.State}}), s.do)
	if e := failureOf(t, err); e.Kind != plugins.KindTimeout || e.Message != "The service did not get the job done within 3s. It may still go on there." {
		t.Errorf("got %+v", e)
	}
}

func TestPollOfACancelledCall(t *testing.T) {
	tr := mustBuild(t, Settings{Poll: &PollSettings{}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	call := testCall().WithRun(&plugins.Run{Resume: &plugins.Resume{State: []byte(`{"v":1,"s":1,"a":{"location":"/a"}}`)}})
	_, err := tr.Poll(ctx, call, func(ctx context.Context, _ int, _ map[string]any) (*plugins.Response, error) { return nil, ctx.Err() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPollRequests(t *testing.T) {
	if got := mustBuild(t, Settings{}).PollRequests(); got != nil {
		t.Errorf("without poll: %v", got)
	}
	got := fmt.Sprint(mustBuild(t, Settings{Poll: &PollSettings{Status: "GET /a/{x}/{y}?z={x}", Result: "POST /b"}}).PollRequests())
	if want := "[{GET /a/{x}/{y}?z={x} [x y] [poll status]} {POST /b [] [poll result]}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = fmt.Sprint(mustBuild(t, Settings{Poll: &PollSettings{}}).PollRequests())
	if want := "[{ [location] [poll]}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWithoutPoll202IsAnAnswer(t *testing.T) {
	if got := outcome(t, mustBuild(t, Settings{}), answer{status: 202, contentType: "text/plain", body: "later"}); got != "text later" {
		t.Error(got)
	}
}

// FuzzJob: no state makes a poll panic, and whatever is kept of it fits.
func FuzzJob(f *testing.F) {
	f.Add(`{"v":1,"s":1785585600000,"a":{"job":"j","n":1e999},"e":2}`, `{"state":"done","result_id":[]}`)
	f.Add(`{"v":1,"a":7}`, `{`)
	f.Fuzz(func(t *testing.T, state, body string) {
		tr := mustBuild(t, Settings{Poll: &PollSettings{Status: "GET /jobs/{job}", Until: `.state == "done"`, Result: "GET /r/{result_id}"}})
		freed, sent := 0, 0
		call := testCall().WithRun(&plugins.Run{Resume: &plugins.Resume{State: []byte(state)}})
		result, err := tr.Poll(t.Context(), call, func(_ context.Context, request int, _ map[string]any) (*plugins.Response, error) {
			sent++
			return answer{contentType: "application/json", body: []string{body, `{}`}[request]}.response(&freed), nil
		})
		if err == nil {
			if result.Pending != nil && strictjson.Valid(result.Pending.State, 0) != nil {
				t.Errorf("state %s", result.Pending.State)
			}
			result.Free()
		}
		if freed != sent {
			t.Errorf("%d of %d responses were freed", freed, sent)
		}
	})
}
