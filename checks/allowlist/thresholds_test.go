package allowlist

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// officeHost is a machine behind a MikroTik, with a second address in the VPN.
func officeHost() *netinfo.Host {
	return &netinfo.Host{
		Router: &netinfo.Router{Platform: "mikrotik", Confidence: "certain"},
		Uplink: netinfo.Uplink{
			Gateway: netip.MustParseAddr("192.168.88.1"), Gateway6: netip.MustParseAddr("2001:db8:88::1"),
			Local: []netip.Addr{netip.MustParseAddr("192.168.88.10"), netip.MustParseAddr("10.8.0.2")},
		},
	}
}

// asking is a question to a host of the provider that nobody answered.
func asking(host, addr, protocol string) Probe {
	p := Probe{Host: host, Addr: netip.MustParseAddrPort(addr), Protocol: protocol, Method: methodOptions, Named: true, SIP: true, Tries: 2, Class: "timeout"}
	p.Local = netip.MustParseAddr("192.168.88.10")
	if protocol == "tcp" {
		p.Method = methodConnect
	}
	return p
}

// said adds an ICMP error to it.
func said(p Probe, hop, class string) Probe {
	m := ICMP{Meaning: words.Cause("it says " + class), Class: class}
	if hop != "" {
		m.Hop = netip.MustParseAddr(hop)
	}
	p.ICMP = append(slices.Clone(p.ICMP), m)
	return p
}

func ended(p Probe, class string) Probe { p.Class = class; return p }
func notSIP(p Probe) Probe              { p.SIP = false; return p }
func notNamed(p Probe) Probe            { p.Named = false; return p }
func answering(p Probe) Probe           { p.Answered, p.Class = true, ""; return p }

// toldOf are the findings but the advice: what, how bad, how sure, and whether
// it was heard or concluded from silence, and who is told what to change.
func toldOf(j checks.Judgement) (list []string) {
	for _, f := range j.Findings {
		if f.ID == "allow-list.phone-settings" || f.ID == "allow-list.contradictory-advice" {
			continue
		}
		how := "silence"
		if f.Heard {
			how = "heard"
		}
		s := fmt.Sprintf("%s %s %s %s", strings.TrimPrefix(f.ID, "allow-list."), f.Severity, f.Confidence, how)
		if len(f.Fixes) > 0 {
			s += ", " + f.Fixes[0].Platform
		}
		list = append(list, s)
	}
	return list
}

func TestWhoBlocksThePortAndHowBadThatIs(t *testing.T) {
	const server = "198.51.100.20:5060"
	udp, tcp := asking("sip.example.net", server, "udp"), asking("sip.example.net", server, "tcp")
	six := asking("six.example.net", "[2001:db8:5::20]:5060", "udp")
	here := asking("localhost", "127.0.0.1:5060", "udp")
	here.Local = netip.MustParseAddr("127.0.0.1")
	bound := udp
	bound.Local = netip.MustParseAddr("172.16.5.5")
	for name, c := range map[string]struct {
		probe  Probe
		status string
		want   []string
	}{
		"the gateway":                            {said(udp, "192.168.88.1", "prohibited"), blocked, []string{"blocked-by-gateway critical certain heard, mikrotik"}},
		"the gateway, a port that is not SIP":    {said(notSIP(udp), "192.168.88.1", "prohibited"), blocked, []string{"blocked-by-gateway warning certain heard, mikrotik"}},
		"the gateway, over IPv6":                 {said(six, "2001:db8:88::1", "prohibited"), blocked, []string{"blocked-by-gateway critical certain heard, generic"}},
		"a hop behind it":                        {said(udp, "203.0.113.9", "prohibited"), blocked, []string{"blocked-upstream critical certain heard"}},
		"a hop behind it, not SIP":               {said(notSIP(udp), "203.0.113.9", "prohibited"), blocked, []string{"blocked-upstream warning certain heard"}},
		"the last that was said counts":          {said(said(udp, "203.0.113.9", "prohibited"), "192.168.88.1", "prohibited"), blocked, []string{"blocked-by-gateway critical certain heard, mikrotik"}},
		"the server's own filter":                {said(udp, "198.51.100.20", "prohibited"), blocked, []string{"blocked-by-provider critical certain heard"}},
		"the server has nobody there":            {said(udp, "198.51.100.20", "refused"), blocked, []string{"refused warning possible heard, mikrotik"}},
		"nobody there, where nobody need be":     {said(notNamed(udp), "198.51.100.20", "refused"), notTestable, nil},
		"this machine drops it":                  {ended(udp, "local-filter"), blocked, []string{"local-filter critical certain heard"}},
		"this machine rejects it":                {said(udp, "192.168.88.10", "refused"), blocked, []string{"local-filter critical certain heard"}},
		"it rejects it from where it was asked":  {said(bound, "172.16.5.5", "prohibited"), blocked, []string{"local-filter critical certain heard"}},
		"it rejects it in the name of its VPN":   {said(udp, "10.8.0.2", "prohibited"), blocked, []string{"local-filter critical certain heard"}},
		"it rejects it in the name of localhost": {said(udp, "127.0.0.1", "prohibited"), blocked, []string{"local-filter critical certain heard"}},
		"the gateway does not answer ARP":        {said(udp, "192.168.88.10", "unreachable"), blocked, []string{"blocked critical likely heard, mikrotik"}},
		"a PBX on this machine does not listen":  {said(here, "127.0.0.1", "refused"), blocked, []string{"refused warning possible heard, mikrotik"}},
		"this machine's filter before its PBX":   {said(here, "127.0.0.1", "prohibited"), blocked, []string{"local-filter critical certain heard"}},
		"a hop without a name":                   {said(udp, "", "prohibited"), blocked, []string{"blocked critical likely heard, mikrotik"}},
		"a filter, the system tells no hop":      {ended(udp, "prohibited"), blocked, []string{"blocked critical likely heard, mikrotik"}},
		"no way there, the system tells no hop":  {ended(udp, "unreachable"), blocked, []string{"blocked critical likely heard, mikrotik"}},
		"a connection is refused":                {ended(tcp, "refused"), blocked, []string{"refused warning possible heard, mikrotik"}},
		"a connection is reset":                  {ended(tcp, "reset"), blocked, []string{"refused warning possible heard, mikrotik"}},
		"refused, where nobody need be":          {ended(notNamed(tcp), "refused"), notTestable, nil},
		"silence":                                {udp, silent, nil},
		"silence, of a system that says nothing": {ended(udp, ""), silent, nil},
		"another accident":                       {ended(udp, "other"), notTestable, nil},
		"no port is left here":                   {ended(udp, "in-use"), notTestable, nil},
		"an accident that may pass":              {ended(udp, "interrupted"), silent, nil},
		"an answer":                              {answering(udp), reachable, nil},
		"an answer, whatever else was said":      {answering(said(udp, "203.0.113.9", "prohibited")), reachable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Probes: []Probe{c.probe}}, officeHost())
			if r := j.Facts.([]Row)[0]; r.Status != c.status || r.By == "" && c.probe.Error != "" {
				t.Errorf("%s by %q, want %s", r.Status, r.By, c.status)
			}
			if diff := cmp.Diff(c.want, toldOf(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if open := c.status == silent || c.status == notTestable; (!j.Inconclusive.IsZero()) != open || !j.Skip.IsZero() {
				t.Errorf("inconclusive because of %q, skipped because of %q", j.Inconclusive.ID, j.Skip.ID)
			}
		})
	}
}

func TestNoTimeToAskIsNoSilence(t *testing.T) {
	p := asking("sip.example.net", "198.51.100.20:5060", "udp")
	p.Tries = 0
	j := judge(Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Probes: []Probe{p}}, officeHost())
	if r := j.Facts.([]Row)[0]; r.Status != notTestable || r.By != notAsked || !j.Inconclusive.Names("allow-list.evidence.no-time") {
		t.Errorf("%s by %q, inconclusive because of %v", r.Status, r.By, j.Inconclusive)
	}
}

// Ports that give no sign count only beside some that do.
func TestWhatSilenceBesideAnswersMeans(t *testing.T) {
	udp, tcp := asking("a.example.net", "198.51.100.20:5060", "udp"), asking("a.example.net", "198.51.100.20:5060", "tcp")
	other := answering(asking("b.example.net", "198.51.100.21:5060", "udp"))
	may := notSIP(notNamed(asking("a.example.net", "198.51.100.20:5090", "tcp")))
	for name, c := range map[string]struct {
		list    []Probe
		want    []string
		unclear bool
	}{
		"all answer":                                 {[]Probe{answering(udp), other}, nil, false},
		"one port of a host that answers":            {[]Probe{udp, answering(tcp)}, []string{"silent warning likely silence, mikrotik"}, false},
		"a host, while another answers":              {[]Probe{udp, other}, []string{"silent warning possible silence, mikrotik"}, false},
		"a port that is named, not SIP":              {[]Probe{notSIP(udp), other}, []string{"silent warning possible silence, mikrotik"}, false},
		"a SIP port that the host need not have":     {[]Probe{notNamed(udp), other}, []string{"silent warning possible silence, mikrotik"}, false},
		"one that it need not have, not SIP":         {[]Probe{may, other}, nil, false},
		"one that it need not have, and it is there": {[]Probe{may, answering(udp)}, []string{"silent warning likely silence, mikrotik"}, false},
		"nobody answers":                             {[]Probe{udp, tcp}, nil, true},
		"nobody answers, one is refused":             {[]Probe{udp, ended(tcp, "refused")}, []string{"refused warning possible heard, mikrotik"}, false},
		"nobody answers, one could not be asked":     {[]Probe{udp, ended(tcp, "other")}, nil, true},
		"one answers, one could not be asked":        {[]Probe{answering(udp), ended(tcp, "other")}, nil, false},
		"one is blocked, one could not be asked": {
			[]Probe{said(udp, "203.0.113.9", "prohibited"), ended(tcp, "other")}, []string{"blocked-upstream critical certain heard"}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Probes: c.list}, officeHost())
			if diff := cmp.Diff(c.want, toldOf(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if (!j.Inconclusive.IsZero()) != c.unclear || !j.Skip.IsZero() {
				t.Errorf("inconclusive because of %q, skipped because of %q", j.Inconclusive.ID, j.Skip.ID)
			}
		})
	}
}

func TestNobodyToAsk(t *testing.T) {
	p := &netinfo.Profile{Name: "p", Title: "P"}
	for name, c := range map[string]struct {
		o             Observed
		skip, unclear bool
	}{
		"no profile":                           {Observed{}, true, false},
		"a profile without servers":            {Observed{Profile: p}, true, false},
		"a server that cannot be looked up":    {Observed{Profile: p, Hosts: []Host{{Name: "sip.example.net", Error: "no answer"}}}, false, true},
		"one can be looked up, another cannot": {Observed{Profile: p, Hosts: []Host{{Name: "x", Error: "no answer"}}, Probes: []Probe{answering(asking("a", "198.51.100.20:5060", "udp"))}}, false, false},
	} {
		if j := judge(c.o, officeHost()); (!j.Skip.IsZero()) != c.skip || (!j.Inconclusive.IsZero()) != c.unclear || j.Facts == nil {
			t.Errorf("%s: skipped because of %q, inconclusive because of %q", name, j.Skip.ID, j.Inconclusive.ID)
		}
	}
}

// The worst finding comes first; the ports of one box make one finding, and its
// rules let out what the same host was silent about as well.
func TestOneFindingForEachBox(t *testing.T) {
	a := asking("a.example.net", "198.51.100.20:5060", "udp")
	tunnel := notSIP(asking("a.example.net", "198.51.100.20:5090", "tcp"))
	far := asking("b.example.net", "198.51.100.21:5060", "udp")
	list := []Probe{said(tunnel, "192.168.88.1", "prohibited"), a, said(far, "203.0.113.9", "prohibited"), asking("c.example.net", "198.51.100.22:5060", "udp")}
	j := judge(Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Probes: list}, officeHost())
	want := []string{"blocked-upstream critical certain heard", "blocked-by-gateway warning certain heard, mikrotik"}
	if diff := cmp.Diff(want, toldOf(j)); diff != "" {
		t.Fatalf("findings (-want +got):\n%s", diff)
	}
	f := j.Findings[1]
	var ports []string
	for _, line := range f.Fixes[0].Commands {
		_, rest, rule := strings.Cut(line, "protocol=")
		if !rule { // the line that moves the rules to the front
			continue
		}
		proto, rest, _ := strings.Cut(rest, " ")
		_, rest, _ = strings.Cut(rest, "dst-address=")
		addr, rest, _ := strings.Cut(rest, " ")
		_, rest, _ = strings.Cut(rest, "dst-port=")
		port, _, _ := strings.Cut(rest, " ")
		ports = append(ports, proto+" "+addr+" "+port)
	}
	if diff := cmp.Diff([]string{"tcp 198.51.100.20 5090", "udp 198.51.100.20 5060"}, ports); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	read := told(t, Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Probes: list}).Findings
	if len(f.Evidence) != 1 || read[1].Evidence[0].Want != "a connection" || read[0].Evidence[0].Want != "an answer" {
		t.Errorf("evidence %+v, %+v", read[1].Evidence, read[0].Evidence)
	}
	for _, fix := range f.Fixes {
		if !slices.Contains(fix.Verify, "sipdoctor check allow-list") {
			t.Errorf("%s/%s is verified by %q", fix.Platform, fix.ID, fix.Verify)
		}
	}
}

// A rule names the narrowest network of the profile, and each once.
func TestForWhichNetworkARuleIsMade(t *testing.T) {
	p := &netinfo.Profile{Name: "p", Title: "P", Subnets: []netinfo.Subnet{{CIDR: "0.0.0.0/0"}, {CIDR: "198.51.100.0/24"}, {CIDR: "198.51.100.0/26"}, {CIDR: "198.51.100.0/25"}, {CIDR: "203.0.113.0/24"}, {CIDR: "nonsense"}}}
	for addr, want := range map[string]string{
		"198.51.100.20": "198.51.100.0/26", "198.51.100.70": "198.51.100.0/25", "198.51.100.200": "198.51.100.0/24", "192.0.2.1": "0.0.0.0/0", "2001:db8::1": "2001:db8::1",
	} {
		if got := networkOf(&Probe{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 5060)}, p); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	two := []Probe{
		said(asking("a", "198.51.100.20:5060", "udp"), "192.168.88.1", "prohibited"), said(asking("b", "198.51.100.21:5060", "udp"), "192.168.88.1", "prohibited"),
		said(asking("b", "198.51.100.21:5061", "udp"), "192.168.88.1", "prohibited"),
	}
	f := finding(t, judge(Observed{Profile: p, Probes: two}, officeHost()).Findings, "allow-list.blocked-by-gateway")
	if lines := f.Fixes[0].Commands; len(lines) != 3 || strings.Contains(lines[2], "protocol=") { // the last moves them to the front
		t.Errorf("two ports of one network: %q", lines)
	}
}

func TestFixesOfOneKindArePutTogether(t *testing.T) {
	fix := func(id, platform string, lines ...string) fixes.Fix {
		return fixes.Fix{ID: id, Platform: platform, Commands: append(slices.Clone(lines), "commit"), Undo: lines, Verify: lines, UnverifiedLines: lines}
	}
	got := merge([]fixes.Fix{fix("allow", "junos", "a")}, []fixes.Fix{fix("allow", "junos", "b"), fix("allow", "generic", "c"), fix("forward", "junos", "d")})
	both := []string{"a", "b"}
	want := []fixes.Fix{
		{ID: "allow", Platform: "junos", Commands: []string{"a", "b", "commit"}, Undo: []string{"b", "a"}, Verify: both, UnverifiedLines: both},
		fix("allow", "generic", "c"), fix("forward", "junos", "d"),
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fixes.Fix{}, "Parts")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of several addresses of a host the worst decides, of equals the first; a
// network says what the hosts in it say.
func TestTheWorstOfSeveralDecides(t *testing.T) {
	p := &netinfo.Profile{Name: "p", Title: "P", Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: netinfo.UseSignalling}}}
	first, second := asking("a.example.net", "198.51.100.20:5060", "udp"), asking("a.example.net", "198.51.100.21:5060", "udp")
	no := func(p Probe) Probe { return said(p, "203.0.113.9", "prohibited") }
	for name, c := range map[string]struct {
		list []Probe
		want string // status, and whose
	}{
		"both answer":                           {[]Probe{answering(first), answering(second)}, "reachable 198.51.100.20"},
		"the second is silent":                  {[]Probe{answering(first), second}, "silent 198.51.100.21"},
		"the first is silent":                   {[]Probe{first, answering(second)}, "silent 198.51.100.20"},
		"one is silent, one is blocked":         {[]Probe{first, no(second)}, "blocked 198.51.100.21"},
		"both are blocked":                      {[]Probe{no(first), no(second)}, "blocked 198.51.100.20"},
		"one answers, one could not be asked":   {[]Probe{answering(first), ended(second, "other")}, "not-testable 198.51.100.21"},
		"one is silent, one could not be asked": {[]Probe{first, ended(second, "other")}, "silent 198.51.100.20"},
	} {
		rows := judge(Observed{Profile: p, Probes: c.list}, officeHost()).Facts.([]Row)
		for _, r := range rows[:2] {
			if got := r.Status + " " + r.probe.Addr.Addr().String(); got != c.want || len(rows) != 2 {
				t.Errorf("%s: %s says %s, want %s (%d rows)", name, r.Target, got, c.want, len(rows))
			}
		}
	}
}

func TestWhichRowsAreListed(t *testing.T) {
	ports := func(proto, use string, spans ...netinfo.PortRange) netinfo.PortRule {
		return netinfo.PortRule{Protocol: proto, Use: use, Ports: spans, For: words.Phrase{words.English: "x"}}
	}
	const signalling, media, other = netinfo.UseSignalling, netinfo.UseMedia, "other"
	rtp := []netinfo.MediaRule{{Range: netinfo.PortRange{First: 10000, Last: 20000}}}
	udp, tunnel := answering(asking("a", "198.51.100.20:5060", "udp")), answering(notSIP(asking("a", "198.51.100.20:5090", "tcp")))
	for name, c := range map[string]struct {
		o    Observed
		want []string
	}{
		"a range of four ports, all are asked": {Observed{Profile: &netinfo.Profile{Ports: []netinfo.PortRule{ports("tcp", signalling, netinfo.PortRange{First: 5060, Last: 5063})}}}, nil},
		"a range of five": {Observed{Profile: &netinfo.Profile{Ports: []netinfo.PortRule{ports("tcp", other, netinfo.PortRange{First: 5060, Last: 5064})}}},
			[]string{"tcp 5061-5063 p not-testable"}},
		"UDP that is not SIP": {Observed{Profile: &netinfo.Profile{Ports: []netinfo.PortRule{ports("udp", other, netinfo.PortRange{First: 5090, Last: 5090})}}},
			[]string{"udp 5090 p not-testable"}},
		"SIP over UDP": {Observed{Profile: &netinfo.Profile{Ports: []netinfo.PortRule{ports("udp", signalling, netinfo.PortRange{First: 5060, Last: 5060})}}}, nil},
		"a network of which no ports are known": {Observed{Profile: &netinfo.Profile{Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: signalling}}}},
			[]string{"any any 198.51.100.0/24 not-testable"}},
		"what a host in it says counts for any port": {
			Observed{Profile: &netinfo.Profile{Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: signalling}}}, Probes: []Probe{udp}},
			[]string{"udp 5060 a reachable", "any any 198.51.100.0/24 reachable"},
		},
		"a port that is not SIP says nothing about it": {
			Observed{Profile: &netinfo.Profile{Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: signalling}}}, Probes: []Probe{tunnel}},
			[]string{"tcp 5090 a reachable", "any any 198.51.100.0/24 not-testable"},
		},
		"neither does a host elsewhere": {
			Observed{Profile: &netinfo.Profile{Subnets: []netinfo.Subnet{{CIDR: "203.0.113.0/24", Use: signalling}}}, Probes: []Probe{udp}},
			[]string{"udp 5060 a reachable", "any any 203.0.113.0/24 not-testable"},
		},
		"each protocol for itself": {
			Observed{Profile: &netinfo.Profile{
				Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: signalling}},
				Ports:   []netinfo.PortRule{ports("udp", signalling, netinfo.PortRange{First: 5060, Last: 5060}), ports("tcp", signalling, netinfo.PortRange{First: 5060, Last: 5061}), ports("tcp", other, netinfo.PortRange{First: 5090, Last: 5090})},
			}, Probes: []Probe{udp}},
			[]string{"udp 5060 a reachable", "udp 5060 198.51.100.0/24 reachable", "tcp 5060-5061 198.51.100.0/24 not-testable"},
		},
		"media of the whole provider": {Observed{Profile: &netinfo.Profile{RTP: rtp}}, []string{"udp 10000-20000 p not-testable"}},
		"media of its networks": {
			Observed{Profile: &netinfo.Profile{RTP: rtp, Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/26", Use: signalling}, {CIDR: "198.51.100.64/26", Use: media}}}},
			[]string{"any any 198.51.100.0/26 not-testable", "udp 10000-20000 198.51.100.64/26 not-testable"},
		},
		"hosts without an address": {Observed{Profile: &netinfo.Profile{}, Hosts: []Host{{Name: "x", Error: "no answer"}, {Name: "y", Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.20")}}}},
			[]string{"any any x not-testable"}},
		"what was left out": {Observed{Profile: &netinfo.Profile{}, Left: 1}, []string{"any any any not-testable"}},
	} {
		c.o.Profile.Name = "p"
		if diff := cmp.Diff(c.want, statuses(judge(c.o, officeHost()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The line counts what could be asked, and names three ports at most.
func TestTheLineThatCountsPorts(t *testing.T) {
	var list []Probe
	for i := range 5 {
		p := asking("a"+strconv.Itoa(i), fmt.Sprintf("198.51.100.%d:5060", 20+i), "udp")
		list = append(list, said(p, "203.0.113.9", "prohibited"))
	}
	answer := answering(asking("b", "198.51.100.30:5060", "udp"))
	failed := ended(asking("c", "198.51.100.31:5060", "udp"), "other")
	for name, c := range map[string]struct {
		list []Probe
		want string
	}{
		"three blocked":           {append(slices.Clone(list[:3]), answer), "P: 1 of 4 ports reachable; blocked UDP 5060 at a0, UDP 5060 at a1, UDP 5060 at a2"},
		"four blocked, unsorted":  {append([]Probe{list[3], list[1]}, list[0], list[2]), "P: 0 of 4 ports reachable; blocked UDP 5060 at a0, UDP 5060 at a1, UDP 5060 at a2 and 1 more"},
		"none could be asked":     {[]Probe{failed}, "P; 1 not testable from here"},
		"one could not be asked":  {[]Probe{answer, failed}, "P: 1 of 1 ports reachable; 1 not testable from here"},
		"one is blocked by a hop": {[]Probe{list[0]}, "P: 0 of 1 ports reachable; blocked UDP 5060 at a0"},
	} {
		if got := told(t, Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Probes: c.list}).Summary; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHowAnAnswerIsTold(t *testing.T) {
	udp, tcp := answering(asking("a", "198.51.100.20:5060", "udp")), answering(asking("a", "198.51.100.20:5060", "tcp"))
	code := udp
	code.Code = 403
	book := checks.BookOf([]*checks.Check{Check()})
	for want, p := range map[string]Probe{"answered": udp, "connected": tcp, "answered with SIP 403": code} {
		if got, err := book.Fill(words.English, judgeProbe(&p, officeHost()).said); got != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

func TestWhichCountriesAProviderServes(t *testing.T) {
	whole := netinfo.Service{Countries: []string{"RU", "KZ"}, Origin: netinfo.Origin{Source: "its page"}}
	fax := netinfo.Service{Countries: []string{"DE"}, What: words.Phrase{words.English: "fax"}, Origin: netinfo.Origin{Source: "its page"}}
	for name, c := range map[string]struct {
		where *Where
		want  []string
	}{
		"nobody looked":      {nil, nil},
		"nobody knows":       {&Where{Error: "no answer"}, nil},
		"at home":            {&Where{Origin: &netinfo.ASOrigin{Country: "KZ"}}, []string{"country-limit info possible heard"}},
		"abroad":             {&Where{Origin: &netinfo.ASOrigin{Country: "NL"}}, []string{"country warning possible heard", "country-limit info possible heard"}},
		"abroad, fax passes": {&Where{Origin: &netinfo.ASOrigin{Country: "DE"}}, []string{"country warning possible heard"}},
	} {
		p := &netinfo.Profile{Name: "p", Title: "P", Serves: []netinfo.Service{whole, fax}}
		if diff := cmp.Diff(c.want, toldOf(judge(Observed{Profile: p, Where: c.where}, officeHost()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What the provider wants is listed, each with its source, and nothing else.
func TestWhatAProviderWantsOfPhonesAndRouter(t *testing.T) {
	everything := netinfo.Client{
		SIPALG: "off", STUN: "off", NATTraversal: "on", OutboundProxy: "off", PortForwarding: "no", TLS: "offered", SRTP: "required",
		Registration: 60, KeepAlive: 30, UDPTimeoutMin: 180, Origin: netinfo.Origin{Source: "page 1"}, Sources: map[string]string{"tls": "page 2"},
	}
	conflict := []netinfo.Conflict{{About: "client stun", Says: words.Phrase{words.English: "on"}}, {About: "client sip_alg", Says: words.Phrase{words.English: "off"}}}
	for name, c := range map[string]struct {
		profile netinfo.Profile
		want    []string
		advice  int // pieces of evidence that it contradicts others
	}{
		"nothing": {},
		"everything": {profile: netinfo.Profile{Client: everything}, want: []string{
			"off says page 1", "off says page 1", "on says page 1", "off says page 1", "60 s says page 1", "30 s says page 1", "180 s says page 1",
			"offered says page 2", "required says page 1", "no says page 1",
		}},
		"the router's helper on, against all others": {
			profile: netinfo.Profile{Client: netinfo.Client{SIPALG: "on", Origin: netinfo.Origin{Source: "page 1"}}, Conflicts: conflict}, want: []string{"on says page 1"}, advice: 2,
		},
		"codecs": {profile: netinfo.Profile{Codecs: []string{"PCMA", "PCMU"}, Origin: netinfo.Origin{Source: "page 3"}}, want: []string{"PCMA, PCMU says page 3"}},
		"codecs, from another page": {
			profile: netinfo.Profile{Codecs: []string{"PCMA"}, Origin: netinfo.Origin{Source: "page 3"}, Sources: map[string]string{"codecs": "page 4"}}, want: []string{"PCMA says page 4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.profile.Title = "P"
			var got []string
			advice := 0
			for _, f := range told(t, Observed{Profile: &c.profile}).Findings {
				if f.Severity != checks.Info || f.Confidence != checks.Certain {
					t.Errorf("%s is %s, %s", f.ID, f.Severity, f.Confidence)
				}
				if f.ID == "allow-list.contradictory-advice" {
					advice = len(f.Evidence)
					continue
				}
				for _, e := range f.Evidence {
					got = append(got, e.Want+" "+e.Got)
				}
				if strings.Count(f.Advice[0], ";") != len(f.Evidence)-1 {
					t.Errorf("advice %q", f.Advice)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || advice != c.advice {
				t.Errorf("%d pieces of advice, want %d; wishes (-want +got):\n%s", advice, c.advice, diff)
			}
		})
	}
}
