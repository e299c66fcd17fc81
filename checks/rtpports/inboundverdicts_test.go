package rtpports

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// tried is a run of ports that were all tried from outside; at is where the
// first of a moved one arrived.
func tried(first, last int, state string, at ...int) InRun {
	r := InRun{First: first, Last: last, Asked: last - first + 1, State: state}
	if len(at) > 0 {
		r.To, r.ToLast = at[0], at[0]+last-first
	}
	return r
}

// called is a PBX behind a router, on whose ports 10000 to 10099 the responder
// called; the way out passes.
func called(runs ...InRun) Observed {
	o := swept(ports(10000, 10099, stateOpen))
	o.Inbound = &Inbound{
		Range: "10000-10099", Method: methodWatch, Public: netip.MustParseAddr("203.0.113.9"), Local: netip.MustParseAddr("192.168.88.10"), Sent: 300, Elapsed: 1260, Runs: runs,
	}
	return o
}

func TestWhatATestFromOutsideComesTo(t *testing.T) {
	arrives, silent := tried(10000, 10099, inArrives), tried(10000, 10099, inSilent)
	change := func(o Observed, f func(*Inbound)) Observed {
		f(o.Inbound)
		return o
	}
	direct := func(i *Inbound) { i.Public = i.Local }
	unknown := func(i *Inbound) { i.Public = netip.Addr{} }
	for _, c := range []struct {
		name string
		o    Observed
		want string
	}{
		{"all arrives", called(arrives), "pass"},
		{"half is not forwarded", called(tried(10000, 10049, inArrives), tried(10050, 10099, inSilent)), "fail inbound-missing critical certain +"},
		{"half is not let in", change(called(tried(10000, 10049, inArrives), tried(10050, 10099, inSilent)), direct), "fail inbound-missing critical certain"},
		{"nothing is forwarded", called(silent), "fail inbound-none critical likely +"},
		{"nothing is let in", change(called(silent), direct), "fail inbound-none critical likely"},
		{"nothing arrives, and nobody knows our address", change(called(silent), unknown), "fail inbound-none critical likely"},
		{"half is silent, half moved", called(tried(10000, 10049, inSilent), tried(10050, 10099, inMoved, 20050)), "fail inbound-missing critical certain + inbound-moved critical certain +"},
		{"half is silent, this machine drops half", called(tried(10000, 10049, inSilent), tried(10050, 10099, inFiltered)), "fail inbound-missing critical certain + inbound-local-firewall critical certain"},
		{"all of it is moved", called(tried(10000, 10099, inMoved, 20000)), "fail inbound-moved critical certain +"},
		{"this machine drops all of it", called(tried(10000, 10099, inFiltered)), "fail inbound-local-firewall critical certain"},
		{"a port in use at the end", called(tried(10000, 10098, inArrives), tried(10099, 10099, stateBusy)), "inconclusive"},
		{"a port in use in the middle", called(tried(10000, 10049, inArrives), tried(10050, 10050, stateBusy), tried(10051, 10099, inArrives)), "pass"},
		{"all of it is in use", called(tried(10000, 10099, stateBusy)), "inconclusive"},
		{"nobody knows", called(tried(10000, 10099, stateUnknown)), "inconclusive"},
		{"one port was not tried", called(tried(10000, 10098, inArrives)), "inconclusive"},
		{"nothing arrives, and no answer either", func() Observed {
			o := called(silent)
			o.Runs = []Run{ports(10000, 10099, stateUnknown)}
			return o
		}(), "inconclusive"},
		{"some arrives, and no answer", func() Observed {
			o := called(tried(10000, 10049, inArrives), tried(10050, 10099, inSilent))
			o.Runs = []Run{ports(10000, 10099, stateUnknown)}
			return o
		}(), "fail inbound-missing critical certain +"},
		{"it ended early", func() Observed {
			o := called(arrives)
			o.InboundError = "the responder is gone"
			return o
		}(), "inconclusive"},
		{"no range", change(called(silent), func(i *Inbound) { i.Range = "" }), "pass"},
		{"no such range", change(called(silent), func(i *Inbound) { i.Range = "?" }), "pass"},

		{"rtp.conf is well", change(called(arrives), func(i *Inbound) { i.Conf = &netinfo.RTPConf{File: "rtp.conf", First: 10000, Last: 10099} }), "pass"},
		{"rtp.conf names no range", change(called(arrives), func(i *Inbound) {
			i.Conf = &netinfo.RTPConf{File: "rtp.conf", First: 10000, Last: 10099, Default: true}
		}), "warn conf warning certain"},
		{"rtp.conf is odd", change(called(arrives), func(i *Inbound) {
			i.Conf = &netinfo.RTPConf{File: "rtp.conf", First: 10000, Last: 10099, Notes: []words.Cause{"rtpend is below rtpstart"}}
		}), "warn conf warning certain"},

		{"the second router is a carrier's", change(called(silent), func(i *Inbound) { i.Hops = addrs("192.168.88.1", "100.64.0.1") }), "fail inbound-carrier critical likely"},
		{"our own router has such an address", change(called(silent), func(i *Inbound) { i.Hops = addrs("100.64.0.1", "198.51.100.1") }), "fail inbound-none critical likely +"},
		{"a carrier's router, and some arrives", change(called(tried(10000, 10049, inArrives), tried(10050, 10099, inSilent)), func(i *Inbound) { i.Hops = addrs("192.168.88.1", "100.64.0.1") }),
			"fail inbound-missing critical certain +"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := verdictOf(resultOf(t, c.o)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// The address that the router says it has outside shows a carrier's NAT, or
// that there is none.
func TestWhatTheRouterSaysOfACarriersNAT(t *testing.T) {
	for _, c := range []struct {
		name  string
		outer []netip.Addr
		hops  []netip.Addr
		want  bool
	}{
		{"nothing", nil, nil, false},
		{"a carrier's address", addrs("100.64.1.2"), nil, true},
		{"a private one", addrs("10.1.2.3"), nil, true},
		{"the ends of DS-Lite", addrs("192.0.0.2"), nil, true},
		{"the address that the Internet sees", addrs("203.0.113.9"), nil, false},
		{"that one, and a carrier's router behind it", addrs("203.0.113.9"), addrs("192.168.88.1", "100.64.0.1"), false},
		{"that one before a private one", addrs("203.0.113.9", "10.1.2.3"), nil, false},
		{"another public one", addrs("203.0.113.77"), nil, false},
		{"an IPv6 address of its own, and a carrier's", addrs("fd00::1", "100.64.1.2"), nil, true},
		{"an IPv6 address of its own", addrs("fd00::1"), nil, false},
	} {
		v := inView{o: Inbound{Public: netip.MustParseAddr("203.0.113.9"), Hops: c.hops}}
		host := &netinfo.Host{Router: &netinfo.Router{}}
		for _, a := range c.outer {
			host.Router.External = append(host.Router.External, netinfo.External{Addr: a, Method: "upnp"})
		}
		if got := v.carrier(host); got.IsZero() == c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTheFactsOfATestFromOutside(t *testing.T) {
	o := called(tried(10000, 10009, inArrives), tried(10010, 10019, inMoved, 20010), InRun{First: 10020, Last: 10029, Asked: 10, State: inMoved, To: 30009, ToLast: 30000},
		tried(10030, 10039, inFiltered), tried(10040, 10049, inSilent), tried(10050, 10059, stateBusy), tried(10060, 10069, stateUnknown))
	o.Inbound.Conf = &netinfo.RTPConf{File: "rtp.conf", First: 10000, Last: 10099}
	want := InboundFacts{
		Range: "10000-10099", ConfRange: "10000-10099", ConfFile: "rtp.conf", Public: netip.MustParseAddr("203.0.113.9"), Local: netip.MustParseAddr("192.168.88.10"), Method: methodWatch,
		Arrives: []string{"10000-10009"}, Moved: []MovedFact{{"10010-10019", "20010-20019"}, {"10020-10029", "30000-30009"}}, LocalFirewall: []string{"10030-10039"},
		Silent: []string{"10040-10049"}, InUse: []string{"10050-10059"}, Unknown: []string{"10060-10099"}, LostCallsPct: 40, PortsProbed: 60, PacketsSent: 300, ElapsedS: 1.3,
	}
	if diff := cmp.Diff(&want, resultOf(t, o).Facts.(Facts).Inbound, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	o.ResponderError = "refused" // of the sweep
	f := resultOf(t, o).Facts.(Facts)
	if f.Inbound == nil || f.Range != "10000-10099" || f.Open == nil {
		t.Errorf("without a sweep: %+v", f)
	}
	o.Inbound.Public, o.Inbound.Local = netip.Addr{}, netip.Addr{}
	if f := resultOf(t, o).Facts.(Facts).Inbound; f.Public.IsValid() || f.Local.IsValid() {
		t.Errorf("addresses that nobody knows: %+v", f)
	}
}

// What lies between two ports of one outcome shares it, whoever uses it.
func TestPortsInUseBetweenOthers(t *testing.T) {
	busy := ports(13, 14, stateBusy)
	for _, c := range []struct {
		name string
		runs []Run
		want string
	}{
		{"both arrive", []Run{ports(10, 12, inArrives), busy, ports(15, 19, inArrives)}, "[{{10 19} arrives}]"},
		{"both arrive, in a sample", []Run{ports(10, 11, inArrives), busy, ports(17, 19, inArrives)}, "[{{10 19} arrives}]"},
		{"both are silent", []Run{ports(10, 12, inSilent), busy, ports(15, 19, inSilent)}, "[{{10 19} silent}]"},
		{"both are moved", []Run{ports(10, 12, inMoved), busy, ports(15, 19, inMoved)}, "[{{10 19} moved}]"},
		{"one arrives", []Run{ports(10, 12, inArrives), busy, ports(15, 19, inSilent)}, "[{{10 12} arrives} {{13 14} busy} {{15 19} silent}]"},
		{"neither is known", []Run{ports(10, 12, stateUnknown), busy, ports(15, 19, stateUnknown)}, "[{{10 12} unknown} {{13 14} busy} {{15 19} unknown}]"},
		{"at the beginning", []Run{busy, ports(15, 19, inArrives)}, "[{{10 12} unknown} {{13 14} busy} {{15 19} arrives}]"},
		{"at the end", []Run{ports(10, 12, inArrives), busy}, "[{{10 12} arrives} {{13 14} busy} {{15 19} unknown}]"},
		{"twice", []Run{ports(10, 12, inArrives), busy, ports(15, 16, inArrives), ports(17, 17, stateBusy), ports(18, 19, inArrives)}, "[{{10 19} arrives}]"},
		{"moved apart, nothing tried between", []Run{ports(10, 12, inMoved), ports(15, 19, inMoved)}, "[{{10 12} moved} {{13 14} unknown} {{15 19} moved}]"},
	} {
		if got := fmt.Sprint(conclude(netinfo.PortRange{First: 10, Last: 19}, bridged(c.runs)).verdicts); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTheSummaryOfATestFromOutside(t *testing.T) {
	for _, c := range []struct {
		name     string
		runs     []InRun
		has, not []string
	}{
		{"all arrives", []InRun{tried(10000, 10099, inArrives)}, []string{"10000-10099 arrives"}, nil},
		{"what arrives, where some is not known", []InRun{tried(10000, 10049, inArrives)}, []string{"10000-10049 arrives"}, nil},
		{"what arrives, where some is in use", []InRun{tried(10000, 10049, inArrives), tried(10050, 10099, stateBusy)}, []string{"10000-10049 arrives"}, nil},
		{"nothing", []InRun{tried(10000, 10099, inSilent)}, []string{"10000-10099", "no call"}, []string{"forwarded"}},
		{"a part", []InRun{tried(10000, 10049, inArrives), tried(10050, 10099, inSilent)}, []string{"10050-10099 not forwarded", "50 %"}, []string{"firewall", "other ports"}},
		{"moved", []InRun{tried(10000, 10049, inArrives), tried(10050, 10099, inMoved, 1000)}, []string{"10050-10099 forwarded to other"}, []string{"firewall", "not"}},
		{"dropped here", []InRun{tried(10000, 10049, inArrives), tried(10050, 10099, inFiltered)}, []string{"10050-10099", "firewall"}, []string{"forwarded"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _ := strings.Cut(resultOf(t, called(c.runs...)).Summary, "; ")
			for _, part := range c.has {
				if !strings.Contains(s, part) {
					t.Errorf("%q has no %q", s, part)
				}
			}
			for _, part := range c.not {
				if strings.Contains(s, part) {
					t.Errorf("%q has %q", s, part)
				}
			}
		})
	}
}

// Root helps against ports in use, and against nothing else.
func TestWhyATestFromOutsideSaysLess(t *testing.T) {
	reason := func(gaveUp string, runs ...InRun) string {
		o := called(runs...)
		o.Inbound.GaveUp = gaveUp
		return resultOf(t, o).Reason
	}
	busy := reason("", tried(10000, 10098, inArrives), tried(10099, 10099, stateBusy))
	unknown := reason("", tried(10000, 10098, inArrives))
	both := reason("", tried(10000, 10097, inArrives), tried(10098, 10098, stateBusy))
	if !strings.Contains(busy, "root") || strings.Contains(unknown, "root") || strings.Contains(both, "root") || !strings.Contains(both, "10099") {
		t.Errorf("%q, %q, %q", busy, unknown, both)
	}
	if got := reason("the line is too bad", tried(10000, 10098, inArrives)); got != "the line is too bad" {
		t.Errorf("%q", got)
	}
	o := called(tried(10000, 10099, inArrives))
	o.InboundError, o.Runs = "the responder is gone", nil
	if r := resultOf(t, o); !strings.Contains(r.Reason, "; ") || !strings.Contains(r.Reason, string(o.InboundError)) {
		t.Errorf("%q has not both reasons", r.Reason)
	}
}

// Silence from outside counts only where the test went on to its end; that of
// the sweep does anyway.
func TestWhatCountsOfATestThatWasInterrupted(t *testing.T) {
	o := called(tried(10000, 10099, inSilent))
	if !judge(o, nil).KnowsUnasked {
		t.Error("the test from outside went on to its end")
	}
	o.InboundError = "interrupted"
	if judge(o, nil).KnowsUnasked {
		t.Error("what was not tried from outside was not silent")
	}
}

// What the PBX's file gets wrong is quoted.
func TestTheNotesAboutRTPConf(t *testing.T) {
	o := called(tried(10000, 10099, inArrives))
	o.Inbound.Conf = &netinfo.RTPConf{File: "rtp.conf", First: 10000, Last: 10099, Notes: []words.Cause{"rtpend is below rtpstart", "rtpstart is odd"}}
	odd := resultOf(t, o).Findings[0]
	if len(odd.Evidence) != 3 || odd.Evidence[1].Got != "rtpend is below rtpstart" {
		t.Errorf("%+v", odd.Evidence)
	}
	o.Inbound.Conf.Notes, o.Inbound.Conf.Default = nil, true
	if f := resultOf(t, o).Findings[0]; f.Title == odd.Title || f.Explanation == odd.Explanation || len(f.Evidence) != 1 {
		t.Errorf("%+v is said of a file without a range, too", f)
	}
}

// Each of these looks alike, and each has another cure.
func TestWhyNothingArrives(t *testing.T) {
	find := func(change func(*Inbound)) checks.Finding {
		o := called(tried(10000, 10099, inSilent))
		change(o.Inbound)
		return resultOf(t, o).Findings[0]
	}
	says := func(hop, meaning string) func(*Inbound) {
		return func(i *Inbound) {
			i.ICMP = []session.InboundICMP{{Hop: netip.MustParseAddr(hop), Meaning: words.Cause(meaning), Count: 1}}
		}
	}
	plain := find(func(*Inbound) {})
	if len(plain.Advice) != 2 || !strings.Contains(plain.Advice[1], "192.168.88.10") {
		t.Errorf("a rule has to name this machine: %q", plain.Advice)
	}
	if f := find(func(i *Inbound) { i.Local = netip.Addr{} }); len(f.Advice) != 1 || len(f.Fixes) == 0 {
		t.Errorf("nobody knows this machine's address: %q, %d cures", f.Advice, len(f.Fixes))
	} else if text := fmt.Sprint(f.Fixes); strings.Contains(text, "invalid") || strings.Contains(fmt.Sprint(plain.Fixes), "invalid") {
		t.Errorf("a cure that leads nowhere: %s", text)
	}
	astray := find(says("203.0.113.9", "host unreachable"))
	direct := find(func(i *Inbound) { i.Public = i.Local })
	if astray.Title == plain.Title || direct.Title == plain.Title || astray.Title == direct.Title {
		t.Errorf("%q, %q, %q", plain.Title, astray.Title, direct.Title)
	}
	for _, c := range []func(*Inbound){says("203.0.113.9", "prohibited"), says("198.51.100.1", "host unreachable")} {
		if f := find(c); f.Title != plain.Title {
			t.Errorf("%q, want %q", f.Title, plain.Title)
		}
	}
	if f := find(says("203.0.113.9", "port unreachable")); len(f.Evidence) != len(plain.Evidence)+1 {
		t.Errorf("where nothing arrives everybody's word counts: %+v", f.Evidence)
	}
	part := func(change func(*Inbound)) checks.Finding {
		o := called(tried(10000, 10049, inArrives), tried(10050, 10099, inSilent))
		change(o.Inbound)
		return resultOf(t, o).Findings[0]
	}
	some := part(func(*Inbound) {})
	for _, c := range []struct {
		name   string
		change func(*Inbound)
		more   int
	}{
		{"this machine's own word", says("203.0.113.9", "port unreachable"), 0},
		{"a hop that prohibits", says("203.0.113.9", "prohibited"), 1},
		{"rtp.conf", func(i *Inbound) { i.Conf = &netinfo.RTPConf{File: "rtp.conf", First: 10000, Last: 10099} }, 1},
		{"no NAT on the way", func(i *Inbound) { i.Public = i.Local }, -1},
	} {
		if f := part(c.change); len(f.Evidence) != len(some.Evidence)+c.more {
			t.Errorf("%s: %+v", c.name, f.Evidence)
		}
	}
	if f := part(func(i *Inbound) { i.Public = i.Local }); f.Title == some.Title {
		t.Errorf("%q is said without a router, too", f.Title)
	}
	bars := map[string]bool{}
	for _, state := range []string{inArrives, inMoved, inSilent, stateUnknown} {
		v := view{netinfo.PortRange{First: 1, Last: 4}, []verdict{{netinfo.PortRange{First: 1, Last: 4}, state}}}
		bars[v.bar()] = true
	}
	if len(bars) != 4 {
		t.Errorf("not four pictures: %v", bars)
	}
}
