package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"unicode"
	"unicode/utf16"

	"github.com/sipdoctor/sipdoctor/checks"
)

// JSONOptions are the choices of JSON. The zero value is the whole report.
type JSONOptions struct {
	NoObserved bool // without what the checks observed: it cannot be judged again
	Line       bool // in one line
}

// JSON writes r as other programs read it: indented, in a stable order, with a
// line end. What it writes can be read again and gives the same bytes.
func JSON(w io.Writer, r *checks.Report, o JSONOptions) error {
	r, err := reportOf(r)
	if err != nil {
		return err
	}
	fillLists(r)
	r.StatusCode, r.Slim = new(r.Verdict.Code()), r.Slim || o.NoObserved
	for i := range r.Results {
		res := &r.Results[i]
		res.StatusCode = new(res.Status.Code())
		if o.NoObserved {
			res.Observed, res.Observes = nil, ""
		}
		res.Observed = unescapeHTML(res.Observed)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	if !o.Line {
		enc.SetIndent("", "  ")
	}
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if _, err := w.Write(escapeUnprintable(b.Bytes())); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// escapeUnprintable writes what a terminal might obey as \u escapes, which mean
// the same to every reader: JSON asks that of the bytes below a blank only, and
// a report is often looked at before it is processed.
func escapeUnprintable(b []byte) []byte {
	b = bytes.ToValidUTF8(b, []byte("\ufffd")) // encoding/json leaves an observation's bytes as they are
	unprintable := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if bytes.IndexFunc(b, unprintable) < 0 {
		return b
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		if !unprintable(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.Bytes()
}

// fillLists makes every list that a reader may loop over an array, never null.
func fillLists(r *checks.Report) {
	notNil(&r.Results)
	for i := range r.Results {
		notNil(&r.Results[i].Findings)
		for j := range r.Results[i].Findings {
			f := &r.Results[i].Findings[j]
			notNil(&f.Evidence)
			notNil(&f.Fixes)
			for k := range f.Fixes {
				notNil(&f.Fixes[k].Commands)
			}
		}
	}
}

func notNil[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// unescapeHTML writes <, > and & as themselves in JSON that was made with Go's
// default escaping: SIP is full of them, and nobody reads "\u003csip:".
func unescapeHTML(raw json.RawMessage) json.RawMessage {
	plain := map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"}
	return jsonEscape.ReplaceAllFunc(raw, func(escape []byte) []byte {
		return []byte(cmp.Or(plain[string(escape)], string(escape)))
	})
}

// jsonEscape is one of those escapes, or another: a backslash after a backslash
// begins none.
var jsonEscape = regexp.MustCompile(`(?s)\\(u003c|u003e|u0026|.)`)
