package render

import (
	"html"
	"strconv"
	"strings"
)

// write puts the file together. Style and script are this program's own.
func (p htmlPage) write(m *markup) {
	m.put(`<!doctype html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>`, p.Lang, p.Policy, p.Title)
	m.WriteString(p.Style)
	m.put("</style>\n</head>\n<body>\n<header>\n<p class=\"brand\">sipdoctor</p>\n")
	if len(p.Editions) > 1 {
		p.languages(m)
	}
	m.put("</header>\n")
	for _, v := range p.Editions {
		v.write(m)
	}
	m.put("<p id=\"said\" class=\"unseen\" role=\"status\"></p>\n<script>")
	m.WriteString(p.Script)
	m.put("</script>\n</body>\n</html>\n")
}

func (p htmlPage) languages(m *markup) {
	var names []string
	for _, v := range p.Editions {
		m.lang = v.Lang
		names = append(names, m.say("languages"))
	}
	m.put(`<div class="languages" role="group" aria-label="%s" hidden>`, strings.Join(names, " / "))
	for _, v := range p.Editions {
		m.lang = v.Lang
		m.put(`<button type="button" lang="%s" data-lang="%s" aria-pressed="%s">%s</button>`, v.Lang, v.Lang, v.Shown, m.say("language"))
	}
	m.put("</div>\n<noscript><div class=\"languages\">") // a mail program, or a telephone's preview
	for _, v := range p.Editions {
		m.lang = v.Lang
		m.put(`<a href="#%s" lang="%s">%s</a>`, v.Lang, v.Lang, m.say("language"))
	}
	m.put("</div></noscript>\n")
}

// write is the report in one language.
func (v *edition) write(m *markup) {
	m.lang = v.Lang
	hidden := map[bool]string{false: " hidden"}[v.Shown]
	m.put(`<main id="%s" lang="%s" data-title="%s"`+hidden+">\n", v.Lang, v.Lang, v.Title)
	m.put(`<h1 class="verdict %s"><span class="mark" aria-hidden="true">%s</span> <span class="word">%s</span> %s</h1>`+"\n", v.Verdict, v.Mark, v.Word, v.Headline)
	v.writeCauses(m)
	if len(v.Pictures) > 0 {
		m.heading("path-heading")
		for _, pic := range v.Pictures {
			pic.draw(m)
			m.put("\n")
		}
		m.put("</section>\n")
	}
	v.writeChecks(m)
	v.writePorts(m)
	v.writeQuality(m)
	v.writeFindings(m)
	v.writeTables(m)
	v.writeCalls(m)
	v.writeAbout(m)
}

func (v *edition) writeCauses(m *markup) {
	if len(v.Causes) == 0 {
		return
	}
	m.heading("causes-heading")
	m.put(`<table class="causes"><tbody>`)
	for _, c := range v.Causes {
		m.put("\n<tr><th scope=\"row\">%s</th><td>%s", c.Word, c.Title)
		m.when(" (<code>%s</code>)", c.Findings)
		m.when(`<p class="dim">%s</p>`, c.Advice)
		m.put("</td></tr>")
	}
	m.put("\n</tbody></table>\n</section>\n")
}

func (v *edition) writeChecks(m *markup) {
	if len(v.Checks) > 0 {
		m.heading("checks-heading")
		m.put("<table class=\"checks\">\n")
		m.head(m.say("column-check"), m.say("column-status"), m.say("column-found"))
		m.put("<tbody>")
		for _, c := range v.Checks {
			m.put("\n<tr><th scope=\"row\">%s</th><td class=\"status %s\">%s</td><td>%s</td></tr>", c.Name, c.Status, c.Word, c.Fact)
		}
		m.put("\n</tbody></table>\n</section>\n")
	}
	if len(v.Allowed) > 0 {
		m.heading("allowed-heading")
		for _, a := range v.Allowed {
			m.put("<h3>%s</h3>\n<table><tbody>", a.Address)
			for _, w := range a.Ways {
				m.put("\n<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td></tr>", w.Kind, w.Verdict, w.Rule)
			}
			m.put("\n</tbody></table>\n")
		}
		m.put("</section>\n")
	}
}

func (v *edition) writePorts(m *markup) {
	if len(v.Ports) == 0 {
		return
	}
	m.heading("ports-heading")
	for _, p := range v.Ports {
		m.put("<h3>%s</h3>\n<div class=\"range\"><span>%s</span><svg class=\"ports\" viewBox=\"0 0 300 24\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", m.say("ports-way", "way", p.Way), p.First)
		for _, run := range p.Runs {
			run.draw(m)
		}
		m.put("</svg><span>%s</span></div>\n<ul class=\"legend\">", p.Last)
		for _, l := range p.Lists {
			m.put("\n<li><svg class=\"ports\" viewBox=\"0 0 30 24\" width=\"30\" height=\"24\" aria-hidden=\"true\">")
			portRun{0, 30, l.Shape}.draw(m)
			m.put("</svg> %s: ", m.say("ports", "state", l.State))
			few := min(len(l.Ports), fewRanges)
			m.ports(l.Ports[:few])
			if more := l.Ports[few:]; len(more) > 0 {
				m.put("<details><summary>%s</summary>", m.say("and-rows", "n", len(more), "verbose", true))
				m.ports(more)
				m.put("</details>")
			}
			m.put("</li>")
		}
		m.put("\n</ul>\n")
	}
	m.put("</section>\n")
}

func (m *markup) ports(list []string) {
	for i, port := range list {
		if i > 0 {
			m.put(", ")
		}
		m.put(`<span class="port">%s</span>`, port)
	}
}

func (run portRun) draw(m *markup) {
	rect := func(class string, y, high int) {
		m.put(`<rect class="%s" x="%d" y="%d" width="%d" height="%d"/>`, class, run.X, y, run.W, high)
	}
	switch run.Shape {
	case shapeOpen:
		rect("open", 0, 24)
	case shapeBlocked:
		rect("blocked", 0, 7)
		rect("blocked", 17, 7)
	case shapeReturn:
		rect("blocked", 15, 9)
	case shapeUnknown:
		rect("unknown", 9, 6)
	}
}

func (v *edition) writeQuality(m *markup) {
	if len(v.Quality) == 0 {
		return
	}
	m.heading("quality-heading")
	m.put("<table class=\"quality\">\n")
	columns := []string{m.say("column-mos"), m.say("strip-loss"), m.say("strip-jitter"), m.say("column-trip")}
	m.head(append([]string{m.say("column-way")}, columns...)...)
	m.put("<tbody>")
	for _, q := range v.Quality {
		trip := q.Trip
		if trip == "" {
			trip = "–"
		}
		m.put("\n<tr><th scope=\"row\">%s</th>", q.Way)
		for i, value := range []string{q.MOS, q.Loss, q.Jitter, trip} {
			m.put(`<td data-side="%s">`, columns[i])
			if i == 0 {
				m.put(`<svg class="mos" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true"><rect class="scale" width="100" height="10"/><rect class="value" width="%d" height="10"/></svg> `, q.Bar)
			}
			m.put("%s</td>", value)
		}
		m.put("</tr>")
	}
	m.put("\n</tbody></table>\n</section>\n")
}

func (v *edition) writeTables(m *markup) {
	right := map[bool]string{true: ` class="right"`}
	for _, t := range v.Tables {
		m.put("<section>\n<h2>%s</h2>\n<div class=\"wide\" role=\"region\" aria-label=\"%s\" tabindex=\"0\"><table>\n<thead><tr>", t.Title, t.Title)
		for _, c := range t.Head {
			m.put(`<th scope="col"`+right[c.Right]+`>%s</th>`, c.Text)
		}
		m.put("</tr></thead>\n<tbody>")
		for _, row := range t.Rows {
			m.put("\n<tr>")
			for _, c := range row {
				if _, err := strconv.Atoi(c.Text); c.Fault && err == nil {
					m.put(`<td`+right[c.Right]+`><a href="#%s-%s">%s</a></td>`, v.Lang, c.Text, c.Text)
				} else {
					m.put(`<td`+right[c.Right]+`>%s</td>`, c.Text)
				}
			}
			m.put("</tr>")
		}
		m.put("\n</tbody></table></div>\n")
		m.when("<p class=\"dim\">%s</p>\n", t.Left)
		m.put("</section>\n")
	}
}

// writeAbout is what there is to say of the run.
func (v *edition) writeAbout(m *markup) {
	if len(v.History) > 0 {
		m.heading("history")
		m.put("<ul>")
		m.each("\n<li>%s</li>", v.History)
		m.put("\n</ul>\n</section>\n")
	}
	if len(v.Missing) > 0 {
		m.heading("missing-heading")
		m.put("<p>%s</p>\n", v.Missing[0])
		if more := v.Missing[1:]; len(more) > 0 {
			m.put("<details><summary>%s</summary><ul>", m.say("and-rows", "n", len(more), "verbose", true))
			m.each("\n<li>%s</li>", more)
			m.put("\n</ul></details>\n")
		}
		m.put("</section>\n")
	}
	m.put("<footer>\n<h2>%s</h2>\n", m.say("about-heading"))
	m.each("<p>%s</p>\n", v.Hints)
	if v.Typed != "" {
		m.put("<p>%s:</p>\n", m.say("twin-typed"))
		m.commands(v.Typed)
	}
	for _, n := range v.HostNotes {
		m.put("<p class=\"dim\">%s %s</p>\n", m.say("note"), n)
	}
	m.put("<p class=\"dim\">%s</p>\n</footer>\n</main>\n", v.MadeBy)
}

// commands are copied together.
func (m *markup) commands(text string) {
	m.put("<div class=\"commands\"><pre><code>")
	m.WriteString(html.EscapeString(text)) // of any length: not through a format
	m.put(`</code></pre><button type="button" data-copy="%s" data-selected="%s" hidden>%s</button></div>`+"\n", m.say("copied"), m.say("selected"), m.say("copy"))
}
