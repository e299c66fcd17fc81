package nat

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// layers is how many address translations there are in a row.
type layers struct {
	n          int // 0: not known
	carrier    bool
	double     bool
	severity   checks.Severity   // of double
	confidence checks.Confidence // of double and carrier
	evidence   []checks.Evidence
}

// countLayers compares the outer address that the router reports with the one
// that servers see, and looks at the addresses of the routers beyond it.
func countLayers(v view, host *netinfo.Host) layers {
	l := layers{severity: checks.Warning, confidence: checks.Certain}
	if !v.translated() {
		return l
	}
	publics, public := v.publics(), words.Say("nat.evidence.public", nil)
	for _, a := range publics {
		if netinfo.IsShared(a) {
			l.carrier = true
			l.note("seen-address", nil, public, a)
		}
	}
	if own := v.main[0].Local.Addr(); netinfo.IsShared(own) && !(host != nil && host.Uplink.VPN) {
		l.carrier, l.n = true, 1
		l.note("own-address", nil, words.Say("nat.evidence.public-or-office", nil), own)
	}
	if l.byRouter(publics, host) {
		return l
	}
	l.byHops(v, host)
	return l
}

func (l *layers) note(name string, args words.Args, want, got any) {
	l.evidence = append(l.evidence, proof(name, args, want, got))
}

// byRouter reports whether the outer address that the router reports settles the question.
func (l *layers) byRouter(publics []netip.Addr, host *netinfo.Host) bool {
	for _, e := range host.OuterAddresses() {
		a := e.Addr
		if !a.Is4() || !publics[0].Is4() {
			continue
		}
		if netinfo.IsDocumentation(a) && !netinfo.IsDocumentation(publics[0]) {
			continue // an example left in the router's firmware; in a laboratory both are
		}
		switch {
		case slices.Contains(publics, a):
			*l = layers{n: 1, carrier: netinfo.IsCarrierSide(a), confidence: checks.Certain}
			return true
		case netinfo.IsShared(a):
			l.carrier, l.double, l.n = true, true, 2
		case netinfo.IsCarrierSide(a):
			l.carrier, l.n = true, 1 // such a router leaves the translation to the carrier
		case netinfo.IsPrivate(a):
			l.double, l.n = true, 2
		case len(publics) > 1:
			continue // a third public address: several lines
		default:
			// Two public addresses: a 1:1 NAT upstream, or a second line. So nobody
			// knows how many there are.
			l.double, l.confidence = true, checks.Possible
		}
		l.note("router-address", words.Args{"method": e.Method}, publics[0], a)
	}
	return l.double
}

// byHops judges the routers that TTL probes found beyond the first one.
func (l *layers) byHops(v view, host *netinfo.Host) {
	public := words.Say("nat.evidence.public", nil)
	private := false // a router behind the gateway has a private address
	// last is the furthest hop known without a gap. The first is the router, even if
	// its limit on ICMP errors kept it silent this time.
	last := 1
	for _, h := range v.family.Hops {
		if h.TTL == last+1 {
			last = h.TTL
		}
		gateway := host != nil && (h.Addr == host.Uplink.Gateway || h.Addr == host.Uplink.Gateway6)
		if h.TTL < 2 || h.Reached || gateway {
			continue
		}
		switch {
		case netinfo.IsShared(h.Addr):
			l.note("hop", words.Args{"ttl": h.TTL}, public, h.Addr)
			l.carrier = true
			if l.n == 0 {
				l.double, l.confidence = true, checks.Likely
			}
		case netinfo.IsPrivate(h.Addr):
			l.note("hop", words.Args{"ttl": h.TTL}, public, h.Addr)
			private = true
		}
	}
	switch {
	case l.double:
		l.n = 2
	case l.carrier:
	case private:
		// Providers and larger offices give routers private addresses without
		// translating anything: worth a note, not a warning. Only
		// 192.168.0.0/16 right after the router looks like a modem that routes.
		l.double, l.confidence, l.severity = true, checks.Possible, checks.Info
		if slices.ContainsFunc(v.family.Hops, func(h Hop) bool { return h.TTL == 2 && modems.Contains(h.Addr) }) {
			l.severity = checks.Warning
		}
	case last >= 2:
		l.n = 1 // the way to the Internet was seen, and nothing private on it
	}
}

// modems is the network that routers and modems use by default.
var modems = netip.MustParsePrefix("192.168.0.0/16")
