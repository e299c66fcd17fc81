package firewall

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, &netinfo.Host{})
}

// Ports of which the rules do not tell are neither open nor closed.
func TestWhatIsNotKnownOfRTPIsNotOpen(t *testing.T) {
	part := func(ports, verdict string) Part {
		return Part{Protocol: "udp", Ports: ports, Purpose: "rtp", Verdict: verdict, Reasons: []words.Reason{words.Quote("geoip")}}
	}
	const all, first, second = "10000-20000", "10000-15000", "15001-20000"
	for name, c := range map[string]struct {
		parts    []Part
		status   checks.Status
		severity []checks.Severity
		open     []string
		unknown  []string
		closed   []string
	}{
		"open":                     {[]Part{part(all, "accept")}, checks.Pass, nil, []string{all}, nil, nil},
		"undecided":                {[]Part{part(all, "maybe")}, checks.Inconclusive, nil, nil, []string{all}, nil},
		"half of it undecided":     {[]Part{part(first, "accept"), part(second, "maybe")}, checks.Inconclusive, nil, []string{first}, []string{second}, nil},
		"closed to those unlisted": {[]Part{part(all, "drop")}, checks.Warn, []checks.Severity{checks.Warning}, nil, nil, []string{all}},
		"refused to those":         {[]Part{part(all, "reject")}, checks.Warn, []checks.Severity{checks.Warning}, nil, nil, []string{all}},
		"half of it closed":        {[]Part{part(first, "accept"), part(second, "drop")}, checks.Fail, []checks.Severity{checks.Critical}, []string{first}, nil, []string{second}},
		"half closed, half unsure": {[]Part{part(first, "maybe"), part(second, "drop")}, checks.Warn, []checks.Severity{checks.Warning}, nil, []string{first}, []string{second}},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Asterisk: true, RTP: "10000-20000", Parts: c.parts, Root: true}
			r := resultOf(t, o)
			var got []checks.Severity
			for _, f := range r.Findings {
				got = append(got, f.Severity)
			}
			if r.Status != c.status || cmp.Diff(c.severity, got) != "" {
				t.Errorf("%s with %v, want %s with %v", r.Status, got, c.status, c.severity)
			}
			raw, _ := json.Marshal(r.Facts)
			var f Facts
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			for _, diff := range []string{list(c.open, f.RTPOpen), list(c.unknown, f.RTPUnknown), list(c.closed, f.RTPClosed)} {
				if diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// list compares two lists; none and an empty one are the same.
func list(want, got []string) string {
	if len(want)+len(got) == 0 {
		return ""
	}
	return cmp.Diff(want, got)
}

func TestRulesThatWereNotAskedArePraisedByNobody(t *testing.T) {
	if r := resultOf(t, Observed{Asterisk: true, RTP: "10000-20000", Root: true}); r.Status != checks.Inconclusive || r.Reason == "" {
		t.Errorf("%s because of %q", r.Status, r.Reason)
	}
}

func TestWithoutRootTheRulesAreUnknown(t *testing.T) {
	r := resultOf(t, Observed{RTP: "10000-20000", Unread: true, Denied: true})
	if r.Status != checks.Inconclusive || r.Reason != "needs administrator rights: the packet filter can be read by root only; run it with sudo" {
		t.Errorf("%s because of %q", r.Status, r.Reason)
	}
}

// A port that Asterisk is set to and does not listen on fails, whatever the
// rules say; of an Asterisk that does not run nothing of the kind is said.
func TestAPortThatNobodyListensOnFails(t *testing.T) {
	open := []Part{{Protocol: "udp", Ports: "10000-20000", Purpose: "rtp", Verdict: "accept"}}
	shut := []Part{{Protocol: "udp", Ports: "10000-20000", Purpose: "rtp", Verdict: "drop"}}
	deaf := []Socket{{Protocol: "udp", Port: 5060, At: "pjsip.conf:3"}}
	heard := []Socket{{Protocol: "udp", Port: 5060, Listening: true}}
	for name, c := range map[string]struct {
		o        Observed
		status   checks.Status
		findings int
		summary  string
	}{
		"it listens":                        {Observed{Running: true, Sockets: heard, Parts: open}, checks.Pass, 0, "RTP 10000-20000 is open"},
		"it does not":                       {Observed{Running: true, Sockets: deaf, Parts: open}, checks.Fail, 1, "Asterisk does not listen on UDP 5060"},
		"it does not, and the RTP is shut":  {Observed{Running: true, Sockets: deaf, Parts: shut}, checks.Fail, 2, "RTP 10000-20000: all closed"},
		"it does not run":                   {Observed{Sockets: deaf, Parts: open}, checks.Pass, 0, "RTP 10000-20000 is open"},
		"it does not, and nothing was read": {Observed{Running: true, Sockets: deaf, Unread: true}, checks.Fail, 1, "Asterisk does not listen on UDP 5060"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Asterisk, c.o.RTP = true, "10000-20000"
			r := resultOf(t, c.o)
			if r.Status != c.status || len(r.Findings) != c.findings || !strings.HasPrefix(r.Summary, c.summary) {
				t.Errorf("%s with %d findings: %s", r.Status, len(r.Findings), r.Summary)
			}
			if c.findings > 0 && (r.Findings[0].Severity != checks.Critical || r.Findings[0].Confidence != checks.Certain) {
				t.Errorf("%s, %s", r.Findings[0].Severity, r.Findings[0].Confidence)
			}
		})
	}
}

func TestWhyTheRulesWereNotRead(t *testing.T) {
	for name, c := range map[string]struct {
		o    Observed
		want string
	}{
		"they need root":               {Observed{Unread: true, Denied: true, Missing: words.Quote("nft")}, "needs administrator rights: the packet filter can be read by root only; run it with sudo"},
		"nobody says why":              {Observed{Unread: true}, "needs administrator rights: the packet filter can be read by root only; run it with sudo"},
		"nothing of it is in a bundle": {Observed{Unread: true, Missing: words.Quote("nothing of it is in the bundle")}, "nothing of it is in the bundle"},
	} {
		c.o.RTP = "10000-20000"
		if r := resultOf(t, c.o); r.Status != checks.Inconclusive || r.Reason != c.want || r.Summary != "the packet filter was not read" {
			t.Errorf("%s: %s %q because of %q", name, r.Status, r.Summary, r.Reason)
		}
	}
}

func TestFreePBXOpensItsOwnRange(t *testing.T) {
	o := Observed{Asterisk: true, RTP: "10000-20000", Parts: []Part{{Protocol: "udp", Ports: "10000-20000", Purpose: "rtp", Verdict: "drop"}}}
	if r := resultOf(t, o); len(r.Findings[0].Advice) != 0 {
		t.Errorf("%q", r.Findings[0].Advice)
	}
	o.Managers = []string{"freepbx"}
	if r := resultOf(t, o); len(r.Findings[0].Advice) != 1 || !strings.HasPrefix(r.Findings[0].Advice[0], "FreePBX") {
		t.Errorf("%q", r.Findings[0].Advice)
	}
}

func TestHowMuchOfARangeIsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		closed []string
		whole  string
		all    bool
		want   words.Percent
	}{
		"half":                     {[]string{"10000-14999"}, "10000-19999", false, 50},
		"one port":                 {[]string{"10000"}, "10000-19999", false, 1},
		"all":                      {[]string{"10000-19999"}, "10000-19999", true, 0},
		"all, in two parts":        {[]string{"10000-14999", "15000-19999"}, "10000-19999", true, 0},
		"a third, rounded":         {[]string{"1-1", "2"}, "1-6", false, 33},
		"a range that is no range": {[]string{"1"}, "x", true, 0},
		"one without an end":       {[]string{"1"}, "1-x", true, 0},
	} {
		if got := share(c.closed, c.whole).Args; got["all"] != c.all || got["share"] != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestHowManyPortsAreInAList(t *testing.T) {
	for ports, want := range map[string]int{"5060": 1, "10000-10000": 1, "10000-20000": 10001, "": 0, "x": 0, "x-5": 0, "5-x": 0} {
		if got := count(ports); got != want {
			t.Errorf("%q: %d, want %d", ports, got, want)
		}
	}
}
