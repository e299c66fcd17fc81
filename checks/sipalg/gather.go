package sipalg

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// gather makes evidence of everything that was observed: of what both ends of
// the responder's probes saw, of the responder's answers where only those are
// known, and of the answers of other servers.
func gather(o *Observed, paths []Path) []evidence {
	var out []evidence
	for _, p := range paths { // nobody but the way can have made the difference
		e := evidence{Path: p, local: p.probe.Local, remote: p.probe.Remote, bothEnds: true, from: p.probe.ReplyFrom}
		for _, c := range p.Changes {
			e.signs = append(e.signs, sign{Change: c})
		}
		out = append(out, e)
	}
	for i := range o.Probes {
		if p := &o.Probes[i]; !p.Known && !p.Masked && !p.Inbound && len(p.ReplyCame) > 0 {
			a := ServerAnswer{Transport: p.Transport, Local: p.Local, Remote: p.Remote, Sent: p.Sent, Reply: p.ReplyCame, From: p.ReplyFrom}
			out = append(out, o.ofAnswer("", p.Message, &a))
		}
	}
	for i := range o.Servers {
		if e, ok := ofQuotes(&o.Servers[i]); ok {
			out = append(out, e)
		}
		for k := range o.Servers[i].Answers {
			if a := &o.Servers[i].Answers[k]; len(a.Reply) > 0 {
				out = append(out, o.ofAnswer(o.Servers[i].Name, a.Message, a))
			}
		}
	}
	return out
}

// ofAnswer is the evidence of an answer alone.
func (o *Observed) ofAnswer(server, message string, a *ServerAnswer) evidence {
	m, err := sip.Parse(a.Reply)
	e := evidence{
		Path: a.path(server, message), local: a.Local, remote: a.Remote,
		readable: err == nil && m.Status != 0 && m.Get("via") != nil,
		from:     a.From, seen: sip.Source(a.Sent, a.Reply), public: o.seenAs(a.Local.Addr()), control: controlOf(a),
	}
	for _, c := range echoed(a.Sent, a.Reply) {
		e.signs = append(e.signs, sign{Change: c})
	}
	return e
}

func echoed(sent, reply []byte) []Change {
	var out []Change
	for _, c := range sip.Echo(sent, reply) {
		out = append(out, Change{c.Code, "response", c.Before, c.After})
	}
	return out
}

// controlOf reads the answer to the request without our address. Where that
// address comes back nevertheless, other than as the source that the server
// saw, only somebody who knows both addresses can have put it there.
func controlOf(a *ServerAnswer) control {
	m, err := sip.Parse(a.ControlReply)
	if err != nil || m.Status == 0 || m.Get("via") == nil {
		return control{}
	}
	c := control{readable: true, seen: sip.Source(a.ControlSent, a.ControlReply), changes: echoed(a.ControlSent, a.ControlReply)}
	if s, err := sip.Parse(a.ControlSent); err == nil && s.Get("via") != nil {
		own, _ := sip.ParseVia(s.Get("via").Value)
		came, _ := sip.ParseVia(m.Get("via").Value)
		host, _, _ := strings.Cut(own.SentBy, ":")
		c.copied = came.Received != "" && came.Received == host
	}
	if before, after := viaMark(a.ControlSent), viaMark(a.ControlReply); after != "" && before != after {
		c.changes = append(c.changes, Change{sip.Other, "response", before, after})
	}
	for _, ch := range c.changes {
		if ch.Code != sip.ViaSentBy && sip.HasAddr([]byte(ch.After), a.Local.Addr()) {
			c.leaks = append(c.leaks, ch)
		}
	}
	return c
}

// viaMark is the parameter of the first Via that withoutAddress adds, as it
// stands in the message.
func viaMark(b []byte) string {
	m, err := sip.Parse(b)
	if err != nil || m.Get("via") == nil {
		return ""
	}
	for p := range strings.SplitSeq(string(m.Get("via").Value), ";") {
		if p = strings.TrimSpace(p); strings.HasPrefix(p, markName) {
			return p
		}
	}
	return ""
}

// seenAs lists where outsiders see a local address. A report that does not say
// whom they saw counts for addresses of the same family.
func (o *Observed) seenAs(local netip.Addr) []netip.Addr {
	if len(o.Views) == 0 {
		return slices.DeleteFunc(slices.Clone(o.Public), func(a netip.Addr) bool { return a.Is4() != local.Is4() })
	}
	var out []netip.Addr
	for _, v := range o.Views {
		if v.Local == local && v.Seen.Is4() == local.Is4() {
			out = append(out, v.Seen)
		}
	}
	return out
}

// boundNote says that a registrar keeps another Contact than was sent. Most
// that do put there what they saw, so it is a fact and no proof of anything.
func boundNote(result *checks.Result) []words.Text {
	seen := registered(result)
	if seen.Account == nil || seen.Account.Bound == nil {
		return nil
	}
	b := seen.Account.Bound
	if b.Sent == b.Kept || seen.Account.Transport == "tls" || seen.Account.Transport == "wss" {
		return nil
	}
	return []words.Text{words.Say("sip-alg.note.contact-kept", words.Args{"server": seen.Account.Server, "kept": words.Raw(b.Kept), "sent": words.Raw(b.Sent)})}
}

// registered is what signalling observed, which is evidence here too: some ALGs
// act on REGISTER alone. Nothing is known of what another version observed.
func registered(result *checks.Result) (seen signalling.Observed) {
	if result == nil || json.Unmarshal(result.Observed, &seen) != nil {
		return signalling.Observed{}
	}
	return seen
}

// registrations is the evidence of signalling's REGISTER. It comes with no
// control of its own: the server's other transports say what it does itself.
func registrations(o *Observed, result *checks.Result) []evidence {
	var out []evidence
	for _, s := range registered(result).Servers {
		for _, p := range s.Probes {
			plain := p.Transport == "udp" || p.Transport == "tcp" || p.Transport == "tls"
			if !plain || len(p.Register.Sent) == 0 || len(p.Register.Reply) == 0 {
				continue
			}
			a := ServerAnswer{Transport: p.Transport, Local: p.Local, Remote: p.Remote, Sent: p.Register.Sent, Reply: p.Register.Reply}
			out = append(out, o.ofAnswer(s.Name, "REGISTER", &a))
		}
	}
	return out
}
