package sipalg

import "github.com/sipdoctor/sipdoctor/checks/internal/session"

// Variants of the INVITE, each for an ALG that the ordinary one may miss.
const (
	variantCompact = "compact"              // header names of one letter
	variantDecoy   = "decoy"                // a private address that is not ours: replaced only by blind search
	variantCLFirst = "content-length-first" // some TCP helpers want it last
	variantSplit   = "split"                // one message over two TCP segments
)

// plan decides which probes go where. Everything that is sent follows from it.
//
// Helpers hang on the destination port, so port 5060, another SIP port and a
// port that is no SIP port are asked the same; the source port 5060 is asked
// beside a fresh one because some routers look at it too. Every (transport,
// port, source) gets its masked control.
func plan(info session.Info, deep bool) []Probe {
	var out []Probe
	add := func(p Probe) { p.ID = len(out) + 1; out = append(out, p) }
	for i, port := range udpPorts(info) {
		base := Probe{Transport: "udp", Port: port.number, Plain: port.plain, Source: "fresh"}
		for _, msg := range []string{"INVITE", "REGISTER", "OPTIONS"} {
			p := base
			p.Message = msg
			add(p)
		}
		if i == 0 || deep {
			for _, v := range []string{variantCompact, variantDecoy} {
				p := base
				p.Message, p.Variant = "INVITE", v
				add(p)
			}
		}
		addMasked(add, base)
		if i == 0 || deep && !port.plain {
			old := base
			old.Source = "5060"
			for _, msg := range []string{"INVITE", "REGISTER"} {
				p := old
				p.Message = msg
				add(p)
			}
			addMasked(add, old)
		}
		if i == 0 || port.plain || deep {
			in := base
			in.Message, in.Inbound = "INVITE", true
			add(in)
		}
	}
	for i, port := range tcpPorts(info) {
		base := Probe{Transport: "tcp", Port: port.number, Plain: port.plain, Source: "fresh", Message: "INVITE"}
		add(base)
		if i == 0 || deep {
			for _, v := range []string{variantCLFirst, variantSplit} {
				p := base
				p.Variant = v
				add(p)
			}
			p := base
			p.Message = "REGISTER"
			add(p)
		}
		addMasked(add, base)
	}
	for _, port := range info.SIPTLS[:min(1, len(info.SIPTLS))] {
		for _, msg := range []string{"INVITE", "REGISTER"} {
			add(Probe{Transport: "tls", Port: port, Source: "fresh", Message: msg})
		}
	}
	return out
}

func addMasked(add func(Probe), base Probe) {
	base.Message, base.Masked = "INVITE", true
	add(base)
}

type port struct {
	number int
	plain  bool
}

// udpPorts puts port 5060 first, then one other SIP port, then the control.
func udpPorts(info session.Info) []port { return pick(info.SIPUDP, info.PlainUDP) }
func tcpPorts(info session.Info) []port { return pick(info.SIPTCP, info.PlainTCP) }

func pick(sip, plain []int) []port {
	var out []port
	for _, n := range sip {
		if n == 5060 {
			out = append(out, port{n, false})
		}
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
