package nat

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

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
		// Where ports or addresses vary anyway, this is one more sign of that.
		apart := f.RTPParityKept != nil && !(*f.RTPParityKept && *f.RTPContiguous)
		add(apart && !v.portsVary() && !f.PublicAddressVaries, func() checks.Finding { return parity(v) })
		add(f.Filtering == independent, func() checks.Finding { return openFilter(v) })
	}
	for i := range list {
		list[i].Heard = true // each is about answers that came
	}
	return list
}

// proof is a piece of evidence whose name is a message of this check.
func proof(name string, args words.Args, want, got any) checks.Evidence {
	return checks.Proof(words.Say("nat.evidence."+name, args), want, got)
}

func mappingVaries(v view, host *netinfo.Host) checks.Finding {
	f := checks.Finding{ID: "nat.mapping-varies", Severity: checks.Warning, Confidence: checks.Certain, Fixes: fixes.For("symmetric-nat", host, nil)}
	for i, s := range v.main {
		var want any
		if i > 0 {
			want = v.main[0].Mapped
		}
		f.Evidence = append(f.Evidence, proof("seen", words.Args{"local": s.Local, "server": s.Server}, want, s.Mapped))
	}
	return f
}

func addressVaries(v view) checks.Finding {
	f := checks.Finding{ID: "nat.public-address-varies", Severity: checks.Warning, Confidence: checks.Certain}
	seen := map[netip.Addr]bool{}
	for _, s := range v.all {
		if a := s.Mapped.Addr(); !seen[a] {
			seen[a] = true
			f.Evidence = append(f.Evidence, proof("port-seen", words.Args{"port": s.Local.Port(), "server": s.Server}, v.all[0].Mapped.Addr(), a))
		}
	}
	return f
}

func double(l layers, host *netinfo.Host) checks.Finding {
	kind := "two"
	switch {
	case l.carrier:
		kind = "carrier"
	case l.confidence == checks.Possible:
		kind = "possible"
	}
	return checks.Finding{
		ID: "nat.double", Severity: l.severity, Confidence: l.confidence, Args: words.Args{"kind": kind},
		Evidence: l.evidence, Fixes: fixes.For("double-nat", host, nil),
	}
}

func carrier(l layers) checks.Finding {
	return checks.Finding{ID: "nat.cgnat", Severity: checks.Warning, Confidence: l.confidence, Evidence: l.evidence}
}

// payloadRewritten compares the address that an ALG can read with the masked
// one (RFC 8489 section 14.2 tells why it is masked).
func payloadRewritten(v view, host *netinfo.Host) (checks.Finding, bool) {
	f := checks.Finding{ID: "nat.payload-rewritten", Severity: checks.Warning, Confidence: checks.Possible, Fixes: fixes.For("sip-alg", host, nil)}
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
		f.Evidence = append(f.Evidence, proof("mapped", words.Args{"server": s.Server}, s.Mapped, s.Plain))
	}
	if len(ips) > 1 && f.Confidence != checks.Certain {
		f.Confidence = checks.Likely // two servers do not have the same fault
	}
	return f, len(ips) > 0
}

func parity(v view) checks.Finding {
	rtp, rtcp, _ := v.pair()
	next := words.Say("nat.evidence.port", words.Args{"port": int(rtp.Mapped.Port()) + 1})
	return checks.Finding{
		ID: "nat.parity", Severity: checks.Info, Confidence: checks.Certain,
		Evidence: []checks.Evidence{
			proof("rtp", words.Args{"port": rtp.Local.Port()}, words.Say("nat.evidence.even", nil), rtp.Mapped),
			proof("rtcp", words.Args{"port": rtcp.Local.Port()}, next, rtcp.Mapped),
		},
	}
}

// openFilter is never certain: a NAT with one filter for all sockets of a host
// also lets in whatever another program or an earlier run has recently asked.
func openFilter(v view) checks.Finding {
	f := checks.Finding{ID: "nat.filtering", Severity: checks.Info, Confidence: checks.Likely}
	for _, t := range v.tests() {
		if t.Answered && t.ChangesAddress() {
			from := words.Say("nat.evidence.answer-from", words.Args{"address": t.Expect})
			f.Evidence = append(f.Evidence, proof("asked-only", words.Args{"server": t.Server}, words.Say("nat.evidence.no-other", nil), from))
		}
	}
	return f
}
