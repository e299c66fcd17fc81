package routes

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/platform"
)

// scripted is a machine whose ip answers so, by its arguments.
type scripted struct {
	platform.System
	says map[string]string
}

func (s scripted) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	out, ok := s.says[strings.Join(args, " ")]
	if program != "ip" || !ok {
		return nil, errors.New("exit status 1")
	}
	return []byte(out), nil
}

// What BusyBox 1.35 prints of an office with two uplinks.
const (
	busybox4 = `prohibit default table 100 
172.16.0.0/12 via 203.0.113.9 dev w table 100 
default via 203.0.113.1 dev w  metric 10 
blackhole 10.9.0.0/16 
10.99.0.2 dev w scope link  src 10.99.0.1 
192.168.1.0/24 dev br0 scope link  src 192.168.1.1 
203.0.113.0/24 dev w scope link  src 203.0.113.2 
local 127.0.0.0/8 dev lo table local scope host  src 127.0.0.1 
local 192.168.1.1 dev br0 table local scope host  src 192.168.1.1 
broadcast 192.168.1.255 dev br0 table local scope link  src 192.168.1.1 
local 203.0.113.2 dev w table local scope host  src 203.0.113.2 
`
	busybox6 = `2001:db8::/64 dev br0  metric 256 
default dev pppoe  metric 1024 
unreachable default dev lo  metric -1  error -101
local ::1 dev lo table local  metric 0 
`
	busyboxRules = "0:\tfrom all lookup local \n499:\tfrom all fwmark 0x1/0xff lookup 100 \n500:\tnot from 192.168.1.0/24 iif br0 lookup 100 \n600:\tfrom all oif w lookup 100\n700:\tfrom all lookup main suppress_prefixlength 0\n800:\tfrom 10.0.0.9 to 203.0.113.0/24 blackhole\n1000:\tfrom all lookup [l3mdev-table]\n32766:\tfrom all lookup main \n"
	json4        = `[{"type":"prohibit","dst":"default","table":"100"},{"dst":"172.16.0.0/12","gateway":"203.0.113.9","dev":"w","table":"100"},
{"dst":"default","gateway":"203.0.113.1","dev":"w","metric":10},{"type":"blackhole","dst":"10.9.0.0/16"},{"dst":"10.99.0.2","dev":"w","prefsrc":"10.99.0.1"},
{"dst":"192.168.1.0/24","dev":"br0","prefsrc":"192.168.1.1"},{"dst":"203.0.113.0/24","dev":"w","prefsrc":"203.0.113.2"},
{"type":"local","dst":"127.0.0.0/8","dev":"lo","table":"local","prefsrc":"127.0.0.1"},{"type":"local","dst":"192.168.1.1","dev":"br0","table":"local","prefsrc":"192.168.1.1"},
{"type":"broadcast","dst":"192.168.1.255","dev":"br0","table":"local","prefsrc":"192.168.1.1"},{"type":"local","dst":"203.0.113.2","dev":"w","table":"local","prefsrc":"203.0.113.2"},
{"dst":"2001:db8::/64","dev":"br0","metric":256,"pref":"medium"},{"dst":"default","dev":"pppoe","metric":1024,"pref":"medium"},
{"type":"unreachable","dst":"default","dev":"lo","metric":4294967295,"pref":"medium"},{"type":"local","dst":"::1","dev":"lo","table":"local","metric":0,"pref":"medium"}]`
	jsonRules = `[{"priority":0,"src":"all","table":"local"},{"priority":499,"src":"all","fwmark":"0x1","fwmask":"0xff","table":"100"},
{"priority":500,"not":null,"src":"192.168.1.0","srclen":24,"iif":"br0","table":"100"},{"priority":600,"src":"all","oif":"w","table":"100"},
{"priority":700,"src":"all","table":"main","suppress_prefixlen":0},{"priority":800,"src":"10.0.0.9","dst":"203.0.113.0","dstlen":24,"action":"blackhole"},
{"priority":1000,"src":"all","l3mdev":null},{"priority":32766,"src":"all","table":"main"}]`
)

var values = cmp.Options{cmpopts.EquateComparable(Addr{}, Route{}, Policy{}), cmp.AllowUnexported(Tables{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

// The ip of a small router knows no JSON, and an old one takes the option for text: the same
// routes are read.
func TestTheRoutesOfASmallRouter(t *testing.T) {
	want, err := Read(t.Context(), scripted{says: map[string]string{"-j route show table all": json4, "-j rule list": jsonRules, "-j -6 rule list": jsonRules}})
	if err != nil || len(want.Routes) != 14 || len(want.Policies) != 8 {
		t.Fatalf("%v: %d routes, %d policies", err, len(want.Routes), len(want.Policies))
	}
	text := map[string]string{"-4 route show table all": busybox4, "-6 route show table all": busybox6, "rule list": busyboxRules, "-6 rule list": busyboxRules}
	old := map[string]string{"-j route show table all": busybox4 + busybox6, "-j rule list": busyboxRules, "-j -6 rule list": busyboxRules}
	for name, more := range map[string]map[string]string{"no JSON": nil, "text for JSON": old} {
		says := map[string]string{}
		for _, m := range []map[string]string{text, more} {
			for k, v := range m {
				says[k] = v
			}
		}
		got, err := Read(t.Context(), scripted{says: says})
		if diff := cmp.Diff(want, got, values); diff != "" || err != nil {
			t.Errorf("%s: %v (-JSON +text)\n%s", name, err, diff)
		}
	}
}

// Nothing is no table of routes.
func TestAnEmptyAnswerIsNoTable(t *testing.T) {
	got, err := Read(t.Context(), scripted{says: map[string]string{"-4 route show table all": "", "-6 route show table all": ""}})
	if err == nil || got.Routes != nil {
		t.Errorf("%+v, %v", got.Routes, err)
	}
}

// BusyBox shows nothing of the ways of a route that has several; iproute2 does.
func TestARouteOfSeveralWays(t *testing.T) {
	says := map[string]string{"-4 route show table all": "default \n192.168.1.0/24 dev br0\n", "-6 route show table all": ""}
	if got, err := Read(t.Context(), scripted{says: says}); err == nil || !strings.Contains(err.Error(), "the ways of the route to default are not shown") || len(got.Routes) > 0 {
		t.Errorf("%+v, %v", got.Routes, err)
	}
	says["-4 route show table all"] = "default \n\tnexthop via 203.0.113.1 dev w weight 1 \n\tnexthop via 198.51.100.1 dev w2 weight 2 \ndefault via inet6 fe80::1 dev w metric 20\n"
	got, err := Read(t.Context(), scripted{says: says})
	if err != nil || len(got.Routes) != 2 || got.Routes[0].Interface != "w" || got.Routes[0].Gateway.String() != "203.0.113.1" || got.Routes[1].Gateway.IsValid() || got.Routes[1].Dst.String() != "0.0.0.0/0" {
		t.Errorf("%+v, %v", got.Routes, err)
	}
}

// textOnly is this machine with an ip that knows no JSON.
type textOnly struct{ platform.System }

func (s textOnly) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	if slices.Contains(args, "-j") {
		return nil, errors.New("exit status 255")
	}
	return exec.CommandContext(ctx, program, args...).Output()
}

// The referee: this machine's own ip, both ways.
func TestThisMachineReadAsText(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil || runtime.GOOS != "linux" {
		t.Skip("no ip on this machine")
	}
	here := platform.ThisSystem()
	want, err := Read(t.Context(), here)
	if err != nil {
		t.Skip(err)
	}
	got, err := Read(t.Context(), textOnly{here})
	if diff := cmp.Diff(want, got, values); diff != "" || err != nil {
		t.Errorf("%v (-JSON +text)\n%s", err, diff)
	}
}

func FuzzText(f *testing.F) {
	f.Add(busybox4, true)
	f.Add(busyboxRules, false)
	f.Fuzz(func(_ *testing.T, text string, v6 bool) {
		_, _ = parseRoutes(text, v6)
		_ = parsePolicies(text)
	})
}
