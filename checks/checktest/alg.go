package checktest

import (
	"net/netip"
	"slices"
	"time"
)

// Part is a part of a SIP message that an ALG rewrites.
type Part uint

// The parts. All but Anywhere are rewritten only where they hold the very
// address and port of the flow they travel in; Anywhere replaces every private
// IPv4 address in the message, whoever's it is.
const (
	RequestURI Part = 1 << iota
	TopVia
	Contact
	FromTo
	CallIDHost
	SDP
	Anywhere
)

// Way is which messages an ALG touches.
type Way int

// The ways.
const (
	BothWays Way = iota
	OutwardOnly
	InwardResponses
	// InwardCalls is requests from outside and the answers to them.
	InwardCalls
)

// ALG is the SIP helper of a router: what it looks at and what it does. The
// presets are modelled on real ones.
type ALG struct {
	Name      string
	Proto     string // UDP, TCP or "" for both
	Port      uint16 // of the far end; 0 is any
	LocalPort uint16 // of the near end, before translation; 0 is any

	Rewrite Part
	Way     Way
	// Proxy makes it a proxy: it adds a Via, takes one hop off Max-Forwards
	// and writes the headers again in its own order and spelling.
	Proxy bool
	// Pinholes opens the RTP and RTCP ports that SDP names to the far end's
	// address for MediaLife (0 is 3 minutes), and the signalling port for as
	// long as a registration lasts.
	Pinholes  bool
	MediaLife time.Duration
	// Strict drops what nf_conntrack_sip cannot make sense of: a message with
	// a media port below 1024 or with media that has no address, a request of
	// a call or registration or any response without CSeq, SDP to be rewritten
	// without Content-Length.
	Strict bool
	// ViaPort sends answers to the port that the Via names, where that is not
	// the port that the request came from, and writes it wherever the server's
	// own port stands: nf_conntrack_sip's help for old Cisco phones.
	ViaPort bool
	// Drop lists methods whose messages vanish; "*" is every SIP message.
	Drop []string
	// Timeout is how long UDP flows that the ALG watches live at least.
	Timeout time.Duration
}

const tupleExact = RequestURI | TopVia | Contact | FromTo | SDP

// LinuxALG is nf_conntrack_sip with nf_nat_sip, the helper of most home
// routers: it rewrites exactly its own flow, undoes it in answers, opens
// pinholes and keeps the flow for an hour (SIP_TIMEOUT). A test of the kernel
// lab compares it with the kernel, byte for byte.
func LinuxALG() ALG {
	return ALG{Name: "linux", Rewrite: tupleExact, Pinholes: true, Strict: true, ViaPort: true, Timeout: time.Hour}
}

// ProxyALG takes itself for a proxy, like the one in the documentation of
// sip-alg-detector: another Via, max-forwards in small letters, other order,
// other media port, the Contact left alone.
func ProxyALG() ALG {
	return ALG{Name: "proxy", Rewrite: SDP, Proxy: true, Pinholes: true}
}

// HeaderALG is FortiOS with no-sdp-fixup: the headers are rewritten, the SDP
// is not.
func HeaderALG() ALG {
	return ALG{Name: "header-only", Rewrite: tupleExact &^ SDP, Pinholes: true}
}

// RegexALG replaces any private address anywhere in the text.
func RegexALG() ALG {
	return ALG{Name: "regex", Rewrite: Anywhere}
}

// CallIDALG is the Junos default: beside the usual it hides the host part of
// the Call-ID, and it closes silent media after two minutes.
func CallIDALG() ALG {
	return ALG{Name: "call-id", Rewrite: tupleExact | CallIDHost, Pinholes: true, MediaLife: 2 * time.Minute}
}

// PinholeALG is Zyxel uOS: nothing is rewritten, ports open all the same
// (signalling 1800 s, RTP 120 s).
func PinholeALG() ALG {
	return ALG{Name: "pinhole", Pinholes: true, MediaLife: 2 * time.Minute, Timeout: 30 * time.Minute}
}

// DroppingALG swallows messages of the given methods; without any, all SIP.
func DroppingALG(methods ...string) ALG {
	if len(methods) == 0 {
		methods = []string{"*"}
	}
	return ALG{Name: "dropping", Drop: methods}
}

// ResponseALG leaves requests alone and puts private addresses into answers.
func ResponseALG() ALG {
	return ALG{Name: "response-only", Rewrite: TopVia | Contact, Way: InwardResponses}
}

// OneWayALG rewrites on the way out and undoes nothing on the way back.
func OneWayALG() ALG {
	return ALG{Name: "one-way", Rewrite: tupleExact, Way: OutwardOnly}
}

// ALGs returns every preset, watching all ports.
func ALGs() []ALG {
	return []ALG{
		LinuxALG(), ProxyALG(), HeaderALG(), RegexALG(), CallIDALG(),
		PinholeALG(), DroppingALG(), ResponseALG(), OneWayALG(),
	}
}

// On returns the ALG attached to one protocol and far port; zero values are
// any.
func (a ALG) On(proto string, port uint16) ALG {
	a.Proto, a.Port = proto, port
	return a
}

// transit is a packet on its way through a router: the near end before and
// after translation, and the far end.
type transit struct {
	proto                   string
	outward                 bool
	inside, outside, remote netip.AddrPort
	mapping                 *mapping // nil in a router without state
}

func (a *ALG) watches(p *packet, t transit) bool {
	return (a.Proto == "" || a.Proto == p.proto) &&
		(a.Port == 0 || a.Port == t.remote.Port()) &&
		(a.LocalPort == 0 || a.LocalPort == t.inside.Port())
}

// applyALGs runs the payload through the router's ALGs; ok is false when one
// of them dropped it.
func (r *Router) applyALGs(p *packet, t transit) (payload []byte, ok bool) {
	payload, t.proto = p.payload, p.proto
	for i := range r.o.ALGs {
		a := &r.o.ALGs[i]
		if len(payload) == 0 || !a.watches(p, t) {
			continue
		}
		if a.Timeout > 0 && p.proto == UDP && (a.Port != 0 || isSIP(payload)) {
			r.state.prolong(p, t, a.Timeout)
		}
		if payload, ok = a.process(payload, p.proto == TCP, t, r.state); !ok {
			return nil, false
		}
	}
	return payload, true
}

// prolong gives a flow the lifetime of a helper.
func (s *stateTable) prolong(p *packet, t transit, d time.Duration) {
	if t.mapping == nil {
		return
	}
	now := time.Now()
	if f := liveFlow(t.mapping.flows[t.remote], now); f != nil {
		f.helper = max(f.helper, d)
		s.touch(t.mapping, f, p, now)
	}
}

// process treats one datagram, or the whole messages of one TCP segment. What
// it cannot read passes untouched, and so does the rest of a segment from a
// message that is not all there: both are what nf_conntrack_sip does.
func (a *ALG) process(payload []byte, stream bool, t transit, calls callState) (out []byte, ok bool) {
	for rest := payload; len(rest) > 0; {
		read := readText
		if stream && a.Strict {
			read = readSegment
		}
		m, size, found := read(rest, stream)
		if !found {
			return append(out, rest...), true
		}
		if !a.message(&m, t, calls) {
			return nil, false
		}
		out = append(out, m.bytes()...)
		rest = rest[size:]
	}
	return out, true
}

// callState is what an ALG remembers of calls: pinholes.
type callState interface {
	media(inside netip.AddrPort, t transit, exact bool, life time.Duration) netip.AddrPort
	register(t transit, life time.Duration)
	hangUp(t transit)
}

// message treats one SIP message; false drops it.
func (a *ALG) message(m *sipText, t transit, calls callState) bool {
	method, code := m.method(), m.code()
	if slices.Contains(a.Drop, "*") || slices.Contains(a.Drop, method) || a.Strict && m.lacksCSeq() {
		return false
	}
	if a.Way == OutwardOnly && !t.outward || a.Way == InwardResponses && (t.outward || code == 0) ||
		a.Way == InwardCalls && t.outward == (code == 0) {
		return true
	}
	if a.Proxy && !t.outward {
		m.dropProxyVia()
	}
	if a.ViaPort && t.proto == UDP && t.outward && code == 0 {
		t.noteViaPort(m)
	}
	a.rewriteHeaders(m, t)
	if a.Rewrite&Anywhere != 0 {
		m.everywhere(t)
	}
	if !a.treatSDP(m, t, calls) {
		return false
	}
	if a.Proxy && t.outward && code == 0 {
		m.reserialise(t)
	}
	a.followCall(m, t, calls)
	return true
}

// followCall opens and closes what registrations and calls need.
func (a *ALG) followCall(m *sipText, t transit, calls callState) {
	if !a.Pinholes {
		return
	}
	method, code := m.method(), m.code()
	switch {
	case method == "REGISTER" && code/100 == 2 && !t.outward:
		calls.register(t, m.expires())
	case method == "INVITE" && code >= 300, method == "BYE" && code == 0, method == "CANCEL" && code == 0:
		calls.hangUp(t)
	}
}
