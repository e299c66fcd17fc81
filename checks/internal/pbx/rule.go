package pbx

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// What decides where no rule does, as codes of which words.yaml makes words.
const (
	NoRule     = "no-rule"      // nothing is hooked in
	EndOfChain = "end-of-chain" // of one without a policy
)

// RuleText is the rule of a step as its tool lists it, the policy as nft writes
// it, or a code.
func RuleText(s packetfilter.Step) string {
	switch {
	case s.Rule != nil:
		return s.Rule.Text
	case s.Chain == nil && s.What != "":
		return s.What // what stopped it is not in the rules
	case s.Chain == nil:
		return NoRule
	case s.Chain.Base != nil:
		return "policy " + s.Chain.Base.Policy.String()
	}
	return EndOfChain
}

// RulePlace is where the rule of a step stands: tool, family, table, chain and
// number.
func RulePlace(s packetfilter.Step) string {
	if s.Chain == nil {
		if s.What != "" {
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
