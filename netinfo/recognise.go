package netinfo

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed routerrules.yaml
var routerRulesYAML []byte

// routerRule is one platform and the clues that speak for it.
type routerRule struct {
	Platform string `yaml:"platform"` // slug of the remedy catalogue
	Vendor   string `yaml:"vendor"`
	Clues    []struct {
		On     string `yaml:"on"`
		Match  string `yaml:"match"`
		Weight int    `yaml:"weight"`
		Source string `yaml:"source"`

		pattern *regexp.Regexp
	} `yaml:"clues"`
}

// routerRules parses the embedded table once; a test keeps it valid.
var routerRules = sync.OnceValues(func() ([]routerRule, error) { return loadRouterRules(routerRulesYAML) })

func loadRouterRules(b []byte) ([]routerRule, error) {
	var list []routerRule
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("reading the router rules: %w", err)
	}
	for i := range list {
		for j := range list[i].Clues {
			c := &list[i].Clues[j]
			p, err := regexp.Compile("(?i)" + c.Match)
			if err != nil {
				return nil, fmt.Errorf("reading the router rules: %s: %w", list[i].Platform, err)
			}
			c.pattern = p
			if c.On == "" || c.Source == "" || c.Weight < 1 || c.Weight > 3 {
				return nil, fmt.Errorf("reading the router rules: %s: a clue on %q needs on, source and a weight of 1 to 3", list[i].Platform, c.On)
			}
		}
	}
	return list, nil
}

// Confidences of a recognition.
const (
	certain  = "certain"
	likely   = "likely"
	possible = "possible"
)

// candidate is a platform and what speaks for it.
type candidate struct {
	rule  routerRule
	votes int // sum of the weights
	best  int // weight of the strongest clue
}

// recognise fills in platform, vendor, confidence and alternatives of r from
// its clues. A clue counts once a platform, however often the router repeats
// it. Nothing is filled in when no rule matches.
func (r *Router) recognise() error {
	rules, err := routerRules()
	if err != nil {
		return err
	}
	var list []candidate
	for _, rule := range rules {
		c := candidate{rule: rule}
		for _, row := range rule.Clues {
			if slices.ContainsFunc(r.Clues, func(k Clue) bool { return k.Method == row.On && row.pattern.MatchString(k.Value) }) {
				c.votes, c.best = c.votes+row.Weight, max(c.best, row.Weight)
			}
		}
		if c.votes > 0 {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	// What names the product itself beats any number of hints at the maker: a
	// TP-Link box that runs OpenWrt takes OpenWrt's commands.
	slices.SortStableFunc(list, func(a, b candidate) int {
		if a.best != b.best {
			return b.best - a.best
		}
		return b.votes - a.votes
	})
	first := list[0]
	r.Platform, r.Confidence = first.rule.Platform, confidence(list)
	r.Vendor = first.rule.Vendor
	for _, c := range list[1:] {
		if c.best == first.best {
			r.Alternatives = append(r.Alternatives, c.rule.Platform)
		}
	}
	return nil
}

// confidence weighs the first candidate against the rest: certain when the
// product named itself and nobody else did, likely when only its maker is
// known or two products were named and one more often, possible otherwise.
func confidence(list []candidate) string {
	first := list[0]
	rival := len(list) > 1 && list[1].best == first.best
	switch {
	case first.best == 3 && !rival:
		return certain
	case first.best >= 2 && (!rival || first.votes > list[1].votes):
		return likely
	}
	return possible
}
