package pbx_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
)

// The networks that FreePBX trusts stand in its chains or in a set that they
// ask. A set that was not listed is not an empty one.
func TestTheNetworksThatFreePBXTrusts(t *testing.T) {
	chains := func(rules string) string {
		return "*filter\n:INPUT ACCEPT [0:0]\n:fpbxnets - [0:0]\n:zone-trusted - [0:0]\n-A INPUT -j fpbxnets\n" + rules + "-A zone-trusted -j ACCEPT\nCOMMIT\n"
	}
	const named, asked = "-A fpbxnets -s 10.8.0.0/24 -j zone-trusted\n", "-A fpbxnets -m set --match-set office src -j zone-trusted\n"
	for _, tt := range []struct {
		name, rules, sets, console string
		want                       []string
		untold                     bool
	}{
		{name: "in the rules", rules: chains(named), want: []string{"10.8.0.0/24"}},
		{name: "in a set", rules: chains(named + asked), sets: "create office hash:net family inet\nadd office 198.51.100.0/24\nadd office 198.51.100.9 nomatch\n", want: []string{"10.8.0.0/24", "198.51.100.0/24"}},
		{name: "in a set that was not listed", rules: chains(named + asked), want: []string{"10.8.0.0/24"}, untold: true},
		{name: "nobody is trusted", rules: chains("")},
		{name: "its firewall is not loaded, and its program tells", rules: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", console: "All entries in zone 'trusted':\n\t203.0.113.0/24\n", want: []string{"203.0.113.0/24"}},
		{name: "its firewall is not loaded, and its program is not there", rules: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", untold: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &pbxtest.PBX{Prints: map[string]string{"iptables-nft-save -c": tt.rules, "ip6tables-nft-save -c": "", "nft -j list tables": `{"nftables": []}`},
				Files: map[string]string{"/etc/freepbx.conf": "<?php\n", "/etc/asterisk/rtp.conf": "[general]\n"}}
			if tt.sets != "" {
				p.Prints["ipset save"] = tt.sets
			}
			if tt.console != "" {
				p.Prints["fwconsole firewall list trusted"] = tt.console
			}
			list, err := pbx.New(p).Trusted(t.Context())
			var got []string
			for _, x := range list {
				got = append(got, fmt.Sprint(x))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.untold {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}
