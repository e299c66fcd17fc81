package judged

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A reader holds what a judge says to its words: every message exists in every
// language with every value, and no value is given that nothing names.
type reader struct {
	book   *words.Book
	faults map[string]bool
}

func newReader(c *checks.Check) *reader {
	r := &reader{checks.BookOf([]*checks.Check{c}), map[string]bool{}}
	if err := r.book.Problems(); err != nil {
		r.faults[err.Error()] = true
	}
	return r
}

func (r *reader) read(res checks.Result) {
	for _, t := range append(slices.Clone(res.Says.Notes), res.Says.Headline, res.Says.Summary, res.Says.Reason) {
		r.value(t)
	}
	for _, f := range res.Findings {
		r.finding(f)
		for _, e := range f.Evidence {
			for _, v := range e.Says {
				r.value(v)
			}
		}
	}
}

func (r *reader) finding(f checks.Finding) {
	id := f.Words()
	if !r.book.Has(id + ".title") {
		return // its words are not messages yet
	}
	texts := []string{id + ".title", id + ".explanation"}
	for n := 1; r.book.Has(id + ".advice." + strconv.Itoa(n)); n++ {
		texts = append(texts, id+".advice."+strconv.Itoa(n))
	}
	used := map[string]bool{}
	for _, text := range texts {
		r.fill(words.Say(text, f.Args))
		names, _ := r.book.Names(text) // fill told what is wrong
		for _, n := range names {
			used[n] = true
		}
	}
	r.unused(id, f.Args, used)
	for _, v := range f.Args {
		r.value(v)
	}
}

// value reads the messages in a value.
func (r *reader) value(v any) {
	switch v := v.(type) {
	case words.Text:
		if v.IsZero() {
			return
		}
		r.fill(v)
		// A title has the values of its whole finding.
		if names, err := r.book.Names(v.ID); err == nil && !strings.HasSuffix(v.ID, ".title") {
			used := map[string]bool{}
			for _, n := range names {
				used[n] = true
			}
			r.unused(v.ID, v.Args, used)
		}
		for _, inner := range v.Args {
			r.value(inner)
		}
	case []words.Text:
		for _, t := range v {
			r.value(t)
		}
	}
}

func (r *reader) fill(t words.Text) {
	for _, l := range words.Languages() {
		if _, err := r.book.Fill(l, t); err != nil {
			r.faults[fmt.Sprintf("in %s: %v", l, err)] = true
		}
	}
}

func (r *reader) unused(id string, given words.Args, used map[string]bool) {
	for name := range given {
		if !used[name] {
			r.faults[fmt.Sprintf("%s is given %s, which it does not name", id, name)] = true
		}
	}
}

func (r *reader) all() []string { return slices.Sorted(maps.Keys(r.faults)) }

// Of is what the judge of c says of an observation, as a run has it: doubts about
// the responder included. Every sentence of it must exist in every language.
func Of(t *testing.T, c *checks.Check, observed any, h *netinfo.Host) checks.Result {
	t.Helper()
	raw, err := json.Marshal(observed)
	if err != nil {
		t.Fatal(err)
	}
	res := c.Judge(raw, h)
	said := &reader{checks.BookOf([]*checks.Check{c}), map[string]bool{}}
	said.read(res)
	for _, fault := range said.all() {
		t.Errorf("words.yaml: %s", fault)
	}
	return res
}
