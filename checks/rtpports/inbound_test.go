package rtpports_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// heard is what a test from outside comes to.
type heard struct {
	Arrives, Silent, InUse, Unknown []string
	Moved                           []rtpports.MovedFact
	LostPct                         int
	Findings                        []string
	Status                          checks.Status
}

func heardOf(res *checks.Result, f rtpports.Facts) heard {
	h := heard{Status: res.Status}
	for _, g := range res.Findings {
		if strings.Contains(g.ID, ".inbound-") || strings.HasSuffix(g.ID, ".conf") {
			h.Findings = append(h.Findings, strings.TrimPrefix(g.ID, "rtp-ports."))
		}
	}
	if i := f.Inbound; i != nil {
		h.Arrives, h.Silent, h.InUse, h.Unknown, h.Moved, h.LostPct = i.Arrives, i.Silent, i.InUse, i.Unknown, i.Moved, i.LostCallsPct
	}
	return h
}

func forward(first, last int) lab.Forward {
	return lab.Forward{Port: first, LastPort: last, To: lab.PhoneAddr}
}

// fromOutside tests a PBX with the range 10000-20000, and the way out only
// where that is needed as a control.
func fromOutside(in *checks.Inputs) {
	in.Inbound, in.Fast, in.RTPRange = true, true, "10000-20000"
}

func TestWhatDoesNotReachThePBXIsToldToTheExactPort(t *testing.T) {
	none := []string{}
	still := []rtpports.MovedFact{}
	whole := []string{"10000-20000"}
	tests := []struct {
		name    string
		forward []lab.Forward
		loss    int
		in      func(*checks.Inputs)
		want    heard
	}{
		{"the whole range is forwarded", []lab.Forward{forward(10000, 20000)}, 0, nil,
			heard{whole, none, none, none, still, 0, nil, checks.Pass}},
		{"a third is missing", []lab.Forward{forward(10000, 13999), forward(17600, 20000)}, 0, nil,
			heard{[]string{"10000-13999", "17600-20000"}, []string{"14000-17599"}, none, none, still, 36, []string{"inbound-missing"}, checks.Fail}},
		{"the same on a bad line", []lab.Forward{forward(10000, 13999), forward(17600, 20000)}, 5, nil,
			heard{[]string{"10000-13999", "17600-20000"}, []string{"14000-17599"}, none, none, still, 36, []string{"inbound-missing"}, checks.Fail}},
		{"the rule ends one port early", []lab.Forward{forward(10000, 19999)}, 0, nil,
			heard{[]string{"10000-19999"}, []string{"20000"}, none, none, still, 1, []string{"inbound-missing"}, checks.Fail}},
		{"a gap of sixteen ports", []lab.Forward{forward(10000, 12345), forward(12362, 20000)}, 0, nil,
			heard{[]string{"10000-12345", "12362-20000"}, []string{"12346-12361"}, none, none, still, 1, []string{"inbound-missing"}, checks.Fail}},
		{"nothing is forwarded", nil, 0, nil,
			heard{none, whole, none, none, still, 100, []string{"inbound-none"}, checks.Fail}},
		{"every port, one missing", []lab.Forward{forward(10000, 10033), forward(10035, 10100)}, 0,
			func(in *checks.Inputs) { in.Full, in.RTPRange = true, "10000-10100" },
			heard{[]string{"10000-10033", "10035-10100"}, []string{"10034"}, none, none, still, 1, []string{"inbound-missing"}, checks.Fail}},
		{"the range of rtp.conf", []lab.Forward{forward(10000, 20000)}, 0,
			func(in *checks.Inputs) {
				in.RTPRange, in.RTPConf = "", &netinfo.RTPConf{File: "/etc/asterisk/rtp.conf", First: 10000, Last: 20100}
			},
			heard{whole, []string{"20001-20100"}, none, none, still, 1, []string{"inbound-missing"}, checks.Fail}},
		{"rtp.conf is empty and the firewall open as in the book", []lab.Forward{forward(10000, 20000)}, 0,
			func(in *checks.Inputs) {
				in.RTPRange, in.RTPConf = "", &netinfo.RTPConf{File: "/etc/asterisk/rtp.conf", First: 5000, Last: 31000, Default: true}
			},
			heard{whole, []string{"5000-9999", "20001-31000"}, none, none, still, 62, []string{"inbound-missing", "conf"}, checks.Fail}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, i, lab.Router{NAT: lab.Preserving, Forward: tt.forward, LossPercent: tt.loss}, nil)
				defer o.stop()
				res, f := o.check(t, func(in *checks.Inputs) {
					fromOutside(in)
					if tt.in != nil {
						tt.in(in)
					}
				})
				if diff := cmp.Diff(tt.want, heardOf(res, f)); diff != "" {
					t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
				}
			})
		})
	}
}

// The PBX has calls: its ports are left alone, and what lies between ports that
// arrive is concluded from them.
func TestPortsOfThePBXItselfAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, Forward: []lab.Forward{forward(10000, 20000)}}, nil)
		defer o.stop()
		pbx, err := o.Phone.OpenUDP(t.Context(), anyAt(10032)) // the sample asks 10000, 10016, 10032 …
		if err != nil {
			t.Fatal(err)
		}
		last, err := o.Phone.OpenUDP(t.Context(), anyAt(20000))
		if err != nil {
			t.Fatal(err)
		}
		defer last.Close()
		got := make(chan int, 1)
		go func() {
			n := 0
			for buf := make([]byte, 2048); ; n++ {
				if _, err := pbx.ReadFrom(buf); err != nil {
					got <- n
					return
				}
			}
		}()
		res, f := o.check(t, fromOutside)
		_ = pbx.Close()
		want := heard{[]string{"10000-19984"}, []string{}, []string{"20000"}, []string{"19985-19999"}, []rtpports.MovedFact{}, 0, nil, checks.Inconclusive}
		if diff := cmp.Diff(want, heardOf(res, f)); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
		}
		if n := <-got; n != 0 {
			t.Errorf("a call on the PBX got %d packets of the test", n)
		}
	})
}

// What a technician does about it: the remedy names this machine and its range.
func TestTheCureForwardsTheRangeToThisMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 2, lab.Router{NAT: lab.Preserving}, nil)
		defer o.stop()
		res, _ := o.check(t, fromOutside)
		text := fmt.Sprintf("%+v", res.Findings)
		for _, want := range []string{"no call would have audio from outside", "10000-20000", "inside address " + lab.PhoneAddr} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
	})
}

// A carrier shares one address among its customers; the router on the way out
// shows it.
func TestACarriersNATIsNamedAsTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := lab.Find("pbx-carrier-nat")
		o := newOfficeOf(t, s, nil)
		defer o.stop()
		res, f := o.check(t, fromOutside)
		want := heard{[]string{}, []string{"10000-20000"}, []string{}, []string{}, []rtpports.MovedFact{}, 100, []string{"inbound-carrier"}, checks.Fail}
		if diff := cmp.Diff(want, heardOf(res, f)); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
		}
		if text := fmt.Sprint(res.Findings); !strings.Contains(text, "100.64.0.1") {
			t.Errorf("the carrier's router is not in the evidence: %s", text)
		}
	})
}

// Silence of everything proves nothing about forwarding where UDP does not
// pass at all.
func TestWhereNoUDPPassesNothingIsSaidOfForwarding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 3, lab.Router{NAT: lab.Preserving, Block: []lab.Block{{Protocol: "udp"}}}, nil)
		defer o.stop()
		res, f := o.check(t, fromOutside)
		if len(res.Findings) > 0 || res.Status != checks.Inconclusive || f.Inbound != nil {
			t.Errorf("%+v\n%s", f, explain(res))
		}
		if !strings.Contains(res.Reason, "perhaps UDP does not pass") {
			t.Errorf("the reason is %q", res.Reason)
		}
	})
}

func TestAnInterruptedTestFromOutsideKeepsWhatItHasLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 4, lab.Router{NAT: lab.Preserving, Forward: []lab.Forward{forward(10000, 20000)}}, nil)
		defer o.stop()
		res, f := o.interrupted(t, 2, func(in *checks.Inputs) { fromOutside(in); in.Fast = false })
		if f.Inbound == nil || f.Inbound.PortsProbed < 100 || f.Inbound.PortsProbed > 400 {
			t.Fatalf("after 2 s: %+v\n%s", f.Inbound, explain(res))
		}
		if len(f.Inbound.Silent) > 0 {
			t.Errorf("silent after one try each: %v", f.Inbound.Silent)
		}
	})
}

func TestNobodyIsSentTwoTestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 5, lab.Router{NAT: lab.Preserving, Forward: []lab.Forward{forward(10000, 20000)}}, nil)
		defer o.stop()
		for range 2 { // the second begins while the first one's rest is on
			res, f := o.check(t, fromOutside)
			if f.Inbound == nil || len(f.Inbound.Arrives) != 1 || res.Status != checks.Pass {
				t.Fatal(explain(res))
			}
		}
	})
}
