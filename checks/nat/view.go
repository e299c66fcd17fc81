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

// tests are the filtering tests at the servers that count.
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

// mapped lists the different mappings of the main socket, in order.
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

// portsPreserved reports whether every socket kept its port number.
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
