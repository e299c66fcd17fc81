package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// HTMLOptions are the choices of HTML.
type HTMLOptions struct {
	Lang words.Lang // shown first; "": English
	// Fill writes the sentences of a report in a language. Nil: they stay as they are,
	// and the page has no other language than Lang.
	Fill    func(*checks.Report, words.Lang)
	Verbose bool // all rows of tables
}

// widePage is what a picture may take on the page, px: made smaller, its letters could
// not be read.
const widePage = 960

// htmlPage is the file: the report once a language, one of which is shown.
type htmlPage struct {
	Policy   string // what a browser may load and run: this page's own style and script
	Style    string
	Script   string
	Lang     words.Lang
	Title    string
	Editions []*edition
}

// HTML writes r as one page for a browser, which loads nothing and can be sent to
// others. Its languages are all in it.
func HTML(w io.Writer, r *checks.Report, o HTMLOptions) error {
	style, script := stylesOf("colours.css", "picture.css", "page.css"), filesOf([]string{"page.js"})
	page := htmlPage{
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashOf(style), hashOf(script)),
		Style:  style, Script: script, Lang: cmp.Or(o.Lang, words.English),
	}
	calls, languages := ladders(r), words.Languages()
	if o.Fill == nil {
		languages = []words.Lang{page.Lang}
	}
	for _, l := range languages {
		v, err := editionOf(r, calls, l, o)
		if err != nil {
			return err
		}
		if v.Shown = l == page.Lang; v.Shown {
			page.Title = v.Title
		}
		page.Editions = append(page.Editions, v)
	}
	m := &markup{}
	page.write(m)
	return m.to(w)
}

// hashOf names a text in a policy (W3C Content Security Policy Level 3, 2.3.1).
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// edition is the report in one language.
type edition struct {
	speech
	Lang  words.Lang
	Shown bool
	Title string

	Verdict        checks.Status
	Mark, Word     string
	Headline       string
	Causes         []htmlCause // of the complaint
	Pictures       []*picture  // the path, for a wide and for a narrow page
	Checks         []htmlCheck
	Allowed        []allowed
	Ports          []*portPicture
	Quality        []htmlQuality
	Faults, Notes  []htmlFinding
	Tables         []htmlTable
	Calls          []htmlCall
	History        []string
	Missing, Hints []string
	Typed          string
	HostNotes      []string
	MadeBy         string
}

type htmlCause struct{ Word, Title, Findings, Advice string }

// causes are those of the complaint, the most likely first.
func (v *edition) causes(x *checks.Symptom) {
	if x == nil {
		return
	}
	for _, c := range x.Causes {
		cause := htmlCause{Word: v.causeState(c.State), Title: c.Title}
		switch c.State {
		case checks.CauseFound:
			cause.Findings = strings.Join(c.Findings, ", ")
		case checks.CauseOpen:
			cause.Title, cause.Advice = v.open(c), c.Advice
		}
		v.Causes = append(v.Causes, cause)
	}
}

type htmlCheck struct {
	Name, Word, Fact string
	Status           checks.Status
}

type htmlTable struct {
	Title string
	Head  []htmlCell
	Rows  [][]htmlCell
	Left  string
}

type htmlCell struct {
	Text  string
	Right bool
	Fault bool // the number of one
}

func editionOf(r *checks.Report, calls []*capture.Ladder, l words.Lang, o HTMLOptions) (*edition, error) {
	c := *r
	c.Results = slices.Clone(r.Results)
	if r.Symptom != nil {
		symptom := *r.Symptom // is weighed anew in each language
		symptom.Causes = slices.Clone(symptom.Causes)
		c.Symptom = &symptom
	}
	if o.Fill != nil {
		o.Fill(&c, l)
	}
	r, err := quoted(&c, o.Verbose)
	if err != nil {
		return nil, err
	}
	v := &edition{speech: speech{lang: l}, Lang: l, Verdict: verdict(r), MadeBy: madeBy(r)}
	v.Headline, v.Mark, v.Word = v.answer(r), v.mark(v.Verdict), v.status(v.Verdict)
	v.Title = v.Mark + " " + v.Headline
	v.causes(r.Symptom)
	for _, tall := range []bool{false, true} {
		if pic := v.picture(r, tall); pic != nil && (tall || pic.Width <= widePage) {
			v.Pictures = append(v.Pictures, pic)
		}
	}
	for _, res := range r.Results {
		v.Checks = append(v.Checks, htmlCheck{res.Check, v.word(res.Status), v.fact(res, TextOptions{}), res.Status})
	}
	v.Allowed = v.allowances(r)
	v.Ports, v.Quality = portsOf(r), v.quality(r)
	v.findings(r)
	v.tables(r, o.Verbose)
	for _, l := range calls {
		v.Calls = append(v.Calls, v.call(l))
	}
	v.about(r)
	return v, nil
}

func (v *edition) findings(r *checks.Report) {
	numbered, notes := arrange(r)
	alike := map[string]int{}
	for i, f := range numbered {
		x := v.finding(r, i+1, f)
		alike[f.ID]++
		x.Folded = alike[f.ID] > fewAlike
		v.Faults = append(v.Faults, x)
	}
	for _, f := range notes {
		v.Notes = append(v.Notes, v.finding(r, 0, f))
	}
}

func (v *edition) tables(r *checks.Report, verbose bool) {
	numbers := faultNumbers(r)
	for i, res := range r.Results {
		for _, t := range res.Tables {
			x := htmlTable{Title: t.Title}
			for n, line := range v.tableCells(t, numbers[i]) {
				row := make([]htmlCell, len(line))
				for k, s := range line {
					fault := k >= len(t.Columns)
					row[k] = htmlCell{Text: s, Right: !fault && t.Columns[k].Right, Fault: fault}
				}
				if n == 0 {
					x.Head = row
				} else {
					x.Rows = append(x.Rows, row)
				}
			}
			if t.Left > 0 {
				x.Left = v.say("and-rows", words.Args{"n": t.Left, "verbose": verbose})
			}
			v.Tables = append(v.Tables, x)
		}
	}
}

// about is what there is to say of the run.
func (v *edition) about(r *checks.Report) {
	for _, c := range r.History {
		v.History = append(v.History, strings.TrimSpace(v.changeLine(c)+" "+c.Finding))
	}
	v.Missing, v.Hints = missing(r), v.hints(r)
	if r.Twin != nil {
		v.Typed = strings.Join(r.Twin.Typed, "\n")
	}
	if r.Host != nil {
		for _, n := range r.Host.Notes {
			v.HostNotes = append(v.HostNotes, v.shown(n))
		}
	}
	if r.DurationMS > 0 {
		v.MadeBy += ", " + v.shown(milliseconds(r.DurationMS))
	}
}
