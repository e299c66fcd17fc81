package blocked

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/platform/words"
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
			p := onPBX(nil)
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

// A provider's networks say what they are for, a phone and a trunk their names.
func TestRolesInWords(t *testing.T) {
	var g gathered
	g.profile("teams-direct-routing", map[string]string{})
	book := checks.BookOf([]*checks.Check{Check()})
	var subjects []Subject
	for _, a := range g.list {
		subjects = append(subjects, Subject{Address: a.Address, Roles: a.Roles})
	}
	for _, s := range append(subjects,
		Subject{Address: netip.MustParsePrefix("192.0.2.7/32"), Roles: []string{rolePhone + " 110", roleTrunk + " megafon", roleAdmin}},
		Subject{Address: netip.MustParsePrefix("192.0.2.8/32"), Roles: []string{"you, over SSH"}}, // as it was recorded once
	) {
		want := map[string][2]string{
			"52.112.0.0/14": {"52.112.0.0/14 (Microsoft Teams Direct Routing)", "52.112.0.0/14 (Microsoft Teams Direct Routing)"},
			"52.122.0.0/15": {"52.122.0.0/15 (Microsoft Teams Direct Routing, signalling)", "52.122.0.0/15 (Microsoft Teams Direct Routing, сигнализация)"},
			"52.120.0.0/14": {"52.120.0.0/14 (Microsoft Teams Direct Routing, media)", "52.120.0.0/14 (Microsoft Teams Direct Routing, медиа)"},
			"192.0.2.7":     {"192.0.2.7 (phone 110, trunk megafon, you, over SSH)", "192.0.2.7 (телефон 110, транк megafon, вы, по SSH)"},
			"192.0.2.8":     {"192.0.2.8 (you, over SSH)", "192.0.2.8 (you, over SSH)"},
		}[pbx.AddressText(s.Address)]
		for i, lang := range words.Languages() {
			if got, err := book.Fill(lang, who(s)); err != nil || got != want[i] {
				t.Errorf("in %s: %q, %v, want %q", lang, got, err, want[i])
			}
		}
	}
}
