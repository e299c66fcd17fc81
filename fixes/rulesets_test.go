package fixes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nft loads rules; the old parser wants a line break between closing braces.
func nft(rules string) string {
	return "nft -f - <<'END'\n" + strings.ReplaceAll(rules, "; } }", "; }\n}") + "\nEND\n"
}

func TestNftablesRulesOfTheHelperGoAndComeBack(t *testing.T) {
	const firewalld = `table inet firewalld {
		ct helper helper-SIP-udp { type "sip" protocol udp; }
		ct helper helper-ftp-tcp { type "ftp" protocol tcp; }
		chain filter_IN_public_allow {
			tcp dport 22 ct state { new, untracked } accept
			udp dport 5060 ct helper set "helper-SIP-udp"
			udp dport 5060 ct state { new, untracked } accept
			tcp dport 21 ct helper set "helper-ftp-tcp"
		}
		chain filter_INPUT { type filter hook input priority filter + 10; policy accept; jump filter_IN_public_allow; reject with icmpx admin-prohibited; }
	}`
	const fw4 = `table inet fw4 {
		ct helper amanda { type "amanda" protocol udp; l3proto inet; }
		ct helper sip { type "sip" protocol udp; l3proto inet; }
		set wan_devices { type ifname; elements = { "wan", "wwan0", "pppoe-wan" } }
		chain helper_lan {
			udp dport 5060 counter packets 17 bytes 9000 ct helper set "sip" comment "!fw4: SIP passthrough"
			udp dport 5080 ct helper set "sip" comment "second, consecutive"
			udp dport 10080 ct helper set "amanda" comment "!fw4: Amanda backup"
			meta l4proto { tcp, udp } th dport 5062-5064 ct helper set "sip"
		}
		chain prerouting { type filter hook prerouting priority filter; policy accept; iifname "lan*" jump helper_lan comment "!fw4: helper"; }
	}`
	const vyos = `table ip vyos_conntrack {
		ct helper sip_tcp { type "sip" protocol tcp; l3proto ip; }
		ct helper sip_udp { type "sip" protocol udp; l3proto ip; }
		ct helper ftp_tcp { type "ftp" protocol tcp; l3proto ip; }
		chain VYOS_CT_HELPER {
			tcp dport { 1536, 1525, 1521 } counter packets 1 bytes 60
			tcp dport 21 ct helper set "ftp_tcp" return
			udp dport { 5060, 5061 } ct helper set "sip_udp" return
			tcp dport { 5060, 5061 } ct helper set "sip_tcp" return
			udp dport 5070 ct helper set "sip_udp"
			return
		}
	}`
	for _, r := range []ruleset{
		{name: "firewalld with the service sip", load: nft(firewalld), gone: []string{`udp dport 5060 ct helper set "helper-SIP-udp"`}},
		{name: "OpenWrt, first, second and last rule of a chain", load: nft(fw4), gone: []string{
			`udp dport 5060 counter packets 17 bytes 9000 ct helper set "sip" comment "!fw4: SIP passthrough"`,
			`udp dport 5080 ct helper set "sip" comment "second, consecutive"`,
			`meta l4proto { tcp, udp } th dport 5062-5064 ct helper set "sip"`,
		}},
		{name: "VyOS, whose rules also return", load: nft(vyos), gone: []string{`udp dport 5070 ct helper set "sip_udp"`}, changed: map[string]string{
			`udp dport { 5060, 5061 } ct helper set "sip_udp" return`: "udp dport { 5060, 5061 } return",
			`tcp dport { 5060, 5061 } ct helper set "sip_tcp" return`: "tcp dport { 5060, 5061 } return",
		}},
		{name: "a hand-made rule that also logs and accepts", load: nft(`table inet my_filter {
			ct helper voice { type "sip" protocol udp; }
			chain in { type filter hook input priority 0; policy drop
				udp dport 5060 ct helper set "voice"
				iifname "eth0" udp dport 5060 log prefix "sip: " ct helper set "voice" accept comment "phones"
				udp dport 5061 ct mark set 0x00000007 ct helper set "voice"
				udp dport 5062 ct helper set "voice"
				udp dport 7 drop
				udp dport 5063 ct helper set "voice"
			}
		}`), gone: []string{`udp dport 5060 ct helper set "voice"`, `udp dport 5062 ct helper set "voice"`, `udp dport 5063 ct helper set "voice"`}, changed: map[string]string{
			`iifname "eth0" udp dport 5060 log prefix "sip: " ct helper set "voice" accept comment "phones"`: `iifname "eth0" udp dport 5060 log prefix "sip: " accept comment "phones"`,
			`udp dport 5061 ct mark set 0x00000007 ct helper set "voice"`:                                    `udp dport 5061 ct mark set 0x00000007`,
		}},
		{name: "the same name for another helper in another table and family", load: nft(`table inet a { ct helper h { type "sip" protocol udp; }; chain c { udp dport 5060 ct helper set "h"; } }
			table ip a { ct helper h { type "ftp" protocol tcp; }; chain c { tcp dport 21 ct helper set "h"; } }
			table ip6 b { ct helper h { type "sip" protocol udp; l3proto ip6; }; chain c { udp dport 5060 ct helper set "h"; udp dport 7 drop; } }
			table netdev d { chain c { udp dport 5060 accept; } }`),
			gone: []string{`udp dport 5060 ct helper set "h"`}},
		{name: "a log text that only looks like it", load: nft(`table inet a { ct helper sip { type "sip" protocol udp; }
			chain c { log prefix "ct helper set " comment "sip"; udp dport 5060 ct helper "sip" accept; udp dport 9 log prefix "type sip # handle 3"; } }`)},
		{name: "no helper at all", load: nft(`table inet a { chain c { udp dport 5060 accept; } }`)},
		{name: "no rules at all", load: "true"},
		{name: "a helper inside a map is left to the administrator", load: nft(`table inet a { ct helper sip { type "sip" protocol udp; }; ct helper tftp { type "tftp" protocol udp; }
			chain c { ct helper set udp dport map { 5060 : "sip", 69 : "tftp" }; udp dport 5070 ct helper set "sip"; } }`),
			gone: []string{`udp dport 5070 ct helper set "sip"`}, says: `left alone, edit by hand: inet a c: ct helper set udp dport map { 69 : "tftp", 5060 : "sip" }`},
	} {
		t.Run(r.name, func(t *testing.T) { r.check(t, shellFix(t, "linux-nftables/remove-sip-helper-rules")) })
	}
}

func TestIptablesRulesOfTheHelperGoAndComeBack(t *testing.T) {
	// What %s stands for is the tool; both back ends and families take it.
	const raw = `
%s -t raw -A PREROUTING -p udp --dport 69 -j CT --helper tftp
%s -t raw -A PREROUTING -i eth0 -p udp --dport 5060 -m comment --comment 'say "hi" to $(reboot) -j CT --helper sip x' -j CT --helper sip
%s -t raw -A PREROUTING -p udp --dport 5070 -j CT --helper sip --zone 4
%s -t raw -A PREROUTING -p udp --dport 5080 -m comment --comment 'not -j CT --helper sip this' -j ACCEPT
%s -t raw -A PREROUTING -p tcp --dport 5060 -c 17 9000 -j CT --helper sip
%s -t raw -N PHONES
%s -t raw -A PHONES -p udp --dport 5060 -j CT --helper sip
%s -t raw -A OUTPUT -p udp --dport 5060 -j CT --notrack
%s -t filter -A FORWARD -m helper --helper sip -j ACCEPT
`
	load := func(tools ...string) string {
		var b strings.Builder
		for _, tool := range tools {
			b.WriteString(strings.ReplaceAll(raw, "%s", tool))
		}
		return b.String()
	}
	legacy := ruleset{
		gone: []string{
			`[0:0] -A PREROUTING -i eth0 -p udp -m udp --dport 5060 -m comment --comment "say \"hi\" to $(reboot) -j CT --helper sip x" -j CT --helper sip`,
			`[17:9000] -A PREROUTING -p tcp -m tcp --dport 5060 -j CT --helper sip`,
			`[0:0] -A PHONES -p udp -m udp --dport 5060 -j CT --helper sip`,
		},
		changed: map[string]string{`[0:0] -A PREROUTING -p udp -m udp --dport 5070 -j CT --helper sip --zone 4`: `[0:0] -A PREROUTING -p udp -m udp --dport 5070 -j CT --zone 4`},
	}
	fix := shellFix(t, "linux-iptables/remove-sip-helper-rules")
	t.Run("legacy, IPv4 and IPv6", func(t *testing.T) {
		r := legacy
		r.load = load("iptables-legacy", "ip6tables-legacy")
		r.check(t, fix)
	})
	t.Run("no rules at all, and no table is made", func(t *testing.T) { ruleset{load: "true"}.check(t, fix) })
	t.Run("nothing but native nftables", func(t *testing.T) {
		ruleset{load: nft(`table inet a { ct helper sip { type "sip" protocol udp; }; chain c { udp dport 5060 ct helper set "sip"; } }`)}.check(t, fix)
	})
	// nft shows a CT target without its options, so here iptables-save is asked.
	// Counters are zero: ip6tables-nft 1.8.9 forgets those it is told.
	t.Run("nftables back end, IPv4 and IPv6", func(t *testing.T) {
		legacy.gone[1] = strings.Replace(legacy.gone[1], "[17:9000]", "[0:0]", 1)
		save := "save() { iptables-nft-save -c | grep -v '^#'; ip6tables-nft-save -c | grep -v '^#'; }\n"
		out := router(t, save+strings.ReplaceAll(load("iptables-nft", "ip6tables-nft"), "-c 17 9000", "")+"cd $HOME\nsave > $HOME/a\n"+typed(fix.Commands, "/dev/null")+
			"save > $HOME/b\n"+typed(fix.Undo, "/dev/null")+"save | cmp - $HOME/a\ncat $HOME/a\necho =====\ncat $HOME/b\n",
			"iptables-nft", "ip6tables-nft", "iptables-legacy", "conntrack")
		before, after, _ := strings.Cut(out, "=====\n")
		if diff := cmp.Diff(legacy.want(t, before), after); diff != "" {
			t.Errorf("after the fix (-want +got)\n%s", diff)
		}
	})
}

func TestOnlyTheSessionsWithTheHelperEnd(t *testing.T) {
	f := shellFix(t, "linux-nftables/remove-sip-helper-rules")
	out := router(t, nft(`table inet a { ct helper sip { type "sip" protocol udp; }
		chain c { type filter hook output priority 0; udp dport { 5060, 5070 } ct helper set "sip"; udp dport 40000 ct state new; } }`)+
		"for p in 5060 5070 40000; do for a in 127.0.0.1 ::1; do bash -c \"printf 'OPTIONS sip:a SIP/2.0' > /dev/udp/$a/$p\"; done; done\n"+
		"{ conntrack -L; conntrack -L -f ipv6; } 2> /dev/null | grep -c helper=sip\n"+typed(f.Commands, "/dev/null")+
		"{ conntrack -L; conntrack -L -f ipv6; } 2> /dev/null | grep -o ' dport=[0-9]* .UNR' | sort -u", "nft", "conntrack", "bash")
	if diff := cmp.Diff("6\n dport=40000 [UNR\n", out); diff != "" {
		t.Errorf("sessions with the helper before, destination ports after (-want +got)\n%s", diff)
	}
}

func TestUndoAfterTheChainChangedStopsInsteadOfGuessing(t *testing.T) {
	f := shellFix(t, "linux-nftables/remove-sip-helper-rules")
	out := router(t, nft(`table inet a { ct helper sip { type "sip" protocol udp; }; chain c { udp dport 9 drop; udp dport 10 drop; udp dport 5060 ct helper set "sip"; } }`)+
		typed(f.Commands, "/dev/null")+"nft flush chain inet a c\nif sh -c "+quoted(f.Undo[0])+" 2> /dev/null; then echo guessed; fi\nnft list chain inet a c\ncat $HOME/*.undo\n",
		"nft", "conntrack")
	want := "table inet a {\n\tchain c {\n\t}\n}\ndelete inet a c 4 0 udp dport 5060 ct helper set \"sip\"\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRulesFoundInTwoRunsAllComeBack(t *testing.T) {
	f := shellFix(t, "linux-nftables/remove-sip-helper-rules")
	router(t, nft(`table inet a { ct helper sip { type "sip" protocol udp; }; chain c { udp dport 1 ct helper set "sip"; udp dport 2 drop; udp dport 3 ct helper set "sip"; } }`)+
		"nft list ruleset > $HOME/a\n"+typed(f.Commands, "/dev/null")+"nft 'insert rule inet a c udp dport 4 ct helper set \"sip\"'\n"+typed(f.Commands, "/dev/null")+
		typed(f.Undo, "/dev/null")+"nft delete rule inet a c handle $(nft -a list ruleset | sed -n 's/.*dport 4 .*handle //p')\nnft list ruleset | cmp - $HOME/a\n", "nft", "conntrack")
}

func TestTheUDPTimeoutIsRaisedAndPutBack(t *testing.T) {
	f := shellFix(t, "linux-modules/raise-udp-timeout")
	const read = "sysctl -n net.netfilter.nf_conntrack_udp_timeout_stream\n"
	out := router(t, "sysctl -qw net.netfilter.nf_conntrack_udp_timeout_stream=77\n"+typed(f.Commands, "/dev/null")+typed(f.Commands, "/dev/null")+read+
		"cat /etc/sysctl.d/*\n"+typed(f.Undo, "/dev/null")+read+"ls /etc/sysctl.d $HOME | grep timeout || true", "sysctl", "conntrack")
	want := "300\nnet.netfilter.nf_conntrack_udp_timeout_stream=300\n77\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A stand-in for OpenWrt's uci, as far as the commands use it.
const uci = `mkdir $HOME/bin; PATH=$HOME/bin:$PATH; cat > $HOME/bin/uci <<'END'
#!/bin/sh
s=$HOME/config; [ "$1" = -q ] && shift
case $1 in
show) cat $s;;
set) k=${2%%=*} v=${2#*=}; v=${v#\'}; v=${v%\'}; grep -vF "$k=" $s > $s.new; echo "$k='$v'" >> $s.new; mv $s.new $s;;
delete) grep -vF "$2=" $s > $s.new; mv $s.new $s;;
batch) while read -r c a; do uci "$c" "$a"; done;;
esac
END
chmod +x $HOME/bin/uci; cat > $HOME/config <<'END'
firewall.@defaults[0]=defaults
firewall.@zone[0]=zone
firewall.@zone[0].name='lan'
firewall.@zone[1]=zone
firewall.@zone[1].name='wan'
firewall.guest=zone
firewall.guest.auto_helper='1'
firewall.@rule[0]=rule
END
sort $HOME/config > $HOME/a
`

func TestOpenWrtZonesStopAssigningHelpers(t *testing.T) {
	f := shellFix(t, "openwrt/stop-automatic-helpers")
	// There is no /etc/init.d/firewall here; everything else must work.
	type2 := func(lines []string) string {
		return strings.ReplaceAll(typed(lines, "/dev/null"), "/etc/init.d/firewall restart", "true")
	}
	out := router(t, uci+type2(f.Commands)+type2(f.Commands)+"grep auto_helper $HOME/config\n"+type2(f.Undo)+
		"sort $HOME/config | cmp - $HOME/a\nls $HOME\n", "sed", "conntrack")
	want := "firewall.@zone[0].auto_helper='0'\nfirewall.@zone[1].auto_helper='0'\nfirewall.guest.auto_helper='0'\na\nbin\nconfig\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
