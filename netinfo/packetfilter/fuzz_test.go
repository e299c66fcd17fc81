package packetfilter_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// evaluateSoon evaluates and checks what must hold of any ruleset: it ends,
// and each packet has one fate.
func evaluateSoon(t *testing.T, rules *packetfilter.Ruleset) {
	t.Helper()
	started := time.Now()
	class := sipFrom("198.51.100.0/29")
	res := rules.Evaluate(class)
	rules.Mentions(class.Src[0])
	// Far above what the limits of an evaluation allow, to spare slow machines.
	if d := time.Since(started); d > 20*time.Second {
		t.Fatalf("evaluating took %s", d)
	}
	for _, dport := range []uint16{5060, 5061, 10000, 20000} {
		for last := range byte(8) {
			n := 0
			for _, o := range res.Outcomes {
				if o.Region.Contains(netip.AddrFrom4([4]byte{198, 51, 100, last}), class.Local[0], 5060, dport) {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("a packet to port %d from .%d has %d fates", dport, last, n)
			}
		}
	}
}

func FuzzReadIPTablesSave(f *testing.F) {
	f.Add(inputRules("DROP", "-A INPUT -s 198.51.100.4/30 -p udp -m multiport ! --dports 5060,10000:20000 -m limit --limit 1/s -j f2b", "-A f2b -m recent --set --name x --rsource -j fpbx", "-A fpbx -g f2b"))
	f.Add("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n*nat\n-A PREROUTING -p udp -m udp --dport 5061 -j DNAT --to-destination 192.0.2.1:5070-5080\nCOMMIT\n")
	f.Add("*filter\n[1:2] -A INPUT -m set ! --match-set bad src,dst -m mark --mark 0x1/0xff -m conntrack --ctstate NEW -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff\n")
	f.Add("*mangle\n:FORWARD - [0:0]\n-A INPUT -m comment --comment \"a \\\"b\" -m iprange --src-range 198.51.100.1-198.51.100.5 -m addrtype --dst-type LOCAL -i eth+ -j REJECT\nCOMMIT")
	f.Fuzz(func(t *testing.T, dump string) {
		sets := packetfilter.ReadIPSetSave("create bad hash:ip,port family inet\nadd bad 198.51.100.3,udp:5060\n")
		evaluateSoon(t, packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump), sets))
		packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIP6TablesNFT, dump))
	})
}

func FuzzReadIPSets(f *testing.F) {
	f.Add("create bad hash:net,iface family inet netmask 24\nadd bad 198.51.100.0/30,eth0 nomatch timeout 5 comment \"x\"\n")
	f.Add("create bad bitmap:port range 0-65535\nadd bad 5060\ncreate l list:set\nadd l bad\nadd l l\n")
	f.Add("create bad hash:ip,port,net family inet\nadd bad 198.51.100.1,udp:5060,192.0.2.0/24 packets 1 bytes 2\n")
	f.Fuzz(func(t *testing.T, listing string) {
		dump := inputRules("ACCEPT", "-A INPUT -m set --match-set bad src,dst,dst -j DROP", "-A INPUT -m set --match-set l src -j SET --del-set bad src,dst", "-A INPUT -m set ! --match-set bad dst --return-nomatch -j DROP")
		evaluateSoon(t, packetfilter.New(packetfilter.ReadIPSetSave(listing), packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump)))
	})
}

func FuzzReadRecent(f *testing.F) {
	f.Add("src=198.51.100.1 ttl: 64 last_seen: 4298076489 oldest_pkt: 3 4298076438, 4298076463, 4298076489\n", uint64(4298076739))
	f.Add("src=2001:db8::1 ttl: 64 last_seen: 1 oldest_pkt: 1 1\n", uint64(0))
	f.Fuzz(func(t *testing.T, list string, jiffies uint64) {
		dump := inputRules("ACCEPT", "-A INPUT -m recent --update --seconds 60 --hitcount 2 --name x --rsource --mask 255.255.255.254 -j DROP", "-A INPUT -m recent ! --rcheck --name x --rsource -j DROP")
		evaluateSoon(t, packetfilter.New(packetfilter.ReadRecent("x", list, packetfilter.Clock{Jiffies: jiffies, Hz: 250}), packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump)))
	})
}

func FuzzReadHashLimit(f *testing.F) {
	f.Add("9 198.51.100.7:0->0.0.0.0:0 26 27 13\n")
	f.Add("0 2001:db8::7:0->:::5060 26 27 13\n9 x\n")
	f.Fuzz(func(t *testing.T, list string) {
		dump := inputRules("ACCEPT", "-A INPUT -m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip,dstport --hashlimit-name x -j DROP", "-A INPUT -m hashlimit --hashlimit-upto 1/sec --hashlimit-name x --hashlimit-mode dstip -j ACCEPT")
		evaluateSoon(t, packetfilter.New(packetfilter.ReadHashLimit(packetfilter.FamilyIP, "x", list), packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, dump)))
	})
}

// Routes and policy rules of a bundle are a stranger's, too.
func FuzzReadHost(f *testing.F) {
	f.Add(`[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local","prefsrc":"192.0.2.1"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","metric":5}]`, `[{"priority":7,"src":"198.51.100.0","srclen":24,"not":null,"fwmark":"0x1","fwmask":"0x3","action":"blackhole"}]`)
	f.Add(`[{"dst":"::/0","type":"unreachable","metric":4294967295}]`, `[{"src":"2001:db8::","srclen":999,"suppress_prefixlen":0,"table":"main"}]`)
	f.Fuzz(func(t *testing.T, routes, policies string) {
		h, err := packetfilter.ReadHost(t.Context(), printer{prints: map[string]string{"ip -j route show table all": routes, "ip -j rule list": policies}})
		if err != nil || len(h.Routes) > 1000 || len(h.Policies) > 1000 {
			return
		}
		h.Switches = map[string]int{"ipv4/ip_forward": 1, "ipv4/conf/all/rp_filter": 2, "ipv4/conf/eth0/rp_filter": 1}
		c := sipFrom("0.0.0.0/0")
		c.Host = h
		packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j DNAT --to-destination 10.0.0.1-10.0.3.9\nCOMMIT\n")).Evaluate(c)
	})
}

// A dump that is made to keep whoever evaluates it busy for ever.
func TestDumpsMadeToHang(t *testing.T) {
	twice := "*filter\n:INPUT ACCEPT [0:0]\n"
	rules := ""
	for i := range 60 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		next := string(rune('a'+(i+1)%26)) + string(rune('a'+(i+1)/26))
		twice += ":" + name + " - [0:0]\n"
		rules += "-A " + name + " -j " + next + "\n-A " + name + " -m limit -j MARK --set-xmark 0x" + name[1:] + "/0x1\n-A " + name + " -j " + next + "\n"
	}
	rules += "-A INPUT -j aa\n-A INPUT -j DROP\n"
	evaluateSoon(t, packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, twice+rules+"COMMIT\n")))

	wide := ""
	for i := range 40 {
		wide += "-A INPUT -m limit -j MARK --or-mark " + "0x" + string("1248"[i%4]) + strings0(i/4) + "\n"
	}
	evaluateSoon(t, packetfilter.New(packetfilter.ReadIPTablesSave(packetfilter.ToolIPTablesLegacy, inputRules("DROP", wide, "-A INPUT -m mark --mark 0x5/0xf -j ACCEPT"))))
}

// strings0 is n zeros: the digits of a mark's higher bits.
func strings0(n int) string {
	if n > 7 {
		n = 7
	}
	return "0000000"[:n]
}

func FuzzReadRouterOS(f *testing.F) {
	f.Add([]byte("/ip firewall address-list add list=a address=10.0.0.1-10.0.0.9\n/ip firewall filter\nadd chain=input src-address-list=!a protocol=udp dst-port=5060,7-9 action=drop\n" +
		"add chain=input action=jump jump-target=x\nadd chain=x action=jump jump-target=input tcp-flags=syn,!ack limit=1,2:packet\n/ip firewall nat add chain=dstnat action=netmap to-addresses=10.0.0.0/30 to-ports=1-2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := routeros.Read(b)
		if err != nil {
			return
		}
		packetfilter.RouterOSHost(c)
		evaluateSoon(t, packetfilter.New(packetfilter.ReadRouterOS(c)))
	})
}
