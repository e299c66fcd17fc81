package routeros

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// An audit is a router with lines of its owner, and what is found.
type audit struct {
	name, file string
	lines      []string
	profile    string
	pbx        string
	want       string
	fixed      bool   // the findings have a fix each, after which they are gone
	unfixed    string // but for this one
}

const (
	dstNAT  = "/ip firewall nat add chain=dstnat in-interface=ether1 action=dst-nat "
	sipTo10 = dstNAT + "protocol=udp dst-port=5060 to-addresses=192.168.88.10"
	rtpTo10 = dstNAT + "protocol=udp dst-port=10000-20000 to-addresses=192.168.88.10"
)

// second is a second network behind the router.
func second() []string {
	return []string{"/interface vlan add name=voice interface=bridge vlan-id=20", "/ip address add address=192.168.20.1/24 interface=voice"}
}

func (a audit) run(t *testing.T) {
	a.runText(t, exported(t, a.file, append([]string{helperOff}, a.lines...)...))
}

func (a audit) runText(t *testing.T, text string) {
	t.Helper()
	r := toldOf(t, text, a.profile, a.pbx)
	if got := ids(r); got != a.want {
		t.Fatalf("%s %q, want %q\n%s\n%s", r.Status, got, a.want, r.Reason, strings.Join(r.Notes, "\n"))
	}
	for _, f := range r.Findings {
		t.Log(f.Title, "|", f.Explanation, "|", f.Evidence, "|", f.Fixes)
	}
	for i, f := range r.Findings {
		if len(f.Fixes) > 0 != (a.fixed != strings.Contains(a.unfixed, strings.TrimPrefix(f.Words(), "routeros."))) {
			t.Errorf("%s has %d fixes", f.Words(), len(f.Fixes))
		}
		if len(f.Fixes) > 0 {
			a.cures(t, text, r.Findings[i])
		}
	}
}

// cures types a fix into the router: then the finding is gone, and after the undo the
// router is what it was.
func (a audit) cures(t *testing.T, text string, f checks.Finding) {
	router, err := ros.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	before := router.Export()
	typeAll(t, router, f.Fixes[0].Commands)
	typeAll(t, router, f.Fixes[0].Verify)
	after := toldOf(t, router.Export(), a.profile, a.pbx)
	if slices.ContainsFunc(after.Findings, func(x checks.Finding) bool { return x.Words() == f.Words() && x.Subject == f.Subject }) {
		t.Errorf("after the fix: %s\n%s", ids(after), router.Export())
	}
	typeAll(t, router, f.Fixes[0].Undo)
	if diff := cmp.Diff(before, router.Export()); diff != "" {
		t.Errorf("after the undo (-before +after)\n%s", diff)
	}
}

func TestWhatIsForwarded(t *testing.T) {
	example := profile(t, provider)
	for _, a := range []audit{
		{name: "nothing", file: "factory7.rsc"},
		{name: "nothing, and the PBX is named", file: "factory7.rsc", pbx: "192.168.88.10"},
		{name: "SIP and media for everybody", file: "factory7.rsc", lines: []string{sipTo10, rtpTo10}, want: "w sip-open"},
		{name: "SIP and media for everybody, a profile", file: "factory7.rsc", lines: []string{sipTo10, rtpTo10}, profile: example, want: "w sip-open", fixed: true},
		{name: "the same at a static address", file: "bare7.rsc", lines: []string{sipTo10, rtpTo10}, profile: example, want: "w sip-open", fixed: true},
		{name: "SIP for everybody but who is on a list", file: "factory7.rsc", lines: []string{sipTo10, rtpTo10, "/ip firewall filter add chain=input action=add-src-to-address-list address-list=bad protocol=tcp dst-port=23 in-interface=ether1 place-before=0", first + "action=drop src-address-list=bad in-interface=ether1"}, profile: example, want: "w sip-open", fixed: true},
		{name: "SIP for the provider", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", rtpTo10}},
		{name: "SIP for a list", file: "factory7.rsc", lines: []string{sipTo10 + " src-address-list=provider", rtpTo10, "/ip firewall address-list add list=provider address=198.51.100.0/26"}},
		{name: "SIP for everybody, but disabled", file: "factory7.rsc", lines: []string{sipTo10 + " disabled=yes", rtpTo10}},
		{name: "SIP for everybody, which the filter drops", file: "bare7.rsc", lines: []string{sipTo10, "/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5060 in-interface=ether1 connection-state=new"}},
		{name: "SIP alone, for everybody", file: "factory7.rsc", lines: []string{sipTo10}, want: "w sip-open; w media-forward", fixed: true, unfixed: "sip-open"},
		{name: "SIP alone, for the provider", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26"}},
		{name: "SIP alone, and the helper opens ports", file: "factory7.rsc", lines: []string{sipTo10, "/ip firewall service-port set sip disabled=no"}, want: "w sip-helper; w sip-open", fixed: true, unfixed: "sip-open"},
		{name: "a few ports more are not media", file: "factory7.rsc", lines: []string{sipTo10, dstNAT + "protocol=udp dst-port=10000-10014 to-addresses=192.168.88.10"}, want: "w sip-open; w media-forward", fixed: true, unfixed: "sip-open"},
		{name: "media at other ports", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", rtpTo10 + " to-ports=30000-40000"}, want: "w media-forward.shifted", fixed: true},
		{name: "media at the same ports", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", rtpTo10 + " to-ports=10000-20000"}},
		{name: "media at another host", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", strings.Replace(rtpTo10, "88.10", "88.11", 1)}, want: "w media-forward.elsewhere", fixed: true},
		{name: "media at another host as well", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", strings.Replace(rtpTo10, "88.10", "88.11", 1), dstNAT + "protocol=udp dst-port=30000-30100 to-addresses=192.168.88.10"}},
		{name: "another host without SIP", file: "factory7.rsc", lines: []string{rtpTo10}},
		{name: "media that the filter drops", file: "bare7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", rtpTo10, "/ip firewall filter add chain=forward action=drop in-interface=ether1 connection-state=new protocol=udp dst-port=10000-20000"}, want: "w media-forward.filtered", fixed: true},
		{name: "media that the filter drops after it accepts it", file: "bare7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", rtpTo10, "/ip firewall filter add chain=forward action=accept connection-nat-state=dstnat", "/ip firewall filter add chain=forward action=drop in-interface=ether1 connection-state=new"}},
		{name: "bad networks that the filter drops", file: "bare7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", rtpTo10, "/ip firewall filter add chain=forward action=drop src-address=240.0.0.0/4"}},
		{name: "SIP at another host than the PBX", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26"}, pbx: "192.168.88.20", want: "w media-forward.sip-elsewhere"},
		{name: "media at another host than the PBX, and no SIP", file: "factory7.rsc", lines: []string{rtpTo10}, pbx: "192.168.88.20"},
		{name: "SIP at the PBX", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26"}, pbx: "192.168.88.10"},
	} {
		t.Run(a.name, a.run)
	}
}

// The rule that forwards and the one that drops are both shown.
func TestMediaThatIsForwardedAndDropped(t *testing.T) {
	r := told(t, exported(t, "bare7.rsc", helperOff, sipTo10+" src-address=198.51.100.0/26", rtpTo10, "/ip firewall filter add chain=forward action=drop in-interface=ether1 connection-state=new protocol=udp dst-port=10000-20000"), "")
	if ids(r) != "w media-forward.filtered" || len(r.Findings[0].Evidence) != 2 || !strings.Contains(string(r.Findings[0].Evidence[1].Got), "action=drop") {
		t.Errorf("%s: %+v", ids(r), r.Findings)
	}
}

func TestNATBetweenNetworksBehindTheRouter(t *testing.T) {
	everywhere := "/ip firewall nat set [find action=masquerade] !out-interface !out-interface-list"
	apart := first + "action=drop in-interface=bridge out-interface=voice"
	sip := sipTo10 + " src-address=198.51.100.0/26"
	wg := []string{"/interface wireguard add name=wg1", "/ip address add address=10.8.0.1/24 interface=wg1"}
	for _, a := range []audit{
		{name: "one network", file: "factory7.rsc", lines: []string{everywhere}},
		{name: "two networks, only what leaves is translated", file: "factory7.rsc", lines: second(), pbx: "192.168.20.10"},
		{name: "two networks", file: "factory7.rsc", lines: append(second(), everywhere), want: "i masquerade-inside", fixed: true},
		{name: "the PBX in the second", file: "factory7.rsc", lines: append(second(), everywhere), pbx: "192.168.20.10", want: "w masquerade-inside", fixed: true},
		{name: "the PBX in the second, version 6", file: "factory6.rsc", lines: append(second(), everywhere), pbx: "192.168.20.10", want: "w masquerade-inside", fixed: true},
		{name: "by an address of the LAN", file: "factory7.rsc", lines: append(second(), everywhere, "/ip firewall nat set [find action=masquerade] src-address=192.168.88.0/24"), pbx: "192.168.20.10", want: "w masquerade-inside", fixed: true},
		{name: "one host", file: "factory7.rsc", lines: append(second(), "/ip firewall nat add chain=srcnat action=masquerade src-address=192.168.88.50"), pbx: "192.168.20.10"},
		{name: "exempt before", file: "factory7.rsc", lines: append(second(), everywhere, "/ip firewall nat add chain=srcnat place-before=0 action=accept dst-address=192.168.0.0/16"), pbx: "192.168.20.10"},
		{name: "they do not talk to each other", file: "factory7.rsc", lines: append(second(), everywhere, apart, strings.Replace(apart, "in-interface=bridge out-interface=voice", "in-interface=voice out-interface=bridge", 1))},
		{name: "it depends on the time", file: "factory7.rsc", lines: append(second(), "/ip firewall nat add chain=srcnat action=masquerade time=8h-18h,mon"), pbx: "192.168.20.10"},
		{name: "to the modem", file: "bare7.rsc", lines: []string{"/interface pppoe-client add name=pppoe-out1 interface=ether5 add-default-route=yes disabled=no", "/ip address add address=192.168.100.2/24 interface=ether5",
			"/ip firewall nat set [find] !out-interface", "/ip route remove [find]"}},
		{name: "to a network that the rule names", file: "factory7.rsc", lines: append(second(), "/ip firewall nat add chain=srcnat action=masquerade out-interface=voice")},
		{name: "to the PBX's network, which the rule names", file: "factory7.rsc", lines: append(second(), "/ip firewall nat add chain=srcnat action=masquerade out-interface=voice"), pbx: "192.168.20.10", want: "w masquerade-inside", fixed: true},
		{name: "into a VPN", file: "factory7.rsc", lines: append(wg, everywhere), want: "i masquerade-inside", fixed: true},
		{name: "into a VPN, not translated", file: "factory7.rsc", lines: wg},

		{name: "what is forwarded", file: "factory7.rsc", lines: []string{sip, everywhere}, want: "w masquerade-inside.outside", fixed: true},
		{name: "what is forwarded for everybody", file: "factory7.rsc", lines: []string{sipTo10, rtpTo10, everywhere}, want: "w sip-open; w masquerade-inside.outside", fixed: true, unfixed: "sip-open"},
		{name: "what is forwarded, for a hairpin of the LAN", file: "factory7.rsc", lines: []string{sip, "/ip firewall nat add chain=srcnat action=masquerade src-address=192.168.88.0/24 dst-address=192.168.88.0/24"}},
		{name: "what is forwarded, for a hairpin of everybody", file: "factory7.rsc", lines: []string{sip, "/ip firewall nat add chain=srcnat action=masquerade out-interface=bridge"}, want: "w masquerade-inside.outside", fixed: true},
		{name: "what is forwarded, at a static address", file: "bare7.rsc", lines: []string{strings.ReplaceAll(sip, "88.10", "1.10"), everywhere}, want: "w masquerade-inside.outside", fixed: true},
	} {
		t.Run(a.name, a.run)
	}
}

// Phones whose packets NAT has to translate, and does not.
func TestPhonesWithoutNAT(t *testing.T) {
	example := profile(t, provider)
	const (
		notrack = "/ip firewall raw add chain=prerouting action=notrack "
		exempt  = "/ip firewall nat add chain=srcnat place-before=0 action=accept "
		pppoe   = "/interface pppoe-client add name=pppoe-out1 interface=ether1 add-default-route=yes disabled=no"
		noRoute = "/ip route remove [find]"
	)
	vpn := []string{"/interface wireguard add name=wg1", "/ip address add address=10.9.0.2/24 interface=wg1"}
	for _, a := range []audit{
		{name: "SIP is not tracked", file: "bare7.rsc", lines: []string{notrack + "protocol=udp dst-port=5060"}, want: "c untracked", fixed: true},
		{name: "SIP of one phone is not tracked", file: "bare7.rsc", lines: []string{notrack + "protocol=udp dst-port=5060 src-address=192.168.1.50"}},
		{name: "the answers are not tracked", file: "bare7.rsc", lines: []string{notrack + "protocol=udp src-port=5060 in-interface=ether1"}, want: "c untracked", fixed: true},
		{name: "nothing is tracked", file: "bare7.rsc", lines: []string{notrack}, want: "c untracked", fixed: true},
		{name: "DNS is not tracked", file: "bare7.rsc", lines: []string{notrack + "protocol=udp dst-port=53"}},
		{name: "SIP to the provider is not tracked", file: "bare7.rsc", profile: example, lines: []string{notrack + "dst-address=198.51.100.0/24"}, want: "c untracked", fixed: true},
		{name: "SIP to somebody else is not tracked", file: "bare7.rsc", profile: example, lines: []string{notrack + "dst-address=203.0.113.128/25"}},
		{name: "not tracked, but disabled", file: "bare7.rsc", lines: []string{notrack + "protocol=udp disabled=yes"}},
		{name: "not tracked, and accepted before", file: "bare7.rsc", lines: []string{"/ip firewall raw add chain=prerouting action=accept", notrack + "protocol=udp"}},
		{name: "not tracked where there is no NAT", file: "bare7.rsc", lines: []string{notrack + "protocol=udp", "/ip firewall nat remove [find]", "/ip address set [find interface=ether1] address=10.0.0.2/30"}},
		{name: "tracking is off", file: "bare7.rsc", lines: []string{"/ip firewall connection tracking set enabled=no"}, want: "c untracked.off", fixed: true},
		{name: "tracking is off, and so is NAT", file: "bare7.rsc", lines: []string{"/ip firewall connection tracking set enabled=no", "/ip firewall nat remove [find]", "/ip address set [find interface=ether1] address=10.0.0.2/30"}},

		{name: "NAT for TCP alone", file: "bare7.rsc", lines: []string{"/ip firewall nat set [find] protocol=tcp"}, want: "c untranslated"},
		{name: "all UDP exempt", file: "bare7.rsc", lines: []string{exempt + "protocol=udp"}, want: "c untranslated"},
		{name: "SIP exempt", file: "bare7.rsc", lines: []string{exempt + "protocol=udp dst-port=5060"}, want: "c untranslated"},
		{name: "the provider exempt", file: "bare7.rsc", profile: example, lines: []string{exempt + "dst-address=198.51.100.0/24"}, want: "c untranslated"},
		{name: "the provider exempt for IPsec", file: "bare7.rsc", profile: example, lines: []string{exempt + "dst-address=198.51.100.0/24", "/ip ipsec peer add name=p address=203.0.113.77"}},
		{name: "the provider exempt, and reached by a VPN", file: "bare7.rsc", profile: example, lines: append(vpn, exempt+"dst-address=198.51.100.0/24", "/ip route add dst-address=198.51.100.0/24 gateway=10.9.0.1")},
		{name: "another network exempt", file: "bare7.rsc", lines: []string{exempt + "dst-address=10.0.0.0/8"}},
		{name: "one phone exempt", file: "bare7.rsc", lines: []string{exempt + "src-address=192.168.1.50"}},
		{name: "exempt at some times", file: "bare7.rsc", lines: []string{exempt + "protocol=udp time=8h-18h,mon"}},

		{name: "masquerade of the port below PPPoE", file: "bare7.rsc", lines: []string{pppoe, noRoute}, want: "w untranslated.uplink"},
		{name: "masquerade of PPPoE", file: "bare7.rsc", lines: []string{pppoe, noRoute, "/ip firewall nat set [find] out-interface=pppoe-out1"}},
		{name: "PPPoE of a router without NAT", file: "bare7.rsc", lines: []string{pppoe, noRoute, "/ip firewall nat remove [find]"}},
		{name: "no NAT at a public address", file: "bare7.rsc", lines: []string{"/ip firewall nat remove [find]"}, want: "w untranslated.uplink"},
		{name: "no NAT at an address of another router", file: "bare7.rsc", lines: []string{"/ip firewall nat remove [find]", "/ip address set [find interface=ether1] address=10.0.0.2/30"}},
		{name: "public addresses inside need no NAT", file: "bare7.rsc", lines: []string{"/ip firewall nat remove [find]", "/ip address set [find interface=lan] address=198.51.100.129/25"}},
	} {
		t.Run(a.name, a.run)
	}
}

// A forward without the uplink or the router's address in it takes packets of the office too.
func TestForwardsThatTakePhones(t *testing.T) {
	example := profile(t, provider)
	const forward = "/ip firewall nat add chain=dstnat action=dst-nat protocol=udp dst-port=5060 to-addresses=192.168.1.10 "
	for _, a := range []audit{
		{name: "SIP of everybody", file: "bare7.rsc", lines: []string{forward}, want: "c diverted; w sip-open; w media-forward", fixed: true, unfixed: "sip-open"},
		{name: "SIP of everybody to the router", file: "bare7.rsc", lines: []string{"/ip firewall nat add chain=dstnat action=redirect protocol=udp dst-port=5060"}, want: "c diverted", fixed: true},
		{name: "media of everybody", file: "bare7.rsc", lines: []string{strings.Replace(forward, "5060", "10000-65535", 1)}, want: "c diverted", fixed: true},
		{name: "SIP to the provider", file: "bare7.rsc", profile: example, lines: []string{forward + "dst-address=198.51.100.0/24"}, want: "c diverted", fixed: true},
		{name: "SIP to the router", file: "bare7.rsc", profile: example, lines: []string{forward + "dst-address-type=local src-address=198.51.100.0/26"}},
		{name: "SIP to the router's address", file: "bare7.rsc", profile: example, lines: []string{forward + "dst-address=203.0.113.2 src-address=198.51.100.0/26"}},
		{name: "SIP from outside", file: "bare7.rsc", profile: example, lines: []string{forward + "in-interface=ether1 src-address=198.51.100.0/26"}},
		{name: "SIP of one phone", file: "bare7.rsc", lines: []string{forward + "src-address=192.168.1.50"}},
		{name: "SIP of everybody, disabled", file: "bare7.rsc", lines: []string{forward + "disabled=yes"}},
		{name: "DNS of everybody", file: "bare7.rsc", lines: []string{"/ip firewall nat add chain=dstnat action=redirect protocol=udp dst-port=53"}},
	} {
		t.Run(a.name, a.run)
	}
}

// What stops packets whatever the rules of the IP firewall say.
func TestWhatTheRulesDoNotTell(t *testing.T) {
	example := profile(t, provider)
	for _, a := range []audit{
		{name: "nothing is forwarded", file: "bare7.rsc", lines: []string{"/ip settings set ip-forward=no"}, want: "c forwarding-off", fixed: true},
		{name: "the provider is refused", file: "bare7.rsc", profile: example, lines: []string{"/ip route add dst-address=198.51.100.0/24 blackhole"}, want: "c provider-refused"},
		{name: "somebody else is refused", file: "bare7.rsc", profile: example, lines: []string{"/ip route add dst-address=203.0.113.128/25 blackhole"}},
		{name: "a part of the provider's addresses is refused", file: "bare7.rsc", profile: example, lines: []string{"/ip route add dst-address=198.51.100.9/32 blackhole"}},
		{name: "refused, but for the provider", file: "bare7.rsc", profile: example, lines: []string{"/ip route add dst-address=198.51.100.0/24 blackhole", "/ip route add dst-address=198.51.100.0/26 gateway=203.0.113.1"}},
		{name: "refused, but disabled", file: "bare7.rsc", profile: example, lines: []string{"/ip route add dst-address=198.51.100.0/24 blackhole disabled=yes"}},
		{name: "refused in another table", file: "bare7.rsc", profile: example, lines: []string{"/routing table add name=vpn fib", "/ip route add dst-address=198.51.100.0/24 blackhole routing-table=vpn"}},
	} {
		t.Run(a.name, a.run)
	}
	r := told(t, strings.Replace(exported(t, "bare7.rsc", helperOff, "/ip route add dst-address=198.51.100.0/24 type=prohibit"), "RouterOS 7.19", "RouterOS 6.49.10", 1), example)
	if got := ids(r); got != "c provider-refused" {
		t.Errorf("in version 6: %s", got)
	}
	const (
		hotspot = "/ip hotspot add interface=bridge name=hs disabled=no"
		filter  = "/interface bridge filter add action=drop mac-protocol=ip chain="
	)
	for name, tt := range map[string]struct {
		lines  []string
		status checks.Status
		note   bool
	}{
		"a hotspot where the phones are":        {[]string{hotspot}, checks.Inconclusive, true},
		"a hotspot that is off":                 {[]string{strings.Replace(hotspot, "disabled=no", "disabled=yes", 1)}, checks.Pass, false},
		"a hotspot, and phones are let past":    {[]string{hotspot, "/ip hotspot ip-binding add mac-address=02:00:00:00:00:09 type=bypassed"}, checks.Pass, true},
		"a hotspot for guests":                  {append(second(), strings.Replace(hotspot, "bridge", "voice", 1)), checks.Pass, true},
		"the bridge drops UDP":                  {[]string{filter + "input ip-protocol=udp"}, checks.Inconclusive, false},
		"the bridge drops SIP":                  {[]string{filter + "input ip-protocol=udp dst-port=5060"}, checks.Inconclusive, false},
		"the bridge drops DHCP":                 {[]string{filter + "input ip-protocol=udp dst-port=67"}, checks.Pass, false},
		"the bridge drops ICMP":                 {[]string{filter + "input ip-protocol=icmp"}, checks.Pass, false},
		"the bridge keeps its ports apart":      {[]string{filter + "forward"}, checks.Pass, false},
		"the bridge drops, and the rule is off": {[]string{filter + "input disabled=yes"}, checks.Pass, false},
	} {
		r := told(t, exported(t, "factory7.rsc", append([]string{helperOff}, tt.lines...)...), "")
		if got := strings.Contains(strings.Join(r.Notes, " "), "hotspot"); got != tt.note || r.Status != tt.status || ids(r) != "" {
			t.Errorf("%s: %s %s, %q", name, r.Status, r.Reason, r.Notes)
		}
	}
}

func TestTwoUplinks(t *testing.T) {
	const masquerade2 = "/ip firewall nat add chain=srcnat action=masquerade out-interface=ether5"
	static := []string{"/ip address add address=198.51.100.130/30 interface=ether5", masquerade2}
	backup := append(slices.Clone(static), "/ip route set [find gateway=203.0.113.1] check-gateway=ping", "/ip route add gateway=198.51.100.129 distance=2")
	with := func(list []string, more ...string) []string { return append(slices.Clone(list), more...) }
	six := func(a audit) func(*testing.T) {
		return func(t *testing.T) {
			text := strings.Replace(exported(t, a.file, append([]string{helperOff}, a.lines...)...), "RouterOS 7.19", "RouterOS 6.49.10", 1)
			a.runText(t, text)
		}
	}
	for _, a := range []audit{
		{name: "one", file: "bare7.rsc"},
		{name: "a backup", file: "bare7.rsc", lines: backup, want: "i two-uplinks", fixed: true},
		{name: "a backup with a fixed source", file: "bare7.rsc", lines: with(backup, "/ip firewall nat set [find out-interface=ether5] action=src-nat to-addresses=198.51.100.130"), want: "w two-uplinks", fixed: true},
		{name: "a backup by DHCP", file: "factory7.rsc", lines: []string{"/ip dhcp-client add interface=ether5 default-route-distance=2", "/interface list member add interface=ether5 list=WAN"}, want: "i two-uplinks"},
		{name: "a backup that translates nothing", file: "bare7.rsc", lines: with(backup, "/ip firewall nat remove [find out-interface=ether5]"), want: "w untranslated.uplink"},
		{name: "a backup that is disabled", file: "bare7.rsc", lines: with(backup, "/ip route set [find distance=2] disabled=yes")},
		{name: "a backup and a script", file: "bare7.rsc", lines: with(backup, `/tool netwatch add host=203.0.113.1 down-script="/ip firewall connection remove [find]"`)},
		{name: "a backup and a script for something else", file: "bare7.rsc", lines: with(backup, `/tool netwatch add host=203.0.113.1 down-script="/log info down"`), want: "i two-uplinks"},
		{name: "a second default route by the same uplink", file: "bare7.rsc", lines: []string{"/ip route add gateway=203.0.113.1 distance=5"}},
		{name: "a backup in another table", file: "bare7.rsc", lines: with(static, "/routing table add name=second fib", "/ip route add gateway=198.51.100.129 routing-table=second")},
		{name: "both at once", file: "bare7.rsc", lines: with(static, "/ip route add gateway=198.51.100.129"), want: "i two-uplinks.spread"},
		{name: "both at once, in one route", file: "bare7.rsc", lines: with(static, "/ip route set [find gateway=203.0.113.1] gateway=203.0.113.1,198.51.100.129"), want: "i two-uplinks.spread"},
		{name: "both at once, chosen by marks", file: "bare7.rsc", lines: with(static, "/ip route add gateway=198.51.100.129", "/ip firewall mangle add chain=prerouting action=mark-routing new-routing-mark=main per-connection-classifier=both-addresses:2/0")},
	} {
		t.Run(a.name, a.run)
	}
	for _, a := range []audit{
		{name: "a backup, version 6", file: "bare7.rsc", lines: backup, want: "w two-uplinks", fixed: true},
		{name: "both at once, version 6", file: "bare7.rsc", lines: with(static, "/ip route add gateway=198.51.100.129"), want: "w two-uplinks.spread"},
	} {
		t.Run(a.name, six(a))
	}
}

// Load is balanced by rules that mark connections or packets. A phone should keep its
// uplink.
func TestLoadBalancing(t *testing.T) {
	example := profile(t, provider)
	const mangle = "/ip firewall mangle add chain=prerouting "
	base := []string{
		"/ip address add address=198.51.100.130/30 interface=ether5", "/ip firewall nat add chain=srcnat action=masquerade out-interface=ether5",
		"/routing table add name=to1 fib", "/routing table add name=to2 fib",
		"/ip route add gateway=203.0.113.1 routing-table=to1", "/ip route add gateway=198.51.100.129 routing-table=to2", "/ip route add gateway=198.51.100.129",
	}
	ways := []string{mangle + "action=mark-routing connection-mark=c1 in-interface=lan new-routing-mark=to1 passthrough=no", mangle + "action=mark-routing connection-mark=c2 in-interface=lan new-routing-mark=to2 passthrough=no"}
	with := func(more ...string) []string { return slices.Concat(base, more) }
	mark := func(name, match string) string {
		return mangle + "action=mark-connection in-interface=lan dst-address-type=!local passthrough=yes new-connection-mark=" + name + " " + match
	}
	pcc := func(by string) []string {
		return with(append([]string{mark("c1", "connection-mark=no-mark per-connection-classifier="+by+":2/0"), mark("c2", "connection-mark=no-mark per-connection-classifier="+by+":2/1")}, ways...)...)
	}
	own := func(list []string, lines ...string) []string {
		return slices.Concat(list[:len(base)], lines, list[len(base):])
	}
	for _, a := range []audit{
		{name: "by phone", file: "bare7.rsc", lines: pcc("src-address")},
		{name: "by addresses", file: "bare7.rsc", lines: pcc("both-addresses"), want: "i split.destinations", fixed: true},
		{name: "by destination", file: "bare7.rsc", lines: pcc("dst-address"), want: "i split.destinations", fixed: true},
		{name: "by addresses and ports", file: "bare7.rsc", lines: pcc("both-addresses-and-ports"), want: "w split.ports", fixed: true},
		{name: "by port", file: "bare7.rsc", lines: pcc("src-port"), want: "w split.ports", fixed: true},
		{name: "without marks of connections", file: "bare7.rsc", lines: with(mangle+"action=mark-routing new-routing-mark=to1 in-interface=lan per-connection-classifier=src-address-and-port:2/0", mangle+"action=mark-routing new-routing-mark=to2 in-interface=lan per-connection-classifier=src-address-and-port:2/1"), want: "w split.ports", fixed: true},
		{name: "a part, the rest as usual", file: "bare7.rsc", lines: with(mangle + "action=mark-routing new-routing-mark=to2 in-interface=lan per-connection-classifier=both-ports:3/0"), want: "w split.ports", fixed: true},
		{name: "all parts by one uplink", file: "bare7.rsc", lines: with(mangle+"action=mark-routing new-routing-mark=to2 in-interface=lan per-connection-classifier=both-ports:2/0", mangle+"action=mark-routing new-routing-mark=to2 in-interface=lan per-connection-classifier=both-ports:2/1")},
		{name: "web pages alone", file: "bare7.rsc", lines: with(append([]string{mark("c1", "protocol=tcp per-connection-classifier=both-ports:2/0"), mark("c2", "protocol=tcp per-connection-classifier=both-ports:2/1")}, ways...)...)},
		{name: "SIP alone, not media", file: "bare7.rsc", lines: with(append([]string{mark("c1", "protocol=udp dst-port=5060 per-connection-classifier=both-ports:2/0"), mark("c2", "protocol=udp dst-port=5060 per-connection-classifier=both-ports:2/1")}, ways...)...)},
		{name: "the provider is exempt", file: "bare7.rsc", profile: example, lines: own(pcc("both-ports"), mangle+"action=accept dst-address=198.51.100.0/25")},
		{name: "somebody else is exempt", file: "bare7.rsc", profile: example, lines: own(pcc("both-ports"), mangle+"action=accept dst-address=203.0.113.128/25"), want: "w split.ports", fixed: true},
		{name: "disabled", file: "bare7.rsc", lines: append(pcc("both-ports"), "/ip firewall mangle disable [find]"), want: "i two-uplinks.spread"},
		{name: "each connection by turns", file: "bare7.rsc", lines: with(append([]string{mark("c1", "connection-state=new nth=2,1"), mark("c2", "connection-state=new nth=2,2")}, ways...)...), want: "w split.ports"},
		{name: "each packet by turns", file: "bare7.rsc", lines: with(append([]string{mark("c1", "nth=2,1"), mark("c2", "nth=2,2")}, ways...)...), want: "c split.packets"},
		{name: "each packet by chance", file: "bare7.rsc", lines: with(mangle + "action=mark-routing new-routing-mark=to2 in-interface=lan random=50"), want: "c split.packets"},
		{name: "by ports, of who comes from outside", file: "bare7.rsc", lines: with(append([]string{mangle + "action=mark-connection in-interface=ether1 new-connection-mark=c1 per-connection-classifier=both-ports:2/0", mangle + "action=mark-connection in-interface=ether1 new-connection-mark=c2 per-connection-classifier=both-ports:2/1"}, ways...)...)},
	} {
		t.Run(a.name, a.run)
	}
}

func TestBans(t *testing.T) {
	example := profile(t, provider)
	const (
		raw   = "/ip firewall raw add chain=prerouting "
		fill  = first + "action=add-src-to-address-list address-list=scanners address-list-timeout=1d protocol=udp dst-port=5060"
		drop  = first + "action=drop src-address-list=scanners"
		entry = "/ip firewall address-list add list=scanners address="
	)
	for _, a := range []audit{
		{name: "phones, by every SIP packet", file: "factory7.rsc", lines: []string{fill, drop}, want: "c bans", fixed: true},
		{name: "phones of two networks", file: "factory7.rsc", lines: append(second(), fill, drop), want: "c bans", fixed: true},
		{name: "phones and the provider", file: "factory7.rsc", profile: example, lines: append(second(), fill, drop), want: "c bans", fixed: true},
		{name: "phones, but nothing stops the list", file: "factory7.rsc", lines: []string{fill}},
		{name: "phones, but the rule that stops is disabled", file: "factory7.rsc", lines: []string{fill, drop + " disabled=yes"}},
		{name: "phones, but the rule that stops is for the outside", file: "factory7.rsc", lines: []string{fill, drop + " in-interface=ether1"}},
		{name: "who comes from outside", file: "factory7.rsc", lines: []string{fill + " in-interface=ether1", drop}},
		{name: "who sends too much, perhaps", file: "factory7.rsc", lines: []string{fill + " dst-limit=10,20,src-address", drop}},
		{name: "one host", file: "factory7.rsc", lines: []string{fill + " src-address=192.168.88.50", drop}},
		{name: "in raw", file: "factory7.rsc", lines: []string{raw + "action=add-src-to-address-list address-list=scanners protocol=udp dst-port=5060", raw + "action=drop src-address-list=scanners"}, want: "c bans", fixed: true},
		{name: "by a rule with an interface", file: "factory7.rsc", lines: []string{fill + " in-interface=bridge", drop}, want: "c bans", fixed: true},

		{name: "the provider's answers in raw", file: "factory7.rsc", profile: example, lines: []string{raw + "action=add-src-to-address-list address-list=scanners protocol=udp src-port=5060 in-interface=ether1", raw + "action=drop src-address-list=scanners in-interface=ether1"}, want: "c bans.provider", fixed: true},
		{name: "the provider's answers, as they have a phone's port", file: "factory7.rsc", profile: example, lines: []string{fill + " in-interface=ether1", drop}, want: "c bans.provider", fixed: true},
		{name: "a trap at one port of media", file: "factory7.rsc", profile: example, lines: []string{strings.Replace(fill, "dst-port=5060", "dst-port=25000", 1), drop}},
		{name: "everything that is media", file: "factory7.rsc", profile: example, lines: []string{strings.Replace(fill, "dst-port=5060", "dst-port=20000-30000", 1), drop}, want: "c bans", fixed: true},
		{name: "TCP, which phones may not use", file: "factory7.rsc", lines: []string{strings.Replace(fill, "protocol=udp", "protocol=tcp", 1), drop}},
		{name: "the provider's calls to the PBX", file: "factory7.rsc", profile: example, lines: []string{sipTo10 + " src-address=198.51.100.0/24", fill + " in-interface=ether1 connection-state=new", drop + " connection-state=new"}, want: "c bans.provider", fixed: true},
		{name: "the provider's calls to the PBX, exempt", file: "factory7.rsc", profile: example, lines: []string{sipTo10 + " src-address=198.51.100.0/24", fill + " in-interface=ether1 connection-state=new", drop + " connection-state=new",
			first + "action=accept src-address=198.51.100.0/26"}},

		{name: "a phone that is listed", file: "factory7.rsc", lines: []string{fill + " in-interface=ether1", drop, entry + "192.168.88.50"}, want: "w bans.phone-listed", fixed: true},
		{name: "a phone that is listed, but disabled", file: "factory7.rsc", lines: []string{fill + " in-interface=ether1", drop, entry + "192.168.88.50 disabled=yes"}},
		{name: "a phone that its owner keeps from the Internet", file: "factory7.rsc", lines: []string{drop, entry + "192.168.88.50"}},
		{name: "somebody outside who is listed", file: "factory7.rsc", lines: []string{fill + " in-interface=ether1 connection-state=new", drop, entry + "203.0.113.99"}, profile: example},
		{name: "one address of the provider that is listed", file: "factory7.rsc", lines: []string{fill + " in-interface=ether1 connection-state=new", drop, entry + "198.51.100.7"}, profile: example, want: "c bans.provider-listed", fixed: true},
	} {
		t.Run(a.name, a.run)
	}
}

func TestRulesThatNeverMatch(t *testing.T) {
	const (
		add    = "/ip firewall filter add chain=forward "
		accept = add + "action=accept protocol=udp dst-port=5060 in-interface=ether1 connection-state=new"
		drop   = add + "action=drop in-interface-list=WAN connection-state=new"
	)
	example := profile(t, provider)
	voice := "/interface list add name=voice"
	pppoe := []string{"/interface pppoe-client add name=pppoe-out1 interface=ether1 add-default-route=yes disabled=no", "/ip route remove [find]", "/ip address remove [find interface=ether1]", "/ip firewall nat set [find] out-interface=pppoe-out1"}
	for _, a := range []audit{
		{name: "an accept after a drop", file: "factory7.rsc", lines: []string{drop, accept}, want: "w never-matches", fixed: true},
		{name: "an accept after a drop of everything", file: "factory7.rsc", lines: []string{add + "action=drop in-interface=ether1", accept}, want: "w never-matches", fixed: true},
		{name: "the last of several", file: "factory7.rsc", lines: []string{drop, accept, add + "action=accept protocol=icmp"}, want: "w never-matches", fixed: true},
		{name: "an accept before a drop", file: "factory7.rsc", lines: []string{accept, drop}},
		{name: "a drop of something else", file: "factory7.rsc", lines: []string{strings.Replace(drop, "connection-state", "protocol=tcp connection-state", 1), accept}},
		{name: "a drop that is disabled", file: "factory7.rsc", lines: []string{drop + " disabled=yes", accept}},
		{name: "a drop up to a limit", file: "factory7.rsc", lines: []string{drop + " limit=10,5:packet", accept + " limit=10,5:packet"}},
		{name: "a drop of less", file: "factory7.rsc", lines: []string{strings.Replace(accept, "accept", "drop", 1) + " src-address=203.0.113.0/24", accept}},
		{name: "a drop of more", file: "factory7.rsc", lines: []string{strings.Replace(accept, "accept", "drop", 1) + " src-address=203.0.113.0/24", accept + " src-address=203.0.113.7"}, want: "w never-matches", fixed: true},
		{name: "an accept after an accept", file: "factory7.rsc", lines: []string{strings.Replace(drop, "drop", "accept", 1), accept}},
		{name: "a rule for something else", file: "factory7.rsc", lines: []string{drop, strings.Replace(accept, "5060", "51820", 1)}},
		{name: "a rule for the provider", file: "factory7.rsc", profile: example, lines: []string{drop, add + "action=accept in-interface=ether1 connection-state=new src-address=198.51.100.7"}, want: "w never-matches", fixed: true},
		{name: "a rule for somebody else", file: "factory7.rsc", profile: example, lines: []string{drop, add + "action=accept in-interface=ether1 connection-state=new src-address=203.0.113.7"}},

		{name: "two forwards", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", strings.Replace(sipTo10, "88.10", "88.11", 1) + " src-address=198.51.100.7"}, want: "w never-matches"},
		{name: "two forwards to one host", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", sipTo10 + " src-address=198.51.100.7"}},
		{name: "two forwards for two", file: "factory7.rsc", lines: []string{sipTo10 + " src-address=198.51.100.0/26", strings.Replace(sipTo10, "88.10", "88.11", 1) + " src-address=203.0.113.7"}},

		{name: "a forward by the port below PPPoE", file: "bare7.rsc", lines: append(slices.Clone(pppoe), sipTo10+" src-address=198.51.100.0/26"), want: "w never-matches.pppoe", fixed: true},
		{name: "an accept by the port below PPPoE", file: "bare7.rsc", lines: append(slices.Clone(pppoe), accept), want: "w never-matches.pppoe", fixed: true},
		{name: "a forward by PPPoE", file: "bare7.rsc", lines: append(slices.Clone(pppoe), strings.Replace(sipTo10, "ether1", "pppoe-out1", 1)+" src-address=198.51.100.0/26")},
		{name: "a forward by all but the port below PPPoE", file: "bare7.rsc", lines: append(slices.Clone(pppoe), strings.Replace(sipTo10, "=ether1", "=!ether1", 1)+" dst-address-type=local src-address=198.51.100.0/26")},
		{name: "a forward by a port that has an address as well", file: "bare7.rsc", lines: append(slices.Clone(pppoe), sipTo10+" src-address=198.51.100.0/26", "/ip dhcp-client add interface=ether1 add-default-route=no")},

		{name: "an interface list without members", file: "factory7.rsc", lines: []string{voice, add + "action=accept protocol=udp dst-port=5060 in-interface-list=voice"}, want: "w never-matches.empty-list"},
		{name: "not in an interface list without members", file: "factory7.rsc", lines: []string{voice, add + "action=accept protocol=udp dst-port=5060 in-interface-list=!voice"}},
		{name: "an interface list with a member", file: "factory7.rsc", lines: []string{voice, "/interface list member add list=voice interface=ether5", add + "action=accept protocol=udp dst-port=5060 in-interface-list=voice"}},
		{name: "an interface list that PPP fills", file: "factory7.rsc", lines: []string{voice, "/ppp profile add name=p interface-list=voice", add + "action=accept protocol=udp dst-port=5060 in-interface-list=voice"}},
		{name: "an address list without rows", file: "factory7.rsc", lines: []string{add + "action=accept protocol=udp dst-port=5060 src-address-list=provider"}, want: "w never-matches.empty-list"},
		{name: "an address list that DHCP fills", file: "factory7.rsc", lines: []string{"/ip dhcp-server set [find] address-lists=provider", add + "action=accept protocol=udp dst-port=5060 src-address-list=provider"}},
		{name: "an address list that a script fills", file: "factory7.rsc", lines: []string{`/system script add name=s source="/ip firewall address-list add list=provider address=198.51.100.7 timeout=1d"`, add + "action=accept protocol=udp dst-port=5060 src-address-list=provider"}},
		{name: "an address list that a script does not fill", file: "factory7.rsc", lines: []string{`/system script add name=s source="/ip firewall address-list add list=games address=198.51.100.7"`, add + "action=accept protocol=udp dst-port=5060 src-address-list=provider"}, want: "w never-matches.empty-list"},
		{name: "an address list that a rule fills", file: "factory7.rsc", lines: []string{add + "action=add-src-to-address-list address-list=provider protocol=tcp dst-port=7000", add + "action=accept protocol=udp dst-port=5060 src-address-list=provider"}},
	} {
		t.Run(a.name, a.run)
	}
}

func TestPortsThatNATChanges(t *testing.T) {
	const masquerade = "/ip firewall nat set [find action=masquerade] "
	for _, a := range []audit{
		{name: "random ports", file: "factory7.rsc", lines: []string{masquerade + "randomise-ports=yes"}, want: "w port-changed", fixed: true},
		{name: "no random ports", file: "factory7.rsc", lines: []string{masquerade + "randomise-ports=no"}},
		{name: "a range of ports", file: "bare7.rsc", lines: []string{masquerade + "protocol=udp to-ports=40000-50000"}, want: "w port-changed", fixed: true},
		{name: "all ports of users", file: "bare7.rsc", lines: []string{masquerade + "protocol=udp to-ports=1024-65535"}},
		{name: "for one host", file: "factory7.rsc", lines: []string{"/ip firewall nat add chain=srcnat place-before=0 action=masquerade src-address=192.168.88.50 protocol=udp to-ports=40000-50000"}},
		{name: "for one server", file: "factory7.rsc", lines: []string{"/ip firewall nat add chain=srcnat place-before=0 action=masquerade dst-address=203.0.113.9 protocol=udp to-ports=40000-50000"}},
		{name: "for TCP", file: "factory7.rsc", lines: []string{"/ip firewall nat add chain=srcnat place-before=0 action=masquerade protocol=tcp to-ports=40000-50000 out-interface=ether1"}},
		{name: "after a mapping that does not depend on the destination", file: "factory7.rsc", lines: []string{masquerade + "randomise-ports=yes", "/ip firewall nat add chain=srcnat place-before=0 action=endpoint-independent-nat protocol=udp out-interface=ether1"}},
	} {
		t.Run(a.name, a.run)
	}
}

func TestTheQualityOfCalls(t *testing.T) {
	const (
		mangle     = "/ip firewall mangle add chain=prerouting "
		connection = mangle + "action=mark-connection new-connection-mark=voip protocol=udp dst-port=5060"
		media      = mangle + "action=mark-packet new-packet-mark=voice protocol=udp dst-port=10000-20000"
		packets    = mangle + "action=mark-packet new-packet-mark=voice connection-mark=voip"
		tree       = "/queue tree add name=voice parent=global packet-mark=voice priority=1"
		simple     = "/queue simple add name=all target=192.168.88.0/24 max-limit="
		off        = "/ip firewall filter set [find action=fasttrack-connection] disabled=yes"
		dscp       = "/ip firewall mangle add chain=forward action=change-dscp new-dscp=0"
	)
	for _, a := range []audit{
		{name: "a queue for voice", file: "factory7.rsc", lines: []string{connection, packets, tree}, want: "w fasttrack", fixed: true},
		{name: "a queue for voice by DSCP", file: "factory7.rsc", lines: []string{mangle + "action=mark-packet new-packet-mark=voice dscp=46", tree}, want: "w fasttrack"},
		{name: "a simple queue for voice", file: "factory6.rsc", lines: []string{connection, packets, "/queue simple add name=voice target=bridge packet-marks=voice"}, want: "w fasttrack", fixed: true},
		{name: "a queue for something else", file: "factory7.rsc", lines: []string{strings.Replace(connection, "5060", "51820", 1), packets, tree}},
		{name: "a queue that is disabled", file: "factory7.rsc", lines: []string{connection, packets, tree + " disabled=yes"}},
		{name: "a queue for voice without fasttrack", file: "factory7.rsc", lines: []string{connection, packets, tree, off}},
		{name: "fasttrack without fast path", file: "factory7.rsc", lines: []string{connection, packets, tree, "/ip settings set allow-fast-path=no"}},
		{name: "fasttrack without marked connections", file: "factory7.rsc", lines: []string{connection, packets, tree, "/ip firewall filter set [find action=fasttrack-connection] connection-mark=no-mark"}},

		{name: "too slow for a call", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.0/24 max-limit=64k/64k"}, want: "w queue-starves"},
		{name: "too slow in one direction", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=lan max-limit=64k/0"}, want: "w queue-starves"},
		{name: "just enough for a call", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.0/24 max-limit=88k/88k"}},
		{name: "not quite", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.0/24 max-limit=87k/87k"}, want: "w queue-starves"},
		{name: "no limit", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.0/24"}},
		{name: "slow for one host", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.50 max-limit=64k/64k"}},
		{name: "slow, with a burst", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.0/24 max-limit=64k/64k burst-limit=1M/1M"}},
		{name: "slow for what is marked", file: "bare7.rsc", lines: []string{"/queue simple add name=all target=192.168.1.0/24 max-limit=64k/64k packet-marks=p2p"}},
		{name: "slow after a fast one", file: "bare7.rsc", lines: []string{"/queue simple add name=voice target=192.168.1.0/24 max-limit=10M/10M", "/queue simple add name=all target=192.168.1.0/24 max-limit=64k/64k"}},
		{name: "slow, but fasttrack passes it by", file: "factory7.rsc", lines: []string{simple + "64k/64k"}},
		{name: "slow, and no fasttrack", file: "factory7.rsc", lines: []string{simple + "64k/64k", off}, want: "w queue-starves"},

		{name: "a tree for marked media, too slow for a call", file: "bare7.rsc", lines: []string{media, tree + " max-limit=64k"}, want: "w queue-starves.marked"},
		{name: "a tree for marked media, not quite", file: "bare7.rsc", lines: []string{media, tree + " max-limit=87k"}, want: "w queue-starves.marked"},
		{name: "a tree for marked media, just enough", file: "bare7.rsc", lines: []string{media, tree + " max-limit=88k"}},
		{name: "a tree for marked media without a limit", file: "bare7.rsc", lines: []string{media, tree + " limit-at=64k"}},
		{name: "a tree for marked media below a slow one", file: "bare7.rsc", lines: []string{media, "/queue tree add name=all parent=global max-limit=64k", strings.Replace(tree, "parent=global", "parent=all", 1) + " max-limit=1M"}, want: "w queue-starves.marked"},
		{name: "a tree for marked media below a fast one", file: "bare7.rsc", lines: []string{media, "/queue tree add name=all parent=global max-limit=10M", strings.Replace(tree, "parent=global", "parent=all", 1) + " max-limit=1M"}},
		{name: "a tree for connections of media", file: "bare7.rsc", lines: []string{strings.Replace(connection, "5060", "10000-20000", 1), packets, tree + " max-limit=64k"}, want: "w queue-starves.marked"},
		{name: "a tree for media by DSCP", file: "bare7.rsc", lines: []string{mangle + "action=mark-packet new-packet-mark=voice dscp=46", tree + " max-limit=64k"}, want: "w queue-starves.marked"},
		{name: "a slow tree for SIP alone", file: "bare7.rsc", lines: []string{connection, packets, tree + " max-limit=64k"}},
		{name: "a slow tree for something else", file: "bare7.rsc", lines: []string{strings.Replace(media, "protocol=udp", "protocol=tcp", 1), tree + " max-limit=64k"}},
		{name: "a slow tree, with a burst", file: "bare7.rsc", lines: []string{media, tree + " max-limit=64k burst-limit=1M burst-threshold=50k burst-time=8s"}},
		{name: "a slow tree that is disabled", file: "bare7.rsc", lines: []string{media, tree + " max-limit=64k disabled=yes"}},
		{name: "trees that are each other's parents", file: "bare7.rsc", lines: []string{media, "/queue tree add name=a parent=global", "/queue tree add name=b parent=a", "/queue tree set a parent=b", tree + " max-limit=10M"}},
		{name: "a slow simple queue for marked media", file: "bare7.rsc", lines: []string{media, "/queue simple add name=voice target=192.168.1.0/24 packet-marks=voice max-limit=64k/64k"}, want: "w queue-starves.marked"},
		{name: "a slow tree, but fasttrack passes it by", file: "factory7.rsc", lines: []string{media, tree + " max-limit=64k"}, want: "w fasttrack"},

		{name: "DSCP cleared", file: "bare7.rsc", lines: []string{dscp}, want: "i dscp-cleared", fixed: true},
		{name: "DSCP set to something", file: "bare7.rsc", lines: []string{strings.Replace(dscp, "dscp=0", "dscp=46", 1)}},
		{name: "DSCP cleared for web pages", file: "bare7.rsc", lines: []string{dscp + " protocol=tcp"}},
		{name: "DSCP cleared from outside", file: "bare7.rsc", lines: []string{dscp + " in-interface=ether1"}},
		{name: "DSCP cleared, but fasttrack passes it by", file: "factory7.rsc", lines: []string{dscp}},
	} {
		t.Run(a.name, a.run)
	}
}

// Phones beside the PBX need hairpin NAT for its public address: a forward for them as
// well, and a source of the router's.
func TestHairpinNAT(t *testing.T) {
	const (
		all  = "/ip firewall nat add chain=dstnat action=dst-nat protocol=udp dst-port=5060 dst-address=203.0.113.2 to-addresses=192.168.1.10"
		back = "/ip firewall nat add chain=srcnat action=masquerade src-address=192.168.1.0/24 dst-address=192.168.1.0/24"
	)
	for name, tt := range map[string]struct {
		lines []string
		want  bool
	}{
		"a forward from outside alone":  {[]string{strings.Replace(sipTo10, "88.10", "1.10", 1)}, true},
		"a forward for everybody":       {[]string{all}, true},
		"and a source of the router's":  {[]string{all, back}, false},
		"nothing is forwarded":          {nil, false},
		"a PBX in a second network":     {append(second(), strings.Replace(all, "1.10", "20.10", 1)), true},
		"the source alone":              {[]string{strings.Replace(sipTo10, "88.10", "1.10", 1), back}, true},
		"a forward that may be for all": {[]string{all + " time=8h-18h,mon", back}, false},
	} {
		lines := append([]string{helperOff}, tt.lines...)
		for i, l := range lines {
			lines[i] = strings.Replace(l, "interface=bridge", "interface=lan", 1)
		}
		r := told(t, exported(t, "bare7.rsc", lines...), "")
		if got := strings.Contains(strings.Join(r.Notes, " "), "hairpin"); got != tt.want {
			t.Errorf("%s: %q", name, r.Notes)
		}
	}
}

func TestTheProviderOverIPv6(t *testing.T) {
	six := profile(t, strings.Replace(provider, "ports:", "  - {cidr: \"2001:db8:5::/48\", use: any}\nports:", 1))
	four := profile(t, provider)
	const first6 = "/ipv6 firewall filter add chain=forward place-before=0 "
	on := func(lines ...string) []string {
		return append([]string{"/ipv6 address add address=2001:db8:1::1/64 interface=bridge", "/ipv6 route add dst-address=::/0 gateway=fe80::1%ether1",
			first6 + "action=accept connection-state=established,related"}, lines...)
	}
	sip := first6 + "action=drop protocol=udp dst-port=5060"
	for _, a := range []audit{
		{name: "as shipped", file: "factory7.rsc", profile: six, lines: on()},
		{name: "SIP dropped", file: "factory7.rsc", profile: six, lines: on(sip), want: "w ipv6-blocked", fixed: true},
		{name: "all UDP dropped, answers too", file: "factory7.rsc", profile: six, lines: on(first6 + "action=drop protocol=udp"), want: "w ipv6-blocked", fixed: true},
		{name: "SIP dropped to somebody else", file: "factory7.rsc", profile: six, lines: on(sip + " dst-address=2001:db8:6::/48")},
		{name: "SIP dropped after it is accepted", file: "factory7.rsc", profile: six, lines: on(sip, first6+"action=accept dst-address=2001:db8:5::/48")},
		{name: "a provider without IPv6", file: "factory7.rsc", profile: four, lines: on(sip)},
		{name: "nobody knows the provider", file: "factory7.rsc", lines: on(sip)},
		{name: "no addresses", file: "factory7.rsc", profile: six, lines: on(sip)[1:]},
		{name: "addresses of the site alone", file: "factory7.rsc", profile: six, lines: append([]string{"/ipv6 address add address=fd00::1/64 interface=bridge"}, on(sip)[1:]...)},
		{name: "addresses of a pool", file: "factory7.rsc", profile: six, lines: append([]string{"/ipv6 address add address=::1 from-pool=isp interface=bridge"}, on(sip)[1:]...), want: "w ipv6-blocked", fixed: true},
		{name: "no way out", file: "factory7.rsc", profile: six, lines: append(on()[:1], sip, first6+"action=accept connection-state=established")},
		{name: "IPv6 switched off", file: "factory7.rsc", profile: six, lines: on(sip, "/ipv6 settings set disable-ipv6=yes")},
		{name: "no IPv6 Internet at all", file: "factory7.rsc", profile: six, lines: on(first6 + "action=drop in-interface=bridge")},
	} {
		t.Run(a.name, a.run)
	}
}

// A list that rules fill from outside cannot hold phones: what becomes of them is known
// all the same.
func TestListsThatCannotHoldPhones(t *testing.T) {
	const (
		fill = "/ip firewall filter add chain=input action=add-src-to-address-list address-list=bad connection-state=new protocol=tcp dst-port=22 limit=1,5:packet place-before=0 "
		drop = first + "action=drop src-address-list=bad connection-state=new"
	)
	example := profile(t, provider)
	for name, tt := range map[string]struct {
		lines  []string
		status checks.Status
		want   string
	}{
		"from outside":                     {[]string{fill + "in-interface=ether1", drop}, checks.Pass, ""},
		"from outside, by a list":          {[]string{fill + "in-interface-list=WAN", drop}, checks.Pass, ""},
		"not from the LAN":                 {[]string{fill + "in-interface-list=!LAN", drop}, checks.Pass, ""},
		"from another network":             {[]string{fill + "src-address=203.0.113.0/24", drop}, checks.Pass, ""},
		"in two steps":                     {[]string{fill + "src-address-list=stage", strings.Replace(fill, "=bad", "=stage", 1) + "in-interface=ether1", drop}, checks.Pass, ""},
		"from anywhere":                    {[]string{fill, drop}, checks.Inconclusive, ""},
		"from the LAN":                     {[]string{fill + "in-interface=bridge", drop}, checks.Inconclusive, ""},
		"from any port":                    {[]string{fill + "in-interface=all-ethernet", drop}, checks.Inconclusive, ""},
		"of destinations":                  {[]string{strings.Replace(fill, "add-src", "add-dst", 1) + "in-interface=ether1", drop}, checks.Inconclusive, ""},
		"in two steps that go in a circle": {[]string{fill + "src-address-list=bad", drop}, checks.Inconclusive, ""},
		"from outside, and what is sent there is stopped": {[]string{fill + "in-interface=ether1", strings.Replace(drop, "src-", "dst-", 1)}, checks.Inconclusive, ""},
		"from outside, and SIP is dropped after it":       {[]string{"/ip firewall filter add chain=forward action=drop protocol=udp dst-port=5060 place-before=0", fill + "in-interface=ether1", drop}, checks.Fail, "c provider-blocked"},
	} {
		r := told(t, exported(t, "factory7.rsc", append([]string{helperOff}, tt.lines...)...), example)
		if got := ids(r); got != tt.want || r.Status != tt.status {
			t.Errorf("%s: %s %q, want %s\n%s", name, r.Status, got, tt.status, r.Reason)
		}
		for _, f := range r.Findings {
			if len(f.Fixes) == 0 {
				t.Errorf("%s: no fix", name)
			}
		}
	}
}
