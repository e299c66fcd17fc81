package labtest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func mediaFacts(t testing.TB, rep *checks.Report) (f media.Facts) {
	t.Helper()
	r := rep.Result("media")
	if r == nil {
		t.Fatal("the report has no media")
	}
	raw, err := json.Marshal(r.Facts)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What the kernel does to a real call, as the program tells it.
func TestACallSoundsAsTheLineDoes(t *testing.T) {
	t.Parallel()
	lossy := lab.Scenario{Name: "lossy-call", Routers: []lab.Router{{NAT: lab.Preserving, LossPercent: 10}}, DelayMS: farAway}
	far := scenario(t, "clean")
	far.DelayMS = farAway
	for _, tt := range []struct {
		name    string
		s       lab.Scenario
		args    []string
		exit    int
		finding string // "": none at all
		holds   func(f media.Facts) bool
	}{
		{"an open office, 20 ms away", far, nil, 0, "",
			func(f media.Facts) bool {
				return f.LengthS == 10 && f.Up.LossPct < 1 && f.Down.LossPct < 1 && f.Up.JitterMS < 20 && f.Down.JitterMS < 20 &&
					f.Up.RTTMS >= 40 && f.Up.RTTMS < 80 && f.Up.MOS > 4 && f.Down.MOS > 4 &&
					*f.Up.DSCPSent == 46 && *f.Up.DSCPReceived == 46 && *f.Down.DSCPSent == 46 && *f.Down.DSCPReceived == 46
			}},
		{"a router that clears the mark", scenario(t, "dscp-cleared"), nil, 0, "media.dscp",
			func(f media.Facts) bool {
				return *f.Up.DSCPSent == 46 && *f.Up.DSCPReceived == 0 && *f.Down.DSCPSent == 46 && *f.Down.DSCPReceived == 0 && f.Up.MOS > 4
			}},
		{"answers blocked: one-way audio", scenario(t, "rtp-return-blocked"), []string{"--rtp-range", "20000-25000"}, 1, "media.one-way",
			func(f media.Facts) bool {
				return f.Up.LossPct < 1 && f.Up.Received > 50 && f.Down.Received == 0 && f.Down.Sent > 50 && f.Down.MOS == 1
			}},
		{"RTP blocked on the way out", scenario(t, "rtp-blocked"), []string{"--rtp-range", "30000-40000"}, 1, "media.no-audio",
			func(f media.Facts) bool { return f.Up == nil && f.Down == nil }},
		{"some RTP ports blocked: another one is taken", scenario(t, "rtp-blocked"), []string{"--rtp-range", "30000-65535"}, 0, "",
			func(f media.Facts) bool { return f.Port > 40000 && f.Up.LossPct < 1 }},
		{"10 % loss each way", lossy, nil, 0, "media.loss",
			func(f media.Facts) bool {
				return f.Up.LossPct > 5 && f.Up.LossPct < 16 && f.Down.LossPct > 5 && f.Down.LossPct < 16 && f.Up.MOS < 4 && f.Up.MOS > 2.6
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, tt.s)
			rep, exit := o.check(t, o.politely(append([]string{"media"}, tt.args...)...)...)
			ids := findings(rep)
			if exit != tt.exit || tt.finding == "" && len(ids) > 0 || tt.finding != "" && !slices.Contains(ids, tt.finding) {
				t.Errorf("exit status %d, findings %v; want %d, %q", exit, ids, tt.exit, tt.finding)
			}
			if f := mediaFacts(t, rep); !tt.holds(f) {
				t.Errorf("up %+v\ndown %+v", f.Up, f.Down)
			}
			if t.Failed() {
				t.Logf("%s\n%s", explain(rep), rep.Result("media").Observed)
			}
		})
	}
}

// The sweep and the call run side by side, and neither spoils the other.
func TestTheOrdinaryRunHasACallInIt(t *testing.T) {
	t.Parallel()
	s := scenario(t, "clean")
	s.DelayMS = farAway
	o := open(t, s)
	rep, exit := o.check(t, o.politely("media", "rtp-ports")...)
	slowest := int64(0)
	for _, r := range rep.Results {
		slowest = max(slowest, r.DurationMS)
	}
	if f := mediaFacts(t, rep); exit != 0 || f.Up.LossPct > 1 || f.Down.LossPct > 1 || len(findings(rep)) > 0 || rep.DurationMS > slowest*12/10 {
		t.Errorf("exit status %d after %d ms; up %+v, down %+v\n%s", exit, rep.DurationMS, f.Up, f.Down, explain(rep))
	}
}
