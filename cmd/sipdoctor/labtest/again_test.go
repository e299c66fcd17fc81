package labtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The kernel's helper keeps for minutes what it expects of calls whose end it
// did not see. After a few runs on a bad line it must not drop what later runs
// send: neither end names a media port twice.
func TestALossyRunDoesNotSpoilTheNextOne(t *testing.T) {
	t.Parallel()
	o := open(t, withHelper(lab.Preserving))
	sipALG := func() []string {
		rep, _ := o.check(t, o.withResponder("sip-alg")...)
		return findings(rep)
	}
	want := sipALG()
	shell(t, o.Routers[0],
		"nft add table ip loss",
		"nft 'add chain ip loss f { type filter hook forward priority -10; }'",
		"nft add rule ip loss f numgen random mod 5 == 0 drop")
	for range 3 {
		sipALG()
	}
	shell(t, o.Routers[0], "nft delete table ip loss")
	for i := range 5 {
		if got := sipALG(); !slices.Equal(got, want) {
			t.Errorf("run %d after the bad line: %v, on a fresh router %v", i+1, got, want)
		}
	}
}

// A router with room for few flows drops the newest, whatever it is. Run after
// run finds less room, and neither a closed port nor an ALG.
func TestARouterWithRoomForFewFlows(t *testing.T) {
	t.Parallel()
	o := open(t, scenario(t, "clean"))
	shell(t, o.Routers[0],
		"nft add table ip few",
		"nft 'add set ip few flows { type ipv4_addr; size 16; flags dynamic; }'",
		"nft 'add chain ip few f { type filter hook forward priority -10; }'",
		"nft 'add rule ip few f udp dport != 0 ct state new add @flows { ip saddr ct count over 12 } drop'")
	for i := range 4 {
		rep, _ := o.check(t, o.withResponder("sip-alg")...)
		if got := findings(rep); len(got) > 0 {
			t.Errorf("run %d: %v\n%s", i+1, got, explain(rep))
		}
	}
}

// A router that sends no ICMP errors may be the one that rewrites: then no box is
// named, and least of all the one before it.
func TestDeepNamesNobodyBesideASilentRouter(t *testing.T) {
	t.Parallel()
	s := lab.Scenario{Name: "silent-second", Routers: []lab.Router{
		{NAT: lab.NoNAT}, {NAT: lab.Preserving, ALG: []lab.ALG{{Protocol: "udp", Port: 5060}}},
	}}
	o := open(t, s)
	place := func() (at map[string]any, rep *checks.Report) {
		rep, _ = o.check(t, o.withResponder("--deep", "sip-alg")...)
		at, _ = facts(t, rep, "sip-alg")["changed_at"].(map[string]any)
		return at, rep
	}
	at, rep := place()
	if at["after"] == lab.RouterAddr || at["silent_between"] == true {
		t.Errorf("the second router does it, and the change is placed at %v\n%s", at, explain(rep))
	}
	shell(t, o.Routers[1],
		"nft add table ip quiet",
		"nft 'add chain ip quiet o { type filter hook output priority 0; }'",
		"nft add rule ip quiet o ip protocol icmp drop")
	at, rep = place()
	if at["after"] != lab.RouterAddr || at["silent_between"] != true || strings.Contains(fmt.Sprint(rep.Headline), "in your router") {
		t.Errorf("the router beside a silent one is named: %v, %q\n%s", at, rep.Headline, explain(rep))
	}
}
