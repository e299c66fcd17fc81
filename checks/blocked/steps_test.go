package blocked

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// asking is a question about 198.51.100.7 where eth0 has 192.0.2.1 and these
// listings were read.
func asking(change func(*Read, *Asked), listings ...packetfilter.Listing) question {
	a := Asked{Address: netip.MustParsePrefix("198.51.100.7/32")}
	own := netip.MustParseAddr("192.0.2.1")
	r := Read{
		Ports: []pbx.Ports{{Protocol: "udp", Set: pbx.Port(5060), Purpose: purposeSIP}},
		Routes: &pbx.Routes{Local: []netip.Addr{own}, Host: &packetfilter.Host{Tables: routes.Tables{
			Addrs:  []routes.Addr{{Addr: own, Interface: "eth0", Primary: true}},
			Routes: []routes.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: "eth0", Table: "main"}},
		}}},
		Jails: &fail2ban.State{Running: true},
	}
	change(&r, &a)
	q, _ := (&evaluator{Read: r, rules: packetfilter.Parse(listings), when: now, strangers: map[string]bool{}}).about(a)
	return q
}

func nothing(*Read, *Asked) {}

func iptables(rules ...string) packetfilter.Listing {
	return packetfilter.Listing{Tool: packetfilter.ToolIPTablesNFT, Text: table(rules...)}
}

// nftSet is a table in which a set holds an element and a rule asks another, or
// the same.
func nftSet(set, holds, asks string) packetfilter.Listing {
	return packetfilter.Listing{Tool: packetfilter.ToolNFT, Text: `{"nftables": [{"table": {"family": "ip", "name": "t"}},
{"set": {"family": "ip", "table": "t", "name": "` + set + `", "type": "ipv4_addr", "elem": ["` + holds + `"]}},
{"set": {"family": "ip", "table": "t", "name": "addr-set-sip-x", "type": "ipv4_addr"}},
{"chain": {"family": "ip", "table": "t", "name": "in", "type": "filter", "hook": "input", "prio": -10, "policy": "accept"}},
{"rule": {"family": "ip", "table": "t", "chain": "in", "handle": 4, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@` + asks + `"}}, {"drop": null}]}}]}`}
}

// Each step adds its own part of the answer, and where there is nothing for it
// to say it adds nothing. None changes what it was given.
func TestStepsOfTheAnswer(t *testing.T) {
	me := netip.MustParsePrefix("198.51.100.7/32")
	ban := iptables(":f2b-sip - [0:0]", "-A INPUT -p udp -j f2b-sip", "-A f2b-sip -s 198.51.100.7/32 -j DROP")
	jail := func(r *Read, _ *Asked) {
		at := now.Add(-time.Minute)
		r.Jails.Jails = []fail2ban.Jail{{Name: "asterisk", Actions: []fail2ban.Action{{Object: "sip", Blocks: true}}}}
		r.Jails.Addresses = []fail2ban.Address{{
			Asked: me, Holds: []fail2ban.Hold{{Jail: "asterisk", Banned: me}}, IgnoredBy: []string{"sshd"},
			Failures: []fail2ban.Failures{{Jail: "other", InWindow: 3, MaxRetry: 5, FindTime: 600, Total: 3, First: &at, Last: &now, Lines: []string{"a line"}}},
		}}
	}
	held := Subject{Address: me, Blocks: []Block{{Layer: "iptables", Owner: "fail2ban", Jail: "sip", Effective: true}}}
	spared := Subject{Address: me, Paths: []Path{sip("drop").with(established)}, Blocks: []Block{{Layer: "iptables", Effective: true}}}
	tested := map[string]bool{}
	of := func(b Block) Subject { return Subject{Address: me, Blocks: []Block{b}} }
	for _, tt := range []struct {
		name  string
		step  func(question, Subject) Subject
		q     question
		s     Subject
		adds  []string // to the JSON of the answer
		holds bool     // and nothing else is to be there: the answer is what it was
	}{
		{"a packet that is dropped", question.paths, asking(nothing, ban), Subject{Address: me}, []string{`"verdict":"drop"`, `"rule":"-A f2b-sip -s 198.51.100.7/32 -j DROP"`, `"at":["192.0.2.1"]`}, false},
		{"a packet that is let in", question.paths, asking(nothing, iptables()), Subject{Address: me}, []string{`"verdict":"accept"`}, false},
		{"a rule that names the subject", question.filterBlocks, asking(nothing, ban), Subject{Address: me}, []string{`"owner":"fail2ban"`, `"jail":"sip"`, `"effective":true`}, false},
		{"a rule that names another", question.filterBlocks, asking(nothing, iptables("-A INPUT -s 198.51.100.8/32 -j DROP")), Subject{Address: me}, nil, true},
		{"a rule after one that accepts all", question.filterBlocks, asking(nothing, iptables("-A INPUT -j ACCEPT", "-A INPUT -s 198.51.100.7/32 -j DROP")), Subject{Address: me}, []string{`"effective":false`, `"why_not":"rule-passes`}, false},
		{"a list of recent that counts it", question.nearRecent, asking(nothing, iptables("-A INPUT -p udp -m recent --rcheck --seconds 60 --hitcount 2 --name SIP -j DROP"),
			packetfilter.Listing{Tool: "xt_recent", Name: "SIP", Text: "src=198.51.100.7 ttl: 64 last_seen: 4294967296 oldest_pkt: 1 4294967296\n", Clock: packetfilter.Clock{Jiffies: 4294967296, Hz: 1000}}),
			Subject{Address: me}, []string{`"near":[{"layer":"xt_recent","name":"SIP","count":1,"limit":2,"span_s":60}]`}, false},
		{"no such list", question.nearRecent, asking(nothing, ban), Subject{Address: me}, nil, true},
		{"the gateway, banned on SIP", question.everyPort, asking(func(_ *Read, a *Asked) { a.Use = useGateway }, ban), Subject{Address: me, Use: useGateway}, []string{`"verdict":"drop"`, `"effective":true`}, false},
		{"the gateway, that nobody bans", question.everyPort, asking(func(_ *Read, a *Asked) { a.Use = useGateway }, iptables()), Subject{Address: me, Use: useGateway}, nil, true},
		{"a phone has been asked about on all its ports", question.everyPort, asking(nothing, ban), Subject{Address: me}, nil, true},
		{"a jail whose rule stops it", question.bans, asking(jail), held, []string{`"layer":"fail2ban"`, `"jail":"asterisk"`, `"ignored":["sshd"]`, `"layer":"iptables","where":"","object":"","jail":"asterisk"`}, false},
		{"a jail without a rule", question.bans, asking(jail), Subject{Address: me}, []string{`"why_not":"no-rule"`}, false},
		{"another layer", question.bans, asking(func(_ *Read, a *Asked) {
			a.Bans = []bans.Ban{{Layer: bans.LayerRoute, Prefix: me, Effect: bans.BlocksSIP}}
		}), Subject{Address: me}, []string{`"layer":"route"`, `"effective":true`}, false},
		{"failures that a jail counts", question.failures, asking(jail), Subject{Address: me}, []string{`"name":"other","count":3,"limit":5`, `"failing":{"count":3`}, false},
		{"failures that nobody counts: fail2ban does not run", question.failures, asking(func(r *Read, a *Asked) { jail(r, a); r.Jails.Running = false }), Subject{Address: me}, []string{`"failing":{"count":3`}, false},
		{"no failures", question.failures, asking(nothing), Subject{Address: me}, nil, true},
		{"a banned network in a set of addresses", question.firstOfRange, asking(nothing, nftSet("list", "198.51.100.0", "list")),
			of(Block{Layer: bans.LayerCrowdSec, Prefix: netip.MustParsePrefix("198.51.100.0/24")}), []string{`"why_not":"first-of-range: list"`, `"misplaced":true`}, false},
		{"a banned address in it", question.firstOfRange, asking(nothing, nftSet("list", "198.51.100.7", "list")), of(Block{Layer: bans.LayerCrowdSec, Prefix: me}), nil, true},
		{"a set that no rule asks", question.unusedSets, asking(nothing, nftSet("addr-set-sip", "198.51.100.7", "addr-set-sip-x")), of(Block{Layer: "fail2ban", Jail: "sip", Prefix: me}), []string{`"why_not":"set-unused: addr-set-sip; addr-set-sip-x"`}, false},
		{"a set that a rule asks", question.unusedSets, asking(nothing, nftSet("addr-set-sip", "198.51.100.7", "addr-set-sip")), of(Block{Layer: "fail2ban", Jail: "sip", Prefix: me}), nil, true},
		{"an access list for all", question.accessLists, asking(func(_ *Read, a *Asked) { a.Refused = []asterisk.Refusal{{Scope: "pjsip", Rule: "deny=all"}} }), Subject{Address: me}, []string{`"layer":"asterisk-acl"`, `"effective":true`}, false},
		{"an access list of an extension", question.accessLists, asking(func(_ *Read, a *Asked) {
			a.Refused = []asterisk.Refusal{{Scope: "endpoint", Names: []string{"110"}}}
		}), Subject{Address: me}, []string{`"effective":false`, `"why_not":"acl-of: 110"`}, false},
		{"a connection that the ban spares", question.flows, asking(func(_ *Read, a *Asked) { a.Flows = []netinfo.Flow{{Protocol: "udp", Answered: true}} }), spared, []string{`"flows":[{"protocol":"udp"`}, false},
		{"a connection where nothing is stopped", question.flows, asking(func(_ *Read, a *Asked) { a.Flows = []netinfo.Flow{{Protocol: "udp", Answered: true}} }), Subject{Address: me, Paths: []Path{sip("accept")}}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			was := asJSON(t, tt.s)
			got := asJSON(t, tt.step(tt.q, tt.s))
			for _, want := range tt.adds {
				if !strings.Contains(got, want) {
					t.Errorf("the answer %s lacks %s", got, want)
				}
			}
			if tt.holds && got != was {
				t.Errorf("the answer became %s, and was %s", got, was)
			}
			if now := asJSON(t, tt.s); now != was {
				t.Errorf("the step changed what it was given: %s, not %s", now, was)
			}
		})
		tested[nameOf(tt.step)] = true
	}
	for _, s := range steps() {
		if !tested[nameOf(s.do)] {
			t.Errorf("the step %s has no test", nameOf(s.do))
		}
	}
}

func asJSON(t *testing.T, s Subject) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func nameOf(step func(question, Subject) Subject) string {
	return runtime.FuncForPC(reflect.ValueOf(step).Pointer()).Name()
}
