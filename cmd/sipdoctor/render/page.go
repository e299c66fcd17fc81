package render

import (
	"bufio"
	"cmp"
	_ "embed"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Widths of a page, in columns. usualWidth fits everywhere a report is pasted;
// on a narrow page a check's fact stands below its name.
const (
	usualWidth = 80
	narrow     = 60
	minWidth   = 40
	maxWidth   = 160
)

// PageWidth is how many columns of a terminal are written on; columns is 0 where
// there is no terminal.
func PageWidth(columns int) int {
	return min(max(cmp.Or(columns, usualWidth), minWidth), maxWidth)
}

//go:embed words.yaml
var ownWords []byte

var book = sync.OnceValue(func() *words.Book { return words.NewBook(map[string][]byte{"render": ownWords}) })

// style is one of the few ways in which text stands out.
type style string

// The styles, as SGR codes (ECMA-48, 8.3.117).
const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
)

// page writes lines of text. Layout is computed on plain text; colour is added
// last and never counts as width.
type page struct {
	speech
	w     *bufio.Writer
	color bool
	width int
}

// speech says what every renderer for people says, in one language.
type speech struct {
	lang  words.Lang
	ascii bool // nothing but ASCII
}

func newPage(w io.Writer, o TextOptions) *page {
	p := &page{w: bufio.NewWriter(w), color: o.Color, width: PageWidth(o.Width), speech: speech{lang: cmp.Or(o.Lang, words.English)}}
	p.ascii = o.ASCII && p.lang == words.English // another script has no ASCII
	return p
}

// say is a sentence of this package's own words.
func (p speech) say(id string, args words.Args) string {
	s, err := book().Fill(p.lang, words.Say("render."+id, args))
	if err != nil {
		return id // its test finds it
	}
	return s
}

// put writes s in a style, without a line end. The first write error sticks
// to the buffered writer and comes out at the end.
func (p *page) put(st style, s string) {
	if p.ascii {
		s = plainASCII(s)
	}
	if p.color && st != plain && s != "" {
		s = "\x1b[" + string(st) + "m" + s + "\x1b[0m"
	}
	_, _ = p.w.WriteString(s)
}

// line writes a whole line, without trailing blanks.
func (p *page) line(st style, s string) {
	p.put(st, strings.TrimRight(s, " "))
	p.end()
}

func (p *page) end() { _ = p.w.WriteByte('\n') }

// prose writes text wrapped to the page: the first line after the given lead,
// the others under it.
func (p *page) prose(st style, lead, text string) {
	p.hanging(st, lead, strings.Repeat(" ", cells(lead)), text)
}

// hanging writes text wrapped to the page, with an indent of its own from the
// second line on.
func (p *page) hanging(st style, lead, indent, text string) {
	for _, l := range Wrap(text, p.width-cells(indent)) {
		p.put(plain, lead)
		p.line(st, l)
		lead = indent
	}
}

// heading writes text after lead, and at the right edge what belongs to it. Where
// there is no room for that it stands below, if it must be there.
func (p *page) heading(st style, lead, text, right string, must bool) {
	lines := Wrap(text, p.width-cells(lead))
	for i, l := range lines {
		p.put(st, lead)
		p.put(bold, l)
		lead = strings.Repeat(" ", cells(lead))
		if room := p.width - cells(lead) - cells(l) - cells(right); i == len(lines)-1 && right != "" {
			if room < 2 && must {
				p.end()
				room = p.width - cells(right)
			}
			if room >= 2 || must {
				p.put(dim, strings.Repeat(" ", max(0, room))+right)
			}
		}
		p.end()
	}
}

// cells is how many columns s takes. Wide scripts do not occur in what this
// program says itself.
func cells(s string) int { return utf8.RuneCountInString(s) }

// pad fills s with blanks to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-cells(s)))
}

// Wrap breaks text between words into lines of at most n columns. A longer
// word (an address, a URL) keeps a line of its own. There is always one line.
func Wrap(text string, n int) []string {
	var lines []string
	cur := ""
	for _, word := range unbroken(strings.Fields(text)) {
		switch {
		case cur == "":
			cur = word
		case cells(cur)+1+cells(word) <= n:
			cur += " " + word
		default:
			lines = append(lines, cur)
			cur = word
		}
	}
	return append(lines, cur)
}

// unbroken keeps together a number and its unit, "30 s", the thousands of a
// number, "55 536", a figure and its name, "TLS 5061", an arrow of a menu and the
// menu before it, and a command of this program, "sipdoctor serve".
func unbroken(list []string) []string {
	out := list[:0]
	for _, word := range list {
		n := len(out)
		if n > 0 && (word == ">" || strings.HasSuffix(out[n-1], "sipdoctor") || out[n-1] == "sudo" || isNamed(out[n-1], word) || isNumber(out[n-1]) && (isUnit(word) || thousands.MatchString(out[n-1]+" "+word))) {
			out[n-1] += " " + word
			continue
		}
		out = append(out, word)
	}
	return out
}

var thousands = regexp.MustCompile(`^\(?\d{1,3}( \d{3})+[.,;:)]*$`)

func isNamed(name, number string) bool {
	names := []string{"UDP", "TCP", "TLS", "WSS", "MTU", "MOS", "RFC", "section", "port", "порт", "порту", "порта", "раздел"}
	return number[0] >= '0' && number[0] <= '9' && slices.Contains(names, strings.TrimLeft(name, "("))
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789.,()") == "" }

func isUnit(s string) bool {
	return slices.Contains([]string{"%", "ms", "s", "min", "h", "bytes", "мс", "с", "мин", "ч", "байт"}, strings.TrimRight(s, ".,;:)"))
}

// chop breaks s into pieces of at most n columns without losing a byte: for
// evidence, where every blank counts and which may be one word as long as a
// whole message. It breaks behind a blank where there is one.
func chop(s string, n int) []string {
	r := []rune(s)
	var out []string
	for len(r) > n {
		cut := n
		if blank := strings.LastIndexByte(string(r[:n]), ' '); blank >= 0 {
			cut = cells(string(r[:n])[:blank]) + 1
		}
		out = append(out, string(r[:cut]))
		r = r[cut:]
	}
	return append(out, string(r))
}
