package checktest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sipdoctor/sipdoctor/platform"
)

// DNSOptions describes a DNS server that knows a few records and says of
// everything else that it does not exist.
type DNSOptions struct {
	Addr netip.Addr // of the host; invalid: all IPv4 addresses
	// Zone are records as in a zone file: "sip.example.net. 300 IN A 192.0.2.1".
	Zone []string
	// Lie is the address given to names that do not exist; invalid: none.
	Lie netip.Addr
	// Rcode, when set, is the answer to everything.
	Rcode int
	Delay time.Duration
	// NoEDNS makes it a server of before RFC 6891, which calls EDNS0 malformed.
	NoEDNS bool
	// NoUDP makes it silent over UDP.
	NoUDP bool
	// Truncate cuts every answer over UDP, so that TCP must be used.
	Truncate bool
	// DropEvery loses every n-th question over UDP; 0 loses none.
	DropEvery int
}

// ServeDNS answers on port 53, UDP and TCP. The caller closes the server.
func ServeDNS(ctx context.Context, n platform.Network, o DNSOptions) (*Server, error) {
	zone := map[string][]dns.RR{}
	for _, line := range o.Zone {
		rr, err := dns.NewRR(line)
		if err != nil {
			return nil, fmt.Errorf("reading the zone: %w", err)
		}
		zone[strings.ToLower(rr.Header().Name)] = append(zone[strings.ToLower(rr.Header().Name)], rr)
	}
	s := &Server{}
	at := netip.AddrPortFrom(netip.IPv4Unspecified(), 53)
	if o.Addr.IsValid() {
		at = netip.AddrPortFrom(o.Addr, 53)
	}
	u, err := n.OpenUDP(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("starting the DNS server: %w", err)
	}
	s.hold(u, func() {
		datagrams(u, func(b []byte, d platform.Datagram) {
			s.hear(Heard{UDP, d.From, d.TTL, b})
			if c := s.requests.Add(1); o.NoUDP || o.DropEvery > 0 && c%int64(o.DropEvery) == 0 {
				return
			}
			answer := answerDNS(b, zone, o, true)
			time.AfterFunc(o.Delay, func() { _ = u.WriteTo(answer, d.From, platform.SendOptions{From: d.To}) })
		})
	})
	l, err := n.ListenTCP(ctx, at)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("starting the DNS server: %w", err)
	}
	s.hold(l, func() { s.connections(l, func(c net.Conn) { s.streamDNS(c, zone, o) }) })
	return s, nil
}

func (s *Server) streamDNS(c net.Conn, zone map[string][]dns.RR, o DNSOptions) {
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		s.hear(Heard{TCP, netip.MustParseAddrPort(c.RemoteAddr().String()), 0, b})
		a := answerDNS(b, zone, o, false)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

// answerDNS makes the answer to one question; bytes that are not a question get
// an empty one.
func answerDNS(b []byte, zone map[string][]dns.RR, o DNSOptions, udp bool) []byte {
	var q, a dns.Msg
	if q.Unpack(b) != nil || len(q.Question) != 1 {
		return nil
	}
	a.SetReply(&q)
	a.RecursionAvailable = true
	name := strings.ToLower(q.Question[0].Name)
	switch records, exists := zone[name]; {
	case o.NoEDNS && q.IsEdns0() != nil:
		a.Rcode = dns.RcodeFormatError
	case o.Rcode != 0:
		a.Rcode = o.Rcode
	case exists:
		for _, rr := range records {
			if rr.Header().Rrtype == q.Question[0].Qtype {
				a.Answer = append(a.Answer, rr)
			}
		}
	case o.Lie.IsValid() && q.Question[0].Qtype == dns.TypeA:
		a.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: o.Lie.AsSlice()}}
	case !o.Lie.IsValid():
		a.Rcode = dns.RcodeNameError
	}
	if udp && o.Truncate {
		a.Truncated, a.Answer = true, nil
	}
	out, err := a.Pack()
	if err != nil {
		return nil
	}
	return out
}
