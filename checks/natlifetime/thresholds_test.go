package natlifetime

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, &netinfo.Host{Router: &netinfo.Router{Platform: "mikrotik"}})
}

// outcome is what a result comes to: "warn too-short warning certain".
func outcome(r checks.Result) string {
	s := string(r.Status)
	for _, f := range r.Findings {
		s += " " + strings.TrimPrefix(f.ID, "nat-lifetime.") + " " + string(f.Severity) + " " + string(f.Confidence)
	}
	return s
}

// flows is a group of flows that were remembered for atLeast seconds and no
// longer for below; 0: there is no such rung.
func flows(kind string, atLeast, below int) Group {
	g := Group{Kind: kind, Port: 8765, Rungs: []Rung{silence(controlSeconds, 3, 3)}}
	if atLeast > 0 {
		g.Rungs = append(g.Rungs, silence(atLeast, 3, 3))
	}
	if below > 0 {
		g.Rungs = append(g.Rungs, silence(below, 0, 0))
	}
	return g
}

func TestHowLongIsTooShort(t *testing.T) {
	stream := func(atLeast, below int) Group { return flows(kindStream, atLeast, below) }
	once := func(atLeast, below int) Group { return flows(kindOnce, atLeast, below) }
	sip := func(atLeast, below int) Group { return flows(kindSIP, atLeast, below) }
	registers := func(every int) *Need { return &Need{Profile: "Example", Registration: every} }
	for _, c := range []struct {
		name   string
		need   *Need
		groups []Group
		want   string
	}{
		{"forgotten within a minute", nil, []Group{stream(45, 60)}, "warn too-short warning certain"},
		{"forgotten within a minute and a second", nil, []Group{stream(45, 61)}, "pass below-standard info certain"},
		{"forgotten within two minutes", nil, []Group{stream(90, 120)}, "pass below-standard info certain"},
		{"forgotten after two minutes", nil, []Group{stream(120, 121)}, "pass"},
		{"never forgotten", nil, []Group{stream(300, 0)}, "pass"},
		{"forgotten at once", nil, []Group{stream(0, 15)}, "warn too-short warning certain"},
		{"phones register sooner", registers(44), []Group{stream(30, 45)}, "pass below-standard info certain"},
		{"phones register just as often", registers(45), []Group{stream(30, 45)}, "warn too-short warning certain"},
		{"phones register every five minutes", registers(300), []Group{stream(180, 300)}, "warn too-short warning certain"},
		{"a keep-alive in between", &Need{Profile: "Example", Registration: 300, KeepAlive: 30}, []Group{stream(30, 45)}, "pass below-standard info certain"},
		{"a keep-alive too late", &Need{Profile: "Example", Registration: 20, KeepAlive: 45}, []Group{stream(30, 45)}, "warn too-short warning certain"},
		{"just what the provider demands is not kept", &Need{Profile: "Example", TimeoutMin: 180}, []Group{stream(120, 180)}, "warn below-demand warning certain"},
		{"more than the provider demands", &Need{Profile: "Example", TimeoutMin: 179}, []Group{stream(120, 180)}, "pass"},
		{"less than a minute with a demand", &Need{Profile: "Example", TimeoutMin: 180}, []Group{stream(45, 60)}, "warn too-short warning certain"},

		{"a single exchange is forgotten within a minute", nil, []Group{stream(300, 0), once(45, 60)}, "pass single-exchange info certain"},
		{"a single exchange is forgotten after a minute", nil, []Group{stream(300, 0), once(60, 61)}, "pass"},
		{"a single exchange is never forgotten", nil, []Group{stream(300, 0), once(300, 0)}, "pass"},
		{"phones only register, as late as that", registers(60), []Group{stream(300, 0), once(45, 60)}, "warn single-exchange warning certain"},
		{"phones only register, before that", registers(59), []Group{stream(300, 0), once(45, 60)}, "pass"},
		{"a keep-alive as late as that", &Need{Profile: "Example", Registration: 300, KeepAlive: 60}, []Group{stream(300, 0), once(45, 60)}, "pass single-exchange info certain"},
		{"nobody knows how often phones speak", &Need{Profile: "Example", TimeoutMin: 120}, []Group{stream(300, 0), once(45, 60)}, "pass single-exchange info certain"},
		{"both are too short", nil, []Group{stream(45, 60), once(25, 30)}, "warn too-short warning certain"},
		{"the stream is kept a little longer", nil, []Group{stream(60, 90), once(25, 30)}, "pass below-standard info certain single-exchange info certain"},

		{"the SIP port as long as others", nil, []Group{stream(45, 61), sip(45, 61)}, "pass below-standard info certain"},
		{"the SIP port longer", nil, []Group{stream(45, 61), sip(61, 90)}, "pass below-standard info certain sip-timer info likely"},
		{"the SIP port for ever", nil, []Group{stream(45, 61), sip(300, 0)}, "pass below-standard info certain sip-timer info likely"},
		{"the SIP port perhaps longer", nil, []Group{stream(45, 61), sip(60, 90)}, "pass below-standard info certain"},
		{"the SIP port shorter", nil, []Group{stream(300, 0), sip(30, 300)}, "warn sip-port-shorter warning likely"},
		{"the SIP port perhaps shorter", nil, []Group{stream(299, 0), sip(30, 300)}, "pass"},
		{"neither is forgotten", nil, []Group{stream(300, 0), sip(300, 0)}, "pass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := resultOf(t, Observed{Need: c.need, Groups: c.groups})
			if got := outcome(r); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			for _, f := range r.Findings {
				// A cure for a SIP helper's timer, or for one exchange, would be one
				// against what is well.
				if cure := !strings.HasSuffix(f.ID, ".single-exchange") && !strings.HasSuffix(f.ID, ".sip-timer"); cure != (len(f.Fixes) > 0) {
					t.Errorf("%s has %d cures", f.ID, len(f.Fixes))
				}
				if slices.ContainsFunc(f.Fixes, func(x fixes.Fix) bool { return x.Where == "phone" }) {
					t.Errorf("%s has a second interval for phones", f.ID)
				}
			}
		})
	}
}

// What was not measured is no pass.
func TestWhenNothingIsKnown(t *testing.T) {
	held := flows(kindStream, 300, 0)
	for _, c := range []struct {
		name string
		o    Observed
		want string
	}{
		{"no responder", Observed{NoResponder: true}, "skip"},
		{"no flow", Observed{}, "inconclusive"},
		{"no flow but to the SIP port", Observed{Groups: []Group{flows(kindSIP, 300, 0)}}, "inconclusive"},
		{"flows without a rung", Observed{Groups: []Group{{Kind: kindStream}}}, "inconclusive"},
		{"nothing but the control", Observed{Groups: []Group{flows(kindStream, 0, 0)}}, "inconclusive"},
		{"no control", Observed{Groups: []Group{{Kind: kindStream, Rungs: []Rung{silence(15, 3, 3), silence(30, 3, 3)}}}}, "inconclusive"},
		{"a rung without flows", Observed{Groups: []Group{{Kind: kindStream, Rungs: append(slices.Clone(held.Rungs), Rung{Seconds: 400})}}}, "inconclusive"},
		{"the SIP port could not be told", Observed{Groups: []Group{held, {Kind: kindSIP, Rungs: []Rung{silence(1, 0, 0)}}}}, "inconclusive"},
		{"a single exchange could not be told", Observed{Groups: []Group{held, {Kind: kindOnce, Rungs: []Rung{silence(1, 0, 0)}}}}, "pass"},
		{"something else went wrong", Observed{Problem: "the responder is gone", Groups: []Group{held}}, "pass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outcome(resultOf(t, c.o)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	gone := Observed{Problem: "the responder is gone", Groups: []Group{{Kind: kindStream, Rungs: []Rung{silence(1, 0, 0)}}}}
	if r := resultOf(t, gone); !strings.Contains(r.Reason, string(gone.Problem)) {
		t.Errorf("%q does not say why", r.Reason)
	}
	gone.Groups = nil
	if r := resultOf(t, gone); r.Reason != string(gone.Problem) {
		t.Errorf("%q does not say why", r.Reason)
	}
	if r := resultOf(t, Observed{Problem: noPlainPort}); r.Reason != "the responder has no UDP port to probe" {
		t.Errorf("%q is no sentence", r.Reason)
	}
}

// Silence counts only where it can be neither loss nor an outage.
func TestWhenSilenceIsForgetting(t *testing.T) {
	sent := func(r Rung, each ...int) Rung {
		r.Flows = r.Flows[:len(each)]
		for i, n := range each {
			r.Flows[i].Sent = n
		}
		return r
	}
	control, held, gone := silence(1, 3, 3), silence(15, 3, 3), silence(30, 0, 0)
	half := gone
	half.Flows = slices.Clone(gone.Flows)
	half.Flows[1].Opened = false
	unopened := silence(30, 0, 0)
	unopened.Flows[0].Opened, unopened.Flows[1].Opened = false, false
	for _, c := range []struct {
		name   string
		rungs  []Rung
		outage int
		below  int
	}{
		{"the line broke 15 s later", []Rung{control, held, gone}, 45, 30},
		{"the line broke 14 s later", []Rung{control, held, gone}, 44, 0},
		{"the line broke before the longer one", []Rung{control, held, gone, silence(60, 0, 0)}, 45, 30},
		{"two messages without loss", []Rung{control, held, sent(silence(30, 0, 0), 1, 1)}, 0, 30},
		{"one message without loss", []Rung{control, held, sent(silence(30, 0, 0), 1)}, 0, 0},
		{"one message in each of two rungs, of which the first may be loss", []Rung{control, held, sent(silence(30, 0, 0), 1), sent(silence(60, 0, 0), 1)}, 0, 60},
		{"half of them are lost", []Rung{silence(1, 2, 1), silence(15, 1, 2), gone}, 0, 0},
		{"a fifth is lost, which may be 38 %, and so are nine in a row", []Rung{sent(silence(1, 4, 4), 5, 5), sent(silence(15, 4, 4), 5, 5), sent(silence(30, 0, 0), 9)}, 0, 0},
		{"a fifth is lost, but not ten in a row", []Rung{sent(silence(1, 4, 4), 5, 5), sent(silence(15, 4, 4), 5, 5), sent(silence(30, 0, 0), 10)}, 0, 30},
		{"each came twice, which is no loss", []Rung{silence(1, 6, 6), silence(15, 6, 6), sent(silence(30, 0, 0), 1, 1)}, 0, 30},
		{"twice here does not make up for loss there", []Rung{silence(1, 6, 1), silence(15, 6, 1), sent(silence(30, 0, 0), 3, 3)}, 0, 0},
		{"a forgotten flow is no lost message", []Rung{silence(1, 3, 0), silence(15, 3, 0), gone}, 0, 30},
		{"nobody knows what was sent before", []Rung{sent(silence(1, 3, 3), 0, 0), sent(silence(15, 3, 3), 0, 0), gone}, 0, 0},
		{"neither could be opened", []Rung{control, held, unopened}, 0, 0},
		{"one of the two could not be opened", []Rung{control, held, half}, 0, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Observed{OutageS: c.outage, Groups: []Group{{Kind: kindStream, Rungs: c.rungs}}}
			r := resultOf(t, o)
			if got := r.Facts.(Facts).UDPBelow; got != c.below || (r.Reason == "") != (c.below > 0) {
				t.Errorf("forgotten within %d s (%q), want %d s", got, r.Reason, c.below)
			}
		})
	}
}

// One flow that is remembered is enough, whichever.
func TestWhatARungRemembers(t *testing.T) {
	for _, c := range []struct {
		rung             Rung
		alive, forgotten bool
	}{
		{silence(30, 0, 0), false, true}, {silence(30, 3, 0), true, false}, {silence(30, 0, 1), true, false}, {Rung{}, false, false}, {Rung{Flows: []Flow{{}}}, false, false},
	} {
		if a, f := c.rung.alive(), c.rung.forgotten(); a != c.alive || f != c.forgotten {
			t.Errorf("%+v: remembered %v, forgotten %v", c.rung, a, f)
		}
	}
}

// The advice is a number that a phone can be set to, and one that helps.
func TestHowOftenAPhoneMustSpeak(t *testing.T) {
	for _, c := range []struct{ atLeast, below, want int }{
		{0, 15, 5}, {0, 1, 1}, {1, 2, 1}, {15, 25, 12}, {45, 60, 36}, {135, 180, 108}, {140, 180, 110}, {300, 0, 110},
	} {
		if got := renew(c.atLeast, c.below); got != c.want {
			t.Errorf("forgotten after %d to %d s: every %d s, want %d s", c.atLeast, c.below, got, c.want)
		}
	}
	for _, c := range []struct {
		name   string
		groups []Group
		want   string
	}{
		{"the stream", []Group{flows(kindStream, 45, 60)}, "36 s"},
		{"a single exchange is forgotten first", []Group{flows(kindStream, 45, 60), flows(kindOnce, 25, 30)}, "20 s"},
		{"a single exchange is not forgotten first", []Group{flows(kindStream, 45, 60), flows(kindOnce, 30, 60)}, "36 s"},
		{"a single exchange, and 25 s are enough", []Group{flows(kindStream, 300, 0), flows(kindOnce, 45, 60)}, "25 s"},
		{"a single exchange, and 25 s are too late", []Group{flows(kindStream, 300, 0), flows(kindOnce, 25, 30)}, "20 s"},
	} {
		r := resultOf(t, Observed{Groups: c.groups})
		if len(r.Findings) == 0 || !strings.Contains(r.Findings[0].Advice[0], c.want) {
			t.Errorf("%s: %+v, want %s", c.name, r.Findings, c.want)
		}
	}
}

// Whoever is told that a timer is too short reads how often phones speak.
func TestWhoSaysHowOftenPhonesSpeak(t *testing.T) {
	for want, need := range map[string]*Need{
		"every 60 s": nil, "Example has phones send a keep-alive every 90 s": {Profile: "Example", Registration: 300, KeepAlive: 90},
		"Example has phones register every 300 s": {Profile: "Example", Registration: 300, TimeoutMin: 400},
	} {
		r := resultOf(t, Observed{Need: need, Groups: []Group{flows(kindStream, 45, 60)}})
		if !strings.Contains(r.Findings[0].Explanation, want) {
			t.Errorf("%q has no %q", r.Findings[0].Explanation, want)
		}
	}
	usual := resultOf(t, Observed{Need: &Need{Profile: "Example", TimeoutMin: 400}, Groups: []Group{flows(kindStream, 45, 60)}})
	if strings.Contains(usual.Findings[0].Explanation, "Example") {
		t.Errorf("%q: the profile says nothing of that", usual.Findings[0].Explanation)
	}
}

// The summary has the figures that differ from each other, and those only.
func TestTheSummaryHasTheFigures(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups []Group
		want   []string
	}{
		{"never forgotten", []Group{flows(kindStream, 300, 0)}, []string{"300"}},
		{"forgotten", []Group{flows(kindStream, 45, 60)}, []string{"45", "60"}},
		{"forgotten at once", []Group{flows(kindStream, 0, 15)}, []string{"15"}},
		{"a single exchange too", []Group{flows(kindStream, 45, 60), flows(kindOnce, 45, 60)}, []string{"45", "60"}},
		{"a single exchange sooner", []Group{flows(kindStream, 45, 60), flows(kindOnce, 0, 15)}, []string{"45", "60", "15"}},
		{"only a single exchange", []Group{flows(kindStream, 300, 0), flows(kindOnce, 15, 25)}, []string{"300", "15", "25"}},
		{"the SIP port too", []Group{flows(kindStream, 45, 60), flows(kindSIP, 45, 60)}, []string{"45", "60"}},
		{"the SIP port a little longer", []Group{flows(kindStream, 45, 60), flows(kindSIP, 50, 60)}, []string{"45", "60", "50", "60"}},
		{"the SIP port as long, then not known", []Group{flows(kindStream, 45, 60), flows(kindSIP, 45, 90)}, []string{"45", "60", "45", "90"}},
		{"the SIP port at once", []Group{flows(kindStream, 45, 60), flows(kindSIP, 0, 15)}, []string{"45", "60", "15"}},
		{"the SIP port for ever", []Group{flows(kindStream, 45, 60), flows(kindSIP, 300, 0)}, []string{"45", "60", "300"}},
	} {
		r := resultOf(t, Observed{Groups: c.groups})
		if diff := cmp.Diff(c.want, regexp.MustCompile(`\d+`).FindAllString(r.Summary, -1)); diff != "" {
			t.Errorf("%s: %q\n%s", c.name, r.Summary, diff)
		}
	}
}

// The evidence shows the last silence that was survived and the first that was
// not, and no other.
func TestTheEvidenceIsWhereItWasForgotten(t *testing.T) {
	more := func(kind string) Group {
		return Group{Kind: kind, Rungs: []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 3, 3), silence(45, 0, 0), silence(60, 0, 0)}}
	}
	var got []string
	for _, e := range (Observed{Groups: []Group{more(kindOnce), more(kindStream)}}).evidence(kindStream) {
		got = append(got, regexp.MustCompile(`\d+`).FindString(fmt.Sprint(e.Says["name"])))
	}
	if diff := cmp.Diff([]string{"30", "45"}, got); diff != "" {
		t.Error(diff)
	}
	one := Observed{Groups: []Group{{Kind: kindStream, Rungs: []Rung{silence(1, 3, 3), silence(15, 0, 0)}}}}
	if list := one.evidence(kindStream); len(list) != 1 || !strings.Contains(fmt.Sprint(list[0].Says["got"]), "nothing-arrived") {
		t.Errorf("the control is no evidence: %+v", list)
	}
}

// What the user reads is the first thing that went wrong, not the last.
func TestWhyARungSaysNothing(t *testing.T) {
	well := Flow{Waited: true, Sent: 3}
	noted := Flow{Note: "the socket was closed"}
	show := func(v any) string { return fmt.Sprint(v) }
	seen := map[string]bool{}
	for _, flows := range [][]Flow{nil, {noted}, {{Note: unanswered}}, {{}}, {{Waited: true}}} {
		first := show(Rung{Flows: flows}.why())
		if seen[first] {
			t.Errorf("%+v: %q was said of something else", flows, first)
		}
		seen[first] = true
		if len(flows) == 0 {
			continue
		}
		if later := (Rung{Flows: append([]Flow{well}, flows...)}).why(); show(later) != first {
			t.Errorf("after a flow that is well: %q, want %q", later, first)
		}
		if both := (Rung{Flows: append(flows, noted)}).why(); show(both) != first {
			t.Errorf("with a later note: %q, want %q", both, first)
		}
	}
	if got := (Rung{Flows: []Flow{noted}}).why(); got != noted.Note {
		t.Errorf("%q, want the note", got)
	}
}
