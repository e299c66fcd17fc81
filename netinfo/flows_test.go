package netinfo

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Lines of conntrack 1.4.7 on Linux 6.1, of both families and protocols, and
// one of /proc/net/nf_conntrack.
func TestFlowsAsConntrackListsThem(t *testing.T) {
	const text = `udp      17 29 src=198.51.100.7 dst=198.51.100.1 sport=33000 dport=5060 src=198.51.100.1 dst=198.51.100.7 sport=5060 dport=33000 [ASSURED] mark=0 use=1
udp      17 29 src=198.51.100.8 dst=198.51.100.1 sport=33001 dport=5060 [UNREPLIED] src=198.51.100.1 dst=198.51.100.8 sport=5060 dport=33001 mark=0 use=1
tcp      6 431999 ESTABLISHED src=2001:db8::7 dst=2001:db8::1 sport=40000 dport=5061 src=2001:db8::1 dst=2001:db8::7 sport=5061 dport=40000 [ASSURED] mark=0 use=1
ipv4     2 udp      17 29 src=198.51.100.9 dst=198.51.100.1 sport=33002 dport=5060 src=198.51.100.1 dst=198.51.100.9 sport=5060 dport=33002 [ASSURED] mark=0 zone=0 use=2
icmp     1 29 src=198.51.100.7 dst=198.51.100.1 type=8 code=0 id=1 src=198.51.100.1 dst=198.51.100.7 type=0 code=0 id=1 mark=0 use=1
udp      17 29 src=nobody dst=198.51.100.1 sport=1 dport=5060
conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.
`
	at := netip.MustParseAddrPort
	want := []Flow{
		{"udp", at("198.51.100.7:33000"), at("198.51.100.1:5060"), true},
		{"udp", at("198.51.100.8:33001"), at("198.51.100.1:5060"), false},
		{"tcp", at("[2001:db8::7]:40000"), at("[2001:db8::1]:5061"), true},
		{"udp", at("198.51.100.9:33002"), at("198.51.100.1:5060"), true},
	}
	if diff := cmp.Diff(want, parseFlows(text), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
