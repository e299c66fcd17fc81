package checks_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A finding of another version that lacks a value keeps all that it said then.
func TestASavedFindingIsSaidWholeOrNotAtAll(t *testing.T) {
	book := checks.BookOf([]*checks.Check{{ID: "x", Words: []byte(`
x.fault:
  en: {title: "A fault", explanation: "It is one.", advice: ["Use {port}.", "Wait."]}
  ru: {title: "Сбой", explanation: "Это он.", advice: ["Используйте {port}.", "Ждите."]}
`)}})
	for name, c := range map[string]struct {
		args words.Args
		want checks.Finding
	}{
		"without the value": {nil, checks.Finding{Title: "Was", Explanation: "It was.", Advice: []string{"Then."}}},
		"with it":           {words.Args{"port": 5061}, checks.Finding{Title: "Сбой", Explanation: "Это он.", Advice: []string{"Используйте 5061.", "Ждите."}}},
	} {
		r := checks.Report{Results: []checks.Result{{Findings: []checks.Finding{
			{ID: "x.fault", Args: c.args, Title: "Was", Explanation: "It was.", Advice: []string{"Then."}},
		}}}}
		checks.Fill(&r, book, words.Russian)
		got := r.Results[0].Findings[0]
		if d := cmp.Diff(c.want, checks.Finding{Title: got.Title, Explanation: got.Explanation, Advice: got.Advice}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Where a fault is stands beside its words: a variant may be elsewhere, and what is
// said of no place, a report keeps.
func TestThePlaceOfAFault(t *testing.T) {
	book := checks.BookOf([]*checks.Check{{ID: "x", Words: []byte(`
x.fault: {place: router, en: {title: "A fault"}, ru: {title: "Сбой"}}
x.fault.here: {place: here, en: {title: "A fault"}, ru: {title: "Сбой"}}
x.fault.other: {en: {title: "A fault"}, ru: {title: "Сбой"}}
x.nowhere: {en: {title: "A fault"}, ru: {title: "Сбой"}}
`)}})
	for want, fd := range map[checks.Place]checks.Finding{
		checks.PlaceRouter: {ID: "x.fault"}, checks.PlaceHere: {ID: "x.fault", Variant: "here"}, "": {ID: "x.nowhere"}, checks.PlaceServer: {ID: "x.of-another-version", Place: checks.PlaceServer},
	} {
		r := checks.Report{Results: []checks.Result{{Findings: []checks.Finding{fd, {ID: "x.fault", Variant: "other"}}}}}
		checks.Fill(&r, book, words.Russian)
		if got := r.Results[0].Findings; got[0].Place != want || got[1].Place != checks.PlaceRouter {
			t.Errorf("%s: %q and %q", fd.ID, got[0].Place, got[1].Place)
		}
	}
}
