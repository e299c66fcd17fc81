package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// udpSize is the answer size offered in EDNS0: the DNS Flag Day 2020 value,
// which fits into every path unfragmented.
const udpSize = 1232

func query(name, kind string, id uint16, edns bool) ([]byte, error) {
	t, ok := dns.StringToType[kind]
	if _, valid := dns.IsDomainName(name); !ok || !valid {
		return nil, fmt.Errorf("asking for %s %q: not a question", kind, name)
	}
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), t)
	m.Id = id
	if edns {
		m.SetEdns0(udpSize, false)
	}
	b, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("asking for %s %s: %w", kind, name, err)
	}
	return b, nil
}

type reply struct {
	rcode     string
	truncated bool
	records   []Record
}

// answerID returns the id of a datagram that looks like an answer.
func answerID(b []byte) (id uint16, ok bool) {
	if len(b) < 12 || b[2]&0x80 == 0 {
		return 0, false
	}
	return uint16(b[0])<<8 | uint16(b[1]), true
}

// maxRecords bounds what one answer may make us keep.
const maxRecords = 64

// readReply reads an answer to the question name, kind. Bytes that answer
// something else are an error; a server that refuses EDNS0 may leave the
// question out.
func readReply(b []byte, name, kind string) (reply, error) {
	var m dns.Msg
	if err := m.Unpack(b); err != nil && !m.Truncated {
		return reply{}, fmt.Errorf("reading the answer about %s %s: %w", kind, name, err)
	}
	switch {
	case !m.Response:
		return reply{}, errors.New("not an answer")
	case len(m.Question) == 0 && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented):
	case len(m.Question) != 1, !strings.EqualFold(m.Question[0].Name, dns.Fqdn(name)), m.Question[0].Qtype != dns.StringToType[kind]:
		return reply{}, errors.New("the answer is to another question")
	}
	r := reply{rcode: dns.RcodeToString[m.Rcode], truncated: m.Truncated}
	if r.rcode == "" {
		r.rcode = fmt.Sprintf("RCODE%d", m.Rcode)
	}
	for _, rr := range m.Answer {
		if rec, ok := readRecord(rr); ok && len(r.records) < maxRecords {
			r.records = append(r.records, rec)
		}
	}
	return r, nil
}

func readRecord(rr dns.RR) (Record, bool) {
	h := rr.Header()
	rec := Record{Type: dns.TypeToString[h.Rrtype], Owner: bare(h.Name), TTL: int(h.Ttl)}
	switch rr := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(rr.A)
		rec.Addr = a.Unmap()
		return rec, ok
	case *dns.AAAA:
		a, ok := netip.AddrFromSlice(rr.AAAA)
		rec.Addr = a
		return rec, ok
	case *dns.CNAME:
		rec.Target = bare(rr.Target)
	case *dns.SRV:
		rec.Target, rec.Port, rec.Priority, rec.Weight = bare(rr.Target), int(rr.Port), int(rr.Priority), int(rr.Weight)
	case *dns.NAPTR:
		rec.Target, rec.Priority, rec.Weight = bare(rr.Replacement), int(rr.Order), int(rr.Preference)
		rec.Service, rec.Flags = strings.ToUpper(rr.Service), strings.ToUpper(rr.Flags)
	default:
		return Record{}, false
	}
	return rec, true
}

func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
