package render

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/width"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// terminalColumns is how many columns of a terminal a line takes.
func terminalColumns(s string) (n int) {
	for _, r := range s {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// figure is one of the figures as the Monitoring Plugins' guidelines have them
// ("Performance data"): a name, a value with its unit, and ranges.
var figure = regexp.MustCompile(`^[a-z_]+=-?[0-9.]+(s|ms|%)?(;[0-9.]*:?){0,3}$`)

// Whatever a report says, the first line fits, and figures follow the only bar.
func TestAPluginsOutput(t *testing.T) {
	reports := savedReports(t)
	for headline, text := range map[string]string{
		"chinese": strings.Repeat("线路没有应答", 20), "few wide characters": strings.Repeat("线", 35), "russian": strings.Repeat("Маршрутизатор ", 9),
		"combining": strings.Repeat("e\u0301", 90), "bars": "a | b=1;2;3 | c", "lines": "one\ntwo=1\n|x=1", "control": "\x1b[2Jx", "nothing": "",
	} {
		reports[headline] = &checks.Report{Verdict: checks.Fail, Says: checks.Says{Headline: words.Literal(text)}, Headline: text}
	}
	for name, r := range reports {
		for _, l := range []words.Lang{words.English, words.Russian} {
			var b bytes.Buffer
			if err := Nagios(&b, r, "CRITICAL", l); err != nil {
				t.Fatal(err)
			}
			first, rest, _ := strings.Cut(b.String(), "\n")
			text, figures, _ := strings.Cut(first, " | ")
			if n := terminalColumns(text); n >= 80 || !strings.HasPrefix(text, "SIPDOCTOR CRITICAL - ") {
				t.Errorf("%s: %d columns: %s", name, n, text)
			}
			if strings.Contains(text+rest, "|") || strings.ContainsFunc(first, unicode.IsControl) {
				t.Errorf("%s: a bar or a control character where none may be:\n%s", name, &b)
			}
			for f := range strings.FieldsSeq(figures) {
				if !figure.MatchString(f) {
					t.Errorf("%s: %q is no figure", name, f)
				}
			}
		}
	}
}

func TestALineIsCutWhereItMustBe(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "1234567890": "1234567890", "12345678901": "123456789…", "12345678 01": "12345678…",
		"线线线线线": "线线线线线", "线线线线线1": "线线线线…", "1线线线线线": "1线线线线…", "e\u0301234567890": "e\u0301234567890", "e\u03012345678901": "e\u030123456789…",
	} {
		if got := clip(text, 10); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A certificate's figure is how long it still held when it was seen, and its ranges say
// when that is worth a warning.
func TestACertificateAsAFigure(t *testing.T) {
	r := savedReports(t)["clean"]
	fact := signalling.Fact{Transport: "tls", Status: signalling.Answered, Certificate: &signalling.CertFact{NotAfter: r.Started.AddDate(0, 0, 2)}}
	r.Results = []checks.Result{{Check: "signalling", Status: checks.Warn, Facts: []signalling.Fact{fact}}}
	var b bytes.Buffer
	if err := Nagios(&b, r, "WARNING", words.English); err != nil || !strings.Contains(b.String(), " certificate_tls=172800s;1209600:;0: ") {
		t.Errorf("%v\n%s", err, &b)
	}
}
