package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Where a capture was taken, as seen from a client and its server.
const (
	atClient  = "client"  // on the client, or in its network
	atServer  = "server"  // on the server, or in its network
	atBoth    = "both"    // no router lies between the two
	rightHere = "here"    // on the machine that got the requests and kept them
	onTheWay  = "between" // behind a router, seen from the client
	nobodySay = "unknown"
)

// surroundings are what packets tell about who is near the place of the capture.
type surroundings struct {
	hops map[netip.Addr]int // fewest routers that packets of an address have passed
	own  map[netip.Addr]bool
	// got are the addresses for which the capturing machine got requests, and passed
	// those for which it sent them on.
	got, passed map[netip.Addr]bool
	// around is the address that every message came from or went to; invalid
	// where there is none, or only one pair of addresses.
	around netip.Addr
	seenAs map[netip.Addr]netip.Addr // what servers answer that a private address is outside
}

func look(o *Observed) surroundings {
	s := surroundings{hops: map[netip.Addr]int{}, own: map[netip.Addr]bool{}, got: map[netip.Addr]bool{}, passed: map[netip.Addr]bool{}, seenAs: map[netip.Addr]netip.Addr{}}
	common, pairs := map[netip.Addr]int{}, map[[2]netip.Addr]bool{}
	total := 0
	for i := range o.Dialogs {
		s.keeps(&o.Dialogs[i])
		for j := range o.Dialogs[i].Messages {
			m := &o.Dialogs[i].Messages[j]
			src, dst := m.Src.Addr(), m.Dst.Addr()
			total++
			common[src]++
			if dst != src {
				common[dst]++
			}
			if src.Compare(dst) > 0 {
				pairs[[2]netip.Addr{dst, src}] = true
			} else {
				pairs[[2]netip.Addr{src, dst}] = true
			}
			s.hop(m)
			s.outside(m)
		}
	}
	for a, n := range common {
		if n == total && len(pairs) > 1 && a.IsValid() {
			s.around = a
		}
	}
	return s
}

// keeps notes what came to the capturing machine, and whether it sent requests of the
// same Call-ID on, to there or, as NAT does, to another address.
func (s *surroundings) keeps(d *Dialog) {
	on := false
	for i := range d.Messages {
		on = on || d.Messages[i].Out && d.Messages[i].Status == 0
	}
	for i := range d.Messages {
		if m := &d.Messages[i]; m.In && m.Status == 0 {
			s.got[m.Dst.Addr()] = true
			s.passed[m.Dst.Addr()] = s.passed[m.Dst.Addr()] || on
		}
	}
}

// hopsOf is how many routers a packet has passed; -1: not known. Systems begin with 64,
// 128 or 255 (Linux and most phones; Windows; Cisco, Solaris), and nobody is farther
// than 30 routers away.
func hopsOf(ttl uint8) int {
	const far = 30
	for _, begin := range []int{64, 128, 255} {
		if n := begin - int(ttl); ttl > 0 && n >= 0 && n <= far {
			return n
		}
	}
	return -1
}

// hop notes how many routers a message has passed.
func (s *surroundings) hop(m *Message) {
	n := hopsOf(m.TTL)
	if old, ok := s.hops[m.Src.Addr()]; n >= 0 && (!ok || n < old) {
		s.hops[m.Src.Addr()] = n
	}
	// A router sends on what it has got with a smaller TTL.
	if m.Out && (m.TTL == 0 || s.hops[m.Src.Addr()] == 0) {
		s.own[m.Src.Addr()] = true
	}
}

// outside notes what a server says about the source of a request.
func (s *surroundings) outside(m *Message) {
	if m.Status == 0 || !netinfo.IsPrivate(m.Dst.Addr()) {
		return
	}
	if a, ok := received(m); ok && !netinfo.IsPrivate(a) {
		s.seenAs[m.Dst.Addr()] = a
	}
}

// received is the address in received= of the topmost Via.
func received(m *Message) (netip.Addr, bool) {
	v, ok := sip.ParseVia([]byte(m.Via))
	if !ok || v.Received == "" {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(v.Received)
	return a.Unmap(), err == nil
}

// place says where the capture was taken.
func (s *surroundings) place(client, server netip.Addr) string {
	c, knowsC := s.hops[client]
	n, knowsS := s.hops[server]
	switch {
	case s.own[client] && s.own[server]:
		return atBoth
	case s.own[client]:
		return atClient
	case s.own[server]:
		return atServer
	case s.got[server] && !s.passed[server]:
		return rightHere
	case !knowsC:
		return nobodySay
	case knowsS && c == 0 && n == 0:
		return atBoth
	case c == 0:
		return atClient
	case knowsS && n == 0, s.around == server && s.around.IsValid():
		return atServer
	}
	return onTheWay
}

// outer is the address by which a server knows a client; invalid where the capture
// does not tell.
func (s *surroundings) outer(client, server netip.Addr) netip.Addr {
	if !netinfo.IsPrivate(client) || netinfo.IsPrivate(server) {
		return client
	}
	return s.seenAs[client]
}
