package routeros

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadPrint(t *testing.T) {
	type row struct {
		Number int
		Flags  string
		Props  map[string]string
	}
	tests := []struct {
		name, text string
		want       []row
	}{
		{"print of rules", `[admin@MikroTik] > /ip firewall filter print
Flags: X - disabled, I - invalid; D - dynamic 
 0  D ;;; special dummy rule to show fasttrack counters
      chain=forward action=passthrough 

 1    ;;; defconf: drop all from WAN not DSTNATed
      chain=forward action=drop connection-state=new 
      connection-nat-state=!dstnat in-interface-list=WAN log=no log-prefix="" 

 2 XI  chain=input action=accept src-address=192.0.2.1 comment="a \"b\""
`, []row{
			{0, "D", map[string]string{"comment": "special dummy rule to show fasttrack counters", "chain": "forward", "action": "passthrough"}},
			{1, "", map[string]string{"comment": "defconf: drop all from WAN not DSTNATed", "chain": "forward", "action": "drop", "connection-state": "new",
				"connection-nat-state": "!dstnat", "in-interface-list": "WAN", "log": "no", "log-prefix": ""}},
			{2, "XI", map[string]string{"chain": "input", "action": "accept", "src-address": "192.0.2.1", "comment": `a "b"`}},
		}},
		{"helpers", "Flags: X - disabled, I - invalid \n 0   name=\"ftp\" ports=21 \n\n 4 X name=\"sip\" ports=5060,5061 sip-direct-media=yes sip-timeout=1h \n", []row{
			{0, "", map[string]string{"name": "ftp", "ports": "21"}},
			{4, "X", map[string]string{"name": "sip", "ports": "5060,5061", "sip-direct-media": "yes", "sip-timeout": "1h"}},
		}},
		{"terse", " 0 D comment=special dummy rule chain=forward action=passthrough\n 1   chain=input action=drop in-interface-list=!LAN\n", []row{
			{0, "D", map[string]string{"comment": "special dummy rule", "chain": "forward", "action": "passthrough"}},
			{1, "", map[string]string{"chain": "input", "action": "drop", "in-interface-list": "!LAN"}},
		}},
		{"a table of version 6", `Flags: X - disabled, I - invalid, D - dynamic 
 #   ADDRESS            NETWORK         INTERFACE              
 0   ;;; defconf
     192.168.88.1/24    192.168.88.0    bridge                 
 1 D 203.0.113.7/24     203.0.113.0     ether1                 
`, []row{
			{0, "", map[string]string{"comment": "defconf", "address": "192.168.88.1/24", "network": "192.168.88.0", "interface": "bridge"}},
			{1, "D", map[string]string{"address": "203.0.113.7/24", "network": "203.0.113.0", "interface": "ether1"}},
		}},
		{"a table of version 7", `Flags: D - DYNAMIC
Columns: ADDRESS, NETWORK, INTERFACE
#   ADDRESS          NETWORK       INTERFACE
;;; defconf
0   192.168.88.1/24  192.168.88.0  bridge   
1 D 203.0.113.7/24   203.0.113.0   ether1   
`, []row{
			{0, "", map[string]string{"comment": "defconf", "address": "192.168.88.1/24", "network": "192.168.88.0", "interface": "bridge"}},
			{1, "D", map[string]string{"address": "203.0.113.7/24", "network": "203.0.113.0", "interface": "ether1"}},
		}},
		{"counters", `Flags: X - disabled, I - invalid, D - dynamic 
 #    CHAIN      ACTION                            BYTES         PACKETS
 0  D ;;; special dummy rule to show fasttrack counters
      forward    passthrough              50 507 925 242      50 048 246
`, []row{{0, "D", map[string]string{"comment": "special dummy rule to show fasttrack counters", "chain": "forward", "action": "passthrough",
			"bytes": "50 507 925 242", "packets": "50 048 246"}}}},
		{"settings", "                     enabled: auto\n        udp-timeout: 10s\n                 max-entries: 419840\n",
			[]row{{-1, "", map[string]string{"enabled": "auto", "udp-timeout": "10s", "max-entries": "419840"}}}},
		{"a letter", "Dear colleague\n\n  7 phones do not ring\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := ReadPrint([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []row
			for _, r := range rows {
				props := map[string]string{}
				for _, p := range r.Props {
					props[p.Name] = p.Value
				}
				got = append(got, row{r.Number, r.Flags, props})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What print writes, print's reader reads.
func TestPrintIsReadBack(t *testing.T) {
	c := fasttracked(t)
	k := c.Console()
	if _, err := k.Type("/ip firewall filter disable [find chain=input comment~\"ICMP\"]"); err != nil {
		t.Fatal(err)
	}
	out, err := k.Type("/ip firewall filter print detail")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ReadPrint([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	other := load(t, "factory7.rsc")
	other.Show("/ip/firewall/filter", rows)
	again, err := other.Console().Type("/ip firewall filter print detail")
	if diff := cmp.Diff(out, again); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if it := other.Menu("/ip/firewall/filter").Items; !it[0].Dynamic || it[1].Line == 0 {
		t.Errorf("%+v %+v", it[0], it[1])
	}
}

func TestReadLog(t *testing.T) {
	for line, want := range map[string]Log{
		"jan/02 12:33:11 firewall,info forward: in:bridge out:ether1, proto UDP, 192.168.88.10:5060->203.0.113.5:5060, len 500": {"jan/02 12:33:11", []string{"firewall", "info"},
			"forward: in:bridge out:ether1, proto UDP, 192.168.88.10:5060->203.0.113.5:5060, len 500"},
		"2026-11-29 08:00:00 system,info,account user admin logged in": {"2026-11-29 08:00:00", []string{"system", "info", "account"}, "user admin logged in"},
		" 08:00:00 interface,info ether1 link down":                    {"08:00:00", []string{"interface", "info"}, "ether1 link down"},
		"08:00:00 something else":                                      {},
		"[2026-11-29 08:00:00] NOTICE[1]: chan_sip.c: x":               {},
		"": {},
	} {
		got, ok := ReadLog(line)
		if !ok {
			got = Log{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", line, diff)
		}
	}
}
