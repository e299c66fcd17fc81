package server

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// RuleAt is the rule of a step with its place, or what stopped the packet besides
// the rules.
func RuleAt(s packetfilter.Step) words.Reason {
	if s.Chain == nil {
		return s.Why
	}
	return words.Quote(RulePlace(s) + ": " + RuleText(s))
}

// RuleText is the rule of a step as its tool lists it, the policy, or the ID of
// what stopped the packet besides the rules.
func RuleText(s packetfilter.Step) string {
	switch {
	case s.Rule != nil:
		return s.Rule.Text
	case s.Chain == nil:
		return s.Why.ID()
	case s.Chain.Base != nil:
		return "policy " + s.Chain.Base.Policy.String()
	}
	return "end of " + s.Chain.Name
}

// RulePlace is where the rule of a step stands: tool, family, table, chain and
// number.
func RulePlace(s packetfilter.Step) string {
	if s.Chain == nil {
		if s.Why != "" {
			return "routing"
		}
		return ""
	}
	place := s.Chain.Name
	if t := s.Chain.Table(); t != nil {
		place = t.Tool + " " + string(t.Family) + " " + t.Name + " " + s.Chain.Name
	}
	if s.Rule != nil && s.Rule.Position > 0 {
		place += " rule " + strconv.Itoa(s.Rule.Position)
	}
	return place
}
