package linuxrouter

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// office is a router whose rules are those of iptables-save.
func office(t *testing.T, profile *netinfo.Profile, rules string) Observed {
	t.Helper()
	return officeWith(t, profile, rules, func(*pbx.Routes) {})
}

// officeWith is an office that something is added to.
func officeWith(t *testing.T, profile *netinfo.Profile, rules string, more func(*pbx.Routes)) Observed {
	t.Helper()
	host := &packetfilter.Host{Switches: map[string]int{"ipv4/ip_forward": 1}, IPsec: routes.No}
	host.Addrs = []routes.Addr{{Addr: netip.MustParseAddr("192.168.1.1"), Interface: "br-lan", Primary: true}, {Addr: netip.MustParseAddr("203.0.113.2"), Interface: "wan", Primary: true}}
	host.Routes = []packetfilter.Route{
		{Dst: netip.MustParsePrefix("192.168.1.0/24"), Interface: "br-lan", Table: "main"},
		{Dst: netip.MustParsePrefix("203.0.113.0/24"), Interface: "wan", Table: "main"},
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: "wan", Gateway: netip.MustParseAddr("203.0.113.1"), Table: "main"},
	}
	o := Observed{System: System{Platform: "linux-nftables", Name: "Debian"}, State: netinfo.ConntrackState{Loaded: true, UDPTimeout: 30, UDPStreamTimeout: 120}, Need: need.Of(profile), NAT: true}
	rt := &pbx.Routes{Host: host, Local: []netip.Addr{host.Addrs[0].Addr, host.Addrs[1].Addr}}
	more(rt)
	o.networks(rt)
	set := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, rules))
	o.evaluate(t.Context(), set, packetfilter.NewWording(t.Context(), nowhere{}), rt)
	return o
}

// nowhere is a machine of which nothing is known.
type nowhere struct{}

func (nowhere) Open(string) (fs.File, error)                           { return nil, fs.ErrNotExist }
func (nowhere) Glob(string) ([]string, error)                          { return nil, nil }
func (nowhere) Run(context.Context, string, ...string) ([]byte, error) { return nil, fs.ErrNotExist }
func (nowhere) Exchange(context.Context, platform.Exchange) ([]platform.Answer, error) {
	return nil, fs.ErrNotExist
}
func (nowhere) Now() time.Time { return time.Time{} }
func (nowhere) Root() bool     { return true }
func (nowhere) Live() bool     { return true }

func ids(j checks.Judgement) (list []string) {
	for _, f := range j.Findings {
		id := f.ID
		if f.Variant != "" {
			id += "." + f.Variant
		}
		list = append(list, id+" "+string(f.Severity))
	}
	return list
}

const established = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"

func TestWhatTheRulesDoWithPhones(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		findings    []string
	}{
		{"everything passes", "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", nil},
		{"the LAN may go out, answers come back", "*filter\n:FORWARD DROP [0:0]\n" + established + "-A FORWARD -i br-lan -j ACCEPT\nCOMMIT\n", nil},
		{"a rule stops SIP over UDP", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j DROP\nCOMMIT\n", []string{"linux-router.provider-blocked critical"}},
		{"a rule stops SIP over TCP alone, which phones may not use", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --dport 5060 -j DROP\nCOMMIT\n", nil},
		{"a part of the media that nobody may use", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 30000:40000 -j DROP\nCOMMIT\n", nil},
		{"all of the media", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 10000:65535 -j DROP\nCOMMIT\n", []string{"linux-router.provider-blocked critical"}},
		{"only web pages may go out", "*filter\n:FORWARD DROP [0:0]\n" + established + "-A FORWARD -i br-lan -p tcp -m multiport --dports 80,443 -j ACCEPT\nCOMMIT\n", []string{"linux-router.provider-blocked critical"}},
		{"answers do not come back", "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i br-lan -j ACCEPT\nCOMMIT\n", []string{"linux-router.provider-blocked.answers critical"}},
		{"one bad network is closed", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 198.51.100.0/24 -j DROP\nCOMMIT\n", nil},
		{"a guest may not call", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 192.168.1.77/32 -p udp -j DROP\nCOMMIT\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(office(t, nil, tt.rules), nil)
			if got := ids(j); !slices.Equal(got, tt.findings) || !j.Inconclusive.IsZero() {
				t.Errorf("%q, want %q; inconclusive: %v", got, tt.findings, j.Inconclusive)
			}
			for _, f := range j.Findings {
				if f.Variant == "" && len(f.Fixes) == 0 {
					t.Error("no fix")
				}
			}
		})
	}
}

func TestTheProvidersNetworkIsWhatCounts(t *testing.T) {
	profile := &netinfo.Profile{Title: "Example", Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: netinfo.UseAny}}}
	rules := "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 198.51.100.0/24 -p udp -j REJECT\nCOMMIT\n"
	if got := ids(judge(office(t, profile, rules), nil)); !slices.Equal(got, []string{"linux-router.provider-blocked critical"}) {
		t.Error(got)
	}
}

// A provider that is reached over TCP alone has no other way.
func TestSIPOverTCP(t *testing.T) {
	tls := netinfo.SIPHost{Host: "sip.example.net", Transport: "tls", Port: 5061}
	udp := netinfo.SIPHost{Host: "sip.example.net", Transport: "udp", Port: 5060}
	rules := "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --dport 5061 -j DROP\nCOMMIT\n"
	for want, hosts := range map[string][]netinfo.SIPHost{"critical": {tls}, "warning": {tls, udp}} {
		profile := &netinfo.Profile{Title: "Example", SIP: hosts, Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: netinfo.UseAny}}}
		if got := ids(judge(office(t, profile, rules), nil)); !slices.Equal(got, []string{"linux-router.provider-blocked " + want}) {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

// A network without Internet beside one that has it is closed on purpose.
func TestANetworkWithoutInternet(t *testing.T) {
	cameras := func(rt *pbx.Routes) {
		rt.Host.Addrs = append(rt.Host.Addrs, routes.Addr{Addr: netip.MustParseAddr("192.168.9.1"), Interface: "br-cam", Primary: true})
		rt.Host.Routes = append(rt.Host.Routes, packetfilter.Route{Dst: netip.MustParsePrefix("192.168.9.0/24"), Interface: "br-cam", Table: "main"})
	}
	for name, tt := range map[string]struct {
		rules string
		want  []string
		note  bool
	}{
		"all of it closed":    {"-A FORWARD -i br-cam -j DROP\n", nil, true},
		"SIP alone is closed": {"-A FORWARD -i br-cam -p udp -m udp --dport 5060 -j DROP\n", []string{"linux-router.provider-blocked critical"}, false},
		"the office as well":  {"-A FORWARD -o wan -j DROP\n", []string{"linux-router.provider-blocked critical"}, false},
	} {
		j := judge(officeWith(t, nil, "*filter\n:FORWARD ACCEPT [0:0]\n"+tt.rules+"COMMIT\n", cameras), nil)
		told := slices.ContainsFunc(j.Notes, func(n words.Text) bool { return n.Args["why"] == "closed" })
		if got := ids(j); !slices.Equal(got, tt.want) || told != tt.note || !j.Inconclusive.IsZero() {
			t.Errorf("%s: %q, %v, want %q", name, got, j.Notes, tt.want)
		}
	}
}

func TestASecondUplink(t *testing.T) {
	second := func(rt *pbx.Routes) {
		rt.Host.Routes = append(rt.Host.Routes, packetfilter.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: "lte", Table: "main", Metric: 9})
	}
	stop := func(out string) string { return "-A FORWARD -o " + out + " -p udp -m udp --dport 5060 -j DROP\n" }
	back := "-A FORWARD -i wan -p udp -m udp --sport 5060 -j DROP\n"
	for rules, want := range map[string][]string{
		stop("lte") + back: {"linux-router.provider-blocked.answers critical", "linux-router.provider-blocked critical"}, // each by another uplink
		"-A FORWARD -p udp -m udp --dport 5060 -j DROP\n": {"linux-router.provider-blocked critical"}, stop("lte"): nil, stop("wan"): nil, stop("wan") + stop("lte"): {"linux-router.provider-blocked critical", "linux-router.provider-blocked critical"}} {
		j := judge(officeWith(t, nil, "*filter\n:FORWARD ACCEPT [0:0]\n"+rules+"COMMIT\n", second), nil)
		if got := ids(j); !slices.Equal(got, want) || (len(j.Notes) > 0) != (want == nil) {
			t.Errorf("%s: %q, want %q; %v", rules, got, want, j.Notes)
		}
	}
}

// Rules that stop each port by itself are too many to ask about all.
func TestTooManyStops(t *testing.T) {
	var rules strings.Builder
	for port := range maxStops {
		fmt.Fprintf(&rules, "-A FORWARD -p udp -m udp --dport %d -j DROP\n", 10000+port)
	}
	j := judge(office(t, nil, "*filter\n:FORWARD ACCEPT [0:0]\n"+rules.String()+"COMMIT\n"), nil)
	if j.Inconclusive.ID != "linux-router.reason.cut" {
		t.Errorf("%v", j.Inconclusive)
	}
}

// What is typed works at once; where the router has a configuration of its own, the same in
// its words comes next.
func TestOnOpenWrtTheFixLasts(t *testing.T) {
	profile := &netinfo.Profile{Title: "Example", Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: netinfo.UseAny}}}
	o := office(t, profile, "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 5060 -j DROP\nCOMMIT\n")
	o.System.Platform = "openwrt"
	list := judge(o, nil).Findings[0].Fixes
	if len(list) != 2 || list[0].ID != "let-phones-out" || list[1].Platform != "openwrt" {
		t.Fatalf("%+v", list)
	}
	if line := list[1].Commands[0]; len(list[1].Commands) != 2 || !strings.Contains(line, "dest_ip='198.51.100.0/24'") || !strings.Contains(line, "dest_port='5060'") || !strings.Contains(line, "proto='udp'") {
		t.Error(line)
	}
}

// What the router's own configuration has for answers is not that of packets that leave, and
// for the helper it has a fix of its own.
func TestOnOpenWrtOtherFixes(t *testing.T) {
	profile := &netinfo.Profile{Title: "Example", Subnets: []netinfo.Subnet{{CIDR: "198.51.100.0/24", Use: netinfo.UseAny}}}
	o := office(t, profile, "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i br-lan -j ACCEPT\nCOMMIT\n")
	o.System.Platform, o.Helpers = "openwrt", []Helper{{Rule: "x"}}
	j := judge(o, nil)
	if got := ids(j); !slices.Equal(got, []string{"linux-router.provider-blocked.answers critical", "linux-router.sip-helper warning"}) {
		t.Fatal(got)
	}
	if len(j.Findings[0].Fixes) != 0 || len(j.Findings[1].Fixes) == 0 || j.Findings[1].Fixes[0].Platform != "openwrt" {
		t.Errorf("%+v", j.Findings)
	}
	o.System.Platform = plainLinux
	if list := judge(o, nil).Findings[1].Fixes; len(list) != 0 {
		t.Errorf("where a rule has no edit: %+v", list)
	}
}

// A provider with several networks needs a rule of each, in words that uci takes.
func TestOnOpenWrtTheFixIsForAllOfTheProvider(t *testing.T) {
	profile := &netinfo.Profile{Title: "Example", RTP: []netinfo.MediaRule{{Range: netinfo.PortRange{First: 20000, Last: 30000}}}, Subnets: []netinfo.Subnet{
		{CIDR: "198.51.100.0/24", Use: netinfo.UseSignalling}, {CIDR: "203.0.113.128/25", Use: netinfo.UseMedia}, {CIDR: "192.0.2.0/24", Use: netinfo.UseMedia},
	}}
	o := office(t, profile, "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -j DROP\nCOMMIT\n")
	o.System.Platform = "openwrt"
	list := judge(o, nil).Findings[0].Fixes
	lines := strings.Join(list[len(list)-1].Commands, "\n")
	for _, want := range []string{"dest_ip='198.51.100.0/24'", "dest_ip='203.0.113.128/25'", "dest_ip='192.0.2.0/24'", "dest_port='5060'", "dest_port='20000-30000'"} {
		if !strings.Contains(lines, want) {
			t.Errorf("%s is not in\n%s", want, lines)
		}
	}
	if n := strings.Count(lines, "uci add "); n != 3 || strings.Count(lines, "uci commit") != 1 {
		t.Errorf("%d rules:\n%s", n, lines)
	}
}

func TestWhatDependsOnSomethingUnknownIsNoPass(t *testing.T) {
	rules := "*filter\n:FORWARD DROP [0:0]\n" + established + "-A FORWARD -m string --string x --algo bm -j ACCEPT\nCOMMIT\n"
	if j := judge(office(t, nil, rules), nil); j.Inconclusive.ID != "linux-router.reason.maybe" || len(j.Findings) != 0 {
		t.Errorf("%v %v", j.Inconclusive, ids(j))
	}
	o := office(t, nil, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")
	o.State.UDPStreamTimeout = -1
	if j := judge(o, nil); j.Inconclusive.ID != "linux-router.reason.timeout" || len(j.Findings) > 0 {
		t.Errorf("the kernel did not tell: %v %v", j.Inconclusive, ids(j))
	}
}

func TestTheHelperAndTheTimeout(t *testing.T) {
	calm := office(t, nil, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")
	with := func(change func(*Observed)) Observed {
		o := calm
		change(&o)
		return o
	}
	for _, tt := range []struct {
		name     string
		o        Observed
		findings []string
	}{
		{"nothing attaches it", with(func(o *Observed) { o.State.SIPHelper = true }), nil},
		{"an old kernel attaches it by itself", with(func(o *Observed) { o.State.SIPHelper, o.State.AutoHelper = true, true }), []string{"linux-router.sip-helper warning"}},
		{"a rule attaches it", with(func(o *Observed) { o.Helpers = []Helper{{Rule: "ct helper set sip"}} }), []string{"linux-router.sip-helper warning"}},
		{"the provider demands that it is off", with(func(o *Observed) { o.Helpers, o.Need.SIPALG = []Helper{{Rule: "x"}}, "off" }), []string{"linux-router.sip-helper critical"}},
		{"the provider wants it on", with(func(o *Observed) { o.Helpers, o.Need.SIPALG = []Helper{{Rule: "x"}}, "on" }), nil},
		{"without NAT it rewrites nothing", with(func(o *Observed) { o.Helpers, o.NAT = []Helper{{Rule: "x"}}, false }), nil},
		{"119 s are too short", with(func(o *Observed) { o.State.UDPStreamTimeout = 119 }), []string{"linux-router.udp-timeout warning"}},
		{"120 s are enough", with(func(o *Observed) { o.State.UDPStreamTimeout = 120 }), nil},
		{"phones register every 10 minutes", with(func(o *Observed) { o.Need.Registration = 600 }), []string{"linux-router.udp-timeout.registration warning"}},
		{"the kernel did not tell, and nothing is translated", with(func(o *Observed) { o.State.UDPStreamTimeout, o.NAT = -1, false }), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ids(judge(tt.o, nil)); !slices.Equal(got, tt.findings) {
				t.Errorf("%q, want %q", got, tt.findings)
			}
		})
	}
}

// An old kernel attaches the helper by itself besides what a rule does: both have to end.
func TestTheHelperIsAttachedTwice(t *testing.T) {
	o := office(t, nil, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")
	o.State.SIPHelper, o.State.AutoHelper = true, true
	set := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesNFT, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 5060 -j CT --helper sip\nCOMMIT\n"))
	for _, step := range set.SIPHelpers() {
		o.Helpers = append(o.Helpers, Helper{Rule: step.Rule.Text, Edits: step.Delete(packetfilter.NewWording(t.Context(), nowhere{})).Rules})
	}
	var got []string
	for _, f := range judge(o, nil).Findings[0].Fixes {
		got = append(got, f.ID)
	}
	if !slices.Contains(got, "stop-router-helper-assignment") || !slices.Contains(got, "remove-router-helper-rules") {
		t.Error(got)
	}
}

func TestNotKnowingIsNoPass(t *testing.T) {
	for id, o := range map[string]Observed{
		"linux-router.reason.unread":    {Missing: words.Quote("nft: its listing is damaged")},
		"linux-router.reason.no-router": {},
		"checks.reason.needs-root":      {Unread: true},
	} {
		if j := judge(o, nil); j.Inconclusive.ID != id || j.Summary.ID != "linux-router.summary.unclear" {
			t.Errorf("%v: %v, want %s", j.Summary, j.Inconclusive, id)
		}
	}
}

// A machine of files.
type files struct {
	nowhere
	fstest.MapFS
}

func (f files) Open(name string) (fs.File, error)  { return f.MapFS.Open(name[1:]) }
func (f files) Glob(name string) ([]string, error) { return nil, nil }

func TestWhatTheRouterRuns(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: bytes.TrimLeft([]byte(text), "\n")} }
	for want, fsys := range map[System]fstest.MapFS{
		{"openwrt", "OpenWrt 23.05.3 r23809", "23.05.3"}: {"etc/openwrt_release": file("DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='23.05.3'\nDISTRIB_DESCRIPTION='OpenWrt 23.05.3 r23809'\n")},
		{"vyos", "VyOS 1.4.0", "1.4.0"}:                  {"etc/os-release": file("ID=vyos\nVERSION_ID=\"1.4.0\"\nPRETTY_NAME=\"VyOS 1.4.0\"\n")},
		{"edgerouter", "EdgeOS", "EdgeRouter.ER-e50.v2.0.9"}: {
			"etc/os-release": file("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 9\"\n"), "etc/version": file("EdgeRouter.ER-e50.v2.0.9\n"),
		},
		{"linux-nftables", "Debian GNU/Linux 12 (bookworm)", "12"}: {"etc/os-release": file("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")},
		{"linux-nftables", "", ""}:                                 {},
	} {
		if got := systemOf(files{MapFS: fsys}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
