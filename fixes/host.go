package fixes

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// flushSIPEntries ends the tracking entries that still carry the SIP helper,
// and only those: an entry keeps its helper after the rule that set it is gone,
// for up to an hour. Calls in progress keep their own entries.
// It is the row linux-nftables/remove-sip-helper-rules's second command.
func flushSIPEntries() string {
	r := findRow(catalogue(), "linux-nftables/remove-sip-helper-rules")
	return r.Commands[len(r.Commands)-1]
}

// hostFixes turn the SIP helper rules found on this very machine into one fix
// for each packet filter: the exact rules, not a recipe.
func hostFixes(h *netinfo.Host) []Fix {
	var out []Fix
	for _, slug := range []string{"linux-nftables", "linux-iptables", "linux-modules"} {
		var edits []packetfilter.RuleEdit
		var steps []command.Step
		for _, rule := range h.SIPHelpers {
			switch {
			case hostPlatform(rule.Tool) != slug:
			case rule.Tool == "sysctl":
				steps = []command.Step{{
					Do:   []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=0")},
					Undo: []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=1")},
				}}
			case attachesHelper(rule.Edit):
				edits = append(edits, *rule.Edit)
			}
		}
		out = append(out, EndHelped(Build("remove-this-hosts-sip-helper", slug, nil, append(steps, packetfilter.Plan(edits)...)...))...)
	}
	return out
}

// EndHelped has fixes that detach the SIP helper end the connections that carry it as well:
// they would keep it for up to an hour.
func EndHelped(list []Fix) []Fix {
	for i := range list {
		if list[i].Form == FormShell {
			list[i].Commands = append(list[i].Commands, flushSIPEntries())
		}
	}
	return list
}

// attachesHelper reports whether a rule is one that attaches a helper: a report
// can come from a stranger, and its cure is about nothing else.
func attachesHelper(e *packetfilter.RuleEdit) bool {
	switch {
	case e == nil || len(e.Accept) > 0:
		return false
	case e.NFT != nil:
		return strings.Contains(e.NFT.Text, "ct helper set")
	case e.IPTables != nil:
		at := slices.Index(e.IPTables.Words, "--helper")
		return e.IPTables.Table == "raw" && at >= 0 && at+1 < len(e.IPTables.Words) && strings.HasPrefix(e.IPTables.Words[at+1], "sip")
	}
	return false
}

func hostPlatform(tool string) string {
	switch {
	case tool == "nft":
		return "linux-nftables"
	case tool == "sysctl":
		return "linux-modules"
	}
	return "linux-iptables"
}
