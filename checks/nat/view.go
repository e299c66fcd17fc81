package nat

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// view is one family's samples, sorted for judging.
type view struct {
	family  Family
	main    []Sample // the one socket, every server that answered
	all     []Sample // every socket
	private bool     // every server that answered is inside, which says nothing about the Internet
}

// look keeps the samples that tell about the path to the Internet. Servers on private
// addresses (the PBX next door) count only when there are no others.
func look(f Family) view {
	v := view{family: f}
	var far, near []Sample
	for _, s := range f.Samples {
		switch {
		case !s.Answered || s.Code != 0 || !s.Mapped.IsValid() || s.Mapped.Addr().Is4() == f.V6:
		case netinfo.IsPrivate(s.Server.Addr()):
			near = append(near, s)
		default:
			far = append(far, s)
		}
	}
	v.all = far
	if len(far) == 0 {
		v.all, v.private = near, true
	}
	for _, s := range v.all {
		if s.Role == rolePlain {
			v.main = append(v.main, s)
		}
	}
	return v
}

func (v view) tests() (list []Filter) {
	for _, f := range v.family.Filter {
		if v.private || !netinfo.IsPrivate(f.Server.Addr()) {
			list = append(list, f)
		}
	}
	return list
}

// translated reports whether any server saw another address or port than ours.
func (v view) translated() bool {
	return slices.ContainsFunc(v.all, func(s Sample) bool { return s.Mapped != s.Local })
}

func (v view) mapped() (list []netip.AddrPort) {
	for _, s := range v.main {
		list = append(list, s.Mapped)
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return slices.Compact(list)
}

// publics lists the different public addresses of all sockets, as they were seen.
func (v view) publics() (list []netip.Addr) {
	for _, s := range v.all {
		if a := s.Mapped.Addr(); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

func (v view) portsPreserved() bool {
	return !slices.ContainsFunc(v.all, func(s Sample) bool { return s.Mapped.Port() != s.Local.Port() })
}

// pair returns what became of the RTP and RTCP ports; ok is false unless both
// were answered.
func (v view) pair() (rtp, rtcp Sample, ok bool) {
	n := 0
	for _, s := range v.all {
		switch s.Role {
		case roleRTP:
			rtp = s
			n |= 1
		case roleRTCP:
			rtcp = s
			n |= 2
		}
	}
	return rtp, rtcp, n == 3
}

// portsVary reports whether the main socket was seen under one public address
// with different ports: that is the NAT's mapping, not a choice between several
// lines.
func (v view) portsVary() bool {
	for i, s := range v.main {
		for _, t := range v.main[:i] {
			if s.Mapped.Addr() == t.Mapped.Addr() && s.Mapped.Port() != t.Mapped.Port() {
				return true
			}
		}
	}
	return false
}

// The behaviours of RFC 4787 sections 4.1 and 5, as the report names them.
const (
	independent = "endpoint-independent"
	address     = "address-dependent"
	addressPort = "address-and-port-dependent"
	unknown     = "unknown"
)

func behaviours() []string { return []string{independent, address, addressPort} }

// behaviour is what is left after each observation has ruled something out.
type behaviour struct{ possible []string }

func anyBehaviour() behaviour { return behaviour{behaviours()} }

func (b *behaviour) only(keep ...string) {
	b.possible = slices.DeleteFunc(slices.Clone(b.possible), func(s string) bool { return !slices.Contains(keep, s) })
}

// name returns the behaviour if only one is left. If it is known to depend on the
// address, but not whether on the port as well, name makes the weaker claim and
// lower is true. Observations that contradict each other leave nothing.
func (b behaviour) name() (name string, lower bool) {
	switch {
	case len(b.possible) == 1:
		return b.possible[0], false
	case slices.Equal(b.possible, []string{address, addressPort}):
		return address, true
	}
	return unknown, false
}

// mapping compares how one socket was seen by different addresses and ports
// (RFC 5780 section 4.3).
func mapping(samples []Sample) behaviour {
	b := anyBehaviour()
	var sameIP, otherIP, differ bool // what was compared, and whether other addresses saw another mapping
	for i, s := range samples {
		for _, t := range samples[:i] {
			equal := s.Mapped == t.Mapped
			switch {
			case s.Server.Addr() != t.Server.Addr():
				otherIP = true
				differ = differ || !equal
			case s.Server == t.Server:
			case !equal:
				b.only(addressPort)
			default:
				sameIP = true
			}
		}
	}
	switch {
	case slices.Equal(b.possible, []string{addressPort}):
	case differ && sameIP:
		b.only(address)
	case differ:
		b.only(address, addressPort)
	case otherIP:
		b.only(independent)
	case sameIP:
		b.only(independent, address)
	}
	return b
}

// filtering combines the tests of RFC 5780 section 4.4 on a NAT of the given
// mapping. A test counts if the answer came, or if only a filter can explain the
// silence.
func filtering(tests []Filter, mapping string) behaviour {
	b := anyBehaviour()
	for _, answered := range []bool{true, false} { // an answer outweighs any silence
		for _, f := range tests {
			if f.Answered != answered || f.Answered && f.Touched || !f.Answered && !silenceCounts(f, mapping) {
				continue // an answer from where this run has sent to may pass a filter that it opened
			}
			was := b
			switch {
			case f.Answered && f.ChangesAddress():
				b.only(independent)
			case f.Answered:
				b.only(independent, address)
			case f.ChangesAddress():
				b.only(address, addressPort)
			default:
				b.only(addressPort)
			}
			if len(b.possible) == 0 {
				b = was
			}
		}
	}
	return b
}

// silenceCounts reports whether silence means a filter. With one mapping for all
// destinations, the control must have passed the opened filter. With a mapping
// per destination it cannot: what the server sends from its other address goes to
// a port that was opened for the first one. Then, and when time ran out, it is
// enough that the other address answers.
func silenceCounts(f Filter, mapping string) bool {
	if f.Broken || f.Ignored || f.Code != 0 {
		return false
	}
	return f.Control || f.Alternate && (f.Cut || mapping != independent)
}
