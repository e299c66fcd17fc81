package blocked

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Why a ban has no effect is observed as a code. Values follow it after a colon,
// apart by semicolons.
const (
	whyInput    = "in-input"       // the packets are forwarded
	whyZone     = "other-zone"     // of firewalld: that of the ban, that of the packets
	whyRule     = "rule-passes"    // the rule
	whyNoRule   = "no-rule"        // of the jail
	whyDown     = "fail2ban-down"  // it bans again when it starts
	whyCovers   = "covers-only"    // protocol and ports
	whyUnused   = "set-unused"     // the sets that hold it, and those that the rules use instead
	whyFirst    = "first-of-range" // the set
	whyACL      = "acl-of"         // the extensions
	whyIndirect = "not-loaded"     // no rule of the layer stops packets
	whyNotSIP   = "not-sip"
)

func whyNot(code string, values ...string) string {
	if len(values) == 0 {
		return code
	}
	return code + ": " + strings.Join(values, "; ")
}

// why is why a block of s has no effect.
func (b Block) why(s Subject) any {
	if b.Note != "" {
		return b.Note
	}
	code, rest, _ := strings.Cut(b.Why, ": ")
	args := words.Args{"code": code, "first": rest, "second": ""}
	switch code {
	case whyZone, whyUnused:
		args["first"], args["second"], _ = strings.Cut(rest, "; ")
	case whyFirst:
		args["second"] = b.Prefix
	case whyInput:
		i := slices.IndexFunc(s.Paths, func(p Path) bool { return p.Onward })
		if i < 0 {
			return b.Why
		}
		args["first"], args["second"] = s.Paths[i].port(), s.Paths[i].sentTo()
	case whyRule, whyNoRule, whyDown, whyCovers, whyACL, whyIndirect, whyNotSIP:
	default:
		return b.Why
	}
	return words.Say("blocked.why", args)
}

// The reasons why a list of "recent" holds an address are codes, too: how many
// packets it remembers and the rule, and that each packet begins the time anew.
const (
	reasonRemembered = "remembered"
	reasonRenewed    = "renewed"
)

func (b Block) reason(text string) any {
	code, rest, _ := strings.Cut(text, ": ")
	packets, rule, _ := strings.Cut(rest, "; ")
	if b.Layer != "xt_recent" || code != reasonRemembered && code != reasonRenewed {
		return text
	}
	return words.Say("blocked.evidence.recent", words.Args{"code": code, "packets": packets, "rule": rule})
}

// firstOfRange says why a ban of a network by CrowdSec stops one address of it: its
// set was made for single addresses, and of a network it takes the first.
func (e question) firstOfRange(s Subject) Subject {
	s.Blocks = slices.Clone(s.Blocks)
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.Layer != bans.LayerCrowdSec || b.Effective || !b.Prefix.IsValid() || b.Prefix.IsSingleIP() {
			continue
		}
		first := netip.PrefixFrom(b.Prefix.Addr(), b.Prefix.Addr().BitLen())
		for _, m := range e.rules.Mentions(first) {
			if m.Set != nil && len(m.Covers) == 1 && m.Covers[0] == packetfilter.PrefixSpan(first) {
				b.Why, b.Misplaced = whyNot(whyFirst, m.Set.Name), true
			}
		}
	}
	return s
}

// unusedSets says why bans that jails keep in sets have no effect: no rule asks the
// set, but perhaps one of a similar name.
func (e question) unusedSets(s Subject) Subject {
	s.Blocks = slices.Clone(s.Blocks)
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.Layer != "fail2ban" || b.Effective || !b.Prefix.IsValid() {
			continue
		}
		var filled []string
		used := false
		for _, m := range e.rules.Mentions(b.Prefix) {
			if m.Set != nil && m.Set.Name != "" {
				filled, used = append(filled, m.Set.Name), used || len(m.UsedBy) > 0
			}
		}
		if used || len(filled) == 0 {
			continue
		}
		asked := pbx.AskedSetsOf(e.rules, b.Jail)
		b.Why, b.Misplaced = whyNot(whyUnused, strings.Join(filled, ", "), cmp.Or(strings.Join(asked, ", "), "none")), true
	}
	return s
}
