package allowlist

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Row is one line of the check's facts: what the profile asks for, and whether
// it can be reached.
type Row struct {
	Target   string `json:"target"`   // CIDR or host
	Protocol string `json:"protocol"` // udp, tcp, any
	Ports    string `json:"ports"`    // "5060", "5060,5061", "10000-20000"; any
	Status   string `json:"status"`
	// By is a code for what decides it: connected, answered, one of the causes,
	// or why nothing could be asked.
	By   string `json:"by"`
	Code int    `json:"sip_code,omitempty"` // of the answer to SIP
	// Hop is who said no, where somebody did.
	Hop netip.Addr `json:"hop,omitzero"`
	// Asked is the server whose answer stands for a network.
	Asked netip.AddrPort `json:"asked,omitzero"`

	probe *Probe     // the one that decides; nil for what was not asked
	said  words.Text // By for people
}

// The statuses of a row.
const (
	reachable   = "reachable"
	blocked     = "blocked"
	silent      = "silent"
	notTestable = "not-testable"
)

// What decides over a port that was not asked.
const (
	byLookup   = "lookup"   // its host has no address
	byLimit    = "limit"    // a run asks so many targets
	byNoHost   = "no-host"  // no named host lies in the network, and networks are not scanned
	byProtocol = "protocol" // it answers only to its own protocol
	byRange    = "range"    // of a range only the first and the last port are asked
	byMedia    = "media"    // it answers only during a call
)

// rank orders the statuses from good to bad: of several addresses of a host, the
// worst decides.
var rank = map[string]int{reachable: 0, notTestable: 1, silent: 2, blocked: 3}

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	p := o.Profile
	if p == nil {
		return checks.Judgement{Summary: words.Say("allow-list.summary.no-profile", nil), Skip: words.Say("allow-list.skip.no-profile", nil), Facts: []Row{}}
	}
	asked := judgeProbes(o, h)
	rows := slices.Concat(asked, lookupRows(o), subnetRows(o, h), untestedPorts(p), mediaRows(p))
	if rows == nil {
		rows = []Row{}
	}
	j := checks.Judgement{Facts: rows, Summary: summary(p, asked, rows), Notes: notes(o)}
	j.Findings = slices.Concat(blockedFindings(asked, p, h), silentFindings(asked, p, h), countryFindings(o, p), adviceFindings(p))
	n := count(asked)
	switch {
	case len(o.Probes) == 0 && len(o.Hosts) > 0:
		j.Inconclusive = words.Say("allow-list.reason.lookup", words.Args{"why": o.Hosts[0].Error})
	case len(o.Probes) == 0:
		j.Skip = words.Say("allow-list.skip.no-server", nil)
	case n[silent] > 0 && n[reachable]+n[blocked] == 0:
		j.Inconclusive = words.Say("allow-list.reason.all-silent", nil)
	case n[reachable]+n[blocked]+n[silent] == 0:
		j.Inconclusive = words.Say("allow-list.reason.not-asked", words.Args{"why": asked[0].said})
	}
	return j
}

// notes name what was not asked while the rest was.
func notes(o Observed) (list []words.Text) {
	for _, h := range o.Hosts {
		if len(h.Addrs) == 0 && len(o.Probes) > 0 {
			list = append(list, words.Say("allow-list.note.lookup", words.Args{"host": h.Name, "why": h.Error}))
		}
	}
	if o.Left > 0 {
		list = append(list, words.Say("allow-list.note.limit", words.Args{"left": o.Left, "most": maxTargets}))
	}
	return list
}

// judgeProbes makes one row of all addresses of a host that were asked on the
// same port.
func judgeProbes(o Observed, h *netinfo.Host) []Row {
	var rows []Row
	for i := range o.Probes {
		r := judgeProbe(&o.Probes[i], h)
		at := slices.IndexFunc(rows, func(x Row) bool {
			return x.Target == r.Target && x.Protocol == r.Protocol && x.Ports == r.Ports
		})
		switch {
		case at < 0:
			rows = append(rows, r)
		case rank[r.Status] > rank[rows[at].Status]:
			rows[at] = r
		}
	}
	return rows
}

// judgeProbe tells what decided over one probe. An answer outweighs everything
// else that was heard.
func judgeProbe(p *Probe, h *netinfo.Host) Row {
	r := Row{Target: p.Host, Protocol: p.Protocol, Ports: strconv.Itoa(int(p.Addr.Port())), probe: p}
	if p.Answered {
		r.Status, r.By, r.said = reachable, "answered", say("answered", words.Args{"code": p.Code})
		if p.Method == methodConnect {
			r.By, r.said = "connected", say("connected", nil)
		}
		r.Code = p.Code
		return r
	}
	c := causeOf(p, h)
	r.By, r.Hop, r.said = c.by, c.hop, c.said
	switch {
	case r.By == refused && !p.Named:
		r.Status = notTestable
	case r.By != unheard && r.By != notAsked && r.By != failed: // somebody said no
		r.Status = blocked
	case p.Class == "other" || p.Class == "in-use" || p.Tries == 0:
		r.Status = notTestable
	default:
		r.Status = silent
	}
	return r
}

func lookupRows(o Observed) (rows []Row) {
	for _, h := range o.Hosts {
		if len(h.Addrs) == 0 {
			rows = append(rows, Row{Target: h.Name, Protocol: "any", Ports: "any", Status: notTestable, By: byLookup})
		}
	}
	if o.Left > 0 {
		rows = append(rows, Row{Target: "any", Protocol: "any", Ports: "any", Status: notTestable, By: byLimit})
	}
	return rows
}

// subnetRows tell of each network what the hosts say that lie in it.
func subnetRows(o Observed, h *netinfo.Host) (rows []Row) {
	for _, s := range o.Profile.Subnets {
		if s.Use == netinfo.UseMedia {
			continue
		}
		for _, r := range portsByProtocol(o.Profile) {
			r.Target = s.CIDR
			r.Status, r.By = notTestable, byNoHost
			for _, p := range o.Probes {
				if !p.SIP || !s.Prefix().Contains(p.Addr.Addr()) || r.Protocol != "any" && r.Protocol != p.Protocol {
					continue
				}
				x := judgeProbe(&p, h)
				if r.probe == nil || rank[x.Status] > rank[r.Status] {
					r.Status, r.probe, r.By, r.Code, r.Hop, r.Asked = x.Status, &p, x.By, x.Code, x.Hop, p.Addr
				}
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// portsByProtocol are the signalling ports of the profile, a row a protocol.
func portsByProtocol(p *netinfo.Profile) (rows []Row) {
	for _, proto := range []string{"udp", "tcp"} {
		var ports []string
		for _, r := range p.Ports {
			if r.Protocol == proto && r.Use == netinfo.UseSignalling {
				for _, span := range r.Ports {
					ports = append(ports, span.String())
				}
			}
		}
		if len(ports) > 0 {
			rows = append(rows, Row{Protocol: proto, Ports: strings.Join(ports, ",")})
		}
	}
	if rows == nil {
		rows = []Row{{Protocol: "any", Ports: "any"}}
	}
	return rows
}

// untestedPorts are those that no question fits, and the middle of ranges.
func untestedPorts(p *netinfo.Profile) (rows []Row) {
	for _, r := range p.Ports {
		for _, span := range r.Ports {
			row := Row{Target: p.Name, Protocol: r.Protocol, Ports: span.String(), Status: notTestable}
			switch {
			case r.Protocol == "udp" && r.Use != netinfo.UseSignalling:
				row.By = byProtocol
			case span.Len() > wholeRange:
				row.Ports = netinfo.PortRange{First: span.First + 1, Last: span.Last - 1}.String()
				row.By = byRange
			default:
				continue
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func mediaRows(p *netinfo.Profile) (rows []Row) {
	var targets []string
	for _, s := range p.Subnets {
		if s.Use != netinfo.UseSignalling {
			targets = append(targets, s.CIDR)
		}
	}
	if targets == nil {
		targets = []string{p.Name}
	}
	for _, t := range targets {
		for _, r := range p.RTP {
			rows = append(rows, Row{Target: t, Protocol: "udp", Ports: r.Range.String(), Status: notTestable, By: byMedia})
		}
	}
	return rows
}

func count(rows []Row) map[string]int {
	n := map[string]int{}
	for _, r := range rows {
		n[r.Status]++
	}
	return n
}

// summary says in a line what passes and what does not.
func summary(p *netinfo.Profile, asked, rows []Row) words.Text {
	n := count(asked)
	args := words.Args{
		"provider": p.Title, "reachable": n[reachable], "tested": n[reachable] + n[blocked] + n[silent], "untestable": count(rows)[notTestable],
	}
	for _, status := range []string{blocked, silent} {
		args[status], args[status+"_ports"] = n[status], firstPorts(asked, status)
	}
	return words.Say("allow-list.summary.ports", args)
}

// firstPorts names the ports of a status, as many as a line holds.
func firstPorts(rows []Row, status string) words.Text {
	const few = 3
	rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Status != status })
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Ports, b.Ports), cmp.Compare(a.Target, b.Target))
	})
	var first []words.Text
	for _, r := range rows[:min(few, len(rows))] {
		first = append(first, words.Say("allow-list.summary.port", words.Args{"port": r.port(), "host": r.Target}))
	}
	return words.Say("allow-list.summary.first-ports", words.Args{"ports": first, "more": max(0, len(rows)-few)})
}

func (r Row) port() string { return strings.ToUpper(r.Protocol) + " " + r.Ports }
