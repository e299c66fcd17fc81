package fixes

import (
	"bytes"
	"cmp"
	_ "embed"
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
	var rows map[string]builtRow
	dec := yaml.NewDecoder(bytes.NewReader(builtFile))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil {
		panic(err)
	}
	return rows
})

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

// ByHand makes the cure id of lines that a person puts into files, or types: where
// the files are copies, or belong to a program. The values fill title and note.
func ByHand(id string, args words.Args, lines, undo []string) []Fix {
	if len(lines) == 0 {
		return nil
	}
	r := built()[id]
	f := Fix{ID: id, Built: true, Args: args, Where: r.Where, Platform: r.Platform, Form: FormAdvice, Source: r.Source, Commands: lines, Undo: undo}
	f.Verify = verifyLines(r, words.English, args)
	f.Say(words.English)
	return []Fix{f}
}

// Typed makes the cure id of commands for a box's own command line, which the caller
// has tried on a model of the box. The values fill title, note and the lines of verify.
func Typed(id string, args words.Args, lines, undo []string) []Fix {
	list := ByHand(id, args, lines, undo)
	for i := range list {
		list[i].Form, list[i].Persistent = FormConsole, built()[id].Persistent
	}
	return list
}
