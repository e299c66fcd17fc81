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
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A reader holds what a judge says to its words: every message exists in every
// language with every value, and no value is given that nothing names.
type reader struct {
	book   *words.Book
	values []string // that the words of the check name
	faults map[string]bool
}

func newReader(c *checks.Check) *reader {
	r := &reader{checks.BookOf([]*checks.Check{c}), nil, map[string]bool{}}
	for _, id := range r.book.IDs() {
		if strings.HasPrefix(id, c.ID+".") {
			names, _ := r.book.Names(id)
			r.values = append(r.values, names...)
		}
	}
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
		r.finding(f.Words(), f.Args)
		r.fixes(f)
		for _, e := range f.Evidence {
			for _, v := range e.Says {
				r.value(v)
			}
		}
	}
}

// fixes holds the fixes of a finding to what the catalogue says it has fixes for.
func (r *reader) fixes(f checks.Finding) {
	for _, fix := range f.Fixes {
		problem := fixes.ProblemOf(fix)
		if problem != "" && !slices.ContainsFunc(fixes.Problems(words.English), func(p fixes.Problem) bool { return p.ID == problem && slices.Contains(p.Findings, f.ID) }) {
			r.faults[fmt.Sprintf("%s has a fix for %s: name it there in fixes/problems.yaml", f.ID, problem)] = true
		}
	}
}

// finding reads the words of a finding. It may have values that only its other
// variants name, or that all findings of the check have.
func (r *reader) finding(id string, args words.Args) {
	if !r.book.Has(id + ".title") {
		return // its words are not messages yet
	}
	texts := []string{id + ".title", id + ".explanation"}
	for n := 1; r.book.Has(id + ".advice." + strconv.Itoa(n)); n++ {
		texts = append(texts, id+".advice."+strconv.Itoa(n))
	}
	r.texts(id, args, r.values, texts...)
}

// value reads the messages in a value.
func (r *reader) value(v any) {
	switch v := v.(type) {
	case words.Text:
		if !v.IsZero() {
			r.texts(v.ID, v.Args, nil, v.ID)
		}
	case []words.Text:
		for _, t := range v {
			r.value(t)
		}
	}
}

// texts reads messages that share their values. Others name those in named.
func (r *reader) texts(id string, args words.Args, named []string, texts ...string) {
	whole := len(texts) > 1 || !strings.HasSuffix(id, ".title") // a title has the values of its whole finding
	for _, text := range texts {
		for _, l := range words.Languages() {
			if _, err := r.book.Fill(l, words.Say(text, args)); err != nil {
				r.faults[fmt.Sprintf("in %s: %v", l, err)] = true
			}
		}
		names, err := r.book.Names(text)
		named, whole = append(named, names...), whole && err == nil
	}
	for name, v := range args {
		if whole && !slices.Contains(named, name) {
			r.faults[fmt.Sprintf("%s is given %s, which it does not name", id, name)] = true
		}
		r.value(v)
	}
}

func (r *reader) report(t *testing.T) {
	t.Helper()
	for _, fault := range slices.Sorted(maps.Keys(r.faults)) {
		t.Errorf("%s", fault)
	}
}

// Of is what the judge of c says of an observation, as a run has it: doubts about
// the responder included. Every sentence of it must exist in every language.
func Of(t *testing.T, c *checks.Check, observed any, h *netinfo.Host) checks.Result {
	t.Helper()
	raw, err := json.Marshal(observed)
	if err != nil {
		t.Fatal(err)
	}
	res := c.Judge(raw, h)
	said := newReader(c)
	said.read(res)
	said.report(t)
	return res
}
