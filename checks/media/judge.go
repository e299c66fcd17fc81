package media

import (
	"fmt"
	"math"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Facts is the stable summary of the check. A direction is nil when nothing is
// known of it.
type Facts struct {
	Up      *Direction `json:"up"`
	Down    *Direction `json:"down"`
	Port    int        `json:"port"` // of the responder
	LengthS float64    `json:"length_s"`
	// CallsAtLeast is how many calls at a time were made without loss;
	// CallsBelow the least number at which loss began, 0 when none did. Both are
	// 0 without --deep.
	CallsAtLeast int `json:"calls_at_least,omitempty"`
	CallsBelow   int `json:"calls_below,omitempty"`
}

// Direction is one direction of the call.
type Direction struct {
	LossPct      float64 `json:"loss_pct"`
	JitterMS     float64 `json:"jitter_ms"` // RFC 3550, mean over the call
	Reordered    int     `json:"reordered"`
	RTTMS        float64 `json:"rtt_ms"`        // median, of both directions together; 0: unknown
	MOS          float64 `json:"mos"`           // G.711 with concealment
	DSCPSent     *int    `json:"dscp_sent"`     // null: that system cannot set it
	DSCPReceived *int    `json:"dscp_received"` // of most packets; null: none came, or that system does not tell
	BurstMax     int     `json:"burst_max"`     // packets lost in a row

	JitterMaxMS float64 `json:"jitter_max_ms"`
	Duplicates  int     `json:"duplicates"`
	Sent        int     `json:"packets_sent"`
	Received    int     `json:"packets_received"`
	MOSG729     float64 `json:"mos_g729"`
	Rating      float64 `json:"r"` // G.107, for MOS
}

const (
	// leastBuffer is the least a phone's jitter buffer holds: one packet.
	leastBuffer = 20.0
	// mostBuffer is where the adaptive jitter buffers of PBXs end (Asterisk,
	// jbmaxsize 200), ms.
	mostBuffer = 200.0
	// bufferJitters is how many mean deviations an adaptive buffer holds: with
	// two, some 2 % of normally spread packets still come too late.
	bufferJitters = 2
)

func judge(o Observed, host *netinfo.Host) checks.Judgement {
	v := view{o: o}
	switch {
	case o.Responder == "":
		return checks.Judgement{
			Summary: "not tested: that needs a responder outside",
			Skip:    `start "sipdoctor serve" outside and name it with --responder`,
		}
	case o.LocalFilter > 0 && o.sent() == 0:
		return checks.Judgement{Summary: "this machine's own packet filter drops the voice", Facts: v.facts(), Findings: []checks.Finding{v.localFilter()}}
	case o.Call == nil && !v.unreached():
		return checks.Judgement{Summary: "not tested", Facts: v.facts(), Inconclusive: v.whyNoCall()}
	}
	f := v.facts()
	j := checks.Judgement{Facts: f, Summary: v.summary(f), Findings: v.findings(f, host)}
	j.Inconclusive = v.whyUnclear()
	return j
}

// A view is an observation with the questions that are asked of it.
type view struct{ o Observed }

// sent counts everything that left this machine.
func (o Observed) sent() (n int) {
	for _, d := range o.Doors {
		n += d.Asked
	}
	return n
}

// leastAsked is how many questions without an arrival prove that a port cannot
// be reached: with half of all packets lost it happens once in a thousand.
const leastAsked = 10

// unreached reports that nothing of ours has arrived at any port, and that the
// responder says so itself.
func (v view) unreached() bool {
	n := 0
	for _, d := range v.o.Doors {
		switch {
		case d.Answered > 0 || d.Arrived > 0 || d.Unproved > 0:
			return false
		case d.Port == 0:
		case !d.Told || d.Asked < leastAsked:
			return false
		default:
			n++
		}
	}
	return n > 0
}

// oneWay reports that in the call we are heard and hear nothing, although the
// responder speaks.
func (v view) oneWay() bool {
	c := v.o.Call
	for _, d := range v.o.Doors {
		if d.Answered > 0 {
			return false
		}
	}
	return c.Told && c.Down.Received == 0 && c.Up.Received > 0 && c.Down.Sent >= leastAsked
}

// whyNoCall is why there is nothing to judge.
func (v view) whyNoCall() string {
	for _, d := range v.o.Doors {
		switch {
		case d.Unproved > 0:
			return "the call left from another address than everything else (several addresses outside), and the responder does not answer that one"
		case d.Refused != "":
			return "the responder opened no port: " + d.Refused
		}
	}
	switch {
	case v.o.Problem != "":
		return v.o.Problem
	case v.o.SendError != "":
		return v.o.SendError
	}
	return "the call could not be set up"
}

// leastPackets is a second of speech: a call that was shorter is none.
const leastPackets = 50

// whyUnclear is why a call says less than it should.
func (v view) whyUnclear() string {
	c := v.o.Call
	switch {
	case c == nil:
		return ""
	case !c.Told && v.o.Problem != "":
		return "the responder did not say what it heard: " + v.o.Problem
	case !c.Told:
		return "the responder did not say what it heard"
	case c.Up.Sent < leastPackets:
		return fmt.Sprintf("the call had %d packets only", c.Up.Sent)
	case v.o.Problem != "":
		return v.o.Problem
	case v.o.Hold != nil && v.o.Hold.Problem != "":
		return "the call on hold: " + v.o.Hold.Problem
	}
	return ""
}

func (v view) facts() Facts {
	c := v.o.Call
	if c == nil {
		return Facts{}
	}
	f := Facts{Port: c.Port, LengthS: round(float64(c.LengthMS)/1000, 1), Down: c.direction(c.Down)}
	if c.Told {
		f.Up = c.direction(c.Up)
	}
	f.CallsAtLeast, f.CallsBelow = limit(v.o.Load)
	return f
}

// path is what the network did to one direction, buffer and codec included.
func (c *Call) path(w Way, codec voice.Codec) voice.Path {
	buffer := min(max(bufferJitters*w.JitterMS, leastBuffer), mostBuffer)
	return voice.Path{OneWayMS: c.RTT.MedianMS/2 + buffer + codec.DelayMS, LossPct: w.LossPct(), BurstR: w.BurstR()}
}

func (c *Call) direction(w Way) *Direction {
	r := voice.R(c.path(w, voice.G711()), voice.G711())
	d := &Direction{
		LossPct: round(w.LossPct(), 2), JitterMS: round(w.JitterMS, 2), Reordered: w.Reordered, RTTMS: round(c.RTT.MedianMS, 1),
		MOS: round(voice.MOS(r), 2), BurstMax: w.BurstMax, JitterMaxMS: round(w.JitterMaxMS, 2), Duplicates: w.Duplicates,
		Sent: w.Sent, Received: w.Received, Rating: round(r, 1),
		MOSG729: round(voice.MOS(voice.R(c.path(w, voice.G729A()), voice.G729A())), 2),
	}
	if w.Received == 0 {
		d.MOS, d.MOSG729, d.Rating = 1, 1, 0 // the model has no word for silence
	}
	if w.Marked {
		ef := dscpEF
		d.DSCPSent = &ef
	}
	if mark, _, ok := w.mark(); ok {
		d.DSCPReceived = &mark
	}
	return d
}

// mark is the DSCP that most packets arrived with, and the share of those that
// did. ok is false when none came or nobody can tell.
func (w Way) mark() (dscp int, share float64, ok bool) {
	most, all := 0, 0
	for _, m := range w.Marks {
		if m.DSCP < 0 {
			return 0, 0, false
		}
		all += m.Packets
		if m.Packets > most {
			dscp, most = m.DSCP, m.Packets
		}
	}
	if most == 0 {
		return 0, 0, false
	}
	return dscp, float64(most) / float64(all), true
}

func round(x float64, digits int) float64 {
	p := math.Pow(10, float64(digits))
	return math.Round(x*p) / p
}

func (v view) summary(f Facts) string {
	c := v.o.Call
	switch {
	case c == nil:
		return "no voice gets through: nothing arrived at the responder"
	case v.oneWay():
		return "one-way audio: you are heard, but hear nothing"
	case f.Up == nil:
		return fmt.Sprintf("a call of %s: MOS %.1f down; what arrived at the responder is unknown", seconds(f.LengthS), f.Down.MOS)
	}
	s := fmt.Sprintf("a call of %s sounds like MOS %.1f up, %.1f down (loss %s, jitter %s, round trip %s)", seconds(f.LengthS),
		f.Up.MOS, f.Down.MOS, both(f.Up.LossPct, f.Down.LossPct, "%"), both(f.Up.JitterMS, f.Down.JitterMS, "ms"), short(f.Up.RTTMS))
	if f.CallsBelow > 0 {
		s += fmt.Sprintf("; %d calls at a time are too many", f.CallsBelow)
	} else if f.CallsAtLeast > 1 {
		s += fmt.Sprintf("; %d at a time too", f.CallsAtLeast)
	}
	if v.o.Unmarked {
		s += "; the mark for voice was not tested: this system cannot set it"
	}
	return s
}

// short is a time in whole ms, except where that would be none.
func short(ms float64) string {
	if ms < 1 {
		return "below 1 ms"
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func seconds(s float64) string { return fmt.Sprintf("%.0f s", s) }

// both writes a value for either direction, once when it is the same.
func both(up, down float64, unit string) string {
	a, b := fmt.Sprintf("%.1f", up), fmt.Sprintf("%.1f", down)
	if a == b {
		return a + " " + unit
	}
	return a + " and " + b + " " + unit
}
