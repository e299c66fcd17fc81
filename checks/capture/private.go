package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A hidden end says, from a public address, that it is to be reached at a private
// one: a device behind NAT that does not know it.
type hidden struct {
	said    *Message
	in      *exchange
	contact netip.AddrPort
}

// hiddenEnds finds them in the order of the capture.
func hiddenEnds(calls []*exchange) (out []hidden) {
	seen := map[[2]netip.AddrPort]bool{}
	for _, x := range calls {
		for i := range x.Messages {
			m := &x.Messages[i]
			at, ok := m.contactAddr()
			if !ok || !m.Src.IsValid() || !privateContact(m, at) || m.Status >= 300 || seen[[2]netip.AddrPort{m.Src, at}] {
				continue
			}
			seen[[2]netip.AddrPort{m.Src, at}] = true
			out = append(out, hidden{m, x, at})
		}
	}
	return out
}

// byContact are the places of hidden ends in their list, by the address that they
// give.
func byContact(list []hidden) map[netip.AddrPort][]int {
	out := map[netip.AddrPort][]int{}
	for i, h := range list {
		out[h.contact] = append(out[h.contact], i)
	}
	return out
}

// privateContact reports whether the other side of a message cannot reach a Contact
// that it could reach without NAT between.
func privateContact(m *Message, at netip.AddrPort) bool {
	return netinfo.IsPrivate(at.Addr()) && !at.Addr().IsUnspecified() && !netinfo.IsPrivate(m.Src.Addr())
}

// contactAddr is the address in Contact; ok is false for a name.
func (m *Message) contactAddr() (netip.AddrPort, bool) {
	host, port := contactHost(m.Contact)
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	if port == 0 {
		port = 5060
	}
	return netip.AddrPortFrom(a.Unmap(), port), true
}

// privateAddresses are requests that a server sends to the private address that a
// device behind NAT put into its Contact.
func privateAddresses(v *view) (out []checks.Finding) {
	const id = "capture.private-contact"
	var lost cases
	for _, x := range v.calls {
		for _, list := range x.ways() {
			t := list[len(list)-1]
			h, ok := v.sentTo(t)
			if !ok || len(t.answers) > 0 || v.tooSoon(t) && v.rejection(t) == nil {
				continue
			}
			variant := "calls"
			if t.request.To.Tag != "" {
				variant = "dialog"
			}
			g := lost.add(v, id, variant+" "+t.client.Addr().String(), x, t, frame(h.said, nil),
				checks.Proof(words.Say("capture.evidence.says-contact", words.Args{"from": h.said.Src}), nil, words.Raw(h.said.Contact)), frame(t.request, nil))
			g.variant, g.hidden = variant, h
		}
	}
	for _, g := range lost.list {
		out = append(out, g.unreachable(id, checks.Critical, checks.Certain))
	}
	return out
}

// privateNotes tell of phones behind NAT that register a private address, where the
// capture does not show that the server copes with it.
func privateNotes(v *view) (out []checks.Finding) {
	const id = "capture.private-contact"
	for _, claimed := range v.found {
		if claimed == id {
			return nil // there is worse to tell
		}
	}
	var known cases
	reached := v.reached()
	for _, h := range v.hidden {
		if v.found[h.in] != "" || h.in.outcome() != outcomeAccepted {
			continue
		}
		if h.said.Method != "REGISTER" || reached[[2]netip.AddrPort{h.said.Dst, h.said.Src}] {
			continue // the server copes
		}
		g := known.add(v, "", h.said.Dst.Addr().String(), h.in, h.in.list[0])
		if len(g.list) == 1 {
			g.variant, g.hidden, g.proof = "untested", h, h.places()
		}
	}
	for _, g := range known.list {
		out = append(out, g.unreachable(id, checks.Info, checks.Likely))
	}
	return out
}

// sentTo is the hidden end that a request was meant for: its server had learned the
// private address from it.
func (v *view) sentTo(t *transaction) (hidden, bool) {
	for _, i := range v.hiddenAt[t.server] {
		if h := v.hidden[i]; h.said.Dst.Addr() == t.client.Addr() {
			return h, true
		}
	}
	return hidden{}, false
}

// reached are the pairs of a server and the outer address of a client between which a
// request of the server was answered.
func (v *view) reached() map[[2]netip.AddrPort]bool {
	out := map[[2]netip.AddrPort]bool{}
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.request != nil && len(t.answers) > 0 {
				out[[2]netip.AddrPort{t.client, t.server}] = true
			}
		}
	}
	return out
}

// places are all private addresses in a message.
func (h hidden) places() []checks.Evidence {
	m := h.said
	out := []checks.Evidence{frame(m, nil), checks.Proof(words.Say("capture.evidence.says-contact", words.Args{"from": m.Src}), nil, words.Raw(m.Contact))}
	if via, ok := sip.ParseVia([]byte(m.Via)); ok && m.Status == 0 {
		if a, ok := sip.HostPort(via.SentBy, 5060); ok && netinfo.IsPrivate(a.Addr()) {
			out = append(out, checks.Proof("Via", nil, words.Raw(via.SentBy)))
		}
	}
	for _, r := range m.Route {
		host, _ := contactHost(r)
		if a, err := netip.ParseAddr(host); err == nil && netinfo.IsPrivate(a) && m.Status == 0 {
			out = append(out, checks.Proof("Record-Route", nil, words.Raw(r)))
		}
	}
	if m.SDP != nil {
		for i := range m.SDP.Media {
			if a, ok := m.SDP.Media[i].at(); ok && netinfo.IsPrivate(a.Addr()) {
				out = append(out, checks.Proof("SDP c=", nil, words.Raw(a.Addr().String())))
				break
			}
		}
	}
	return out
}

func (g *group) unreachable(id string, s checks.Severity, c checks.Confidence) checks.Finding {
	return checks.Finding{
		ID: id, Severity: s, Confidence: c, Subject: g.hidden.said.Src.String(), Evidence: g.proof, Variant: g.variant,
		Args: words.Args{"client": g.hidden.said.Src, "contact": g.hidden.contact, "server": g.hidden.said.Dst, "n": len(g.list), "method": g.at.first.Method},
	}
}

// astray are answers that a server sends where the client does not listen: to the
// port or the private address in its Via.
func astray(v *view) (out []checks.Finding) {
	const id = "capture.answers-astray"
	var groups cases
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.request == nil || len(t.answers) > 0 || t.first.Again < 2 || t.request.Transport != "udp" {
				continue
			}
			other := x.elsewhere(t)
			if other == nil {
				continue
			}
			variant := "port"
			if netinfo.IsPrivate(other.client.Addr()) && !netinfo.IsPrivate(t.client.Addr()) {
				variant = "private"
			}
			g := groups.add(v, id, variant+" "+t.client.Addr().String()+" "+t.server.String(), x, t, frame(t.request, nil), frame(other.first, nil))
			g.variant, g.to = variant, other.client
		}
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.client), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"client": t.client, "server": t.server, "to": g.to, "n": len(g.list), "method": t.first.Method},
		})
	}
	return out
}

// elsewhere are the answers to a request that were sent to another end than it came
// from; nil where there are none.
func (x *exchange) elsewhere(t *transaction) *transaction {
	for _, o := range x.list {
		if o.request == nil && o.first.Method == t.first.Method && o.first.CSeq == t.first.CSeq && o.server == t.server && o.first.At >= t.first.At && branchOf(o.first.Via) == branchOf(t.first.Via) {
			return o
		}
	}
	return nil
}
