package allowlist

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func srv(target string, port uint16) platform.SRV { return platform.SRV{Target: target, Port: port} }

func TestWithoutAProfileThereIsNothingToAsk(t *testing.T) {
	o, err := observe(t.Context(), &checks.Env{})
	if j := judge(o, &netinfo.Host{}); err != nil || j.Skip.ID != "allow-list.skip.no-profile" || len(j.Findings) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestFactsFollowTheContract(t *testing.T) {
	p := &netinfo.Profile{Name: "p", Title: "P"}
	probe := Probe{Host: "a", Addr: netip.MustParseAddrPort("198.51.100.1:5060"), Protocol: "tcp", Method: methodConnect, Answered: true}
	got, err := json.Marshal(judge(Observed{Profile: p, Probes: []Probe{probe}}, &netinfo.Host{}).Facts)
	want := `[{"target":"a","protocol":"tcp","ports":"5060","status":"reachable","by":"connected"}]`
	if string(got) != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	if got, _ := json.Marshal(judge(Observed{Profile: p}, &netinfo.Host{}).Facts); string(got) != "[]" {
		t.Errorf("no rows: %s", got)
	}
}

func TestWhoDecided(t *testing.T) {
	gate := netip.MustParseAddr("192.168.88.1")
	own := netip.MustParseAddr("192.168.88.10")
	host := &netinfo.Host{Uplink: netinfo.Uplink{Gateway: gate, Local: []netip.Addr{own}}}
	at := netip.MustParseAddrPort("198.51.100.1:5060")
	icmp := func(hop, meaning, class string) []ICMP {
		return []ICMP{{Hop: netip.MustParseAddr(hop), Meaning: words.Cause(meaning), Class: class}}
	}
	const forbidden = "communication administratively prohibited"
	tests := []struct {
		name   string
		probe  Probe
		status string
		by     string
	}{
		{"the router says no", Probe{ICMP: icmp("192.168.88.1", forbidden, "prohibited")}, blocked, gateway},
		{"a second firewall says no", Probe{ICMP: icmp("203.0.113.9", forbidden, "prohibited")}, blocked, upstream},
		{"the router refuses in nobody's name", Probe{ICMP: icmp("192.168.88.1", "port unreachable", "refused")}, blocked, gateway},
		{"the server itself has nobody on the port", Probe{Named: true, ICMP: icmp("198.51.100.1", "port unreachable", "refused")}, blocked, refused},
		{"a port that the server need not have", Probe{ICMP: icmp("198.51.100.1", "port unreachable", "refused")}, notTestable, refused},
		{"the server's filter", Probe{ICMP: icmp("198.51.100.1", "host administratively prohibited", "prohibited")}, blocked, farEnd},
		{"this machine rejects by ICMP", Probe{Local: own, ICMP: icmp("192.168.88.10", forbidden, "prohibited")}, blocked, localFilter},
		{"the gateway does not answer ARP", Probe{Local: own, ICMP: icmp("192.168.88.10", "host unreachable", "unreachable")}, blocked, unnamed},
		{"this machine drops it", Probe{Class: "local-filter"}, blocked, localFilter},
		{"a system that names no hop", Probe{Class: "prohibited"}, blocked, unnamed},
		{"silence", Probe{Class: "timeout"}, silent, unheard},
		{"a local accident", Probe{Class: "other", Error: "too many open files"}, notTestable, failed},
		{"no time was left", Probe{Tries: -1}, notTestable, notAsked},
		{"an answer outweighs a forged refusal", Probe{Answered: true, ICMP: icmp("203.0.113.9", forbidden, "prohibited")}, reachable, "answered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.probe
			p.Addr, p.Protocol, p.Method, p.Tries = at, "udp", methodOptions, tries+tt.probe.Tries*tries
			r := judgeProbe(&p, host)
			if r.Status != tt.status || r.By != tt.by || r.said.IsZero() {
				t.Errorf("%s by %s: %s", r.Status, r.By, r.said.ID)
			}
		})
	}
}

func TestNoHostCanBeLookedUp(t *testing.T) {
	o := Observed{Profile: &netinfo.Profile{Name: "p", Title: "P"}, Hosts: []Host{{Name: "sip.example", Error: "looking up sip.example: no answer"}}}
	if j := judge(o, &netinfo.Host{}); j.Inconclusive.Args["why"] != o.Hosts[0].Error {
		t.Errorf("%+v", j)
	}
}

func TestAProfileWithoutServers(t *testing.T) {
	p, err := netinfo.LoadProfile("megafon-vats")
	if err != nil {
		t.Fatal(err)
	}
	j := judge(Observed{Profile: p}, &netinfo.Host{})
	if j.Skip.ID != "allow-list.skip.no-server" {
		t.Errorf("skip %q", j.Skip.ID)
	}
	want := []Row{
		{Target: "193.201.230.128/26", Protocol: "udp", Ports: "5060", Status: notTestable, By: byNoHost},
		{Target: "193.201.230.128/26", Protocol: "tcp", Ports: "5060,5061", Status: notTestable, By: byNoHost},
		{Target: "193.201.230.128/26", Protocol: "udp", Ports: "10000-65535", Status: notTestable, By: byMedia},
	}
	if diff := cmp.Diff(want, j.Facts, cmpopts.IgnoreUnexported(Row{}), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if f := finding(t, told(t, Observed{Profile: p}).Findings, "allow-list.phone-settings"); f.Evidence[0].Want != "off" || f.Evidence[0].Name != "SIP ALG on the router" {
		t.Errorf("%+v", f.Evidence)
	}
}

func TestContradictoryAdviceIsNamed(t *testing.T) {
	p, err := netinfo.LoadProfile("ringostat")
	if err != nil {
		t.Fatal(err)
	}
	f := finding(t, told(t, Observed{Profile: p}).Findings, "allow-list.contradictory-advice")
	if f.Severity != checks.Info || len(f.Evidence) != 2 || !strings.Contains(f.Evidence[1].Got, "MegaFon VATS") {
		t.Errorf("%+v", f)
	}
}

// Every built-in profile can be judged: words, evidence, no empty lines.
func TestEveryProviderCanBeJudged(t *testing.T) {
	for _, p := range netinfo.Profiles() {
		for _, f := range told(t, Observed{Profile: p}).Findings {
			if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 {
				t.Errorf("%s: %+v", p.Name, f)
			}
		}
		for _, r := range judge(Observed{Profile: p}, &netinfo.Host{}).Facts.([]Row) {
			if r.Target == "" || r.Protocol == "" || r.Ports == "" || r.Status != notTestable || r.By == "" {
				t.Errorf("%s: %+v", p.Name, r)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nCall-ID: token@192.0.2.1\r\n\r\n"))
	f.Add([]byte("SIP/2.0 100 Trying\r\ni: token\r\n\r\n"))
	f.Add([]byte("OPTIONS sip:x SIP/2.0\r\nCall-ID: token\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if code, ok := answerTo(b, "token"); ok && (code < 100 || !strings.Contains(string(b), "token")) {
			t.Errorf("%d from %q", code, b)
		}
	})
}
