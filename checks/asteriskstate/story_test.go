package asteriskstate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// told judges a text, and again from the saved report.
func told(t testing.TB, text string) checks.Result {
	t.Helper()
	f := checks.File{Name: "paste.txt", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	return run(t, &checks.Env{Files: []checks.File{f}})
}

// server judges a recorded machine.
func server(t testing.TB, dir string) checks.Result {
	t.Helper()
	sys, err := platform.OpenBundle("../../netinfo/asterisk/testdata/" + dir)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, &checks.Env{System: sys, Host: func(context.Context) (*netinfo.Host, error) {
		return &netinfo.Host{OS: "linux", Root: true, Hostname: "pbx"}, nil
	}})
}

// book is read once: it is large.
var book = sync.OnceValue(func() *words.Book { return checks.BookOf([]*checks.Check{Check()}) })

func run(t testing.TB, env *checks.Env) checks.Result {
	t.Helper()
	list := []*checks.Check{Check()}
	r := checks.Run(context.Background(), list, env, checks.Meta{Command: "pbx"})
	again, err := checks.Rejudge(r, list)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r.Results[0])
	b, _ := json.Marshal(again.Results[0])
	if !bytes.Equal(a, b) {
		t.Errorf("judged again it says\n%s\ninstead of\n%s", b, a)
	}
	for _, l := range []words.Lang{words.English, words.Russian} {
		checks.Fill(r, book(), l)
		for _, f := range r.Results[0].Findings {
			if f.Title == "" || f.Explanation == "" || strings.Contains(f.Title+f.Explanation, "{") {
				t.Errorf("%s in %s says %q, %q", f.Words(), l, f.Title, f.Explanation)
			}
			if len(f.Evidence) == 0 {
				t.Errorf("%s has no evidence", f.Words())
			}
		}
	}
	checks.Fill(r, book(), words.English)
	return r.Results[0]
}

// ids are the findings with their severities, as a short text.
func ids(r checks.Result) string {
	var list []string
	for _, f := range r.Findings {
		list = append(list, string(f.Severity)[:1]+" "+strings.TrimPrefix(f.Words(), "asterisk-state."))
	}
	return strings.Join(list, "; ")
}

func show(t *testing.T, r checks.Result) {
	t.Helper()
	t.Logf("%s: %s | %s | %v", r.Status, r.Summary, r.Reason, r.Notes)
	for _, f := range r.Findings {
		t.Logf("%s %s %s\n   %s\n   %s\n   %q", f.Severity, f.Confidence, f.Words(), f.Title, f.Explanation, f.Advice)
		for _, e := range f.Evidence {
			t.Logf("      %s | %s | %s", e.Name, e.Want, e.Got)
		}
		for _, x := range f.Fixes {
			t.Logf("      fix %s: %q undo %q", x.Title, x.Commands, x.Undo)
		}
	}
}
