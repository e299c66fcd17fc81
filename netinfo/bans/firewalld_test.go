package bans

import (
	"encoding/xml"
	"testing"
)

// firewall-cmd removes a rule only by its very words.
func TestARichRuleIsWordedAsFirewallCmdPrintsIt(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{
			`<rule family="ipv4"><source address="192.0.2.0/24"/><port port="5060" protocol="udp"/><log prefix="sip" level="info"><limit value="1/m"/></log><reject type="icmp-port-unreachable"/></rule>`,
			`rule family="ipv4" source address="192.0.2.0/24" port port="5060" protocol="udp" log prefix="sip" level="info" limit value="1/m" reject type="icmp-port-unreachable"`,
		},
		{
			`<rule family="ipv6" priority="-10"><source address="2001:db8::/64" invert="True"/><service name="sip"/><drop/></rule>`,
			`rule priority="-10" family="ipv6" source NOT address="2001:db8::/64" service name="sip" drop`,
		},
		{`<rule><source ipset="blocklist" invert="False"/><accept/></rule>`, `rule source ipset="blocklist" accept`},
	} {
		var r richXML
		if err := xml.Unmarshal([]byte(tt.file), &r); err != nil || r.text() != tt.want {
			t.Errorf("%v\n got %s\nwant %s", err, r.text(), tt.want)
		}
	}
}

// What a rule writes into the log is not what it does.
func TestWordsInALogPrefixAreNotActions(t *testing.T) {
	w := richWords(`rule source NOT address="192.0.2.0/24" log prefix="accept or drop" level="info" reject`)
	if w["accept"] != "" || w["drop"] != "" || w["reject"] == "" || w["address"] != "192.0.2.0/24" || w["invert"] == "" {
		t.Errorf("%v", w)
	}
}
