package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// steps are the steps of a ladder, a line each.
func (l *Ladder) lines() (list []string) {
	for _, s := range l.Steps {
		switch m, g, a := s.Message, s.Session, s.Audio; {
		case m != nil:
			what := m.Method
			if m.Status > 0 {
				what = fmt.Sprint(m.Status, " ", m.Phrase)
			}
			list = append(list, fmt.Sprintf("%.1f %d>%d %s %s x%d", s.AtS, m.From, m.To, what, m.Media, m.Again))
		case g != nil:
			list = append(list, fmt.Sprintf("%.1f %s %s %s %v %v", s.AtS, g.Codec, g.Caller, g.Called, g.Up, g.Down))
		case a != nil:
			list = append(list, fmt.Sprintf("%.1f audio %v %d packets, %d lost, %d steps", s.AtS, a.Up, a.Packets, a.Lost, len(a.Strip.Packets)))
		}
	}
	return list
}

// A held call: two sessions, each with the audio that ran in it.
func heldCall() *story {
	s := tell()
	other := s.dial(phoneAt, pbxAt)
	other.request("OPTIONS")
	other.answer("200 OK")
	s.wait(time.Second)
	d := s.dial(phoneAt, pbxAt)
	d.request("INVITE", sdp("192.168.88.10:4000"), "User-Agent: Phone 1")
	s.wait(500 * time.Millisecond)
	d.repeat(sdp("192.168.88.10:4000"), "User-Agent: Phone 1")
	d.answer("200 OK", sdp("198.51.100.2:12000"), "Server: PBX 2")
	d.request("ACK")
	up, down := speaker{from: "192.168.88.10:4000", to: "198.51.100.2:12000", ssrc: 1}, speaker{from: "198.51.100.2:12000", to: "192.168.88.10:4000", ssrc: 2, lose: 10}
	s.talk(10*time.Second, up, down)
	d.request("INVITE", sdp("192.168.88.10:4000", "a=sendonly"))
	d.answer("200 OK", sdp("198.51.100.2:12000", "a=recvonly"))
	d.request("ACK")
	s.talk(5*time.Second, up)
	d.request("BYE")
	d.answer("200 OK")
	return s
}

func TestALadderShowsACall(t *testing.T) {
	s := heldCall()
	observed := s.read(t).Observed
	l, err := LadderOf(observed, "1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0.0 0>1 INVITE 192.168.88.10:4000 x1",
		"0.5 1>0 200 OK 198.51.100.2:12000 x0",
		"0.5 PCMA 192.168.88.10:4000 198.51.100.2:12000 true true",
		"0.5 audio true 500 packets, 0 lost, 10 steps",
		"0.5 audio false 450 packets, 49 lost, 10 steps",
		"0.5 0>1 ACK  x0",
		"10.5 0>1 INVITE 192.168.88.10:4000 sendonly x0",
		"10.5 1>0 200 OK 198.51.100.2:12000 recvonly x0",
		"10.5 PCMA 192.168.88.10:4000 198.51.100.2:12000 true false",
		"10.5 audio true 250 packets, 0 lost, 5 steps",
		"10.5 0>1 ACK  x0",
		"15.5 0>1 BYE  x0",
		"15.5 1>0 200 OK  x0",
	}
	if d := cmp.Diff(want, l.lines()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]LadderEnd{{"192.168.88.10", "Phone 1"}, {"198.51.100.2", "PBX 2"}}, l.Ends); d != "" {
		t.Error(d)
	}
	if l.CallID != "call-2" || l.Row != 1 || l.Outcome != outcomeAnswered || l.Code != 200 || l.From != "100" {
		t.Errorf("%+v", l)
	}
}

// A call is named by its row, its Call-ID, or the beginning of that.
func TestACallIsNamed(t *testing.T) {
	observed := heldCall().read(t).Observed
	for which, want := range map[string]string{"1": "call-2", "call-2": "call-2", "call-1": "call-1"} {
		if l, err := LadderOf(observed, which); err != nil || l.CallID != want {
			t.Errorf("%s: %v", which, err)
		}
	}
	for which, want := range map[string]error{"call": ErrManyCalls, "": ErrNoCall, "2": ErrNoCall, "0": ErrNoCall, "-1": ErrNoCall, "x": ErrNoCall} {
		if _, err := LadderOf(observed, which); !errors.Is(err, want) {
			t.Errorf("%q: %v", which, err)
		}
	}
	if _, err := LadderOf(json.RawMessage("[]"), "1"); err == nil {
		t.Error("no observation")
	}
}

// FuzzLadder: an observation of strangers draws something, or nothing.
func FuzzLadder(f *testing.F) {
	f.Add([]byte(`{"dialogs": [{"call_id": "a", "messages": [{"method": "INVITE", "src": "192.0.2.1:1", "dst": "192.0.2.1:2", "sdp": {"media": [{}]}}]}]}`))
	f.Add([]byte(readCapture(heldCall().Bytes()).Observed))
	f.Fuzz(func(t *testing.T, observed []byte) {
		if l, err := LadderOf(observed, "1"); err == nil {
			for _, s := range l.Steps {
				if m := s.Message; m != nil && (m.From >= len(l.Ends) || m.To >= len(l.Ends)) {
					t.Errorf("%+v", l)
				}
			}
		}
	})
}
