package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// site is a network in which some checks fail, and which counts how often each is
// observed.
type site struct {
	mu    sync.Mutex
	bad   map[string]bool
	times map[string]int
	open  map[string]int // observations at this moment, and the most of them
	hosts int
}

type siteSaw struct {
	Bad bool `json:"bad"`
}

func (s *site) set(id string, bad bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad[id] = bad
}

func (s *site) count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.times[id] = 0 }()
	return s.times[id]
}

func (s *site) check(c checks.Check, took time.Duration) *checks.Check {
	c.Group, c.Timeout = "office", 10*time.Minute
	return checks.Define(c, func(ctx context.Context, _ *checks.Env) (siteSaw, error) {
		s.mu.Lock()
		s.times[c.ID]++
		if s.open[c.ID]++; s.open[c.ID] > 1 {
			panic("observed twice at a time")
		}
		s.mu.Unlock()
		time.Sleep(took)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open[c.ID]--
		return siteSaw{s.bad[c.ID]}, ctx.Err()
	}, func(o siteSaw, _ *netinfo.Host) checks.Judgement {
		if o.Bad {
			return checks.Judgement{Findings: []checks.Finding{{ID: c.ID + ".bad", Severity: checks.Critical}}}
		}
		return checks.Judgement{}
	})
}

func (s *site) job(in checks.Inputs) *job {
	return &job{inputs: in, list: []*checks.Check{
		s.check(checks.Check{ID: "uplink"}, 1600*time.Millisecond),
		s.check(checks.Check{ID: "nat", Assumes: []string{"uplink"}}, 1300*time.Millisecond),
		s.check(checks.Check{ID: "sip-alg", Assumes: []string{"uplink"}, AsksSIP: true}, 1400*time.Millisecond),
		s.check(checks.Check{ID: "rtp-ports", Assumes: []string{"uplink"}, Heavy: true}, 7*time.Second),
	}, host: func(context.Context) (*netinfo.Host, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hosts++
		return &netinfo.Host{}, nil
	}}
}

// watching runs what a technician does while the site is watched, in virtual time,
// and returns the lines that were shown.
func watching(t *testing.T, every time.Duration, in checks.Inputs, bad []string, during func(s *site, wait func(time.Duration))) (shown string, rep *checks.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &site{bad: map[string]bool{}, times: map[string]int{}, open: map[string]int{}}
		for _, id := range bad {
			s.bad[id] = true
		}
		j := s.job(in)
		first := j.run(t.Context(), nil)
		first.Started = first.Started.Add(time.Hour) // the clock was then set right
		clear(s.times)
		var out bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		view := &watchView{ctx: ctx, o: &reporting{format: "json"}, streams: streams{Out: &out, Err: &out}, w: &out}
		w := newWatch(j, every, first, view)
		done := make(chan error)
		go func() { done <- w.run(ctx) }()
		during(s, func(d time.Duration) { time.Sleep(d); synctest.Wait() })
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		shown, rep = out.String(), w.state.Report()
	})
	return shown, rep
}

// What the network and the servers in it bear for as long as somebody watches:
// observations in ten minutes.
func TestWatchingCostsLittle(t *testing.T) {
	type counts = map[string]int
	responder := checks.Inputs{Responder: "vps.example.net"}
	for name, tt := range map[string]struct {
		every time.Duration
		in    checks.Inputs
		bad   []string
		most  counts
		least counts
	}{
		"all is well":               {5 * time.Second, responder, nil, counts{"uplink": 12, "nat": 12, "sip-alg": 12, "rtp-ports": 9}, counts{"uplink": 10, "sip-alg": 10, "rtp-ports": 8}},
		"an ALG":                    {5 * time.Second, responder, []string{"sip-alg"}, counts{"uplink": 12, "nat": 12, "sip-alg": 120, "rtp-ports": 9}, counts{"sip-alg": 118, "nat": 10}},
		"an ALG, in a hurry":        {time.Second, responder, []string{"sip-alg"}, counts{"uplink": 56, "nat": 56, "sip-alg": 250, "rtp-ports": 9}, counts{"sip-alg": 245}},
		"an ALG, a provider asked":  {time.Second, checks.Inputs{SIPServers: []string{"sip.example.net"}}, []string{"sip-alg"}, counts{"sip-alg": 40}, counts{"sip-alg": 39}},
		"an ALG, strangers asked":   {time.Second, checks.Inputs{}, []string{"sip-alg"}, counts{"sip-alg": 40}, counts{"sip-alg": 39}},
		"a table for 100 entries":   {time.Second, checks.Inputs{Responder: "vps.example.net", RouterEntries: 100}, []string{"sip-alg"}, counts{"sip-alg": 20}, counts{"sip-alg": 19}},
		"closed RTP ports":          {time.Second, responder, []string{"rtp-ports"}, counts{"rtp-ports": 22}, counts{"rtp-ports": 20}},
		"no uplink, the rest waits": {5 * time.Second, responder, []string{"uplink", "sip-alg"}, counts{"uplink": 120, "sip-alg": 12}, counts{"uplink": 118}},
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, tt.every, tt.in, tt.bad, func(s *site, wait func(time.Duration)) {
				wait(10 * time.Minute)
				for id, most := range tt.most {
					if n := s.count(id); n > most || n < tt.least[id] {
						t.Errorf("%s was observed %d times, want %d to %d", id, n, tt.least[id], most)
					}
				}
			})
		})
	}
}

// The technician switches the ALG off: it shows within the interval and the time of
// a check. What then breaks shows after it was seen twice, and the machine and its
// router are not asked each time.
func TestARouterThatIsChangedShows(t *testing.T) {
	shown, rep := watching(t, 5*time.Second, checks.Inputs{Responder: "vps.example.net"}, []string{"sip-alg"}, func(s *site, wait func(time.Duration)) {
		wait(30 * time.Second)
		s.set("sip-alg", false)
		wait(7 * time.Second)
		s.set("sip-alg", true)
		wait(12 * time.Second) // within the minute of attention
		s.set("nat", true)
		wait(time.Minute)
		if s.hosts > 8 { // of some twenty runs
			t.Errorf("the router was asked %d times who it is", s.hosts)
		}
	})
	var what []string
	for line := range strings.Lines(shown) {
		what = append(what, strings.TrimSpace(line[10:]))
	}
	want := []string{"sip-alg fail → pass: SIP passes unchanged", "sip-alg pass → fail", "nat pass → fail"}
	if diff := cmp.Diff(want, what); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(rep.History) != 3 || rep.Verdict != checks.Fail || rep.Result("nat").Status != checks.Fail {
		t.Errorf("history %v, verdict %s", rep.History, rep.Verdict)
	}
}

// The disk is full, or the terminal gone: what is being observed ends with the watch.
func TestAWatchThatCannotWriteEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{bad: map[string]bool{"sip-alg": true}, times: map[string]int{}, open: map[string]int{}}
		j := &job{list: []*checks.Check{
			s.check(checks.Check{ID: "sip-alg"}, time.Second),
			s.check(checks.Check{ID: "rtp-ports", Heavy: true}, time.Minute),
		}}
		view := &watchView{ctx: t.Context(), o: &reporting{format: "json"}, w: fullDisk{}}
		w := newWatch(j, 5*time.Second, j.run(t.Context(), nil), view)
		time.AfterFunc(9*time.Minute+10*time.Second, func() { s.set("sip-alg", false) }) // rtp-ports is being observed
		if err := w.run(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the watch ended with %v", err)
		}
	})
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// Whoever reads the lines has seen enough, such as head -1.
func TestAWatchThatNobodyReadsEnds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows tells only whoever writes")
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	s := &site{bad: map[string]bool{}, times: map[string]int{}, open: map[string]int{}}
	j := &job{list: []*checks.Check{s.check(checks.Check{ID: "nat"}, 0)}}
	w := newWatch(j, time.Hour, j.run(t.Context(), nil), &watchView{ctx: t.Context(), o: &reporting{format: "json"}, w: writer})
	done := make(chan error)
	go func() { done <- w.run(t.Context()) }()
	select {
	case <-done:
		t.Fatal("it ended while somebody read")
	case <-time.After(50 * time.Millisecond):
	}
	reader.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The line is back: what was taken for its effect is looked at immediately.
func TestAfterTheCauseComeItsEffects(t *testing.T) {
	watching(t, 5*time.Second, checks.Inputs{Responder: "vps.example.net"}, []string{"uplink", "sip-alg"}, func(s *site, wait func(time.Duration)) {
		wait(20 * time.Second)
		s.set("uplink", false)
		wait(7 * time.Second)
		s.count("sip-alg")
		s.set("sip-alg", false)
		wait(7 * time.Second)
		if n := s.count("sip-alg"); n == 0 {
			t.Error("nobody looks whether SIP passes")
		}
	})
}

// emulator is a terminal of a given size, as far as the screen uses one.
type emulator struct {
	columns, rows int
	lines         [][]rune
	row, column   int
}

func (e *emulator) Write(p []byte) (int, error) {
	text := []rune(string(p))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\r':
			e.column = 0
		case '\n':
			e.row, e.column = e.row+1, 0
		case '\x1b':
			n := 0
			for i += 2; text[i] >= '0' && text[i] <= '9'; i++ {
				n = 10*n + int(text[i]-'0')
			}
			switch text[i] {
			case 'A': // not above what the terminal shows
				e.row = max(e.row-n, len(e.lines)-e.rows, 0)
			case 'J':
				e.at()
				e.lines = e.lines[:e.row+1]
				e.lines[e.row] = e.lines[e.row][:min(e.column, len(e.lines[e.row]))]
			}
		default:
			if e.column == e.columns {
				e.row, e.column = e.row+1, 0
			}
			e.at()
			e.lines[e.row] = append(e.lines[e.row][:e.column], c)
			e.column++
		}
		e.at()
	}
	return len(p), nil
}

func (e *emulator) at() {
	for len(e.lines) <= e.row {
		e.lines = append(e.lines, nil)
	}
}

// resize breaks the lines anew, as terminals do.
func (e *emulator) resize(columns int) {
	var lines [][]rune
	for _, l := range e.lines {
		for len(l) > columns {
			lines, l = append(lines, l[:columns:columns]), l[columns:]
		}
		lines = append(lines, l)
	}
	e.lines, e.columns = lines, columns
	e.row, e.column = len(lines)-1, len(lines[len(lines)-1])
}

func (e *emulator) String() string {
	var b strings.Builder
	for _, l := range e.lines {
		b.WriteString(string(l) + "\n")
	}
	return b.String()
}

// The report stands below the history and is painted over; a terminal that is made
// narrower, or is too low for the report, loses nothing of it.
func TestTheReportStandsBelowTheHistory(t *testing.T) {
	const red, green = "✗ SIP is rewritten\n  FAIL  sip-alg\n", "✓ all is well\n  pass  sip-alg\n"
	for name, tt := range map[string]struct {
		rows, narrow int
		want         string
	}{
		"as it is":  {24, 0, "start\n14:03 cured\n" + green + "watching\n"},
		"too low":   {2, 0, "start\n" + red + "14:03 cured\n" + green + "watching\n"},
		"narrower":  {24, 18, "start\n" + "✗ SIP is rewritten\n  FAIL  sip-alg\n14:03 cured\n" + green + "watching\n"},
		"very much": {24, 12, "start\n✗ SIP is rew\nritten\n  FAIL  sip-\nalg\n14:03 cured\n✓ all is wel\nl\n  pass  sip-\nalg\nwatching\n"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &emulator{columns: 40, rows: tt.rows}
			sc := &screen{w: e, size: func() (int, int) { return e.columns, e.rows }}
			_ = sc.paint("start\n", "\x1b[31m"+red[:len(red)-1]+"\x1b[0m\n")
			_ = sc.show("watching 3 checks, next in 4 s")
			if tt.narrow > 0 {
				e.resize(tt.narrow)
			}
			_ = sc.show("watching 3 checks, next in 3 s")
			_ = sc.paint("14:03 cured\n", green)
			_ = sc.show("watching")
			if diff := cmp.Diff(tt.want, e.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTheStatusLineFitsTheTerminal(t *testing.T) {
	for _, l := range []words.Lang{words.English, words.Russian} {
		for _, columns := range []int{40, 60, 100, 200} {
			var b bytes.Buffer
			v := &watchView{streams: streams{Lang: l}, screen: &screen{w: &b, size: func() (int, int) { return columns, 24 }}}
			if err := v.status(standing{open: 3, left: 4 * time.Second, last: time.Date(2026, 11, 29, 14, 3, 22, 0, time.Local)}); err != nil {
				t.Fatal(err)
			}
			line := strings.TrimPrefix(b.String(), "\r\x1b[J")
			if n := len([]rune(line)); n >= columns || columns > 60 && !strings.HasSuffix(line, "14:03:22") {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

// A program reads a report in a line whenever something has changed, and the last.
func TestAWatchIsReadLineByLine(t *testing.T) {
	var out, errs bytes.Buffer
	view := newWatchView(t.Context(), streams{Out: &out, Err: &errs}, &reporting{format: "ndjson", noObserved: true})
	r := &checks.Report{Schema: checks.Schema, Verdict: checks.Fail, Results: []checks.Result{{Check: "sip-alg", Status: checks.Fail}}}
	if err := view.begin(r); err != nil {
		t.Fatal(err)
	}
	r.Verdict, r.Results[0].Status = checks.Pass, checks.Pass
	if err := view.changed(r, []checks.Change{{Check: "sip-alg", From: checks.Fail, To: checks.Pass}}); err != nil {
		t.Fatal(err)
	}
	if err := view.end(r); err != nil {
		t.Fatal(err)
	}
	var verdicts []checks.Status
	for line := range strings.Lines(out.String()) {
		got, err := checks.ReadReport(strings.NewReader(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		verdicts = append(verdicts, got.Verdict)
	}
	if !slices.Equal(verdicts, []checks.Status{checks.Fail, checks.Pass, checks.Pass}) || !strings.Contains(errs.String(), "sip-alg") {
		t.Errorf("lines of %v; standard error:\n%s", verdicts, errs.String())
	}
}
