package signalling

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// evidence is one line a transport.
func evidence(s *Server) (out []checks.Evidence) {
	for i := range s.Probes {
		p := &s.Probes[i]
		out = append(out, checks.Evidence{Name: p.at() + " of " + p.Remote.Addr().String(), Want: "an answer", Got: got(p)})
	}
	return out
}

// got says what came, in words.
func got(p *Probe) string {
	switch p.status() {
	case Answered:
		r, method, rtt := p.response()
		text := fmt.Sprintf("%d %s to %s in %.0f ms", r.Code, r.Phrase, method, rtt)
		if r.Server != "" {
			text += " from " + r.Server
		}
		return text
	case Timeout:
		if p.Connected {
			return "the connection stands, but SIP is not answered"
		}
		switch n := p.Options.Tries + p.Register.Tries; {
		case n > 0:
			return fmt.Sprintf("silent, asked %d times", n)
		case p.Transport == "udp":
			return "not asked in time"
		}
		return "silent: no connection came about"
	case Refused:
		return "refused: nothing listens there, or a firewall says so" + hop(p)
	case Prohibited:
		return "a firewall says that it is forbidden" + hop(p)
	case Unreachable:
		return "no way there" + hop(p)
	case LocalFilter:
		return "dropped by this machine's own firewall"
	}
	return p.Error
}

func hop(p *Probe) string {
	if p.ErrorHop.IsValid() {
		return " (" + p.ErrorHop.String() + ")"
	}
	return ""
}

// nobodyAnswers tells who said no from who said nothing.
func nobodyAnswers(s *Server, h *netinfo.Host) ([]checks.Finding, string) {
	f := checks.Finding{Evidence: evidence(s), Confidence: checks.Certain, Severity: checks.Critical}
	is := func(st Status) bool {
		return slices.ContainsFunc(s.Probes, func(p Probe) bool { return p.status() == st })
	}
	definite := true
	for i := range s.Probes {
		definite = definite && s.Probes[i].status().definite()
	}
	if hop, ok := s.rejectedBy(); ok {
		f.ID, f.Title = "signalling.prohibited", fmt.Sprintf("A box on the way, %s, rejects SIP to %s", hop, s.Name)
		f.Explanation = "It answers in the server's place that nothing listens there. Phones cannot register."
		f.Fixes = portCures(s, h)
		return []checks.Finding{f}, ""
	}
	switch {
	case is(Unreachable):
		return nil, s.Name + " cannot be reached: " + s.whyUnreachable()
	case is(LocalFilter):
		f.ID, f.Title = "signalling.local-filter", "This machine's own firewall drops SIP to "+s.Name
		f.Explanation = "Nothing left this machine. Phones may still get through: they do not have this firewall."
		f.Advice = []string{"Allow the ports in this machine's firewall, or check from another one."}
	case is(Prohibited):
		f.ID, f.Title = "signalling.prohibited", "A firewall forbids SIP to "+s.Name
		f.Explanation = "A box on the way says by ICMP that these packets may not pass. Phones cannot register."
		f.Fixes = portCures(s, h)
	case definite:
		f.ID, f.Title = "signalling.refused", "There is no SIP server at "+s.Name
		f.Explanation = "Every transport was refused: the wrong host or port, or a server whose SIP is switched off. Phones cannot register."
		f.Advice = []string{"Compare host, port and transport with the provider's documents; on a PBX of your own see whether it runs and listens (ss -lnptu)."}
	default:
		f.ID, f.Title, f.Severity, f.Confidence = "signalling.silent", s.Name+" does not answer SIP", checks.Warning, checks.Likely
		f.Explanation = "Silence has several causes that look alike from here: a firewall on the way, a ban on the server (fail2ban) after wrong passwords, a server that ignores strangers, a wrong host or port, or a server that is down."
		f.Fixes = portCures(s, h)
		f.Advice = []string{
			"Try from another network (a mobile phone's): if it answers there, this office is blocked or banned.",
			"On a PBX of your own: sipdoctor why " + publicWords(h),
		}
		return []checks.Finding{f}, s.Name + " did not answer over " + transports(s)
	}
	return []checks.Finding{f}, ""
}

// rejectedBy is who says by ICMP, in place of the server, that a port is closed.
func (s *Server) rejectedBy() (netip.Addr, bool) {
	for i := range s.Probes {
		p := &s.Probes[i]
		if p.status() == Refused && p.ErrorHop.IsValid() && p.ErrorHop != p.Remote.Addr() {
			return p.ErrorHop, true
		}
	}
	return netip.Addr{}, false
}

// whyUnreachable says who has no way to the server.
func (s *Server) whyUnreachable() string {
	why := "this machine has no way there"
	for i := range s.Probes {
		if p := &s.Probes[i]; p.status() == Unreachable && p.ErrorHop.IsValid() {
			return p.ErrorHop.String() + " says that it has no way there"
		}
	}
	return why
}

// publicWords is what stands for the office's public address.
func publicWords(h *netinfo.Host) string {
	for _, e := range h.OuterAddresses() {
		if !netinfo.IsPrivate(e.Addr) && !netinfo.IsCarrierSide(e.Addr) {
			return e.Addr.String()
		}
	}
	return "ADDRESS (this office's public address)"
}

func transports(s *Server) string {
	var list []string
	for i := range s.Probes {
		list = append(list, s.Probes[i].at())
	}
	return strings.Join(list, ", ")
}

// udpSilent: the classic of a blocked or inspected port 5060. Only what one and
// the same address answers over other transports can be compared; where UDP and
// TCP lead to different servers, the silence may be the server's.
func udpSilent(s *Server, h *netinfo.Host) *checks.Finding {
	udp, works, same := comparedWithUDP(s)
	if udp == nil {
		return nil
	}
	f := &checks.Finding{
		ID: "signalling.udp-silent", Severity: checks.Warning, Confidence: checks.Likely, Evidence: evidence(s),
		Title: fmt.Sprintf("%s answers on %s, but not over UDP", s.Name, strings.Join(works, ", ")),
		Explanation: "Phones are set to UDP unless somebody changed it. Either something on the way drops SIP over UDP (a firewall, a SIP ALG, a ban), " +
			"or the server does not speak UDP at all.",
		Advice: []string{"Works today: set the phones to " + strings.Join(works, " or ") + "."},
		Fixes:  portCures(s, h),
	}
	switch st := udp.status(); {
	case st == Prohibited:
		f.Confidence = checks.Certain
	case !same:
		f.Confidence, f.Fixes = checks.Possible, nil
		f.Explanation = fmt.Sprintf("Phones are set to UDP unless somebody changed it. DNS names %s for UDP, another server than for the rest: it may be down, or something on the way drops SIP over UDP.", udp.Host)
	case st == Refused && !udp.Expected:
		f.Severity, f.Fixes = checks.Info, nil
		f.Explanation = "The server says that nothing listens on that UDP port: it does not speak UDP, and phones must not be set to it."
	case !udp.Expected:
		f.Confidence = checks.Possible // nobody said that it speaks UDP
	}
	return f
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
	for i := range s.Probes {
		p := &s.Probes[i]
		switch {
		case p.Transport != "udp":
			continue
		case p.answered():
			any = true
			continue
		}
		if list := answered(func(a netip.Addr) bool { return a == p.Remote.Addr() }); len(list) > 0 {
			return p, list, true
		}
		if udp == nil {
			udp = p
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
	for i := range s.Probes {
		p := &s.Probes[i]
		if p.answered() || !p.Expected || p.Transport == "udp" || p.status() == TLSError || s.dead(p) {
			continue
		}
		out = append(out, checks.Finding{
			ID: "signalling.transport-silent", Severity: checks.Warning, Confidence: checks.Likely, Evidence: evidence(s),
			Title:       fmt.Sprintf("%s does not answer on %s", cmp.Or(p.Host, s.Name), p.at()),
			Explanation: "The profile or the domain's DNS says that it does, and other transports answer. Phones set to this one cannot register.",
			Advice:      []string{"Set the phones to a transport that answers, or open this port on the way."},
			Fixes:       portCures(s, h),
		})
	}
	return out
}

// troubled is about servers that answer that they cannot serve.
func troubled(s *Server) []checks.Finding {
	for i := range s.Probes {
		r, method, _ := s.Probes[i].response()
		if reg, ok := readResponse(s.Probes[i].Register.Reply); ok {
			r, method = reg, "REGISTER" // what phones need
		}
		if r.Code < 500 || r.Code > 599 || r.Code == 501 || r.Code == 505 {
			continue
		}
		ev := []checks.Evidence{{Name: method + " on " + s.Probes[i].at(), Want: "401 or 200", Got: fmt.Sprintf("%d %s", r.Code, r.Phrase)}}
		if r.Warning != "" {
			ev = append(ev, checks.Evidence{Name: "Warning", Got: r.Warning})
		}
		return []checks.Finding{{
			ID: "signalling.server-trouble", Severity: checks.Warning, Confidence: checks.Certain, Heard: true, Evidence: ev,
			Title:       fmt.Sprintf("%s answers that it cannot serve (%d)", s.Name, r.Code),
			Explanation: "The way is open; the server has the trouble. " + explained(r) + ".",
			Advice:      []string{"Try again in a few minutes; if it stays so, ask the provider."},
		}}
	}
	return nil
}
