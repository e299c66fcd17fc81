package dns_test

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform"
)

// serverOptions describe a DNS server that knows a few records and says of
// everything else that it does not exist.
type serverOptions struct {
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

type server struct {
	o     serverOptions
	zone  map[string][]mdns.RR
	asked atomic.Int64 // questions over UDP and TCP
}

// serve answers on port 53 of h, UDP and TCP, until the test ends.
func (n *office) serve(h *checktest.Host, o serverOptions) *server {
	n.Helper()
	s := &server{o: o, zone: map[string][]mdns.RR{}}
	for _, line := range o.Zone {
		rr, err := mdns.NewRR(line)
		if err != nil {
			n.Fatal(err)
		}
		name := strings.ToLower(rr.Header().Name)
		s.zone[name] = append(s.zone[name], rr)
	}
	at := netip.AddrPortFrom(netip.IPv4Unspecified(), 53)
	if o.Addr.IsValid() {
		at = netip.AddrPortFrom(o.Addr, 53)
	}
	u, err := h.OpenUDP(n.Context(), at)
	if err != nil {
		n.Fatal(err)
	}
	l, err := h.ListenTCP(n.Context(), at)
	if err != nil {
		n.Fatal(err)
	}
	started := make(chan struct{})
	overTCP := &mdns.Server{Listener: l, NotifyStartedFunc: func() { close(started) }, Handler: mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) {
		s.asked.Add(1)
		_ = w.WriteMsg(s.answer(q))
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = overTCP.ActivateAndServe() })
	running.Go(func() { s.datagrams(u) })
	<-started
	n.Cleanup(func() {
		_ = u.Close()
		_ = overTCP.Shutdown()
		running.Wait()
	})
	return s
}

// datagrams answers until the socket is closed.
func (s *server) datagrams(u platform.UDPConn) {
	b := make([]byte, 4096)
	for {
		d, err := u.ReadFrom(b)
		if err != nil {
			return
		}
		q := new(mdns.Msg)
		if asked := s.asked.Add(1); q.Unpack(b[:d.N]) != nil || s.o.NoUDP || s.o.DropEvery > 0 && asked%int64(s.o.DropEvery) == 0 {
			continue
		}
		a := s.answer(q)
		if s.o.Truncate {
			a.Truncated, a.Answer = true, nil
		}
		if raw, err := a.Pack(); err == nil {
			time.AfterFunc(s.o.Delay, func() { _ = u.WriteTo(raw, d.From, platform.SendOptions{From: d.To}) })
		}
	}
}

func (s *server) answer(q *mdns.Msg) *mdns.Msg {
	a := new(mdns.Msg).SetReply(q)
	a.RecursionAvailable = true
	name, o := strings.ToLower(q.Question[0].Name), s.o
	switch records, exists := s.zone[name]; {
	case o.NoEDNS && q.IsEdns0() != nil:
		a.Rcode = mdns.RcodeFormatError
	case o.Rcode != 0:
		a.Rcode = o.Rcode
	case exists:
		for _, rr := range records {
			if rr.Header().Rrtype == q.Question[0].Qtype {
				a.Answer = append(a.Answer, rr)
			}
		}
	case o.Lie.IsValid() && q.Question[0].Qtype == mdns.TypeA:
		a.Answer = []mdns.RR{&mdns.A{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 60}, A: o.Lie.AsSlice()}}
	case !o.Lie.IsValid():
		a.Rcode = mdns.RcodeNameError
	}
	return a
}
