package labtest

import (
	"os"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The kernel's own timers are the truth that the ladder has to find.
func TestTheRoutersMemoryIsMeasured(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		scenario string
		setUp    []string // on the router
		ladder   string
		want     map[string]any
		finding  string
		absent   string
	}{
		{"forgets after 10 s", "udp-timeout", nil, "5,10,20",
			map[string]any{"udp_seconds_at_least": 5.0, "udp_seconds_below": 10.0, "sip_port_seconds_at_least": 5.0, "udp_single_exchange_seconds_below": 10.0},
			"nat-lifetime.too-short", "nat-lifetime.sip-timer"},
		{"remembers a stream longer than a single exchange", "clean", []string{"sysctl -w net.netfilter.nf_conntrack_udp_timeout=8 net.netfilter.nf_conntrack_udp_timeout_stream=40"}, "5,10,20",
			map[string]any{"udp_seconds_at_least": 20.0, "udp_seconds_below": 0.0, "udp_single_exchange_seconds_at_least": 5.0, "udp_single_exchange_seconds_below": 10.0},
			"nat-lifetime.single-exchange", "nat-lifetime.too-short"},
		{"has a SIP helper with a timer of its own", "sip-alg", []string{"sysctl -w net.netfilter.nf_conntrack_udp_timeout=10 net.netfilter.nf_conntrack_udp_timeout_stream=10"}, "5,10,20",
			map[string]any{"udp_seconds_at_least": 5.0, "udp_seconds_below": 10.0, "sip_port_seconds_at_least": 20.0},
			"nat-lifetime.sip-timer", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, scenario(t, c.scenario))
			if len(c.setUp) > 0 {
				need(t, "sysctl")
				shell(t, o.Routers[0], c.setUp...)
			}
			rep, exit := o.check(t, o.withResponder("--ladder", c.ladder, "nat-lifetime")...)
			got := facts(t, rep, "nat-lifetime")
			for k, v := range c.want {
				if got[k] != v {
					t.Errorf("%s is %v, want %v", k, got[k], v)
				}
			}
			ids := findings(rep)
			if exit != 0 || !slices.Contains(ids, c.finding) || c.absent != "" && slices.Contains(ids, c.absent) {
				t.Errorf("exit %d, findings %v, want %s and not %s", exit, ids, c.finding, c.absent)
			}
			if t.Failed() {
				t.Log(explain(rep))
			}
		})
	}
}

// What is printed against a short memory is typed on the router as it stands,
// and the same check passes; the undo brings the finding back.
func TestThePrintedCommandsCureTheRoutersMemory(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{"linux-nftables", "openwrt"} {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			need(t, "sysctl", "unshare", "mount")
			s := scenario(t, "udp-timeout")
			s.Routers[0].UDPTimeoutS = 3 // three ladders one after the other: as short as they can be
			o := open(t, s)
			home, settings := t.TempDir(), t.TempDir()
			typed := func(lines []string) {
				for _, l := range lines { // the host's own settings are out of reach
					cmd := o.Routers[0].Command(t.Context(), "unshare", "-m", "sh", "-c", `mount --bind "$1" /etc/sysctl.d && eval "$2"`, "sh", settings, l)
					cmd.Env = append(os.Environ(), "HOME="+home, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Fatalf("%s: %v\n%s", l, err, out)
					}
				}
			}
			check := func(sick bool) *checks.Report {
				t.Helper()
				rep, exit := o.check(t, o.withResponder("--ladder", "5", "nat-lifetime")...)
				// A machine that is busy loses late messages, and then the check does
				// not claim to know: it is asked again.
				for again := 0; again < 2 && rep.Verdict == checks.Inconclusive; again++ {
					rep, exit = o.check(t, o.withResponder("--ladder", "5", "nat-lifetime")...)
				}
				ids := findings(rep)
				if exit != 0 || slices.Contains(ids, "nat-lifetime.too-short") != sick || (rep.Verdict == checks.Pass) == sick {
					t.Fatalf("exit %d, findings %v, too short: want %v\n%s", exit, ids, sick, explain(rep))
				}
				return rep
			}
			fix := onRouter(t, check(true), "nat-lifetime", platform)
			typed(fix.Commands)
			check(false)
			typed(fix.Undo)
			check(true)
		})
	}
}

// The slow check does not run unless somebody wants it.
func TestTheOrdinaryRunDoesNotWaitForTheRouter(t *testing.T) {
	t.Parallel()
	o := open(t, scenario(t, "udp-timeout"))
	rep, _ := o.check(t, o.withResponder()...)
	if rep.Result("nat-lifetime") != nil {
		t.Error("nat-lifetime ran although nobody asked for it")
	}
}

func TestFragmentsAreToldFromLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		s     lab.Scenario
		want  map[string]any
		found bool
	}{
		{"an ordinary router", scenario(t, "clean"), map[string]any{"largest_udp_up": 8000.0, "largest_udp_down": 8000.0, "fragments_pass": true, "largest_unfragmented_up": 1472.0, "long_invite_passes": true}, false},
		{"fragments dropped", scenario(t, "fragments-dropped"), map[string]any{"largest_udp_up": 1472.0, "largest_udp_down": 1472.0, "fragments_pass": false, "largest_unfragmented_up": 1472.0}, true},
		{"a bad line", scenario(t, "lossy"), map[string]any{"largest_udp_up": 8000.0, "largest_udp_down": 8000.0, "fragments_pass": true, "largest_unfragmented_up": 1472.0}, false},
		{"a SIP helper that puts pieces together", scenario(t, "sip-alg"), map[string]any{"fragments_pass": true, "long_invite_passes": true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, c.s)
			rep, _ := o.check(t, o.withResponder("fragments")...)
			got := facts(t, rep, "fragments")
			for k, v := range c.want {
				if got[k] != v {
					t.Errorf("%s is %v, want %v", k, got[k], v)
				}
			}
			if slices.Contains(findings(rep), "fragments.dropped") != c.found {
				t.Errorf("findings %v", findings(rep))
			}
			if t.Failed() {
				t.Logf("%s\n%s", explain(rep), rep.Result("fragments").Observed)
			}
		})
	}
}

// A narrow link says so with ICMP, and its width is found to the byte.
func TestTheWidthOfThePathIsFound(t *testing.T) {
	t.Parallel()
	need(t, "ip", "nft")
	o := open(t, scenario(t, "clean"))
	shell(t, o.Routers[0], "ip link set wan mtu 1423")
	shell(t, o.Internet, "ip link set office mtu 1423")
	rep, _ := o.check(t, o.withResponder("fragments")...)
	got := facts(t, rep, "fragments")
	if got["largest_unfragmented_up"] != 1395.0 || got["fragments_pass"] != true || !slices.Contains(findings(rep), "fragments.narrow-path") {
		t.Errorf("%v\n%s%s", got, explain(rep), rep.Result("fragments").Observed)
	}
	shell(t, o.Routers[0], "nft add table inet hole", "nft add chain inet hole out '{ type filter hook output priority 0; }'", "nft add rule inet hole out icmp type destination-unreachable drop")
	rep, _ = o.check(t, o.withResponder("fragments")...)
	got = facts(t, rep, "fragments")
	if got["largest_unfragmented_up"] != 1395.0 || !slices.Contains(findings(rep), "fragments.black-hole") {
		t.Errorf("%v\n%s%s", got, explain(rep), rep.Result("fragments").Observed)
	}
}
