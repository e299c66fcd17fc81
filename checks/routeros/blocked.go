package routeros

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// providerBlocked are rules that stop SIP or RTP on its way to the provider, one
// finding a rule.
func providerBlocked(o Observed) (list []checks.Finding) {
	for _, r := range o.Rules {
		var ways []Way
		for _, w := range o.Ways {
			if w.Line == r.Line && w.stopped() && o.excused(w) == "" {
				ways = append(ways, w)
			}
		}
		if len(ways) > 0 && !o.bansBy(r.Line) {
			list = append(list, o.blockedBy(r, ways))
		}
	}
	return list
}

// excused says why packets that do not pass are no fault; empty if they are one, or
// pass.
func (o Observed) excused(w Way) string {
	stopped := w.Verdict == string(packetfilter.Dropped) || w.Verdict == string(packetfilter.Rejected)
	switch {
	case !stopped:
		return ""
	case w.Partly:
		return "partly"
	case o.isClosed(w) && slices.ContainsFunc(o.LANs, func(l LAN) bool { return !l.Closed }):
		return "closed"
	case o.passesElsewhere(w):
		return "uplink"
	case w.Line == 0:
		return "other"
	case o.Need.Profile == "" && !o.matters(w):
		return "unnamed"
	}
	return ""
}

// passesElsewhere reports whether the same packets pass by another uplink, by which their
// answers pass as well.
func (o Observed) passesElsewhere(w Way) bool {
	closed := map[string]bool{w.Out: true}
	for _, x := range o.Ways {
		closed[x.Out] = closed[x.Out] || x.stopped() && x.isFor(w)
	}
	return slices.ContainsFunc(o.Ways, func(x Way) bool { return x.alike(w) && !closed[x.Out] })
}

func (o Observed) isClosed(w Way) bool {
	return slices.ContainsFunc(o.LANs, func(l LAN) bool { return l.Closed && l.Prefix == w.From && l.Interface == w.In })
}

// matters reports whether packets harm when they are stopped, where no profile says
// which ports a provider has: SIP over UDP does, or over everything, and all media.
func (o Observed) matters(w Way) bool {
	if w.Purpose == "sip" {
		return w.Protocol == "udp" || !o.passesUDP(w)
	}
	var stopped, asked packetfilter.NumSet
	for _, x := range o.Ways {
		if x.Direction == w.Direction && x.Purpose == "rtp" && x.stopped() && x.From == w.From && x.In == w.In && x.Out == w.Out {
			stopped = stopped.Union(need.Ports(x.Ports))
		}
	}
	for _, u := range o.Need.Ports {
		if u.Purpose == "rtp" {
			asked = asked.Union(need.Ports(u.Ports))
		}
	}
	return len(asked.Subtract(stopped)) == 0
}

// passesUDP reports whether SIP over UDP passes from the same LAN.
func (o Observed) passesUDP(w Way) bool {
	return slices.ContainsFunc(o.Ways, func(x Way) bool {
		return x.Direction == w.Direction && x.Purpose == "sip" && x.Protocol == "udp" && x.From == w.From && x.In == w.In && x.Verdict == string(packetfilter.Accepted)
	})
}

// maxProofs bounds the ways that are quoted.
const maxProofs = 8

// blockedBy is the finding about one rule. SIP that has another way to go is a
// warning.
func (o Observed) blockedBy(r Rule, ways []Way) checks.Finding {
	severity := checks.Warning
	var lans []words.Text
	var seen []LAN
	var sip, rtp packetfilter.NumSet
	for _, w := range ways {
		if w.Purpose == "rtp" || w.Protocol == "udp" || !o.passesUDP(w) {
			severity = checks.Critical
		}
		if lan := (LAN{Prefix: w.From, Interface: w.In}); !slices.Contains(seen, lan) {
			seen = append(seen, lan)
			lans = append(lans, say("lan", words.Args{"prefix": w.From, "in": tame(w.In)}))
		}
		if w.Purpose == "rtp" {
			rtp = rtp.Union(need.Ports(w.Ports))
		} else {
			sip = sip.Union(need.Ports(w.Ports))
		}
	}
	f := checks.Finding{
		ID: "routeros.provider-blocked", Severity: severity, Confidence: checks.Certain, Subject: strconv.Itoa(r.Line),
		Args: words.Args{
			"line": r.Line, "lans": checks.FirstN(lans, 5), "sip": textOf(sip), "rtp": textOf(rtp), "table": tame(r.Table),
			"profile": tame(o.Need.Profile), "named": o.Need.Profile != "",
		},
		Evidence: []checks.Evidence{checks.Proof(say("evidence.rule", words.Args{"line": r.Line, "table": tame(r.Table)}), nil, words.Raw(r.Text))},
	}
	if !slices.ContainsFunc(ways, func(w Way) bool { return w.Direction == outward }) {
		f.Variant = "answers"
	}
	for _, w := range ways[:min(len(ways), maxProofs)] {
		name := say("evidence.way", words.Args{"answers": w.Direction == answers, "from": w.From, "to": w.To, "protocol": w.Protocol, "ports": need.Text(w.Ports)})
		f.Evidence = append(f.Evidence, checks.Proof(name, say("evidence.verdict", words.Args{"verdict": "accept"}), say("evidence.verdict", words.Args{"verdict": w.Verdict})))
	}
	f.Fixes = accepting(r)
	f.Args["fixed"] = len(f.Fixes) > 0
	return f
}

func textOf(s packetfilter.NumSet) string {
	if len(s) == 0 {
		return "none"
	}
	return need.Text(need.Ranges(s))
}

// accepting is the fix that was proven for a rule.
func accepting(r Rule) []fixes.Fix {
	if len(r.Accept) == 0 {
		return nil
	}
	var lines []string
	for _, x := range r.Accept {
		line, ok := x.Line()
		if !ok {
			return nil
		}
		lines = append(lines, line)
	}
	return fixes.Typed("accept-before-rule", words.Args{"line": r.Line, "verify": verifyOf(r.Accept)}, lines, undoOf(r.Accept))
}

func verifyOf(list []ros.Exception) string { return list[len(list)-1].Verify() }
