package checks

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

func saved(status Status, findings ...Finding) *Report {
	return &Report{Verdict: status, Results: []Result{{Check: "capture", Status: status, Findings: findings, Says: Says{Summary: words.Literal("summary of " + string(status))}}}}
}

// Two captures of one trouble, at the phone and at the PBX: what either shows counts.
func TestReportsPutTogetherLoseNothing(t *testing.T) {
	deaf := Finding{ID: "capture.no-audio", Variant: "caller", Severity: Critical, Subject: "192.0.2.1"}
	keys := Finding{ID: "capture.dtmf-refused", Severity: Warning, Subject: "192.0.2.2"}
	found := func(r *Report) (ids []string) {
		for _, f := range r.Results[0].Findings {
			ids = append(ids, f.ID)
		}
		return ids
	}
	for name, c := range map[string]struct {
		list   []*Report
		status Status
		found  []string
		notes  int
	}{
		"one alone":                           {[]*Report{saved(Warn, keys)}, Warn, []string{keys.ID}, 0},
		"two faults":                          {[]*Report{saved(Warn, keys), saved(Fail, deaf)}, Fail, []string{deaf.ID, keys.ID}, 0},
		"the other way round":                 {[]*Report{saved(Fail, deaf), saved(Warn, keys)}, Fail, []string{deaf.ID, keys.ID}, 0},
		"the same twice":                      {[]*Report{saved(Fail, deaf), saved(Fail, deaf)}, Fail, []string{deaf.ID}, 0},
		"one that passed":                     {[]*Report{saved(Pass), saved(Fail, deaf)}, Fail, []string{deaf.ID}, 1},
		"passed since":                        {[]*Report{saved(Fail, deaf), saved(Pass)}, Fail, []string{deaf.ID}, 1},
		"one that did not come to an end":     {[]*Report{saved(Inconclusive, keys), saved(Warn, keys)}, Warn, []string{keys.ID}, 0},
		"what it had seen until then remains": {[]*Report{saved(Warn, deaf), saved(Inconclusive, keys)}, Warn, []string{deaf.ID, keys.ID}, 0},
		"the worse of them first":             {[]*Report{saved(Warn, keys), saved(Inconclusive, deaf)}, Warn, []string{deaf.ID, keys.ID}, 0},
		"skipped there":                       {[]*Report{saved(Skip), saved(Pass)}, Pass, nil, 0},
		"both passed":                         {[]*Report{saved(Pass), saved(Pass)}, Pass, nil, 0},
	} {
		r := Join(c.list)
		if len(r.Results) != 1 || r.Verdict != c.status || r.Results[0].Status != c.status || !slices.Equal(found(r), c.found) || len(r.Results[0].Says.Notes) != c.notes {
			t.Errorf("%s: %s, %s, %v, %v", name, r.Verdict, r.Results[0].Status, found(r), r.Results[0].Says.Notes)
		}
		if len(c.list) > 1 != r.Slim {
			t.Errorf("%s: slim %v", name, r.Slim)
		}
	}
	first := saved(Fail, keys, deaf)
	_ = Join([]*Report{first, saved(Warn, keys)})
	if !slices.Equal(found(first), []string{keys.ID, deaf.ID}) || first.Slim {
		t.Errorf("the report that was read has changed: %+v", first)
	}
}

// What an outage explains is no finding of its own, from whichever report it comes.
func TestWhatIsExplainedStaysExplained(t *testing.T) {
	effect := saved(Fail, Finding{ID: "capture.no-answer", Severity: Critical})
	effect.Results[0].ExplainedBy = "uplink"
	effect.Redacted = true
	effect.Inputs.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	r := Join([]*Report{saved(Fail, Finding{ID: "capture.loop", Severity: Critical}), effect})
	if len(r.Results[0].Findings) != 1 || !r.Redacted || len(r.Inputs.Addresses) != 1 {
		t.Errorf("%+v", r)
	}
}
