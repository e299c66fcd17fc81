package capture

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A device stands between two captures, or has both sides in one.
type device struct {
	rewrite func(message string) string // of what goes out; nil: it does not
	lose    int                         // every so manyth packet of audio upward; 0: none
	deaf    bool                        // no audio comes back in
	clock   time.Duration               // how far its outer side's clock is ahead
}

// tells writes a call of a phone as it is seen inside and outside of the device.
func (dev device) tells(inner, outer *story) {
	const private, public = "192.168.88.10", "203.0.113.1"
	inner.now = 2 * time.Hour // so that a clock may be behind
	in := inner.dial(private+":5060", pbxAt)
	out := outer.dial(public+":5060", pbxAt)
	out.id, out.sentBy = in.id, private+":5060" // NAT leaves SIP alone
	outer.now = inner.now + dev.clock + time.Millisecond
	both := func(send func(d *dial)) {
		if inner == outer { // a capture of both sides holds them one after the other
			send(in)
			out.through = dev.rewrite
			send(out)
			return
		}
		send(in)
		out.through = dev.rewrite
		send(out)
		inner.now, outer.now = max(inner.now, outer.now-dev.clock), max(outer.now, inner.now+dev.clock)
	}
	back := func(send func(d *dial)) {
		if inner == outer {
			out.through = dev.rewrite
			send(out)
			send(in)
			return
		}
		both(send)
	}
	both(func(d *dial) { d.request("INVITE", sdp(private+":4000")) })
	back(func(d *dial) { d.answer("200 OK", seen, sdp("198.51.100.2:10000")) })
	both(func(d *dial) { d.request("ACK") })
	inside := []speaker{{from: private + ":4000", to: "198.51.100.2:10000", ssrc: 1}}
	outside := []speaker{{from: public + ":4000", to: "198.51.100.2:10000", ssrc: 1, lose: dev.lose}, {from: "198.51.100.2:10000", to: public + ":4000", ssrc: 2}}
	if !dev.deaf {
		inside = append(inside, speaker{from: "198.51.100.2:10000", to: private + ":4000", ssrc: 2})
	}
	if inner == outer {
		inner.talk(10*time.Second, append(inside, outside...)...)
	} else {
		inner.talk(10*time.Second, inside...)
		outer.talk(10*time.Second, outside...)
	}
	both(func(d *dial) { d.request("BYE") })
	back(func(d *dial) { d.answer("200 OK") })
}

// helper rewrites what a SIP helper of a router does.
func helper(message string) string {
	return strings.NewReplacer("Via: SIP/2.0/UDP 192.168.88.10", "Via: SIP/2.0/UDP 203.0.113.1", "IP4 192.168.88.10", "IP4 203.0.113.1").Replace(message)
}

// proxy puts its Via on top of requests, and takes it off answers.
func proxy(message string) string {
	start, rest, _ := strings.Cut(message, "\r\n")
	return start + "\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKproxy\r\n" + rest
}

func TestWhatTwoPlacesSay(t *testing.T) {
	tests := []struct {
		name   string
		device device
		status checks.Status
		found  []string
		ahead  time.Duration
	}{
		{"NAT that leaves SIP alone", device{}, checks.Pass, nil, 0},
		{"a clock that is 3 minutes ahead", device{clock: 3 * time.Minute}, checks.Pass, nil, 3 * time.Minute},
		{"a SIP helper", device{rewrite: helper}, checks.Fail, []string{"capture.rewritten critical"}, 0},
		{"a proxy", device{rewrite: proxy}, checks.Pass, []string{"capture.proxied info"}, 0},
		{"a PBX that keeps the Call-ID", device{rewrite: strings.NewReplacer("branch=z9hG4bK", "branch=z9hG4bKinner").Replace}, checks.Pass, []string{"capture.proxied info"}, 0},
		{"1 % of the audio lost", device{lose: 100}, checks.Pass, nil, 0},
		{"5 % of the audio lost", device{lose: 20}, checks.Warn, []string{"capture.audio-lost-between warning"}, 0},
		{"audio that does not come in", device{deaf: true}, checks.Fail, []string{"capture.audio-lost-between.back critical", "capture.no-audio.caller critical"}, 0},
		{"audio that does not come in, and clocks apart", device{deaf: true, clock: -time.Hour}, checks.Fail, []string{"capture.audio-lost-between.back critical", "capture.no-audio.caller critical"}, -time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inner, outer := tell(), tell()
			tt.device.tells(inner, outer)
			env := &checks.Env{Files: []checks.File{inner.file()}, Compare: []checks.File{outer.file()}}
			r := checks.Run(context.Background(), []*checks.Check{Check()}, env, checks.Meta{Command: "capture"}).Results[0]
			if got := foundIn(r); r.Status != tt.status || !cmp.Equal(got, tt.found) {
				t.Errorf("%s, %v; want %s, %v", r.Status, got, tt.status, tt.found)
			}
			c := factsOf(t, r).Compared
			if c.Pairs != 5 || c.FirstOnly != 0 || c.OtherOnly != 0 || c.ClockMS == nil || (time.Duration(*c.ClockMS)*time.Millisecond-tt.ahead).Abs() > 2*time.Millisecond {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestWhatACaptureDidNotKeepIsNoDifference(t *testing.T) {
	const whole = "INVITE sip:200@pbx.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.88.10\r\nContent-Length: 20\r\n\r\nv=0\r\n"
	first := &kept{m: Message{Method: "INVITE"}, raw: []byte(whole)}
	cut := func(s string) *kept { return &kept{m: Message{Method: "INVITE", Cut: true}, raw: []byte(s[:len(s)-9])} }
	var same, changed Passage
	same.took(first, cut(whole), 0)
	if same.Pairs != 1 || same.Same != 1 || len(same.Changed) != 0 {
		t.Errorf("the same: %+v", same)
	}
	changed.took(first, cut(helper(whole)), 0)
	if changed.Pairs != 1 || changed.Same != 0 || len(changed.Changed) != 1 {
		t.Errorf("changed: %+v", changed)
	}
}

func TestDropsOfTheCapturingMachineAreNotTheNetworks(t *testing.T) {
	for drops, want := range map[uint64]checks.Confidence{0: checks.Certain, 1: checks.Possible} {
		inner, outer := tell(), tell()
		device{lose: 20}.tells(inner, outer)
		o, err := observe(t.Context(), &checks.Env{Files: []checks.File{inner.file()}, Compare: []checks.File{outer.file()}})
		if err != nil {
			t.Fatal(err)
		}
		o.Compared.Other.Files[0].Drops = drops
		if f := judge(o, nil).Findings; len(f) != 1 || f[0].ID != "capture.audio-lost-between" || f[0].Confidence != want {
			t.Errorf("%d drops: %+v", drops, f)
		}
	}
}

// A proxy answers 100 itself, so one that only the first place saw is not lost.
func TestAProxySendsItsOwnTrying(t *testing.T) {
	inner, outer := tell(), tell()
	for range 2 {
		in, out := inner.dial(phoneAt, pbxAt), outer.dial(officeAt, pbxAt)
		out.through = proxy
		in.request("INVITE")
		out.request("INVITE")
		in.answer("100 trying -- your call is important to us")
		if inner.calls == 2 {
			out.answer("100 Trying")
		}
		out.answer("404 Not Found")
		in.answer("404 Not Found")
		in.request("ACK")
		out.request("ACK")
		inner.wait(time.Second)
		outer.wait(time.Second)
	}
	env := &checks.Env{Files: []checks.File{inner.file()}, Compare: []checks.File{outer.file()}}
	r := checks.Run(context.Background(), []*checks.Check{Check()}, env, checks.Meta{Command: "capture"}).Results[0]
	if got := foundIn(r); !cmp.Equal(got, []string{"capture.refused critical", "capture.proxied info"}) {
		t.Error(got)
	}
	if c := factsOf(t, r).Compared; c.Pairs != 7 || c.ALG || c.FirstOnly != 0 || c.OtherOnly != 0 {
		t.Errorf("%+v", c)
	}
}

func TestADeviceWithBothSidesInOneCaptureIsComparedWithItself(t *testing.T) {
	tests := []struct {
		name   string
		device device
		status checks.Status
		found  []string
	}{
		{"a router", device{}, checks.Pass, nil},
		{"a proxy", device{rewrite: proxy}, checks.Pass, nil},
		{"a router with a SIP helper", device{rewrite: helper}, checks.Fail, []string{"capture.rewritten.inside critical"}},
		{"a router that loses 5 %", device{lose: 20}, checks.Warn, []string{"capture.audio-lost-between.inside warning", "capture.poor-audio.here warning"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			tt.device.tells(s, s)
			r := s.read(t)
			if got := foundIn(r); r.Status != tt.status || !cmp.Equal(got, tt.found) {
				t.Errorf("%s, %v; want %s, %v", r.Status, got, tt.status, tt.found)
			}
			if p := s.observe(t).Passed; p.Pairs != 5 || len(p.Streams) != 2 {
				t.Errorf("%d messages and %d streams twice, want 5 and 2", p.Pairs, len(p.Streams))
			}
		})
	}
}

func TestAPacketCapturedTwiceIsNotSentAgain(t *testing.T) {
	s := tell()
	d := s.dial(phoneAt, pbxAt)
	for _, send := range []func(){func() { d.request("OPTIONS") }, func() { d.answer("200 OK") }} {
		begin := s.Len()
		send()
		s.Write(bytes.Clone(s.Bytes()[begin:]))
	}
	o := s.observe(t)
	for _, m := range o.Dialogs[0].Messages {
		if m.Again != 0 {
			t.Errorf("%s %d: sent again %d times", m.Method, m.Status, m.Again)
		}
	}
}

func foundIn(r checks.Result) (list []string) {
	for _, f := range r.Findings {
		id := f.ID
		if f.Variant != "" {
			id += "." + f.Variant
		}
		list = append(list, id+" "+string(f.Severity))
	}
	return list
}

func TestABodyIsKnownAgainWhereCallIDAndTagWereReplaced(t *testing.T) {
	body := strings.Replace(sdp("192.168.88.10:4000"), "o=- 1 1", "o=- 4711815 1", 1)
	inner, outer := tell(), tell()
	in, out := inner.dial(phoneAt, pbxAt), outer.dial(officeAt, pbxAt)
	out.id = "of-the-session-border-controller"
	in.request("INVITE", body)
	out.request("INVITE", body)
	in.answer("180 Ringing")
	out.answer("180 Ringing")
	for _, d := range []*dial{in, out} {
		d.answer("200 OK", strings.Replace(body, "4711815", "4711816", 1))
		d.request("ACK")
	}
	env := &checks.Env{Files: []checks.File{inner.file()}, Compare: []checks.File{outer.file()}}
	r := checks.Run(context.Background(), []*checks.Check{Check()}, env, checks.Meta{Command: "capture"}).Results[0]
	if c := factsOf(t, r).Compared; c.Pairs != 2 || c.ALG || c.FirstOnly != 0 {
		t.Errorf("%+v", c)
	}
	if got := foundIn(r); !cmp.Equal(got, []string{"capture.proxied info"}) {
		t.Error(got)
	}
}

func TestDropsAreTold(t *testing.T) {
	o := Observed{Packets: 1, Messages: 1, Files: []File{{Name: "a.pcap", Packets: 1, Drops: 7}, {Name: "b.pcap"}}}
	j := judge(o, nil)
	if len(j.Notes) != 1 || j.Notes[0].ID != "capture.note.drops" || j.Notes[0].Args["n"] != 7 {
		t.Errorf("%+v", j.Notes)
	}
}
