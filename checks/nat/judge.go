package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts is the stable summary of the check. Addresses are those of IPv4 where
// it has any, else of IPv6.
type Facts struct {
	BehindNAT bool     `json:"behind_nat"`
	Local     string   `json:"local"`
	Public    []string `json:"public"` // the one socket, as all servers saw it
	Mapping   string   `json:"mapping"`
	Filtering string   `json:"filtering"`
	// What the tests left open: the named behaviour is then the friendliest
	// that fits, or unknown. Absent when there is nothing open.
	MappingPossible   []string `json:"mapping_possible,omitempty"`
	FilteringPossible []string `json:"filtering_possible,omitempty"`
	MappingLowerBound bool     `json:"mapping_lower_bound,omitempty"` // the mapping depends at least on that

	PortPreserved       bool `json:"port_preserved"`
	PublicAddressVaries bool `json:"public_address_varies"`
	CGNAT               bool `json:"cgnat"`
	NATLayers           int  `json:"nat_layers"`

	RTPParityKept *bool `json:"rtp_parity_kept,omitempty"` // absent when not measured
	RTPContiguous *bool `json:"rtp_contiguous,omitempty"`  // the RTCP port follows the RTP port outside as well

	IPv6Public    []string `json:"ipv6_public,omitempty"`
	IPv6BehindNAT *bool    `json:"ipv6_behind_nat,omitempty"`
	IPv6Filtering string   `json:"ipv6_filtering,omitempty"`

	Servers []Server `json:"servers"`
}

// Server is what one address of a STUN server was worth.
type Server struct {
	Address  string `json:"address"`
	Answered bool   `json:"answered"`
	RTTMS    int64  `json:"rtt_ms,omitempty"`
	Note     string `json:"note,omitempty"`
}

func judge(o Observed, host *netinfo.Host) checks.Judgement {
	o = o.withoutDoubt()
	v, v6 := primary(o)
	f := Facts{Mapping: unknown, Filtering: unknown, Public: []string{}, Servers: servers(o)}
	if len(v.main) == 0 {
		return silent(o, host, f)
	}
	f.fill(v)
	f.fillV6(v6)
	l := countLayers(v, host)
	f.CGNAT, f.NATLayers = l.carrier, l.n
	j := checks.Judgement{Facts: f, Summary: words.Literal(summary(v, f)), Findings: findings(v, f, l, host)}
	if fd, ok := o.unreached(v); ok {
		j.Findings = append([]checks.Finding{fd}, j.Findings...)
	}
	if f.Mapping == unknown {
		j.Inconclusive = words.Literal("one address of one STUN server answered: whether the NAT takes a new port for every destination needs a second server (--stun) or a responder with two addresses")
		if len(f.MappingPossible) == 2 {
			j.Inconclusive = words.Literal("STUN servers at one address answered: whether the NAT takes a new port for every address needs another server (--stun) or a responder with two addresses")
		}
	}
	return j
}

// withoutDoubt leaves out the filtering tests that a busy responder may have
// left unanswered: its silence is no filter's.
func (o Observed) withoutDoubt() Observed {
	if o.Far.Busy().IsZero() {
		return o
	}
	o.Families = slices.Clone(o.Families)
	for i := range o.Families {
		f := &o.Families[i]
		f.Filter = slices.DeleteFunc(slices.Clone(f.Filter), func(t Filter) bool { return t.Responder && !t.Answered })
	}
	return o
}

// primary returns the family that phones will use, and IPv6.
func primary(o Observed) (v, v6 view) {
	for _, f := range o.Families {
		w := look(f)
		if f.V6 {
			v6 = w
		}
		if len(v.main) == 0 {
			v = w
		}
	}
	return v, v6
}

// fill is everything about the primary family.
func (f *Facts) fill(v view) {
	f.BehindNAT = v.translated()
	f.Local = v.main[0].Local.String()
	f.Public = names(v.mapped())
	f.PublicAddressVaries = len(v.publics()) > 1
	f.PortPreserved = v.portsPreserved()
	m := anyBehaviour()
	m.only(independent) // no NAT maps nothing: RFC 5780 section 4.3
	if f.BehindNAT {
		m = mapping(v.main)
	}
	f.Mapping, f.MappingLowerBound = m.name()
	f.MappingPossible = open(m)
	r := filtering(v.tests(), f.Mapping)
	f.Filtering, _ = r.name()
	f.FilteringPossible = open(r)
	if rtp, rtcp, ok := v.pair(); ok {
		kept := rtp.Mapped.Port()%2 == rtp.Local.Port()%2 && rtcp.Mapped.Port()%2 == rtcp.Local.Port()%2
		next := rtcp.Mapped == netip.AddrPortFrom(rtp.Mapped.Addr(), rtp.Mapped.Port()+1)
		f.RTPParityKept, f.RTPContiguous = &kept, &next
	}
}

func (f *Facts) fillV6(v view) {
	if len(v.main) == 0 {
		return
	}
	behind := v.translated()
	f.IPv6Public, f.IPv6BehindNAT = names(v.mapped()), &behind
	m := mapping(v.main)
	if !behind {
		m.only(independent)
	}
	of, _ := m.name()
	f.IPv6Filtering, _ = filtering(v.tests(), of).name()
}

// open are the possibilities left, unless nothing was learnt or all was.
func open(b behaviour) []string {
	if len(b.possible) == 1 || len(b.possible) == len(behaviours()) {
		return nil
	}
	return b.possible
}

func names(list []netip.AddrPort) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return out
}

// servers lists every address that was asked from the main socket.
func servers(o Observed) []Server {
	list := []Server{}
	for _, f := range o.Families {
		for _, s := range f.Samples {
			if s.Role == rolePlain {
				list = append(list, Server{Address: s.Server.String(), Answered: s.Answered, RTTMS: s.RTTMS, Note: worth(s, f.Filter)})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Server) int { return strings.Compare(a.Address, b.Address) })
	return list
}

// worth says why a server's word was not taken, in a few words.
func worth(s Sample, tests []Filter) string {
	switch {
	case s.Filtered:
		return "this machine's own packet filter dropped the question"
	case s.Refused != "":
		return "prohibited by " + s.Refused
	case s.SendErr != "":
		return s.SendErr
	case len(s.From) > 0 && !s.Answered:
		return fmt.Sprintf("answered from %v instead: not believed", s.From[0])
	case s.NotAwait:
		return "not waited for"
	case !s.Answered && len(s.ICMP) > 0:
		return s.ICMP[0]
	case !s.Answered:
		return fmt.Sprintf("silent to %d questions", s.Sent)
	case s.Code != 0:
		return fmt.Sprintf("refused with %d", s.Code)
	case s.Other.IsValid() && !believable(s.Server, s.Other):
		return fmt.Sprintf("announces %v as its other address: not believed", s.Other)
	}
	for _, f := range tests {
		if f.Server == s.Server && f.Ignored {
			return "ignores CHANGE-REQUEST: not believed about filtering"
		}
	}
	return ""
}

// summary is the answer in words first, the terms of RFC 4787 after.
func summary(v view, f Facts) string {
	filter := ""
	if f.Filtering != unknown {
		filter = ", filtering " + spell(f.Filtering)
	} else if len(f.FilteringPossible) > 0 {
		filter = ", filtering " + spell(strings.Join(f.FilteringPossible, " or "))
	}
	term := "mapping " + spell(f.Mapping)
	if f.MappingLowerBound {
		term = "mapping at least address-dependent"
	}
	term = "(" + term + filter + ")"
	switch {
	case !f.BehindNAT && v.private:
		return fmt.Sprintf("no NAT between this machine and %v", v.main[0].Server.Addr())
	case !f.BehindNAT:
		return fmt.Sprintf("no NAT: this machine is seen under its own address %v%s", v.main[0].Local.Addr(), strings.Replace(filter, ", ", "; ", 1))
	case f.PublicAddressVaries && !v.portsVary():
		return "phones can register, but their public address changes from one connection to the next " + term
	case f.Mapping == unknown:
		return "there is a NAT; whether calls need a media relay could not be told " + term
	case f.Mapping == independent:
		return "phones can register and call " + term
	}
	return "phones can register, but every call needs the provider's media relay " + term
}

// spell writes a behaviour as RFC 4787 does.
func spell(b string) string {
	return strings.ReplaceAll(b, addressPort, "address- and port-dependent")
}
