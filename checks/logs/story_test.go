package logs

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A story is a log that a test writes, line by line.
type story struct {
	strings.Builder
	now time.Time
}

func tell() *story {
	return &story{now: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)}
}

func (s *story) wait(d time.Duration) *story {
	s.now = s.now.Add(d)
	return s
}

// say writes lines of the level and source that they begin with.
func (s *story) say(lines ...string) *story {
	for _, l := range lines {
		fmt.Fprintf(s, "[%s] %s\n", s.now.Format("2006-01-02T15:04:05-0700"), l)
	}
	return s
}

func (s *story) times(n int, every time.Duration, line string) *story {
	for range n {
		s.say(line).wait(every)
	}
	return s
}

func lost(peers ...string) (out []string) {
	for _, p := range peers {
		out = append(out, "NOTICE[16674] chan_sip.c: Peer '"+p+"' is now UNREACHABLE!  Last qualify: 41")
	}
	return out
}

func back(peers ...string) (out []string) {
	for _, p := range peers {
		out = append(out, "NOTICE[16674] chan_sip.c: Peer '"+p+"' is now Reachable. (70ms / 2000ms)")
	}
	return out
}

// at says where phones are.
func at(addr string, peers ...string) (out []string) {
	for _, p := range peers {
		out = append(out, "VERBOSE[16674] chan_sip.c:     -- Registered SIP '"+p+"' at "+addr+":5060")
	}
	return out
}

func refusal(account, addr, why string) string {
	return fmt.Sprintf("NOTICE[3120] chan_sip.c: Registration from '\"%[1]s\" <sip:%[1]s@pbx.example.net>' failed for '%s:5060' - %s", account, addr, why)
}

func file(name, text string) checks.File {
	return checks.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// read runs the check on logs.
func read(t *testing.T, in checks.Inputs, files ...checks.File) checks.Result {
	t.Helper()
	r := checks.Run(context.Background(), []*checks.Check{Check()}, &checks.Env{Files: files, Inputs: in}, checks.Meta{Command: "logs"})
	for _, f := range r.Results[0].Findings {
		if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 || strings.Contains(f.Title+f.Explanation+strings.Join(f.Advice, ""), "%!") {
			t.Errorf("%s %s has no words or no evidence: %+v", f.ID, f.Variant, f)
		}
	}
	return r.Results[0]
}

func (s *story) read(t *testing.T) checks.Result {
	t.Helper()
	return read(t, checks.Inputs{}, file("messages", s.String()))
}

// found are the findings, worst first, as "id.variant severity subject".
func found(r checks.Result) string {
	var out []string
	for _, f := range r.Findings {
		id := strings.TrimPrefix(f.ID, "logs.")
		if f.Variant != "" {
			id += "." + f.Variant
		}
		out = append(out, strings.TrimSpace(id+" "+string(f.Severity)+" "+f.Subject))
	}
	return strings.Join(out, "; ")
}
