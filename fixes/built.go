package fixes

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A builtRow is a cure whose commands the program builds for the very machine,
// such as a rule at its position. What it is called, how it is verified and what
// stands behind it is data like that of any other.
type builtRow struct {
	Title      words.Sentence    `yaml:"title"`
	Note       words.Sentence    `yaml:"note"`
	Where      string            `yaml:"where"`
	Platform   string            `yaml:"platform"` // unless the caller knows it
	Persistent bool              `yaml:"persistent"`
	Choice     bool              `yaml:"choice"`
	Verify     []words.Sentence  `yaml:"verify"`
	Source     string            `yaml:"source"`
	Sources    map[string]string `yaml:"sources"` // by platform, instead of Source
}

//go:embed built.yaml
var builtFile []byte

// built returns the rows by ID. They are read once and never changed; tests
// refuse bad ones.
var built = sync.OnceValue(func() map[string]builtRow {
	rows, err := readBuilt(builtFile)
	if err != nil {
		panic(err)
	}
	return rows
})

func readBuilt(b []byte) (map[string]builtRow, error) {
	var rows map[string]builtRow
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil {
		return nil, fmt.Errorf("built.yaml: %w", err)
	}
	var errs []error
	for id, r := range rows {
		for _, fault := range r.faults(id) {
			errs = append(errs, fmt.Errorf("built.yaml: %s: %s", id, fault))
		}
	}
	return rows, errors.Join(errs...)
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

// Build makes the cure id of commands and those that take them back. platform is
// empty where it is always the same. The values fill title, note and the lines
// of verify; see Steps for commands that cannot be written.
func Build(id, platform string, args words.Args, steps ...command.Step) []Fix {
	r := built()[id]
	f := Fix{ID: id, Built: true, Args: args, Where: r.Where, Persistent: r.Persistent, Choice: r.Choice}
	f.Platform = cmp.Or(platform, r.Platform)
	f.Source = cmp.Or(r.Source, r.Sources[f.Platform])
	f.Verify = verifyLines(r, words.English, args)
	f.Say(words.English)
	return f.Steps(steps...)
}

// verifyLines are the lines of r that verify it, in l. One that lacks a value is
// left out, in every language.
func verifyLines(r builtRow, l words.Lang, args words.Args) (lines []string) {
	for _, line := range r.Verify {
		if s, err := line.Fill(nil, l, args); err == nil {
			lines = append(lines, s)
		}
	}
	return lines
}
