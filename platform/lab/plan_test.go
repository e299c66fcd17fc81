package lab

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlan_theProviderRoutesToTheOfficeOnlyWhatNobodyTranslates(t *testing.T) {
	nat, plain := Router{NAT: Preserving}, Router{NAT: NoNAT}
	for _, tc := range []struct {
		name    string
		routers []Router
		want    []string // IPv4 only: IPv6 is never translated
	}{
		{"one NAT router", []Router{nat}, nil},
		{"a router without NAT", []Router{plain}, []string{"192.168.88.0/24 via 203.0.113.1"}},
		{"a NAT router behind a carrier's", []Router{nat, nat}, nil},
		{"a plain router behind a carrier's NAT", []Router{plain, nat}, nil},
		{"a NAT router behind a plain one", []Router{nat, plain}, []string{"100.64.0.0/10 via 203.0.113.1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := newPlan(Scenario{Name: "office", Routers: tc.routers})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range p.routes {
				if r.node == internetNode && r.via.Is4() {
					got = append(got, r.dst.String()+" via "+r.via.String())
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			six := slices.IndexFunc(p.routes, func(r routePlan) bool {
				return r.node == internetNode && r.dst == netip.MustParsePrefix("2001:db8:88::/64") && r.via == netip.MustParseAddr("2001:db8:203::1")
			})
			if six < 0 {
				t.Error("no way to the office's IPv6 network")
			}
		})
	}
}

func TestPlan_refusesWhatItWouldBuildAsSomethingElse(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    Scenario
		want string
	}{
		{"no router at all", Scenario{}, "0 routers"},
		{"three routers in a row", Scenario{Routers: make([]Router, 3)}, "3 routers"},
		{"a NAT nobody knows", Scenario{Routers: []Router{{NAT: "cone"}}}, `unknown NAT "cone"`},
		{"a helper on SCTP", Scenario{Routers: []Router{{NAT: NoNAT, ALG: []ALG{{"sctp", 5060}}}}}, `"sctp"`},
		{"a helper on no port", Scenario{Routers: []Router{{NAT: NoNAT, ALG: []ALG{{"udp", 0}}}}}, "port 0"},
		{"a block of a port that does not exist", Scenario{Routers: []Router{{NAT: NoNAT, Block: []Block{{Port: 70000}}}}}, "port 70000"},
		{"more loss than packets", Scenario{Routers: []Router{{NAT: NoNAT, LossPercent: 101}}}, "101 %"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := newPlan(tc.s); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error is %v, want something about %s", err, tc.want)
			}
		})
	}
}

func TestScenarios_allCanBeBuiltAndFoundByName(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			if _, err := newPlan(s); err != nil {
				t.Error(err)
			}
			if found, ok := Find(s.Name); !ok || found.Name != s.Name {
				t.Errorf("found %q", found.Name)
			}
			build(t, s).Close()
		})
	}
	if _, ok := Find("nowhere"); ok {
		t.Error("an unknown name was found")
	}
}
