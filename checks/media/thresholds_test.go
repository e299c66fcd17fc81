package media

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, &netinfo.Host{})
}

// outcome is what a result comes to: "warn jitter warning likely".
func outcome(r checks.Result) string {
	s := string(r.Status)
	for _, f := range r.Findings {
		s += " " + f.ID[len("media."):] + " " + string(f.Severity) + " " + string(f.Confidence)
	}
	return s
}

type story struct {
	name   string
	change func(*Observed)
	want   string
}

func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			o := goodCall()
			s.change(&o)
			if got := outcome(resultOf(t, o)); got != s.want {
				t.Errorf("%s, want %s", got, s.want)
			}
		})
	}
}

// heard is a direction of which all packets arrived.
func heard(n int) Way {
	w := good()
	w.Sent, w.Received, w.Marks = n, n, []session.MediaMark{{DSCP: 46, Packets: n}}
	return w
}

func TestWhereACallBeginsToSuffer(t *testing.T) {
	tell(t, []story{
		{"30 ms of jitter are what phones take", func(o *Observed) { o.Call.Down.JitterMS = 30 }, "pass"},
		{"31 ms are more", func(o *Observed) { o.Call.Down.JitterMS = 31 }, "warn jitter warning likely"},
		{"jitter of less than a second of speech", func(o *Observed) { o.Call.Down = heard(49); o.Call.Down.JitterMS = 80 }, "pass"},
		{"jitter of a second of speech", func(o *Observed) { o.Call.Down = heard(50); o.Call.Down.JitterMS = 80 }, "warn jitter warning likely"},
		{"150 ms each way", func(o *Observed) { o.Call.RTT.MedianMS = 300 }, "pass"},
		{"151 ms each way", func(o *Observed) { o.Call.RTT.MedianMS = 302 }, "warn delay warning certain"},
		{"loss that may be chance", func(o *Observed) { lost(13, 12, 2, 0)(&o.Call.Down) }, "warn loss warning likely"},
		{"loss that is none", func(o *Observed) { lost(30, 28, 2, 0)(&o.Call.Down) }, "warn loss warning certain"},
		{"dead for less than two seconds", func(o *Observed) { lost(99, 1, 99, 1)(&o.Call.Down) }, "pass gaps info likely"},
		{"dead for two seconds", func(o *Observed) { lost(100, 1, 100, 1)(&o.Call.Down) }, "fail loss critical certain"},
		{"half a second in which nothing came", func(o *Observed) { o.Call.Up = heard(50); o.Call.Down = heard(49); lost(49, 1, 49, 0)(&o.Call.Down) }, "pass"},
		{"a second in which nothing came", func(o *Observed) { o.Call.Down = heard(50); lost(50, 1, 50, 0)(&o.Call.Down) }, "fail loss critical certain"},
		{"two moments were lost", func(o *Observed) { lost(10, 2, 5, 2)(&o.Call.Down) }, "pass gaps info likely"},
		{"packets come twice", func(o *Observed) { o.Call.Down.Duplicates = 40 }, "pass disorder info certain"},
		{"one packet came twice, one late", func(o *Observed) { o.Call.Down.Duplicates, o.Call.Down.Reordered = 1, 1 }, "pass"},
	})
}

// A call on which a word can just be understood is bad, and no more than that.
func TestWhereACallIsOfNoUse(t *testing.T) {
	for ms, seen := 0.0, map[string]bool{}; ms < 2000; ms++ {
		o := goodCall()
		lost(60, 58, 2, 0)(&o.Call.Down)
		o.Call.RTT.MedianMS = ms
		r := resultOf(t, o)
		if len(r.Findings) == 0 || r.Findings[0].ID != "media.loss" {
			t.Fatalf("%.0f ms: %s", ms, outcome(r))
		}
		want := checks.Warning
		if r.Facts.(Facts).Down.Rating < 50 {
			want = checks.Critical
		}
		seen[string(want)] = true
		if got := r.Findings[0].Severity; got != want {
			t.Errorf("at %.0f ms and R %.1f: %s, want %s", ms, r.Facts.(Facts).Down.Rating, got, want)
		}
		if want == checks.Critical {
			if !seen[string(checks.Warning)] {
				t.Error("every call was of no use")
			}
			return
		}
	}
	t.Error("no call was of no use")
}

func TestWhenTheMarkForVoiceMatters(t *testing.T) {
	tell(t, []story{
		{"cleared, and 30 ms of jitter", func(o *Observed) { marked(0, 500)(&o.Call.Down); o.Call.Down.JitterMS = 30 }, "pass dscp info certain"},
		{"cleared, and 31 ms of jitter", func(o *Observed) { marked(0, 500)(&o.Call.Down); o.Call.Down.JitterMS = 31 }, "warn jitter warning likely dscp warning certain"},
		{"cleared on the way in, the way out loses", func(o *Observed) { marked(0, 500)(&o.Call.Down); lost(40, 38, 2, 0)(&o.Call.Up) }, "warn loss warning certain dscp info certain"},
		{"behind everything else by RFC 8622", func(o *Observed) { marked(1, 500)(&o.Call.Down) }, "warn dscp warning certain"},
		{"another class, no worse", func(o *Observed) { marked(40, 500)(&o.Call.Down) }, "pass dscp info certain"},
		{"half of it is cleared", func(o *Observed) { marked(0, 251)(&o.Call.Down) }, "pass dscp info certain"},
		{"less than half of it is cleared", func(o *Observed) { marked(0, 249)(&o.Call.Down) }, "pass"},
		{"of less than a second of speech", func(o *Observed) { o.Call.Down = heard(49); o.Call.Down.Marks[0].DSCP = 0 }, "pass"},
		{"of a second of speech", func(o *Observed) { o.Call.Down = heard(50); o.Call.Down.Marks[0].DSCP = 0 }, "pass dscp info certain"},
		{"the responder cannot set it", func(o *Observed) { marked(0, 500)(&o.Call.Down); o.Call.Down.Marked = false }, "pass"},
		{"no packet came that could tell", func(o *Observed) { o.Call.Down.Marks = nil }, "pass"},
		{"one-way audio, and cleared", func(o *Observed) {
			o.Doors[0].Answered, o.Call.Down.Received, o.Call.Down.Bursts, o.Call.Down.Marks = 0, 0, 1, nil
			marked(0, 500)(&o.Call.Up)
		}, "fail one-way critical certain dscp info certain"},
	})
}

func TestWhenNothingArrivedIsProved(t *testing.T) {
	doors := func(d ...Door) func(*Observed) { return func(o *Observed) { o.Call, o.Doors = nil, d } }
	tell(t, []story{
		{"asked ten times", doors(Door{Port: 20000, Asked: 10, Told: true}), "fail no-audio critical likely"},
		{"asked nine times", doors(Door{Port: 20000, Asked: 9, Told: true}), "inconclusive"},
		{"the responder did not say", doors(Door{Port: 20000, Asked: 10}), "inconclusive"},
		{"it said so of one port only", doors(Door{Port: 20000, Asked: 10, Told: true}, Door{Port: 30000, Asked: 10}), "inconclusive"},
		{"one port it did not open", doors(Door{Refused: "in use"}, Door{Port: 20000, Asked: 10, Told: true}), "fail no-audio critical likely"},
		{"one packet arrived", doors(Door{Port: 20000, Asked: 10, Told: true}, Door{Port: 30000, Asked: 10, Told: true, Arrived: 1}), "inconclusive"},
		{"one answer came", doors(Door{Port: 20000, Asked: 10, Told: true}, Door{Port: 30000, Asked: 10, Told: true, Answered: 1}), "inconclusive"},
		{"one came from elsewhere", doors(Door{Port: 20000, Asked: 10, Told: true}, Door{Port: 30000, Asked: 10, Told: true, Unproved: 1}), "inconclusive"},
		{"no port was tried", doors(), "inconclusive"},
		{"this computer let nothing out", func(o *Observed) { o.Call, o.Doors, o.LocalFilter = nil, []Door{{Port: 20000}}, 30 }, "fail local-filter critical certain"},
		{"this computer let one packet out", func(o *Observed) { o.Call, o.Doors, o.LocalFilter = nil, []Door{{Port: 20000, Asked: 1}}, 30 }, "inconclusive"},
		{"nobody is outside to call", func(o *Observed) { *o = Observed{} }, "skip"},
	})
}

// One-way audio is said only where the responder speaks and is not heard.
func TestWhenAudioIsOneWay(t *testing.T) {
	silent := func(f func(*Observed)) func(*Observed) {
		return func(o *Observed) {
			o.Doors[0].Answered, o.Call.Down.Received, o.Call.Down.Bursts, o.Call.Down.Marks = 0, 0, 1, nil
			f(o)
		}
	}
	tell(t, []story{
		{"it spoke ten times", silent(func(o *Observed) { o.Call.Down.Sent = 10 }), "fail one-way critical certain"},
		{"it spoke nine times", silent(func(o *Observed) { o.Call.Down.Sent = 9 }), "pass"},
		{"it answered before the call", silent(func(o *Observed) { o.Doors[0].Answered = 1 }), "fail loss critical certain"},
		{"it answered on another port", silent(func(o *Observed) { o.Doors = append(o.Doors, Door{Port: 30000, Asked: 1, Answered: 1}) }), "fail loss critical certain"},
		{"one packet came", silent(func(o *Observed) { lost(499, 1, 499, 1)(&o.Call.Down) }), "fail loss critical certain"},
		{"we are not heard either", silent(func(o *Observed) { lost(500, 1, 500, 1)(&o.Call.Up) }), "fail loss critical certain"},
		{"the responder did not say", silent(func(o *Observed) { o.Call.Told = false }), "fail loss critical certain"},
	})
}

func TestWhenACallSaysLessThanItShould(t *testing.T) {
	tell(t, []story{
		{"a second of speech", func(o *Observed) { o.Call.Up = heard(50) }, "pass"},
		{"less than a second", func(o *Observed) { o.Call.Up = heard(49) }, "inconclusive"},
		{"the responder did not say", func(o *Observed) { o.Call.Told = false }, "inconclusive"},
		{"something went wrong after it", func(o *Observed) { o.Problem = "the responder no longer answers" }, "inconclusive"},
		{"the call on hold went wrong", func(o *Observed) { o.Hold = &Hold{SilentS: 90, Problem: "no port"} }, "inconclusive"},
	})
	o := goodCall()
	o.Hold, o.Problem = &Hold{SilentS: 90, Problem: "no port"}, "the responder is gone"
	if r := resultOf(t, o); r.Reason != "the responder is gone" {
		t.Errorf("the first reason counts, not %q", r.Reason)
	}
}

func TestWhatALongCallShows(t *testing.T) {
	move := func(m Move, f func(*Observed)) func(*Observed) {
		m.Local = netip.MustParseAddrPort("192.168.88.10:4000")
		return func(o *Observed) { o.Move = &m; f(o) }
	}
	hold := func(h Hold) func(*Observed) {
		h.SilentS = 90
		return func(o *Observed) { o.Hold = &h }
	}
	nothing := func(*Observed) {}
	tell(t, []story{
		{"the phone moved, and the call with it", move(Move{Heard: true}, nothing), "pass"},
		{"the phone moved and was not heard", move(Move{}, nothing), "fail move critical likely"},
		{"the phone moved and nothing came back", move(Move{UpFollowed: true}, nothing), "fail move critical likely"},
		{"it moved before a second was heard", move(Move{}, func(o *Observed) { o.Call.Down = heard(50) }), "pass"},
		{"it moved when more than a second was heard", move(Move{}, func(o *Observed) { o.Call.Down = heard(51) }), "fail move critical likely"},
		{"it moved and the responder did not say", move(Move{}, func(o *Observed) { o.Call.Told = false }), "inconclusive"},
		{"eight words after the hold, none heard, no answer", hold(Hold{Opened: true, Spoken: 8, UpAsked: 8}), "warn hold-dead warning likely"},
		{"seven questions are too few to call it dead", hold(Hold{Opened: true, Spoken: 8, UpAsked: 7}), "pass hold info likely"},
		{"one answer, and it is alive", hold(Hold{Opened: true, Spoken: 8, UpAsked: 8, UpAnswered: 1}), "pass hold info likely"},
		{"seven words are too few", hold(Hold{Opened: true, Spoken: 7, UpAsked: 8}), "pass"},
		{"one word was heard", hold(Hold{Opened: true, Spoken: 8, Heard: 1, UpAsked: 8, UpAnswered: 8}), "pass"},
		{"it never began", hold(Hold{Spoken: 8, UpAsked: 8}), "pass"},
		{"it was cut short", hold(Hold{Opened: true, Spoken: 8, UpAsked: 8, Problem: "no answer"}), "inconclusive"},
	})
}

// Only loss that comes with more calls is called a limit.
func TestWhenTheLineIsTooNarrow(t *testing.T) {
	step := func(calls, reached int, up, down int, problem string) Load {
		way := func(pct int) Way {
			n := 200 * calls
			return Way{Stats: voice.Stats{Sent: n, Received: n - n*pct/100, Bursts: n * pct / 100, BurstMax: 1}}
		}
		return Load{Calls: calls, Reached: reached, Up: way(up), Down: way(down), Problem: words.Cause(problem)}
	}
	load := func(s ...Load) func(*Observed) { return func(o *Observed) { o.Load = s } }
	const narrow, fine = "warn call-limit warning certain", "pass"
	tell(t, []story{
		{"it loses on the way out", load(step(1, 1, 0, 0, ""), step(2, 2, 20, 0, "")), narrow},
		{"it loses on the way in", load(step(1, 1, 0, 0, ""), step(2, 2, 0, 20, "")), narrow},
		{"the second does not begin", load(step(1, 1, 0, 0, ""), step(2, 1, 0, 0, "")), narrow},
		{"both go well", load(step(1, 1, 0, 0, ""), step(2, 2, 0, 0, "")), fine},
		{"the responder refuses the second", load(step(1, 1, 0, 0, ""), step(2, 1, 20, 20, "too many calls")), fine},
		{"one alone loses as much", load(step(1, 1, 20, 0, ""), step(2, 2, 20, 0, "")), fine},
		{"a refusal says nothing about the next", load(step(1, 1, 0, 0, ""), step(2, 1, 0, 0, "too many calls"), step(3, 3, 20, 0, "")), narrow},
		{"the first is refused", load(step(1, 0, 0, 0, "too many calls"), step(2, 2, 20, 0, "")), fine},
	})
	if a, b := limit([]Load{step(1, 1, 0, 0, ""), step(2, 2, 0, 20, ""), step(3, 3, 0, 0, ""), step(4, 4, 0, 20, "")}); a != 1 || b != 2 {
		t.Errorf("%d go well, %d do not: the least number at which loss begins counts", a, b)
	}
}

// What nobody knows is not zero, and silence is not a perfect line.
func TestTheFactsOfACall(t *testing.T) {
	facts := func(change func(*Observed)) Facts {
		o := goodCall()
		change(&o)
		return resultOf(t, o).Facts.(Facts)
	}
	f := facts(func(o *Observed) { lost(15, 3, 7, 1)(&o.Call.Down); o.Call.Down.JitterMS = 12.345 })
	if f.Port != 20000 || f.LengthS != 10 || f.Down.LossPct != 3 || f.Down.BurstMax != 7 || f.Down.JitterMS != 12.35 && f.Down.JitterMS != 12.34 || f.Down.RTTMS != 40 {
		t.Errorf("%+v, down %+v", f, f.Down)
	}
	if f.Up.MOS < 4.3 || f.Up.Rating < 90 || f.Up.MOSG729 >= f.Up.MOS || f.Down.MOS >= f.Up.MOS || *f.Up.DSCPSent != 46 || *f.Up.DSCPReceived != 46 {
		t.Errorf("up %+v, down %+v", f.Up, f.Down)
	}
	if f := facts(func(o *Observed) { o.Call.Told = false }); f.Up != nil || f.Down == nil {
		t.Errorf("the responder did not say what it heard: %+v", f.Up)
	}
	if f := facts(func(o *Observed) { lost(500, 1, 500, 1)(&o.Call.Down); o.Call.Down.Marks = nil }); f.Down.MOS != 1 || f.Down.MOSG729 != 1 || f.Down.Rating != 0 || f.Down.DSCPReceived != nil {
		t.Errorf("silence: %+v", f.Down)
	}
	// A jitter buffer holds a packet at least, twice the jitter, and at most
	// what those of PBXs do: from there on jitter adds no delay.
	rating := func(jitter float64) float64 {
		return facts(func(o *Observed) { o.Call.RTT.MedianMS = 200; o.Call.Down.JitterMS = jitter }).Down.Rating
	}
	if rating(0) != rating(10) || rating(10) <= rating(20) || rating(20) <= rating(90) || rating(100) != rating(500) || rating(90) <= rating(100) {
		t.Errorf("R by jitter: %v %v %v %v %v %v", rating(0), rating(10), rating(20), rating(90), rating(100), rating(500))
	}
}

func TestTheSummaryOfACall(t *testing.T) {
	one := voice.Stats{Sent: 200, Received: 200}
	two := voice.Stats{Sent: 400, Received: 400}
	for _, c := range []struct {
		name   string
		change func(*Observed)
		want   string
	}{
		{"one call alone", func(o *Observed) { o.Load = []Load{{Calls: 1, Reached: 1, Up: Way{Stats: one}, Down: Way{Stats: one}}} }, "10|4.4|4.4|0|1|40"},
		{"two at a time", func(o *Observed) {
			o.Load = []Load{{Calls: 1, Reached: 1, Up: Way{Stats: one}, Down: Way{Stats: one}}, {Calls: 2, Reached: 2, Up: Way{Stats: two}, Down: Way{Stats: two}}}
		}, "10|4.4|4.4|0|1|40|2"},
		{"three are too many", func(o *Observed) {
			o.Load = []Load{{Calls: 1, Reached: 1, Up: Way{Stats: one}, Down: Way{Stats: one}}, {Calls: 3, Reached: 2, Up: Way{Stats: two}, Down: Way{Stats: two}}}
		}, "10|4.4|4.4|0|1|40|3"},
		{"either direction has its figures", func(o *Observed) { lost(1, 1, 1, 0)(&o.Call.Up); o.Call.Down.JitterMS = 2 }, "10|4.4|4.4|0.2|0|1|2|40"},
		{"a round trip of one ms", func(o *Observed) { o.Call.RTT.MedianMS = 1 }, "10|4.4|4.4|0|1|1"},
		{"the responder did not say", func(o *Observed) { o.Call.Told = false }, "10|4.4"},
	} {
		o := goodCall()
		c.change(&o)
		s := resultOf(t, o).Summary
		if got := strings.Join(regexp.MustCompile(`[0-9.]*[0-9]`).FindAllString(s, -1), "|"); got != c.want {
			t.Errorf("%s: %q has %s, want %s", c.name, s, got, c.want)
		}
	}
	fast := goodCall()
	fast.Call.RTT.MedianMS = 0.4
	plain := goodCall()
	unmarked := goodCall()
	unmarked.Unmarked = true
	if s := resultOf(t, fast).Summary; strings.Contains(s, " 0 ms") {
		t.Errorf("%q: no round trip takes no time", s)
	}
	if a, b := resultOf(t, plain).Summary, resultOf(t, unmarked).Summary; !strings.HasPrefix(b, a) || a == b {
		t.Errorf("%q does not say that the mark was not tested", b)
	}
}

// The evidence of silence names every port that was tried, who said no, and
// from where it was called.
func TestTheEvidenceOfSilence(t *testing.T) {
	o := goodCall()
	o.Call, o.Doors = nil, []Door{{Refused: "in use"}, {Port: 20000, Asked: 30, Told: true}}
	bare := resultOf(t, o).Findings[0]
	if len(bare.Evidence) != 1 {
		t.Fatalf("a port that was not opened was not tried: %+v", bare.Evidence)
	}
	o.ICMP, o.Locals = []words.Cause{"192.0.2.1: prohibited"}, []netip.AddrPort{netip.MustParseAddrPort("192.168.88.10:4000")}
	f := resultOf(t, o).Findings[0]
	if len(f.Evidence) != 3 || f.Evidence[1].Got != string(o.ICMP[0]) || f.Evidence[2].Got != o.Locals[0].String() {
		t.Errorf("%+v", f.Evidence)
	}
	told, untold := view{o: Observed{Doors: []Door{{Port: 1, Told: true}}}}, view{o: Observed{Doors: []Door{{Port: 1}}}}
	if told.doors()[0].Says["got"].(words.Text).ID == untold.doors()[0].Says["got"].(words.Text).ID {
		t.Error("nobody said that nothing arrived")
	}
	r := judged.Of(t, Check(), o, &netinfo.Host{Router: &netinfo.Router{Platform: "mikrotik"}})
	if got := r.Findings[0].Fixes; len(got) == 0 {
		t.Error("no cure for a router that has one")
	}
}

// Why there was no call: the first reason that is known.
func TestWhyThereWasNoCall(t *testing.T) {
	elsewhere := Door{Port: 20000, Asked: 30, Told: true, Unproved: 30}
	refused := Door{Refused: "in use"}
	silent := Door{Port: 20000, Asked: 30}
	reason := func(problem, sendError string, doors ...Door) string {
		o := goodCall()
		o.Call, o.Doors, o.Problem, o.SendError = nil, doors, words.Cause(problem), words.Cause(sendError)
		return resultOf(t, o).Reason
	}
	for _, c := range []struct{ name, got, want string }{
		{"the problem", reason("it is gone", "no route", silent), "it is gone"},
		{"what could not be sent", reason("", "no route", silent), "no route"},
		{"a port that was refused, before the problem", reason("it is gone", "no route", silent, refused), reason("", "", refused)},
		{"another address, before the problem", reason("it is gone", "", elsewhere), reason("", "", elsewhere)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	if a, b, c := reason("", "", silent), reason("", "", refused), reason("", "", elsewhere); a == b || b == c || a == c || a == "" {
		t.Errorf("%q, %q, %q", a, b, c)
	}
	o := goodCall()
	o.Call.Told = false
	a := resultOf(t, o).Reason
	o.Problem = "it is gone"
	if b := resultOf(t, o).Reason; !strings.HasPrefix(b, a) || !strings.HasSuffix(b, string(o.Problem)) || a == b {
		t.Errorf("%q and %q", a, b)
	}
}

// The words that follow from a number: which it is, and on which side.
func TestWhatIsSaidWithAFigure(t *testing.T) {
	find := func(change func(*Observed)) checks.Finding {
		o := goodCall()
		change(&o)
		return resultOf(t, o).Findings[0]
	}
	delay := func(ms float64) string {
		return find(func(o *Observed) { o.Call.RTT.MedianMS = ms }).Explanation
	}
	if delay(302) != delay(800) || delay(800) == delay(802) {
		t.Error("400 ms each way is where nobody should plan for it")
	}
	row := func(most int) string {
		return find(lossDown(most)).Evidence[1].Got
	}
	if strings.Contains(row(1), "1 in") || !strings.Contains(row(2), "2 in") {
		t.Errorf("%q and %q", row(1), row(2))
	}
	move := func(followed bool) string {
		return find(func(o *Observed) {
			o.Move = &Move{Local: netip.MustParseAddrPort("192.168.88.10:4000"), UpFollowed: followed}
		}).Evidence[0].Got
	}
	if move(true) == move(false) {
		t.Errorf("%q whether the responder heard it or not", move(true))
	}
	names := map[string]bool{}
	for dscp, want := range map[int]string{0: "0 (", 1: "1 (LE", 8: "8 (CS1", 16: "16 (CS2)", 26: "26 on", 40: "40 (CS5)"} {
		got := find(func(o *Observed) { marked(dscp, 500)(&o.Call.Up) }).Evidence[0].Got
		if !strings.HasPrefix(got, want) || names[got] {
			t.Errorf("DSCP %d is %q", dscp, got)
		}
		names[got] = true
	}
	one := func(change func(*Observed)) string {
		o := goodCall()
		o.Doors[0].Answered, o.Call.Down.Received, o.Call.Down.Bursts, o.Call.Down.Marks = 0, 0, 1, nil
		change(&o)
		return resultOf(t, o).Summary
	}
	if heard, silent := one(func(o *Observed) { o.Doors[0].Answered = 1 }), one(func(*Observed) {}); heard == silent || strings.Contains(silent, "MOS") {
		t.Errorf("%q: silence has no MOS", silent)
	}
	limit := find(func(o *Observed) {
		well, bad := voice.Stats{Sent: 200, Received: 200}, voice.Stats{Sent: 1000, Received: 800, Bursts: 190, BurstMax: 2}
		o.Load = []Load{{Calls: 1, Reached: 1, Up: Way{Stats: well}, Down: Way{Stats: well}}, {Calls: 5, Reached: 4, Up: Way{Stats: bad}, Down: Way{Stats: well}}}
	})
	if len(limit.Evidence) != 2 || strings.Contains(limit.Evidence[0].Got, "set up") || !strings.Contains(limit.Evidence[1].Got, "1 could not be set up") ||
		!strings.Contains(limit.Explanation, "80 kbit/s") || !strings.Contains(limit.Explanation, "0.4 Mbit/s") {
		t.Errorf("%+v", limit)
	}
}

// lossDown loses every tenth packet, so many at a time.
func lossDown(most int) func(*Observed) {
	return func(o *Observed) { lost(50, 50/most, most, 0)(&o.Call.Down) }
}

// A problem is a message in every language, whoever found it.
func TestEveryProblemIsAMessage(t *testing.T) {
	book := checks.BookOf([]*checks.Check{Check()})
	for p, want := range map[string]string{
		noRTPPorts:                              "no-rtp-ports",
		otherPorts + " 20000-21000 10000-20500": "other-ports",
		mismatch:                                "mismatch",
		noPort + " in use":                      "no-port",
		"no route":                              "problem",
	} {
		got := problem(words.Cause(p))
		if got.ID != "media.reason."+want {
			t.Errorf("%s: %s, want %s", p, got.ID, want)
		}
		for _, l := range words.Languages() {
			if s, err := book.Fill(l, got); err != nil || want != "problem" && strings.Contains(s, p) {
				t.Errorf("%s in %s: %q, %v", p, l, s, err)
			}
		}
	}
}
