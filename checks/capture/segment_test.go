package capture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

// back is the called side of a call, which asks something within it.
func (d *dial) back() *dial {
	return &dial{s: d.s, id: d.id, caller: d.pbx, pbx: d.caller, cseq: 100, branch: 100, tag: "b"}
}

func (s *story) asFile() checks.File {
	return checks.File{Name: "story.pcap", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(s.Bytes())), nil }}
}

// view is what the judge sees of a story.
func (s *story) view(t *testing.T) *view {
	t.Helper()
	o, err := observe(context.Background(), &checks.Env{Files: []checks.File{s.asFile()}})
	if err != nil {
		t.Fatal(err)
	}
	return viewOf(o)
}

// tells of a segment: when, what each end wants, and how many packets it got.
func (g *segment) String() string {
	tell := func(e end, list []part) string {
		if e.media == nil {
			if e.image != nil {
				return "fax"
			}
			return "none"
		}
		s := fmt.Sprintf("%s:%d%s", e.media.Addr, e.media.Port, strings.TrimSuffix(" "+e.media.Direction, " "))
		for _, p := range list {
			s += fmt.Sprintf(" %d-%d from %s", p.inside, p.touched, p.Src)
		}
		return s
	}
	s := fmt.Sprintf("%d-%d s: %s | %s", g.begin/1e6, g.until/1e6, tell(g.caller, g.down), tell(g.called, g.up))
	if g.early {
		s += " early"
	}
	if g.ended {
		s += " ended"
	}
	return s
}

func TestTheSessionDescriptionInForce(t *testing.T) {
	const here, there = "203.0.113.1:4000", "198.51.100.2:10000"
	const hold, heldBack = "a=sendonly", "a=recvonly"
	music := speaker{from: there, to: here, ssrc: 9}
	tests := []struct {
		name string
		tell func(s *story)
		want []string
	}{
		{"a call", func(s *story) { s.call(officeAt, here, 5*time.Second, up, down) },
			[]string{"0-5 s: 203.0.113.1:4000 250-250 from 198.51.100.2:10000 | 198.51.100.2:10000 250-250 from 203.0.113.1:4000 ended"}},
		{"a call that the capture leaves", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.talk(5*time.Second, up)
		}, []string{"0-4 s: 203.0.113.1:4000 | 198.51.100.2:10000 200-250 from 203.0.113.1:4000"}},
		{"early media, and the answer without a description", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("183 Session Progress", sdp(there))
			s.talk(3*time.Second, down)
			d.answer("200 OK", seen)
			d.request("ACK")
			s.talk(3*time.Second, up, down)
			d.request("BYE")
		}, []string{
			"0-3 s: 203.0.113.1:4000 150-150 from 198.51.100.2:10000 | 198.51.100.2:10000 early",
			"3-6 s: 203.0.113.1:4000 150-150 from 198.51.100.2:10000 | 198.51.100.2:10000 150-150 from 203.0.113.1:4000 ended",
		}},
		{"hold and back", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.talk(4*time.Second, up, down)
			d.request("INVITE", sdp(here, "a=inactive"))
			d.answer("200 OK", seen, sdp(there, "a=inactive"))
			d.request("ACK")
			s.wait(4 * time.Second)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.talk(4*time.Second, up, down)
			d.request("BYE")
		}, []string{
			"0-4 s: 203.0.113.1:4000 200-200 from 198.51.100.2:10000 | 198.51.100.2:10000 200-200 from 203.0.113.1:4000",
			// The second in which the hold ends counts for both.
			"4-8 s: 203.0.113.1:4000 inactive 0-50 from 198.51.100.2:10000 | 198.51.100.2:10000 inactive 0-50 from 203.0.113.1:4000",
			"8-12 s: 203.0.113.1:4000 150-200 from 198.51.100.2:10000 | 198.51.100.2:10000 150-200 from 203.0.113.1:4000 ended",
		}},
		{"the called side puts on hold, with music", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.talk(4*time.Second, up, down)
			b := d.back()
			b.request("INVITE", sdp(there, hold))
			b.answer("200 OK", sdp(here, heldBack))
			b.request("ACK")
			s.talk(4*time.Second, music)
			d.request("BYE")
		}, []string{
			"0-4 s: 203.0.113.1:4000 200-200 from 198.51.100.2:10000 | 198.51.100.2:10000 200-200 from 203.0.113.1:4000",
			"4-8 s: 203.0.113.1:4000 recvonly 200-200 from 198.51.100.2:10000 | 198.51.100.2:10000 sendonly ended",
		}},
		{"a re-INVITE that is refused", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.wait(4 * time.Second)
			d.request("INVITE", sdp("203.0.113.1:4002"))
			d.answer("488 Not Acceptable Here")
			d.request("ACK")
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-8 s: 203.0.113.1:4000 | 198.51.100.2:10000 ended"}},
		{"a session refresh", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.wait(4 * time.Second)
			d.request("UPDATE", sdp(here))
			d.answer("200 OK", sdp(there))
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-8 s: 203.0.113.1:4000 | 198.51.100.2:10000 ended"}},
		{"UPDATE moves the audio", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.wait(4 * time.Second)
			b := d.back()
			b.request("UPDATE", sdp("198.51.100.2:12000"))
			b.answer("200 OK", sdp(here))
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-4 s: 203.0.113.1:4000 | 198.51.100.2:10000", "4-8 s: 203.0.113.1:4000 | 198.51.100.2:12000 ended"}},
		{"the called side offers, and the ACK answers", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE")
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK", sdp(here))
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-4 s: 203.0.113.1:4000 | 198.51.100.2:10000 ended"}},
		{"an offer in a reliable 183, answered by PRACK", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE")
			d.answer("183 Session Progress", "RSeq: 1", sdp(there))
			invite := *d
			d.request("PRACK", sdp(here))
			d.answer("200 OK")
			s.wait(4 * time.Second)
			invite.answer("200 OK", seen)
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-4 s: 203.0.113.1:4000 | 198.51.100.2:10000 early", "4-8 s: 203.0.113.1:4000 | 198.51.100.2:10000 ended"}},
		{"nobody answers", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("183 Session Progress", sdp(there))
			s.wait(4 * time.Second)
			d.answer("480 Temporarily Unavailable")
			s.wait(4 * time.Second)
			d.request("ACK")
		}, []string{"0-4 s: 203.0.113.1:4000 | 198.51.100.2:10000 early ended"}},
		{"a capture that ends while it rings", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("183 Session Progress", sdp(there))
			s.talk(4*time.Second, down)
		}, []string{"0-3 s: 203.0.113.1:4000 150-200 from 198.51.100.2:10000 | 198.51.100.2:10000 early"}},
		{"from audio to fax", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(here))
			d.answer("200 OK", seen, sdp(there))
			d.request("ACK")
			s.wait(4 * time.Second)
			b := d.back()
			b.request("INVITE", fax(there))
			b.answer("200 OK", fax(here))
			b.request("ACK")
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-4 s: 203.0.113.1:4000 | 198.51.100.2:10000", "4-8 s: fax | fax ended"}},
		{"seen on both sides of a proxy", func(s *story) {
			d := s.dial(officeAt, "192.0.2.5:5060")
			far := &dial{s: s, id: d.id, caller: "192.0.2.5:5060", pbx: pbxAt, branch: 50}
			d.request("INVITE", sdp(here))
			far.request("INVITE", sdp(here))
			far.answer("200 OK", seen, sdp(there))
			d.answer("200 OK", seen, sdp("192.0.2.5:30000"))
			s.wait(4 * time.Second)
			d.request("BYE")
		}, []string{"0-4 s: 203.0.113.1:4000 | 192.0.2.5:30000 ended"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			tt.tell(s)
			v := s.view(t)
			var got []string
			for _, g := range v.segments(v.calls[0]) {
				got = append(got, g.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fax is a session description for T.38.
func fax(at string) string {
	s := strings.Replace(sdp(at), "m=audio", "m=image", 1)
	return strings.Replace(s, "RTP/AVP 8 101", "udptl t38", 1)
}

// What a strip says is no more than its stream, however long that is.
func TestAStripStaysShort(t *testing.T) {
	l := buckets{most: longStrip}
	const minute = int64(60_000_000)
	for at := int64(0); at < 30*minute; at += 20_000 {
		b := l.at(at)
		b.packets++
	}
	s := l.strip()
	sum := 0
	for _, n := range s.Packets {
		sum += n
	}
	if sum != 30*60*50 || s.StepMS != 4000 || len(s.Packets) != 450 || s.Packets[7] != 200 {
		t.Errorf("%d packets, %d ms, %d steps", sum, s.StepMS, len(s.Packets))
	}
	l.at(100*24*60*minute).packets++
	if n := len(l.list); n > longStrip {
		t.Errorf("%d steps after a silence of 100 days", n)
	}
}
