//go:build linux

package packetfilter_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// The layouts that PBX servers have, made by hand after the tools that make
// them: each is loaded, sent some hundred packets, and must be understood
// without a maybe.
func TestTheKernelAgreesAboutPopularLayouts(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	g := newGround(t)
	for _, l := range layouts() {
		d := &dice{Rand: rand.New(rand.NewPCG(1, 7)), hook: "input"}
		shots := d.shots(120, nil)
		for i := range shots {
			if l.name == "Docker with a published PBX" {
				shots[i].out = "eth1"
			}
		}
		bad, err := g.judge(t, l.script, shots)
		if err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
		if len(bad) > 0 {
			t.Errorf("%s:\n%s", l.name, describe(l.script, bad))
		}
	}
}

// nft 1.0.6 joins two comparisons that are listed as two, other versions do not:
// where that matters, a maybe is right.
func TestTheKernelAgreesAboutAPairOfPortsThatNftJoins(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	var shots []shot
	for i, ports := range [][2]uint16{{5060, 5060}, {5060, 40000}, {40000, 5060}, {40000, 40000}} {
		shots = append(shots, shot{hook: "input", in: "eth0", proto: 17, src: netip.MustParseAddr("10.1.2.3"), dst: netip.MustParseAddr("192.0.2.1"), sport: ports[0], dport: ports[1], id: uint32(i + 1)})
	}
	s := script{nft: framed(`table ip t {
chain main { type filter hook input priority 0; policy accept;
udp sport != 5060 udp dport != 5060 drop
}
}`)}
	bad, err := newGround(t).judge(t, s, shots)
	bad = slices.DeleteFunc(bad, func(d disagreement) bool {
		return d.said.Verdict == packetfilter.Maybe && d.shot.id != 1 && d.shot.id != 4
	})
	if err != nil || len(bad) > 0 {
		t.Errorf("%v\n%s", err, describe(s, bad))
	}
}

type layout struct {
	name   string
	script script
}

func framed(text string) []line {
	var out []line
	for l := range strings.Lines(strings.TrimSpace(text)) {
		out = append(out, line{strings.TrimRight(l, "\n"), true})
	}
	return out
}

func layouts() []layout {
	return []layout{
		{"fail2ban with multiport", script{legacy4: framed(`*filter
:INPUT ACCEPT [0:0]
:f2b-asterisk - [0:0]
:f2b-sshd - [0:0]
-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b-asterisk
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A f2b-asterisk -s 10.1.2.3/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-asterisk -s 5.6.7.8/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-asterisk -j RETURN
-A f2b-sshd -s 10.1.2.4/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
COMMIT`)}},
		{"fail2ban for all ports, in both back ends", script{legacy4: framed(`*filter
:INPUT ACCEPT [0:0]
:f2b-recidive - [0:0]
-A INPUT -p tcp -j f2b-recidive
-A f2b-recidive -s 10.1.2.3/32 -j DROP
-A f2b-recidive -j RETURN
COMMIT`), nft4: framed(`*filter
:INPUT ACCEPT [0:0]
:f2b-asterisk - [0:0]
-A INPUT -j f2b-asterisk
-A f2b-asterisk -s 172.16.5.8/32 -j DROP
-A f2b-asterisk -j RETURN
COMMIT`), nft6: framed(`*filter
:INPUT ACCEPT [0:0]
:f2b-asterisk - [0:0]
-A INPUT -j f2b-asterisk
-A f2b-asterisk -s 2001:db8:a::1/128 -j REJECT --reject-with icmp6-port-unreachable
-A f2b-asterisk -j RETURN
COMMIT`)}},
		{"fail2ban with an ipset", script{ipset: framed(`create f2b-asterisk hash:ip timeout 600
create f2b-asterisk6 hash:ip family inet6 timeout 600
add f2b-asterisk 10.1.2.3
add f2b-asterisk 198.18.1.1 timeout 0
add f2b-asterisk6 2001:db8:b::77`), legacy4: framed(`*filter
:INPUT ACCEPT [0:0]
-A INPUT -p udp -m multiport --dports 5060,5061 -m set --match-set f2b-asterisk src -j REJECT --reject-with icmp-port-unreachable
COMMIT`), legacy6: framed(`*filter
:INPUT ACCEPT [0:0]
-A INPUT -p udp -m multiport --dports 5060,5061 -m set --match-set f2b-asterisk6 src -j REJECT --reject-with icmp6-port-unreachable
COMMIT`)}},
		{"fail2ban with nftables", script{nft: framed(`table inet f2b-table {
	set addr-set-asterisk { type ipv4_addr; elements = { 10.1.2.3, 5.6.7.15 } }
	set addr6-set-asterisk { type ipv6_addr; elements = { 2001:db8:a::1 } }
	chain f2b-chain {
		type filter hook input priority filter - 1; policy accept;
		udp dport { 5060, 5061 } ip saddr @addr-set-asterisk reject with icmp port-unreachable
		meta l4proto { tcp, udp } th dport { 5060, 5061 } ip6 saddr @addr6-set-asterisk reject with icmpv6 port-unreachable
	}
}`)}},
		{"FreePBX firewall with marks", script{legacy4: framed(`*filter
:INPUT ACCEPT [0:0]
:fpbxfirewall - [0:0]
:fpbx-rtp - [0:0]
:fpbxblacklist - [0:0]
:fpbxsignalling - [0:0]
:fpbxsmarthosts - [0:0]
:fpbxregistrations - [0:0]
:fpbxknownreg - [0:0]
:fpbxnets - [0:0]
:fpbxinterfaces - [0:0]
:fpbxreject - [0:0]
:zone-external - [0:0]
:zone-internal - [0:0]
:zone-trusted - [0:0]
:fpbxlogdrop - [0:0]
-A INPUT -j fpbxfirewall
-A fpbxfirewall -i lo -j ACCEPT
-A fpbxfirewall -p tcp -m connmark --mark 0x20 -j ACCEPT
-A fpbxfirewall -m state --state RELATED,ESTABLISHED -j ACCEPT
-A fpbxfirewall -p icmp -j ACCEPT
-A fpbxfirewall -d 255.255.255.255/32 -j ACCEPT
-A fpbxfirewall -m pkttype --pkt-type multicast -j ACCEPT
-A fpbxfirewall -p udp -m udp --dport 67:68 --sport 67:68 -j ACCEPT
-A fpbxfirewall -j fpbx-rtp
-A fpbxfirewall -j fpbxblacklist
-A fpbxfirewall -j fpbxsignalling
-A fpbxfirewall -j fpbxsmarthosts
-A fpbxfirewall -j fpbxregistrations
-A fpbxfirewall -j fpbxnets
-A fpbxfirewall -j fpbxinterfaces
-A fpbxfirewall -j fpbxreject
-A fpbxfirewall -m mark --mark 0x2/0x2 -j ACCEPT
-A fpbxfirewall -j fpbxlogdrop
-A fpbx-rtp -p udp -m udp --dport 10000:20000 -j ACCEPT
-A fpbx-rtp -p udp -m udp --dport 4000:4999 -j ACCEPT
-A fpbxblacklist -s 198.18.0.0/15 -j REJECT --reject-with icmp-port-unreachable
-A fpbxsignalling -p udp -m udp --dport 5060 -j MARK --set-xmark 0x1/0xffffffff
-A fpbxsignalling -p tcp -m tcp --dport 5060 -j MARK --set-xmark 0x1/0xffffffff
-A fpbxsignalling -p udp -m udp --dport 5061 -j MARK --set-xmark 0x3/0xffffffff
-A fpbxsmarthosts -s 10.1.2.3/32 -m mark --mark 0x1/0x1 -j ACCEPT
-A fpbxregistrations -s 10.1.2.4/32 -m mark --mark 0x1/0x1 -j fpbxknownreg
-A fpbxknownreg -m mark --mark 0x1/0x1 -j ACCEPT
-A fpbxknownreg -j RETURN
-A fpbxnets -s 172.16.5.8/31 -j zone-trusted
-A fpbxnets -s 10.0.0.0/8 -j zone-internal
-A fpbxinterfaces -i eth0 -j zone-external
-A zone-trusted -j ACCEPT
-A zone-internal -p tcp -m tcp --dport 443 -j ACCEPT
-A zone-internal -p udp -m udp --dport 4569 -j ACCEPT
-A zone-external -p tcp -m tcp --dport 80 -j ACCEPT
-A fpbxreject -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset
-A fpbxlogdrop -j REJECT --reject-with icmp-port-unreachable
COMMIT`)}},
		{"firewalld", script{nft: framed(`table inet firewalld {
	chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept;
		jump mangle_PREROUTING_ZONES
	}
	chain mangle_PREROUTING_ZONES {
		return
	}
	chain filter_INPUT { type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		jump filter_INPUT_ZONES
		reject with icmpx admin-prohibited
	}
	chain filter_INPUT_ZONES {
		ip saddr 10.1.0.0/16 goto filter_IN_trusted
		ip6 saddr 2001:db8:a::/48 goto filter_IN_trusted
		iifname "eth1" goto filter_IN_internal
		goto filter_IN_public
	}
	chain filter_IN_trusted {
		accept
	}
	chain filter_IN_internal {
		jump filter_IN_internal_allow
		meta l4proto { icmp, ipv6-icmp } accept
		reject with icmpx admin-prohibited
	}
	chain filter_IN_internal_allow {
		tcp dport 22 accept
		ip6 daddr fe80::/64 udp dport 546 accept
		udp dport 5060 accept
	}
	chain filter_IN_public {
		jump filter_IN_public_deny
		jump filter_IN_public_allow
		meta l4proto { icmp, ipv6-icmp } accept
		reject with icmpx admin-prohibited
	}
	chain filter_IN_public_deny {
		ip saddr 198.18.0.0/15 udp dport 5060 reject
		ip saddr 5.6.7.8 drop
	}
	chain filter_IN_public_allow {
		udp dport 5060 accept
		tcp dport { 5060, 5061 } accept
		udp dport 10000-20000 accept
	}
}`)}},
		{"ufw", script{legacy4: framed(`*filter
:INPUT DROP [0:0]
:ufw-before-input - [0:0]
:ufw-after-input - [0:0]
:ufw-reject-input - [0:0]
:ufw-not-local - [0:0]
:ufw-user-input - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A INPUT -j ufw-reject-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-user-input -s 10.1.2.3/32 -j DROP
-A ufw-user-input -s 198.18.0.0/15 -p udp -m udp --dport 5060 -j REJECT --reject-with icmp-port-unreachable
-A ufw-user-input -p udp -m multiport --dports 10000:20000 -j ACCEPT
-A ufw-user-input -p udp -m udp --dport 5060 -j ACCEPT
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-after-input -p udp -m udp --dport 137 -j ufw-skip-to-policy-input
-A ufw-after-input -m addrtype --dst-type BROADCAST -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP
COMMIT`)}},
		{"Docker with a published PBX", script{nft4: framed(`*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p udp -m udp --dport 5061 -j DNAT --to-destination 203.0.113.2:5060
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 443 -j DNAT --to-destination 203.0.113.2:8443
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o eth1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o eth1 -j DOCKER
-A DOCKER -d 203.0.113.2/32 ! -i docker0 -o eth1 -p udp -m udp --dport 5060 -j ACCEPT
-A DOCKER-USER -s 10.1.2.3/32 -j DROP
-A DOCKER-USER -j RETURN
COMMIT`)}},
		{"CSF", script{ipset: framed(`create chain_DENY hash:net
create chain_ALLOW hash:net
add chain_DENY 198.18.0.0/15
add chain_DENY 10.1.2.3
add chain_ALLOW 10.1.2.0/24`), legacy4: framed(`*filter
:INPUT DROP [0:0]
:LOCALINPUT - [0:0]
:ALLOWIN - [0:0]
:DENYIN - [0:0]
:INVALID - [0:0]
:INVDROP - [0:0]
:LOGDROPIN - [0:0]
-A INPUT ! -i lo -j LOCALINPUT
-A INPUT -i lo -j ACCEPT
-A INPUT ! -i lo -p tcp -j INVALID
-A INPUT ! -i lo -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT ! -i lo -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT
-A INPUT ! -i lo -p udp -m conntrack --ctstate NEW -m udp --dport 5060:5061 -j ACCEPT
-A INPUT ! -i lo -p udp -m conntrack --ctstate NEW -m udp --dport 10000:20000 -j ACCEPT
-A INPUT ! -i lo -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT ! -i lo -j LOGDROPIN
-A LOCALINPUT ! -i lo -j ALLOWIN
-A LOCALINPUT ! -i lo -j DENYIN
-A ALLOWIN -m set --match-set chain_ALLOW src ! -i lo -p tcp -j ACCEPT
-A DENYIN -m set --match-set chain_DENY src ! -i lo -j DROP
-A INVALID -m conntrack --ctstate INVALID -j INVDROP
-A INVALID -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j INVDROP
-A INVALID -p tcp -m tcp --tcp-flags SYN,RST SYN,RST -j INVDROP
-A INVALID -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j INVDROP
-A INVDROP -j DROP
-A LOGDROPIN -p udp -m udp --dport 67 -j DROP
-A LOGDROPIN -j DROP
COMMIT`)}},
		{"CrowdSec with nftables", script{nft: framed(`table ip crowdsec {
	set crowdsec-blacklists { type ipv4_addr; flags timeout; elements = { 10.1.2.3 timeout 4h, 5.6.7.15 timeout 1h, 198.18.1.1 timeout 10m } }
	chain crowdsec-chain { type filter hook input priority filter - 10; policy accept;
		ip saddr @crowdsec-blacklists counter drop
	}
}
table ip6 crowdsec6 {
	set crowdsec6-blacklists { type ipv6_addr; flags timeout; elements = { 2001:db8:a::1 timeout 4h } }
	chain crowdsec6-chain { type filter hook input priority filter - 10; policy accept;
		ip6 saddr @crowdsec6-blacklists counter drop
	}
}`)}},
		{"CrowdSec with an ipset", script{ipset: framed(`create crowdsec-blacklists hash:net timeout 300
add crowdsec-blacklists 10.1.2.0/24 timeout 4000
add crowdsec-blacklists 5.6.7.8 timeout 4000`), legacy4: framed(`*filter
:INPUT ACCEPT [0:0]
:CROWDSEC_CHAIN - [0:0]
-A INPUT -j CROWDSEC_CHAIN
-A CROWDSEC_CHAIN -m set --match-set crowdsec-blacklists src -j DROP
COMMIT`)}},
	}
}
