//go:build linux

package packetfilter_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Of rules that count packets the evaluator knows nothing. What the twin makes of them is
// counted at the far end: from four phones, five connections each.
func TestRulesThatCount(t *testing.T) {
	if !alone(t) {
		return
	}
	const filter, mangle = "/ip firewall filter\n", "/ip firewall mangle\n"
	shared := func(lines string) string {
		return mangle + "add chain=prerouting in-interface=bridge action=mark-connection new-connection-mark=one passthrough=yes per-connection-classifier=both-addresses-and-ports:2/0\n" +
			"add chain=prerouting in-interface=bridge action=mark-connection new-connection-mark=two passthrough=yes per-connection-classifier=both-addresses-and-ports:2/1\n" + filter + lines
	}
	for name, tt := range map[string]struct {
		lines       string
		least, most int // of 20 packets
	}{
		"no rule":                           {"", 20, 20},
		"a limit":                           {filter + "add chain=forward action=accept limit=1/1h,5:packet\nadd chain=forward action=drop\n", 5, 5},
		"what is over a limit":              {filter + "add chain=forward action=accept limit=!1/1h,5:packet\nadd chain=forward action=drop\n", 15, 15},
		"a limit of one port":               {filter + "add chain=forward action=drop protocol=udp dst-port=5060 limit=1/1d,7\n", 13, 13},
		"a limit of another port":           {filter + "add chain=forward action=drop protocol=udp dst-port=5061 limit=1/1d,7\n", 20, 20},
		"a limit for each source":           {filter + "add chain=forward action=accept dst-limit=1/1h,3,src-address/1m40s\nadd chain=forward action=drop\n", 12, 12},
		"a limit for each destination":      {filter + "add chain=forward action=accept protocol=udp dst-limit=1/1h,3,dst-address-and-port\nadd chain=forward action=drop\n", 3, 3},
		"connections of a host":             {filter + "add chain=forward action=drop connection-limit=2,32\n", 8, 8},
		"connections of a network":          {filter + "add chain=forward action=drop connection-limit=2,24\n", 2, 2},
		"connections of all":                {filter + "add chain=forward action=drop connection-limit=2,0\n", 2, 2},
		"fewer connections than that":       {filter + "add chain=forward action=drop connection-limit=!20,24\n", 0, 0},
		"every third":                       {filter + "add chain=forward action=drop nth=4,1\n", 15, 15},
		"half of them":                      {filter + "add chain=forward action=drop random=50\n", 2, 18},
		"of a size":                         {filter + "add chain=forward action=drop packet-size=20-200\n", 0, 0},
		"of another size":                   {filter + "add chain=forward action=drop packet-size=!20-200\n", 20, 20},
		"expected by the helper, of a call": {filter + "add chain=forward action=drop connection-type=sip\n", 20, 20},
		"shared by a hash, each to one":     {shared("add chain=forward action=drop connection-mark=no-mark\n"), 20, 20},
		"shared by a hash, not all to one":  {shared("add chain=forward action=drop connection-mark=one\n"), 1, 19},
		"jumps in circles":                  {filter + "add chain=forward action=jump jump-target=a\nadd chain=a action=jump jump-target=a\nadd chain=forward action=jump jump-target=input\n", 20, 20},
		"flags without a protocol":          {filter + "add chain=forward action=drop tcp-flags=syn\nadd chain=forward action=drop icmp-options=8:0-300\n", 20, 20},
		"nothing is tracked":                {"/ip firewall connection tracking set enabled=no\n" + filter + "add chain=forward action=drop connection-state=new\n", 20, 20},
		"translated, and one after another": {"/ip firewall nat\nadd chain=srcnat action=same randomise-ports=yes to-addresses=203.0.113.4-203.0.113.5\n", 20, 20},
		"a route to nowhere":                {"/ip route add dst-address=8.8.8.0/24 type=blackhole\n", 0, 0},
		"a table and no other":              {"/routing rule add action=lookup-only-in-table src-address=192.168.88.0/24 table=isp\n", 0, 0},
		"a table, or else another":          {"/routing rule add action=lookup src-address=192.168.88.0/24 table=isp\n", 20, 20},
		"refused by a rule of routing":      {"/routing rule add action=drop dst-address=8.8.8.0/24\n", 0, 0},
		"changed on the way": {mangle + "add chain=forward action=change-mss new-mss=1300 protocol=tcp tcp-flags=syn\nadd chain=postrouting action=change-mss new-mss=clamp-to-pmtu protocol=tcp\n" +
			"add chain=prerouting action=change-ttl new-ttl=set:64\nadd chain=prerouting action=clear-df\n", 20, 20},
	} {
		t.Run(name, func(t *testing.T) {
			version := "7.15"
			if name == "a route to nowhere" {
				version = "6.49.7"
			}
			cfg, err := routeros.Read([]byte("# 2026-01-01 00:00:00 by RouterOS " + version + `
/ip address
add address=192.168.88.1/24 interface=bridge
add address=203.0.113.2/29 interface=ether1
/ip route
add gateway=203.0.113.1
` + tt.lines))
			must(t, err)
			if len(cfg.Faults) > 0 {
				t.Fatalf("%+v", cfg.Faults)
			}
			g := newTwinGround(t, cfg)
			g.know(gatewaysOf(g))
			var salvo []shot
			for phone := range 4 {
				for port := range 5 {
					salvo = append(salvo, shot{
						hook: "forward", in: "bridge", proto: protoUDP, src: netip.MustParseAddr(fmt.Sprint("192.168.88.", 20+phone)), dst: netip.MustParseAddr("8.8.8.8"),
						sport: uint16(20000 + 10*phone + port), dport: 5060,
					})
				}
			}
			passed := 0
			for _, o := range g.fire(salvo) {
				if o.verdict == "accept" {
					passed++
				}
			}
			if passed < tt.least || passed > tt.most {
				t.Errorf("%d pass, where %d to %d were to be expected\n%s", passed, tt.least, tt.most, g.twin.Site.Script)
			}
		})
	}
}
