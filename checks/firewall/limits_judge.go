package firewall

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// An office that comes back from an outage sends this much within patience: 25
// phones, each with a REGISTER and its answer to the challenge. Who lets less in
// shuts offices out.
const (
	officeAtOnce = 50
	patience     = 10 // seconds after which phones keep repeating themselves
)

// tight reports whether an office that registers at once meets the limit.
func (l Limit) tight() bool {
	allowed := l.AtOnce
	switch {
	case l.Seconds > 0 && l.Seconds <= patience:
		allowed = max(allowed, l.Count*patience/l.Seconds)
	case l.Seconds > 0:
		allowed += l.Count * patience / l.Seconds
	}
	return allowed < officeAtOnce
}

// limit is what a limit lets in.
func (l Limit) limit() words.Text {
	kind, count := "unknown", 0
	switch {
	case l.Seconds > 0:
		kind, count = "rate", l.Count
	case l.AtOnce > 0:
		kind, count = "together", l.AtOnce
	}
	return words.Say("firewall.limit", words.Args{"kind": kind, "count": count, "seconds": l.Seconds, "packets": l.Packets, "address": l.Address})
}

// limited is about rules that let only so many SIP packets in.
func limited(list []Limit) []checks.Finding {
	list = slices.DeleteFunc(slices.Clone(list), func(l Limit) bool { return !l.tight() })
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Limit) int { return a.AtOnce - b.AtOnce }) // the first that an office meets
	f := checks.Finding{
		ID: "firewall.sip-limited", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"port": port(list[0].Protocol, list[0].Ports), "limit": list[0].limit(), "more": len(list) - 1},
	}
	for _, l := range list {
		f.Evidence = append(f.Evidence, checks.Proof(port(l.Protocol, l.Ports), words.Say("firewall.evidence.at-once", words.Args{"n": officeAtOnce}),
			words.Say("firewall.evidence.limited-by", words.Args{"limit": l.limit(), "table": l.Table, "rule": l.Rule})))
	}
	return []checks.Finding{f}
}
