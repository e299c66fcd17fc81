package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// english is three words in a row: shorter pieces are names and terms.
var english = regexp.MustCompile(`\b[a-z]{2,}[,:;]? [a-z]{2,}[,:;]? [a-z]{2,}\b`)

// console is what is typed on a box, inside a sentence.
var console = regexp.MustCompile(`\(config system [a-z-]+\)`)

var cyrillic = regexp.MustCompile(`\p{Cyrillic}`)

// A screen speaks one language. What is typed, and where a menu entry is found,
// is the same in both.
func TestAScreenSpeaksOneLanguage(t *testing.T) {
	files, err := filepath.Glob("../../testdata/reports/lab/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded offices: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if r, err = checks.Rejudge(r, all.Checks()); err != nil {
			t.Fatal(err)
		}
		typed := typedLines(r)
		for lang, wrong := range map[words.Lang]*regexp.Regexp{words.Russian: english, words.English: cyrillic} {
			for _, format := range []string{"text", "markdown"} {
				var b bytes.Buffer
				show := reporting{format: format, color: "never", verbose: true}
				if err := show.show(t.Context(), streams{Out: &b, Lang: lang}, r); err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(b.String()) {
					line = console.ReplaceAllString(strings.TrimSpace(line), "")
					if wrong.MatchString(line) && !slices.ContainsFunc(typed, func(s string) bool { return strings.Contains(line, s) }) {
						t.Errorf("%s as %s in %s: %s", filepath.Base(file), format, lang, line)
					}
				}
			}
		}
	}
}

// typedLines are the commands of a report.
func typedLines(r *checks.Report) (list []string) {
	for _, res := range r.Results {
		for _, f := range res.Findings {
			for _, x := range f.Fixes {
				list = append(list, slices.Concat(x.Commands, x.Undo, x.Verify)...)
			}
		}
	}
	return list
}

// What the commands say is complete in every language.
func TestOwnWords(t *testing.T) {
	if err := book().Problems(); err != nil {
		t.Error(err)
	}
}

func TestTheLanguageOfACommandLine(t *testing.T) {
	for line, want := range map[string]words.Lang{
		"check": words.English, "check --lang ru": words.Russian, "--lang=ru check": words.Russian, "check --lang": words.English,
		"check --lang fr": words.English, "lab clean -- echo --lang ru": words.English,
	} {
		if got := languageOf(strings.Fields(line)); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
