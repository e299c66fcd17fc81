package linuxrouter

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// blocked are the rules that stop SIP or RTP, one finding a rule.
func (o Observed) blocked() (list []checks.Finding) {
	var places []string
	for _, s := range o.Stops {
		place := s.Where + "\x00" + s.Rule
		if slices.Contains(places, place) || o.excused(s) != "" {
			continue
		}
		places = append(places, place)
		list = append(list, o.blockedBy(s))
	}
	return list
}

// excused says why what does not pass is no fault; empty if it is one.
func (o Observed) excused(s Stop) string {
	switch {
	case s.LAN.Closed && slices.ContainsFunc(o.LANs, func(l LAN) bool { return !l.Closed }):
		return "closed"
	case o.elsewhere(s):
		return "uplink"
	case o.Need.Profile == "" && !o.matters(s):
		return "unnamed"
	}
	return ""
}

// harmless are notes about what does not pass and is no fault, once a network and reason.
func (o Observed) harmless() (list []words.Text) {
	type told struct {
		lan LAN
		why string
	}
	seen := map[told]bool{}
	for _, s := range o.Stops {
		if why := o.excused(s); why != "" && !seen[told{s.LAN, why}] {
			seen[told{s.LAN, why}] = true
			list = append(list, say("note.blocked", words.Args{
				"why": why, "from": s.LAN.Prefix, "purpose": s.Purpose, "protocol": s.Proto, "ports": need.Text(s.Ports), "out": words.Raw(s.Out), "rule": words.Raw(s.Rule),
			}))
		}
	}
	return list
}

// elsewhere reports whether the same packets pass by another uplink, with their answers.
func (o Observed) elsewhere(s Stop) bool {
	return slices.ContainsFunc(o.Uplinks, func(out string) bool {
		return out != s.Out && !slices.ContainsFunc(o.Stops, func(t Stop) bool {
			return t.Out == out && t.LAN == s.LAN && t.Purpose == s.Purpose && t.Proto == s.Proto
		})
	})
}

// matters reports whether it harms that packets are stopped, where no profile says which
// ports a provider has: SIP over UDP does, or over everything, and all media.
func (o Observed) matters(s Stop) bool {
	if s.Purpose == "rtp" {
		return len(o.unstopped(s, "rtp", "udp")) == 0
	}
	return s.Proto == "udp" || !o.passesUDP(s)
}

// passesUDP reports whether SIP over UDP passes where something else is stopped.
func (o Observed) passesUDP(s Stop) bool { return len(o.unstopped(s, "sip", "udp")) > 0 }

// unstopped are the ports of a kind of packet that nothing stops on the way on which s is
// stopped.
func (o Observed) unstopped(s Stop, purpose, protocol string) (ports packetfilter.NumSet) {
	for _, u := range o.Need.Ports {
		if u.Purpose == purpose && u.Protocol == protocol {
			ports = ports.Union(need.Ports(u.Ports))
		}
	}
	for _, t := range o.Stops {
		if t.LAN == s.LAN && t.Out == s.Out && t.Answers == s.Answers && t.Purpose == purpose && t.Proto == protocol {
			ports = ports.Subtract(need.Ports(t.Ports))
		}
	}
	return ports
}

func (o Observed) blockedBy(first Stop) checks.Finding {
	f := checks.Finding{
		ID: "linux-router.provider-blocked", Severity: checks.Warning, Confidence: checks.Certain, Subject: first.Where,
		Evidence: []checks.Evidence{checks.Proof(first.Where, nil, words.Raw(first.Rule))},
	}
	var sip, rtp packetfilter.NumSet
	var lans []words.Text
	var seen []LAN
	var edits []packetfilter.RuleEdit
	var lasting []fixes.Fix
	answers := true
	for _, s := range o.Stops {
		if s.Where != first.Where || s.Rule != first.Rule || o.excused(s) != "" {
			continue
		}
		if s.Purpose == "rtp" {
			rtp = rtp.Union(need.Ports(s.Ports))
		} else {
			sip = sip.Union(need.Ports(s.Ports))
		}
		if s.Proto == "udp" || !o.passesUDP(s) {
			f.Severity = checks.Critical
		}
		answers = answers && s.Answers
		edits, lasting = append(edits, s.Edits...), append(lasting, o.lasting(s)...)
		if !slices.Contains(seen, s.LAN) {
			seen = append(seen, s.LAN)
			lans = append(lans, say("lan", words.Args{"prefix": s.LAN.Prefix, "in": words.Raw(s.LAN.Interface)}))
		}
		name := say("evidence.way", words.Args{"answers": s.Answers, "from": s.LAN.Prefix, "protocol": s.Proto, "ports": need.Text(s.Ports)})
		f.Evidence = append(f.Evidence, checks.Proof(name, say("evidence.verdict", words.Args{"verdict": "accept"}), say("evidence.verdict", words.Args{"verdict": s.Verdict})))
	}
	if answers {
		f.Variant = "answers"
	}
	f.Args = words.Args{"lans": checks.FirstN(lans, 5), "sip": textOf(sip), "rtp": textOf(rtp), "profile": words.Raw(o.Need.Profile), "named": o.Need.Profile != ""}
	f.Fixes = append(pbx.EditFilter("let-phones-out", nil, edits), fixes.Join(lasting)...)
	return f
}

// lasting is the same in the router's own configuration, where it has one and the provider's
// networks are known. One fix a network and range: not every router takes lists.
func (o Observed) lasting(s Stop) (list []fixes.Fix) {
	if o.System.Platform == plainLinux || s.Answers {
		return nil
	}
	for _, network := range s.To {
		for _, r := range s.Ports {
			list = append(list, fixes.On(fixes.AllowProvider, o.System.Platform, map[string]string{"Network": network.String(), "Protocol": s.Proto, "Ports": r.String()})...)
		}
	}
	return list
}

func textOf(s packetfilter.NumSet) string {
	if len(s) == 0 {
		return "none"
	}
	return need.Text(need.Ranges(s))
}
