package netinfo

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"sync"
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

// routerRules parses the embedded table once.
var routerRules = sync.OnceValue(func() (list []routerRule) {
	readTable(routerRulesYAML, &list)
	for _, rule := range list {
		for i := range rule.Clues {
			rule.Clues[i].pattern = regexp.MustCompile("(?i)" + rule.Clues[i].Match)
		}
	}
	return list
})

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

// RouterByMAC returns what a router's hardware address tells of it. A maker with
// several product lines leaves Confidence at possible.
func RouterByMAC(mac string) *Router {
	r := &Router{Clues: []Clue{{Method: "oui", Value: Vendor(mac)}}}
	r.recognise()
	return r
}

// speaksTo reports whether a rule on that method is about k. The system description
// of LLDP is SNMP's (IEEE 802.1AB-2016, 8.5.7.2), and CDP has the same text.
func (k Clue) speaksTo(on string) bool {
	return k.Method == on || on == "snmp" && (k.Method == "lldp" || k.Method == "cdp")
}

// recognise fills in platform, vendor, confidence and alternatives of r from
// its clues. A clue counts once a platform, however often the router repeats
// it. Nothing is filled in when no rule matches.
func (r *Router) recognise() {
	var list []candidate
	for _, rule := range routerRules() {
		c := candidate{rule: rule}
		for _, row := range rule.Clues {
			if slices.ContainsFunc(r.Clues, func(k Clue) bool { return k.speaksTo(row.On) && row.pattern.MatchString(k.Value) }) {
				c.votes, c.best = c.votes+row.Weight, max(c.best, row.Weight)
			}
		}
		if c.votes > 0 {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return
	}
	// What names the product itself beats any number of hints at the maker: a
	// TP-Link box that runs OpenWrt takes OpenWrt's commands.
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Or(b.best-a.best, b.votes-a.votes) })
	first := list[0]
	r.Platform, r.Confidence = first.rule.Platform, confidence(list)
	r.Vendor = first.rule.Vendor
	for _, c := range list[1:] {
		if c.best == first.best {
			r.Alternatives = append(r.Alternatives, c.rule.Platform)
		}
	}
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
