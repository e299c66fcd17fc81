package capture

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A sign is a place where messages of one capture contradict each other, as they do
// if something on the way rewrites them.
type sign struct {
	code          sip.Code
	before, after string
	proves        bool // what RFC 3261 forbids everybody else; otherwise a server may do it
	first, second *Message
}

// algSigns are signs that something between this place and a server rewrites SIP.
// That is what one capture can show: what was rewritten before, or is put back on the
// return, it cannot.
func algSigns(v *view) (out []checks.Finding) {
	const id = "capture.alg-signs"
	var groups cases
	for _, x := range v.calls {
		for _, t := range x.list {
			for _, s := range v.signs(t) {
				key := string(s.code) + " " + t.client.Addr().String() + " " + t.server.Addr().String()
				proof := []checks.Evidence{frame(s.first, nil)}
				if s.second != nil {
					proof = append(proof, frame(s.second, nil))
				}
				name := words.Say("capture.evidence.sign", words.Args{"code": string(s.code)})
				proof = append(proof, checks.Proof(name, words.Raw(s.before), words.Raw(s.after)))
				if g := groups.add(v, "", key, x, t, proof...); len(g.list) == 1 {
					g.sign = s
				}
			}
		}
	}
	for _, g := range groups.list {
		t, variant := g.first(), g.sign.variant()
		f := checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Likely, Subject: subject(t.client), Evidence: g.proof, Variant: variant,
			Args: words.Args{"code": string(g.sign.code), "client": who(t.client), "server": who(t.server), "n": len(g.list),
				"before": words.Raw(g.sign.before), "after": words.Raw(g.sign.after), "from": who(g.sign.first.Src)},
			Fixes: fixes.For(fixes.SIPALG, nil, map[string]string{"Phone": t.client.Addr().String(), "SIPPort": strconv.Itoa(int(t.server.Port()))}),
		}
		if !g.sign.proves {
			f.Severity, f.Confidence = checks.Warning, checks.Possible
			if variant == "contact" {
				f.Severity, f.Fixes = checks.Info, nil
			}
		}
		out = append(out, f)
	}
	return out
}

func (s sign) variant() string {
	switch s.code {
	case sip.ContentLength:
		return "length"
	case sip.ReceivedReversed:
		return "received"
	case sip.ContactChanged:
		return "contact"
	}
	return "echo"
}

func (v *view) signs(t *transaction) (out []sign) {
	if t.request != nil && !t.request.Line {
		for _, a := range t.answers {
			out = append(out, v.echo(t.request, a)...)
		}
	}
	for _, m := range append([]*Message{t.request}, t.answers...) {
		if m == nil || m.Line || m.Cut || m.Transport != "udp" || m.Length < 0 || m.Length == m.Body || v.near.beginsWith(m) {
			continue
		}
		out = append(out, sign{code: sip.ContentLength, before: strconv.Itoa(m.Length), after: strconv.Itoa(m.Body), proves: m.Length > m.Body && m.SDP != nil, first: m})
	}
	return out
}

// beginsWith reports whether the capture shows a message as its sender made it: then
// nothing on the way has changed it.
func (s *surroundings) beginsWith(m *Message) bool {
	n, ok := s.hops[m.Src.Addr()]
	return m.Out || ok && n == 0
}

// echo compares what an answer has to repeat with the request (RFC 3261, 8.2.6.2).
// Only addresses are compared: that is what an ALG rewrites, while servers are known
// to write names, ports and parameters in their own way.
func (v *view) echo(m, a *Message) (out []sign) {
	sent, sok := sip.ParseVia([]byte(m.Via))
	came, cok := sip.ParseVia([]byte(a.Via))
	if sok && cok && sent.Branch != "" && sent.Branch == came.Branch && m.Vias == a.Vias {
		if x, y := literal(sent.SentBy), literal(came.SentBy); swapped(m, x, y) {
			out = append(out, sign{sip.ViaSentBy, sent.SentBy, came.SentBy, true, m, a})
		}
		if r, ok := received(a); ok && r == m.Src.Addr() && netinfo.IsPrivate(r) && !netinfo.IsPrivate(m.Dst.Addr()) && v.translated(m.Src.Addr(), m.Dst.Addr()) {
			out = append(out, sign{sip.ReceivedReversed, v.near.seenAs[m.Src.Addr()].String(), r.String(), false, m, a})
		}
	}
	for _, p := range []struct {
		code sip.Code
		x, y Party
	}{{sip.FromChanged, m.From, a.From}, {sip.ToChanged, m.To, a.To}} {
		if p.x.URI == p.y.URI {
			continue
		}
		hx, _ := hostOf(p.x.URI)
		hy, _ := hostOf(p.y.URI)
		if x, y := literal(hx), literal(hy); swapped(m, x, y) {
			out = append(out, sign{p.code, p.x.URI, p.y.URI, true, m, a})
		}
	}
	if s, ok := movedContact(m, a); ok {
		out = append(out, s)
	}
	return out
}

// swapped reports whether one of two addresses is private and the other public, as
// those are that a NAT and its ALG exchange. A border controller that puts its own
// address into what it should repeat is none.
func swapped(m *Message, x, y netip.Addr) bool {
	return x.IsValid() && y.IsValid() && netinfo.IsPrivate(x) != netinfo.IsPrivate(y) && x != m.Dst.Addr() && y != m.Dst.Addr()
}

// translated reports whether another answer of the same server names the public
// address of a client: then a NAT lies between, and the server cannot know the
// private one. On a way without NAT, a VPN for instance, it may.
func (v *view) translated(client, server netip.Addr) bool {
	return v.seenBy[[2]netip.Addr{client, server}]
}

// seenBy are clients and servers of which an answer names a public address for a
// private client.
func seenBy(calls []*exchange) map[[2]netip.Addr]bool {
	out := map[[2]netip.Addr]bool{}
	for _, x := range calls {
		for i := range x.Messages {
			m := &x.Messages[i]
			if a, ok := received(m); ok && m.Status > 0 && netinfo.IsPrivate(m.Dst.Addr()) && !netinfo.IsPrivate(a) {
				out[[2]netip.Addr{m.Dst.Addr(), m.Src.Addr()}] = true
			}
		}
	}
	return out
}

// movedContact reports that the answer to a REGISTER lists another address than the
// phone registered. A registrar that puts the source of the packet there instead, as
// Asterisk does with rewrite_contact, is no ALG; so this is a hint at most.
func movedContact(m, a *Message) (sign, bool) {
	if m.Method != "REGISTER" || a.Status < 200 || a.Status > 299 || a.isAsterisk() || len(a.Contacts) == 0 {
		return sign{}, false
	}
	at, ok := m.contactAddr()
	if !ok || !netinfo.IsPrivate(at.Addr()) || at.Addr() != m.Src.Addr() {
		return sign{}, false
	}
	user := userOf(m.Contact)
	for _, c := range a.Contacts {
		host, _ := contactHost(c)
		if h := literal(host); !h.IsValid() || h == at.Addr() || netinfo.IsPrivate(h) || userOf(c) != user {
			return sign{}, false
		}
	}
	return sign{sip.ContactChanged, m.Contact, a.Contacts[0], false, m, a}, true
}

func userOf(contact string) string {
	uri, _ := sip.Address(contact)
	_, rest, _ := strings.Cut(uri, ":")
	user, _, ok := strings.Cut(rest, "@")
	if !ok {
		return ""
	}
	return user
}

// literal is the address in host or host:port; invalid for a name.
func literal(host string) netip.Addr {
	a, ok := sip.HostPort(host, 5060)
	if !ok {
		return netip.Addr{}
	}
	return a.Addr()
}

// contactsOf are the values of all Contact fields, as far as they are kept.
func contactsOf(m *sip.Message) (out []string) {
	for _, h := range m.All("contact") {
		for rest := string(h.Value); rest != "" && len(out) < maxRoutes; {
			first := sip.FirstValue(rest)
			out = append(out, text([]byte(strings.TrimSpace(first))))
			rest = strings.TrimPrefix(rest[len(first):], ",")
		}
	}
	return slices.Clip(out)
}
