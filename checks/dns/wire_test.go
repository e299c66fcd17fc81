package dns

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// Whatever arrives on the socket, reading it must end well.
func FuzzReadReply(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("sip.example.", dns.TypeSRV)
	m.Response = true
	for _, line := range []string{
		"sip.example. 60 IN SRV 1 2 5060 a.example.", "sip.example. 60 IN A 192.0.2.1", "sip.example. 60 IN AAAA 2001:db8::1",
		`sip.example. 60 IN NAPTR 1 2 "s" "SIP+D2U" "" _sip._udp.example.`, "sip.example. 60 IN CNAME b.example.",
	} {
		rr, err := dns.NewRR(line)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := answerID(b); !ok {
			return
		}
		r, err := readReply(b, "sip.example", "SRV")
		if err == nil && (r.rcode == "" || len(r.records) > maxRecords) {
			t.Errorf("read %+v", r)
		}
	})
}

func TestAnswersToOtherQuestionsAreRefused(t *testing.T) {
	m := new(dns.Msg)
	m.SetQuestion("other.example.", dns.TypeA)
	m.Response = true
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readReply(b, "sip.example", "A"); err == nil {
		t.Error("an answer about another name was believed")
	}
	if _, err := readReply(b, "other.example", "AAAA"); err == nil {
		t.Error("an answer about another type was believed")
	}
	if _, err := readReply(b, "OTHER.example", "A"); err != nil {
		t.Errorf("the same name in other letters: %v", err)
	}
}

// Somebody who does not see the question can guess the address or the id, but
// has to be right in everything.
func TestForgedAnswersAreNotTaken(t *testing.T) {
	server := netip.MustParseAddrPort("192.168.88.53:53")
	for name, change := range map[string]func(m *dns.Msg, from *netip.AddrPort){
		"from another address":  func(_ *dns.Msg, from *netip.AddrPort) { *from = netip.MustParseAddrPort("192.168.88.66:53") },
		"from another port":     func(_ *dns.Msg, from *netip.AddrPort) { *from = netip.AddrPortFrom(server.Addr(), 5353) },
		"with another id":       func(m *dns.Msg, _ *netip.AddrPort) { m.Id++ },
		"about another name":    func(m *dns.Msg, _ *netip.AddrPort) { m.Question[0].Name = "sip.example.net." },
		"a question, no answer": func(m *dns.Msg, _ *netip.AddrPort) { m.Response = false },
		"without any question":  func(m *dns.Msg, _ *netip.AddrPort) { m.Question = nil },
		"the true one":          func(*dns.Msg, *netip.AddrPort) {},
	} {
		p := client{to: server, edns: true}.prepare(&Question{Name: "sip.example", Type: "A"})
		var m dns.Msg
		if err := m.Unpack(p.ask.Payload()); err != nil {
			t.Fatal(err)
		}
		m.Response = true
		from := server
		change(&m, &from)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.ask.Match(b, from), name == "the true one"; got != want {
			t.Errorf("%s: taken %v", name, got)
		}
	}
}
