package labtest

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// onRouter judges a report again as if its router had been recognised, and
// returns the remedy that a check then prints for it.
func onRouter(t *testing.T, rep *checks.Report, check, platform string) fixes.Fix {
	t.Helper()
	rep.Host.Router = &netinfo.Router{Platform: platform}
	again, err := checks.Rejudge(rep, all.Checks())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range again.Result(check).Findings {
		for _, fix := range f.Fixes {
			if fix.Platform == platform {
				return fix
			}
		}
	}
	t.Fatalf("no remedy for %s in the report\n%s", platform, explain(again))
	return fixes.Fix{}
}

// The commands that the report prints are run on the router as they are, and
// the same check passes; the undo brings the ALG back.
func TestThePrintedCommandsCureTheNetwork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scenario string
		platform string
		before   []string // what the router's owner had typed to get the ALG
	}{
		"rules of nftables":            {"sip-alg", "linux-nftables", nil},
		"rules of nftables, TCP":       {"sip-alg-tcp", "linux-nftables", nil},
		"rules of iptables":            {"clean", "linux-iptables", []string{"iptables -t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip"}},
		"rules of the old iptables":    {"clean", "linux-iptables", []string{"iptables-legacy -t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip"}},
		"a router without NAT, routed": {"routed-alg", "linux-nftables", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, "nft", "iptables", "conntrack")
			o := open(t, scenario(t, c.scenario))
			router := o.Routers[0]
			home := t.TempDir()
			typed := func(lines ...string) {
				for _, l := range lines {
					shell(t, router, "HOME="+home+"; export HOME; "+l)
				}
			}
			typed(c.before...)

			sick, _ := o.check(t, o.withResponder("sip-alg")...)
			verdict := facts(t, sick, "sip-alg")["verdict"]
			if verdict == "none" {
				t.Fatalf("the router has no ALG to begin with\n%s", explain(sick))
			}
			fix := onRouter(t, sick, "sip-alg", c.platform)

			typed(fix.Commands...)
			if rep, exit := o.check(t, o.withResponder("sip-alg")...); facts(t, rep, "sip-alg")["verdict"] != "none" || exit != 0 {
				t.Errorf("not cured by %q (exit %d)\n%s", fix.Commands, exit, explain(rep))
			}

			typed(fix.Undo...)
			if rep, _ := o.check(t, o.withResponder("sip-alg")...); facts(t, rep, "sip-alg")["verdict"] != verdict {
				t.Errorf("undo does not bring it back\n%s", explain(rep))
			}
		})
	}
}
