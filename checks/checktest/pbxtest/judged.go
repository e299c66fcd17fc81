package pbxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Judged runs one check and returns its result. The observation goes through JSON, as
// in a saved report, and is judged again from there: both must come to the same. Where
// there is a book, findings must have their words in every language, and evidence.
func Judged(t testing.TB, c *checks.Check, env *checks.Env, book *words.Book) checks.Result {
	t.Helper()
	list := []*checks.Check{c}
	r := checks.Run(context.Background(), list, env, checks.Meta{Command: "pbx"})
	again, err := checks.Rejudge(r, list)
	if err != nil {
		t.Fatal(err)
	}
	a, aerr := json.Marshal(r.Results[0])
	b, berr := json.Marshal(again.Results[0])
	if err := errors.Join(aerr, berr); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("judged again it says\n%s\ninstead of\n%s", b, a)
	}
	if book == nil {
		return r.Results[0]
	}
	for _, l := range append(words.Languages(), words.English) {
		checks.Fill(r, book, l)
		for _, f := range r.Results[0].Findings {
			if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 {
				t.Errorf("%s in %s: %q, %q, %d lines of evidence", f.Words(), l, f.Title, f.Explanation, len(f.Evidence))
			}
		}
	}
	return r.Results[0]
}

// Text is a file that somebody handed over.
func Text(name, text string) checks.File {
	return checks.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// Short are the findings of a result as "c registration.stopped; w not-loaded": the
// first letter of their severity, and their words without the check.
func Short(r checks.Result) string {
	var list []string
	for _, f := range r.Findings {
		list = append(list, string(f.Severity)[:1]+" "+strings.TrimPrefix(f.Words(), r.Check+"."))
	}
	return strings.Join(list, "; ")
}
