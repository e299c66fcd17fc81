package mcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server has a tool that echoes what it was asked, and one that works until it is
// stopped.
func server(stopped chan<- string) *Server {
	return &Server{
		Name: "doctor", Version: "1.2.3", Instructions: "Ask.",
		Tools: []Tool{
			{Name: "echo", Description: "says it again", Params: []Param{
				{Name: "text", Type: "string", Description: "what to say", Required: true},
				{Name: "times", Type: "integer"},
				{Name: "loud", Type: "boolean"},
				{Name: "tags", Type: "string", List: true, Choices: []string{"a", "b"}},
				{Name: "long", Type: "string", Max: 1 << 20},
			}, Call: func(_ context.Context, args Args, told func(string)) Result {
				told("one")
				told("two")
				b, _ := json.Marshal(args)
				return Result{Text: fmt.Sprint(args["text"]), Structured: b, Failed: args["text"][0] == "fail"}
			}},
			{Name: "work", Sends: true, Call: func(ctx context.Context, _ Args, told func(string)) Result {
				<-ctx.Done()
				told("too late")
				stopped <- "stopped"
				return Result{Text: "too late"}
			}},
		},
		Resources: []Resource{{URI: "x://schema", Name: "schema", Type: "application/json", Text: "{}"}},
	}
}

// ask sends lines and returns the answers.
func ask(t *testing.T, lines ...string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := server(nil).Serve(t.Context(), strings.NewReader(strings.Join(lines, "\n")), &out); err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for l := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil || m["jsonrpc"] != "2.0" || strings.Count(l, "\n") != 1 {
			t.Fatalf("%q: %v", l, err)
		}
		all = append(all, m)
	}
	return all
}

func request(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
}

func text(v any) string { b, _ := json.Marshal(v); return string(b) }

// The client's revision is taken where it is known, else ours is offered.
func TestRevisionsOfTheProtocol(t *testing.T) {
	for asked, want := range map[string]string{"2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25", "2024-11-05": "2025-11-25", "2099-01-01": "2025-11-25", "": "2025-11-25"} {
		got := ask(t, request(1, "initialize", fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"x","version":"1"}}`, asked)),
			`{"jsonrpc":"2.0","method":"notifications/initialized"}`, request(2, "ping", "{}"))
		if len(got) != 2 || !strings.Contains(text(got[0]), `"protocolVersion":"`+want+`"`) || text(got[1]["result"]) != "{}" {
			t.Errorf("%q: %s", asked, text(got))
		}
	}
}

// Since 2026-07-28 there is no handshake: each request says which revision it speaks, and
// each result what it is.
func TestRequestsWithoutAHandshake(t *testing.T) {
	with := func(id int, method, params, version string) string {
		return request(id, method, `{`+params+`"_meta":{"io.modelcontextprotocol/protocolVersion":`+version+`,"io.modelcontextprotocol/clientCapabilities":{}}}`)
	}
	const now = `"2026-07-28"`
	for line, want := range map[string]string{
		with(1, "server/discover", "", now):                                                            `"supportedVersions":["2026-07-28","2025-11-25","2025-06-18"],"ttlMs":3600000`,
		with(1, "tools/list", "", now):                                                                 `"resultType":"complete","tools":[`,
		with(1, "resources/list", "", now):                                                             `"cacheScope":"private"`,
		with(1, "resources/read", `"uri":"x://schema",`, now):                                          `"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"doctor","version":"1.2.3"}}`,
		with(1, "resources/read", `"uri":"x://no",`, now):                                              `"code":-32602`,
		with(1, "tools/call", `"name":"echo","arguments":{"text":"x"},`, now):                          `"isError":false,"resultType":"complete"`,
		with(1, "tools/call", `"name":"echo","arguments":{"text":5},`, now):                            `"isError":true,"resultType":"complete"`,
		with(1, "tools/list", "", `"2025-11-25"`):                                                      `"result":{"tools":[`,
		with(1, "tools/list", "", `"1900-01-01"`):                                                      `"error":{"code":-32022,"data":{"requested":"1900-01-01","supported":["2026-07-28","2025-11-25","2025-06-18"]}`,
		with(1, "tools/call", `"name":"echo","arguments":{"text":"x"},`, `"1900-01-01"`):               `"code":-32022`,
		with(1, "tools/list", "", `7`):                                                                 `"code":-32602`,
		request(1, "server/discover", "{}"):                                                            `"code":-32602`,
		request(1, "tools/list", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}`): `clientCapabilities`,
		request(1, "tools/list", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":5}}`): `"code":-32602`,
	} {
		got := ask(t, line)
		if len(got) != 1 || !strings.Contains(text(got[0]), want) {
			t.Errorf("%s: %.400s, want %s", line, text(got), want)
		}
		if call := strings.Contains(line, "tools/call"); len(got) == 1 && call && strings.Contains(text(got[0]), "ttlMs") {
			t.Errorf("what a tool said is to be kept: %s", text(got[0]))
		}
	}
}

// The lists say what there is: closed schemas, nothing that changes a machine.
func TestListsOfToolsAndResources(t *testing.T) {
	got := text(ask(t, request(1, "tools/list", "{}"), `{"jsonrpc":"2.0","id":"a","method":"resources/list"}`,
		request(3, "resources/read", `{"uri":"x://schema"}`), request(4, "resources/templates/list", "{}")))
	for _, want := range []string{
		`"additionalProperties":false`, `"required":["text"]`, `"items":{"enum":["a","b"],"type":"string"}`, `"readOnlyHint":true`,
		`"openWorldHint":true`, `"openWorldHint":false`, `"destructiveHint":false`, `"uri":"x://schema"`, `"id":"a"`, `"text":"{}"`, `"resourceTemplates":[]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// A call is answered in text and as an object; progress comes before, to whoever asked
// for it.
func TestCalls(t *testing.T) {
	got := ask(t, request(1, "tools/call", `{"name":"echo","arguments":{"text":"--hello","times":3,"loud":true,"tags":["b"]},"_meta":{"progressToken":"p"}}`))
	if len(got) != 3 || text(got[0]["params"]) != `{"message":"one","progress":1,"progressToken":"p"}` || !strings.Contains(text(got[1]), `"progress":2`) {
		t.Fatal(text(got))
	}
	want := `{"content":[{"text":"[--hello]","type":"text"}],"isError":false,"structuredContent":{"loud":["true"],"tags":["b"],"text":["--hello"],"times":["3"]}}`
	if r := text(got[2]["result"]); r != want {
		t.Errorf("%s, want %s", r, want)
	}
	got = ask(t, request(1, "tools/call", `{"name":"echo","arguments":{"text":"fail"}}`))
	if len(got) != 1 || !strings.Contains(text(got), `"isError":true`) {
		t.Error(text(got))
	}
}

// What cannot be meant is an error of JSON-RPC that says what it is about, and the next
// request is answered.
func TestWhatIsRefused(t *testing.T) {
	call := func(arguments string) string {
		return request(7, "tools/call", `{"name":"echo","arguments":`+arguments+`}`)
	}
	for line, want := range map[string]string{
		"{":     `-32700`,
		"hello": `-32700`,
		"[]":    `-32600`,
		"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}": `in UTF-8`,
		`"x"`:                                         `-32600`,
		`{"id":1,"method":"ping"}`:                    `-32600`,
		`{"jsonrpc":"2.0","id":1}`:                    `-32600`,
		`{"jsonrpc":"2.0","id":1,"method":5}`:         `-32600`,
		`{"jsonrpc":"2.0","id":null,"method":"ping"}`: `-32600`,
		`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`:  `-32600`,
		`{"jsonrpc":"2.0","id":{},"method":"ping"}`:   `-32600`,
		`{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 300) + `","method":"ping"}`: `-32600`,
		request(7, "tools/burn", "{}"):                                              `-32601`,
		request(7, "ping", "[]"):                                                    `-32602`,
		request(7, "initialize", `{"protocolVersion":7}`):                           `-32602`,
		request(7, "resources/read", `{"uri":"file:///etc/passwd"}`):                `-32002`,
		`{"jsonrpc":"2.0","id":7,"method":"tools/call"}`:                            `-32602`,
		request(7, "tools/call", `{"name":"apply"}`):                                `there is no tool \"apply\"`,
		request(7, "tools/call", `{"name":"work","_meta":{"progressToken":{}}}`):    `progressToken`,
		call(`[]`):                     `arguments be an object`,
		strings.Repeat(" ", MaxLine+1): `longer than 8 MiB`,
	} {
		got := ask(t, line, request(8, "ping", "{}"))
		if len(got) != 2 || !strings.Contains(text(got[0]["error"]), strings.ReplaceAll(want, `\"`, `\\\"`)) && !strings.Contains(text(got[0]["error"]), want) || text(got[1]["id"]) != "8" {
			t.Errorf("%.80s: %.300s, want %s", line, text(got), want)
		}
	}
}

// Arguments that are wrong are told to whoever called the tool, to call it again: an
// assistant is not shown an error of the protocol.
func TestArgumentsThatAreWrong(t *testing.T) {
	call := func(arguments string) string {
		return request(7, "tools/call", `{"name":"echo","arguments":`+arguments+`}`)
	}
	many := "[" + strings.Repeat(`"a",`, maxList) + `"a"]`
	for line, want := range map[string]string{
		call(`{}`):                                                  `needs the argument text`,
		call(`null`):                                                `needs the argument text`,
		call(`{"text":"x","apply":true}`):                           `has no argument \"apply\"; there are text, times`,
		call(`{"text":"x","Times":1}`):                              `has no argument \"Times\"`,
		call(`{"text":5}`):                                          `text must be of the type string`,
		call(`{"text":null}`):                                       `text must be of the type string`,
		call(`{"text":["x"]}`):                                      `text must be of the type string`,
		call(`{"text":"x","times":"3"}`):                            `times must be of the type integer`,
		call(`{"text":"x","times":1.5}`):                            `times must be of the type integer`,
		call(`{"text":"x","times":1e99}`):                           `times must be of the type integer`,
		call(`{"text":"x","loud":"true"}`):                          `loud must be of the type boolean`,
		call(`{"text":"x","tags":"a"}`):                             `tags must be a list`,
		call(`{"text":"x","tags":[1]}`):                             `tags must be of the type string`,
		call(`{"text":"x","tags":["c"]}`):                           `tags cannot be \"c\"; there are a, b`,
		call(`{"text":"x","tags":` + many + `}`):                    `201 values; 200 are the most`,
		call(`{"text":"a\u0000b"}`):                                 `zero byte`,
		call(`{"text":"` + strings.Repeat("x", maxString+1) + `"}`): `4097 bytes; 4096 are the most`,
	} {
		got := ask(t, line, request(8, "ping", "{}"))
		result, _ := got[0]["result"].(map[string]any)
		if len(got) != 2 || result["isError"] != true || !strings.Contains(text(result["content"]), want) || text(got[1]["id"]) != "8" {
			t.Errorf("%.80s: %.300s, want %s", line, text(got), want)
		}
	}
	// The longest that is taken.
	if got := ask(t, call(`{"text":"`+strings.Repeat("x", maxString)+`"}`)); !strings.Contains(text(got), `"isError":false`) {
		t.Errorf("%.100s", text(got))
	}
}

// News and answers are for nobody here.
func TestWhatIsNotAnswered(t *testing.T) {
	if got := ask(t, "", "  ", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}`,
		`{"jsonrpc":"2.0","id":4,"result":{}}`, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}`); len(got) != 0 {
		t.Error(text(got))
	}
}

// dialog is a session in which the client waits for answers.
func dialog(t *testing.T, s *Server) (say func(string), hear func() string, end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, inR, outW); outW.Close() }()
	r := bufio.NewReader(outR)
	return func(l string) { _, _ = io.WriteString(inW, l+"\n") },
		func() string { l, _ := r.ReadString('\n'); return l },
		func() error { cancel(); err := <-ended; inR.Close(); inW.Close(); return err }
}

// A client that changes its mind gets no answer, and the work ends; so it does when the
// program is told to.
func TestCancelledCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan string, 20)
		say, hear, end := dialog(t, server(stopped))
		work := func(id int) string { return request(id, "tools/call", `{"name":"work","_meta":{"progressToken":1}}`) }
		say(work(1))
		say(work(1))
		if got := hear(); !strings.Contains(got, "with this id is running") {
			t.Error(got)
		}
		say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		<-stopped
		synctest.Wait()
		for id := range maxCalls {
			say(work(10 + id))
		}
		say(work(99))
		if got := hear(); !strings.Contains(got, "-32000") {
			t.Errorf("one call too many: %s", got)
		}
		say(request(3, "ping", "{}")) // answered while others work
		if got := hear(); !strings.Contains(got, `"id":3`) {
			t.Error(got)
		}
		begin := time.Now()
		if err := end(); err != nil || len(stopped) != maxCalls || time.Since(begin) > time.Second {
			t.Errorf("at the end: %v, %d stopped", err, len(stopped))
		}
	})
}

type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("nobody listens") }

// A client that is gone ends the session, and what it asked for.
func TestAClientThatIsGone(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go io.WriteString(w, request(1, "tools/call", `{"name":"work"}`)+"\n"+request(2, "ping", "{}")+"\n")
	stopped := make(chan string, 1)
	if err := server(stopped).Serve(t.Context(), r, deaf{}); err == nil || len(stopped) != 1 {
		t.Errorf("%v, %d", err, len(stopped))
	}
}

// Whatever comes in, what goes out is the protocol, and no more than one answer a line.
func FuzzServe(f *testing.F) {
	f.Add([]byte(request(1, "tools/call", `{"name":"echo","arguments":{"text":"x"}}`)))
	f.Add([]byte(request(1, "initialize", `{}`) + "\n[]\n{\n" + request(2, "tools/list", "null")))
	f.Add([]byte(`{"jsonrpc":"2.0","id":"\u2028","method":"ping"}`))
	f.Add([]byte(request(1, "server/discover", `{"_meta":{"progressToken":"\xff","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`)))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		s := server(nil)
		s.Tools = s.Tools[:1]
		if err := s.Serve(t.Context(), bytes.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		n := 0
		for l := range bytes.Lines(out.Bytes()) {
			var m struct {
				Version string          `json:"jsonrpc"`
				ID      json.RawMessage `json:"id"`
			}
			if json.Unmarshal(l, &m) != nil || m.Version != "2.0" || !utf8.Valid(l) {
				t.Fatalf("%q", l)
			}
			if len(m.ID) > 0 {
				n++
			}
		}
		if n > bytes.Count(in, []byte("\n"))+1 {
			t.Fatalf("%d answers", n)
		}
	})
}
