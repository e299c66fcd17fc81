package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

// callsReport lists n calls; the last belongs to the second of two faults, which is
// the worse one.
func callsReport(n int) *checks.Report {
	t := checks.Table{ID: "capture.calls", Title: "Calls", Columns: []checks.Column{
		{ID: "number", Title: "#", Right: true}, {ID: "from", Title: "from", Name: true}, {ID: "outcome", Title: "outcome"}, {ID: "length", Title: "length", Right: true, Label: true},
	}}
	for i := range n {
		t.Rows = append(t.Rows, checks.Row{Cells: []string{fmt.Sprint(i + 1), "12025550123", "answered", "0:42"}})
	}
	t.Rows[n-1].Finding, t.Rows[n-1].Cells[2], t.Rows[n-1].Cells[3] = 2, "no answer", "–"
	return &checks.Report{Verdict: checks.Fail, Headline: "h", Results: []checks.Result{{Check: "capture", Status: checks.Fail, Tables: []checks.Table{t}, Findings: []checks.Finding{
		{ID: "capture.a", Severity: checks.Warning, Title: "a"}, {ID: "capture.b", Severity: checks.Critical, Title: "b"},
	}}}}
}

// tableOf is what stands under the heading of the table.
func tableOf(t *testing.T, r *checks.Report, o TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, r, o); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(b.String(), "\nCalls\n")
	return table
}

func TestTablesFitThePage(t *testing.T) {
	want := "  #  from         outcome    length  fault\n  1  12025550123  answered     0:42\n  2  12025550123  no answer       –  1\n"
	if d := cmp.Diff(want, tableOf(t, callsReport(2), TextOptions{})); d != "" {
		t.Error(d)
	}
	want = "  1  12025550123  answered  length 0:42\n  2  12025550123  no answer  fault 1\n"
	if d := cmp.Diff(want, tableOf(t, callsReport(2), TextOptions{Width: 40})); d != "" {
		t.Error(d)
	}
	long := callsReport(2)
	long.Results[0].Tables[0].Rows[0].Cells[1] = strings.Repeat("x", 100)
	for _, width := range []int{40, 80, 160} {
		for _, line := range strings.Split(tableOf(t, long, TextOptions{Width: width}), "\n") {
			if cells(line) > width {
				t.Errorf("%d columns: %q", width, line)
			}
		}
	}
}

// Of many rows those with a fault are shown, and how many there are besides.
func TestLongTablesAreShortened(t *testing.T) {
	got := tableOf(t, callsReport(100), TextOptions{})
	if !strings.Contains(got, "\n  100  12025550123  no answer       –  1\n") || !strings.HasSuffix(got, "\n  and 80 more with --verbose\n") || strings.Count(got, "\n") != 22 {
		t.Error(got)
	}
	if got := tableOf(t, callsReport(100), TextOptions{Verbose: true}); strings.Count(got, "12025550123") != 100 {
		t.Error(got)
	}
}

// A cell cannot leave its row, in a terminal or in a ticket.
func TestHostileCells(t *testing.T) {
	r := callsReport(2)
	r.Results[0].Tables[0].Rows[0].Cells[1] = "a\n\x1b[31m|b"
	r.Results[0].Tables[0].Rows = append(r.Results[0].Tables[0].Rows, checks.Row{Cells: []string{"3"}, Finding: 99}, checks.Row{Cells: make([]string, 9), Finding: -1})
	if got := tableOf(t, r, TextOptions{}); !strings.Contains(got, `a\n\x1b[31m|b  answered`) {
		t.Error(got)
	}
	if got := shownAs(t, "markdown", r); !strings.Contains(got, `| 1 | a\\n\\x1b\[31m\|b | answered | 0:42 |`) {
		t.Error(got)
	}
}

// Readers of Markdown do not agree on whether a backslash before a backslash counts: a
// cell with a stranger's text goes on for both.
func TestACellOfATicketHasNoBarOfItsOwn(t *testing.T) {
	for _, s := range []string{"a|b", `a\|b`, `a\\|b`, `a\\\|b`, "|", `\|`, "`|`", `x\`, `<img src=x>\|<img src=x>`} {
		for _, cell := range []string{codeCell(s), escapeMarkdown(s)} {
			escaped := false // a backslash that is itself escaped escapes nothing
			for i, c := range cell {
				if c == '|' && (!escaped || cell[i-1] != '\\') {
					t.Errorf("%q ends its cell: %s", s, cell)
				}
				escaped = c == '\\' && !escaped
			}
		}
	}
}
