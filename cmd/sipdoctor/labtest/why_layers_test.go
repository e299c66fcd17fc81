package labtest

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// What administrators and firewall scripts write by hand, each in the shape in
// which it is found on PBXs. The rules of one case do not touch the addresses
// of another.
func TestBlocksThatNoDaemonMadeAreFoundAndFreed(t *testing.T) {
	t.Parallel()
	p := openPBX(t, "iptables", "iptables-legacy", "nft", "ipset")
	for _, tt := range []struct {
		name  string
		setup []string
		proof
	}{
		{"a black hole", []string{"ip route add blackhole 192.0.2.41"}, proof{from: "192.0.2.41", layer: "route"}},
		{"unreachable", []string{"ip route add unreachable 192.0.2.42"}, proof{from: "192.0.2.42", layer: "route", byHand: true}},
		{"prohibited, in IPv6", []string{"ip -6 route add prohibit 2001:db8:7::8"}, proof{from: "2001:db8:7::8", layer: "route"}},
		{"a routing rule", []string{"ip rule add to 192.0.2.43 prohibit"}, proof{from: "192.0.2.43", layer: "route"}},
		{"a list that the firewall keeps itself, as FreePBX", []string{
			"iptables -N fpbxattacker", "iptables -A fpbxattacker -m recent --set --name ATTACKER --mask 255.255.255.255 --rsource", "iptables -A fpbxattacker -j DROP",
			"iptables -N fpbxrfw",
			"iptables -A fpbxrfw -m recent --rcheck --seconds 86400 --hitcount 1 --name ATTACKER --mask 255.255.255.255 --rsource -j fpbxattacker",
			"iptables -A fpbxrfw -m recent --set --name REPEAT --mask 255.255.255.255 --rsource",
			"iptables -A fpbxrfw -m recent --rcheck --seconds 60 --hitcount 10 --name REPEAT --mask 255.255.255.255 --rsource -j fpbxattacker",
			"iptables -A fpbxrfw -j ACCEPT",
			"iptables -A INPUT -s 192.0.2.44 -p udp --dport 5060 -j fpbxrfw",
		}, proof{from: "192.0.2.44", layer: "xt_recent", says: "by xt_recent (freepbx)", verdict: "partly"}},
		{"a chain as CSF writes it", []string{
			"iptables-legacy -N LOCALINPUT", "iptables-legacy -N DENYIN", "iptables-legacy -A INPUT ! -i lo -j LOCALINPUT", "iptables-legacy -A LOCALINPUT ! -i lo -j DENYIN",
			"iptables-legacy -A DENYIN -s 192.0.2.45 ! -i lo -j DROP",
		}, proof{from: "192.0.2.45", layer: "iptables"}},
		{"nftables, for an address", []string{
			"nft add table inet hand", "nft add chain inet hand input '{ type filter hook input priority 10 ; }'", "nft add rule inet hand input ip saddr 192.0.2.46 counter drop",
		}, proof{from: "192.0.2.46", layer: "nftables"}},
		{"nftables, for a network in a set", []string{
			"nft add set inet hand bad '{ type ipv4_addr ; flags interval ; }'", "nft add element inet hand bad '{ 192.0.2.48/29 }'", "nft insert rule inet hand input ip saddr @bad drop",
		}, proof{from: "192.0.2.50", layer: "nftables"}},
		{"an ipset of networks", []string{
			"ipset create voipbl hash:net", "ipset add voipbl 192.0.2.56/29", "iptables -A INPUT -m set --match-set voipbl src -j DROP",
		}, proof{from: "192.0.2.57", layer: "ipset", byHand: true}},
		{"nobody let it in", []string{
			"nft add chain inet hand strict '{ type filter hook input priority 20 ; }'", "nft add rule inet hand strict ip saddr != 192.0.2.64/26 accept",
			"nft add rule inet hand strict ip saddr 192.0.2.65 accept", "nft add rule inet hand strict counter drop",
		}, proof{from: "192.0.2.66", says: "does not let 192.0.2.66 in"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := p.with(t)
			shell(t, p.node, tt.setup...)
			if tt.layer == "xt_recent" {
				if p.says("head -c 1 /proc/timer_list") != "T" {
					missing(t, "the age of what a list remembers is told in ticks, and only root may read their count")
				}
				for range 12 { // whom a list counts has to come often
					p.passes(tt.from)
				}
			}
			p.prove(tt.proof)
		})
	}
	t.Run("hosts.deny spares SIP", func(t *testing.T) {
		p := p.with(t)
		shell(t, p.node, "echo 'ALL: 192.0.2.170' >> /etc/hosts.deny")
		w := p.why("192.0.2.170")
		if b := w.block("hosts.deny", ""); !p.passes("192.0.2.170") || w.exit != 0 || w.facts.Verdict != "allowed" || b == nil || b.Effective {
			t.Errorf("%s", w.text())
		}
	})
	t.Run("a PBX in a container, banned where Docker asks", func(t *testing.T) { inContainer(p.with(t)) })
}

// Docker publishes a port by translating the destination; INPUT never sees the
// packet, DOCKER-USER does. Here the container is the host beyond the router.
func inContainer(p *pbx) {
	shell(p.t, p.node, "sysctl -qw net.ipv4.ip_forward=1",
		"iptables -N DOCKER-USER", "iptables -A FORWARD -j DOCKER-USER",
		"iptables -t nat -A PREROUTING -s 192.0.2.176/28 -p udp --dport 5060 -j DNAT --to-destination "+lab.ResponderAddr+":5060",
		"iptables -t nat -A POSTROUTING -p udp -d "+lab.ResponderAddr+" -j MASQUERADE",
		"iptables -A INPUT -s 192.0.2.177 -j DROP")
	if !p.passes("192.0.2.177") {
		p.t.Error("a rule in INPUT stops what is forwarded")
	}
	if w := p.why("192.0.2.177", "--udp", "5060"); w.exit != 0 {
		p.t.Errorf("a rule in INPUT is said to stop what is forwarded\n%s", w.text())
	}
	shell(p.t, p.node, "iptables -A DOCKER-USER -s 192.0.2.178 -j DROP")
	p.prove(proof{from: "192.0.2.178", layer: "iptables", verdict: "partly"})
}
