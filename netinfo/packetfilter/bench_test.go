package packetfilter_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// bannedAddr is the nth of many addresses, no two of them neighbours.
func bannedAddr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{100, byte(n >> 15), byte(n >> 7), byte(n << 1)})
}

// manyRules bans n addresses by single rules, as fail2ban does, in jails
// chains of different ports.
func manyRules(n, jails int) string {
	var b strings.Builder
	b.WriteString("*filter\n:INPUT ACCEPT [0:0]\n")
	for j := range jails {
		fmt.Fprintf(&b, ":f2b-%d - [0:0]\n", j)
	}
	for j := range jails {
		fmt.Fprintf(&b, "-A INPUT -p udp -m multiport --dports %d,5060:5080 -j f2b-%d\n", 1000+j, j)
	}
	for i := range n {
		fmt.Fprintf(&b, "-A f2b-%d -s %s/32 -j REJECT --reject-with icmp-port-unreachable\n", i%jails, bannedAddr(i))
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// manyElements bans n addresses in one ipset.
func manyElements(n int) string {
	var b strings.Builder
	b.WriteString("create banned hash:ip family inet hashsize 1024 maxelem 200000 timeout 600\n")
	for i := range n {
		fmt.Fprintf(&b, "add banned %s timeout 500\n", bannedAddr(i))
	}
	return b.String()
}

func askClass(from string) packetfilter.Class {
	return packetfilter.Class{
		Protocol: packetfilter.UDP, Src: []netip.Prefix{netip.MustParsePrefix(from)},
		DstPorts: packetfilter.NumSet{{Lo: 5060, Hi: 5061}, {Lo: 10000, Hi: 20000}},
	}
}

const setRule = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set banned src -j DROP\nCOMMIT\n"

func BenchmarkReading100000Rules(b *testing.B) {
	dump := manyRules(100_000, 200)
	b.SetBytes(int64(len(dump)))
	b.ReportAllocs()
	for b.Loop() {
		packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump))
	}
}

func BenchmarkReading100000SetElements(b *testing.B) {
	dump := manyElements(100_000)
	b.SetBytes(int64(len(dump)))
	b.ReportAllocs()
	for b.Loop() {
		packetfilter.New(packetfilter.ReadIPSetSave(dump), packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, setRule))
	}
}

func BenchmarkAskingOneAddress(b *testing.B) {
	rules := packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, manyRules(100_000, 200)))
	sets := packetfilter.New(packetfilter.ReadIPSetSave(manyElements(100_000)), packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, setRule))
	for _, c := range []struct {
		name string
		r    *packetfilter.Ruleset
		from string
	}{
		{"among 100000 rules in 200 chains", rules, "198.51.100.7/32"},
		{"among 100000 set elements", sets, "198.51.100.7/32"},
		{"a provider's /20 among 100000 rules", rules, "100.0.16.0/20"},
		{"the whole Internet among 100000 rules", rules, "0.0.0.0/0"},
		{"the whole Internet among 100000 set elements", sets, "0.0.0.0/0"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.r.Evaluate(askClass(c.from))
			}
		})
	}
	b.Run("mentions among 100000 rules", func(b *testing.B) {
		for b.Loop() {
			rules.Mentions(netip.PrefixFrom(bannedAddr(500), 32))
		}
	})
}

// manyNFTRules bans n addresses by single rules of nft.
func manyNFTRules(n int) string {
	var b strings.Builder
	b.WriteString(`{"nftables":[{"table":{"family":"inet","name":"f2b","handle":1}},{"chain":{"family":"inet","table":"f2b","name":"input","handle":1,"type":"filter","hook":"input","prio":-1,"policy":"accept"}}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"rule":{"family":"inet","table":"f2b","chain":"input","handle":%d,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"%s"}},`+
			`{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":5060}},{"drop":null}]}}`, i+4, bannedAddr(i))
	}
	b.WriteString("]}")
	return b.String()
}

func BenchmarkReading100000NFTRules(b *testing.B) {
	listing := manyNFTRules(100_000)
	b.SetBytes(int64(len(listing)))
	b.ReportAllocs()
	for b.Loop() {
		packetfilter.New(packetfilter.ReadNFT(listing))
	}
}
