package asteriskstate

import (
	"context"
	"sync"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// told judges a text, and again from the saved report.
func told(t testing.TB, text string) checks.Result {
	t.Helper()
	return run(t, &checks.Env{Files: []checks.File{pbxtest.Text("paste.txt", text)}})
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
	return pbxtest.Judged(t, Check(), env, book())
}

func ids(r checks.Result) string { return pbxtest.Short(r) }

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
