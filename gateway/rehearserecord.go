package gateway

import (
	"bytes"
	"context"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// tape holds what a service has answered to one call. When it is played, the
// call is answered from it.
type tape struct {
	played bool

	mu      sync.Mutex
	answers []rehearse.Answer
	// request is the first that was made while the tape was played.
	request *plugins.Outline
	next    int
	bytes   int
	// useless says that no example can be made of the call.
	useless bool
}

// recordedHeaders are the response headers that are recorded: those that
// manifests look at, and none that may be a credential.
func recordedHeaders() []string {
	return []string{"Content-Type", "Link", "Location", "Retry-After", "X-Total-Count", "Content-Language"}
}

// record asks the service and takes down what it answers, if the call is to be
// recorded.
func (o *rehearsedOperator) record(ctx context.Context, call *plugins.Call) (*plugins.Response, error) {
	found, _ := o.scene.tapes.Load(call.Record)
	t, _ := found.(*tape)
	if t == nil {
		return o.Operator.Do(ctx, call) //nolint:wrapcheck // it is the operator's own
	}
	if t.played {
		return o.replay(call, t)
	}
	response, err := o.Operator.Do(ctx, call)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.useless = true
		return nil, err //nolint:wrapcheck // it is the operator's own
	}
	if t.bytes += len(response.Body); t.bytes > rehearse.MaxRecorded {
		t.useless = true
	}
	if t.useless {
		return response, nil
	}
	header := make(map[string]string)
	for _, name := range recordedHeaders() {
		if value := response.Header(name); value != "" {
			header[name] = value
		}
	}
	t.answers = append(t.answers, rehearse.Answer{Status: response.Status, Header: header, Body: bytes.Clone(response.Body)})
	return response, nil
}

// replay answers from a tape.
func (o *rehearsedOperator) replay(call *plugins.Call, t *tape) (*plugins.Response, error) {
	outline, err := o.Outline(call)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is what Do would say
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.request == nil {
		t.request = outline
	}
	answer := rehearse.Pick(t.answers, call.Args, t.next)
	t.next++
	return o.respond(call, answer, outline.Form)
}

// taped wraps the innermost handler of a tool: its calls are recorded.
func (s *scene) taped(t *target, last plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		resumed := call.Resumed()
		if call.Record == nil || resumed != nil && resumed.State != nil || !s.recorder.Wants(t.spec.Name) {
			return last(ctx, call)
		}
		recording := &tape{}
		s.tapes.Store(call.Record, recording)
		result, err := last(ctx, call)
		s.tapes.Delete(call.Record)
		switch {
		case len(recording.answers) == 0 && !recording.useless: // nothing was asked
		case recording.useless, result != nil && result.Pending != nil:
			s.recorder.Skip()
		default:
			taken := take{scene: s, target: t, last: last, args: call.Args, principal: call.Principal, tape: recording}
			s.recorder.Offer(rehearse.Sample{Tool: t.spec.Name, Make: taken.example})
		}
		return result, err
	}
}

// take is a call that was recorded, of which an example is to be made.
type take struct {
	*scene
	target    *target
	last      plugins.Handler
	args      map[string]any
	principal *plugins.Principal
	tape      *tape
}

// example makes an example of the call: secrets are removed from what was sent
// and answered, and what is expected is what comes of the rest. False says that
// no good example can be made.
func (k *take) example() (rehearse.Recorded, bool) {
	mask := k.mask.With(claimsOf(k.principal)).With(secretArguments(k.args))
	args, ok := k.maskedArgs(mask)
	if !ok {
		return rehearse.Recorded{}, false
	}
	answers, bodies, ok := maskedAnswers(mask, k.tape.answers)
	if !ok {
		return rehearse.Recorded{}, false
	}
	caller := rehearse.Object(nil)
	expect, fine := k.replay(mask, args, answers, map[string]any{"sub": exampleCaller})
	if !fine { // what is sent may be made of the caller
		claims := standIns(k.principal.Claims)
		if expect, fine = k.replay(mask, args, answers, claims); !fine {
			return rehearse.Recorded{}, false
		}
		caller = rehearse.Object{{Key: "subject", Value: exampleCaller}, {Key: "roles", Value: listOf(k.target.roles())},
			{Key: "scopes", Value: listOf(k.target.scopes())}, {Key: "claims", Value: claims}}
	}
	recorded := rehearse.Recorded{
		Key: string(rehearse.Encode(args)), Rank: rankOf(answers),
		Name: rehearse.NameOf(args, answers[len(answers)-1].Status),
	}
	recorded.Example = rehearse.Object{{Key: "args", Value: args}}
	if caller != nil {
		recorded.Example = append(recorded.Example, rehearse.Entry{Key: "as", Value: caller})
	}
	if k.target.has(programConfirm) {
		recorded.Example = append(recorded.Example, rehearse.Entry{Key: "answers", Value: map[string]any{confirmKey: true}})
	}
	recorded.Example = append(recorded.Example, rehearse.Entry{Key: "upstream", Value: bodies}, rehearse.Entry{Key: "expect", Value: expect})
	text := recorded.Name + "\n" + string(rehearse.AppendYAML(nil, recorded.Example, 0))
	return recorded, !mask.Knows(text)
}

// exampleCaller is the subject of who calls in examples.
const exampleCaller = "example"

// replay has the call answered by what was recorded, for a caller with these
// claims, and returns what an example expects of it.
func (k *take) replay(mask *rehearse.Mask, args map[string]any, answers []rehearse.Answer, claims map[string]any) (expect rehearse.Object, fine bool) {
	played := &tape{played: true, answers: answers}
	caller := &plugins.Principal{Key: "example:example", Subject: exampleCaller, Roles: k.target.roles(), Scopes: k.target.scopes(), Claims: claims}
	call := commandCall(k.target, rehearse.Encode(args), caller).WithArgs(args)
	k.tapes.Store(call.Record, played)
	result, err := k.last(context.Background(), call)
	k.tapes.Delete(call.Record)
	if expect, fine = expectationOf(result, err); !fine {
		return nil, false
	}
	if request := requestOf(mask, played.request); request != nil {
		expect = append(rehearse.Object{{Key: "request", Value: request}}, expect...)
	}
	return expect, true
}

// standIns are claims of the same names that tell nothing of the caller.
func standIns(claims map[string]any) map[string]any {
	var standIn func(value any) any
	standIn = func(value any) any {
		switch v := value.(type) {
		case string:
			return exampleCaller
		case []any:
			list := make([]any, min(len(v), 1))
			for i := range list {
				list[i] = standIn(v[i])
			}
			return list
		case map[string]any:
			return standIns(v)
		case bool, nil:
			return v
		}
		return 1
	}
	all := make(map[string]any, len(claims))
	for name, value := range claims {
		switch name {
		case "iss", "aud", "exp", "iat", "nbf", "jti":
		default:
			all[name] = standIn(value)
		}
	}
	return all
}

// listOf is a list as values are written.
func listOf(texts []string) []any {
	list := make([]any, len(texts))
	for i := range texts {
		list[i] = texts[i]
	}
	return list
}

// maskedArgs are the arguments without secrets: they still fit the input schema,
// if need be for lack of those that held one.
func (k *take) maskedArgs(mask *rehearse.Mask) (map[string]any, bool) {
	for _, m := range []*rehearse.Mask{mask, mask.Shaped()} {
		args, ok := m.Value(k.args).(map[string]any)
		if ok && len(k.target.spec.Input.Validate(args, nil)) == 0 {
			return args, true
		}
	}
	args, ok := mask.Value(k.args).(map[string]any)
	for _, v := range k.target.spec.Input.Validate(args, nil) {
		if at := segments(v.Pointer); len(at) > 0 {
			delete(args, at[0])
		}
	}
	return args, ok && len(k.target.spec.Input.Validate(args, nil)) == 0
}

// maskedAnswers are the answers without secrets, and how an example writes them.
func maskedAnswers(mask *rehearse.Mask, heard []rehearse.Answer) (answers []rehearse.Answer, written []any, ok bool) {
	for i := range heard {
		answer := rehearse.Answer{Status: heard[i].Status, Header: make(map[string]string)}
		headers := make(map[string]any)
		for name, value := range heard[i].Header {
			answer.Header[name] = mask.Text(value)
			headers[name] = answer.Header[name]
		}
		entry := rehearse.Object{{Key: "status", Value: answer.Status}}
		if len(headers) > 0 {
			entry = append(entry, rehearse.Entry{Key: "headers", Value: headers})
		}
		body := heard[i].Body
		value, err := strictjson.Decode(body, 0)
		switch {
		case len(body) == 0:
		case err == nil && answersJSON(heard[i].Header["Content-Type"]):
			masked := mask.Value(value)
			answer.Body = rehearse.Encode(masked)
			entry = append(entry, rehearse.Entry{Key: "json", Value: masked})
		case err == nil:
			answer.Body = rehearse.Encode(mask.Value(value))
			entry = append(entry, rehearse.Entry{Key: "text", Value: string(answer.Body)})
		case utf8.Valid(body) && !bytes.ContainsRune(body, 0):
			text := mask.Text(string(body))
			answer.Body = []byte(text)
			entry = append(entry, rehearse.Entry{Key: "text", Value: text})
		default: // what can't be read can't be looked through
			return nil, nil, false
		}
		answers = append(answers, answer)
		written = append(written, entry)
	}
	return answers, written, len(answers) > 0
}

// answersJSON reports whether a body of the media type is taken for JSON.
func answersJSON(mediaType string) bool {
	return mediaType == "" || strings.Contains(mediaType, "json")
}

// expectationOf is what an example expects: what came of it. Fine is false if
// nothing came that can be relied on.
func expectationOf(result *mcp.Result, err error) (expect rehearse.Object, fine bool) {
	if err != nil {
		failure := failureOf(err)
		return rehearse.Object{{Key: "error", Value: failure.Message}}, failure.Kind == plugins.KindStatus && failure.Message != ""
	}
	defer result.Free()
	text := answerText(result)
	switch {
	case result.Pending != nil:
		return nil, false
	case result.IsError:
		return rehearse.Object{{Key: "error", Value: text}}, text != ""
	case result.Structured != nil:
		value, err := strictjson.Decode(result.Structured, 0)
		return rehearse.Object{{Key: "structured", Value: value}}, err == nil
	case text != "" && len(text) <= maxQuoted:
		return rehearse.Object{{Key: "text", Value: text}}, true
	}
	return nil, true
}

// requestOf is what an example expects of the request; nil if that is nothing
// that can be told without a secret.
func requestOf(mask *rehearse.Mask, request *plugins.Outline) rehearse.Object {
	if request == nil {
		return nil
	}
	address, err := url.Parse(request.URL)
	if err != nil {
		return nil
	}
	object := rehearse.Object{{Key: "method", Value: request.Method}}
	if path := address.EscapedPath(); mask.Text(path) == path {
		object = append(object, rehearse.Entry{Key: "path", Value: path})
	}
	return object
}

// rankOf says how good an example is: those of success are better.
func rankOf(answers []rehearse.Answer) int {
	if answers[len(answers)-1].Fine() {
		return 2
	}
	return 1
}

// minClaim is the length from which on a claim is looked for in what is
// recorded, in bytes: a shorter one is too common a word.
const minClaim = 5

// claimsOf are the texts that a caller's credential tells of it. What names the
// issuer, the audience and what the caller may do tells nothing of whom it is.
func claimsOf(p *plugins.Principal) []string {
	var all []string
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case string:
			if len(v) >= minClaim {
				all = append(all, v)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for name, member := range v {
				switch name {
				case "iss", "aud", "scope", "scp", "typ", "azp", "client_id", "roles", "groups", "permissions":
				default:
					walk(member)
				}
			}
		}
	}
	walk(p.Subject)
	walk(p.Claims)
	return all
}

// secretArguments are the texts in arguments whose names tell of a secret: a
// service may answer with them.
func secretArguments(args map[string]any) []string {
	var all []string
	var walk func(value any, secret bool)
	walk = func(value any, secret bool) {
		switch v := value.(type) {
		case string:
			if secret && len(v) >= minClaim {
				all = append(all, v)
			}
		case []any:
			for _, item := range v {
				walk(item, secret)
			}
		case map[string]any:
			for name, member := range v {
				walk(member, secret || rehearse.SecretName(name))
			}
		}
	}
	walk(args, false)
	return all
}

// secretsOf are the values of all secrets of a manifest, and the credentials in
// its URLs.
func secretsOf(m *config.Manifest) []string {
	w := secretWalk{seen: make(map[uintptr]bool)}
	w.value(reflect.ValueOf(m), 0)
	return w.found
}

type secretWalk struct {
	found []string
	seen  map[uintptr]bool
}

// maxSecretDepth bounds how deep settings are looked through.
const maxSecretDepth = 40

func (w *secretWalk) value(v reflect.Value, depth int) {
	if !v.IsValid() || depth > maxSecretDepth {
		return
	}
	if v.CanInterface() {
		if secret, ok := v.Interface().(interface{ Reveal() string }); ok && v.Kind() != reflect.Pointer {
			if text := secret.Reveal(); text != "" {
				w.found = append(w.found, text)
			}
			return
		}
	}
	w.below(v, depth)
}

// below goes into a value that is no secret itself.
func (w *secretWalk) below(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Kind() == reflect.Pointer && w.known(v.Pointer()) {
			return
		}
		w.value(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				w.value(v.Field(i), depth+1)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			w.value(v.Index(i), depth+1)
		}
	case reflect.Map:
		for each := v.MapRange(); each.Next(); {
			w.value(each.Value(), depth+1)
		}
	case reflect.String:
		w.address(v.String())
	}
}

// known reports whether a pointer was followed before.
func (w *secretWalk) known(at uintptr) bool {
	was := w.seen[at]
	w.seen[at] = true
	return was
}

// address takes the password out of a URL.
func (w *secretWalk) address(text string) {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return
	}
	if u, err := url.Parse(text); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && password != "" {
			w.found = append(w.found, password)
		}
	}
}
