package fixes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// otherLanguages are those that the catalogue is translated into.
func otherLanguages() []words.Lang { return words.Languages()[1:] }

// saysIn reports whether s has a word in the script of l.
func saysIn(l words.Lang, s string) bool {
	return l != words.Russian || strings.ContainsFunc(s, isCyrillic)
}

func isCyrillic(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }

// isTyped reports whether a line of r is one to type. In a menu, in advice and
// between the lines of a console there are sentences too: those begin with a
// capital, and one about a command has a colon after it.
func (r row) isTyped(line string) bool {
	first, _ := utf8.DecodeRuneInString(line)
	return r.Form == FormShell || !unicode.IsUpper(first) && !strings.Contains(line, ": ")
}

// ordinaryWord is in the name of a box that is more than a proper name: "Linux
// with ufw".
var ordinaryWord = regexp.MustCompile(`\s[a-z]{3,}`)

// translationFaults lists what is wrong with a document's words in other
// languages. A name that is a proper name needs none; the place of a SIP ALG is
// given in each, because no rule can tell a menu from a sentence.
func (d document) translationFaults() (bad []string) {
	for _, l := range otherLanguages() {
		t := d.Translations[l]
		switch {
		case t.Name == "" && ordinaryWord.MatchString(d.Name):
			bad = append(bad, fmt.Sprintf("no name in %s", l))
		case t.Name != "" && !saysIn(l, t.Name):
			bad = append(bad, fmt.Sprintf("the name %q is not in %s", t.Name, l))
		}
		switch {
		case (t.SIPALG == "") != (d.SIPALG == ""):
			bad = append(bad, fmt.Sprintf("no sip_alg in %s, or one that is not in English", l))
		case t.SIPALG != d.SIPALG && !saysIn(l, t.SIPALG):
			bad = append(bad, fmt.Sprintf("the sip_alg %q is not in %s", t.SIPALG, l))
		}
	}
	return append(bad, unknownLanguages(d.Translations)...)
}

func unknownLanguages[T any](m map[words.Lang]T) (bad []string) {
	for _, l := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(otherLanguages(), l) {
			bad = append(bad, fmt.Sprintf("translations into %q, which the program does not speak", l))
		}
	}
	return bad
}

// translationFaults lists what is wrong with a row in other languages: words that
// are missing, or are not in that language, or name other values.
func (r row) translationFaults() []string {
	var bad []string
	check := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	for _, line := range r.lines() {
		check(!strings.ContainsFunc(line, isCyrillic), "%q is not English", line)
	}
	for _, l := range otherLanguages() {
		t := r.Translations[l]
		check(t.Title != "", "no title in %s", l)
		check(t.Title == "" || startsUpper(t.Title), "title in %s must be a verb phrase that starts with a capital", l)
		check((t.Note == "") == (r.Note == ""), "note in %s is missing, or has no note in English", l)
		check(!shouts.MatchString(t.Title) && !shouts.MatchString(t.Note), "no exclamation marks")
		check(!sourcePattern.MatchString(r.Source) || sourceSaidIn(l, r.Source), "source %q has no words in %s, in phrases.yaml", r.Source, l)
		bad = append(bad, sentenceFaults(l, r.Title, t.Title)...)
		bad = append(bad, sentenceFaults(l, r.Note, t.Note)...)
		if !r.FromCommon { // its lines are those of the documents
			bad = append(bad, r.linesFaults(l, "commands", r.Commands, t.Commands)...)
		}
		bad = append(bad, r.linesFaults(l, "undo", r.Undo, t.Undo)...)
		bad = append(bad, r.linesFaults(l, "verify", r.Verify, t.Verify)...)
	}
	return append(bad, unknownLanguages(r.Translations)...)
}

// plainSource is an address, or manual pages.
var plainSource = regexp.MustCompile(`^(https?://\S+|[a-z0-9.-]+\([1-8]\)(, [a-z0-9.-]+\([1-8]\))*)$`)

// sourceSaidIn reports whether a source can be named in l.
func sourceSaidIn(l words.Lang, source string) bool {
	return plainSource.MatchString(source) || saysIn(l, phrases()[source][l])
}

// linesFaults compares lines with those in l. None in l stands for the same.
func (r row) linesFaults(l words.Lang, what string, lines, in []string) (bad []string) {
	if len(in) == 0 {
		in = lines
	}
	if len(in) != len(lines) {
		return []string{fmt.Sprintf("%s in %s has %d lines, not %d", what, l, len(in), len(lines))}
	}
	for i, line := range lines {
		switch {
		case !r.isTyped(line):
			bad = append(bad, sentenceFaults(l, line, in[i])...)
		case in[i] != line:
			bad = append(bad, fmt.Sprintf("%q is to be typed and the same in every language, not %q", line, in[i]))
		}
	}
	return bad
}

// sentenceFaults compares a sentence with what it is in l; "" was reported
// already.
func sentenceFaults(l words.Lang, english, in string) (bad []string) {
	if in == "" {
		return nil
	}
	if !saysIn(l, in) {
		bad = append(bad, fmt.Sprintf("%q is not in %s", in, l))
	}
	if !printableLine(in) {
		bad = append(bad, fmt.Sprintf("%q is not one printable line without spaces around it", in))
	}
	want, _ := variables(english)
	got, err := variables(in)
	if err != nil {
		bad = append(bad, fmt.Sprintf("%q: %v", in, err))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
		bad = append(bad, fmt.Sprintf("%q does not name the variables of %q", in, english))
	}
	return bad
}
