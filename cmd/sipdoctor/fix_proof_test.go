package main

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/fail2ban"
)

// After a jail was restarted it may ban nobody for a while: then nothing shows
// that its bans stop packets, and nobody is told that it is cured.
func TestACureOfBansIsProvedOnABan(t *testing.T) {
	report := func(tried int, findings ...checks.Finding) *checks.Report {
		return &checks.Report{Results: []checks.Result{{
			Check: "fail2ban", Status: checks.Pass, Findings: findings,
			Facts: fail2ban.Facts{Jails: []fail2ban.JailFacts{{Name: "asterisk", Tried: tried}}},
		}}}
	}
	noEffect := checks.Finding{ID: "fail2ban.no-effect", Confidence: checks.Certain, Subject: "asterisk"}
	bySettings := checks.Finding{ID: "fail2ban.ports-open", Confidence: checks.Likely}
	for _, tt := range []struct {
		name    string
		finding checks.Finding
		now     *checks.Report
		want    cureState
	}{
		{"a banned address was tried", noEffect, report(1), gone},
		{"nobody is banned now", noEffect, report(0), untold},
		{"the jail is gone", checks.Finding{ID: "fail2ban.no-effect", Confidence: checks.Certain, Subject: "other"}, report(1), untold},
		{"the bans still stop nobody", noEffect, report(1, noEffect), changed},
		{"settings are seen in settings", bySettings, report(0), gone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			then := report(1, tt.finding)
			c := cure{result: &then.Results[0], finding: &then.Results[0].Findings[0]}
			if _, state := compareWith(then, tt.now, c); state != tt.want {
				t.Errorf("%v, want %v", state, tt.want)
			}
		})
	}
}
