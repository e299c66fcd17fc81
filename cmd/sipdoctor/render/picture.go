package render

import (
	"bytes"
	"embed"
	"encoding/base64"
	"io"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed page
var pageFiles embed.FS

// stylesOf joins style sheets of the page.
func stylesOf(names ...string) string { return filesOf(names) }

func filesOf(names []string) string {
	var b strings.Builder
	for _, name := range names {
		raw, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			panic(err) // they are embedded
		}
		b.Write(raw)
	}
	return b.String()
}

// Sizes in a picture. Its letters are of one width, 0.6 of their height, so that it
// is known before it is drawn which text fits where.
const (
	letterWidth = 8 // of a label of 13 px, rounded up
	lineHeight  = 17
	boxPad      = 10
	boxColumns  = 22 // of a label: an IPv4 address with a port, most names of hosts
	boxLines    = 4
	edgeLength  = 56 // room for the word under the cross
	edgeHeight  = 44
	margin      = 2
)

// picture is the drawn path: boxes, and edges between them.
type picture struct {
	Name          string // for those who do not see it: what stands in the boxes, one after the other
	Line          string // the path as it is drawn in text
	Width, Height int
	Boxes         []pictureBox
	Edges         []pictureEdge
	Tall          bool   // from top to bottom, for a narrow page
	Style         string // of a picture that stands alone
}

type pictureBox struct {
	X, Y, W, H int
	Role       string
	Text       []pictureText
}

type pictureEdge struct {
	X1, Y1, X2, Y2 int
	Broken         bool
	X, Y           int // of the middle
	Word           pictureText
}

type pictureText struct {
	X, Y int
	Text string
}

// picture lays the path out, from left to right or from top to bottom. It is nil
// where nothing is to be drawn.
func (p speech) picture(r *checks.Report, tall bool) *picture {
	list := p.stops(r)
	if len(list) < 2 {
		return nil
	}
	pic := &picture{Name: p.spoken(list), Line: inOneLine(list), Tall: tall}
	labels := make([][]string, len(list))
	widest, lines := 0, 0
	for i, s := range list {
		labels[i] = p.boxText(s)
		for _, l := range labels[i] {
			widest = max(widest, columnsOf(l))
		}
		lines = max(lines, len(labels[i]))
	}
	x, y, high := margin, margin, lines*lineHeight+2*boxPad
	for i, s := range list {
		wide := widest
		if !tall {
			wide = 0
			for _, l := range labels[i] {
				wide = max(wide, columnsOf(l))
			}
		}
		w := wide*letterWidth + 2*boxPad
		if i > 0 {
			x, y = pic.edge(x, y, w, high, s, p)
		}
		pic.box(x, y, w, high, s.role, labels[i])
		pic.Width, pic.Height = max(pic.Width, x+w+margin), max(pic.Height, y+high+margin)
		if tall {
			y += high
		} else {
			x += w
		}
	}
	return pic
}

// columnsOf is how wide s is in letters. A router may call itself in Chinese, whose
// letters take two.
func columnsOf(s string) (n int) {
	for _, r := range s {
		n++
		if r >= 0x2e80 { // where the wide scripts begin (Unicode, UAX #11)
			n++
		}
	}
	return n
}

// spoken is the path for a voice.
func (p speech) spoken(list []stop) string {
	var parts []string
	for _, s := range list {
		if s.broken {
			parts = append(parts, p.faultWord(s))
		}
		role := p.say("stop", words.Args{"role": s.role})
		if s.label != role {
			role += " " + strings.TrimPrefix(s.label, role+" ")
		}
		parts = append(parts, role)
	}
	return strings.Join(parts, ", ")
}

func (p speech) faultWord(s stop) string {
	return p.say("fault-here", words.Args{"sure": s.sure})
}

// boxText is the role of a stop and its label, in lines.
func (p speech) boxText(s stop) []string {
	role := p.say("stop", words.Args{"role": s.role})
	out := []string{role}
	if s.label == role {
		return out
	}
	label := strings.TrimPrefix(s.label, role+" ")
	for _, line := range Wrap(label, boxColumns) {
		out = append(out, chop(line, boxColumns)...)
	}
	if len(out) > boxLines {
		out = out[:boxLines]
		out[boxLines-1] = shortened(out[boxLines-1]+"…", boxColumns)
	}
	return out
}

// edge draws the way into the next box from where the last one ends, and returns
// where that begins.
func (pic *picture) edge(x, y, w, high int, next stop, p speech) (nextX, nextY int) {
	e := pictureEdge{X1: x, Y1: y + high/2, X2: x + edgeLength, Y2: y + high/2, Broken: next.broken}
	nextX, nextY = e.X2, y
	if pic.Tall {
		e = pictureEdge{X1: x + w/2, Y1: y, X2: x + w/2, Y2: y + edgeHeight, Broken: next.broken}
		nextX, nextY = x, e.Y2
	}
	e.X, e.Y = (e.X1+e.X2)/2, (e.Y1+e.Y2)/2
	if next.broken {
		e.Word = pictureText{X: e.X, Y: e.Y + 26, Text: p.faultWord(next)}
		if pic.Tall {
			e.Word.X, e.Word.Y = e.X+40, e.Y+4
			pic.Width = max(pic.Width, e.Word.X+columnsOf(e.Word.Text)*letterWidth/2+margin)
		}
	}
	pic.Edges = append(pic.Edges, e)
	return nextX, nextY
}

func (pic *picture) box(x, y, w, high int, role string, lines []string) {
	b := pictureBox{X: x, Y: y, W: w, H: high, Role: role}
	top := y + (high-len(lines)*lineHeight)/2 + lineHeight - 4
	for i, l := range lines {
		b.Text = append(b.Text, pictureText{X: x + w/2, Y: top + i*lineHeight, Text: l})
	}
	pic.Boxes = append(pic.Boxes, b)
}

// Picture writes the path from the phone to the provider as an SVG file. It writes
// nothing where the report knows of no path.
func Picture(w io.Writer, r *checks.Report, l words.Lang) error {
	r, err := quoted(r, false)
	if err != nil {
		return err
	}
	pic := newPage(w, TextOptions{Lang: l}).picture(r, false)
	if pic == nil {
		return nil
	}
	return pic.write(w)
}

func (pic *picture) write(w io.Writer) error {
	pic.Style = stylesOf("colours.css", "picture.css")
	m := &markup{}
	pic.draw(m)
	m.put("\n")
	return m.to(w)
}

// dataURL is the picture as an address that holds it.
func (pic *picture) dataURL() (string, error) {
	var b bytes.Buffer
	if err := pic.write(&b); err != nil {
		return "", err
	}
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
