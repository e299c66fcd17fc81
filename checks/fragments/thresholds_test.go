package fragments

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// An edit changes what was seen on a clean path.
type edit func(o *Observed)

// seenWith is a clean path on which 20 of 20 short questions were answered,
// edited.
func seenWith(edits ...edit) Observed {
	o := Observed{Responder: "198.51.100.2", Asked: 20, Answered: 20, Whole: true, TooBig: []TooBig{}}
	for _, direction := range []string{up, down} {
		for _, n := range []int{500, 1472, 2000, 8000} {
			o.Sizes = append(o.Sizes, Size{Direction: direction, Bytes: n, Pieces: pieces(n, false), Tries: 1, Passed: true})
		}
	}
	for _, n := range []int{500, 1000, 1472} {
		o.Sizes = append(o.Sizes, Size{Direction: whole, Bytes: n, Pieces: 1, Tries: 1, Passed: true})
	}
	o.Invites = []Invite{{Bytes: 900, Tries: 1, Answered: true}, {Bytes: 3000, Tries: 1, Answered: true}}
	for _, e := range edits {
		e(&o)
	}
	return o
}

// lost makes lengths silent: 12 tries are more than loss.
func lost(direction string, lengths ...int) edit {
	return outcome(direction, Size{Tries: 12, Silent: true}, lengths...)
}

// unsure makes lengths unanswered after so few tries that it may be loss.
func unsure(direction, note string, lengths ...int) edit {
	return outcome(direction, Size{Tries: 4, Note: words.Cause(note)}, lengths...)
}

func outcome(direction string, as Size, lengths ...int) edit {
	return func(o *Observed) {
		for i, s := range o.Sizes {
			if s.Direction == direction && slices.Contains(lengths, s.Bytes) {
				as.Direction, as.Bytes, as.Pieces = s.Direction, s.Bytes, s.Pieces
				o.Sizes[i] = as
			}
		}
	}
}

// only leaves a direction with these lengths alone, which pass.
func only(direction string, lengths ...int) edit {
	return func(o *Observed) {
		o.Sizes = slices.DeleteFunc(o.Sizes, func(s Size) bool { return s.Direction == direction })
		for _, n := range lengths {
			o.Sizes = append(o.Sizes, Size{Direction: direction, Bytes: n, Pieces: pieces(n, o.V6), Tries: 1, Passed: true})
		}
	}
}

func v6(o *Observed)     { o.V6 = true }
func noDF(o *Observed)   { o.Whole = false }
func silent(o *Observed) { o.Invites[1] = Invite{Bytes: 3000, Tries: 12, Silent: true} }

// says is what somebody on the way answered.
func says(mtu int) edit {
	return func(o *Observed) { o.TooBig = append(o.TooBig, TooBig{Hop: "203.0.113.254", MTU: mtu}) }
}

// limit is a path on which n bytes pass whole and n+1 do not.
func limit(n int) edit {
	return func(o *Observed) {
		only(whole, 500, n)(o)
		o.Sizes = append(o.Sizes, Size{Direction: whole, Bytes: n + 1, Pieces: 1, Tries: 12, Silent: true})
	}
}

func resultOf(t *testing.T, o Observed) (checks.Result, Facts) {
	t.Helper()
	r := judged.Of(t, Check(), o, nil)
	f, _ := r.Facts.(Facts)
	return r, f
}

// short is a finding in a line.
func short(r checks.Result) string {
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, strings.Join([]string{f.ID, string(f.Severity), string(f.Confidence)}, " "))
	}
	return strings.Join(out, ", ")
}

const (
	droppedLine    = "fragments.dropped warning certain"
	longInviteLine = "fragments.long-invite warning certain"
)

func TestWhatIsSaidOfFragments(t *testing.T) {
	for name, c := range map[string]struct {
		edits   []edit
		status  checks.Status
		finds   string
		summary string
		reason  string
	}{
		"they pass": {nil, checks.Pass, "", "UDP datagrams of 8000 bytes pass both ways, in fragments", ""},
		"up to 2000 bytes come in": {[]edit{lost(down, 8000)}, checks.Pass, "",
			"UDP datagrams of 2000 bytes pass both ways, in fragments", ""},
		"up to 2000 bytes go out": {[]edit{lost(up, 8000)}, checks.Pass, "",
			"UDP datagrams of 2000 bytes pass both ways, in fragments", ""},
		"a single length is lost, a longer one passes": {[]edit{lost(up, 2000)}, checks.Pass, "",
			"UDP datagrams of 8000 bytes pass both ways, in fragments", ""},
		"they are not let out": {[]edit{lost(up, 2000, 8000)}, checks.Warn, droppedLine,
			"IP fragments are dropped on the way out: UDP datagrams longer than 1472 bytes do not get out", ""},
		"they are not let in": {[]edit{lost(down, 2000, 8000)}, checks.Warn, droppedLine,
			"IP fragments are dropped on the way in: UDP datagrams longer than 1472 bytes do not get in", ""},
		"they are dropped both ways": {[]edit{lost(up, 2000, 8000), lost(down, 1472, 2000, 8000)}, checks.Warn, droppedLine,
			"IP fragments are dropped: UDP datagrams longer than 500 bytes do not pass", ""},
		"the longest was tried too seldom": {[]edit{lost(up, 2000), unsure(up, "", 8000)}, checks.Inconclusive, "",
			"UDP datagrams of 1472 bytes pass on the way out, of 8000 bytes on the way in; larger ones could not be measured",
			"8000 bytes out after 4 tries, 20 of 20 short datagrams answered"},
		"and it is said why": {[]edit{unsure(down, "the responder answered short", 2000, 8000)}, checks.Inconclusive, "",
			"UDP datagrams of 8000 bytes pass on the way out, of 1472 bytes on the way in; larger ones could not be measured",
			"2000 bytes in after 4 tries, 20 of 20 short datagrams answered, the responder answered short"},
		"they are not let out, and nobody knows of the way in": {[]edit{lost(up, 2000, 8000), unsure(down, "", 2000, 8000)}, checks.Inconclusive, droppedLine,
			"UDP datagrams of 1472 bytes pass on the way out, of 1472 bytes on the way in; larger ones could not be measured", "2000 bytes in after 4 tries"},
		"they are not let in, and nobody knows of the way out": {[]edit{lost(down, 2000, 8000), unsure(up, "", 2000, 8000)}, checks.Inconclusive, droppedLine,
			"UDP datagrams of 1472 bytes pass on the way out, of 1472 bytes on the way in; larger ones could not be measured", "2000 bytes out after 4 tries"},
		"an unsure length within one packet is no reason": {[]edit{unsure(up, "", 500), lost(up, 2000), unsure(up, "", 8000)}, checks.Inconclusive, "",
			"UDP datagrams of 1472 bytes pass on the way out, of 8000 bytes on the way in; larger ones could not be measured", "8000 bytes out after 4 tries"},
		"1472 bytes are no fragment": {[]edit{only(up, 1472)}, checks.Inconclusive, "",
			"UDP datagrams of 1472 bytes pass on the way out, of 8000 bytes on the way in; larger ones could not be measured", "nothing was tried"},
		"1473 bytes are":             {[]edit{only(up, 1473)}, checks.Pass, "", "UDP datagrams of 1473 bytes pass both ways, in fragments", ""},
		"1452 bytes of IPv6 are not": {[]edit{v6, only(down, 1452)}, checks.Inconclusive, "", "UDP datagrams of 8000 bytes pass on the way out, of 1452 bytes on the way in; larger ones could not be measured", "nothing was tried"},
		"1453 bytes of IPv6 are":     {[]edit{v6, only(down, 1453)}, checks.Pass, "", "UDP datagrams of 1453 bytes pass both ways, in fragments", ""},
		"no short question was answered": {[]edit{func(o *Observed) { o.Answered, o.Asked = 0, 7 }, lost(up, 500, 1472, 2000, 8000)}, checks.Inconclusive, "",
			"not measured", "short datagrams to the responder got no answer either (7 tries)"},
		"one short question was answered": {[]edit{func(o *Observed) { o.Answered = 1 }, lost(up, 2000, 8000)}, checks.Warn, droppedLine,
			"IP fragments are dropped on the way out: UDP datagrams longer than 1472 bytes do not get out", ""},
		"nobody was named as a responder": {[]edit{func(o *Observed) { *o = Observed{NoResponder: true} }}, checks.Skip, "", "not measured", "needs a responder outside"},
		"the responder has no such port":  {[]edit{func(o *Observed) { *o = Observed{Problem: noPlainPort} }}, checks.Inconclusive, "", "not measured", "no plain UDP port"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := resultOf(t, seenWith(c.edits...))
			if r.Status != c.status || short(r) != c.finds || r.Summary != c.summary {
				t.Errorf("%s, %q, %q\nwant %s, %q, %q", r.Status, short(r), r.Summary, c.status, c.finds, c.summary)
			}
			if (r.Reason == "") != (c.reason == "") || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("because of %q, want %q", r.Reason, c.reason)
			}
		})
	}
}

// Whether they pass is said of each direction, and absent where it is not known.
func TestTheFactsOfEachDirection(t *testing.T) {
	yes, no := new(bool), new(bool)
	*yes = true
	n := func(bytes int) *int { return &bytes }
	for name, c := range map[string]struct {
		edits []edit
		want  Facts
	}{
		"a clean path": {nil, Facts{8000, 8000, true, yes, yes, n(1472), yes}},
		"fragments are not let out": {[]edit{lost(up, 2000, 8000), silent},
			Facts{1472, 8000, false, no, yes, n(1472), no}},
		"fragments are not let in, nobody can send with DF": {[]edit{lost(down, 2000, 8000), noDF},
			Facts{8000, 1472, false, yes, no, nil, yes}},
		"nobody knows of the way in": {[]edit{unsure(down, "", 2000, 8000)},
			Facts{8000, 1472, false, yes, nil, n(1472), yes}},
		"nothing passes with DF": {[]edit{lost(whole, 500, 1000, 1472)},
			Facts{8000, 8000, true, yes, yes, nil, yes}},
	} {
		t.Run(name, func(t *testing.T) {
			_, f := resultOf(t, seenWith(c.edits...))
			if diff := cmp.Diff(c.want, f); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a long INVITE meets counts only beside a short one that was answered.
func TestWhenALongInviteIsLost(t *testing.T) {
	calls := func(list ...Invite) edit { return func(o *Observed) { o.Invites = list } }
	short1, long0 := Invite{Bytes: 900, Tries: 1, Answered: true}, Invite{Bytes: 3000, Tries: 12, Silent: true}
	for name, c := range map[string]struct {
		edits   []edit
		status  checks.Status
		finds   string
		summary string
	}{
		"the long one is lost": {[]edit{silent}, checks.Warn, longInviteLine, "fragments pass, but a long INVITE over UDP does not"},
		"it was tried too seldom": {[]edit{calls(short1, Invite{Bytes: 3000, Tries: 4})}, checks.Pass, "",
			"UDP datagrams of 8000 bytes pass both ways, in fragments"},
		"so is the short one": {[]edit{calls(Invite{Bytes: 900, Tries: 12, Silent: true}, long0)}, checks.Pass, "",
			"UDP datagrams of 8000 bytes pass both ways, in fragments"},
		"no INVITE was sent": {[]edit{calls()}, checks.Pass, "", "UDP datagrams of 8000 bytes pass both ways, in fragments"},
		"no fragment is let out": {[]edit{silent, lost(up, 2000, 8000)}, checks.Warn, droppedLine,
			"IP fragments are dropped on the way out: UDP datagrams longer than 1472 bytes do not get out"},
		"no fragment is let in": {[]edit{silent, lost(down, 2000, 8000)}, checks.Warn, droppedLine + ", " + longInviteLine,
			"IP fragments are dropped on the way in: UDP datagrams longer than 1472 bytes do not get in"},
		"nobody knows of fragments on the way out": {[]edit{silent, unsure(up, "", 2000, 8000)}, checks.Inconclusive, "",
			"UDP datagrams of 1472 bytes pass on the way out, of 8000 bytes on the way in; larger ones could not be measured"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := resultOf(t, seenWith(c.edits...))
			if r.Status != c.status || short(r) != c.finds || r.Summary != c.summary {
				t.Errorf("%s, %q, %q\nwant %s, %q, %q", r.Status, short(r), r.Summary, c.status, c.finds, c.summary)
			}
		})
	}
	r, _ := resultOf(t, seenWith(silent))
	want := []checks.Evidence{
		{Name: "INVITE of 900 bytes", Want: "an answer", Got: "answered"},
		{Name: "INVITE of 3000 bytes", Want: "an answer", Got: "none after 12 tries"},
	}
	if diff := cmp.Diff(want, r.Findings[0].Evidence, cmpopts.IgnoreFields(checks.Evidence{}, "Says")); diff != "" {
		t.Error(diff)
	}
}

// A path is narrow if it carries less than Ethernet, and that harms calls from
// 1300 bytes down or if nobody says so.
func TestHowNarrowAPathMayBe(t *testing.T) {
	const narrow, tooNarrow, hole = "fragments.narrow-path info certain", "fragments.narrow-path warning certain", "fragments.black-hole warning likely"
	local := func(o *Observed) { o.Sizes[len(o.Sizes)-1].Local = true }
	tooFew := func(o *Observed) { o.Sizes[len(o.Sizes)-1].Silent = false }
	for name, c := range map[string]struct {
		edits  []edit
		status checks.Status
		finds  string
		title  string
	}{
		"as wide as Ethernet":               {[]edit{limit(1472), says(1500)}, checks.Pass, "", ""},
		"a byte less":                       {[]edit{limit(1471), says(1499)}, checks.Pass, narrow, "The path carries packets of 1499 bytes at most"},
		"IPv6 as wide as Ethernet":          {[]edit{v6, limit(1452), says(1500)}, checks.Pass, "", ""},
		"IPv6, a byte less":                 {[]edit{v6, limit(1451), says(1499)}, checks.Pass, narrow, "The path carries packets of 1499 bytes at most"},
		"a SIP request just passes":         {[]edit{limit(1300), says(1328)}, checks.Pass, narrow, "The path carries packets of 1328 bytes at most"},
		"a SIP request does not":            {[]edit{limit(1299), says(1327)}, checks.Warn, tooNarrow, "The path carries packets of 1327 bytes at most"},
		"nobody says so":                    {[]edit{limit(1464)}, checks.Warn, hole, "Packets longer than 1492 bytes are silently lost"},
		"nobody says so, and it is short":   {[]edit{limit(1072)}, checks.Warn, hole, "Packets longer than 1100 bytes are silently lost"},
		"it is this machine's own link":     {[]edit{limit(1464), local}, checks.Pass, "", ""},
		"the longer one was tried too few":  {[]edit{limit(1464), tooFew}, checks.Pass, "", ""},
		"nothing longer was tried":          {[]edit{only(whole, 500, 1464), says(1492)}, checks.Pass, "", ""},
		"a shorter one was lost by itself":  {[]edit{lost(whole, 500), lost(whole, 1000)}, checks.Pass, "", ""},
		"a shorter one was lost and limits": {[]edit{limit(1464), lost(whole, 500), local}, checks.Pass, "", ""},
		"this machine cannot send with DF":  {[]edit{limit(1464), noDF}, checks.Pass, "", ""},
		"a long fragment is lost as well":   {[]edit{limit(1472), lost(up, 8000)}, checks.Pass, "", ""},
		"so is one that limits nothing":     {[]edit{limit(1464), tooFew, lost(up, 8000)}, checks.Pass, "", ""},
		"no fragment passes, and it is narrow": {[]edit{limit(1464), says(1492), lost(up, 2000, 8000)}, checks.Warn,
			droppedLine + ", " + narrow, "The path carries packets of 1492 bytes at most"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := resultOf(t, seenWith(c.edits...))
			if r.Status != c.status || short(r) != c.finds {
				t.Fatalf("%s, %q; want %s, %q", r.Status, short(r), c.status, c.finds)
			}
			if n := len(r.Findings); n > 0 && r.Findings[n-1].Title != c.title {
				t.Errorf("%q, want %q", r.Findings[n-1].Title, c.title)
			}
		})
	}
}

// The evidence of a narrow path is the limit and what routers said; the cure
// names the MTU and what TCP may carry then (40 bytes of headers less).
func TestWhatANarrowPathIsShownBy(t *testing.T) {
	r, _ := resultOf(t, seenWith(limit(1299), says(1327), says(0)))
	f := r.Findings[0]
	want := []checks.Evidence{
		{Name: "largest UDP payload that passes unfragmented", Want: "1472", Got: "1299"},
		{Name: "ICMP from 203.0.113.254", Got: "fragmentation needed, MTU 1327"},
		{Name: "ICMP from 203.0.113.254", Got: "fragmentation needed"},
	}
	if diff := cmp.Diff(want, f.Evidence, cmpopts.IgnoreFields(checks.Evidence{}, "Says")); diff != "" {
		t.Error(diff)
	}
	if len(f.Advice) != 1 || !strings.Contains(f.Advice[0], "to 1327 and clamp TCP's MSS to 1287") || !strings.HasSuffix(f.Explanation, "here even ordinary SIP requests are.") {
		t.Errorf("%q, %q", f.Explanation, f.Advice)
	}
	hole, _ := resultOf(t, seenWith(limit(1464)))
	if f := hole.Findings[0]; len(f.Advice) != 2 || !strings.Contains(f.Advice[1], "type 3 code 4") || len(f.Evidence) != 1 {
		t.Errorf("%+v", f)
	}
	wide, _ := resultOf(t, seenWith(limit(1464), says(1492)))
	if f := wide.Findings[0]; strings.Contains(f.Explanation, "ordinary SIP") {
		t.Errorf("a PPPoE line is said to cut ordinary requests: %q", f.Explanation)
	}
}

// What drops fragments is shown by the longest that passes and by all that was
// lost in pieces, each way.
func TestWhatDroppedFragmentsAreShownBy(t *testing.T) {
	r, _ := resultOf(t, seenWith(lost(up, 2000, 8000), lost(down, 500, 8000)))
	want := []checks.Evidence{
		{Name: "1472 bytes out, unfragmented", Want: "an answer", Got: "answered"},
		{Name: "2000 bytes out, in 2 fragments", Want: "an answer", Got: "none after 12 tries"},
		{Name: "8000 bytes out, in 6 fragments", Want: "an answer", Got: "none after 12 tries"},
		{Name: "2000 bytes in, in 2 fragments", Want: "an answer", Got: "answered"},
		{Name: "8000 bytes in, in 6 fragments", Want: "an answer", Got: "none after 12 tries"},
	}
	if diff := cmp.Diff(want, r.Findings[0].Evidence, cmpopts.IgnoreFields(checks.Evidence{}, "Says")); diff != "" {
		t.Error(diff)
	}
}
