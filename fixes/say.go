package fixes

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

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
// with. A fix that this program does not know keeps those it has.
func (f *Fix) Say(l words.Lang) {
	switch {
	case len(f.Parts) > 0:
		f.sayParts(l)
		return
	case f.Built:
		f.sayBuilt(l)
		return
	}
	for _, d := range catalogue() {
		if d.Platform != f.Platform {
			continue
		}
		for _, r := range d.Fixes {
			if r.ID == f.ID {
				f.sayRow(r, l)
			}
		}
	}
}

func (f *Fix) sayBuilt(l words.Lang) {
	r := built()[f.ID]
	for into, s := range map[*string]words.Sentence{&f.Title: r.Title, &f.Note: r.Note} {
		if text, err := s.Fill(nil, l, f.Args); err == nil && text != "" {
			*into = text
		}
	}
}

// sayRow writes title and note anew; lines to type stay as they are.
func (f *Fix) sayRow(r row, l words.Lang) {
	again := *f
	x := filling{vals: map[string]string{}, ok: true, used: words.Args{}}
	for name, v := range f.Args {
		if s, ok := v.(string); ok {
			x.vals[name] = s
		}
	}
	x.say(&again, r, l)
	if !x.ok {
		return
	}
	f.Title, f.Note = again.Title, again.Note
	if f.Form == FormMenu || f.Form == FormAdvice {
		f.Commands, f.Undo = again.Commands, again.Undo
	}
}

// sayParts writes the first part's title, every note once, and the lines of
// menus and advice.
func (f *Fix) sayParts(l words.Lang) {
	var notes, commands, undo []string
	for i, p := range f.Parts {
		part := Fix{ID: p.ID, Platform: p.Platform, Built: p.Built, Args: p.Args, Form: f.Form}
		part.Say(l)
		if i == 0 && part.Title != "" {
			f.Title = part.Title
		}
		if part.Note != "" && !slices.Contains(notes, part.Note) {
			notes = append(notes, part.Note)
		}
		commands, undo = union(commands, part.Commands), union(part.Undo, undo)
	}
	if len(notes) > 0 {
		f.Note = strings.Join(notes, " ")
	}
	if len(commands) > 0 {
		f.Commands, f.Undo = commands, undo
	}
}
