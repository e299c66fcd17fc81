package render

import (
	"bytes"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// everyFormat is every way in which a report can be shown.
var everyFormat = map[string]func(io.Writer, *checks.Report) error{
	"text":     func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{}) },
	"colour":   func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{Color: true}) },
	"ascii":    func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{ASCII: true}) },
	"quiet":    func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{Quiet: true}) },
	"verbose":  func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{Verbose: true}) },
	"narrow":   func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{Width: 40}) },
	"wide":     func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{Width: 160}) },
	"russian":  func(w io.Writer, r *checks.Report) error { return Text(w, r, TextOptions{Lang: words.Russian}) },
	"json":     func(w io.Writer, r *checks.Report) error { return JSON(w, r, JSONOptions{}) },
	"markdown": func(w io.Writer, r *checks.Report) error { return Markdown(w, r, words.English) },
	"svg":      func(w io.Writer, r *checks.Report) error { return Picture(w, r, words.English) },
	"html":     func(w io.Writer, r *checks.Report) error { return HTML(w, r, HTMLOptions{Fill: fillAll}) },
	"page":     func(w io.Writer, r *checks.Report) error { return HTML(w, r, HTMLOptions{Lang: words.Russian}) },
	"junit":    func(w io.Writer, r *checks.Report) error { return JUnit(w, r, words.English) },
	"nagios":   func(w io.Writer, r *checks.Report) error { return Nagios(w, r, "WARNING", words.English) },
}

// bookOfAll holds the words of every check.
var bookOfAll = sync.OnceValue(func() *words.Book { return checks.BookOf(all.Checks()) })

func fillAll(r *checks.Report, l words.Lang) { checks.Fill(r, bookOfAll(), l) }

func savedReports(t testing.TB) map[string]*checks.Report {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/reports/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no saved reports: %v", err)
	}
	out := map[string]*checks.Report{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = r
	}
	return out
}

func shownAs(t *testing.T, format string, r *checks.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := everyFormat[format](&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// inBase64 is the picture within Markdown, which has a golden of its own.
var inBase64 = regexp.MustCompile(`base64,[A-Za-z0-9+/=]+`)

// A saved report shows the same way it did when the golden was looked at.
func TestSavedReportsShowAsBefore(t *testing.T) {
	endings := map[string]string{"text": ".txt", "verbose": ".verbose.txt", "ascii": ".ascii.txt", "markdown": ".md", "junit": ".xml", "nagios": ".nagios.txt", "svg": ".svg"}
	for name, r := range savedReports(t) {
		for format, ending := range endings {
			t.Run(name+" as "+format, func(t *testing.T) {
				got := inBase64.ReplaceAllString(shownAs(t, format, r), "base64,the picture")
				golden := filepath.Join("testdata", name+ending)
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("changed (-before +now), accept with -update:\n%s", diff)
				}
			})
		}
	}
}

// Saved output is input: what was written is read, and written again byte for
// byte.
func TestSavedJSONIsWrittenBackUnchanged(t *testing.T) {
	for name, r := range savedReports(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("../../../testdata/reports", name+".json")
			got := shownAs(t, "json", r)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("read and written again (-file +now):\n%s", diff)
			}
		})
	}
}

// SIP is full of angle brackets; they are written as they are, and a backslash
// that a stranger sent stays one.
func TestJSONShowsAngleBracketsAsTheyAre(t *testing.T) {
	r := &checks.Report{Results: []checks.Result{{Observed: []byte(`{"a":"\u003csip:x@y\u003e \u0026 \\u003c \n"}`)}}}
	if out := shownAs(t, "json", r); !strings.Contains(out, `"a": "<sip:x@y> & \\u003c \n"`) {
		t.Error(out)
	}
}

// A router that calls itself "\x1b[2J" must not clear the technician's screen.
func TestNothingThatATerminalObeysIsPrinted(t *testing.T) {
	hostile := savedReports(t)["hostile"]
	for format := range everyFormat {
		if format == "json" {
			continue // escaped by the format itself, see below
		}
		t.Run(format, func(t *testing.T) {
			out := shownAs(t, format, hostile)
			for _, sgr := range []style{bold, dim, red, green, yellow} {
				out = strings.ReplaceAll(out, "\x1b["+string(sgr)+"m", "")
			}
			out = strings.ReplaceAll(out, "\x1b[0m", "")
			for i, r := range out {
				if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x202e || r == utf8.RuneError) {
					t.Fatalf("%U at byte %d: %q", r, i, out[max(0, i-20):min(len(out), i+20)])
				}
			}
		})
	}
	if out := shownAs(t, "json", hostile); strings.ContainsAny(out, "\x00\x07\x1b") {
		t.Error("JSON holds raw control characters")
	}
}

// What a stranger calls itself is no HTML and no table in a ticket.
func TestMarkdownOfStrangersIsNoMarkup(t *testing.T) {
	out := shownAs(t, "markdown", savedReports(t)["hostile"])
	for _, l := range strings.Split(out, "\n") {
		outside := l
		for strings.Count(outside, "`") >= 2 {
			a := strings.IndexByte(outside, '`')
			b := a + 1 + strings.IndexByte(outside[a+1:], '`')
			outside = outside[:a] + outside[b+1:]
		}
		if strings.Contains(outside, "<") {
			t.Errorf("markup outside of code: %q", l)
		}
	}
}

// Commands stand whole on their line, whatever their length; everything else
// fits 80 columns.
func TestTextFitsEightyColumnsAndCommandsStayWhole(t *testing.T) {
	for name, r := range savedReports(t) {
		if name == "hostile" {
			continue // its commands, sources and names are one endless word
		}
		whole := map[string]bool{}
		for _, res := range r.Results {
			for _, f := range res.Findings {
				for _, fix := range f.Fixes {
					for _, c := range append(append(append([]string{fix.Source}, fix.Commands...), fix.Undo...), fix.Verify...) {
						whole[c] = true
					}
				}
			}
		}
		for _, format := range []string{"text", "ascii", "verbose"} {
			out := shownAs(t, format, r)
			for _, l := range strings.Split(out, "\n") {
				if n := utf8.RuneCountInString(l); n > 80 && !whole[strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(l, "   source"), "   undo"), " ")] {
					t.Errorf("%s as %s: %d columns: %s", name, format, n, l)
				}
			}
		}
		for _, res := range r.Results {
			for _, f := range res.Findings {
				for _, fix := range f.Fixes {
					for _, c := range fix.Commands {
						if !strings.Contains(shownAs(t, "verbose", r), "\n     "+c+"\n") {
							t.Errorf("%s: command does not stand alone: %s", name, c)
						}
					}
				}
			}
		}
	}
}

func TestASCIIStaysASCII(t *testing.T) {
	for name, r := range savedReports(t) {
		for i, c := range []byte(shownAs(t, "ascii", r)) {
			if c >= 0x80 {
				t.Fatalf("%s: byte %#x at %d", name, c, i)
			}
		}
	}
}

// Without a responder the text says what one would add, and how to start it;
// with one it says nothing of the kind.
func TestResponderIsOfferedOnlyWhenItWasMissing(t *testing.T) {
	all := savedReports(t)
	if !strings.Contains(shownAs(t, "text", all["inconclusive"]), "sipdoctor serve") {
		t.Error("no hint at a responder")
	}
	if strings.Contains(shownAs(t, "text", all["clean"]), "sipdoctor serve") {
		t.Error("a responder is offered to someone who has one")
	}
}

// What an unplugged cable explains is told in two words, not in ten faults.
func TestWhatTheCauseExplainsIsFolded(t *testing.T) {
	out := shownAs(t, "text", savedReports(t)["no-network"])
	if !strings.Contains(out, "explained by uplink") || strings.Contains(out, "network is unreachable") {
		t.Errorf("not folded:\n%s", out)
	}
}

// Evidence is broken between words where it has some, and no blank is lost: it
// may be the blank that the ALG added.
func TestEvidenceKeepsEveryByte(t *testing.T) {
	for _, s := range []string{"", "short", "Via:  SIP/2.0/UDP   192.168.88.10:5060 ;rport", strings.Repeat("x", 95), "ends with blanks   ", strings.Repeat("täglich ", 20)} {
		pieces := chop(s, 20)
		if got := strings.Join(pieces, ""); got != s {
			t.Errorf("%q became %q", s, got)
		}
		for _, p := range pieces {
			if cells(p) > 20 {
				t.Errorf("%q is too long", p)
			}
		}
	}
	if diff := cmp.Diff([]string{"none of 5 tries ", "arrived"}, chop("none of 5 tries arrived", 20)); diff != "" {
		t.Error(diff)
	}
}

func FuzzQuoteNeverPrintsControl(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[2J\x9b31m\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Quote(s) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				t.Fatalf("%U in %q", r, Quote(s))
			}
		}
		if Quote(Quote(s)) != Quote(s) {
			t.Fatal("quoting twice changes the text")
		}
		for _, c := range []byte(plainASCII(Quote(s))) {
			if c >= 0x80 {
				t.Fatalf("not ASCII: %q", plainASCII(Quote(s)))
			}
		}
	})
}

// The words around a report are complete in every language.
func TestOwnWords(t *testing.T) {
	if err := book().Problems(); err != nil {
		t.Error(err)
	}
}

// A page is as wide as the terminal; only what is typed or quoted may be longer.
func TestAPageFitsTheTerminal(t *testing.T) {
	for name, r := range savedReports(t) {
		if name == "hostile" {
			continue
		}
		typed := map[string]bool{}
		for _, res := range r.Results {
			for _, f := range res.Findings {
				for _, x := range f.Fixes {
					for _, line := range slices.Concat(x.Commands, x.Undo, x.Verify, []string{x.Source}) {
						typed[line] = true
					}
				}
			}
		}
		for format, columns := range map[string]int{"narrow": 40, "text": 80, "wide": 160} {
			for line := range strings.Lines(shownAs(t, format, r)) {
				line = strings.TrimRight(line, "\n")
				long := slices.ContainsFunc(slices.Collect(maps.Keys(typed)), func(s string) bool { return strings.HasSuffix(line, s) })
				if cells(line) > columns && !long && len(strings.Fields(line)) > 1 {
					t.Errorf("%s in %d columns: %q", name, columns, line)
				}
			}
		}
	}
}

func TestANumberKeepsItsUnit(t *testing.T) {
	if got := Wrap("the router forgets it after 30 s, at 100 %", 29); !slices.Equal(got, []string{"the router forgets it after", "30 s, at 100 %"}) {
		t.Errorf("%q", got)
	}
}
