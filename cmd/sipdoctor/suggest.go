package main

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// namesOf are the names of a list, as they are typed.
func namesOf[T any](list []T, name func(T) string) (names []string) {
	for _, e := range list {
		names = append(names, name(e))
	}
	return names
}

func checkID(c *checks.Check) string        { return c.ID }
func profileName(p *netinfo.Profile) string { return p.Name }
func scenarioNames() []string {
	return namesOf(lab.Scenarios(), func(s lab.Scenario) string { return s.Name })
}

// didYouMean words the nearest known name as the end of an error, or nothing.
func didYouMean(typed string, known []string) words.Text {
	if near := closest(typed, known); near != "" {
		return words.Say("say.did-you-mean", words.Args{"near": words.Raw(near)})
	}
	return words.Text{}
}

// closest returns the known name nearest to what was typed, or "" when none is
// near: a third of the word may be wrong.
func closest(typed string, known []string) string {
	best, limit := "", len(typed)/3
	for _, k := range known {
		if d := words.Distance(typed, k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}
