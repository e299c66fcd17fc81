package packetfilter_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// shipped is the export of a router as it is shipped, with lines after it.
func shipped(t testing.TB, file string, lines ...string) *routeros.Config {
	t.Helper()
	var b []byte
	if file != "" {
		var err error
		if b, err = os.ReadFile("../routeros/testdata/" + file); err != nil {
			t.Fatal(err)
		}
	}
	c, err := routeros.Read(append(b, strings.Join(append(lines, "/system identity set name=r\n"), "\n")...))
	if err != nil || len(c.Faults) > 0 {
		t.Fatal(err, c.Faults)
	}
	return c
}

func ports(list ...uint32) (s packetfilter.NumSet) {
	for i := 0; i < len(list); i += 2 {
		s = append(s, packetfilter.Span[packetfilter.Num]{Lo: packetfilter.Num(list[i]), Hi: packetfilter.Num(list[i+1])})
	}
	return s
}

// The ways that a router's SIP takes.
func outward() packetfilter.Class {
	return packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookForward, In: "bridge", Out: "ether1", DstPorts: ports(5060, 5061, 10000, 20000),
		Src: []netip.Prefix{netip.MustParsePrefix("192.168.88.20/32")}, Dst: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")},
		Local: []netip.Addr{netip.MustParseAddr("192.168.88.1"), netip.MustParseAddr("203.0.113.2")},
	}
}

func inward() packetfilter.Class {
	c := outward()
	c.In, c.Out = "ether1", ""
	c.Src, c.Dst = c.Dst, []netip.Prefix{netip.MustParsePrefix("203.0.113.2/32")}
	c.Hook = packetfilter.HookInput
	return c
}

func TestWhatAMikroTikLetsThrough(t *testing.T) {
	const filter, nat, lists = "/ip firewall filter", "/ip firewall nat", "/ip firewall address-list"
	tests := []struct {
		name  string
		file  string
		lines []string
		class packetfilter.Class
		want  []string
	}{
		{"phones of the office, as shipped", "factory7.rsc", nil, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
		{"an unasked packet from outside, as shipped", "factory6.rsc", nil, inward(), []string{"drop 5060-5061, 10000-20000 by input 5"}},
		{"no firewall", "bare7.rsc", nil, inward(), []string{"accept 5060-5061, 10000-20000 by nobody"}},
		{"a drop of one port", "", []string{filter, "add chain=forward action=drop protocol=udp dst-port=5060"}, outward(),
			[]string{"drop 5060 by forward 1", "accept 5061, 10000-20000 by forward"}},
		{"a drop of TCP", "", []string{filter, "add chain=forward action=drop protocol=tcp dst-port=5060"}, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
		{"a rule that is switched off", "", []string{filter, "add chain=forward action=drop disabled=yes"}, outward(), []string{"accept 5060-5061, 10000-20000 by nobody"}},
		{"all but one network", "", []string{filter, "add chain=forward action=reject dst-address=!198.51.100.0/26"}, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
		{"an address list", "", []string{lists, "add list=bad address=198.51.100.0-198.51.100.9", filter, "add chain=forward action=drop dst-address-list=bad"}, outward(),
			[]string{"drop 5060-5061, 10000-20000 by forward 1"}},
		{"an entry that is switched off", "", []string{lists, "add list=bad address=198.51.100.7 disabled=yes", filter, "add chain=forward action=drop dst-address-list=bad"}, outward(),
			[]string{"accept 5060-5061, 10000-20000 by forward"}},
		{"a list with a name in it", "", []string{lists, "add list=ok address=sip.provider.example", filter, "add chain=forward action=drop dst-address-list=!ok"}, outward(),
			[]string{"maybe 5060-5061, 10000-20000 by forward 1: which addresses sip.provider.example in address list ok has"}},
		{"a list that nobody filled", "", []string{filter, "add chain=forward action=drop dst-address-list=!ok"}, outward(), []string{"drop 5060-5061, 10000-20000 by forward 1"}},
		{"a list that rules fill", "", []string{filter, "add chain=input action=add-src-to-address-list address-list=scanners protocol=tcp dst-port=23",
			"add chain=forward action=drop dst-address-list=scanners"}, outward(),
			[]string{"maybe 5060-5061, 10000-20000 by forward 1: what rules have put into address list scanners: an export does not tell"}},
		{"an interface list", "", []string{"/interface list add name=WAN", "/interface list member add list=WAN interface=ether1", filter,
			"add chain=forward action=drop in-interface-list=!WAN"}, outward(), []string{"drop 5060-5061, 10000-20000 by forward 1"}},
		{"a list of what comes and goes", "", []string{"/interface list add name=VPN include=dynamic", filter, "add chain=forward action=drop in-interface-list=VPN"}, outward(),
			[]string{"maybe 5060-5061, 10000-20000 by forward 1: in-interface-list=VPN"}},
		{"a list without interfaces", "", []string{"/interface list add name=X", filter, "add chain=forward action=drop in-interface-list=X"}, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
		{"a jump and a return", "", []string{filter, "add chain=forward action=jump jump-target=voip", "add chain=forward action=drop",
			"add chain=voip action=accept protocol=udp dst-port=5060", "add chain=voip action=return"}, outward(), []string{"drop 5061, 10000-20000 by forward 2", "accept 5060 by voip 1"}},
		{"a jump to nowhere", "", []string{filter, "add chain=forward action=jump jump-target=empty"}, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
		{"raw comes first", "", []string{"/ip firewall raw add chain=prerouting action=drop protocol=udp dst-port=10000-15000", filter, "add chain=forward action=accept"}, outward(),
			[]string{"drop 10000-15000 by prerouting 1", "accept 5060-5061, 15001-20000 by forward 1"}},
		{"marked, and dropped for the mark", "", []string{"/ip firewall mangle add chain=prerouting action=mark-packet new-packet-mark=voip protocol=udp dst-port=5060", filter,
			"add chain=forward action=drop packet-mark=voip"}, outward(), []string{"drop 5060 by forward 1", "accept 5061, 10000-20000 by forward"}},
		{"without a mark", "", []string{filter, "add chain=forward action=drop packet-mark=!no-mark"}, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
		{"layer 7", "", []string{filter, "add chain=forward action=drop layer7-protocol=sip"}, outward(), []string{"maybe 5060-5061, 10000-20000 by forward 1: layer7-protocol=sip"}},
		{"a limit", "", []string{filter, "add chain=forward action=accept limit=10,5:packet", "add chain=forward action=drop"}, outward(),
			[]string{"maybe 5060-5061, 10000-20000 by forward 2: limit=10,5:packet"}},
		{"an action of tomorrow", "", []string{filter, "add chain=forward action=blast"}, outward(), []string{"maybe 5060-5061, 10000-20000 by forward 1: action=blast"}},
		{"a property of tomorrow", "", []string{filter, "add chain=forward action=drop aura=blue"}, outward(), []string{"maybe 5060-5061, 10000-20000 by forward 1: aura=blue"}},
		{"only what was forwarded", "factory7.rsc", []string{nat, "add chain=dstnat action=dst-nat protocol=udp dst-port=10000-15000 dst-address-type=local to-addresses=192.168.88.10"}, inward(),
			[]string{"drop 5060-5061, 15001-20000 by input 5", "accept 10000-15000 by dstnat 1"}},
		{"forwarded, and stopped by the filter", "", []string{nat, "add chain=dstnat action=dst-nat protocol=udp dst-port=5060 to-addresses=192.168.88.10", filter,
			"add chain=forward action=drop connection-nat-state=dstnat"}, inward(), []string{"accept 5061, 10000-20000 by dstnat", "drop 5060 by forward 1"}},
		{"forwarded by a router with static addresses", "bare7.rsc", []string{nat, "add chain=dstnat action=dst-nat protocol=udp dst-port=5060 to-addresses=192.168.1.10"}, inward(),
			[]string{"accept 5061, 10000-20000 by dstnat", "accept 5060 by dstnat 1"}},
		{"of no IPsec", "", []string{filter, "add chain=forward action=drop ipsec-policy=out,none"}, outward(), []string{"drop 5060-5061, 10000-20000 by forward 1"}},
		{"of IPsec, where there is none", "", []string{filter, "add chain=forward action=drop ipsec-policy=in,ipsec"}, outward(), []string{"accept 5060-5061, 10000-20000 by forward"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := append([]string{"/ip firewall service-port set sip disabled=yes"}, tt.lines...)
			router := shipped(t, tt.file, lines...)
			rules := packetfilter.New(packetfilter.ReadRouterOS(router))
			tt.class.Host = packetfilter.RouterOSHost(router)
			if diff := cmp.Diff(tt.want, toldAll(rules.Evaluate(tt.class))); diff != "" || len(rules.Faults) > 0 {
				t.Errorf("%v (-want +got)\n%s", rules.Faults, diff)
			}
		})
	}
}

// The helper takes what goes to its ports, whatever the rules say.
func TestWhatTheHelperOfAMikroTikTakes(t *testing.T) {
	for lines, want := range map[string]string{
		"": "5060-5061 sip", "/ip firewall service-port set sip ports=5060": "5060 sip", "/ip firewall service-port set sip disabled=yes": "",
	} {
		got := ""
		for _, o := range packetfilter.New(packetfilter.ReadRouterOS(shipped(t, "factory7.rsc", lines))).Evaluate(outward()).Outcomes {
			if len(o.Helpers) > 0 {
				got += o.Region.DstPort.String() + " " + strings.Join(o.Helpers, ",")
			}
		}
		if got != want {
			t.Errorf("%q: helped %q, want %q", lines, got, want)
		}
	}
}

func TestTheIPv6FilterOfAMikroTik(t *testing.T) {
	c := packetfilter.Class{Protocol: packetfilter.UDP, Hook: packetfilter.HookForward, In: "ether1", Out: "bridge", DstPorts: ports(5060, 5060),
		Src: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::7/128")}, Dst: []netip.Prefix{netip.MustParsePrefix("2001:db8:2::7/128")}}
	rules := packetfilter.New(packetfilter.ReadRouterOS(shipped(t, "factory7.rsc")))
	if diff := cmp.Diff([]string{"drop 5060 by forward 2"}, toldAll(rules.Evaluate(c))); diff != "" {
		t.Error(diff)
	}
	c.In, c.Out = "bridge", "ether1"
	if diff := cmp.Diff([]string{"accept 5060 by forward"}, toldAll(rules.Evaluate(c))); diff != "" {
		t.Error(diff)
	}
}
