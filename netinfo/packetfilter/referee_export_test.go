//go:build linux

package packetfilter_test

import (
	"fmt"
	"strings"
)

// export is the export of a router with two networks and an uplink, and rules made by
// chance.
func (d *dice) export() string {
	var b strings.Builder
	b.WriteString("# 2026-01-01 00:00:00 by RouterOS 7.15\n/interface bridge\nadd name=bridge\n/interface vlan\nadd interface=bridge name=\"voice lan\" vlan-id=20\n" +
		"/interface list\nadd name=WAN\nadd name=LAN\nadd include=LAN name=inner\n/interface list member\nadd interface=ether1 list=WAN\nadd interface=bridge list=LAN\n" +
		"/ip address\nadd address=192.168.88.1/24 interface=bridge\nadd address=10.20.0.1/24 interface=\"voice lan\"\nadd address=203.0.113.2/29 interface=ether1\n" +
		"/ip route\nadd dst-address=0.0.0.0/0 gateway=203.0.113.1\n/ip firewall address-list\nadd address=198.51.100.0/24 list=provider\nadd address=192.168.88.20-192.168.88.30 list=phones\n" +
		"add address=10.20.0.20 list=phones\nadd address=8.8.8.8 list=banned\n")
	for _, menu := range []string{"raw", "mangle", "nat", "filter"} {
		fmt.Fprintf(&b, "/ip firewall %s\n", menu)
		for range 1 + d.IntN(9) {
			chains := map[string][]string{"raw": {"prerouting"}, "mangle": {"prerouting", "forward", "input", "postrouting"}, "nat": {"dstnat", "dstnat", "srcnat"}, "filter": {"input", "forward", "forward"}}[menu]
			chain := pick(d, chains...)
			if d.chance(20) {
				chain = "own"
			}
			fmt.Fprintf(&b, "add %s chain=%s%s\n", d.routerOSDeed(menu, chain), chain, "")
		}
	}
	b.WriteString("/ipv6 address\nadd address=2001:db8:88::1/64 interface=bridge\nadd address=2001:db8:203::2/64 interface=ether1\n" +
		"/ipv6 route\nadd dst-address=::/0 gateway=2001:db8:203::1\n/ipv6 firewall address-list\nadd address=2001:db8:77::/48 list=provider\nadd address=2001:db8:88::14 list=phones\n/ipv6 firewall filter\n")
	for range d.IntN(7) {
		chain := pick(d, "input", "forward", "forward", "own")
		deed := pick(d, "action=accept", "action=drop", "action=drop", "action=log", "action=reject reject-with=icmp-port-unreachable")
		if chain != "own" && d.chance(20) {
			deed = "action=jump jump-target=own"
		}
		protocol := pick(d, "", "udp", "tcp", "icmpv6")
		fmt.Fprintf(&b, "add %s chain=%s%s\n", deed, chain, d.routerOSMatches6(chain, protocol))
	}
	return b.String()
}

func (d *dice) routerOSMatches6(chain, protocol string) (out string) {
	if protocol != "" {
		out = " protocol=" + protocol
	}
	not := func() string { return pick(d, "", "", "!") }
	if (protocol == "udp" || protocol == "tcp") && d.chance(60) {
		out += " " + pick(d, "dst-port=", "port=") + not() + pick(d, "5060", "5060-5061,10000-20000")
	}
	if protocol == "icmpv6" && d.chance(40) {
		out += " icmp-options=128:0-255"
	}
	for range d.IntN(2) {
		out += " " + pick(d, "src-address="+not()+"2001:db8:88::/64", "dst-address="+not()+"2001:db8:77::/48", "src-address-list="+not()+"phones", "dst-address-list="+not()+"provider",
			"in-interface-list="+not()+"WAN", "in-interface="+not()+"bridge", "connection-state="+not()+"new", "connection-state=established,related,untracked")
	}
	return out
}

// routerOSDeed is the action of a rule with the conditions that fit it.
func (d *dice) routerOSDeed(menu, chain string) string {
	deeds := []string{"action=accept", "action=log", "action=passthrough"}
	switch {
	case chain == "own":
		deeds = append(deeds, "action=return")
	default:
		deeds = append(deeds, "action=jump jump-target=own")
	}
	protocol := pick(d, "", "udp", "udp", "tcp", "icmp")
	switch menu {
	case "raw":
		deeds = append(deeds, "action=notrack", "action=drop")
	case "mangle":
		deeds = append(deeds, "action=mark-packet new-packet-mark=one", "action=mark-packet new-packet-mark=two passthrough=no", "action=mark-connection new-connection-mark=voice", "action=change-dscp new-dscp=46")
	case "filter":
		deeds = append(deeds, "action=drop", "action=drop", "action=reject reject-with=icmp-admin-prohibited", "action=tarpit")
		if protocol == "tcp" {
			deeds = append(deeds, "action=reject reject-with=tcp-reset")
		}
	}
	if menu == "nat" {
		protocol = pick(d, "udp", "tcp")
		switch chain {
		case "dstnat":
			deeds = append(deeds, "action=dst-nat to-addresses=192.168.88.20", "action=dst-nat to-addresses=10.20.0.20 to-ports=5080", "action=redirect to-ports=5070",
				"action=dst-nat to-ports=10000-10010 to-addresses=192.168.88.33", "action=netmap to-addresses=10.20.0.0/24")
		case "srcnat":
			deeds = append(deeds, "action=masquerade", "action=src-nat to-addresses=203.0.113.2", "action=masquerade to-ports=30000-40000")
		}
	}
	return pick(d, deeds...) + d.routerOSMatches(menu, chain, protocol)
}

func (d *dice) routerOSMatches(menu, chain, protocol string) (out string) {
	if protocol != "" {
		out = " protocol=" + protocol
	}
	add := func(format string, args ...any) { out += " " + fmt.Sprintf(format, args...) }
	not := func() string { return pick(d, "", "", "!") }
	if (protocol == "udp" || protocol == "tcp") && d.chance(60) {
		add("%s=%s%s", pick(d, "dst-port", "port", "src-port"), not(), pick(d, "5060", "5060-5061,10000-20000", "4569"))
	}
	for _, kind := range d.Perm(15)[:d.IntN(3)] {
		switch kind {
		case 0:
			add("src-address=%s%s", not(), pick(d, "192.168.88.0/24", "10.20.0.20", "192.168.88.20-192.168.88.40", "198.51.100.0/25"))
		case 1:
			add("dst-address=%s%s", not(), pick(d, "203.0.113.2", "198.51.100.0/24", "192.168.88.0/24", "10.20.0.33"))
		case 3:
			add("src-address-list=%s%s", not(), pick(d, "phones", "provider", "banned"))
		case 4:
			add("dst-address-list=%s%s", not(), pick(d, "phones", "provider"))
		case 5:
			if chain != "srcnat" && chain != "postrouting" {
				add("in-interface=%s%s", not(), pick(d, "bridge", "ether1", `"voice lan"`))
			}
		case 6:
			if chain != "srcnat" && chain != "postrouting" {
				add("in-interface-list=%s%s", not(), pick(d, "WAN", "LAN", "inner"))
			}
		case 7:
			if chain == "forward" || chain == "srcnat" || chain == "postrouting" {
				add("%s", pick(d, "out-interface-list="+not()+"WAN", "out-interface="+not()+"bridge"))
			}
		case 8:
			if menu != "raw" {
				add("connection-state=%s%s", not(), pick(d, "new", "established,related", "invalid", "untracked", "established,related,untracked"))
			}
		case 9:
			if menu == "filter" || chain == "forward" || chain == "postrouting" {
				add("connection-nat-state=%sdstnat", not())
			}
		case 10:
			add("dst-address-type=%s", pick(d, "local", "!local", "unicast"))
		case 11:
			if menu != "raw" && menu != "nat" {
				add("packet-mark=%s", pick(d, "one", "two", "no-mark", "!one"))
			}
		case 12:
			if protocol == "tcp" {
				add("tcp-flags=%s", pick(d, "syn", "syn,!ack", "fin"))
			}
			if protocol == "icmp" {
				add("icmp-options=%s", pick(d, "8:0-255", "0:0"))
			}
		case 13:
			if menu == "filter" {
				add("%s", pick(d, "limit=10,5:packet", "dst-limit=1/1m,5,src-and-dst-addresses/10s", "connection-limit=3,24", "random=30", "nth=3,2"))
			}
		case 14:
			if menu == "filter" { // after a translation that may happen, where a packet goes is not said
				add("packet-size=%s", pick(d, "0-100", "!0-100", "1000"))
			}
		}
	}
	return out
}
