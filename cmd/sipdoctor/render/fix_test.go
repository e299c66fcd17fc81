package render

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func TestALineThatNobodyVerifiedSaysSo(t *testing.T) {
	console := fixes.Fix{
		Title: "Disable SIP inspection", Where: "router", Platform: "cisco-asa", Form: fixes.FormConsole,
		Commands: []string{"no inspect sip", "clear conn port 5060"}, UnverifiedLines: []string{"clear conn port 5060"},
	}
	menu := fixes.Fix{
		Title: "Turn off the SIP ALG", Where: "router", Platform: "tp-link", Form: fixes.FormMenu,
		Commands: []string{"Archer: ALG off", "Deco app: SIP ALG off"}, Undo: []string{"Tick it again"}, Verify: []string{"The page says off"},
		UnverifiedLines: []string{"Deco app: SIP ALG off", "Tick it again", "The page says off"},
	}
	text := TextOptions{}
	tests := []struct {
		name   string
		fix    fixes.Fix
		render func(*bytes.Buffer, *checks.Report) error
		want   []string // lines
		absent string
	}{
		{"a command stays whole, the note names it", console, func(b *bytes.Buffer, r *checks.Report) error { return Text(b, r, text) },
			[]string{"     clear conn port 5060", "   note      Not verified: clear conn port 5060"}, "inspect sip (not"},
		{"a menu path is marked where it stands", menu, func(b *bytes.Buffer, r *checks.Report) error { return Text(b, r, text) },
			[]string{"     Archer: ALG off", "     Deco app: SIP ALG off (not verified)", "   undo      Tick it again (not verified)", "   check     The page says off (not verified)"}, "Not verified: "},
		{"a ticket in Markdown", console, func(b *bytes.Buffer, r *checks.Report) error { return Markdown(b, r, words.English) },
			[]string{"clear conn port 5060", "Not verified: `clear conn port 5060`"}, "Not verified: `no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &checks.Report{Results: []checks.Result{{Check: "sip-alg", Status: checks.Fail, Findings: []checks.Finding{
				{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "The router rewrites SIP", Fixes: []fixes.Fix{tt.fix}},
			}}}}
			var b bytes.Buffer
			if err := tt.render(&b, r); err != nil {
				t.Fatal(err)
			}
			for _, line := range tt.want {
				if !strings.Contains(b.String(), "\n"+line+"\n") {
					t.Errorf("no line %q in\n%s", line, b.String())
				}
			}
			if strings.Contains(b.String(), tt.absent) {
				t.Errorf("%q in\n%s", tt.absent, b.String())
			}
		})
	}
}

// The menus of a dozen makers are noise to somebody who does not know his router
// yet: one line says where they are.
func TestMenusOfManyMakersAreOneLine(t *testing.T) {
	made := fixes.ByID("generic", "find-the-switch", nil)[0]
	for _, c := range []struct {
		name       string
		makers     []string
		verbose    bool
		want, hide string
	}{
		{"folded", made.Makers, false, "Where to find it in the menus of", made.Commands[2]},
		{"with --verbose", made.Makers, true, made.Commands[2], "Where to find it in the menus of"},
		{"a report that does not say which lines they are", nil, false, made.Commands[2], "Where to find it in the menus of"},
		{"a report that names more makers than lines", slices.Repeat(made.Makers, 2), false, made.Commands[2], "Where to find it in the menus of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made
			f.Makers = c.makers
			r := &checks.Report{Results: []checks.Result{{Check: "sip-alg", Status: checks.Fail, Findings: []checks.Finding{
				{ID: "sip-alg.rewriting", Severity: checks.Critical, Title: "The router rewrites SIP", Fixes: []fixes.Fix{f}},
			}}}}
			var b bytes.Buffer
			if err := Text(&b, r, TextOptions{Verbose: c.verbose, Width: 160}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), c.want) || strings.Contains(b.String(), c.hide) {
				t.Errorf("want %q, not %q, in\n%s", c.want, c.hide, b.String())
			}
		})
	}
}
