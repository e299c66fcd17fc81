package signalling

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// evidence is one line a transport.
func evidence(s *Server) (out []checks.Evidence) {
	for _, p := range s.Probes {
		at := words.Say("signalling.evidence.transport", words.Args{"at": p.at(), "address": p.Remote.Addr()})
		out = append(out, checks.Proof(at, words.Say("signalling.evidence.an-answer", nil), got(&p)))
	}
	return out
}

// got is what came: a message, or the text of an error that has none.
func got(p *Probe) any {
	say := func(id string, args words.Args) words.Text { return words.Say("signalling.evidence."+id, args) }
	hop := none
	if p.ErrorHop.IsValid() {
		hop = p.ErrorHop.String()
	}
	switch s := p.status(); s {
	case Answered:
		r, method, rtt := p.response()
		return say("answered", words.Args{"status": r.line(), "method": method, "time": platform.Milliseconds(rtt), "server": cmp.Or(r.Server, none)})
	case Timeout:
		n := p.Options.Tries + p.Register.Tries
		switch {
		case p.Connected:
			return say("no-sip", nil)
		case n > 0:
			return say("silent", words.Args{"n": n})
		case p.Transport == "udp":
			return say("not-asked", nil)
		}
		return say("no-connection", nil)
	case Refused, Prohibited, Unreachable:
		return say(string(s), words.Args{"hop": hop})
	case LocalFilter, Reset:
		return say(string(s), nil)
	case TLSError:
		return say("tls-error", words.Args{"why": p.TLS.Error})
	case NoWebSocket:
		return say("no-websocket", words.Args{"why": p.Error, "code": p.HTTPStatus})
	}
	return p.Error
}

// nobodyAnswers tells who refused from who was silent.
func nobodyAnswers(s *Server, h *netinfo.Host) ([]checks.Finding, words.Text) {
	f := checks.Finding{Severity: checks.Critical, Confidence: checks.Certain, Args: words.Args{"server": s.Name}, Evidence: evidence(s)}
	is := func(st Status) bool {
		return slices.ContainsFunc(s.Probes, func(p Probe) bool { return p.status() == st })
	}
	definite := !slices.ContainsFunc(s.Probes, func(p Probe) bool { return !p.status().definite() })
	hop, rejected := s.rejectedBy()
	switch {
	case rejected:
		f.ID, f.Variant, f.Args["hop"], f.Fixes = "signalling.prohibited", "rejected", hop, portCures(s, h)
	case is(Unreachable):
		return nil, s.unreachable()
	case is(LocalFilter):
		f.ID = "signalling.local-filter"
	case is(Prohibited):
		f.ID, f.Fixes = "signalling.prohibited", portCures(s, h)
	case definite:
		f.ID = "signalling.refused"
	default:
		f.ID, f.Severity, f.Confidence, f.Fixes = "signalling.silent", checks.Warning, checks.Likely, portCures(s, h)
		f.Args["address"] = publicAddress(h)
		var ways []string
		for i := range s.Probes {
			if at := s.Probes[i].at(); !slices.Contains(ways, at) {
				ways = append(ways, at)
			}
		}
		return []checks.Finding{f}, words.Say("signalling.reason.silent", words.Args{"server": s.Name, "ways": ways})
	}
	return []checks.Finding{f}, words.Text{}
}

// rejectedBy is who says by ICMP, in place of the server, that a port is closed.
func (s *Server) rejectedBy() (netip.Addr, bool) {
	for _, p := range s.Probes {
		if p.status() == Refused && p.ErrorHop.IsValid() && p.ErrorHop != p.Remote.Addr() {
			return p.ErrorHop, true
		}
	}
	return netip.Addr{}, false
}

// unreachable says who has no route to the server.
func (s *Server) unreachable() words.Text {
	hop := none
	for i := range s.Probes {
		if p := &s.Probes[i]; p.status() == Unreachable && p.ErrorHop.IsValid() {
			hop = p.ErrorHop.String()
			break
		}
	}
	return words.Say("signalling.reason.unreachable", words.Args{"server": s.Name, "hop": hop})
}

// publicAddress is the office's public address, or "unknown".
func publicAddress(h *netinfo.Host) string {
	for _, e := range h.OuterAddresses() {
		if !netinfo.IsPrivate(e.Addr) && !netinfo.IsCarrierSide(e.Addr) {
			return e.Addr.String()
		}
	}
	return "unknown"
}

// udpSilent is the classic of a blocked or inspected port 5060. Only what one
// address answers over other transports can be compared; where UDP and TCP lead
// to different servers, the server itself may be silent.
func udpSilent(s *Server, h *netinfo.Host) []checks.Finding {
	udp, works, same := comparedWithUDP(s)
	if udp == nil {
		return nil
	}
	f := checks.Finding{
		ID: "signalling.udp-silent", Severity: checks.Warning, Confidence: checks.Likely, Evidence: evidence(s), Fixes: portCures(s, h),
		Args: words.Args{"server": s.Name, "works": works, "host": udp.Host, "cause": "path"},
	}
	switch st := udp.status(); {
	case st == Prohibited:
		f.Confidence = checks.Certain
	case !same:
		f.Confidence, f.Fixes, f.Args["cause"] = checks.Possible, nil, "other-server"
	case st == Refused && !udp.Expected:
		f.Severity, f.Fixes, f.Args["cause"] = checks.Info, nil, "no-udp"
	case !udp.Expected:
		f.Confidence = checks.Possible // nobody said that it speaks UDP
	}
	return []checks.Finding{f}
}

// comparedWithUDP finds a silent UDP port and what answers beside it: at the
// same address if possible, and elsewhere only if no UDP was answered at all.
func comparedWithUDP(s *Server) (udp *Probe, works []string, same bool) {
	answered := func(pass func(netip.Addr) bool) (list []string) {
		for i := range s.Probes {
			if p := &s.Probes[i]; p.Transport != "udp" && p.answered() && pass(p.Remote.Addr()) && !slices.Contains(list, p.at()) {
				list = append(list, p.at())
			}
		}
		return list
	}
	any := false
	for _, p := range s.Probes {
		switch {
		case p.Transport != "udp":
			continue
		case p.answered():
			any = true
			continue
		}
		if list := answered(func(a netip.Addr) bool { return a == p.Remote.Addr() }); len(list) > 0 {
			return &p, list, true
		}
		if udp == nil {
			udp = &p
		}
	}
	if any {
		udp = nil
	}
	return udp, answered(func(netip.Addr) bool { return true }), false
}

// otherTransports are those that the profile or DNS promises and that do not
// answer, while another one does.
func otherTransports(s *Server, h *netinfo.Host) (out []checks.Finding) {
	for _, p := range s.Probes {
		if p.answered() || !p.Expected || p.Transport == "udp" || p.status() == TLSError || s.dead(&p) {
			continue
		}
		out = append(out, checks.Finding{
			ID: "signalling.transport-silent", Severity: checks.Warning, Confidence: checks.Likely,
			Args: words.Args{"host": cmp.Or(p.Host, s.Name), "at": p.at()}, Evidence: evidence(s), Fixes: portCures(s, h),
		})
	}
	return out
}

// troubled is about servers that answer that they cannot serve.
func troubled(s *Server) []checks.Finding {
	for _, p := range s.Probes {
		r, method, _ := p.response()
		if reg, ok := readResponse(p.Register.Reply); ok {
			r, method = reg, "REGISTER" // what phones need
		}
		if r.Code < 500 || r.Code > 599 || r.Code == 501 || r.Code == 505 {
			continue
		}
		request := words.Say("signalling.evidence.request", words.Args{"method": method, "at": p.at()})
		return []checks.Finding{{
			ID: "signalling.server-trouble", Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
			Args:     words.Args{"server": s.Name, "code": r.Code, "answer": explained(r)},
			Evidence: r.evidence(request, words.Say("signalling.evidence.served", nil)),
		}}
	}
	return nil
}

// evidence is an answer with the server's own explanation, if it gives one.
func (r Response) evidence(name, want any) []checks.Evidence {
	out := []checks.Evidence{checks.Proof(name, want, r.line())}
	if r.Warning != "" {
		out = append(out, checks.Proof("Warning", nil, r.Warning))
	}
	return out
}
