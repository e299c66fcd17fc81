package render

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// evidence writes the comparisons in columns, or one below the other when
// they do not fit. What has nothing to be compared with stands alone, and so does
// what is as it should be.
func (p *page) evidence(f checks.Finding, o TextOptions) {
	list := f.Evidence
	if !o.Verbose && len(list) > fewEvidence {
		list = list[:fewEvidence]
	}
	list = bare(list)
	if strings.HasPrefix(f.ID, "rtp-ports.") {
		for i := range list {
			list[i].Got = narrowed(list[i].Got, p.width-len("       "))
		}
	}
	want, got := p.evidenceWords(f.ID)
	name, left := p.columns(list, cells(want)+cells(got))
	for _, e := range list {
		row := "     " + pad(e.Name, name) + "  "
		if e.Want != "" {
			row += want + " " + pad(e.Want, left) + "  " + got + " "
		}
		switch {
		case cells(row+e.Got) <= p.width:
			p.line(plain, row+e.Got)
		case e.Want == "" && cells(e.Name) <= name && cells(e.Got) > p.width-len("       "):
			p.value(row, e.Got, o)
		case e.Want == "":
			p.prose(plain, "     ", e.Name)
			p.value("       ", e.Got, o)
		default:
			p.prose(plain, "     ", e.Name)
			wide := max(cells(want), cells(got))
			p.value("       "+pad(want, wide)+"  ", e.Want, o)
			p.value("       "+pad(got, wide)+"  ", e.Got, o)
		}
	}
	if n := len(f.Evidence) - len(list); n > 0 {
		p.line(dim, "     "+p.say("more", words.Args{"n": n}))
	}
}

// bare leaves out of the values what the name says already, "Contact" of
// "Contact: <sip:…>", and what should be where it is the same as what is.
func bare(list []checks.Evidence) []checks.Evidence {
	list = slices.Clone(list)
	for i, e := range list {
		want, wok := strings.CutPrefix(e.Want, e.Name+": ")
		got, gok := strings.CutPrefix(e.Got, e.Name+": ")
		if wok && gok {
			list[i].Want, list[i].Got = want, got
		}
		if e.Want == e.Got {
			list[i].Want = ""
		}
	}
	return list
}

// portBar is a range of ports at a glance: one mark an equal share of them, the
// worst in it, between the first port and the last.
var portBar = regexp.MustCompile(`^(\d+ \[)([#?<.]+)(\] \d+)$`)

// narrowed is a bar with so many fewer marks that it fits n columns, each the
// worst of those whose place it takes; any other value as it is.
func narrowed(value string, n int) string {
	const fromGood = "#?<." // to bad
	m := portBar.FindStringSubmatch(value)
	if m == nil || len(value) <= n {
		return value
	}
	marks := m[2]
	few := make([]byte, max(1, n-len(m[1])-len(m[3])))
	for i := range few {
		share := []byte(marks[i*len(marks)/len(few) : (i+1)*len(marks)/len(few)])
		few[i] = slices.MaxFunc(share, func(a, b byte) int { return strings.IndexByte(fromGood, a) - strings.IndexByte(fromGood, b) })
	}
	return m[1] + string(few) + m[3]
}

// columns chooses how wide the names and the left values stand, so that as
// many comparisons as possible fit on a line each: one long value must not
// push all others out.
func (p *page) columns(list []checks.Evidence, labels int) (name, left int) {
	var fits []checks.Evidence
	alone := 0 // the widest name of those that stand alone
	for _, e := range list {
		if e.Want != "" {
			fits = append(fits, e)
		} else if n := cells(e.Name); n <= p.width/3 {
			alone = max(alone, n)
		}
	}
	for {
		name, left = alone, 0
		widest, at := 0, -1
		for i, e := range fits {
			name, left = max(name, cells(e.Name)), max(left, cells(e.Want))
			if n := cells(e.Name) + cells(e.Want) + cells(e.Got); n > widest {
				widest, at = n, i
			}
		}
		// 5 of indent, 2 after the name, a blank after each word, 2 between.
		tooWide := slices.ContainsFunc(fits, func(e checks.Evidence) bool {
			return 5+name+2+labels+2+left+2+cells(e.Got) > p.width
		})
		if !tooWide || at < 0 {
			return name, left
		}
		fits = slices.Delete(fits, at, at+1)
	}
}

// evidenceWords are what the two sides of a comparison are called: a message
// that was changed on its way was sent and arrived, everything else was
// expected and seen.
func (p speech) evidenceWords(finding string) (want, got string) {
	if comparesMessages(finding) {
		return p.say("sent", nil), p.say("arrived", nil)
	}
	return p.say("expected", nil), p.say("seen", nil)
}

// comparesMessages reports whether the evidence of a finding is what was sent and
// what arrived of it.
func comparesMessages(finding string) bool {
	return slices.Contains([]string{"sip-alg.rewriting", "sip-alg.proxying", "capture.rewritten", "capture.proxied"}, finding)
}

// value writes s after lead, broken between words, the other lines under it. A word
// that fits no line there begins on a line of its own, further left.
func (p *page) value(lead, s string, o TextOptions) {
	if r := []rune(s); !o.Verbose && len(r) > fewCells {
		s = string(r[:fewCells]) + "…"
	}
	left := "         "
	if slices.ContainsFunc(strings.Fields(s), func(word string) bool {
		return cells(word) > p.width-cells(lead) && cells(word) <= p.width-cells(left)
	}) {
		p.line(dim, lead)
		lead = left
	}
	for _, piece := range chop(s, p.width-cells(lead)) {
		p.put(dim, lead)
		p.line(plain, piece)
		lead = strings.Repeat(" ", cells(lead))
	}
}
