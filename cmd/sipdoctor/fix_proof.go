package main

import (
	"encoding/json"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
)

// unproved reports whether a fault is gone from a fresh report only because
// there was nothing to show it by: that bans stop packets is seen on an address
// that is banned.
func unproved(now *checks.Report, c cure) bool {
	shownByBans := []string{"fail2ban.no-effect", "fail2ban.ports-open", "fail2ban.some-no-effect"}
	r := now.Result(c.result.Check)
	if r == nil || !slices.Contains(shownByBans, c.finding.ID) || c.finding.Confidence != checks.Certain {
		return false
	}
	var facts struct {
		Jails []struct {
			Name  string
			Tried int
		}
	}
	raw, err := json.Marshal(r.Facts)
	if err != nil || json.Unmarshal(raw, &facts) != nil {
		return true
	}
	for _, j := range facts.Jails {
		if j.Name == c.finding.Subject {
			return j.Tried == 0
		}
	}
	return true
}
