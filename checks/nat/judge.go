package nat

import (
	"net/netip"
	"slices"
	"strconv"
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

// Server is one address of a STUN server, and whether its answer counted.
type Server struct {
	Address  string `json:"address"`
	Answered bool   `json:"answered"`
	RTTMS    int64  `json:"rtt_ms,omitempty"`
	Note     string `json:"note,omitempty"`   // why its answer did not count: a code, see worth
	Detail   string `json:"detail,omitempty"` // of the note: an address, an error's text, a number
}

func judge(o Observed, host *netinfo.Host) checks.Judgement {
	o = o.withoutDoubt()
	v, v6 := primary(o)
	f := Facts{Mapping: unknown, Filtering: unknown, Public: []string{}, Servers: servers(o)}
	if len(v.main) == 0 {
		return silent(o, f)
	}
	f.fill(v)
	f.fillV6(v6)
	l := countLayers(v, host)
	f.CGNAT, f.NATLayers = l.carrier, l.n
	j := checks.Judgement{Facts: f, Summary: summary(v, f), Findings: findings(v, f, l, host)}
	if fd, ok := o.unreached(v); ok {
		j.Findings = append([]checks.Finding{fd}, j.Findings...)
	}
	if f.Mapping == unknown {
		j.Inconclusive = words.Say("nat.reason.one-address", nil)
		if len(f.MappingPossible) == 2 {
			j.Inconclusive = words.Say("nat.reason.one-host", nil)
		}
	}
	return j
}

// withoutDoubt leaves out the filtering tests that a busy responder may have
// left unanswered: that silence does not show a filter.
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

func (f *Facts) fill(v view) {
	f.BehindNAT = v.translated()
	f.Local = v.main[0].Local.String()
	f.Public = names(v.mapped())
	f.PublicAddressVaries = len(v.publics()) > 1
	f.PortPreserved = v.portsPreserved()
	m, r := v.behaviours()
	f.Mapping, f.MappingLowerBound = m.name()
	f.MappingPossible = open(m)
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
	_, r := v.behaviours()
	f.IPv6Filtering, _ = r.name()
}

// behaviours are those of mapping and filtering. No NAT maps nothing: RFC 5780
// section 4.3.
func (v view) behaviours() (m, r behaviour) {
	m = mapping(v.main)
	if !v.translated() {
		m = behaviour{[]string{independent}}
	}
	of, _ := m.name()
	return m, filtering(v.tests(), of)
}

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

func servers(o Observed) []Server {
	list := []Server{}
	for _, f := range o.Families {
		for _, s := range f.Samples {
			if s.Role == rolePlain {
				note, detail := worth(s, f.Filter)
				list = append(list, Server{Address: s.Server.String(), Answered: s.Answered, RTTMS: s.RTTMS, Note: note, Detail: detail})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Server) int { return strings.Compare(a.Address, b.Address) })
	return list
}

// worth returns why a server's answer did not count; both are empty where it did.
func worth(s Sample, tests []Filter) (note, detail string) {
	switch {
	case s.Filtered:
		return "local-filter", ""
	case s.Refused != "":
		return "prohibited", s.Refused
	case s.SendErr != "":
		return "not-sent", s.SendErr
	case len(s.From) > 0 && !s.Answered:
		return "answered-elsewhere", s.From[0].String() // not believed
	case s.NotAwait:
		return "not-awaited", ""
	case !s.Answered && len(s.ICMP) > 0:
		return "icmp", s.ICMP[0]
	case !s.Answered:
		return "silent", strconv.Itoa(s.Sent) // requests
	case s.Code != 0:
		return "refused", strconv.Itoa(s.Code)
	case s.Other.IsValid() && !believable(s.Server, s.Other):
		return "false-other-address", s.Other.String()
	}
	for _, f := range tests {
		if f.Server == s.Server && f.Ignored {
			return "ignores-change-request", "" // not believed about filtering
		}
	}
	return "", ""
}

func summary(v view, f Facts) words.Text {
	filtering := []words.Text{}
	switch {
	case f.Filtering != unknown:
		filtering = append(filtering, named(f.Filtering))
	default:
		for _, b := range f.FilteringPossible {
			filtering = append(filtering, named(b))
		}
	}
	kind := words.Args{"kind": words.Say("nat.summary.kind", words.Args{
		"mapping": named(f.Mapping), "lower_bound": f.MappingLowerBound, "filtering": filtering,
	})}
	switch {
	case !f.BehindNAT && v.private:
		return words.Say("nat.summary.inside", words.Args{"server": v.main[0].Server.Addr()})
	case !f.BehindNAT:
		return words.Say("nat.summary.no-nat", words.Args{"address": v.main[0].Local.Addr(), "filtering": filtering})
	case f.PublicAddressVaries && !v.portsVary():
		return words.Say("nat.summary.address-varies", kind)
	case f.Mapping == unknown:
		return words.Say("nat.summary.unclear", kind)
	case f.Mapping == independent:
		return words.Say("nat.summary.good", kind)
	}
	return words.Say("nat.summary.relay", kind)
}

func named(behaviour string) words.Text {
	return words.Say("nat.behaviour", words.Args{"kind": behaviour})
}
