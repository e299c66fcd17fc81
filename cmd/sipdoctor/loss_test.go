package main

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A bad line in front of any office of the lab is a bad line: nobody is blamed
// who is not blamed without the loss.
func TestLossBlamesNobodyElse(t *testing.T) {
	for _, scenario := range lab.Scenarios() {
		if scenario.Flood != "" {
			continue // it asks one check alone, with all the speed there is
		}
		t.Run(scenario.Name, func(t *testing.T) {
			// What a call loses is heard in it.
			allowed := append(blamed(t, scenario), "media.loss")
			for seed, loss := range []int{5, 20} {
				bad := scenario
				bad.Name = strings.Repeat("x", 20+seed) // the office takes its seed from the length
				bad.Routers = slices.Clone(bad.Routers)
				bad.Routers[len(bad.Routers)-1].LossPercent = loss
				for _, id := range blamed(t, bad) {
					if !slices.Contains(allowed, id) {
						t.Errorf("%d %% lost each way: %s, and not without loss: %v", loss, id, allowed)
					}
				}
			}
		})
	}
}

// blamed are the critical findings of a run in the office.
func blamed(t *testing.T, scenario lab.Scenario) (ids []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var o labOptions
		r, err := o.checkInMemory(t.Context(), streams{}, scenario)
		if err != nil {
			t.Fatal(err)
		}
		for _, res := range r.Results {
			for _, f := range res.Findings {
				if f.Severity == checks.Critical {
					ids = append(ids, f.ID)
				}
			}
		}
	})
	return ids
}
