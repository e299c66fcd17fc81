package routeros

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Shown is one row of what print showed: of print, print detail, print terse and
// print stats. Settings are one row.
type Shown struct {
	Number int    // as print gave it, -1 of settings
	Flags  string // the letters of the flags column, such as "XI" or "D"
	Line   int
	Props  []Prop
}

// maxShown bounds the rows of a listing.
const maxShown = 500_000

var (
	rowStart   = regexp.MustCompile(`^ {0,3}(\d{1,6})\s+(.*)$`)
	rowFlags   = regexp.MustCompile(`^([A-Z*+>!][A-Za-z*+]{0,5}(?: [A-Za-z*+])*)(?:\s+|$)`)
	settingRow = regexp.MustCompile(`^\s*([a-z][a-z0-9-]*): (.*)$`)
	tableHead  = regexp.MustCompile(`^\s?#\s+([A-Z][A-Z0-9./ -]*)$`)
	twoBlanks  = regexp.MustCompile(` {2,}`)
	upperName  = regexp.MustCompile(`[A-Z][A-Z0-9./-]*(?: [A-Z0-9./-]+)*`)
)

// ReadPrint reads what print wrote. A row that was cut, or that has a form that is
// not known, is left out.
func ReadPrint(data []byte) ([]Shown, error) {
	src, err := decode(data)
	if err != nil {
		return nil, err
	}
	l := &listing{}
	n := 0
	for line := range strings.Lines(src) {
		n++
		l.line(strings.TrimRight(line, "\n \t"), n)
		if len(l.rows) >= maxShown {
			break
		}
	}
	l.finish()
	return l.rows, nil
}

// A listing is the state of reading one.
type listing struct {
	rows    []Shown
	text    strings.Builder // properties of the row that is being read
	open    bool
	columns []column
	comment string // that stands before its row
}

func (l *listing) line(s string, n int) {
	switch m := rowStart.FindStringSubmatchIndex(s); {
	case strings.TrimSpace(s) == "":
		l.finish()
	case strings.HasPrefix(s, "Flags:"), strings.HasPrefix(s, "Columns:"), promptPattern.MatchString(s):
		l.finish()
		l.columns = nil
	case tableHead.MatchString(s):
		l.finish()
		l.columns = columnsOf(s)
	case strings.HasPrefix(strings.TrimSpace(s), ";;; "):
		if l.open && l.columns == nil {
			l.add("comment", strings.TrimSpace(s)[4:], n)
		} else {
			l.comment = strings.TrimSpace(s)[4:]
		}
	case m != nil:
		l.finish()
		l.start(s, m, n)
	case l.columns != nil && l.open:
		l.cells(s, n)
	case l.open && strings.HasPrefix(s, "  "):
		l.text.WriteString(" " + strings.TrimSpace(s))
	default:
		l.setting(s, n)
	}
}

// start begins a row with the line that has its number.
func (l *listing) start(s string, m []int, n int) {
	number, _ := strconv.Atoi(s[m[2]:m[3]])
	l.rows = append(l.rows, Shown{Number: number, Line: n})
	l.open = true
	row := &l.rows[len(l.rows)-1]
	rest := s[m[4]:m[5]]
	if l.columns != nil && !strings.Contains(rest, ";;; ") {
		first := l.columns[0].at
		row.Flags = strings.Join(strings.Fields(s[m[3]:max(m[3], min(first, len(s)))]), "")
		l.cells(s, n)
		return
	}
	if f := rowFlags.FindStringSubmatch(rest); f != nil {
		row.Flags = strings.Join(strings.Fields(f[1]), "")
		rest = rest[len(f[0]):]
	}
	if c, ok := strings.CutPrefix(rest, ";;; "); ok {
		l.add("comment", c, n)
		return
	}
	l.text.WriteString(rest)
}

func (l *listing) add(name, value string, n int) {
	row := &l.rows[len(l.rows)-1]
	row.Props = append(row.Props, Prop{name, utf8Of(value), n})
}

// setting reads "name: value".
func (l *listing) setting(s string, n int) {
	m := settingRow.FindStringSubmatch(s)
	if m == nil {
		return
	}
	if len(l.rows) == 0 || l.rows[len(l.rows)-1].Number >= 0 {
		l.rows = append(l.rows, Shown{Number: -1, Line: n})
	}
	l.add(m[1], m[2], n)
}

// finish reads the properties of the row that ends. One without any is none: a line
// of prose may begin with a number as well.
func (l *listing) finish() {
	if l.text.Len() > 0 {
		row := &l.rows[len(l.rows)-1]
		row.Props = append(row.Props, pairsOf(l.text.String(), row.Line)...)
		l.text.Reset()
	}
	if last := len(l.rows) - 1; l.open && len(l.rows[last].Props) == 0 {
		l.rows = l.rows[:last]
	}
	l.open = false
}

// pairsOf reads name=value pairs. print terse writes comments without quotation
// marks, so words without a name belong to the value before them.
func pairsOf(s string, line int) (out []Prop) {
	p := newParser(s)
	for p.space(); p.more(); p.space() {
		at := p.i
		if name := p.name(); name != "" && p.peek() == '=' {
			p.i++
			if v, err := p.value(); err == nil {
				out = append(out, Prop{name, constantOf(v), line})
				continue
			}
			return out // a quotation mark that is not closed: the row was cut
		}
		end := at + 1
		for end < len(s) && s[end] != ' ' {
			end++
		}
		if p.i = end; len(out) > 0 {
			out[len(out)-1].Value += " " + s[at:end]
		}
	}
	return out
}

// constantOf is a value of print, in which $ and brackets mean nothing.
func constantOf(n *node) string {
	switch n.op {
	case opText, opName:
		return n.text
	case opVar:
		return "$" + n.text
	case opJoin:
		var b strings.Builder
		for _, k := range n.kids {
			b.WriteString(constantOf(k))
		}
		return b.String()
	}
	return ""
}

// Show takes what print detail showed of a menu of lists into the model: its order,
// its dynamic and invalid items, which no export has. Items that lines of the
// export made keep these lines.
func (c *Config) Show(path string, rows []Shown) {
	m := c.menu(path)
	var items []*Item
	left := slices.DeleteFunc(slices.Clone(m.Items), func(it *Item) bool { return it.Dynamic })
	for _, row := range rows {
		dynamic := strings.Contains(row.Flags, "D")
		var it *Item
		if !dynamic && len(left) > 0 {
			it, left = left[0], left[1:]
		} else {
			it = c.newItem()
			it.Props = row.Props
		}
		it.Dynamic, it.Invalid = dynamic, strings.Contains(row.Flags, "I")
		if strings.Contains(row.Flags, "X") {
			it.set("disabled", "yes", row.Line)
		}
		items = append(items, it)
	}
	m.Items = append(items, left...)
}
