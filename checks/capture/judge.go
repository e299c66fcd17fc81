package capture

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary of a capture.
type Facts struct {
	Packets     int            `json:"packets"`
	SIPMessages int            `json:"sip_messages"`
	Requests    map[string]int `json:"requests"`
	Responses   map[string]int `json:"responses"`
	Calls       []Call         `json:"calls"`
	RTPStreams  []RTPStream    `json:"rtp_streams"`
	Compared    *CompareFacts  `json:"compared,omitempty"`
}

// Call is one Call-ID: a call, a registration or another exchange.
type Call struct {
	CallID    string         `json:"call_id"`
	Method    string         `json:"method"`
	From      string         `json:"from"`
	To        string         `json:"to"`
	Client    netip.AddrPort `json:"client"`
	Server    netip.AddrPort `json:"server"`
	Frame     int            `json:"frame"` // the first
	BeginS    float64        `json:"begin_s"`
	LengthS   float64        `json:"length_s"` // to the last message
	Outcome   string         `json:"outcome"`
	Diagnosis string         `json:"diagnosis,omitempty"` // the finding it belongs to
	FinalCode int            `json:"final_code,omitempty"`
	MOS       float64        `json:"mos,omitempty"` // of the worst of its streams; 0: none is long enough
	Keys      *Keys          `json:"keys,omitempty"`
}

// Keys are how many keys were pressed in a call, each way that there is.
type Keys struct {
	Events int `json:"events"` // RFC 4733
	INFO   int `json:"info"`
}

// RTPStream is one stream with what a listener would notice.
type RTPStream struct {
	SSRC     string         `json:"ssrc"`
	From     netip.AddrPort `json:"from"`
	To       netip.AddrPort `json:"to"`
	CallID   string         `json:"call_id,omitempty"`
	Payload  string         `json:"payload"`
	Packets  int            `json:"packets"`
	Lost     int            `json:"lost"`
	JitterMS float64        `json:"jitter_ms"`
	MOS      float64        `json:"mos"`
	LengthS  float64        `json:"length_s"`
	Late     int            `json:"late,omitempty"` // came after one that was sent later
	Bursts   int            `json:"bursts,omitempty"`
	BurstMax int            `json:"burst_max,omitempty"`
	PtimeMS  float64        `json:"ptime_ms,omitempty"`
	Reported *Reported      `json:"reported,omitempty"` // by the receiver
}

// Reported is what the receiver of a stream says of it in RTCP.
type Reported struct {
	LossPct  float64 `json:"loss_pct"`
	JitterMS float64 `json:"jitter_ms"`
	RTTMS    float64 `json:"rtt_ms,omitempty"` // from the place of the capture and back
}

// view is what the judge looks at.
type view struct {
	o     Observed
	calls []*exchange
	found map[*exchange]string // the finding that an exchange belongs to
	audible
	clues
	// groups are what was collected for that finding, where it was claimed.
	groups map[*exchange]*group
}

// judges look for one kind of fault each, the surest first: an exchange that one
// has explained is no other's.
var judges = []func(*view) []checks.Finding{
	compared,
	scanners,
	algSigns,
	astray,
	privateAddresses,
	flapping,
	unanswered,
	credentials,
	twice,
	lostACK,
	wrongTarget,
	loops,
	noCodec,
	sessionTimer,
	lostBYE,
	glare,
	withinCalls,
	hangupCauses,
	fixedAge,
	redirects,
	noProgress,
	refused,
	slowAnswers,
	forgotten,
	oftenRegistered,
	storms,
	privateNotes,

	unlike,
	audio,
	quality,
	stops,
	late,
	ringing,
	sources,
	unlisted,
	senders,
	unmarked,
	keysTwice,
	keysInAudio,
	keysRefused,
	faxes,
	faxRefused,
}

func viewOf(o Observed) *view {
	v := &view{o: o, calls: exchanges(o.Dialogs), found: map[*exchange]string{}, groups: map[*exchange]*group{}}
	v.audible = audibleOf(&v.o)
	v.clues = cluesOf(&v.o, v.calls)
	return v
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	v := viewOf(o)
	var j checks.Judgement
	for _, look := range judges {
		j.Findings = append(j.Findings, look(v)...)
	}
	checks.WorstFirst(j.Findings)
	j.Facts, j.Notes = v.facts(), v.notes()
	j.Tables = v.tables(j.Findings)
	args := words.Args{"packets": o.Packets, "calls": v.count("INVITE") + o.Folded.Calls,
		"registrations": v.count("REGISTER") + o.Folded.Registrations, "streams": len(o.Streams) + o.Folded.Streams}
	j.Summary = words.Say("capture.summary.read", args)
	if c := v.o.Compared; c != nil {
		j.Summary = words.Say("capture.summary.compared", words.Args{"pairs": c.Pairs, "same": c.Same})
	}
	switch {
	case v.o.Compared != nil && v.o.Compared.Pairs == 0:
		j.Headline = words.Say("capture.headline.no-pairs", nil)
		j.Inconclusive = words.Say("capture.reason.no-pairs", words.Args{"first": o.Messages, "other": o.Compared.Other.Messages})
	case len(j.Findings) > 0 && j.Findings[0].Severity != checks.Info:
		j.Summary = j.Findings[0].Message()
	case o.Packets == 0:
		j.Inconclusive, j.Headline = words.Say("capture.reason.empty", nil), words.Say("capture.headline.empty", nil)
	case o.Messages == 0 && len(o.TLS) > 0:
		j.Inconclusive, j.Headline = words.Say("capture.reason.encrypted", words.Args{"n": len(o.TLS), "to": o.TLS[0].Dst}), words.Say("capture.headline.encrypted", nil)
	case o.Messages == 0 && len(o.Streams) == 0:
		j.Inconclusive, j.Headline = words.Say("capture.reason.no-sip", words.Args{"packets": o.Packets}), words.Say("capture.headline.no-sip", nil)
	}
	return j
}

func (v *view) count(method string) (n int) {
	for _, x := range v.calls {
		if x.method() == method {
			n++
		}
	}
	return n
}

func (v *view) facts() Facts {
	f := Facts{
		Packets: v.o.Packets, SIPMessages: v.o.Messages, Requests: v.o.Requests, Responses: map[string]int{},
		Calls: []Call{}, RTPStreams: []RTPStream{},
	}
	for code, n := range v.o.Responses {
		f.Responses[strconv.Itoa(code)] = n
	}
	for _, x := range v.calls {
		t, last := x.main(), &x.Messages[len(x.Messages)-1]
		f.Calls = append(f.Calls, Call{
			CallID: x.CallID, Method: x.method(), From: t.first.From.number(), To: t.first.To.number(), Client: t.client, Server: t.server,
			Frame: x.Messages[0].Frame, BeginS: seconds(x.Messages[0].At), LengthS: seconds(max(last.At, last.Last) - x.Messages[0].At),
			Outcome: x.outcome(), Diagnosis: v.found[x], FinalCode: t.final(),
			MOS: v.callMOS(x), Keys: v.keyFacts(x),
		})
	}
	calls := v.callsOf()
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		f.RTPStreams = append(f.RTPStreams, RTPStream{
			SSRC: fmt.Sprintf("%08x", s.SSRC), From: s.Src, To: s.Dst, Payload: v.payload(s), Packets: s.Packets, Lost: s.lost(),
			JitterMS: s.JitterMS, MOS: v.mos(s), LengthS: seconds(s.End - s.Begin),
			CallID: calls[s].callID(), Late: s.Late, Bursts: s.Bursts, BurstMax: s.BurstMax, PtimeMS: s.PtimeMS, Reported: s.reported(),
		})
	}
	if v.o.Compared != nil {
		f.Compared = v.o.Compared.facts()
	}
	return f
}

func seconds(us int64) float64 {
	return float64(time.Duration(us)*time.Microsecond/time.Millisecond) / 1000
}

// lost is how many packets of a stream are missing.
func (s *Stream) lost() int { return max(0, s.Expected-(s.Packets-s.Duplicate)) }

func (s *Stream) lossPct() float64 { return 100 * float64(s.lost()) / float64(max(1, s.Expected)) }

// payload names the codec that most of a stream uses.
func (v *view) payload(s *Stream) string {
	best := -1
	for kind, n := range s.Payloads {
		if best < 0 || n > s.Payloads[best] || n == s.Payloads[best] && kind < best {
			best = kind
		}
	}
	return v.codecName(s, best)
}

// codecName names a payload type of a stream.
func (v *view) codecName(s *Stream, kind int) string {
	for _, end := range []netip.AddrPort{s.Dst, s.Src} {
		for _, c := range v.said[end] {
			if int(c.Type) == kind && c.Name != "" {
				return c.Name
			}
		}
	}
	if name := staticCodecs[uint8(kind)]; name != "" && kind >= 0 {
		return name
	}
	return strconv.Itoa(kind)
}

// notes tell what could not be read.
func (v *view) notes() (list []words.Text) {
	for _, f := range v.o.Files {
		if f.Error != "" {
			list = append(list, words.Say("capture.note.unread", words.Args{"file": words.Raw(f.Name), "why": f.Error, "packets": f.Packets}))
		}
		if f.Drops > 0 {
			list = append(list, words.Say("capture.note.drops", words.Args{"file": words.Raw(f.Name), "n": int(f.Drops)}))
		}
	}
	if v.more > 0 {
		list = append(list, words.Say("capture.note.more", words.Args{"n": v.more, "shown": maxCases}))
	}
	if n := v.o.CutSIP; n > 0 {
		list = append(list, words.Say("capture.note.cut-sip", words.Args{"n": n}))
	}
	if f := v.o.Folded; f != (Folded{}) {
		list = append(list, words.Say("capture.note.folded", words.Args{"calls": f.Calls, "registrations": f.Registrations, "others": f.Others, "left": f.Left}))
	}
	s := v.o.Skipped
	if n := s.Incomplete; n > 0 {
		list = append(list, words.Say("capture.note.incomplete", words.Args{"n": n}))
	}
	for l, n := range s.OtherLink {
		list = append(list, words.Say("capture.note.other-link", words.Args{"n": n, "type": l}))
	}
	return list
}

// frame is a piece of evidence about one message.
func frame(m *Message, want any) checks.Evidence {
	name := words.Say("capture.evidence.frame", words.Args{"frame": m.Frame, "at": seconds(m.At), "kind": kindOf(m)})
	return checks.Proof(name, want, m.line())
}

func kindOf(m *Message) string {
	if m.Line {
		return "line"
	}
	return "packet"
}

// who names an end; a trace may not say which it is.
func who(a netip.AddrPort) any {
	if !a.IsValid() {
		return words.Say("capture.here", nil)
	}
	return a
}

// line is a message in one line, as a stranger wrote it.
func (m *Message) line() words.Text {
	args := words.Args{"from": who(m.Src), "to": who(m.Dst), "again": m.Again, "last": seconds(m.Last - m.At), "timed": "yes"}
	if m.Last <= m.At {
		args["timed"] = "no"
	}
	if m.Status > 0 {
		args["line"] = words.Raw(fmt.Sprintf("%d %s", m.Status, m.Phrase))
	} else {
		args["line"] = words.Raw(m.Method + " " + m.URI)
	}
	return words.Say("capture.evidence.message", args)
}
