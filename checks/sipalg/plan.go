package sipalg

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// Variants of the INVITE, each for an ALG that the ordinary one may miss.
const (
	variantCompact = "compact"              // header names of one letter
	variantDecoy   = "decoy"                // a private address that is not ours: replaced only by blind search
	variantCLFirst = "content-length-first" // some TCP helpers want it last
	variantSplit   = "split"                // one message over two TCP segments
)

// variantLeave is the REGISTER that ends a registration; it is not a probe.
const variantLeave = "leave"

// plan decides which probes go where. Everything that is sent follows from it,
// but for what is asked again after silence (again.go).
//
// Helpers are bound to a destination port, so port 5060, another SIP port and a
// port that is not a SIP port get the same probes; source port 5060 is tried as
// well as a fresh one, because some routers look at it too. Every (transport,
// port, source) gets its masked control. A TCP port is asked on at least two
// connections, and port 5060 for each message, because one hanging connection
// proves nothing.
//
// Over UDP the messages of a port share a flow, as those of a phone do: every
// flow costs the router an entry, and a router may allow few of them. Masked
// bytes have one of their own, because some boxes judge a flow by its first
// packet.
func plan(info session.Info, deep bool) []Probe {
	var l list
	for i, port := range pick(info.SIPUDP, info.PlainUDP) {
		l.udp(port, i == 0, deep)
	}
	for i, port := range pick(info.SIPTCP, info.PlainTCP) {
		l.tcp(port, i == 0, deep)
	}
	for _, port := range info.SIPTLS[:min(1, len(info.SIPTLS))] {
		base := Probe{Transport: "tls", Port: port, Source: "fresh"}
		l.messages(base, "INVITE", "REGISTER")
		if deep {
			l.messages(base, "OPTIONS")
		}
	}
	return l
}

type list []Probe

func (l *list) add(p Probe) {
	p.ID = len(*l) + 1
	if p.Flow == 0 {
		p.Flow = p.ID
	}
	*l = append(*l, p)
}

// newFlow is the number of a flow that begins with the next probe.
func (l *list) newFlow() int { return len(*l) + 1 }

func (l *list) messages(base Probe, names ...string) {
	for _, n := range names {
		base.Message = n
		l.add(base)
	}
}

func (l *list) variants(base Probe, message string, names ...string) {
	base.Message = message
	for _, v := range names {
		base.Variant = v
		l.add(base)
	}
}

// masked adds the control of base's port and source.
func (l *list) masked(base Probe) {
	base.Message, base.Masked = "INVITE", true
	l.add(base)
}

// udp plans one destination port; first is port 5060.
func (l *list) udp(to port, first, deep bool) {
	base := Probe{Transport: "udp", Port: to.number, Plain: to.plain, Source: "fresh", Flow: l.newFlow()}
	l.messages(base, "INVITE", "REGISTER", "OPTIONS")
	if first || deep {
		l.messages(base, "SUBSCRIBE", "BYE") // they cost no flow
	}
	call := base
	call.Inbound = true
	l.messages(call, "INVITE")
	if first || deep {
		base.Flow = l.newFlow()
		l.variants(base, "INVITE", variantCompact, variantDecoy)
	}
	base.Flow = 0
	l.masked(base)
	if first || deep && !to.plain {
		old := base
		old.Source, old.Flow = "5060", l.newFlow()
		l.messages(old, "INVITE", "REGISTER")
		l.masked(old)
	}
}

// tcp plans one destination port. Phones connect from fresh ports; only --deep
// tries source port 5060, once and without a control of its own, because a
// second connection between the same two ports would have to wait for minutes.
func (l *list) tcp(to port, first, deep bool) {
	base := Probe{Transport: "tcp", Port: to.number, Plain: to.plain, Source: "fresh"}
	l.messages(base, "INVITE")
	if first || deep {
		l.variants(base, "INVITE", variantCLFirst, variantSplit)
		l.messages(base, "OPTIONS")
	}
	if !to.plain {
		l.messages(base, "REGISTER")
	}
	if deep {
		l.variants(base, "REGISTER", variantCLFirst)
	}
	l.masked(base)
	if first && deep {
		base.Source = "5060"
		l.messages(base, "INVITE")
	}
}

type port struct {
	number int
	plain  bool
}

// pick puts port 5060 first, then one other SIP port, then the control.
func pick(sip, plain []int) []port {
	var out []port
	if slices.Contains(sip, 5060) {
		out = append(out, port{5060, false})
	}
	for _, n := range sip {
		if n != 5060 && len(out) < 2 {
			out = append(out, port{n, false})
		}
	}
	if len(plain) > 0 {
		out = append(out, port{plain[0], true})
	}
	return out
}
