package rtpports

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// proof is the evidence of every finding of the test from outside, after what
// is the finding's own.
func (v inView) proof(own ...checks.Evidence) []checks.Evidence {
	ev := append(own, proof("bar", nil, v.bar()), proof("arrives", v.o.Range, portList(v.f.Arrives)))
	if v.f.ConfRange != "" {
		ev = append(ev, checks.Proof(v.f.ConfFile, nil, v.f.ConfRange))
	}
	if v.translated() {
		ev = append(ev, proof("sent-to", nil, say("evidence.sent", words.Args{"public": v.o.Public, "n": v.o.Sent, "local": v.local()})))
	}
	for _, i := range v.o.ICMP {
		if i.Meaning == platform.PortUnreachable && !v.nothing() {
			continue // this machine's own word about ports that nobody has bound
		}
		ev = append(ev, checks.Proof(say("evidence.icmp", words.Args{"hop": i.Hop}), nil,
			say("evidence.icmp-example", words.Args{"meaning": i.Meaning, "range": netinfo.PortRange{First: i.First, Last: i.Last}})))
	}
	return ev
}

// none is about a machine that nothing reaches: what a carrier's NAT keeps away, no
// forwarding can let in.
func (v inView) none(host *netinfo.Host) checks.Finding {
	f := checks.Finding{
		ID: "rtp-ports.inbound-none", Severity: checks.Critical, Confidence: checks.Likely,
		Args: words.Args{"calls": v.calls()}, Evidence: v.proof(), Fixes: v.cures(host),
	}
	switch carrier := v.carrier(host); {
	case !carrier.IsZero():
		f.ID, f.Args["public"], f.Fixes = "rtp-ports.inbound-carrier", v.o.Public, nil
		f.Evidence = v.proof(proof("carrier", say("evidence.public", nil), carrier))
		return f
	case !v.translated():
		f.Variant = "direct"
		return f
	case v.astray():
		f.Variant = "astray"
	}
	f.Args["range"], f.Args["local"] = v.o.Range, v.local()
	return f
}

// local is this machine's address, or "none".
func (v inView) local() any {
	if v.o.Local.IsValid() {
		return v.o.Local
	}
	return "none"
}

// astray reports that the router looked for an inside address in vain. Only
// that makes the outer address speak of an unreachable host.
func (v inView) astray() bool {
	return slices.ContainsFunc(v.o.ICMP, func(i session.InboundICMP) bool { return i.Hop == v.o.Public && i.Meaning == platform.HostUnreachable })
}

// carrier says by what a carrier's NAT in front of the router shows itself; the
// zero Text: there is none.
func (v inView) carrier(host *netinfo.Host) words.Text {
	for _, e := range host.OuterAddresses() {
		switch a := e.Addr; {
		case !a.Is4():
		case a == v.o.Public:
			return words.Text{}
		case netinfo.IsCarrierSide(a) || a.IsPrivate():
			return say("evidence.outer-address", words.Args{"address": a, "method": e.Method})
		}
	}
	for i, h := range v.o.Hops {
		if i > 0 && netinfo.IsShared(h) {
			return say("evidence.hop", words.Args{"n": i + 1, "address": h})
		}
	}
	return words.Text{}
}

// oddConf is about the file, whatever arrived.
func (v inView) oddConf() checks.Finding {
	c := v.o.Conf
	used := netinfo.PortRange{First: c.First, Last: c.Last}.String()
	f := checks.Finding{
		ID: "rtp-ports.conf", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"file": c.File, "range": used},
		Evidence: []checks.Evidence{checks.Proof(c.File, nil, used)},
	}
	if c.Default {
		f.Variant = "unset"
	}
	for _, n := range c.Notes {
		f.Evidence = append(f.Evidence, proof("note", nil, words.Cause(n)))
	}
	return f
}
