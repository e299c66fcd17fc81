package words

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const sample = `
office.ports:
  en: "{count, plural, =0 {no port is} one {# port is} other {# ports are}} closed"
  ru: "{count, plural, =0 {все порты открыты} one {закрыт # порт} few {закрыто # порта} other {закрыто # портов}}"
office.lost:
  en: "lost {way, select, up {on the way out} other {on the way in}} after {time}: {share}"
  ru: "теряется {way, select, up {по пути наружу} other {по пути внутрь}} через {time}: {share}"
office.seen:
  en: "{who} said {what}; {ports, or}; {why}"
  ru: "{who} сообщает {what}; {ports, or}; {why}"
office.many: {en: "{n, number} of {all, number}", ru: "{n, number} из {all, number}"}
office.fault:
  place: router
  en: {title: "Don't use '{'x'}'", advice: ["One.", "Two {n}."]}
  ru: {title: "Не используйте '{'x'}'", advice: ["Раз.", "Два {n}."]}
`

func book(t *testing.T, text string) *Book {
	t.Helper()
	return NewBook(map[string][]byte{"office": []byte(text)})
}

// What a technician reads in either language.
func TestFill(t *testing.T) {
	b := book(t, sample)
	if err := b.Problems(); err != nil {
		t.Fatal(err)
	}
	ports := func(n int) Text { return Say("office.ports", Args{"count": n}) }
	for name, c := range map[string]struct {
		say    Text
		en, ru string
	}{
		"none":         {ports(0), "no port is closed", "все порты открыты"},
		"one":          {ports(1), "1 port is closed", "закрыт 1 порт"},
		"two":          {ports(2), "2 ports are closed", "закрыто 2 порта"},
		"eleven":       {ports(11), "11 ports are closed", "закрыто 11 портов"},
		"twenty-one":   {ports(21), "21 ports are closed", "закрыт 21 порт"},
		"list":         {Say("office.ports", Args{"count": []string{"a", "b"}}), "2 ports are closed", "закрыто 2 порта"},
		"units":        {Say("office.lost", Args{"way": "up", "time": 30 * time.Second, "share": Percent(2.25)}), "lost on the way out after 30 s: 2.3 %", "теряется по пути наружу через 30 с: 2,3 %"},
		"other case":   {Say("office.lost", Args{"way": "sideways", "time": 90 * time.Minute, "share": Percent(62.4)}), "lost on the way in after 90 min: 62 %", "теряется по пути внутрь через 90 мин: 62 %"},
		"days":         {Say("office.lost", Args{"way": "up", "time": 72 * time.Hour, "share": 5}), "lost on the way out after 3 days: 5", "теряется по пути наружу через 3 дня: 5"},
		"thousands":    {Say("office.many", Args{"n": 870, "all": 55536}), "870 of 55,536", "870 из 55 536"},
		"part":         {Say("office.fault.title", nil), "Don't use {x}", "Не используйте {x}"},
		"listed part":  {Say("office.fault.advice.2", Args{"n": 7}), "Two 7.", "Два 7."},
		"place":        {Say("office.fault.place", nil), "router", "router"},
		"says nothing": {},
		"stranger's": {
			Say("office.seen", Args{"who": netip.MustParseAddr("192.0.2.1"), "what": Raw("go away"), "ports": []int{1, 2, 3}, "why": ports(1)}),
			`192.0.2.1 said "go away"; 1, 2 or 3; 1 port is closed`, "192.0.2.1 сообщает «go away»; 1, 2 или 3; закрыт 1 порт",
		},
	} {
		for lang, want := range map[Lang]string{English: c.en, Russian: c.ru} {
			got, err := b.Fill(lang, c.say)
			if err != nil || got != want {
				t.Errorf("%s in %s: %q, %v, want %q", name, lang, got, err, want)
			}
		}
	}
}

// A saved report says the same after it was read again, in any language.
func TestSavedAndReadAgain(t *testing.T) {
	say := Say("office.seen", Args{
		"who": "192.0.2.1", "what": Raw("x"), "ports": []any{int64(1), 2.5, true}, "at": time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC),
		"why": Say("office.lost", Args{"way": "up", "time": 1500 * time.Millisecond, "share": Percent(2)}),
	})
	saved, err := json.Marshal(say)
	if err != nil {
		t.Fatal(err)
	}
	var again Text
	if err := json.Unmarshal(saved, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(say, again); diff != "" {
		t.Errorf("%s\n%s", saved, diff)
	}
}

// A report from a stranger or from another version cannot crash the program, is
// not half believed, and loses nothing.
func TestValuesThatAreNotKnown(t *testing.T) {
	b := book(t, "office.a: {en: \"{x}\", ru: \"{x}\"}")
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, value := range []string{`null`, `{}`, `{"raw":5}`, `{"of":2,"percent":1}`, `{"seconds":1e+300}`, `{"time":"soon"}`, `{"colour":"red"}`, `{"args":[1],"say":"office.a"}`, deep} {
		saved := `{"say":"office.a","args":{"x":` + value + `}}`
		var say Text
		if err := json.Unmarshal([]byte(saved), &say); err != nil {
			t.Fatalf("%.60s: %v", saved, err)
		}
		if s, err := b.Fill(English, say); err == nil {
			t.Errorf("%.60s is shown as %q", saved, s)
		}
		if again, err := json.Marshal(say); err != nil || string(again) != saved {
			t.Errorf("%.60s became %.60s, %v", saved, again, err)
		}
	}
}

// A message that cannot be filled is an error, never half a sentence.
func TestMessagesThatCannotBeFilled(t *testing.T) {
	b := book(t, "office.in: {en: \"{x}\", ru: \"{x}\"}")
	deep := Say("office.in", Args{"x": "end"})
	for range maxDeep + 1 {
		deep = Say("office.in", Args{"x": deep})
	}
	for name, say := range map[string]Text{
		"no such message": Say("office.out", nil), "no such file": Say("home.in", nil), "no value": Say("office.in", nil), "too deep": deep,
	} {
		if s, err := b.Fill(English, say); err == nil {
			t.Errorf("%s: filled as %q", name, s)
		}
	}
}

// A mistake in a file of words is told with its place.
func TestMistakesInWords(t *testing.T) {
	for text, want := range map[string]string{
		`office.a: {en: "x"}`:                                     "office.a: missing in ru",
		`office.a: {en: "{n}", ru: "x"}`:                          "office.a: in ru it does not name the same values",
		`office.a: {en: "{n", ru: "x"}`:                           `line 1: office.a in en: a closing brace is missing, after "{n"`,
		`office.a: {en: "n}", ru: "x"}`:                           "a closing brace without an opening one",
		`office.a: {en: "{n, many}", ru: "x"}`:                    `"many" is not a way to show a value`,
		`office.a: {en: "{n, plural, one {x}}", ru: "x"}`:         "the last case must be other",
		`office.a: {en: "{n, select, other {x}", ru: "x"}`:        "a closing brace is missing",
		`office.a: {en: "{}", ru: "x"}`:                           "a value's name is missing",
		`office.a: {en: "x", ru: "x", de: "x"}`:                   `office.a: "de" is not a language`,
		`home.a: {en: "x", ru: "x"}`:                              "home.a does not begin with office",
		"office.a: {en: x, ru: x}\noffice.a: {en: y, ru: y}":      "already defined",
		"office.a: {en: {title: x, advice: [y]}, ru: {title: x}}": "office.a.advice.1: missing in ru",
	} {
		err := book(t, text).Problems()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{count, plural, =0 {no port is} one {# port is} other {# ports are}} '{'")
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := parse(s)
		if err != nil {
			return
		}
		args := Args{}
		for _, n := range parsed.names() {
			args[n] = 2
		}
		fill := filler{book: NewBook(nil), lang: Russian, g: grammarOf(Russian)}
		if _, err := fill.fill(parsed, args, nil); err != nil {
			t.Errorf("%q can be read but not filled: %v", s, err)
		}
	})
}

// What errors say is complete in every language.
func TestErrorWords(t *testing.T) {
	if p := errorPage(); p.err != nil || len(p.words) == 0 {
		t.Errorf("%d messages: %v", len(p.words), p.err)
	}
	seen := map[string]string{}
	for id, s := range errorPage().words {
		en, err := s.Fill(nil, English, exampleArgs(s))
		if err != nil {
			continue // it has choices
		}
		if other := seen[en]; other != "" && s[English].letters() > 0 {
			t.Errorf("%s and %s both say %q", id, other, en)
		}
		seen[en] = id
	}
}

func exampleArgs(s Sentence) Args {
	args := Args{}
	for _, name := range s.Names() {
		args[name] = "x"
	}
	return args
}

// A text that is data is shown in either language, now and out of a saved report.
func TestPhrases(t *testing.T) {
	b := NewBook(map[string][]byte{"office": []byte("office.note: {en: \"note: {note}\", ru: \"заметка: {note}\"}")})
	var note Phrase
	if err := yaml.Unmarshal([]byte("{en: busy, ru: занято}"), &note); err != nil {
		t.Fatal(err)
	}
	saved, err := json.Marshal(Say("office.note", Args{"note": note}))
	if err != nil {
		t.Fatal(err)
	}
	var again Text
	if err := json.Unmarshal(saved, &again); err != nil {
		t.Fatal(err)
	}
	for l, want := range map[Lang]string{English: "note: busy", Russian: "заметка: занято"} {
		if got, err := b.Fill(l, again); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, bad := range []string{"{en: busy}", "{en: busy, ru: занято, de: besetzt}", "[busy]"} {
		if err := yaml.Unmarshal([]byte(bad), &note); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// A code stays one, for a sentence to choose by it; an error is a sentence.
func TestCausesAreCodesOrSentences(t *testing.T) {
	b := NewBook(map[string][]byte{"office": []byte("office.why:\n  en: \"{why, select, slow {it is slow} other {{why}}}\"\n  ru: \"{why, select, slow {медленно} other {{why}}}\"\n")})
	for why, want := range map[Cause]string{"slow": "медленно", "interrupted": "прервано", "": "", "reading /x: no such file or directory": "чтение /x: нет такого файла или каталога", "strange": "strange"} {
		if got, err := b.Fill(Russian, Say("office.why", Args{"why": why})); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", why, got, err, want)
		}
	}
}
