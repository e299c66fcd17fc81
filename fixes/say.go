package fixes

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

var book = sync.OnceValue(func() *words.Book { return words.NewBook(map[string][]byte{"fixes": ownWords}) })

// say is a sentence of this package's own words.
func say(l words.Lang, id string, args words.Args) string {
	s, err := book().Fill(l, words.Say(id, args))
	if err != nil {
		return id // its test finds it
	}
	return s
}

// Say writes the sentences of f in language l, with the values that it was made
// with. A fix that this program does not know keeps those it has, and so does a
// line that is not the row's.
func (f *Fix) Say(l words.Lang) {
	var notes []string
	lines := map[string]string{} // in any language, to l
	for i, p := range f.parts() {
		now := p.in(l)
		if i == 0 {
			f.Title = cmp.Or(now.Title, f.Title)
		}
		if now.Note != "" && !slices.Contains(notes, now.Note) {
			notes = append(notes, now.Note)
		}
		for _, from := range words.Languages() {
			was := p.in(from)
			for n, line := range was.Commands {
				lines[line] = now.Commands[n]
			}
		}
	}
	if len(notes) > 0 {
		f.Note = strings.Join(notes, " ")
	}
	f.Source = phraseIn(f.Source, l)
	for _, list := range []*[]string{&f.Commands, &f.Undo, &f.Verify, &f.UnverifiedLines} {
		*list = slices.Clone(*list)
		for i, line := range *list {
			(*list)[i] = cmp.Or(lines[line], line)
		}
	}
	// A report of another version may have other lines, and then keeps its makers.
	row := f.parts()[0].in(l)
	if own := len(row.Commands) - len(row.Undo) - len(row.Verify); slices.Equal(f.Commands, row.Commands[:own]) {
		f.Makers = row.Makers
	}
}

// in is what p says in l: title, note, and every line as one of Commands. There
// are as many lines in every language. It is empty where this program does not
// know p, or p lacks a value.
func (p Part) in(l words.Lang) (f Fix) {
	if p.Built {
		r := built()[p.ID]
		f.Title, _ = r.Title.Fill(nil, l, p.Args)
		f.Note, _ = r.Note.Fill(nil, l, p.Args)
		f.Commands = verifyLines(r, l, p.Args)
	} else if r := findRow(catalogue(), p.Platform+"/"+p.ID); r != nil {
		f = r.said(l, p.Args)
	}
	f.Commands = append(f.Commands, stepLines(p.Args, l)...)
	return f
}

// said is what r says in l with the values of args.
func (r row) said(l words.Lang, args words.Args) (f Fix) {
	x := filling{vals: map[string]string{}, lang: l, ok: true, used: words.Args{}}
	for name, v := range args {
		if s, ok := v.(string); ok {
			x.vals[name] = s
		}
	}
	x.say(&f, r)
	if !x.ok {
		return Fix{}
	}
	f.Commands = slices.Concat(f.Commands, f.Undo, f.Verify)
	return f
}

//go:embed phrases.yaml
var phraseFile []byte

// phrases are what several rows have, by their English: placeholders and sources.
var phrases = sync.OnceValue(func() map[string]map[words.Lang]string {
	var table map[string]map[words.Lang]string
	if err := yaml.Unmarshal(phraseFile, &table); err != nil {
		panic(err)
	}
	return table
})

// englishPhrases are the same the other way round.
var englishPhrases = sync.OnceValue(func() map[string]string {
	table := map[string]string{}
	for english, in := range phrases() {
		for _, phrase := range in {
			table[phrase] = english
		}
	}
	return table
})

// phraseIn is a phrase of any language in l; one that is not in the table stays.
func phraseIn(phrase string, l words.Lang) string {
	phrase = cmp.Or(englishPhrases()[phrase], phrase)
	return cmp.Or(phrases()[phrase][l], phrase)
}

// placeholderPattern does not match a redirection, which has a blank.
var placeholderPattern = regexp.MustCompile(`<[A-Za-z][^<>]*>`)

// placeholdersIn is line, which is English, with its placeholders in l.
func placeholdersIn(line string, l words.Lang) string {
	if l == words.English {
		return line
	}
	return placeholderPattern.ReplaceAllStringFunc(line, func(p string) string { return phraseIn(p, l) })
}
