package checks

import (
	_ "embed"
	"errors"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// BookOf returns the words of the checks in list, of the runner, and of the readers
// whose messages observations hold. A nil entry is left out.
func BookOf(list []*Check) *words.Book {
	files := map[string][]byte{"checks": ownWords, "packetfilter": packetfilter.Words(), "bans": bans.Words(), "asterisk": asterisk.Words(), "jails": fail2ban.Words()}
	for _, c := range list {
		if c != nil && c.Words != nil {
			files[c.ID] = c.Words
		}
	}
	return words.NewBook(files)
}

// Fill writes every sentence of r in language l, from the messages that the
// judges left there. A sentence whose message b does not have, in a report of
// another version, stays as it is.
func Fill(r *Report, b *words.Book, l words.Lang) {
	f := filling{b, l}
	f.sentence(&r.Headline, r.Says.Headline)
	for i := range r.Results {
		res := &r.Results[i]
		f.sentence(&res.Title, words.Say(res.Check+".title", nil))
		f.sentence(&res.Summary, res.Says.Summary)
		f.sentence(&res.Reason, res.Says.Reason)
		f.notes(res)
		res.Tables = slices.Clone(res.Tables)
		for k := range res.Tables {
			f.table(&res.Tables[k])
		}
		res.Findings = slices.Clone(res.Findings) // the judge may keep its list
		for k := range res.Findings {
			f.finding(&res.Findings[k], r)
		}
	}
}

type filling struct {
	book *words.Book
	lang words.Lang
}

func (f filling) sentence(into *string, t words.Text) {
	if s, err := f.book.Fill(f.lang, t); err == nil && s != "" {
		*into = s
	}
}

// notes writes the notes of a result. One that cannot be filled keeps the text
// that it was saved with.
func (f filling) notes(res *Result) {
	if len(res.Says.Notes) == 0 {
		return
	}
	saved := res.Notes
	res.Notes = make([]string, len(res.Says.Notes))
	if len(saved) == len(res.Notes) {
		copy(res.Notes, saved)
	}
	for n, note := range res.Says.Notes {
		f.sentence(&res.Notes[n], note)
	}
}

func (f filling) finding(fd *Finding, r *Report) {
	id := fd.Words()
	if f.book.Has(id + ".title") {
		title, noTitle := f.book.Fill(f.lang, words.Say(id+".title", fd.Args))
		explanation, noExplanation := f.book.Fill(f.lang, words.Say(id+".explanation", fd.Args))
		advice, noAdvice := f.advice(id, fd.Args)
		if errors.Join(noTitle, noExplanation, noAdvice) == nil { // one of another version may lack a value, and keeps all that it says
			fd.Title, fd.Explanation, fd.Advice = title, explanation, completeAdvice(advice, r)
		}
	}
	for _, id := range []string{fd.ID, id} {
		if at, err := f.book.Fill(f.lang, words.Say(id+".place", nil)); err == nil {
			fd.Place = Place(at)
		}
	}
	fd.Fixes = slices.Clone(fd.Fixes)
	for i := range fd.Fixes {
		fd.Fixes[i].Say(f.lang)
	}
	fd.Evidence = slices.Clone(fd.Evidence)
	for i := range fd.Evidence {
		e := &fd.Evidence[i]
		for name, into := range map[string]*string{"name": &e.Name, "want": &e.Want, "got": &e.Got} {
			if v, ok := e.Says[name]; ok {
				if s, err := f.book.Show(f.lang, v); err == nil {
					*into = s
				}
			}
		}
	}
}

// advice are the lines of advice under a finding's words; one that comes out
// empty does not fit here.
func (f filling) advice(id string, args words.Args) (list []string, err error) {
	for n := 1; f.book.Has(id + ".advice." + strconv.Itoa(n)); n++ {
		line, err := f.book.Fill(f.lang, words.Say(id+".advice."+strconv.Itoa(n), args))
		switch {
		case err != nil:
			return nil, err
		case line != "":
			list = append(list, line)
		}
	}
	return list, nil
}

// FirstN names the first n of a list and says how many more there are.
func FirstN[T any](list []T, n int) words.Text {
	return words.Say("checks.some", words.Args{"list": list[:min(n, len(list))], "more": max(0, len(list)-n)})
}

// Words is the ID under which the words of f stand.
func (f *Finding) Words() string {
	if f.Variant != "" {
		return f.ID + "." + f.Variant
	}
	return f.ID
}

// Message is the title of f: what it says in one sentence, without a full stop.
func (f *Finding) Message() words.Text {
	if f.Title != "" {
		return words.Literal(f.Title)
	}
	return words.Say(f.Words()+".title", f.Args)
}
