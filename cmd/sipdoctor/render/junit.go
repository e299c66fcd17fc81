package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Stamp    string      `xml:"timestamp,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"` // seconds
	Failure *junitOutcome `xml:"failure,omitempty"`
	Error   *junitOutcome `xml:"error,omitempty"`
	Skipped *junitOutcome `xml:"skipped,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes r for a build server: one test case a check. JUnit has no word
// for "could not be told": it becomes an error, since no failure and no
// success was seen.
func JUnit(w io.Writer, r *checks.Report, l words.Lang) error {
	r, err := quoted(r, false)
	if err != nil {
		return err
	}
	p := newPage(io.Discard, TextOptions{Lang: l})
	s := junitSuite{Name: strings.TrimSpace(r.Tool.Name + " " + r.Command), Tests: len(r.Results),
		Time: seconds(r.DurationMS), Stamp: r.Started.UTC().Format("2006-01-02T15:04:05")}
	for _, res := range r.Results {
		c := junitCase{Name: res.Check, Class: r.Tool.Name + "." + res.Group, Time: seconds(res.DurationMS)}
		outcome := &junitOutcome{Message: p.fact(res, TextOptions{}), Text: findingsText(res, l)}
		switch res.Status {
		case checks.Fail:
			c.Failure = outcome
			s.Failures++
		case checks.Error, checks.Inconclusive:
			c.Error = outcome
			s.Errors++
		case checks.Skip:
			c.Skipped = &junitOutcome{Message: outcome.Message}
			s.Skipped++
		default:
			c.Out = outcome.Message + "\n" + outcome.Text
		}
		s.Cases = append(s.Cases, c)
	}
	raw, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, raw); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// findingsText is what a result found, as plain text.
func findingsText(res checks.Result, l words.Lang) string {
	var b strings.Builder
	p := newPage(&b, TextOptions{Lang: l})
	for i, f := range res.Findings {
		p.finding(fmt.Sprintf("%d. ", i+1), i+1, f, told{}, TextOptions{Verbose: true})
	}
	_ = p.w.Flush() // a strings.Builder takes everything
	return b.String()
}

func seconds(ms int64) string { return fmt.Sprintf("%.3f", float64(ms)/1000) }
