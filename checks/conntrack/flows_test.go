package conntrack

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
)

const (
	established = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
	ban         = "-A INPUT -s 198.51.100.7/32 -j DROP"
	answered    = "udp 17 29 src=198.51.100.7 dst=192.0.2.1 sport=33000 dport=5060 src=192.0.2.1 dst=198.51.100.7 sport=5060 dport=33000 mark=0 use=1\n"
)

// withFlows is a PBX with some rules and one connection to its SIP port.
func withFlows(flow string, rules ...string) *pbxtest.PBX {
	return &pbxtest.PBX{
		Files: map[string]string{"/proc/sys/net/netfilter/nf_conntrack_max": "1000", "/proc/sys/net/netfilter/nf_conntrack_count": "1"},
		Prints: map[string]string{
			"ip -j route show table all": `[{"type":"local","dst":"192.0.2.1","dev":"eth0","table":"local"},{"dst":"default","gateway":"192.0.2.254","dev":"eth0","table":"main"}]`,
			"nft -j list tables":         `{"nftables": []}`, "ip6tables-nft-save -c": "",
			"iptables-nft-save -c":                             "*filter\n:INPUT ACCEPT [0:0]\n" + strings.Join(rules, "\n") + "\nCOMMIT\n",
			"conntrack -L -f ipv4 -p udp --orig-port-dst 5060": flow, "conntrack -L -f ipv6 -p udp --orig-port-dst 5060": "",
			"conntrack -L -f ipv4 -p tcp --orig-port-dst 5060": "", "conntrack -L -f ipv6 -p tcp --orig-port-dst 5060": "",
			"conntrack -L -f ipv4 -p tcp --orig-port-dst 5061": "", "conntrack -L -f ipv6 -p tcp --orig-port-dst 5061": "",
		},
	}
}

// Of two connections of one address the one goes on that was answered.
func TestTheConnectionThatGoesOnIsNamed(t *testing.T) {
	other := strings.ReplaceAll(strings.Replace(answered, " src=192.0.2.1", " [UNREPLIED] src=192.0.2.1", 1), "33000", "33001")
	r := withFlows(answered+other, established, ban).Look(t, Check(), checks.Inputs{})
	if len(r.Findings) != 1 || len(r.Findings[0].Evidence) != 2 || !strings.Contains(r.Findings[0].Evidence[0].Got, ":33000 ") {
		t.Errorf("%+v", r.Findings)
	}
}

// An office that ran into a limit is not banned: its phones that have a
// connection may keep it.
func TestALimitIsNoBan(t *testing.T) {
	p := withFlows(answered, established, "-A INPUT -p udp --dport 5060 -m recent --rcheck --hitcount 6 --name S --mask 255.255.255.255 --rsource -j DROP")
	p.Files["/proc/net/xt_recent/S"] = "src=198.51.100.7 ttl: 64 last_seen: 6 oldest_pkt: 6 1, 2, 3, 4, 5, 6\n"
	if r := p.Look(t, Check(), checks.Inputs{}); len(r.Findings) > 0 || r.Status != checks.Pass {
		t.Errorf("%s: %+v", r.Status, r.Findings)
	}
}

// A ban does not reach a connection that the rules accept before it.
func TestABannedAddressWithAConnectionThatExists(t *testing.T) {
	for _, tt := range []struct {
		name   string
		flow   string
		rules  []string
		status checks.Status
	}{
		{"the ban comes after the rule for established connections", answered, []string{established, ban}, checks.Warn},
		{"the ban comes first", answered, []string{ban, established}, checks.Pass},
		{"nobody is banned", answered, []string{established}, checks.Pass},
		{"another is banned", answered, []string{established, "-A INPUT -s 198.51.100.8/32 -j DROP"}, checks.Pass},
		{"its packets were never answered, so each is a first one", strings.Replace(answered, " src=192.0.2.1", " [UNREPLIED] src=192.0.2.1", 1), []string{established, ban}, checks.Pass},
		{"strangers are shut out as well: that is no ban", answered, []string{established, "-A INPUT -j DROP"}, checks.Pass},
		{"there is no connection", "", []string{established, ban}, checks.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := withFlows(tt.flow, tt.rules...).Look(t, Check(), checks.Inputs{})
			if r.Status != tt.status {
				t.Fatalf("%s, want %s: %q %q %+v", r.Status, tt.status, r.Summary, r.Reason, r.Findings)
			}
			if tt.status == checks.Pass {
				return
			}
			f := r.Findings[0]
			if f.ID != "conntrack.banned-flow" || !slices.Equal(f.Fixes[0].Commands, []string{"conntrack -D -s 198.51.100.7 -p udp"}) || !f.Fixes[0].Choice {
				t.Errorf("%+v", f)
			}
		})
	}
}
