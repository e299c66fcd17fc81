package rtpports

import (
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// proof is the evidence of every finding of the test from outside.
func (v *inView) proof() []checks.Evidence {
	ev := []checks.Evidence{
		{Name: "at a glance", Got: bar(v.whole, v.drawn())},
		{Name: "arrives", Want: v.o.Range, Got: orNone(v.f.Arrives)},
	}
	if v.f.ConfRange != "" {
		ev = append(ev, checks.Evidence{Name: v.f.ConfFile, Got: v.f.ConfRange})
	}
	if v.translated() {
		ev = append(ev, checks.Evidence{Name: "sent to", Got: fmt.Sprintf("%s, %s packets; this machine is %s", v.f.Public, thousands(v.o.Sent), v.f.Local)})
	}
	for _, i := range v.o.ICMP {
		if i.Meaning == "port unreachable" && !v.nothing() {
			continue // this machine's own word about ports that nobody has bound
		}
		ev = append(ev, checks.Evidence{Name: "said by " + i.Hop.String(), Got: fmt.Sprintf("%s, for instance about %s", i.Meaning, span{i.First, i.Last})})
	}
	return ev
}

// drawn are the verdicts in the words that bar knows.
func (v *inView) drawn() []verdict {
	words := map[string]string{inArrives: stateOpen, inSilent: stateOutbound, inMoved: stateReturn, inFiltered: stateReturn}
	var out []verdict
	for _, d := range v.verdicts {
		if w, ok := words[d.state]; ok {
			d.state = w
		}
		out = append(out, d)
	}
	return out
}

const inLegend = " In the bar # arrives, . does not, < comes to another port or is stopped on this machine, ? unknown."

// onlyProvider is what no test from elsewhere can see.
const onlyProvider = "A rule that lets in nobody but the provider's addresses looks the same from the responder: then compare the ports in that rule by eye."

func (v *inView) missing(host *netinfo.Host) checks.Finding {
	f := checks.Finding{
		ID: "rtp-ports.inbound-missing", Severity: checks.Critical, Confidence: checks.Certain,
		Title: "UDP " + some(v.f.Silent) + " is not forwarded to this PBX",
		Explanation: "Packets from outside to these ports never reached this machine, while those to its other RTP ports did in the same minute. When the PBX picks one of them for a call, it hears nothing of the other side until it has sent something itself: " +
			v.calls() + "." + inLegend,
		Evidence: append([]checks.Evidence{{Name: "never arrived", Got: some(v.f.Silent)}}, v.proof()...),
		Advice:   []string{onlyProvider},
		Fixes:    v.cures(host),
	}
	if !v.translated() {
		f.Title = "UDP " + some(v.f.Silent) + " does not get in to this PBX"
	}
	return f
}

func (v *inView) none(host *netinfo.Host) checks.Finding {
	f := checks.Finding{
		ID: "rtp-ports.inbound-none", Severity: checks.Critical, Confidence: checks.Likely,
		Title:       "No RTP port is forwarded to this PBX",
		Explanation: "Not one packet from outside reached this machine, though answers of the same responder do. The router has no port forwarding for " + v.o.Range + ", or it leads to another address: " + v.calls() + ".",
		Evidence:    v.proof(),
		Advice:      []string{onlyProvider},
		Fixes:       v.cures(host),
	}
	switch {
	case !v.translated():
		f.Title = "No RTP port of this PBX can be reached from outside"
		f.Explanation = "Not one packet from outside reached this machine, though answers of the same responder do: a firewall in front of it lets only answers in. " + sentence(v.calls())
	case v.astray():
		f.Title = "The router forwards the RTP ports to an address where nobody is"
		f.Explanation = "Not one packet from outside reached this machine, and the router says that it cannot find the one that they are for: the forwarding of " + v.o.Range + " leads to another inside address than " + v.f.Local + ". " + sentence(v.calls())
	case v.o.Local.IsValid():
		f.Advice = append(f.Advice, "If there is a rule already, it must name this machine's address, "+v.f.Local+".")
	}
	return f
}

// astray reports that the router looked for an inside address in vain. Only
// that makes the outer address speak of an unreachable host.
func (v *inView) astray() bool {
	for _, i := range v.o.ICMP {
		if i.Hop == v.o.Public && i.Meaning == "host unreachable" {
			return true
		}
	}
	return false
}

// carrier says by what a carrier's NAT in front of the router shows itself.
func (v *inView) carrier(host *netinfo.Host) string {
	for _, e := range host.OuterAddresses() {
		switch a := e.Addr; {
		case !a.Is4():
		case a == v.o.Public:
			return ""
		case netinfo.IsCarrierSide(a) || a.IsPrivate():
			return fmt.Sprintf("the router's outer address is %s (%s)", a, e.Method)
		}
	}
	for i, h := range v.o.Hops {
		if i > 0 && netinfo.IsShared(h) {
			return fmt.Sprintf("router %d on the way out is %s", i+1, h)
		}
	}
	return ""
}

func (v *inView) carrierNAT(host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.inbound-carrier", Severity: checks.Critical, Confidence: checks.Likely,
		Title: "The carrier's own NAT keeps calls from outside away from this PBX",
		Explanation: "Not one packet from outside reached this machine, and the address that the Internet sees, " + v.f.Public +
			", is not your router's: the carrier shares it among customers (100.64.0.0/10, RFC 6598). No port forwarding in your router can help. " + sentence(v.calls()),
		Evidence: append([]checks.Evidence{{Name: "carrier's NAT", Want: "a public address", Got: v.carrier(host)}}, v.proof()...),
		Advice: []string{
			"Ask the carrier for a public address of your own, or move the PBX to a machine that has one.",
			"Until then use providers that send media to where yours comes from (symmetric RTP); the PBX must speak first.",
		},
	}
}

func (v *inView) moved(host *netinfo.Host) checks.Finding {
	var from, to []string
	for _, m := range v.f.Moved {
		from, to = append(from, m.Ports), append(to, m.Ports+" at "+m.To)
	}
	return checks.Finding{
		ID: "rtp-ports.inbound-moved", Severity: checks.Critical, Confidence: checks.Certain,
		Title: "UDP " + some(from) + " is forwarded to other ports of this PBX",
		Explanation: "What was sent to these ports arrived at others. The PBX tells the other side the port where it listens, and media has to arrive at that very port: " +
			v.calls() + ". Leave the inside port out of the forwarding rule, or set it to the same range." + inLegend,
		Evidence: append([]checks.Evidence{{Name: "arrived elsewhere", Got: strings.Join(to[:min(len(to), 6)], ", ")}}, v.proof()...),
		Fixes:    v.cures(host),
	}
}

func (v *inView) localFirewall() checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.inbound-local-firewall", Severity: checks.Critical, Confidence: checks.Certain,
		Title: "This machine's own firewall stops UDP " + some(v.f.LocalFirewall),
		Explanation: "Packets from outside reached this machine's network card, and no program on it got them: its packet filter drops them. The router is not to blame for these ports: " +
			v.calls() + "." + inLegend,
		Evidence: append([]checks.Evidence{{Name: "arrived, then dropped here", Got: some(v.f.LocalFirewall)}}, v.proof()...),
		Advice:   []string{"Look at this machine's rules: iptables -S, nft list ruleset, ufw status or firewall-cmd --list-all."},
	}
}

// sentence begins with a capital and ends with a point.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// oddConf is about the file, whatever arrived.
func (v *inView) oddConf() checks.Finding {
	c := v.o.Conf
	f := checks.Finding{
		ID: "rtp-ports.conf", Severity: checks.Warning, Confidence: checks.Certain,
		Title:       c.File + " does not say what it seems to say",
		Explanation: fmt.Sprintf("Asterisk uses the ports %d-%d for media.", c.First, c.Last),
		Evidence:    []checks.Evidence{{Name: c.File, Got: fmt.Sprintf("%d-%d", c.First, c.Last)}},
	}
	if c.Default {
		f.Title = c.File + " sets no usable range of RTP ports"
		f.Explanation = fmt.Sprintf("Asterisk then uses its own, %d-%d. A firewall that is open for another range makes calls without audio now and then.", c.First, c.Last)
	}
	for _, n := range c.Notes {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "note", Got: n})
	}
	return f
}
