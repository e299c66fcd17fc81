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
}

// view is what the judge looks at.
type view struct {
	o     Observed
	calls []*exchange
	found map[*exchange]string // the finding that an exchange belongs to

	accepted acceptance    // accounts that a server let in
	proves   map[way]int64 // when a client last proved itself
	near     surroundings
	sent     map[netip.AddrPort]int // messages by sender
	hidden   []hidden
	seenBy   map[[2]netip.Addr]bool
	// recovered are OPTIONS without an answer before one that was answered.
	recovered map[*transaction]bool
	codecs    map[codecKey]string // as session descriptions name them
}

// codecKey is a payload type at an end.
type codecKey struct {
	at   netip.AddrPort
	kind int
}

// codecsOf collects what the ends call their payload types.
func codecsOf(dialogs []Dialog) map[codecKey]string {
	out := map[codecKey]string{}
	for i := range dialogs {
		for j := range dialogs[i].Messages {
			sdp := dialogs[i].Messages[j].SDP
			if sdp == nil {
				continue
			}
			for k := range sdp.Media {
				at, ok := sdp.Media[k].at()
				if !ok {
					continue
				}
				for _, c := range sdp.Media[k].Codecs {
					if key := (codecKey{at, int(c.Type)}); out[key] == "" {
						out[key] = c.Name
					}
				}
			}
		}
	}
	return out
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
	refused,
	slowAnswers,
	forgotten,
	oftenRegistered,
	storms,
	privateNotes,

	audio,
	quality,
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	v := &view{o: o, calls: exchanges(o.Dialogs), found: map[*exchange]string{}, codecs: codecsOf(o.Dialogs)}
	v.accepted, v.proves = accepted(v.calls), proves(v.calls)
	v.near, v.sent = look(&o), sent(v.calls)
	v.hidden, v.seenBy = hiddenEnds(v.calls), seenBy(v.calls)
	v.recovered = map[*transaction]bool{}
	var j checks.Judgement
	for _, look := range judges {
		j.Findings = append(j.Findings, look(v)...)
	}
	checks.WorstFirst(j.Findings)
	j.Facts, j.Notes = v.facts(), v.notes()
	args := words.Args{"packets": o.Packets, "messages": o.Messages, "calls": v.count("INVITE") + o.Folded.Calls,
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
		if t == nil {
			continue
		}
		f.Calls = append(f.Calls, Call{
			CallID: x.CallID, Method: x.method(), From: t.first.From.number(), To: t.first.To.number(), Client: t.client, Server: t.server,
			Frame: x.Messages[0].Frame, BeginS: seconds(x.Messages[0].At), LengthS: seconds(max(last.At, last.Last) - x.Messages[0].At),
			Outcome: x.outcome(), Diagnosis: v.found[x], FinalCode: t.final(),
		})
	}
	for i := range v.o.Streams {
		s := &v.o.Streams[i]
		f.RTPStreams = append(f.RTPStreams, RTPStream{
			SSRC: fmt.Sprintf("%08x", s.SSRC), From: s.Src, To: s.Dst, Payload: v.payload(s), Packets: s.Packets, Lost: s.lost(),
			JitterMS: s.JitterMS, MOS: v.mos(s), LengthS: seconds(s.End - s.Begin),
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
	for _, at := range []netip.AddrPort{s.Dst, s.Src} {
		if name := v.codecs[codecKey{at, best}]; name != "" {
			return name
		}
	}
	if name := staticCodecs[uint8(best)]; name != "" && best >= 0 {
		return name
	}
	return strconv.Itoa(best)
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
