package capture

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
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

// callsOf tells which call a stream belongs to.
func (v *view) callsOf() map[*Stream]*exchange {
	out := map[*Stream]*exchange{}
	for _, x := range v.calls {
		for _, g := range slices.Concat(v.stretches(x)...) {
			for _, p := range append(g.up[:len(g.up):len(g.up)], g.down...) {
				if out[p.Stream] == nil {
					out[p.Stream] = x
				}
			}
		}
	}
	return out
}

// callID is that of a call; empty without one.
func (x *exchange) callID() string {
	if x == nil {
		return ""
	}
	return x.CallID
}

// callMOS is that of the worst stream of a call that says something; 0 without any.
func (v *view) callMOS(x *exchange) (worst float64) {
	for _, g := range slices.Concat(v.stretches(x)...) {
		for _, p := range append(g.up[:len(g.up):len(g.up)], g.down...) {
			if mos := v.mos(p.Stream); p.Packets >= leastStream && (worst == 0 || mos < worst) {
				worst = mos
			}
		}
	}
	return worst
}

func (v *view) keyFacts(x *exchange) *Keys {
	caller, called := v.keys(x)
	k := Keys{Events: caller.events + called.events, INFO: caller.infos + called.infos}
	if k == (Keys{}) {
		return nil
	}
	return &k
}

func (s *Stream) reported() *Reported {
	h := s.Far
	if h == nil || h.Expected == 0 || !s.plausible() {
		return nil
	}
	return &Reported{LossPct: twoDigits(100 * float64(h.Lost) / float64(h.Expected)), JitterMS: h.JitterMS, RTTMS: h.RTTMS}
}
