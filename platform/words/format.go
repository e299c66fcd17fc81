package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// grammar is what differs between languages besides the sentences.
type grammar struct {
	tag            language.Tag
	decimal, group string
	quotes         [2]string
	and, or        string
	ms, s, min, h  string
	days           string // a template
	yes, no        string
}

func grammarOf(l Lang) grammar {
	if l == Russian {
		return grammar{
			tag: language.Russian, decimal: ",", group: " ", quotes: [2]string{"«", "»"}, and: " и ", or: " или ",
			ms: "мс", s: "с", min: "мин", h: "ч", days: "{n, plural, one {# день} few {# дня} many {# дней} other {# дня}}",
			yes: "да", no: "нет",
		}
	}
	return grammar{
		tag: language.English, decimal: ".", group: ",", quotes: [2]string{"\"", "\""}, and: " and ", or: " or ",
		ms: "ms", s: "s", min: "min", h: "h", days: "{n, plural, one {# day} other {# days}}",
		yes: "yes", no: "no",
	}
}

// filler fills templates in one language.
type filler struct {
	book *Book
	lang Lang
	g    grammar
	deep int
}

func newFiller(b *Book, l Lang) *filler { return &filler{book: b, lang: l, g: grammarOf(l)} }

// maxDeep bounds messages inside messages: reports come from strangers.
const maxDeep = 20

func (f *filler) fill(t template, args Args, hash any) (string, error) {
	var out strings.Builder
	for _, p := range t {
		if p.name == "" {
			out.WriteString(p.text)
			continue
		}
		v := hash
		if p.name != "#" {
			given, ok := args[p.name]
			if !ok {
				return "", fmt.Errorf("no value for {%s}", p.name)
			}
			v = plain(given)
		}
		s, err := f.part(p, v, args, hash)
		if err != nil {
			return "", err
		}
		out.WriteString(s)
	}
	return out.String(), nil
}

func (f *filler) part(p part, v any, args Args, hash any) (string, error) {
	n, isNumber := count(v)
	switch p.how {
	case "plural", "number":
		if !isNumber {
			return "", fmt.Errorf("{%s} is not a number", p.name)
		}
		if p.how == "number" {
			return f.grouped(n), nil
		}
		return f.fill(p.choose(strconv.FormatFloat(n, 'f', -1, 64), f.form(n)), args, n)
	case "select":
		return f.fill(p.choose(fmt.Sprint(v), ""), args, hash)
	case "or":
		return f.value(v, f.g.or)
	case "comma":
		return f.value(v, ", ")
	case "apart":
		return f.value(v, "; ")
	}
	return f.value(v, f.g.and)
}

// choose returns the body for an exact value, else for a plural form, else the
// last, which is other.
func (p part) choose(value, form string) template {
	for _, c := range p.cases {
		if p.how == "select" && c.key == value || p.how == "plural" && c.key == "="+value {
			return c.body
		}
	}
	for _, c := range p.cases {
		if p.how == "plural" && c.key == form {
			return c.body
		}
	}
	return p.cases[len(p.cases)-1].body
}

// form is the CLDR plural form of n.
func (f *filler) form(n float64) string {
	if n != math.Trunc(n) || math.Abs(n) >= 1e15 {
		return "other"
	}
	i := int(math.Abs(n)) % 10_000_000
	return pluralForms[plural.Cardinal.MatchPlural(f.g.tag, i, 0, 0, 0, 0)]
}

// pluralForms are the names of the forms in ICU's notation.
var pluralForms = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
}

// count is the number that v stands for; that of a list is its length.
func count(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case Percent:
		return float64(v), true
	case time.Duration:
		return v.Seconds(), true
	case []any:
		return float64(len(v)), true
	}
	return 0, false
}

// value shows a value; and joins the last two of a list.
func (f *filler) value(v any, and string) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case Raw:
		return f.g.quotes[0] + string(v) + f.g.quotes[1], nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return f.number(v), nil
	case Percent:
		return f.number(round(float64(v))) + " %", nil
	case time.Duration:
		return f.duration(v)
	case time.Time:
		return v.Format("2006-01-02 15:04:05"), nil
	case bool:
		if v {
			return f.g.yes, nil
		}
		return f.g.no, nil
	case Text:
		return f.text(v)
	case Phrase:
		return v[f.lang], nil
	case []any:
		return f.list(v, and)
	}
	return "", fmt.Errorf("%T is not a value", v)
}

func (f *filler) list(list []any, and string) (string, error) {
	var out strings.Builder
	for i, v := range list {
		switch {
		case i > 0 && (i == len(list)-1 || and == "; "):
			out.WriteString(and)
		case i > 0:
			out.WriteString(", ")
		}
		s, err := f.value(v, and)
		if err != nil {
			return "", err
		}
		out.WriteString(s)
	}
	return out.String(), nil
}

// number shows n with the decimals that it has.
func (f *filler) number(n float64) string {
	return strings.Replace(strconv.FormatFloat(n, 'f', -1, 64), ".", f.g.decimal, 1)
}

// grouped shows a whole number with its thousands apart.
func (f *filler) grouped(n float64) string {
	digits := strconv.FormatInt(int64(n), 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + f.g.group + digits[at:]
	}
	return digits
}

// round leaves one decimal where one matters.
func round(n float64) float64 {
	if math.Abs(n) < 10 {
		return math.Round(n*10) / 10
	}
	return math.Round(n)
}

// duration shows d in the unit in which people would say it, and never as less
// than it is by more than a twentieth.
func (f *filler) duration(d time.Duration) (string, error) {
	unit := func(u time.Duration, name string) string {
		return f.number(round(float64(d)/float64(u))) + " " + name
	}
	switch {
	case d < time.Second:
		return unit(time.Millisecond, f.g.ms), nil
	case d < 2*time.Minute:
		return unit(time.Second, f.g.s), nil
	case d < 2*time.Hour:
		return unit(time.Minute, f.g.min), nil
	case d < 48*time.Hour:
		return unit(time.Hour, f.g.h), nil
	}
	days, err := parse(f.g.days)
	if err != nil {
		return "", err
	}
	return f.fill(days, Args{"n": int64(math.Round(d.Hours() / 24))}, nil)
}

// text fills a message inside another; the zero Text says nothing.
func (f *filler) text(t Text) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	if f.deep++; f.deep > maxDeep {
		return "", fmt.Errorf("messages inside messages, more than %d deep", maxDeep)
	}
	defer func() { f.deep-- }()
	if t.ID == errorText {
		return f.text(Cause(fmt.Sprint(t.Args["text"])).Message())
	}
	w, err := f.book.find(t.ID)
	if err != nil {
		return "", err
	}
	return f.fill(w[f.lang], t.Args, nil)
}
