package packetfilter

import (
	"slices"
	"strings"
)

// sipHelper is the kernel's connection tracking helper for SIP.
const sipHelper = "sip"

// ForSIP reports whether it is the SIP helper. That of a port other than 5060
// is called after it: "sip-5080" (nf_conntrack_sip.c).
func (h *Helper) ForSIP() bool {
	return h.Name == sipHelper || strings.HasPrefix(h.Name, sipHelper+"-")
}

// SIPHelpers are the rules that attach the kernel's SIP helper.
func (r *Ruleset) SIPHelpers() (list []Step) {
	for c, rule := range r.Rules() {
		attaches := slices.ContainsFunc(rule.Exprs, func(x Expr) bool {
			h, ok := x.(*Helper)
			return ok && h.ForSIP()
		})
		// A rule with a map may be several of the model, with one handle.
		last := len(list) - 1
		again := last >= 0 && list[last].Chain == c && rule.Handle != 0 && list[last].Rule.Handle == rule.Handle
		if attaches && !again {
			list = append(list, Step{Chain: c, Rule: rule})
		}
	}
	return list
}
