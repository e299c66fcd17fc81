package rtpports

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func TestRangesThatPeopleType(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "10000-65535",
		"10000-20000":          "10000-20000",
		"16384 - 32767":        "16384-32767",
		"5004":                 "5004",
		"5004-5004":            "5004",
		"1-65535":              "1-65535",
		"-5":                   `port "" is not a port number`,
		"99999999999999999999": `port "99999999999999999999" is not a port number`,
		"20000-10000":          "write 10000-20000",
		"0-100":                `port "0" is not a port number (1-65535)`,
		"1-65536":              `port "65536" is not a port number`,
		"10000-":               `port "" is not a port number`,
		"rtp":                  `port "rtp" is not a port number`,
		"1-2-3":                `port "2-3" is not a port number`,
	} {
		r, err := ParseRange(text)
		got := r.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || strings.Contains(want, " ") != (err != nil) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestTheSampleFindsEveryBlockedRunOf64Ports(t *testing.T) {
	p, err := newPlan(checks.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	ports := p.choose()
	for i := 1; i < len(ports); i++ {
		if ports[i]-ports[i-1] > sampleStride {
			t.Errorf("nothing is asked between %d and %d", ports[i-1], ports[i])
		}
	}
	p.ports = ports
	p.budget()
	if n := len(ports); n < 870 || n > 920 || ports[0] != 10000 || ports[n-1] != 65535 || p.expected().Seconds() > 8 {
		t.Errorf("%d ports from %d to %d in %s", n, ports[0], ports[n-1], p.expected())
	}
}

func TestTheRateFollowsFromTheRoutersTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   checks.Inputs
		want int
	}{
		{"nothing said", checks.Inputs{}, 136},
		{"a big router", checks.Inputs{RouterEntries: 262144}, 8738},
		{"a tiny one", checks.Inputs{RouterEntries: 10}, 1},
		{"no regard to it", checks.Inputs{Fast: true}, 5000},
		{"the user's own rate", checks.Inputs{Fast: true, Rate: 77}, 77},
	} {
		p, err := newPlan(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if p.budget(); p.rate != tt.want {
			t.Errorf("%s: %d a second, want %d", tt.name, p.rate, tt.want)
		}
	}
}

func TestTriesFollowFromTheLoss(t *testing.T) {
	for _, tt := range []struct {
		name        string
		lost, asked int
		ports       int
		want        int
		ok          bool
	}{
		{"a clean line, much seen", 0, 2000, 900, 3, true},
		{"a clean line, little seen", 0, 32, 900, 6, true},
		{"1 % each way", 20, 1000, 55536, 7, true},
		{"5 % each way", 100, 1000, 55536, 12, true},
		{"20 % each way", 360, 1000, 900, 22, true},
		{"most is lost", 80, 100, 900, maxTries, false},
		{"nothing is known", 0, 0, 900, 30, true},
		{"everything is lost", 10, 10, 1, maxTries, false},
	} {
		got, ok := triesNeeded(lossBound(tt.lost, tt.asked), tt.ports)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: %d tries, %v; want %d, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

// Property: whatever the loss, that many tries keep the error below the limit.
func TestTriesKeepTheErrorBelowTheLimit(t *testing.T) {
	for range 10000 {
		q, n := rand.Float64()*0.5, 1+rand.IntN(65535)
		if k, ok := triesNeeded(q, n); ok && math.Pow(q, float64(k))*float64(n) > maxError*1.0001 {
			t.Fatalf("loss %f, %d ports, %d tries: error %g", q, n, k, math.Pow(q, float64(k))*float64(n))
		}
	}
}

func TestAFullTableIsAStepInTheOrderOfSending(t *testing.T) {
	order := func(parts ...any) (out []bool) { // count, share of 100 that passes
		for i := 0; i < len(parts); i += 2 {
			for j := range parts[i].(int) {
				out = append(out, j*37%100 < parts[i+1].(int))
			}
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		order []bool
		at    int
		ok    bool
	}{
		{"everything passes", order(900, 100), 0, false},
		{"nothing passes", order(900, 0), 0, false},
		{"a table of 500", order(500, 100, 400, 0), 500, true},
		{"a table of 500 behind a firewall that blocks a fifth", order(500, 80, 400, 0), 500, true},
		{"a table of 500 with room for one in fifty later", order(500, 100, 400, 2), 501, true},
		{"a table that has room again for a quarter", order(500, 100, 400, 25), 501, true},
		{"the line that loses two thirds from then on", order(500, 100, 400, 33), 0, false},
		{"a firewall that blocks a fifth", order(900, 80), 0, false},
		{"a firewall that leaves one port in fifty", order(900, 2), 0, false},
		{"the last few were unlucky", order(900, 90, 15, 0), 0, false},
		{"a table that is full from the start", order(10, 100, 400, 0), 0, false},
	} {
		at, ok := tableStep(tt.order)
		if ok != tt.ok || ok && (at > tt.at || at < tt.at-20) {
			t.Errorf("%s: step at %d, %v; want %d, %v", tt.name, at, ok, tt.at, tt.ok)
		}
	}
}

// TestEveryEdgeIsFoundToTheExactPort plays a network with random blocked
// ranges of at least 64 ports and searches it as a sweep does.
func TestEveryEdgeIsFoundToTheExactPort(t *testing.T) {
	states := []string{stateOpen, stateOutbound, stateReturn}
	for range 300 {
		whole := netinfo.PortRange{First: 10000, Last: 65535}
		var truth []verdict
		for at, last := whole.First, ""; at <= whole.Last; {
			state := states[rand.IntN(3)]
			if state == last {
				continue
			}
			end := min(at+sampleStride-1+rand.IntN(9000), whole.Last)
			if whole.Last-end < sampleStride {
				end = whole.Last
			}
			truth = append(truth, verdict{netinfo.PortRange{First: at, Last: end}, state})
			at, last = end+1, state
		}
		real := func(p int) string {
			for _, v := range truth {
				if p >= v.span.First && p <= v.span.Last {
					return v.state
				}
			}
			return ""
		}
		outcome := func(p int) (string, int) { return real(p), 0 }
		p, _ := newPlan(checks.Inputs{})
		asked := p.choose()
		for range searchRounds {
			asked = append(asked, pointsBetween(unmoved(joinRuns(asked, outcome)), searchPoints)...)
			slices.Sort(asked)
			asked = slices.Compact(asked)
		}
		got := conclude(whole, unmoved(joinRuns(asked, outcome))).verdicts
		if diff := cmp.Diff(truth, got, cmp.AllowUnexported(verdict{})); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

func TestASweepThatEndedEarlyIsASample(t *testing.T) {
	state := func(p int) string {
		switch {
		case p == 10 || p == 40 || p == 200 || p == 230 || p == 260:
			return stateOpen
		case p == 250:
			return stateOutbound
		}
		return stateUnknown
	}
	var all []int
	for p := 1; p <= 300; p++ {
		all = append(all, p)
	}
	untold := func(p int) bool { return state(p) == stateUnknown && p != 210 }
	got := conclude(netinfo.PortRange{First: 1, Last: 300}, unmoved(joinRuns(skipUnasked(all, state, untold), func(p int) (string, int) { return state(p), 0 })))
	if diff := cmp.Diff([]string{"10-40", "200", "230", "260"}, got.list(stateOpen)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1-9", "41-199", "201-229", "231-249", "251-259", "261-300"}, got.list(stateUnknown)); diff != "" {
		t.Error(diff)
	}
}

func TestTheBarShowsTheWorstOfEachPart(t *testing.T) {
	whole := netinfo.PortRange{First: 10000, Last: 65535}
	vs := conclude(whole, []Run{
		ports(10000, 16383, stateOpen), ports(16384, 16400, stateOutbound), ports(16401, 29999, stateOpen),
		ports(30000, 40000, stateReturn), ports(40001, 60000, stateOpen), ports(60001, 65535, stateUnknown),
	})
	if diff := cmp.Diff("10000 [#####.###########<<<<<<<<<#################?????] 65535", vs.bar()); diff != "" {
		t.Error(diff)
	}
	if got := conclude(netinfo.PortRange{First: 5004, Last: 5004}, []Run{ports(5004, 5004, stateOpen)}).bar(); got != "5004 [#] 5004" {
		t.Error(got)
	}
}

func TestSplitKeepsEveryPortAndFitsADatagram(t *testing.T) {
	for _, n := range []int{1, 7, 900, 5000} {
		var ports []int
		for len(ports) < n {
			ports = append(ports, 10000+rand.IntN(55536))
		}
		slices.Sort(ports)
		ports = slices.Compact(ports)
		var got []int
		for _, part := range split(ports, 900, holdText/2) {
			if len(part) > 900 || textLength(part) > holdText/2 && len(part) > 1 {
				t.Errorf("a part of %d ports, %d bytes", len(part), textLength(part))
			}
			got = append(got, part...)
		}
		if diff := cmp.Diff(ports, got); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzConclude: a report may come from anywhere; every port of the range gets
// exactly one verdict.
func FuzzConclude(f *testing.F) {
	f.Add(10000, 65535, 10000, 20000, 20001, 65535)
	f.Add(1, 1, 5, 3, -1, 70000)
	f.Fuzz(func(t *testing.T, first, last, a, b, c, d int) {
		if first < 1 || last > 65535 || first > last {
			return
		}
		whole := netinfo.PortRange{First: first, Last: last}
		vs := conclude(whole, []Run{ports(a, b, stateOpen), ports(c, d, stateOutbound)})
		next := first
		for _, v := range vs.verdicts {
			if v.span.First != next || v.span.Last < v.span.First {
				t.Fatal(fmt.Sprint(vs.verdicts))
			}
			next = v.span.Last + 1
		}
		if next != last+1 {
			t.Fatal(fmt.Sprint(vs.verdicts))
		}
		_ = vs.bar()
	})
}
