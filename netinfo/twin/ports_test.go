package twin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// office is the export of a router with a LAN and a masquerade, and more lines.
func office(lines string) string {
	return `# by RouterOS 7.15
/ip address
add address=192.168.88.1/24 interface=bridge
/ip firewall nat
add action=masquerade chain=srcnat out-interface=ether1
` + lines
}

func portOf(t *testing.T, tw *Twin, name string) lab.Port {
	t.Helper()
	for _, p := range tw.Site.Ports {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("%s is not built: %+v", name, tw.Site.Ports)
	return lab.Port{}
}

// The default route leads to an address of its own family, which the uplink has at its
// other end.
func TestTheProviderAtTheOtherEnd(t *testing.T) {
	for name, tt := range map[string]struct{ lines, far string }{
		"an address with its peer":        {"/ip address add address=203.0.113.5/32 interface=ether1 network=203.0.113.1\n/ip dhcp-client add interface=ether1\n", "203.0.113.1"},
		"an address with nothing else":    {"/ip address add address=203.0.113.5/32 interface=ether1\n/ip route add gateway=ether1\n", "192.0.2.2"},
		"DHCP, and an address of IPv6":    {"/ipv6 address add address=2001:db8:203::2/64 interface=ether1\n/ip dhcp-client add interface=ether1\n", "203.0.113.10"},
		"an interface is the gateway":     {"/ipv6 address add address=2001:db8:203::2/64 interface=ether1\n/ip address add address=203.0.113.2/30 interface=ether1\n/ip route add gateway=ether1\n", "203.0.113.1"},
		"PPPoE in a VLAN":                 {"/interface vlan add interface=ether1 name=isp vlan-id=7\n/interface pppoe-client add add-default-route=yes disabled=no interface=isp name=pppoe-out1\n", "203.0.113.10"},
		"L2TP over a provider's network":  {"/interface l2tp-client add add-default-route=yes disabled=no connect-to=vpn.example name=l2tp-out1\n", "203.0.113.10"},
		"a port that has its first name":  {"/interface lte set [ find default-name=lte1 ] name=lte1\n/ip route add gateway=lte1\n", "203.0.113.10"},
		"behind an address that it names": {"/ip address add address=10.9.9.2/32 interface=ether1 network=10.9.9.1\n/ip route add gateway=10.9.9.1\n", "10.9.9.1"},
	} {
		tw := twinOf(t, office(tt.lines), Options{})
		i := slices.IndexFunc(tw.Site.Routes, func(r lab.SiteRoute) bool { return r.Dst.Bits() == 0 && r.Dst.Addr().Is4() })
		if i < 0 || tw.Site.Routes[i].Via.String() != tt.far || !tw.Uplink {
			t.Errorf("%s: %+v, uplink %v, where %s was to be expected", name, tw.Site.Routes, tw.Uplink, tt.far)
		}
	}
}

func TestTheMTUOfAnUplink(t *testing.T) {
	for lines, want := range map[string]int{
		"/interface pppoe-client add add-default-route=yes disabled=no interface=ether1 name=up\n":              1492,
		"/interface pppoe-client add add-default-route=yes disabled=no interface=ether1 max-mtu=1440 name=up\n": 1440,
		"/interface pppoe-client add add-default-route=yes disabled=no interface=ether1 max-mtu=20 name=up\n":   1492,
		"/interface vlan add interface=ether1 mtu=1400 name=up vlan-id=7\n/ip dhcp-client add interface=up\n":   1400,
		"/ip dhcp-client add interface=up\n": 0,
	} {
		if got := portOf(t, twinOf(t, office(lines), Options{}), "up").MTU; got != want {
			t.Errorf("%s: MTU %d, want %d", lines, got, want)
		}
	}
}

// What is switched off is not built, and what is behind it is not reached.
func TestInterfacesThatAreSwitchedOff(t *testing.T) {
	tw := twinOf(t, office("/interface ethernet set [ find default-name=ether3 ] disabled=yes\n/ip address add address=192.168.3.1/24 interface=ether3\n/ip dhcp-client\nadd interface=ether3\nadd interface=ether1\n"), Options{})
	for _, p := range tw.Site.Ports {
		if p.Name == "ether3" {
			t.Errorf("built as if it were up: %+v", p)
		}
	}
}

// However many networks there are, those of the provider and of the phone are built.
func TestARouterWithManyNetworks(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("/ip address\n")
	for i := range 100 {
		fmt.Fprintf(&lines, "add address=10.0.%d.1/24 interface=vlan%d\n", i, i)
	}
	lines.WriteString("/ip dhcp-client add interface=ether1\n")
	tw := twinOf(t, office(lines.String()), Options{Phone: netip.MustParseAddr("10.0.97.50")})
	if portOf(t, tw, "ether1").Uplink == false || tw.Phone != "vlan97" || len(tw.Site.Ports) != maxPorts || len(tw.Left) != 102-maxPorts {
		t.Errorf("%d ports and %d left out, the phone behind %q", len(tw.Site.Ports), len(tw.Left), tw.Phone)
	}
}

// Stand-ins of the Internet are what no rule and no network of the router names: the lists
// of what must not come from the Internet name documentation networks.
func TestStandInsThatNoRuleNames(t *testing.T) {
	bogons := "/ip firewall address-list\nadd list=bogons address=203.0.113.0/24\nadd list=bogons address=198.51.100.0/24\nadd list=bogons address=192.0.2.0-192.0.2.255\nadd list=bogons address=198.18.0.0/15\n"
	for name, tt := range map[string]struct{ lines, uplink, responder string }{
		"nothing named":                 {"", "203.0.113.1", "198.51.100.2"},
		"the usual bogons":              {bogons, "192.31.196.1", "192.52.193.2"},
		"everything, in one rule":       {"/ip firewall filter add chain=forward action=accept dst-address=0.0.0.0/0\n", "203.0.113.1", "198.51.100.2"},
		"a rule for one of its hosts":   {"/ip firewall filter add chain=forward action=drop src-address=!198.51.100.77\n", "203.0.113.1", "192.0.2.2"},
		"a rule that is switched off":   {"/ip firewall filter add chain=forward action=drop disabled=yes src-address=198.51.100.77\n", "203.0.113.1", "198.51.100.2"},
		"a route to it":                 {"/ip route add dst-address=198.51.100.0/25 gateway=192.168.88.7\n", "203.0.113.1", "192.0.2.2"},
		"a network of the router in it": {"/ip address add address=198.51.100.2/30 interface=ether2\n", "203.0.113.1", "192.0.2.2"},
	} {
		tw := twinOf(t, office("/ip dhcp-client add interface=ether1\n"+tt.lines), Options{})
		if up, server := portOf(t, tw, "ether1").Addrs[0].Addr().String(), tw.Site.Servers.Responder.String(); up != tt.uplink || server != tt.responder {
			t.Errorf("%s: the uplink has %s, the responder %s", name, up, server)
		}
	}
}

// The responder stands where the provider is, at two addresses that the router treats the
// same.
func TestWhereTheProviderIs(t *testing.T) {
	for name, tt := range map[string]struct {
		networks    []string
		rules       string
		one, second string
	}{
		"a network":                         {[]string{"198.51.100.0/24"}, "", "198.51.100.1", "198.51.100.2"},
		"a single address":                  {[]string{"198.51.100.9/32"}, "", "198.51.100.9", "198.51.100.10"},
		"two single addresses":              {[]string{"198.51.100.9/32", "198.51.100.77/32"}, "", "198.51.100.9", "198.51.100.77"},
		"one that a rule lets in":           {[]string{"198.51.100.9/32"}, "add chain=input action=accept src-address=198.51.100.9\n", "198.51.100.9", "invalid IP"},
		"one in a network that a rule has":  {[]string{"198.51.100.9/32"}, "add chain=input action=accept src-address=198.51.100.8/30\n", "198.51.100.9", "198.51.100.10"},
		"the last of such a network":        {[]string{"198.51.100.11/32"}, "add chain=input action=accept src-address=198.51.100.8/30\n", "198.51.100.11", "198.51.100.10"},
		"half of it in a rule":              {[]string{"198.51.100.9/32", "198.51.100.77/32"}, "add chain=input action=accept src-address=198.51.100.0/28\n", "198.51.100.9", "198.51.100.10"},
		"the network of the uplink":         {[]string{"203.0.113.0/29"}, "", "203.0.113.3", "203.0.113.4"},
		"a network that the router has":     {[]string{"192.168.88.0/24"}, "", "198.51.100.2", "198.51.100.3"},
		"IPv6 and nothing else":             {[]string{"2001:db8::/32"}, "", "198.51.100.2", "198.51.100.3"},
		"nobody knows":                      {nil, "", "198.51.100.2", "198.51.100.3"},
		"one that an odd stand-in is like":  {[]string{"198.51.100.255/32"}, "add chain=input action=drop src-address=198.51.101.0\n", "198.51.100.255", "198.51.100.254"},
		"where no network follows or comes": {[]string{"8.8.8.8/32"}, "add chain=input action=drop src-address=8.8.8.9\nadd chain=input action=drop src-address=8.8.8.7\n", "8.8.8.8", "198.51.100.3"},
	} {
		tw := twinOf(t, office("/ip address add address=203.0.113.2/29 interface=ether1\n/ip route add gateway=203.0.113.1\n/ip firewall filter\n"+tt.rules), Options{})
		var networks []netip.Prefix
		for _, n := range tt.networks {
			networks = append(networks, netip.MustParsePrefix(n))
		}
		s := tw.Servers(networks)
		if diff := cmp.Diff([]string{tt.one, tt.second}, []string{s.Responder.String(), s.Responder2.String()}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Answers find their way back to public addresses behind the router, which nobody
// translates.
func TestNetworksWithPublicAddresses(t *testing.T) {
	tw := twinOf(t, `# by RouterOS 7.15
/ip address
add address=192.0.2.1/24 interface=bridge
add address=10.0.0.1/24 interface=guests
add address=203.0.113.2/29 interface=ether1
add address=203.0.113.3/29 interface=ether2
/ip route
add gateway=203.0.113.1
/ipv6 address
add address=2001:db8:88::1/64 interface=bridge
add address=2001:db8:203::2/64 interface=ether1
/ipv6 route
add dst-address=::/0 gateway=2001:db8:203::1
`, Options{})
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:88::/64")}
	if diff := cmp.Diff(want, portOf(t, tw, "ether1").Behind, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// Rules about one host are about a server: a phone is like the others.
func TestThePhoneIsNobodyInParticular(t *testing.T) {
	for lines, want := range map[string]string{
		"": "192.168.88.10",
		"/ip firewall nat add chain=dstnat action=dst-nat protocol=udp dst-port=5060 to-addresses=192.168.88.10\n":              "192.168.88.11",
		"/ip firewall nat add chain=dstnat action=dst-nat disabled=yes protocol=udp dst-port=5060 to-addresses=192.168.88.10\n": "192.168.88.10",
		"/ip firewall address-list\nadd list=blocked address=192.168.88.10\nadd list=blocked address=192.168.88.11\n":           "192.168.88.12",
		"/ip firewall filter add chain=forward action=drop src-address=192.168.88.10-192.168.88.20\n":                           "192.168.88.10",
	} {
		if tw := twinOf(t, office("/ip dhcp-client add interface=ether1\n"+lines), Options{}); tw.Site.Phone.String() != want {
			t.Errorf("%sthe phone is %s, want %s", lines, tw.Site.Phone, want)
		}
	}
	if tw := twinOf(t, strings.ReplaceAll(office("/ip dhcp-client add interface=ether1\n"), "88.1/24", "88.1/30"), Options{}); tw.Site.Phone.String() != "192.168.88.2" {
		t.Errorf("in a network of two: %s", tw.Site.Phone)
	}
}
