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
		if d := editDistance(typed, k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// editDistance is Levenshtein's distance in bytes (names are ASCII), with two
// swapped neighbours as one slip.
func editDistance(a, b string) int {
	d := make([][]int, len(a)+1) // of the first i bytes of a and the first j of b
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
				continue
			case a[i-1] == b[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
