package sipalg

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// alone judges a report in which no other check stands. The findings are in
// English.
func alone(o Observed, h *netinfo.Host) checks.Judgement {
	return filled(judge(o, h, func(string) *checks.Result { return nil }))
}

func filled(j checks.Judgement) checks.Judgement {
	r := checks.Report{Results: []checks.Result{{Findings: j.Findings}}}
	checks.Fill(&r, checks.BookOf([]*checks.Check{Check()}), words.English)
	j.Findings = r.Results[0].Findings
	return j
}

// english is a message, or several, in English. It can be said in every
// language.
func english(texts ...words.Text) string {
	book, said := checks.BookOf([]*checks.Check{Check()}), map[words.Lang]string{}
	for _, l := range words.Languages() {
		s, err := book.Fill(l, apart(texts))
		if err != nil {
			panic(err)
		}
		said[l] = s
	}
	return said[words.English]
}
