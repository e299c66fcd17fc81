package render

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
)

func (v *edition) writeFindings(m *markup) {
	if len(v.Faults) > 0 {
		m.heading("faults-heading")
		for _, f := range v.Faults {
			id := fmt.Sprintf("%s-%d", v.Lang, f.N)
			if f.Folded {
				m.put("<details id=\"%s\"><summary><h3>%d. %s</h3></summary>\n", id, f.N, f.Title)
				f.write(m)
				m.put("</details>\n")
				continue
			}
			m.put("<article class=\"finding %s\" id=\"%s\">\n<h3>%d. %s</h3>\n", f.Severity, id, f.N, f.Title)
			f.write(m)
			m.put("</article>\n")
		}
		m.put("</section>\n")
	}
	if len(v.Notes) > 0 {
		m.heading("notes-heading")
		for _, f := range v.Notes {
			m.put("<details class=\"finding\"><summary><h3>%s</h3></summary>\n", f.Title)
			f.write(m)
			m.put("</details>\n")
		}
		m.put("</section>\n")
	}
}

func (f htmlFinding) write(m *markup) {
	m.put(`<p class="dim"><span class="kind %s">%s</span>`, f.Severity, f.Kind)
	m.when(", %s", f.Sure)
	m.put(", <code>%s</code></p>\n", f.ID)
	m.when("<p>%s</p>\n", f.Explanation)
	if len(f.Changes) > 0 {
		m.put("<h4>%s</h4>\n", m.say("changes-heading"))
	}
	for _, p := range f.Changes {
		m.put(`<table class="changes">`)
		m.when("<caption>%s</caption>", p.Name)
		m.put("\n")
		m.head(m.say("column-line"), f.Want, f.Got)
		m.put("<tbody>")
		for _, l := range p.Lines {
			m.put("\n<tr><th scope=\"row\">%s</th><td data-side=\"%s\"><code>%s<del>%s</del>%s</code></td>", l.Name, f.Want, l.Before[0], l.Before[1], l.Before[2])
			m.put(`<td data-side="%s"><code>%s<ins>%s</ins>%s</code></td></tr>`, f.Got, l.After[0], l.After[1], l.After[2])
		}
		m.put("\n</tbody></table>\n")
	}
	for i, x := range f.Fixes {
		if i > 0 {
			m.put("<details class=\"fix\"><summary><h4>%s</h4></summary>\n", x.Heading)
			x.write(m)
			m.put("</details>\n")
			continue
		}
		m.put("<div class=\"fix\"><h4>%s</h4>\n", x.Heading)
		x.write(m)
		m.put("</div>\n")
	}
	m.each("<p>%s</p>\n", f.Advice)
	f.proofs(m)
}

func (f htmlFinding) proofs(m *markup) {
	if len(f.Proofs) == 0 {
		return
	}
	m.put("<details class=\"proof\"><summary>%s</summary>\n<table class=\"proofs\">\n", m.say("evidence", "n", len(f.Proofs)))
	columns := []string{m.say("column-name"), f.Want, f.Got}
	compared := slices.ContainsFunc(f.Proofs, func(e checks.Evidence) bool { return e.Want != "" })
	if !compared {
		columns = slices.Delete(columns, 1, 2)
	}
	m.head(columns...)
	m.put("<tbody>")
	for _, e := range f.Proofs {
		m.put("\n<tr><th scope=\"row\">%s</th>", e.Name)
		switch {
		case e.Want != "":
			m.put(`<td data-side="%s"><code>%s</code></td>`, f.Want, e.Want)
		case compared:
			m.put("<td></td>")
		}
		m.put(`<td data-side="%s"><code>%s</code></td></tr>`, f.Got, e.Got)
	}
	m.put("\n</tbody></table></details>\n")
}

func (x htmlFix) write(m *markup) {
	m.lines(x.Steps)
	if len(x.Menus) > 0 {
		m.put("<details><summary>%s</summary>\n", x.MenusOf)
		m.lines(x.Menus)
		m.put("</details>\n")
	}
	if len(x.Undo) > 0 {
		m.put("<h5>%s</h5>\n", m.say("undo-heading"))
		m.lines(x.Undo)
	}
	if len(x.Verify) > 0 {
		m.put("<h5>%s</h5>\n", m.say("verify-heading"))
		m.lines(x.Verify)
	}
	for _, l := range x.Unverified {
		m.put("<p class=\"dim\">%s</p>\n", m.say("not-verified", "line", l))
	}
	m.each("<p class=\"dim\">%s</p>\n", x.Notes)
	switch {
	case x.Source == "":
	case x.SourceLink != "":
		m.put("<p class=\"dim\">%s: <a href=\"%s\" rel=\"noopener noreferrer\">%s</a></p>\n", m.say("source-heading"), x.SourceLink, x.Source)
	default:
		m.put("<p class=\"dim\">%s: %s</p>\n", m.say("source-heading"), x.Source)
	}
}

func (m *markup) lines(list []htmlLines) {
	for _, l := range list {
		if l.Steps == nil {
			m.commands(l.Commands)
			continue
		}
		m.put(`<ul class="steps">`)
		m.each("\n<li>%s</li>", l.Steps)
		m.put("\n</ul>\n")
	}
}

func (v *edition) writeCalls(m *markup) {
	if len(v.Calls) == 0 {
		return
	}
	m.heading("calls-heading")
	for _, c := range v.Calls {
		c.write(m)
	}
	m.put("</section>\n")
}

func (c htmlCall) write(m *markup) {
	m.put("<details class=\"call\"><summary><h3>%d. %s</h3></summary>\n<p class=\"dim\"><code>%s</code></p>\n", c.Row, c.Title, c.Name)
	m.put("<div class=\"wide\" role=\"region\" aria-label=\"%s\" tabindex=\"0\"><table class=\"ladder\">\n<thead><tr><th scope=\"col\" class=\"time\">%s</th>", c.Title, m.say("column-time"))
	for _, h := range c.Heads {
		m.put(`<th scope="col" colspan="2">%s`, h.Name)
		m.when(` <span class="dim">%s</span>`, h.Agent)
		m.put("</th>")
	}
	if len(c.Heads) == 0 {
		m.put("<td></td>")
	}
	m.put("</tr></thead>\n<tbody>")
	for _, r := range c.Rows {
		r.write(m)
	}
	m.put("\n</tbody></table></div>\n")
	m.when("<p class=\"dim\">%s</p>\n", c.Left)
	m.put("</details>\n")
}

func (r ladderRow) write(m *markup) {
	down := map[bool]string{true: ` class="down"`}
	m.put("\n<tr"+map[bool]string{true: ` class="bad"`}[r.Bad]+"><td class=\"time\">%s</td>", r.Time)
	for _, line := range r.Before {
		m.put("<td" + down[line] + "></td>")
	}
	m.put(`<td colspan="%d" class="%s">`, r.Span, r.Arrow)
	m.when(`<span class="unseen">%s: </span>`, r.Way)
	m.put("%s", r.Text)
	r.Loss.draw(m)
	r.Jitter.draw(m)
	m.when(`<span class="dim">%s</span>`, r.Scale)
	m.put("</td>")
	for _, line := range r.After {
		m.put("<td" + down[line] + "></td>")
	}
	m.put("</tr>")
}

func (s *stripPicture) draw(m *markup) {
	if s == nil {
		return
	}
	m.put(`<span class="strip"><span>%s</span><svg viewBox="0 0 %d 24" width="%d" height="24" aria-hidden="true">`, s.Name, s.Width, s.Width)
	for _, b := range s.Bars {
		m.put(`<rect`+map[bool]string{true: ` class="high"`}[b.Bad]+` x="%d" y="%d" width="%d" height="%d"/>`, b.X, b.Y, b.W, b.H)
	}
	m.put("</svg></span>")
}

// draw writes the picture as SVG.
func (pic *picture) draw(m *markup) {
	m.put(`<svg xmlns="http://www.w3.org/2000/svg" class="picture`+map[bool]string{true: " tall"}[pic.Tall]+`" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		pic.Width, pic.Height, pic.Width, pic.Height, pic.Name)
	if pic.Style != "" {
		m.put("<style>")
		m.WriteString(pic.Style)
		m.put("</style><rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>")
	}
	for _, e := range pic.Edges {
		if !e.Broken {
			m.put(`<path class="edge" d="M%d %dL%d %d"/>`, e.X1, e.Y1, e.X2, e.Y2)
			continue
		}
		m.put(`<path class="edge broken" d="M%d %dL%d %d"/><circle class="cross" cx="%d" cy="%d" r="10"/><path class="cross" d="M%d %dm-4-4l8 8m0-8l-8 8"/>`,
			e.X1, e.Y1, e.X2, e.Y2, e.X, e.Y, e.X, e.Y)
		m.put(`<text class="fault" x="%d" y="%d">%s</text>`, e.Word.X, e.Word.Y, e.Word.Text)
	}
	for _, b := range pic.Boxes {
		m.put(`<rect class="box %s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, b.Role, b.X, b.Y, b.W, b.H)
		for i, t := range b.Text {
			m.put(`<text`+map[bool]string{true: ` class="role"`}[i == 0]+` x="%d" y="%d">%s</text>`, t.X, t.Y, t.Text)
		}
	}
	m.put("</svg>")
}
