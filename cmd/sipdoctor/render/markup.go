package render

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// markup is HTML and SVG that is being written. Package html/template would link
// reflection over every method, and with it parts of libraries that are never called;
// so escaping is done here, in one place: only the formats of put are markup, and
// whatever is put into them is text, also inside double quotes.
type markup struct {
	strings.Builder
	lang words.Lang
	err  error
}

// to writes all of it.
func (m *markup) to(w io.Writer) error {
	if m.err != nil {
		return m.err
	}
	if _, err := io.WriteString(w, m.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// put writes a format, whose values are escaped.
func (m *markup) put(format string, values ...any) {
	for i, v := range values {
		values[i] = html.EscapeString(fmt.Sprint(v))
	}
	fmt.Fprintf(&m.Builder, strings.ReplaceAll(format, "%d", "%s"), values...)
}

// when writes a format if its value is not empty.
func (m *markup) when(format, value string) {
	if value != "" {
		m.put(format, value)
	}
}

// each writes a format for every value.
func (m *markup) each(format string, list []string) {
	for _, v := range list {
		m.put(format, v)
	}
}

// say is a sentence of the page. An unknown one is an error, so that a test of any
// page finds it.
func (m *markup) say(id string, pairs ...any) string {
	args := words.Args{}
	for i := 0; i+1 < len(pairs); i += 2 {
		args[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	s, err := book().Fill(m.lang, words.Say("render."+id, args))
	if m.err == nil {
		m.err = err
	}
	return s
}

// heading begins a section of the page.
func (m *markup) heading(id string) { m.put("<section>\n<h2>%s</h2>\n", m.say(id)) }

// head is the first row of a table.
func (m *markup) head(columns ...string) {
	m.put("<thead><tr>")
	m.each(`<th scope="col">%s</th>`, columns)
	m.put("</tr></thead>\n")
}
