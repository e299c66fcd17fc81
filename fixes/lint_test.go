package fixes

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

var (
	kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

	// A source is an address, or a public document that a reader can find by
	// its name.
	sourcePattern = regexp.MustCompile(`^(https?://\S+\.\S+|RFC \d+.*|Linux kernel, .+|[a-z0-9.-]+\([1-8]\).*|.+ \((public guide|public configurations)\))$`)

	// In a shell "<name>" would read a file; a redirection has a space.
	shellPlaceholder = regexp.MustCompile(`<[A-Za-z]`)

	shouts = regexp.MustCompile(`!(\s|$)`) // "FRITZ!Box" does not

	wayPattern = regexp.MustCompile(`^(udp|tcp|tls) [1-9]\d{0,4}$`)

	versionPattern = regexp.MustCompile(`^\d+(\.\d+)*$`)
)

// generalKnowledge is the source of a row that has none; such a row must be
// marked unverified.
const generalKnowledge = "general knowledge"

// places are the boxes a cure may be for.
func places() []string { return []string{"this-host", "router", "pbx", "provider", "phone", "isp"} }

func kinds() []string { return []string{kindRouter, kindPBX, kindComputer, kindAny} }

// lint reads a catalogue and returns all that is wrong with it, each with file
// and line. Only tests look: what is embedded in the program has passed them.
func lint(fsys fs.FS) error {
	docs, err := readCatalogue(fsys, "catalogue")
	errs := []error{err}
	for _, d := range docs {
		errs = append(errs, d.validate())
	}
	return errors.Join(errs...)
}

func (d document) validate() error {
	var errs []error
	if !kebab.MatchString(d.Platform) || strings.TrimSpace(d.Name) == "" {
		errs = append(errs, fmt.Errorf("catalogue/%s.yaml: platform and name must not be empty", d.Platform))
	}
	if !slices.Contains(kinds(), d.kind()) {
		errs = append(errs, fmt.Errorf("catalogue/%s.yaml: kind %q is unknown", d.Platform, d.Kind))
	}
	if d.Common && d.SIPALG == "" {
		errs = append(errs, fmt.Errorf("catalogue/%s.yaml: common without sip_alg", d.Platform))
	}
	for _, fault := range d.translationFaults() {
		errs = append(errs, fmt.Errorf("catalogue/%s.yaml: %s", d.Platform, fault))
	}
	for _, t := range d.Connections {
		errs = append(errs, t.faults("catalogue/"+d.Platform+".yaml: connections"))
	}
	seen := map[string]bool{}
	for _, r := range d.Fixes {
		if seen[r.ID] {
			errs = append(errs, fmt.Errorf("%s: id %q stands twice", r.at, r.ID))
		}
		seen[r.ID] = true
		for _, problem := range r.faults() {
			errs = append(errs, fmt.Errorf("%s: %s: %s", r.at, r.ID, problem))
		}
	}
	return errors.Join(errs...)
}

// faults lists what is wrong with a row, in words.
func (r row) faults() []string {
	var bad []string
	check := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	check(kebab.MatchString(r.ID), "id must be lower-kebab-case")
	check(slices.Contains(problems(), r.Problem), "problem %q is unknown", r.Problem)
	check(slices.Contains(places(), r.Where), "where %q is unknown", r.Where)
	check(slices.Contains([]string{FormShell, FormConsole, FormMenu, FormAdvice}, r.Form), "form %q is unknown", r.Form)
	check(startsUpper(r.Title), "title must be a verb phrase that starts with a capital")
	check(len(r.Commands) > 0, "no commands")
	check(r.Form == FormAdvice || len(r.Undo) > 0, "changes state but has no undo")
	check(len(r.Verify)+len(checkCommand(r.Problem)) > 0, "no verify")
	check(sourcePattern.MatchString(r.Source) || r.Unverified && r.Source == generalKnowledge,
		"source %q is neither an address nor a named public document", r.Source)
	check(r.Source != "", "no source")
	check(!r.Unverified || len(r.UnverifiedLines) == 0, "unverified already speaks of all lines")
	check(!strings.Contains(r.Note, generalKnowledge), "the note says %q: say which lines are not verified, in unverified_lines", generalKnowledge)
	check(r.ReliesOn == "" || wayPattern.MatchString(r.ReliesOn), "relies_on %q is not a transport and a port, such as \"tls 5061\"", r.ReliesOn)
	check(!r.IfProven || r.ReliesOn != "", "if_proven without relies_on")
	for _, line := range r.UnverifiedLines {
		check(slices.Contains(slices.Concat(r.Commands, r.Undo, r.Verify), line), "unverified line %q is none of the row's lines", line)
	}
	for _, v := range []string{r.From, r.Below} {
		check(v == "" || versionPattern.MatchString(v), "version %q is not digits and dots", v)
	}
	check(!shouts.MatchString(r.Title) && !shouts.MatchString(r.Note), "no exclamation marks")
	for _, line := range slices.Concat([]string{r.Title, r.Note, r.Source}, r.Commands, r.Undo, r.Verify) {
		check(printableLine(line), "%q is not one printable line without spaces around it", line)
	}
	for _, line := range slices.Concat(r.Commands, r.Undo) {
		check(r.Form != FormShell || !shellPlaceholder.MatchString(line), "placeholder in a shell command: %q", line)
	}
	bad = append(bad, r.variableFaults()...)
	bad = append(bad, r.placeholderFaults()...)
	return append(bad, r.translationFaults()...)
}

// placeholderFaults refuses placeholders that no other language has.
func (r row) placeholderFaults() (bad []string) {
	if r.Form == FormShell {
		return nil // they are refused anyway
	}
	lines := slices.Concat(r.lines(), slices.Sorted(maps.Values(r.Defaults)))
	for _, p := range placeholderPattern.FindAllString(strings.Join(lines, "\n"), -1) {
		for _, l := range otherLanguages() {
			if t := phrases()[p][l]; !isPlaceholder(t) || !saysIn(l, t) {
				bad = append(bad, fmt.Sprintf("placeholder %s has no words in %s, in phrases.yaml", p, l))
			}
		}
	}
	return slices.Compact(bad)
}

// variableFaults refuses unknown variables, defaults nobody uses, and
// placeholders in shell commands, where < and > would redirect.
func (r row) variableFaults() []string {
	var bad []string
	used := map[string]bool{}
	for _, line := range r.lines() {
		names, err := variables(line)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%q: %v", line, err))
		}
		for _, n := range names {
			used[n] = true
			if !slices.Contains(knownVariables(), n) {
				bad = append(bad, fmt.Sprintf("variable %s is unknown", n))
			}
		}
	}
	for n, v := range r.Defaults {
		if !used[n] {
			bad = append(bad, fmt.Sprintf("default for %s, which no line uses", n))
		}
		if isPlaceholder(v) && r.Form == FormShell {
			bad = append(bad, fmt.Sprintf("placeholder %s in a shell command", v))
		}
		if !isPlaceholder(v) && !command.IsPlain(v) {
			bad = append(bad, fmt.Sprintf("default %q for %s is no plain value", v, n))
		}
	}
	slices.Sort(bad)
	return bad
}

// variables returns the names that line uses.
func variables(line string) ([]string, error) {
	var names []string
	for _, m := range variablePattern.FindAllStringSubmatch(line, -1) {
		names = append(names, m[1])
	}
	rest := variablePattern.ReplaceAllString(line, "")
	if strings.Contains(rest, "{{") && strings.Contains(rest, "}}") {
		return names, errors.New("braces that are no {{.Variable}}")
	}
	return names, nil
}

func (r row) lines() []string {
	return slices.Concat([]string{r.Title, r.Note}, r.Commands, r.Undo, r.Verify)
}

func startsUpper(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(first) && !strings.HasSuffix(s, ".")
}

func printableLine(s string) bool {
	return s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

// faults lists what is wrong with a row.
func (t tableRow) faults(at string) error {
	var errs []error
	if t.Size < 1024 {
		errs = append(errs, fmt.Errorf("%s: a table of %d connections", at, t.Size))
	}
	if !sourcePattern.MatchString(t.Source) {
		errs = append(errs, fmt.Errorf("%s: source %q is neither an address nor a named public document", at, t.Source))
	}
	for _, v := range []string{t.From, t.Below} {
		if v != "" && !versionPattern.MatchString(v) {
			errs = append(errs, fmt.Errorf("%s: version %q is not digits and dots", at, v))
		}
	}
	return errors.Join(errs...)
}

func (r builtRow) faults(id string) (bad []string) {
	check := func(ok bool, what string) {
		if !ok {
			bad = append(bad, what)
		}
	}
	check(kebab.MatchString(id), "the ID must be lower-kebab-case")
	check(len(r.Title) > 0, "no title")
	check(slices.Contains(places(), r.Where), "where is unknown")
	check(len(r.Verify) > 0, "no verify")
	check((r.Source == "") != (len(r.Sources) == 0), "either source or sources")
	for _, s := range append(slices.Collect(maps.Values(r.Sources)), r.Source) {
		check(s == "" || sourcePattern.MatchString(s), fmt.Sprintf("source %q is neither an address nor a named public document", s))
		for _, l := range otherLanguages() {
			check(s == "" || sourceSaidIn(l, s), fmt.Sprintf("source %q has no words in %s, in phrases.yaml", s, l))
		}
	}
	return bad
}
