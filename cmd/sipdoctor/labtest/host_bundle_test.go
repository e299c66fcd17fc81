package labtest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A machine that was saved answers the office's questions about itself as the
// machine did: its uplink, its packet filter, and what its kernel does to SIP.
func TestABundleKnowsItsHost(t *testing.T) {
	const tunnel = "ip tuntap add tun0 mode tun && ip addr add 10.7.0.2/32 dev tun0 && ip link set tun0 up && ip route add default dev tun0 table 51820 && " +
		"ip rule add not fwmark 51820 table 51820 && ip rule add table main suppress_prefixlength 0"
	for name, c := range map[string]struct {
		commands string
		want     []string // findings of the saved machine
	}{
		"nothing is wrong": {"true", nil},
		"a VPN by policy routing, and an iptables rule for the SIP helper": {
			tunnel + " && iptables-nft -t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip",
			[]string{"uplink.vpn warning", "conntrack.sip-helper critical"},
		},
		"a small line, and a helper of nftables by a map": {
			"ip link set eth0 mtu 1300 && nft 'add table inet o { ct helper s { type \"sip\" protocol udp; }; chain pre { type filter hook prerouting priority raw; ct helper set meta l4proto . th dport map { udp . 5060 : \"s\" }; }; }'",
			[]string{"uplink.mtu warning", "conntrack.sip-helper critical"},
		},
		"RTP is dropped, and the default route refuses": {
			"ip route replace prohibit default && ip -6 route replace prohibit default && nft 'add table inet f { chain in { type filter hook input priority 0; udp dport 10000-20000 drop; }; }'",
			[]string{"uplink.none critical", "firewall.rtp-closed warning"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, "nft", "ip", "iptables-nft")
			o := open(t, scenario(t, "clean"))
			shell(t, o.Phone, c.commands)
			file := filepath.Join(t.TempDir(), "bundle.tar.gz")
			office, _ := run(t, o.Phone, "check", "uplink", "--no-public", "--format", "json")
			inside, _ := run(t, o.Phone, "pbx", "firewall", "conntrack", "--format", "json", "--collect", file)
			saved, _ := run(t, o.Responder, "check", "--root", file, "--format", "json")
			live := *office
			live.Results = append(live.Results, inside.Results...)
			if diff := cmp.Diff(toldOf(t, &live), toldOf(t, saved)); diff != "" {
				t.Errorf("the bundle says something else (-machine +bundle)\n%s", diff)
			}
			about := cmpopts.IgnoreFields(netinfo.Host{}, "Router", "Contacts", "Notes", "Root", "Tracking", "SIPHelpers")
			if diff := cmp.Diff(office.Host, saved.Host, about, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
				t.Errorf("its network is another (-machine +bundle)\n%s", diff)
			}
			var found []string
			for _, r := range saved.Results {
				for _, f := range r.Findings {
					found = append(found, f.ID+" "+string(f.Severity))
				}
			}
			if diff := cmp.Diff(c.want, found); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// toldOf is what a report says of each check: its status, and each finding with
// its cures.
func toldOf(t *testing.T, r *checks.Report) (list []string) {
	t.Helper()
	for _, res := range r.Results {
		if res.Check == "uplink" && strings.Contains(res.Summary, "gateway") {
			res.Summary = "" // the bundle's router is not asked what it is
		}
		line := fmt.Sprintf("%s %s %s", res.Check, res.Status, res.Summary)
		for _, f := range res.Findings {
			text, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			line += "\n" + string(text)
		}
		list = append(list, line)
	}
	return list
}
