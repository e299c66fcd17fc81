package checks_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A check that was ended early blames nobody for silence: whom it had not asked
// yet was not silent. What was heard until then stands.
func TestACheckThatWasEndedEarlyBlamesNobodyForSilence(t *testing.T) {
	finds := func(list ...checks.Finding) func(saw, *netinfo.Host) checks.Judgement {
		return func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Summary: words.Literal("nobody answers"), Findings: append([]checks.Finding{}, list...)}
		}
	}
	silent := checks.Finding{ID: "x.silent", Severity: checks.Critical, Confidence: checks.Certain, Title: "Nobody answers"}
	quiet := checks.Finding{ID: "x.quiet", Severity: checks.Warning, Title: "One does not answer"}
	heard := checks.Finding{ID: "x.heard", Severity: checks.Critical, Title: "It answers no", Heard: true}
	note := checks.Finding{ID: "x.note", Severity: checks.Info, Title: "By the way"}
	half := func(ctx context.Context, _ *checks.Env) (saw, error) {
		<-ctx.Done()
		return saw{"half"}, ctx.Err()
	}
	whole := sees("whole", time.Second)
	for name, c := range map[string]struct {
		observe  func(context.Context, *checks.Env) (saw, error)
		ctrlC    bool
		judge    func(saw, *netinfo.Host) checks.Judgement
		status   checks.Status
		summary  string
		findings int
	}{
		"time is up, all was silence":      {half, false, finds(silent, quiet, note), checks.Inconclusive, "ended before it had an answer", 1},
		"Ctrl-C, all was silence":          {half, true, finds(silent), checks.Inconclusive, "ended before it had an answer", 0},
		"time is up, but one said no":      {half, false, finds(silent, heard), checks.Fail, "ended before it had an answer", 1},
		"time is up, nothing found so far": {half, false, finds(note), checks.Inconclusive, "nobody answers", 1},
		"time is up, but the judge knows what was not asked": {half, false, func(o saw, h *netinfo.Host) checks.Judgement {
			j := finds(silent, quiet)(o, h)
			j.KnowsUnasked = true
			return j
		}, checks.Fail, "nobody answers", 2},
		"it ended in time": {whole, false, finds(silent, quiet), checks.Fail, "nobody answers", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.ctrlC {
					time.AfterFunc(2*time.Second, cancel)
				}
				r := run(ctx, say("a", c.observe, c.judge)).Results[0]
				if r.Status != c.status || r.Summary != c.summary || len(r.Findings) != c.findings {
					t.Errorf("%s, %q, %d findings; want %s, %q, %d", r.Status, r.Summary, len(r.Findings), c.status, c.summary, c.findings)
				}
			})
		})
	}
}
