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
