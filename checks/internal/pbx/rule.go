package pbx

import (
	"cmp"
	"regexp"
	"strconv"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// RuleAt is the rule of a step with its place, or what stopped the packet besides
// the rules.
func RuleAt(s packetfilter.Step) words.Reason {
	switch text := RuleText(s); {
	case s.Chain == nil:
		return s.Why
	case text == EndOfChain:
		return words.Quote(RulePlace(s))
	default:
		return words.Quote(RulePlace(s) + ": " + text)
	}
}

// What decides where no rule does, as codes of which words.yaml makes words.
const (
	NoRule     = "no-rule"      // nothing is hooked in
	EndOfChain = "end-of-chain" // of one without a policy
)

// RuleText is the rule of a step as its tool lists it, the policy as nft writes
// it, the ID of what stopped the packet besides the rules, or a code.
func RuleText(s packetfilter.Step) string {
	switch {
	case s.Rule != nil:
		return s.Rule.Text
	case s.Chain == nil:
		return cmp.Or(s.Why.ID(), NoRule)
	case s.Chain.Base != nil:
		return "policy " + s.Chain.Base.Policy.String()
	}
	return EndOfChain
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

// zoneChain is how firewalld calls the chains of a zone, with both back ends:
// IN_public, filter_IN_public_deny.
var zoneChain = regexp.MustCompile(`(?:^|[_ ])IN_(\S+?)(?:_(?:pre|log|deny|allow|post))?(?:$|[ :])`)

// ZoneOf is the zone of firewalld that a chain belongs to, by its name or by the
// place of a rule in it; "" if it is none.
func ZoneOf(place string) string {
	if m := zoneChain.FindStringSubmatch(place); m != nil && m[1] != "ZONES" {
		return m[1]
	}
	return ""
}
