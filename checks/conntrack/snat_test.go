package conntrack

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A rule for what is forwarded that takes the PBX's own packets as well, and
// gives them other ports than Asterisk named.
func TestSourceNATOfThePBXsOwnPackets(t *testing.T) {
	for _, tt := range []struct {
		name, rule string
		says       string // in the title; empty: no such finding
	}{
		{"none", "", ""},
		{"it keeps ports", "-A POSTROUTING -o eth0 -j MASQUERADE", ""},
		{"a range that holds them keeps them", "-A POSTROUTING -o eth0 -p udp -j MASQUERADE --to-ports 1024-65535", ""},
		{"by another interface", "-A POSTROUTING -o eth5 -j MASQUERADE --random", ""},
		{"random ports", "-A POSTROUTING -o eth0 -j MASQUERADE --random", "changes the source port of its RTP and SIP"},
		{"fully random ports", "-A POSTROUTING -o eth0 -p udp -j SNAT --to-source 192.0.2.1 --random-fully", "RTP and SIP"},
		{"a range of ports", "-A POSTROUTING -o eth0 -p udp -j MASQUERADE --to-ports 40000-50000", "RTP and SIP"},
		{"for the network behind it alone", "-A POSTROUTING -s 10.0.0.0/8 -o eth0 -j MASQUERADE --random", ""},
		{"by another interface", "-A POSTROUTING -o eth1 -j MASQUERADE --random", ""},
		{"by chance alone: whether it is met is not known", "-A POSTROUTING -o eth0 -m statistic --mode random --probability 0.5 -j MASQUERADE --random", ""},
		{"in a chain that packets come to by chance", ":half - [0:0]\n-A POSTROUTING -m statistic --mode random --probability 0.5 -j half\n-A half -o eth0 -j MASQUERADE --random", ""},
		{"not SIP", "-A POSTROUTING -o eth0 -p udp ! --sport 5060 -j MASQUERADE --random", "source port of its RTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := withFlows("")
			p.Prints["iptables-nft-save -c"] = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" + tt.rule + "\nCOMMIT\n"
			r := p.Look(t, Check(), checks.Inputs{})
			i := slices.IndexFunc(r.Findings, func(f checks.Finding) bool { return f.ID == "conntrack.source-port-moved" })
			switch {
			case tt.says == "" && i < 0 && r.Status == checks.Pass:
			case i < 0 || tt.says == "" || r.Status != checks.Fail || !strings.HasSuffix(r.Findings[i].Title, tt.says):
				t.Errorf("%s, %s: %+v", r.Status, r.Summary, r.Findings)
			case !strings.Contains(strings.Join(r.Findings[i].Fixes[0].Commands, "\n"), "-I POSTROUTING 1 -s 0.0.0.0/0 -p udp -m multiport --sports "):
				t.Errorf("the cure is %q", r.Findings[i].Fixes[0].Commands)
			}
		})
	}
}
