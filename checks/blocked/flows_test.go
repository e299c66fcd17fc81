package blocked

import (
	"strings"
	"testing"
)

// The ban stands after the rule that accepts established connections: why says
// which one goes on, and how to end it.
func TestAConnectionThatOutlivesTheBan(t *testing.T) {
	const flow = "udp 17 29 src=198.51.100.7 dst=192.0.2.1 sport=33000 dport=5060 src=192.0.2.1 dst=198.51.100.7 sport=5060 dport=33000 mark=0 use=1\n"
	for name, tt := range map[string]struct {
		rules []string
		says  bool
	}{
		"the ban comes after it":  {[]string{"-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP"}, true},
		"the ban comes before it": {[]string{"-A INPUT -s 198.51.100.7/32 -j DROP", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := onPBX(map[string]string{"conntrack -L -f ipv4 -p udp --orig-port-dst 5060": flow})
			p.Prints["iptables-nft-save -c"] = table(tt.rules...)
			in := asked("198.51.100.7")
			in.UDPPorts = "5060"
			r := p.Look(t, Check(), in)
			found := false
			for _, f := range r.Findings {
				if f.ID == "blocked.connection-goes-on" {
					found = strings.Contains(f.Evidence[0].Got, "198.51.100.7:33000 to port 5060") && f.Fixes[0].Commands[0] == "conntrack -D -s 198.51.100.7 -p udp" && f.Fixes[0].Choice
				}
			}
			if found != tt.says {
				t.Errorf("it says so: %v: %+v", found, r.Findings)
			}
		})
	}
}
