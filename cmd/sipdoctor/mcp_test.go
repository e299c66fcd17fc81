package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/mcp"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// client is an assistant's side of a session with the program.
type client struct {
	t   *testing.T
	in  *io.PipeWriter
	out *bufio.Reader
	id  int
}

func newClient(t *testing.T, s streams) *client {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s.In, s.Out, s.Err = inR, outW, t.Output()
	ended := make(chan int, 1)
	go func() { ended <- s.run(t.Context(), []string{"mcp"}); outW.Close() }()
	t.Cleanup(func() {
		inW.Close()
		if status := <-ended; status != statusOK {
			t.Errorf("status %d at the end of the input", status)
		}
	})
	return &client{t: t, in: inW, out: bufio.NewReader(outR)}
}

// ask sends a request and returns the answer.
func (c *client) ask(method string, params any) (result map[string]any, refused string) {
	c.t.Helper()
	c.id++
	b, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": params})
	if _, err := c.in.Write(append(b, '\n')); err != nil {
		c.t.Fatal(err)
	}
	l, err := c.out.ReadBytes('\n')
	var m struct {
		ID     int
		Result map[string]any
		Error  struct{ Message string }
	}
	if err != nil || json.Unmarshal(l, &m) != nil || m.ID != c.id {
		c.t.Fatalf("%s: %v", l, err)
	}
	return m.Result, m.Error.Message
}

// call returns what a tool answers: its text, its object as JSON, and whether it failed.
func (c *client) call(tool string, args map[string]any) (text, object string, failed bool) {
	c.t.Helper()
	r, refused := c.ask("tools/call", map[string]any{"name": tool, "arguments": args})
	if refused != "" {
		return refused, "", true
	}
	text = r["content"].([]any)[0].(map[string]any)["text"].(string)
	if o := r["structuredContent"]; o != nil {
		if _, ok := o.(map[string]any); !ok {
			c.t.Errorf("%s answers with no object: %v", tool, o)
		}
		b, _ := json.Marshal(o)
		object = string(b)
	}
	return text, object, r["isError"].(bool)
}

// An assistant is offered what reads, and is told who hears of it.
func TestWhatAnAssistantIsOffered(t *testing.T) {
	for _, l := range words.Languages() {
		c := newClient(t, streams{Lang: l})
		r, _ := c.ask("tools/list", nil)
		var names []string
		for _, x := range r["tools"].([]any) {
			tool := x.(map[string]any)
			names = append(names, tool["name"].(string))
			schema := tool["inputSchema"].(map[string]any)
			hints := tool["annotations"].(map[string]any)
			if hints["readOnlyHint"] != true || schema["additionalProperties"] != false {
				t.Errorf("%v", tool)
			}
			if sends := hints["openWorldHint"].(bool); sends != slices.Contains([]string{"check", "symptom"}, tool["name"].(string)) {
				t.Errorf("%s: it talks to others: %v", tool["name"], sends)
			}
			said := tool["description"].(string)
			for name, p := range schema["properties"].(map[string]any) {
				if slices.Contains([]string{"output", "account", "password-file", "on", "identity", "again", "watch", "format", "write", "apply"}, name) {
					t.Errorf("%s takes %s", tool["name"], name)
				}
				said += " " + p.(map[string]any)["description"].(string)
			}
			if cyrillic.MatchString(said) != (l == words.Russian) || strings.Contains(said, "say.") {
				t.Errorf("%s: %s", l, said)
			}
		}
		if got := strings.Join(names, " "); got != "check symptom why diagnose explain profiles fixes" {
			t.Error(got)
		}
		if check := fmt.Sprint(r["tools"].([]any)[0]); l == words.English && !strings.Contains(check, "It sends probes from this machine to") {
			t.Error(check)
		}
		schema, _ := c.ask("resources/read", map[string]any{"uri": "https://github.com/sipdoctor/sipdoctor/docs/report.schema.json"})
		if !strings.Contains(fmt.Sprint(schema), "sipdoctor report") {
			t.Error(schema)
		}
	}
}

// An assistant reads what the command says, and the same as an object.
func TestWhatAnAssistantIsAnswered(t *testing.T) {
	dir := t.TempDir()
	answer := filepath.Join(dir, "answer.txt")
	if err := os.WriteFile(answer, []byte("SIP/2.0 403 Wrong Guess\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile("../../testdata/reports/alg-mikrotik.json")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, streams{})
	for _, x := range []struct {
		tool         string
		args         map[string]any
		text, object string
	}{
		{"explain", map[string]any{"text": "403"}, "SIP 403: Forbidden", `"items":[{`},
		{"profiles", nil, "megafon-vats", `"items":[{`},
		{"profiles", map[string]any{"name": "megafon-vats"}, "megafon-vats", `"name":"megafon-vats"`},
		{"fixes", map[string]any{"platform": "mikrotik", "problem": "sip-alg.rewriting"}, "/ip firewall service-port set sip disabled=yes", `"fixes":[{`},
		{"symptom", nil, "one-way-audio", ""},
		{"diagnose", map[string]any{"files": []string{answer}}, "wrong password", `"items":[{`},
		{"diagnose", map[string]any{"content": "SIP/2.0 403 Wrong Guess"}, "wrong password", `"items":[{`},
		{"diagnose", map[string]any{"content": string(saved)}, "", `"slim":true`},
		{"check", map[string]any{"checks": []string{"dns"}, "no-public": true, "bind": "127.0.0.1", "timeout": "2s"}, "dns", `"schema":"sipdoctor.report/1"`},
	} {
		text, object, failed := c.call(x.tool, x.args)
		if failed || !strings.Contains(text, x.text) || !strings.Contains(object, x.object) || strings.Contains(object, `"observed":{`) || strings.HasPrefix(text, "{") {
			t.Errorf("%s %v: failed %v\n%.300s\n%.300s", x.tool, x.args, failed, text, object)
		}
	}
}

// What whoever types it would be refused, an assistant is refused as well, in the same
// words. Values are values, whatever they look like.
func TestWhatAnAssistantIsRefused(t *testing.T) {
	c := newClient(t, streams{})
	for _, x := range []struct {
		tool, want string
		args       map[string]any
	}{
		{"check", `cannot be "sipalg"; there are `, map[string]any{"checks": []string{"sipalg"}}},
		{"check", "has no argument \"output\"", map[string]any{"output": "/tmp/x"}},
		{"check", "has no argument \"account\"", map[string]any{"account": "a@b"}},
		{"check", "fast must be of the type boolean", map[string]any{"fast": "yes"}},
		{"check", "--router-entries", map[string]any{"fast": true, "router-entries": 5}},
		{"check", "no such file", map[string]any{"profile": "--output=/tmp/x"}},
		{"why", "needs the argument addresses", nil},
		{"why", "is neither an address", map[string]any{"addresses": []string{"--on=root@pbx.example.net"}}},
		{"diagnose", "takes a FILE", nil},
		{"diagnose", "no regular file", map[string]any{"files": []string{"-"}}},
		{"diagnose", "no regular file", map[string]any{"files": []string{"/dev/stdin"}}},
		{"diagnose", "no regular file", map[string]any{"files": []string{"/dev/zero"}}},
		{"why", "no regular file", map[string]any{"addresses": []string{"192.0.2.1"}, "root": "/dev/zero"}},
		{"profiles", "no regular file", map[string]any{"name": "/dev/zero"}},
		{"profiles", "no profile is called", map[string]any{"name": "lint"}},
		{"explain", "is not a SIP code", map[string]any{"text": "qqqqqq"}},
		{"fix", "there is no tool", nil},
	} {
		text, object, failed := c.call(x.tool, x.args)
		if !failed || object != "" || !strings.Contains(text, x.want) {
			t.Errorf("%s %v: failed %v, %.300s, want %s", x.tool, x.args, failed, text, x.want)
		}
	}
}

// The configuration file serves what an assistant asks as well, without what is not
// offered: no login elsewhere, no file written.
func TestAnAssistantAndTheConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sipdoctor.yaml")
	if err := os.WriteFile(file, []byte("lang: ru\noutput: "+filepath.Join(dir, "out")+"\nwatch: 5s\nlabel: [site=office-12]\nno-public: true\nbind: 127.0.0.1\nformat: nagios\nreport: {quiet: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, streams{Config: file})
	text, object, failed := c.call("check", map[string]any{"checks": []string{"dns"}, "timeout": "2s"})
	if failed || !strings.Contains(object, `"site":"office-12"`) || !strings.Contains(object, `"no_public":true`) || !cyrillic.MatchString(text) || strings.Count(text, "\n") < 3 {
		t.Errorf("%v %s\n%s", failed, text, object)
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a file was written")
	}
	if text, _, failed := c.call("explain", map[string]any{"text": "403"}); failed || !strings.Contains(text, "SIP 403") {
		t.Error(text)
	}
}

// What a program listens to is told each step of a run, and nothing is painted.
func TestProgressForAnAssistant(t *testing.T) {
	var b bytes.Buffer
	var told []string
	s := streams{Err: &b, Told: func(line string) { told = append(told, line) }}
	p := newProgress(s, false, "say.progress-checking")
	p.take(checks.Event{Text: words.Say("capture.progress", words.Args{"n": 7})})
	p.end()
	if len(told) != 1 || told[0] == "" || b.Len() > 0 || render.Quote(told[0]) != told[0] {
		t.Errorf("%q, painted %q", told, b.String())
	}
}

// Two runs that send would disturb each other: the second waits, and gives up when
// nobody wants it any more. What only reads does not wait.
func TestOneRunOfAnAssistantSendsAtATime(t *testing.T) {
	a := &assistant{streams: streams{config: &settings{}}, sending: make(chan struct{}, 1)}
	a.sending <- struct{}{}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range offers() {
		r := a.call(gone, o, mcp.Args{"text": {"403"}, "checks": {"dns"}, "no-public": {"true"}, "bind": {"127.0.0.1"}}, func(string) {})
		if waits := r.Failed && r.Text == ""; waits != o.sends || len(a.sending) != 1 {
			t.Errorf("%s waits: %v", o.command, waits)
		}
	}
}
