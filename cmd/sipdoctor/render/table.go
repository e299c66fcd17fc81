package render

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// fewRows of a table are shown without --verbose: a screen, with the findings.
	fewRows = 20
	// leastName is how much of a name stays where a page is narrow: a telephone
	// number.
	leastName = 11
	gap       = "  "
)

// tables writes what there is to look at beside the faults.
func (p *page) tables(r *checks.Report, o TextOptions) {
	numbers := faultNumbers(r)
	for i, res := range r.Results {
		for _, t := range res.Tables {
			table := p.tableCells(t, numbers[i])
			p.end()
			p.prose(bold, "", t.Title)
			p.tableRows(t, table)
			if t.Left > 0 {
				p.prose(dim, gap, p.say("and-rows", words.Args{"n": t.Left, "verbose": o.Verbose}))
			}
		}
	}
}

// faultNumbers are the numbers under which the findings of each result stand on the
// page, as arrange gives them; 0 for those that have none.
func faultNumbers(r *checks.Report) [][]int {
	type at struct{ result, finding int }
	var list []at
	out := make([][]int, len(r.Results))
	for i, res := range r.Results {
		out[i] = make([]int, len(res.Findings))
		for k, f := range res.Findings {
			if res.ExplainedBy == "" && f.Severity != checks.Info {
				list = append(list, at{i, k})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b at) int {
		return r.Results[a.result].Findings[a.finding].Severity.Compare(r.Results[b.result].Findings[b.finding].Severity)
	})
	for n, a := range list {
		out[a.result][a.finding] = n + 1
	}
	return out
}

// fewOf leaves the first rows of a table, in their order: those with a fault before
// others, when there are too many.
func fewOf(t *checks.Table) {
	if len(t.Rows) <= fewRows {
		return
	}
	shown := make([]bool, len(t.Rows))
	n := 0
	for _, fault := range []bool{true, false} {
		for i := range t.Rows {
			if n < fewRows && (t.Rows[i].Finding > 0) == fault {
				shown[i] = true
				n++
			}
		}
	}
	t.Left += len(t.Rows) - n
	few := make([]checks.Row, 0, n)
	for i := range t.Rows {
		if shown[i] {
			few = append(few, t.Rows[i])
		}
	}
	t.Rows = few
}

// tableCells are the cells of a table below its heading; the last column, where some
// row has it, is the number of the fault.
func (p speech) tableCells(t checks.Table, numbers []int) [][]string {
	head := make([]string, 0, len(t.Columns)+1)
	for _, c := range t.Columns {
		head = append(head, c.Title)
	}
	out, some := [][]string{append(head, p.say("column-fault", nil))}, false
	for _, r := range t.Rows {
		line, number := make([]string, len(head)+1), ""
		copy(line, r.Cells[:min(len(r.Cells), len(head))])
		if r.Finding > 0 && r.Finding <= len(numbers) && numbers[r.Finding-1] > 0 {
			number, some = strconv.Itoa(numbers[r.Finding-1]), true
		}
		line[len(head)] = number
		out = append(out, line)
	}
	if !some {
		for i := range out {
			out[i] = out[i][:len(head)]
		}
	}
	return out
}

// tableRows writes cells in columns, with names cut where the page is narrow; where
// even that does not fit, each row as a paragraph.
func (p *page) tableRows(t checks.Table, table [][]string) {
	if p.ascii {
		for i := range table {
			for k := range table[i] {
				table[i][k] = plainASCII(table[i][k]) // some take more columns
			}
		}
	}
	widths, ok := p.tableWidths(t, table)
	if !ok {
		p.stacked(t, table)
		return
	}
	for i, line := range table {
		row := ""
		for k, w := range widths {
			if s := shortened(line[k], w); k < len(t.Columns) && t.Columns[k].Right {
				row += gap + strings.Repeat(" ", w-cells(s)) + s
			} else {
				row += gap + s + strings.Repeat(" ", w-cells(s))
			}
		}
		st := plain
		if i == 0 {
			st = dim
		}
		p.line(st, row)
	}
}

// tableWidths are those of the columns; ok is false where they do not fit the page.
func (p *page) tableWidths(t checks.Table, table [][]string) (widths []int, ok bool) {
	widths = make([]int, len(table[0]))
	sum := 0
	for k := range widths {
		for _, line := range table {
			widths[k] = max(widths[k], cells(line[k]))
		}
		sum += len(gap) + widths[k]
	}
	for sum > p.width {
		widest := -1
		for k, c := range t.Columns {
			if c.Name && widths[k] > leastName && (widest < 0 || widths[k] > widths[widest]) {
				widest = k
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
		sum--
	}
	return widths, true
}

// shortened is s in at most n columns.
func shortened(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// stacked writes each row as a paragraph, without what says nothing. What a figure is
// stands before it.
func (p *page) stacked(t checks.Table, table [][]string) {
	for _, line := range table[1:] {
		var list []string
		for k, s := range line {
			if s == "" || s == "–" || s == "-" {
				continue
			}
			if k == len(t.Columns) || t.Columns[k].Label {
				s = table[0][k] + " " + s
			}
			list = append(list, s)
		}
		p.flow(plain, gap, gap+gap, list)
	}
}

// flow writes cells one after the other, with more space between them than words
// have; a cell longer than the page is cut.
func (p *page) flow(st style, lead, indent string, list []string) {
	cur := ""
	for _, s := range list {
		s = shortened(s, p.width-cells(indent))
		if cur != "" && cells(lead)+cells(cur)+len(gap)+cells(s) > p.width {
			p.line(st, lead+cur)
			lead, cur = indent, ""
		}
		if cur != "" {
			cur += gap
		}
		cur += s
	}
	p.line(st, lead+cur)
}

// markdownTables writes the tables for a ticket.
func (p *page) markdownTables(r *checks.Report) {
	numbers := faultNumbers(r)
	for i, res := range r.Results {
		for _, t := range res.Tables {
			p.line(plain, "\n## "+escapeMarkdown(t.Title)+"\n")
			for n, line := range p.tableCells(t, numbers[i]) {
				for k := range line {
					line[k] = escapeMarkdown(line[k])
				}
				p.line(plain, "| "+strings.Join(line, " | ")+" |")
				if n == 0 {
					p.line(plain, "|"+strings.Repeat(" --- |", len(line)))
				}
			}
			if t.Left > 0 {
				p.line(plain, "\n"+escapeMarkdown(p.say("and-rows", words.Args{"n": t.Left, "verbose": true})))
			}
		}
	}
}
