package fixes

import (
	_ "embed"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A Listed fix is one as it stands in the catalogue, with placeholders such as
// <address of the PBX> for what only a network can tell.
type Listed struct {
	Problem string `json:"problem"`
	From    string `json:"from,omitempty"`  // versions of the platform: from <= v < below
	Below   string `json:"below,omitempty"` //
	Fix
}

// Browse returns the fixes of one platform, of one problem or both; "" stands for
// all. They come by problem, then by platform, with their words in l. No program may
// run them: a line that has a placeholder is of no shell.
func Browse(problem, platform string, l words.Lang) []Listed {
	var out []Listed
	for _, p := range problemRows() {
		for _, d := range catalogue() {
			if problem != "" && problem != p.ID || platform != "" && platform != d.Platform {
				continue
			}
			for _, r := range d.Fixes {
				if r.Problem == p.ID {
					out = append(out, r.listed(d.Platform, l))
				}
			}
		}
	}
	return out
}

// listed is r with placeholders for what nobody knows.
func (r row) listed(platform string, l words.Lang) Listed {
	vals := values(r, nil, nil)
	for name, placeholder := range standIns() {
		if _, ok := vals[name]; !ok {
			vals[name] = placeholder
		}
	}
	f, _ := r.build(platform, vals) // all values are known
	for _, v := range f.Args {
		if s, _ := v.(string); f.Form == FormShell && isPlaceholder(s) {
			f.Form = FormConsole
		}
	}
	f.Say(l)
	out := Listed{Problem: r.Problem, From: r.From, Below: r.Below, Fix: f}
	if b := out.Bounds(); b != "" {
		out.Note = sentence(say(l, "fixes.versions", words.Args{"from": r.From, "below": r.Below, "bounds": b}), out.Note)
	}
	return out
}

// Bounds says which of From and Below bound the versions: from, below, both; "" for
// neither.
func (f Listed) Bounds() string {
	switch {
	case f.From != "" && f.Below != "":
		return "both"
	case f.From != "":
		return "from"
	case f.Below != "":
		return "below"
	}
	return ""
}

//go:embed placeholders.yaml
var placeholderFile []byte

// standIns stand for the variables, by their name, where nobody knows a value.
var standIns = sync.OnceValue(func() map[string]string {
	var table map[string]string
	if err := yaml.Unmarshal(placeholderFile, &table); err != nil {
		panic(err)
	}
	return table
})
