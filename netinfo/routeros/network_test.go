package routeros

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMembersOfInterfaceLists(t *testing.T) {
	c := read(t, `# by RouterOS 7.17
/interface list
add name=WAN
add name=LAN
add name=VPN include=dynamic
add name=inside include=LAN exclude=guests
add name=guests
add name=a include=b
add name=b include=a
add name=office
/interface list member
add interface=ether1 list=WAN
add interface=lte1 list=WAN disabled=yes
add interface=bridge list=LAN
add interface=vlan60 list=LAN
add interface=vlan60 list=guests
add interface=ether5 list=office
/ppp profile
add name=p interface-list=office
`)
	type members struct {
		Names []string
		Whole bool
	}
	for list, want := range map[string]members{
		"WAN": {[]string{"ether1"}, true}, "LAN": {[]string{"bridge", "vlan60"}, true}, "inside": {[]string{"bridge"}, true},
		"VPN": {nil, false}, "a": {nil, false}, "office": {[]string{"ether5"}, false}, "none": {nil, true}, "all": {nil, false}, "nowhere": {nil, false},
	} {
		names, whole := c.Members(list)
		if diff := cmp.Diff(want, members{names, whole}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", list, diff)
		}
	}
}

func TestAddresses(t *testing.T) {
	c := read(t, `/ip address
add address=192.168.88.1/24 interface=bridge
add address=203.0.113.2 interface=ether1
add address=192.0.2.1/24 disabled=yes interface=ether2
/ipv6 address
add address=2001:db8::1/64 interface=bridge
`)
	var got []string
	for a := range c.Addresses() {
		got = append(got, a.Prefix.String()+" "+a.Interface)
	}
	if diff := cmp.Diff([]string{"192.168.88.1/24 bridge", "203.0.113.2/32 ether1", "2001:db8::1/64 bridge"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUplinks(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"a static address":      {"/ip address add address=203.0.113.2/30 interface=ether1\n/ip route add gateway=203.0.113.1\n", []string{"ether1"}},
		"DHCP":                  {"/ip dhcp-client add interface=ether1 disabled=no\n", []string{"ether1"}},
		"DHCP without a route":  {"/ip dhcp-client add interface=ether1 disabled=no add-default-route=no\n", nil},
		"PPPoE":                 {"/interface pppoe-client add name=pppoe-out1 interface=ether1 add-default-route=yes disabled=no\n", []string{"pppoe-out1"}},
		"two of them":           {"/ip route\nadd dst-address=0.0.0.0/0 gateway=ether1 distance=1\nadd dst-address=0.0.0.0/0 gateway=ether2 distance=2\n", []string{"ether1", "ether2"}},
		"one that is disabled":  {"/ip route\nadd gateway=ether1\nadd gateway=ether2 disabled=yes\n", []string{"ether1"}},
		"a route to an office":  {"/ip route add dst-address=10.0.0.0/8 gateway=ether3\n", nil},
		"a gateway and its way": {"/ip route add gateway=203.0.113.1%ether5\n", []string{"ether5"}},
		"a recursive route":     {"/ip address add address=203.0.113.2/30 interface=ether1\n/ip route\nadd gateway=198.51.100.1\nadd dst-address=198.51.100.1/32 gateway=203.0.113.1 scope=10\n", []string{"ether1"}},
		"routes in a ring":      {"/ip route\nadd gateway=198.51.100.1\nadd dst-address=198.51.100.1/32 gateway=198.51.100.1\n", nil},
		"a gateway of nowhere":  {"/ip route add gateway=203.0.113.1\n", nil},
	} {
		if diff := cmp.Diff(tt.want, read(t, "# by RouterOS 7.17\n"+tt.text).Uplinks()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"ether1"}, load(t, "factory6.rsc").Uplinks()); diff != "" {
		t.Error(diff)
	}
}

// Of an interface that is switched off, and of what stands on it, nothing is in use.
func TestInterfacesThatAreSwitchedOff(t *testing.T) {
	c := read(t, `# by RouterOS 7.17
/interface ethernet
set [ find default-name=ether3 ] disabled=yes
set [ find default-name=ether4 ] name=backup disabled=yes
/interface vlan
add interface=vlan7 name=vlan8 vlan-id=8
add interface=ether3 name=vlan7 vlan-id=7
/interface pppoe-client
add add-default-route=yes disabled=no interface=backup name=pppoe-out1
/ip dhcp-client
add interface=ether3
/ip address
add address=192.168.88.1/24 interface=ether2
add address=192.168.3.1/24 interface=ether3
add address=192.168.4.1/24 interface=backup
add address=192.168.7.1/24 interface=vlan7
add address=192.168.8.1/24 interface=vlan8
/ip route
add gateway=192.168.3.2
add gateway=vlan7
`)
	var got []string
	for a := range c.Addresses() {
		got = append(got, a.Interface)
	}
	if diff := cmp.Diff([]string{"ether2"}, got); diff != "" {
		t.Error(diff)
	}
	if up := c.Uplinks(); len(up) > 0 {
		t.Errorf("uplinks %q", up)
	}
	for name, want := range map[string]bool{"ether2": false, "ether3": true, "backup": true, "vlan8": true, "pppoe-out1": true, "": false} {
		if c.Down(name) != want {
			t.Errorf("%q is down: %v", name, c.Down(name))
		}
	}
}

// An address that has no network but the other end of its link.
func TestAnAddressWithItsPeer(t *testing.T) {
	c := read(t, "# by RouterOS 7.17\n/ip address add address=203.0.113.5/32 interface=ether1 network=10.9.9.1\n/ip route add gateway=10.9.9.1\n")
	if up := c.Uplinks(); len(up) != 1 || up[0] != "ether1" {
		t.Errorf("uplinks %q", up)
	}
}

func TestTunnels(t *testing.T) {
	c := read(t, "# by RouterOS 7.17\n/interface vlan\nadd interface=ether2 name=v2 vlan-id=2\n/interface wireguard\nadd name=wg1\n/interface pppoe-client\nadd disabled=no interface=ether1 name=pppoe-out1\n")
	for name, want := range map[string]string{"ether1": "", "v2": "", "wg1": "wireguard", "pppoe-out1": "", "nobody": "", "": ""} {
		if got := c.Tunnel(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
