package media

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
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

// Measured reports that the direction carried enough packets to be judged.
func (d *Direction) Measured() bool { return d.Sent >= leastPackets }

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

func judge(o Observed, host *netinfo.Host, others checks.Others) checks.Judgement {
	v := view{o, others}
	switch {
	case o.Responder == "":
		return checks.Judgement{Summary: say("summary.untested", nil), Skip: say("skip.no-responder", nil)}
	case o.LocalFilter > 0 && o.sent() == 0:
		f := v.localFilter()
		return checks.Judgement{Summary: f.Message(), Facts: v.facts(), Findings: []checks.Finding{f}}
	case o.Call == nil && v.fullTable():
		return checks.Judgement{Summary: say("summary.untested", nil), Facts: v.facts(), Inconclusive: say("reason.table-full", nil)}
	case o.Call == nil && !v.unreached():
		return checks.Judgement{Summary: say("summary.untested", nil), Facts: v.facts(), Inconclusive: v.whyNoCall()}
	}
	f := v.facts()
	j := checks.Judgement{Facts: f, Findings: v.findings(f, host), Inconclusive: v.whyUnclear()}
	if o.Call == nil || v.oneWay() {
		j.Summary = j.Findings[0].Message()
	} else {
		j.Summary = v.summary(f)
	}
	return j
}

func say(id string, args words.Args) words.Text { return words.Say("media."+id, args) }

type view struct {
	o      Observed
	others checks.Others
}

// fullTable reports that the router had no room left for another flow: a call
// that did not get through then says nothing about voice.
func (v view) fullTable() bool {
	ports := v.others("rtp-ports")
	return ports != nil && slices.ContainsFunc(ports.Findings, func(f checks.Finding) bool { return f.ID == rtpports.RouterTable })
}

// lifetimeKnown reports that this report says how long the router keeps a
// mapping.
func (v view) lifetimeKnown() bool {
	r := v.others("nat-lifetime")
	return r != nil && (r.Status == checks.Pass || r.Status == checks.Warn || r.Status == checks.Fail)
}

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
	answered := slices.ContainsFunc(v.o.Doors, func(d Door) bool { return d.Answered > 0 })
	return !answered && c.Told && c.Down.Received == 0 && c.Up.Received > 0 && c.Down.Sent >= leastAsked
}

func (v view) whyNoCall() words.Text {
	for _, d := range v.o.Doors {
		switch {
		case d.Unproved > 0:
			return say("reason.other-address", nil)
		case d.Refused != "":
			return say("reason.no-port", words.Args{"why": d.Refused})
		}
	}
	if p := cmp.Or(v.o.Problem, v.o.SendError); p != "" {
		return problem(p)
	}
	return say("reason.not-set-up", nil)
}

// problem is what stands in a field for problems: a code with its values, or
// the text of an error.
func problem(p words.Cause) words.Text {
	code, rest, _ := strings.Cut(string(p), " ")
	switch code {
	case noRTPPorts:
		return say("reason.no-rtp-ports", nil)
	case mismatch:
		return say("reason.mismatch", nil)
	case otherPorts:
		served, wanted, _ := strings.Cut(rest, " ")
		return say("reason.other-ports", words.Args{"served": served, "wanted": wanted})
	case noPort:
		return say("reason.no-port", words.Args{"why": words.Cause(rest)})
	}
	return say("reason.problem", words.Args{"problem": p})
}

// leastPackets is a second of speech; a shorter call is not judged.
const leastPackets = 50

// whyUnclear is why a call says less than it should.
func (v view) whyUnclear() words.Text {
	c := v.o.Call
	switch {
	case c == nil:
		return words.Text{}
	case !c.Told && v.o.Problem != "":
		return say("reason.untold-because", words.Args{"why": problem(v.o.Problem)})
	case !c.Told:
		return say("reason.untold", nil)
	case c.Up.Sent < leastPackets:
		return say("reason.short-call", words.Args{"packets": c.Up.Sent})
	case v.o.Problem != "":
		return problem(v.o.Problem)
	case v.o.Hold != nil && v.o.Hold.Problem != "":
		return say("reason.hold", words.Args{"why": problem(v.o.Hold.Problem)})
	}
	return words.Text{}
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

func (v view) summary(f Facts) words.Text {
	length := time.Duration(math.Round(f.LengthS)) * time.Second
	if f.Up == nil {
		return say("summary.down-only", words.Args{"length": length, "down": round(f.Down.MOS, 1)})
	}
	rtt := 0 // whole ms; 0 is less than one
	if f.Up.RTTMS >= 1 {
		rtt = int(math.Round(f.Up.RTTMS))
	}
	parts := []words.Text{say("summary.call", words.Args{
		"length": length, "up": round(f.Up.MOS, 1), "down": round(f.Down.MOS, 1), "rtt": rtt,
		"loss": both(percent(f.Up.LossPct), percent(f.Down.LossPct)), "jitter": both(ms(f.Up.JitterMS), ms(f.Down.JitterMS)),
	})}
	if f.CallsBelow > 0 {
		parts = append(parts, say("summary.too-many", words.Args{"calls": f.CallsBelow}))
	} else if f.CallsAtLeast > 1 {
		parts = append(parts, say("summary.together", words.Args{"calls": f.CallsAtLeast}))
	}
	if v.o.Unmarked {
		parts = append(parts, say("summary.unmarked", nil))
	}
	return say("summary", words.Args{"parts": parts})
}

// ms and percent are values as exact as they are shown.
func ms(x float64) time.Duration      { return time.Duration(shown(x) * float64(time.Millisecond)) }
func percent(x float64) words.Percent { return words.Percent(shown(x)) }

func shown(x float64) float64 {
	if x < 10 {
		return round(x, 1)
	}
	return math.Round(x)
}

// both are the values of either direction, once when they are the same.
func both[T comparable](up, down T) []T {
	if up == down {
		return []T{up}
	}
	return []T{up, down}
}
