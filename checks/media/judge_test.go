package media

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// good is one direction of a call of ten seconds over a clean line.
func good() Way {
	return Way{Stats: voice.Stats{Sent: 500, Received: 500, JitterMS: 1}, Marked: true, Marks: []session.MediaMark{{DSCP: 46, Packets: 500}}}
}

// goodCall is an observation in which nothing is wrong.
func goodCall() Observed {
	return Observed{
		Responder: "pbx.example.net", Target: netip.MustParseAddr("198.51.100.2"), First: 10000, Last: 65535,
		Doors: []Door{{Port: 20000, Asked: 1, Answered: 1, Told: true, Arrived: 1}},
		Call:  &Call{Port: 20000, Told: true, LengthMS: 10000, Up: good(), Down: good(), RTT: RTT{Samples: 500, MinMS: 38, MedianMS: 40, MaxMS: 55}},
	}
}

func lost(n, bursts, most, gaps int) func(*Way) {
	return func(w *Way) { w.Received, w.Bursts, w.BurstMax, w.Gaps = w.Sent-n, bursts, most, gaps }
}

func marked(dscp, packets int) func(*Way) {
	return func(w *Way) {
		w.Marks = []session.MediaMark{{DSCP: dscp, Packets: packets}, {DSCP: 46, Packets: 500 - packets}}
	}
}

func TestWhatIsSaidOfACall(t *testing.T) {
	up := func(f func(*Way)) func(*Observed) { return func(o *Observed) { f(&o.Call.Up) } }
	down := func(f func(*Way)) func(*Observed) { return func(o *Observed) { f(&o.Call.Down) } }
	for _, tt := range []struct {
		name     string
		change   func(*Observed)
		findings []string // ID and severity
		says     string   // a part of the first title, or of the summary without a finding
		unclear  string
	}{
		{"all is well", func(*Observed) {}, nil, "MOS 4.4 upstream, 4.4 downstream", ""},
		{"one packet was lost", up(lost(1, 1, 1, 0)), nil, "loss 0.2 % and 0 %", ""},
		{"one moment was lost", down(lost(30, 1, 30, 1)), []string{"media.gaps info"}, "gaps in the voice", ""},
		{"three moments were lost", down(lost(15, 3, 5, 3)), []string{"media.gaps warning"}, "gaps in the voice", ""},
		{"one second after the other was lost", down(lost(240, 5, 50, 5)), []string{"media.loss critical", "media.gaps warning"}, "downstream 48 %", ""},
		{"it went dead in the middle", down(lost(250, 1, 250, 1)), []string{"media.loss critical"}, "downstream 50 %", ""},
		{"a line that loses 4 %", down(lost(20, 19, 2, 0)), []string{"media.loss warning"}, "Calls lose voice packets: downstream 4 %", ""},
		{"nobody could understand it", up(lost(300, 150, 9, 20)), []string{"media.loss critical", "media.gaps warning"}, "upstream 60 %", ""},
		{"one direction went dead after the first words", up(lost(500, 1, 500, 1)), []string{"media.loss critical"}, "upstream 100 %", ""},
		{"Wi-Fi", down(func(w *Way) { w.JitterMS, w.JitterMaxMS = 42, 90 }), []string{"media.jitter warning"}, "downstream 42 ms", ""},
		{"another continent", func(o *Observed) { o.Call.RTT.MedianMS = 380 }, []string{"media.delay warning"}, "190 ms each way", ""},
		{"the mark is cleared", up(marked(0, 500)), []string{"media.dscp info"}, "The DSCP mark for voice is cleared upstream", ""},
		{"the mark is cleared both ways", func(o *Observed) { marked(0, 500)(&o.Call.Up); marked(0, 490)(&o.Call.Down) }, []string{"media.dscp info"}, "cleared both ways", ""},
		{"the mark is cleared on a full line", func(o *Observed) { marked(0, 480)(&o.Call.Up); lost(40, 38, 2, 0)(&o.Call.Up) }, []string{"media.loss warning", "media.dscp warning"}, "", ""},
		{"voice is put behind everything else", down(marked(8, 500)), []string{"media.dscp warning"}, "changed to DSCP 8 (CS1", ""},
		{"a few packets lost their mark", up(marked(0, 20)), nil, "MOS 4.4", ""},
		{"nobody can see marks", down(func(w *Way) { w.Marks = []session.MediaMark{{DSCP: -1, Packets: 500}} }), nil, "MOS 4.4", ""},
		{"this system cannot set marks", func(o *Observed) { o.Unmarked, o.Call.Up.Marked = true, false; marked(0, 500)(&o.Call.Up) }, nil, "this system cannot set it", ""},
		{"packets overtake each other", up(func(w *Way) { w.Reordered = 40 }), []string{"media.disorder info"}, "", ""},
		{"the responder did not say", func(o *Observed) { o.Call.Told, o.Problem = false, "it no longer answers" }, nil, "unknown", "it no longer answers"},
		{"the call was cut short", func(o *Observed) { o.Call.Up.Sent, o.Call.Up.Received = 10, 10 }, nil, "", "only 10 packets"},
		{"the call left from elsewhere", func(o *Observed) { o.Call, o.Doors[0] = nil, Door{Port: 20000, Asked: 30, Told: true, Unproved: 30} }, nil, "not tested", "another public address"},
		{"the responder has no port", func(o *Observed) { o.Call, o.Doors[0] = nil, Door{Refused: "in use"} }, nil, "not tested", "in use"},
		{"nobody knows what arrived", func(o *Observed) { o.Call, o.Doors[0] = nil, Door{Port: 20000, Asked: 30} }, nil, "not tested", "could not be set up"},
		{"nothing arrived", func(o *Observed) { o.Call, o.Doors[0] = nil, Door{Port: 20000, Asked: 30, Told: true} }, []string{"media.no-audio critical"}, "No audio gets out", ""},
		{"nothing came back", func(o *Observed) {
			o.Doors[0].Answered, o.Call.Down.Received, o.Call.Down.Bursts, o.Call.Down.Marks = 0, 0, 1, nil
		}, []string{"media.one-way critical"}, "One-way audio", ""},
		{"the phone moved and was not heard", func(o *Observed) { o.Move = &Move{Local: netip.MustParseAddrPort("192.168.88.10:4000")} }, []string{"media.move critical"}, "does not follow", ""},
		{"a call on hold woke up", func(o *Observed) {
			o.Hold = &Hold{SilentS: 90, Opened: true, Spoken: 10, Heard: 9, UpAsked: 10, UpAnswered: 10}
		}, nil, "", ""},
		{"a call on hold was forgotten", func(o *Observed) { o.Hold = &Hold{SilentS: 90, Opened: true, Spoken: 10, UpAsked: 10, UpAnswered: 10} }, []string{"media.hold info"}, "the phone has to send first", ""},
		{"a call on hold died", func(o *Observed) { o.Hold = &Hold{SilentS: 90, Opened: true, Spoken: 10, UpAsked: 10} }, []string{"media.hold-dead warning"}, "no audio after 90 s on hold", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := goodCall()
			tt.change(&o)
			r := resultOf(t, o)
			var ids []string
			said := r.Summary
			for i, f := range r.Findings {
				ids = append(ids, f.ID+" "+string(f.Severity))
				if i == 0 {
					said = f.Title
				}
			}
			if diff := cmp.Diff(tt.findings, ids); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if !strings.Contains(said, tt.says) {
				t.Errorf("it says %q, not %q", said, tt.says)
			}
			if (r.Reason == "") != (tt.unclear == "") || !strings.Contains(r.Reason, tt.unclear) {
				t.Errorf("inconclusive because %q, want %q", r.Reason, tt.unclear)
			}
		})
	}
}

func TestUnknownMarksAreNotZero(t *testing.T) {
	o := goodCall()
	o.Unmarked, o.Call.Up.Marked = true, false
	o.Call.Down.Marks = []session.MediaMark{{DSCP: -1, Packets: 500}}
	f := judge(o, &netinfo.Host{}, func(string) *checks.Result { return nil }).Facts.(Facts)
	if f.Up.DSCPSent != nil || f.Up.DSCPReceived == nil || *f.Up.DSCPReceived != 46 || f.Down.DSCPReceived != nil || *f.Down.DSCPSent != 46 {
		t.Errorf("up %+v, down %+v", f.Up, f.Down)
	}
}

func TestWhereTheCallsBecomeTooMany(t *testing.T) {
	step := func(n int, lostPct int) Load {
		sent := 200 * n
		w := Way{Stats: voice.Stats{Sent: sent, Received: sent - sent*lostPct/100, Bursts: sent * lostPct / 100, BurstMax: 1}}
		return Load{Calls: n, Reached: n, Up: good(), Down: w}
	}
	for _, tt := range []struct {
		name           string
		load           []Load
		atLeast, below int
	}{
		{"not tried", nil, 0, 0},
		{"sixteen go well", []Load{step(1, 0), step(8, 0), step(16, 0)}, 16, 0},
		{"from five on voice is lost", []Load{step(1, 0), step(4, 0), step(5, 12), step(8, 30)}, 4, 5},
		{"one alone loses as much", []Load{step(1, 10)}, 0, 0},
		{"a little is lost everywhere", []Load{step(1, 1), step(2, 1), step(4, 1)}, 4, 0},
		{"the ninth could not be begun", []Load{step(1, 0), step(8, 0), {Calls: 9, Reached: 8}}, 8, 9},
		{"the responder takes no more", []Load{step(1, 0), step(8, 0), {Calls: 16, Reached: 10, Problem: "too many calls"}}, 8, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a, b := limit(tt.load); a != tt.atLeast || b != tt.below {
				t.Errorf("%d go well, %d do not; want %d and %d", a, b, tt.atLeast, tt.below)
			}
		})
	}
}

func TestTheCheckIsSound(t *testing.T) {
	c := Check()
	if c.ID != ID || c.Slow || c.Timeout == 0 {
		t.Errorf("%+v", c)
	}
}
