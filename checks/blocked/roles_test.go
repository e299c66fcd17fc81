package blocked

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// The phones behind a router that translates addresses come from the gateway,
// and the administrator has a phone, too: a ban on either is one, though pbx
// asks for no port of theirs, or for SSH alone.
func TestABannedGatewayOrAdministrator(t *testing.T) {
	const gateway, admin = "192.0.2.254", "198.51.100.9"
	sip := func(address string) []string {
		return []string{":f2b-sip - [0:0]", "-A INPUT -p udp -m multiport --dports 5060,5061 -j f2b-sip", "-A INPUT -p tcp -m multiport --dports 5060,5061 -j f2b-sip", "-A f2b-sip -s " + address + "/32 -j DROP", "-A f2b-sip -j RETURN"}
	}
	for _, tt := range []struct {
		name   string
		rules  []string
		status checks.Status
		says   string
	}{
		{"neither is banned", sip("198.51.100.66"), checks.Pass, "all 2 addresses that matter are let in"},
		{"the gateway is banned on SIP", sip(gateway), checks.Fail, gateway + " (gateway) is blocked by iptables (left by fail2ban sip)"},
		{"the administrator is banned on SIP", sip(admin), checks.Fail, admin + " (you, over SSH) is blocked"},
		{"SIP is closed to strangers", []string{"-A INPUT -p udp --dport 5060 -j DROP"}, checks.Pass, "all 2 addresses that matter are let in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pbx(nil)
			p.Prints["iptables-nft-save -c"] = table(tt.rules...)
			r := p.Look(t, Check(), checks.Inputs{Admin: netip.MustParseAddr(admin)})
			says := r.Summary
			if len(r.Findings) > 0 {
				says = r.Findings[0].Title
			}
			if r.Status != tt.status || !strings.Contains(says, tt.says) {
				t.Errorf("%s: %q, want %s: %q", r.Status, says, tt.status, tt.says)
			}
		})
	}
}
