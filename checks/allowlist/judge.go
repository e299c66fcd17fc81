package allowlist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Row is one line of the check's facts: what the profile asks for, and whether
// it can be reached.
type Row struct {
	Target   string `json:"target"`   // CIDR or host
	Protocol string `json:"protocol"` // udp, tcp, any
	Ports    string `json:"ports"`    // "5060", "5060,5061", "10000-20000"; any
	Status   string `json:"status"`
	By       string `json:"by"` // what decides it

	probe *Probe // the one that decides; nil for what was not asked
	cause cause
}

// The statuses of a row.
const (
	reachable   = "reachable"
	blocked     = "blocked"
	silent      = "silent"
	notTestable = "not-testable"
)

// badness orders statuses: of several addresses of a host, the worst decides.
var badness = map[string]int{reachable: 0, notTestable: 1, silent: 2, blocked: 3}

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	p := o.Profile
	if p == nil {
		return checks.Judgement{Summary: "not tested: no provider was named", Skip: "name yours with --profile", Facts: []Row{}}
	}
	asked := judgeProbes(o, h)
	rows := slices.Concat(asked, lookupRows(o), subnetRows(o, h), untestedPorts(p), mediaRows(p))
	if rows == nil {
		rows = []Row{}
	}
	j := checks.Judgement{Facts: rows, Summary: summary(p, asked, rows)}
	j.Findings = slices.Concat(blockedFindings(asked, p, h), silentFindings(asked, p, h), countryFindings(o, p), adviceFindings(p))
	n := count(asked)
	switch {
	case len(o.Probes) == 0 && len(o.Hosts) > 0:
		j.Inconclusive = "no host of the profile could be looked up: " + o.Hosts[0].Error
	case len(o.Probes) == 0:
		j.Skip = "the profile names no server to ask; name yours with --sip-server"
	case n[silent] > 0 && n[reachable]+n[blocked] == 0:
		j.Inconclusive = "none of the provider's servers gave a sign; that may be a firewall, or servers that do not answer strangers"
	case n[reachable]+n[blocked]+n[silent] == 0:
		j.Inconclusive = "no question could be put to an open port: " + asked[0].By
	}
	return j
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
		case badness[r.Status] > badness[rows[at].Status]:
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
		r.Status, r.By = reachable, "connected"
		if p.Method != methodConnect {
			r.By = "answered"
		}
		if p.Code != 0 {
			r.By += fmt.Sprintf(" with SIP %d", p.Code)
		}
		return r
	}
	r.cause = causeOf(p, h)
	switch {
	case r.cause.kind == nobody && !p.Named:
		r.Status = notTestable
	case r.cause.kind != unknown: // somebody said no
		r.Status = blocked
	case p.Class == "other" || p.Class == "in-use" || p.Tries == 0:
		r.Status = notTestable
	default:
		r.Status = silent
	}
	r.By = r.cause.text
	return r
}

// lookupRows are the hosts that have no address to ask.
func lookupRows(o Observed) (rows []Row) {
	for _, h := range o.Hosts {
		if len(h.Addrs) == 0 {
			rows = append(rows, Row{Target: h.Name, Protocol: "any", Ports: "any", Status: notTestable, By: h.Error})
		}
	}
	if o.Left > 0 {
		rows = append(rows, Row{Target: "any", Protocol: "any", Ports: "any", Status: notTestable,
			By: fmt.Sprintf("%d more targets were left out: a run asks %d at most", o.Left, maxTargets)})
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
			r.Status, r.By = notTestable, "no named host lies in it, and nobody's network is scanned"
			for i := range o.Probes {
				p := &o.Probes[i]
				if !p.SIP || !s.Prefix().Contains(p.Addr.Addr()) || r.Protocol != "any" && r.Protocol != p.Protocol {
					continue
				}
				x := judgeProbe(p, h)
				if r.probe == nil || badness[x.Status] > badness[r.Status] {
					r.Status, r.probe = x.Status, p
					r.By = fmt.Sprintf("%s (%s), port %s: %s", x.Target, p.Addr.Addr(), x.Ports, x.By)
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
				row.By = r.For + ": answers only to its own protocol"
			case span.Len() > wholeRange:
				row.Ports = netinfo.PortRange{First: span.First + 1, Last: span.Last - 1}.String()
				row.By = "of a range only the first and the last port are asked"
			default:
				continue
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// mediaRows list where media comes from; it answers only during a call.
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
			rows = append(rows, Row{Target: t, Protocol: "udp", Ports: r.Range.String(), Status: notTestable,
				By: "media answers only during a call; a responder of your own tests the range (sipdoctor check --responder)"})
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
func summary(p *netinfo.Profile, asked, rows []Row) string {
	n := count(asked)
	var parts []string
	if tested := n[reachable] + n[blocked] + n[silent]; tested > 0 {
		parts = append(parts, fmt.Sprintf("%s: %d of %d ports reachable", p.Title, n[reachable], tested))
	} else {
		parts = append(parts, p.Title)
	}
	for _, status := range []string{blocked, silent} {
		var list []string
		for _, r := range asked {
			if r.Status == status {
				list = append(list, r.port())
			}
		}
		if len(list) > 0 {
			parts = append(parts, status+" "+short(list))
		}
	}
	if n := count(rows)[notTestable]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d not testable from here", n))
	}
	return strings.Join(parts, "; ")
}

// port is "UDP 5060 (sip.example.net)".
func (r Row) port() string { return strings.ToUpper(r.Protocol) + " " + r.Ports + " at " + r.Target }

// short keeps a list to what a line holds.
func short(list []string) string {
	const few = 3
	slices.Sort(list)
	if len(list) > few {
		return strings.Join(list[:few], ", ") + fmt.Sprintf(" and %d more", len(list)-few)
	}
	return strings.Join(list, ", ")
}
