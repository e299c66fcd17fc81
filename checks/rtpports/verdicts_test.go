package rtpports

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// resultOf is what is said of an observation behind a router with cures.
func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, &netinfo.Host{Router: &netinfo.Router{Platform: "mikrotik"}})
}

// verdictOf is what a result comes to: "fail all-blocked critical likely";
// findings with cures have a plus.
func verdictOf(r checks.Result) string {
	s := string(r.Status)
	for _, f := range r.Findings {
		s += " " + strings.TrimPrefix(f.ID, "rtp-ports.") + " " + string(f.Severity) + " " + string(f.Confidence)
		if len(f.Fixes) > 0 {
			s += " +"
		}
	}
	return s
}

// ports is a run in which every port was asked.
func ports(first, last int, state string) Run {
	return Run{First: first, Last: last, Asked: last - first + 1, State: state}
}

// swept is a sweep of the ports 10000 to 10099.
func swept(runs ...Run) Observed {
	return Observed{
		Responder: "pbx.example.net", Target: netip.MustParseAddr("198.51.100.2"), Range: "10000-10099", Mode: modeFull, Bitmap: true, Runs: runs,
		Sources: []Source{{Local: netip.MustParseAddrPort("192.0.2.7:40000"), Sent: 100, Answered: 100}},
	}
}

func with(o Observed, change func(*Observed)) Observed {
	change(&o)
	return o
}

func TestWhatASweepComesTo(t *testing.T) {
	open := ports(10000, 10099, stateOpen)
	half := func(state string) Observed { return swept(ports(10000, 10049, stateOpen), ports(10050, 10099, state)) }
	all := func(state string) Observed { return swept(ports(10000, 10099, state)) }
	plain := func(p Plain) Observed { return with(swept(open), func(o *Observed) { o.Plain = &p }) }
	from := func(answered ...int) Observed {
		return with(swept(open), func(o *Observed) {
			o.Sources = nil
			for i, n := range answered {
				o.Sources = append(o.Sources, Source{Local: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), uint16(40000+i)), Sent: 100, Answered: n})
			}
		})
	}
	for _, c := range []struct {
		name string
		o    Observed
		want string
	}{
		{"all pass", swept(open), "pass"},
		{"half do not get out", half(stateOutbound), "fail blocked-outbound critical certain +"},
		{"half do not come back", half(stateReturn), "fail blocked-return critical certain +"},
		{"both", swept(ports(10000, 10009, stateOutbound), ports(10010, 10019, stateReturn), ports(10020, 10099, stateOpen)),
			"fail blocked-outbound critical certain + blocked-return critical certain +"},
		{"one port only passes", swept(ports(10000, 10098, stateOutbound), ports(10099, 10099, stateOpen)), "fail blocked-outbound critical certain +"},
		{"none gets out", all(stateOutbound), "fail all-blocked critical likely +"},
		{"none comes back", all(stateReturn), "fail all-blocked critical likely +"},
		{"this computer stops half of them", half(stateLocal), "fail local-filter critical certain"},
		{"this computer stops all of them", all(stateLocal), "fail local-filter critical certain"},
		{"this computer stops some, the router others", swept(ports(10000, 10049, stateLocal), ports(10050, 10059, stateOutbound), ports(10060, 10099, stateOpen)),
			"fail local-filter critical certain blocked-outbound critical certain +"},
		{"this computer and the router stop all of them", swept(ports(10000, 10049, stateLocal), ports(10050, 10099, stateReturn)),
			"fail local-filter critical certain blocked-return critical certain +"},
		{"nobody knows about half of them", half(stateUnknown), "inconclusive"},
		{"nobody knows which way half of them are stopped", half(stateSilent), "inconclusive"},
		{"half of them are in use", half(stateBusy), "inconclusive"},
		{"one was not asked", swept(ports(10000, 10098, stateOpen)), "inconclusive"},
		{"the first was not asked", swept(ports(10001, 10099, stateOpen)), "inconclusive"},
		{"no responder", with(swept(open), func(o *Observed) { o.Responder = "" }), "skip"},
		{"the responder does not answer", with(swept(open), func(o *Observed) { o.ResponderError = "refused" }), "inconclusive"},
		{"no range", with(swept(open), func(o *Observed) { o.Range = "?" }), "inconclusive"},

		{"the table was full", with(swept(open), func(o *Observed) { o.Trips = []Trip{{Answered: 900, Step: true}} }), "warn router-table warning likely"},
		{"the line was bad for a moment", with(swept(open), func(o *Observed) { o.Trips = []Trip{{Answered: 900}} }), "pass"},

		{"a blocked port answers what is no RTP", with(half(stateOutbound), func(o *Observed) { o.Plain = &Plain{BlockedAsked: 8, BlockedAnswered: 1} }),
			"fail blocked-outbound critical certain + rtp-dropped critical certain"},
		{"a blocked port answers nothing", with(half(stateOutbound), func(o *Observed) { o.Plain = &Plain{BlockedAsked: 8} }), "fail blocked-outbound critical certain +"},
		{"open ports answer RTP only", plain(Plain{OpenAsked: plainPorts}), "pass only-rtp info likely"},
		{"too few of them were asked", plain(Plain{OpenAsked: plainPorts - 1}), "pass"},
		{"one of them answers anything", plain(Plain{OpenAsked: plainPorts, OpenAnswered: 1}), "pass"},

		{"the second of our ports did it", from(0, 100), "warn source-port warning likely"},
		{"one answer is enough", from(0, 1), "warn source-port warning likely"},
		{"none of our ports did it", from(0, 0), "pass"},
		{"the first did it", from(100), "pass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if got := verdictOf(r); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if (r.Status == checks.Inconclusive) != (r.Reason != "" && r.Status != checks.Skip) {
				t.Errorf("%s: %q", r.Status, r.Reason)
			}
		})
	}
}

// Who reads "100 %" believes that nothing passes, and of "0 %" that all does.
func TestTheShareOfBlockedPorts(t *testing.T) {
	for _, c := range []struct{ n, size, want int }{
		{0, 100, 0}, {1, 100, 1}, {1, 55536, 1}, {55535, 55536, 99}, {100, 100, 100}, {995, 1000, 99}, {145, 1000, 15}, {144, 1000, 14}, {1, 1, 100}, {0, 1, 0},
	} {
		if got := percent(c.n, c.size); got != c.want {
			t.Errorf("%d of %d ports are %d %%, want %d", c.n, c.size, got, c.want)
		}
	}
	whole := func(size, blocked int, state string) view {
		return conclude(netinfo.PortRange{First: 1, Last: size}, []Run{ports(1, blocked, state)})
	}
	for _, c := range []struct {
		name          string
		size, blocked int
		want          int // 0: fewer than 1 %
	}{
		{"one of a hundred", 100, 1, 1}, {"less than one in a hundred", 101, 1, 0}, {"all", 100, 100, 100}, {"half", 100, 50, 50},
	} {
		if got := (outView{view: whole(c.size, c.blocked, stateOutbound)}).calls(); got.Args["share"] != c.want || got.Args["outside"] != false {
			t.Errorf("%s: %v, want %d", c.name, got, c.want)
		}
		if got := (inView{view: whole(c.size, c.blocked, inSilent)}).calls(); got.Args["share"] != c.want || got.Args["outside"] != true {
			t.Errorf("%s, from outside: %v, want %d", c.name, got, c.want)
		}
	}
}

func TestTheFactsOfASweep(t *testing.T) {
	o := swept(Run{First: 10000, Last: 10049, Asked: 10, State: stateOpen}, Run{First: 10050, Last: 10059, Asked: 5, State: stateReturn},
		ports(10060, 10069, stateUnknown), ports(10070, 10079, stateBusy), ports(10080, 10089, stateSilent), ports(10090, 10094, stateLocal), ports(10095, 10099, stateOutbound))
	o.Sources = append(o.Sources, Source{Local: netip.MustParseAddrPort("192.0.2.7:40001")})
	o.Canaries, o.CanariesLost, o.Late, o.ElapsedMS, o.Trips = 20, 2, 1, 1260, []Trip{{Answered: 1}, {Answered: 900, Step: true}, {Answered: 2, Step: true}}
	want := Facts{
		Range: "10000-10099", Mode: modeFull, PortsProbed: 35, Open: []string{"10000-10049"}, BlockedOutbound: []string{"10090-10099"},
		BlockedReturn: []string{"10050-10059"}, Unknown: []string{"10060-10089"}, LossPct: 10, ElapsedS: 1.3, Source: "192.0.2.7:40001", BlockedPct: 20, RouterSessions: 900,
	}
	if diff := cmp.Diff(want, resultOf(t, o).Facts); diff != "" {
		t.Error(diff)
	}
	if f := resultOf(t, swept()).Facts.(Facts); f.LossPct != 0 {
		t.Errorf("loss of nothing: %+v", f)
	}
}

// The summary names what is stopped and how much was looked at.
func TestTheSummaryOfASweep(t *testing.T) {
	for _, c := range []struct {
		name     string
		o        Observed
		has, not []string
	}{
		{"all asked", swept(ports(10000, 10099, stateOpen)), []string{"all 100", "10000-10099"}, []string{"sampled"}},
		{"sampled", swept(Run{First: 10000, Last: 10099, Asked: 99, State: stateOpen}), []string{"sampled 99 of 100"}, []string{"all"}},
		{"nothing is known", swept(ports(10000, 10099, stateUnknown)), []string{"10000-10099"}, []string{"open"}},
		{"half is known", swept(ports(10000, 10049, stateOpen)), []string{"50 of 100", "open"}, []string{"10000-10099"}},
		{"none passes", swept(ports(10000, 10099, stateOutbound)), []string{"10000-10099"}, []string{"outbound", "back"}},
		{"on the way out", swept(ports(10000, 10049, stateOpen), ports(10050, 10099, stateOutbound)), []string{"outbound 10050-10099"}, []string{"back"}},
		{"on the way back", swept(ports(10000, 10049, stateOpen), ports(10050, 10099, stateReturn)), []string{"back 10050-10099"}, []string{"outbound"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := resultOf(t, c.o).Summary
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

// Of several reasons the one that explains most is said.
func TestWhyPortsAreLeftOpenToQuestion(t *testing.T) {
	gaveUp := func(o *Observed) { o.GaveUp = "the line is too bad" }
	noBitmap := func(o *Observed) { o.Bitmap, o.BitmapError = false, "the responder is gone" }
	unproved := func(o *Observed) { o.Unproved = 1 }
	busy := func(o *Observed) { o.Runs = []Run{ports(10000, 10098, stateOpen), ports(10099, 10099, stateBusy)} }
	sendError := func(o *Observed) { o.SendError = "no route" }
	reason := func(changes ...func(*Observed)) string {
		o := swept(ports(10000, 10098, stateOpen), ports(10099, 10099, stateUnknown))
		for _, change := range changes {
			change(&o)
		}
		return resultOf(t, o).Reason
	}
	all := []func(*Observed){sendError, busy, unproved, noBitmap, gaveUp}
	seen := map[string]bool{reason(): true}
	for i := range all {
		r := reason(all[i])
		if seen[r] {
			t.Errorf("%q is said of two", r)
		}
		seen[r] = true
		if got := reason(all[:i+1]...); got != r {
			t.Errorf("%q, want %q", got, r)
		}
		if !strings.Contains(r, "10099") {
			t.Errorf("%q does not say which", r)
		}
	}
	for name, c := range map[string]func(*Observed){
		"the responder said what arrived":              func(o *Observed) { o.BitmapError = "late" },
		"nobody knows why it did not":                  func(o *Observed) { o.Bitmap = false },
		"this computer's filter has a finding already": func(o *Observed) { o.SendError, o.LocalFilter = "not permitted", 1 },
	} {
		if got := reason(c); got != reason() {
			t.Errorf("%s: %q, want %q", name, got, reason())
		}
	}
	refused := with(swept(), func(o *Observed) { o.ResponderError, o.Range = "refused", "?" })
	if r := resultOf(t, refused); r.Reason != "refused" {
		t.Errorf("%q, want what the responder said", r.Reason)
	}
	if r := resultOf(t, with(swept(), func(o *Observed) { o.Range = "?" })); r.Facts != nil || strings.Contains(r.Reason, reason()) {
		t.Errorf("of ports that nobody names: %+v, %q", r.Facts, r.Reason)
	}
}

// A report from elsewhere may hold anything; nothing is claimed of ports that
// it names twice, backwards or outside.
func TestRunsThatNoSweepMakes(t *testing.T) {
	whole := netinfo.PortRange{First: 10, Last: 19}
	for _, c := range []struct {
		name string
		runs []Run
		want []verdict
	}{
		{"none", nil, []verdict{{netinfo.PortRange{First: 10, Last: 19}, stateUnknown}}},
		{"all of it", []Run{ports(10, 19, stateOpen)}, []verdict{{netinfo.PortRange{First: 10, Last: 19}, stateOpen}}},
		{"one before the range", []Run{ports(9, 12, stateOutbound)}, []verdict{{netinfo.PortRange{First: 10, Last: 19}, stateUnknown}}},
		{"one behind the range", []Run{ports(12, 20, stateOutbound)}, []verdict{{netinfo.PortRange{First: 10, Last: 19}, stateUnknown}}},
		{"backwards", []Run{{First: 14, Last: 12, State: stateOutbound}}, []verdict{{netinfo.PortRange{First: 10, Last: 19}, stateUnknown}}},
		{"twice", []Run{ports(10, 14, stateOpen), ports(14, 19, stateOutbound)}, []verdict{{netinfo.PortRange{First: 10, Last: 14}, stateOpen}, {netinfo.PortRange{First: 15, Last: 19}, stateUnknown}}},
		{"one port", []Run{ports(10, 18, stateOpen), ports(19, 19, stateOutbound)}, []verdict{{netinfo.PortRange{First: 10, Last: 18}, stateOpen}, {netinfo.PortRange{First: 19, Last: 19}, stateOutbound}}},
		{"neighbours of one state", []Run{ports(10, 12, stateOpen), ports(13, 19, stateOpen)}, []verdict{{netinfo.PortRange{First: 10, Last: 19}, stateOpen}}},
		{"the same state apart", []Run{ports(10, 12, stateOpen), ports(15, 19, stateOpen)}, []verdict{{netinfo.PortRange{First: 10, Last: 12}, stateOpen}, {netinfo.PortRange{First: 13, Last: 14}, stateUnknown}, {netinfo.PortRange{First: 15, Last: 19}, stateOpen}}},
	} {
		if diff := cmp.Diff(c.want, conclude(whole, c.runs).verdicts, cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestRangesThatTouchAreOne(t *testing.T) {
	v := view{verdicts: []verdict{{netinfo.PortRange{First: 1, Last: 2}, stateUnknown}, {netinfo.PortRange{First: 3, Last: 4}, stateBusy}, {netinfo.PortRange{First: 5, Last: 6}, stateOpen}, {netinfo.PortRange{First: 7, Last: 8}, stateSilent}}}
	if got := fmt.Sprint(v.list(stateUnknown, stateBusy, stateSilent)); got != "[1-4 7-8]" {
		t.Error(got)
	}
	if got := v.count(stateBusy, stateSilent); got != 4 {
		t.Errorf("%d ports", got)
	}
	six := []string{"1", "2", "3", "4", "5", "6"}
	for more, list := range [][]string{six, append(six, "7")} {
		if got := portList(list).Args; len(got["list"].([]string)) != len(six) || got["more"] != more {
			t.Errorf("%d ranges are shown as %v", len(list), got)
		}
	}
}

// The size of a table is known to two digits, no better.
func TestASizeIsRounded(t *testing.T) {
	for n, want := range map[int]int{0: 0, 9: 9, 99: 99, 100: 100, 104: 100, 105: 110, 999: 1000, 1004: 1000, 1009: 1000, 16384: 16000} {
		if got := twoDigits(n); got != want {
			t.Errorf("%d is about %d, want %d", n, got, want)
		}
	}
	o := swept(ports(10000, 10099, stateOpen))
	o.Trips = []Trip{{Answered: 100, Failed: 3}, {Answered: 2000, Failed: 77, Step: true}, {Answered: 300, Failed: 5}}
	f := resultOf(t, o).Findings[0]
	if text := fmt.Sprint(f); !strings.Contains(f.Title, "2,000") || !strings.Contains(text, "77") || !strings.Contains(f.Advice[0], "500") {
		t.Errorf("%+v", f)
	}
	o.Trips = []Trip{{Answered: 1000, Step: true}}
	if f := resultOf(t, o).Findings[0]; !strings.Contains(f.Advice[0], "256") {
		t.Errorf("no sweep goes on with less than 256 entries: %q", f.Advice)
	}
}

// The evidence names who said no, what was asked from where, and the control.
func TestTheEvidenceOfBlockedPorts(t *testing.T) {
	names := func(o Observed) (out []string) {
		for _, e := range resultOf(t, o).Findings[0].Evidence {
			out = append(out, e.Name)
		}
		return out
	}
	o := swept(ports(10000, 10049, stateOpen), ports(10050, 10099, stateOutbound))
	bare := with(o, func(o *Observed) { o.Sources = nil })
	least := len(names(bare))
	for name, c := range map[string]func(*Observed){
		"a hop that said no":           func(o *Observed) { o.ICMP = []ICMP{{Hop: netip.MustParseAddr("192.0.2.1"), Meaning: "prohibited"}} },
		"the port that was asked from": func(o *Observed) { o.Sources = []Source{{Local: netip.MustParseAddrPort("192.0.2.7:40000")}} },
		"one control":                  func(o *Observed) { o.Canaries = 1 },
	} {
		if got := names(with(bare, c)); len(got) != least+1 {
			t.Errorf("%s: %q", name, got)
		}
	}
	text := func(o Observed) string { return fmt.Sprint(resultOf(t, o).Findings[0].Evidence) }
	none := swept(ports(10000, 10099, stateOutbound))
	none.Sources = append(none.Sources, Source{Local: netip.MustParseAddrPort("192.0.2.7:7001")})
	if s := text(none); !strings.Contains(s, "none") || !strings.Contains(s, "40000 and 7001") {
		t.Error(s)
	}
	if s := text(o); strings.Contains(s, "none") {
		t.Error(s)
	}
	out, back := resultOf(t, none).Findings[0], resultOf(t, swept(ports(10000, 10099, stateReturn))).Findings[0]
	if out.Explanation == back.Explanation {
		t.Error("the ways out and back are one")
	}
	moved := with(swept(ports(10000, 10099, stateOpen)), func(o *Observed) {
		o.Sources = append(o.Sources, Source{Local: netip.MustParseAddrPort("192.0.2.7:7001"), Answered: 1})
	})
	if f := resultOf(t, moved).Findings[0]; f.Evidence[0].Want != "40000" || f.Evidence[0].Got != "192.0.2.7:7001" {
		t.Errorf("%+v", f.Evidence)
	}
}

// A problem is a message in every language, whoever found it.
func TestEveryProblemIsAMessage(t *testing.T) {
	book := checks.BookOf([]*checks.Check{Check()})
	for p, want := range map[string]string{
		noRTPPorts:                              "no-rtp-ports",
		otherPorts + " 20000-21000 10000-20500": "other-ports",
		rangeTooLow + " 512 1024":               "range-too-low",
		openPortsSilent:                         "open-ports-silent",
		halfLost:                                "half-lost",
		tableFull:                               "table-full",
		tableFull + " 600":                      "table-full-slow",
		responderLimit:                          "responder-limit",
		notSent + " 203.0.113.9":                "not-sent",
		wentSilent:                              "went-silent",
		"no route":                              "problem",
	} {
		got := problem(words.Cause(p))
		if got.ID != "rtp-ports.reason."+want {
			t.Errorf("%s: %s, want %s", p, got.ID, want)
		}
		for _, l := range words.Languages() {
			if s, err := book.Fill(l, got); err != nil || want != "problem" && strings.Contains(s, p) {
				t.Errorf("%s in %s: %q, %v", p, l, s, err)
			}
		}
	}
}
