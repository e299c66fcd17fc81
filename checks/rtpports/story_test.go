package rtpports_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// outcome is what a test compares.
type outcome struct {
	Open, Out, Back, Unknown []string
	Findings                 []string
	Status                   checks.Status
}

func outcomeOf(res *checks.Result, f rtpports.Facts) outcome {
	o := outcome{Open: f.Open, Out: f.BlockedOutbound, Back: f.BlockedReturn, Unknown: f.Unknown, Status: res.Status}
	for _, f := range res.Findings {
		o.Findings = append(o.Findings, f.ID)
	}
	return o
}

func explain(res *checks.Result) string {
	return fmt.Sprintf("%s: %s (%s) %+v\n%.2000s", res.Status, res.Summary, res.Reason, res.ObserveError, res.Observed)
}

func udp(first, last int) lab.Block { return lab.Block{Protocol: "udp", Port: first, LastPort: last} }
func back(first, last int) lab.Block {
	return lab.Block{Protocol: "udp", Port: first, LastPort: last, Return: true}
}

func TestTheReportNamesTheVeryPortsAndTheDirection(t *testing.T) {
	none := []string{}
	tests := []struct {
		name   string
		router lab.Router
		in     func(*checks.Inputs)
		want   outcome
	}{
		{"everything is open", lab.Router{NAT: lab.Preserving}, nil,
			outcome{[]string{"10000-65535"}, none, none, none, nil, checks.Pass}},
		{"two ranges do not get out", lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(16384, 16400), udp(30000, 40000)}}, nil,
			outcome{[]string{"10000-16383", "16401-29999", "40001-65535"}, []string{"16384-16400", "30000-40000"}, none, none,
				[]string{"rtp-ports.blocked-outbound"}, checks.Fail}},
		{"answers of a range do not come back", lab.Router{NAT: lab.Preserving, Block: []lab.Block{back(20000, 25000)}}, nil,
			outcome{[]string{"10000-19999", "25001-65535"}, none, []string{"20000-25000"}, none,
				[]string{"rtp-ports.blocked-return"}, checks.Fail}},
		{"both directions, side by side", lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(20000, 25000), back(25001, 30000)}}, nil,
			outcome{[]string{"10000-19999", "30001-65535"}, []string{"20000-25000"}, []string{"25001-30000"}, none,
				[]string{"rtp-ports.blocked-outbound", "rtp-ports.blocked-return"}, checks.Fail}},
		{"only 10000-20000 is open", lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(20001, 65535)}}, nil,
			outcome{[]string{"10000-20000"}, []string{"20001-65535"}, none, none, []string{"rtp-ports.blocked-outbound"}, checks.Fail}},
		{"the first ports are the blocked ones", lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(10000, 12345)}}, nil,
			outcome{[]string{"12346-65535"}, []string{"10000-12345"}, none, none, []string{"rtp-ports.blocked-outbound"}, checks.Fail}},
		{"one port, when all are asked", lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(11111, 11111)}},
			func(in *checks.Inputs) { in.RTPRange, in.Full, in.Fast = "10000-12999", true, true },
			outcome{[]string{"10000-11110", "11112-12999"}, []string{"11111"}, none, none, []string{"rtp-ports.blocked-outbound"}, checks.Fail}},
		{"nothing gets out", lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(10000, 65535)}}, nil,
			outcome{none, []string{"10000-65535"}, none, none, []string{"rtp-ports.all-blocked"}, checks.Fail}},
		{"nothing comes back", lab.Router{NAT: lab.Preserving, Block: []lab.Block{back(10000, 65535)}}, nil,
			outcome{none, none, []string{"10000-65535"}, none, []string{"rtp-ports.all-blocked"}, checks.Fail}},
		{"a bad line, everything open", lab.Router{NAT: lab.Preserving, LossPercent: 5}, nil,
			outcome{[]string{"10000-65535"}, none, none, none, nil, checks.Pass}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, 1, tt.router, nil)
				defer o.stop()
				res, f := o.check(t, tt.in)
				if diff := cmp.Diff(tt.want, outcomeOf(res, f)); diff != "" {
					t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
				}
			})
		})
	}
}

// With a fifth of the packets lost each way one round trip in three fails. No
// port may be taken for blocked, or for open, that is not. On such a line even
// the controls may all be lost; then the sweep stops and the rest stays
// unknown, which is honest as long as it is rare.
func TestHeavyLossMakesNoFalsePorts(t *testing.T) {
	seeds, exact := 100, 0
	if testing.Short() {
		seeds = 10
	}
	out := func(p int) bool { return p >= 16384 && p <= 16400 }
	returned := func(p int) bool { return p >= 30000 && p <= 40000 }
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, seed, lab.Router{NAT: lab.Preserving, LossPercent: 20, Block: []lab.Block{udp(16384, 16400), back(30000, 40000)}}, nil)
				defer o.stop()
				res, f := o.check(t, nil)
				claims(t, "open", f.Open, func(p int) bool { return !out(p) && !returned(p) })
				claims(t, "blocked on the way out", f.BlockedOutbound, out)
				claims(t, "blocked on the way back", f.BlockedReturn, returned)
				switch {
				case len(f.Unknown) == 0:
					exact++
				case res.Status == checks.Pass:
					t.Errorf("ports are unknown, and it passes: %s", explain(res))
				}
			})
		})
	}
	if exact < seeds*9/10 {
		t.Errorf("only %d of %d runs knew every port", exact, seeds)
	}
}

// claims fails for the first port of the ranges that is not as they say.
func claims(t *testing.T, what string, ranges []string, holds func(int) bool) {
	t.Helper()
	for _, r := range ranges {
		ports, err := rtpports.ParseRange(r)
		if err != nil {
			t.Fatal(err)
		}
		for p := ports.First; p <= ports.Last; p++ {
			if !holds(p) {
				t.Errorf("port %d is said to be %s, which it is not", p, what)
				return
			}
		}
	}
}

func TestAFullTableIsNoBlockedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, FlowLimit: 1000}, nil)
		defer o.stop()
		res, f := o.check(t, func(in *checks.Inputs) { in.Full, in.Fast, in.RTPRange = true, true, "10000-29999" })
		if len(f.BlockedOutbound)+len(f.BlockedReturn) > 0 {
			t.Errorf("blocked: %v, %v", f.BlockedOutbound, f.BlockedReturn)
		}
		if f.RouterSessions < 900 || f.RouterSessions > 1000 {
			t.Errorf("the router is said to hold %d sessions, it holds 1000", f.RouterSessions)
		}
		if !slices.ContainsFunc(res.Findings, func(f checks.Finding) bool { return f.ID == "rtp-ports.router-table" }) {
			t.Errorf("nobody names the router: %s", explain(res))
		}
	})
}

// The default is made for that router: a quarter of its table.
func TestThePoliteSweepLeavesRoomInTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, FlowLimit: 4096}, nil)
		defer o.stop()
		begin := time.Now()
		res, _ := o.check(t, nil)
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("the default run took %s", took)
		}
		if flows := o.Routers[0].Flows(); res.Status != checks.Pass || flows > 1500 {
			t.Errorf("%d flows in the router's table; %s", flows, explain(res))
		}
	})
}

func TestOurOwnSourcePortMayBeBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
		defer o.stop()
		o.Routers[0].Update(blockSources(10000))
		res, f := o.check(t, nil)
		want := outcome{[]string{"10000-65535"}, []string{}, []string{}, []string{}, []string{"rtp-ports.source-port"}, checks.Warn}
		if diff := cmp.Diff(want, outcomeOf(res, f)); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
		}
		if strings.Contains(f.Source, ":") && f.Source[strings.LastIndexByte(f.Source, ':')+1:] >= "9999" {
			t.Errorf("asked from %s", f.Source)
		}
	})
}

// The few ports that are asked first are all blocked now and then, where most are. That
// others answer later is no sign that our own port decides.
func TestBlockedPortsAreNotTakenForABlockedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(10008, 65535)}}, nil)
		defer o.stop()
		want := outcome{[]string{"10000-10007"}, []string{"10008-10999"}, []string{}, []string{}, []string{"rtp-ports.blocked-outbound"}, checks.Fail}
		res, f := o.check(t, func(in *checks.Inputs) { in.RTPRange, in.Full, in.Fast = "10000-10999", true, true })
		if diff := cmp.Diff(want, outcomeOf(res, f)); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
		}
	})
}

func TestWithoutAResponderItIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
		defer o.stop()
		if res, _ := o.check(t, func(in *checks.Inputs) { in.Responder = "" }); res.Status != checks.Skip || !strings.Contains(res.Reason, "--responder") {
			t.Error(explain(res))
		}
	})
}

func TestAResponderWithoutTheRangeIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name        string
		first, last int
		asked, want string
	}{
		{"no RTP ports at all", -1, -1, "", "answers on no RTP ports"},
		{"other ports than asked", 20000, 21000, "10000-20500", "answers on 20000-21000 only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, func(c *responder.Config) { c.RTPFirst, c.RTPLast = tt.first, tt.last })
				defer o.stop()
				res, _ := o.check(t, func(in *checks.Inputs) { in.RTPRange = tt.asked })
				if res.Status != checks.Inconclusive || !strings.Contains(res.Reason, tt.want) {
					t.Error(explain(res))
				}
			})
		})
	}
}

// A program at the responder owns one of the ports; no verdict about the way
// follows from that.
func TestAPortInUseAtTheResponderIsNotBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
		defer o.stop()
		pbx, err := o.Responder.OpenUDP(t.Context(), anyAt(20000))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = pbx.Close() }()
		res, f := o.check(t, func(in *checks.Inputs) { in.RTPRange, in.Full, in.Fast = "19900-20100", true, true })
		want := outcome{[]string{"19900-19999", "20001-20100"}, []string{}, []string{}, []string{"20000"}, nil, checks.Inconclusive}
		if diff := cmp.Diff(want, outcomeOf(res, f)); diff != "" || !strings.Contains(res.Reason, "other programs at the responder") {
			t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
		}
	})
}

func TestWhatWasLearntSurvivesTheResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
		stopped := false
		time.AfterFunc(3*time.Second, func() { stopped = true; go o.stop() })
		res, f := o.check(t, nil)
		if !stopped || res.Status != checks.Inconclusive || len(f.BlockedOutbound)+len(f.BlockedReturn) > 0 || len(f.Open) == 0 {
			t.Errorf("%+v\n%s", f, explain(res))
		}
		time.Sleep(time.Minute)
	})
}

// A firewall that says no by ICMP is named with its address, beside the ports.
func TestTheHopThatProhibitsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
		defer o.stop()
		o.Routers[0].Update(rejectPorts(20000, 29999))
		res, f := o.check(t, nil)
		if diff := cmp.Diff([]string{"20000-29999"}, f.BlockedOutbound); diff != "" {
			t.Errorf("%s\n%s", diff, explain(res))
		}
		said := ""
		for _, e := range res.Findings[0].Evidence {
			if e.Name == "ICMP from "+lab.RouterAddr {
				said = e.Got
			}
		}
		if !strings.HasPrefix(said, "communication administratively prohibited, about ") || !strings.HasSuffix(said, "ports, 20000-29999") {
			t.Errorf("the router is said to have said %q", said)
		}
	})
}
