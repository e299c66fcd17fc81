package nat

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// findings are the faults and notes, worst first. NAT itself is no fault.
func findings(v view, f Facts, l layers, host *netinfo.Host) []checks.Finding {
	var list []checks.Finding
	add := func(ok bool, make func() checks.Finding) {
		if ok {
			list = append(list, make())
		}
	}
	if f.BehindNAT {
		add(v.portsVary(), func() checks.Finding { return mappingVaries(v, host) })
		add(f.PublicAddressVaries, func() checks.Finding { return addressVaries(v) })
		add(l.double && l.severity == checks.Warning, func() checks.Finding { return double(l, host) })
		add(l.carrier, func() checks.Finding { return carrier(l) })
	}
	if p, ok := payloadRewritten(v, host); ok {
		list = append(list, p)
	}
	if f.BehindNAT {
		add(l.double && l.severity == checks.Info, func() checks.Finding { return double(l, host) })
		// Where ports or addresses vary anyway, this is but another sign of it.
		apart := f.RTPParityKept != nil && !(*f.RTPParityKept && *f.RTPContiguous)
		add(apart && !v.portsVary() && !f.PublicAddressVaries, func() checks.Finding { return parity(v) })
		add(f.Filtering == independent, func() checks.Finding { return openFilter(v) })
	}
	for i := range list {
		list[i].Heard = true // each is about answers that came
	}
	return list
}

func mappingVaries(v view, host *netinfo.Host) checks.Finding {
	f := checks.Finding{
		ID: "nat.mapping-varies", Severity: checks.Warning, Confidence: checks.Certain,
		Title: "The NAT takes a new port for every destination",
		Explanation: "The public port that STUN shows a phone is not the port that its calls come from (a \"symmetric\" NAT, RFC 4787 section 4.1). " +
			"Registration works, because the provider answers to where the packets come from. Audio works only through the provider's media relay, or when its server waits for the phone's first packet; direct calls between two such offices stay silent.",
		Advice: []string{"Choose a provider or PBX setting that relays media and answers to the source address (symmetric RTP).", "STUN in the phones does not help here: switch it off."},
		Fixes:  fixes.For("symmetric-nat", host, nil),
	}
	for i, s := range v.main {
		e := checks.Evidence{Name: fmt.Sprintf("%v as seen by %v", s.Local, s.Server), Got: s.Mapped.String()}
		if i > 0 {
			e.Want = v.main[0].Mapped.String()
		}
		f.Evidence = append(f.Evidence, e)
	}
	return f
}

func addressVaries(v view) checks.Finding {
	f := checks.Finding{
		ID: "nat.public-address-varies", Severity: checks.Warning, Confidence: checks.Certain,
		Title: "The public address changes from one connection to the next",
		Explanation: "Several lines share the load, or the provider's NAT spreads this office over a pool of addresses (RFC 4787 section 4.1 asks for the opposite). " +
			"A phone registers from one address and its audio comes from another: servers drop such calls, and firewalls at the PBX that allow one address block the other.",
		Advice: []string{"Bind the phones to one line: a policy route for the phones' addresses, or for the PBX as destination.", "With a pool at the provider, ask for one fixed public address."},
		Fixes:  []fixes.Fix{},
	}
	seen := map[netip.Addr]bool{}
	for _, s := range v.all {
		if a := s.Mapped.Addr(); !seen[a] {
			seen[a] = true
			f.Evidence = append(f.Evidence, checks.Evidence{
				Name: fmt.Sprintf("local port %d as seen by %v", s.Local.Port(), s.Server), Want: v.all[0].Mapped.Addr().String(), Got: a.String(),
			})
		}
	}
	return f
}

func double(l layers, host *netinfo.Host) checks.Finding {
	f := checks.Finding{
		ID: "nat.double", Severity: l.severity, Confidence: l.confidence,
		Title: "Two address translations in a row",
		Explanation: "Behind the office router there is a second NAT: a modem that routes, or the provider's. " +
			"The shorter of two memories decides how often phones must send a keep-alive, and each of the two may have a SIP ALG of its own.",
		Evidence: l.evidence, Fixes: fixes.For("double-nat", host, nil),
	}
	switch {
	case l.carrier:
		f.Explanation = strings.Replace(f.Explanation, "a modem that routes, or the provider's", "the provider's (100.64.0.0/10, RFC 6598)", 1)
	case l.confidence == checks.Possible:
		f.Title = "There may be a second address translation"
		f.Explanation += " An address of that kind on the way is no proof: providers and larger offices use them without translating."
	}
	return f
}

func carrier(l layers) checks.Finding {
	return checks.Finding{
		ID: "nat.cgnat", Severity: checks.Warning, Confidence: l.confidence,
		Title: "The provider shares one public address among customers (CGNAT)",
		Explanation: "Phones can register with a server outside, but nothing outside can open a connection to this office, and port forwarding on the office router has no effect. " +
			"A block list that bans this public address bans other customers as well, and their misbehaviour bans you.",
		Evidence: l.evidence,
		Advice:   []string{"For a PBX in this office, ask the Internet provider for a public address of your own.", "Phones need keep-alives shorter than the provider's UDP timeout."},
		Fixes:    []fixes.Fix{},
	}
}

// payloadRewritten compares the address that an ALG can read with the masked
// one (RFC 8489 section 14.2 tells why it is masked).
func payloadRewritten(v view, host *netinfo.Host) (checks.Finding, bool) {
	f := checks.Finding{
		ID: "nat.payload-rewritten", Severity: checks.Warning, Confidence: checks.Possible,
		Title: "Something on the way rewrites addresses inside packets",
		Explanation: "The server wrote the same address twice into its answer, once readable and once masked; the readable copy was changed on the way. " +
			"What rewrites every packet that contains an address also breaks SIP and SDP.",
		Fixes: fixes.For("sip-alg", host, nil),
	}
	ips := map[netip.Addr]struct{}{}
	for _, s := range v.all {
		if !s.Plain.IsValid() || s.Plain == s.Mapped {
			continue
		}
		ips[s.Server.Addr()] = struct{}{}
		if s.Plain.Addr() == s.Local.Addr() {
			// A server outside cannot know our private address.
			f.Confidence = checks.Certain
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Name: fmt.Sprintf("MAPPED-ADDRESS from %v", s.Server), Want: s.Mapped.String(), Got: s.Plain.String()})
	}
	if len(ips) > 1 && f.Confidence != checks.Certain {
		f.Confidence = checks.Likely // two servers do not have the same fault
	}
	return f, len(ips) > 0
}

func parity(v view) checks.Finding {
	rtp, rtcp, _ := v.pair()
	return checks.Finding{
		ID: "nat.parity", Severity: checks.Info, Confidence: checks.Certain,
		Title: "The NAT does not keep RTP and RTCP ports together",
		Explanation: "RTCP is expected on the port after RTP's unless a=rtcp says otherwise (RFC 3605). " +
			"Calls work; quality reports of some phones and servers get lost.",
		Evidence: []checks.Evidence{
			{Name: fmt.Sprintf("RTP from local port %d", rtp.Local.Port()), Want: "an even port", Got: rtp.Mapped.String()},
			{Name: fmt.Sprintf("RTCP from local port %d", rtcp.Local.Port()), Want: fmt.Sprintf("port %d", int(rtp.Mapped.Port())+1), Got: rtcp.Mapped.String()},
		},
		Advice: []string{"Use rtcp-mux where phone and server offer it."},
		Fixes:  []fixes.Fix{},
	}
}

// openFilter is not certain: a NAT that filters for all sockets of a host
// together lets in what another program, or an earlier run, has asked within its
// memory.
func openFilter(v view) checks.Finding {
	f := checks.Finding{
		ID: "nat.filtering", Severity: checks.Info, Confidence: checks.Likely,
		Title: "Anybody on the Internet can send to a port that a phone has opened",
		Explanation: "The NAT lets every sender in once a phone has sent anything from that port (endpoint-independent filtering, RFC 4787 section 5). " +
			"That makes calls easy, and it lets SIP scanners ring phones at night.",
		Advice: []string{"Set the phones to accept calls from their server only, and to another local port than 5060."},
		Fixes:  []fixes.Fix{},
	}
	for _, t := range v.tests() {
		if t.Answered && t.ChangesAddress() {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: fmt.Sprintf("asked only %v", t.Server), Want: "no answer from another address", Got: fmt.Sprintf("answer from %v", t.Expect)})
		}
	}
	return f
}
