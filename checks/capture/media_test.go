package capture

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const mediaHere, mediaThere = "203.0.113.1:4000", "198.51.100.2:10000"

// answered is a call of the phone in the office that is up.
func (s *story) answered(heard string) *dial {
	d := s.dial(officeAt, pbxAt)
	d.request("INVITE", sdp(heard))
	d.answer("100 Trying")
	d.answer("200 OK", seen, sdp(mediaThere))
	d.request("ACK")
	return d
}

// change is a re-INVITE that is accepted.
func (d *dial) change(offer, answer string) {
	d.request("INVITE", offer)
	d.answer("200 OK", seen, answer)
	d.request("ACK")
}

func (d *dial) hangUp() {
	d.request("BYE")
	d.answer("200 OK")
}

// undeliverable is an ICMP error about a packet of RTP.
func (s *story) undeliverable(by, from, to string, code byte) {
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	quoted := []byte{0x45, 0, 0, 200, 0, 0, 0, 0, 60, 17, 0, 0}
	quoted = slices.Concat(quoted, src.Addr().AsSlice(), dst.Addr().AsSlice())
	for _, v := range []uint16{src.Port(), dst.Port(), 180, 0} {
		quoted = binary.BigEndian.AppendUint16(quoted, v)
	}
	b := []byte{0x45, 0, 0, byte(28 + len(quoted)), 0, 0, 0, 0, 64, 1, 0, 0}
	b = slices.Concat(b, netip.MustParseAddr(by).AsSlice(), src.Addr().AsSlice(), []byte{3, code, 0, 0, 0, 0, 0, 0}, quoted)
	for _, v := range []uint32{uint32(1_764_400_000 + s.now/time.Second), uint32(s.now % time.Second / time.Microsecond), uint32(len(b)), uint32(len(b))} {
		_ = binary.Write(s, binary.LittleEndian, v)
	}
	s.Write(b)
}

// mediaStory is a story with what must be found in it: ID, variant, severity, subject,
// and of some findings a value.
type mediaStory struct {
	name  string
	tell  func(s *story)
	found []string
}

func runMedia(t *testing.T, tests []mediaStory) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			tt.tell(s)
			r := s.read(t)
			var found []string
			for _, f := range r.Findings {
				found = append(found, f.ID+"/"+f.Variant+"/"+string(f.Severity)+"/"+f.Subject)
				if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 {
					t.Errorf("%s says nothing: %q %q %v", f.ID, f.Title, f.Explanation, f.Evidence)
				}
			}
			rep := &checks.Report{Results: []checks.Result{r}}
			checks.Fill(rep, checks.BookOf([]*checks.Check{Check()}), words.Russian)
			for i, f := range rep.Results[0].Findings {
				if f.Title == r.Findings[i].Title || f.Explanation == r.Findings[i].Explanation {
					t.Errorf("%s is not said in Russian: %q", f.ID, f.Title)
				}
				for j, e := range f.Evidence {
					if strings.Contains(e.Name+e.Got, "{") || e.Name == "" {
						t.Errorf("%s: evidence %d: %q %q", f.ID, j, e.Name, e.Got)
					}
				}
				t.Logf("%s\n%s\n%s\n%s\n%v", r.Findings[i].Title, r.Findings[i].Explanation, f.Title, f.Explanation, f.Advice)
				for _, e := range f.Evidence {
					t.Log(e.Name, e.Got)
				}
			}
			if diff := cmp.Diff(tt.found, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhoHearsNothing(t *testing.T) {
	const other = "203.0.113.1:4002"
	runMedia(t, []mediaStory{
		{"hold, and music for who is held", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.back().change(sdp(mediaThere, "a=sendonly"), sdp(mediaHere, "a=recvonly"))
			s.say(20*time.Second, b)
			d.back().change(sdp(mediaThere), sdp(mediaHere))
			a.marked = true
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
		{"hold without music", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.change(sdp(mediaHere, "a=sendonly"), sdp(mediaThere, "a=recvonly"))
			s.say(20*time.Second, b) // the PBX goes on, and the phone is silent
			d.hangUp()
		}, nil},
		{"hold by an address of zeros", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.change(sdp("0.0.0.0:4000"), sdp(mediaThere))
			s.say(20*time.Second, a)
			d.hangUp()
		}, nil},
		{"nothing comes back after the hold", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.change(sdp(mediaHere, "a=inactive"), sdp(mediaThere, "a=inactive"))
			s.wait(5 * time.Second)
			d.change(sdp(mediaHere), sdp(mediaThere))
			s.say(5*time.Second, a)
			d.hangUp()
		}, []string{"capture.no-audio/caller/critical/203.0.113.1"}},
		{"nothing comes after the phone moved to another port", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.change(sdp(other), sdp(mediaThere))
			a.from = other
			s.say(5*time.Second, a)
			d.hangUp()
		}, []string{"capture.no-audio/caller/critical/203.0.113.1"}},
		{"the PBX goes on to send to the old port", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.change(sdp(other), sdp(mediaThere))
			a.from = other
			b.to = "203.0.113.9:4000"
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, []string{"capture.no-audio/caller/critical/203.0.113.1"}},
		{"audio moves to the new port", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.change(sdp(other), sdp(mediaThere))
			a.from, b.to = other, other
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
		{"a phone behind NAT, and a PBX that sends to its private address", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered("192.168.88.10:4000")
			a.from, b.to = "203.0.113.1:61000", "192.168.88.10:4000"
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, []string{"capture.no-audio/caller/critical/203.0.113.1"}},
		{"a phone behind NAT, and a PBX that learns where it is", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered("192.168.88.10:4000")
			a.from, b.to = "203.0.113.1:61000", "192.168.88.10:4000"
			s.say(100*time.Millisecond, a, b)
			b.to = a.from
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
		{"nobody listens at the port", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			for range 5 {
				s.say(time.Second, a, b)
				s.undeliverable("203.0.113.1", mediaThere, mediaHere, 3)
			}
			d.hangUp()
		}, []string{"capture.no-audio/caller/critical/203.0.113.1"}},
		{"nobody listens yet", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			for range 5 {
				s.say(100*time.Millisecond, a, b)
				s.undeliverable("203.0.113.1", mediaThere, mediaHere, 3)
			}
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
		{"nobody listens for the first three seconds", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			for range 6 {
				s.say(500*time.Millisecond, a, b)
				s.undeliverable("203.0.113.1", mediaThere, mediaHere, 3)
			}
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
		{"two phones that are to talk directly, and one that is slow to", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.back().change(sdp("192.0.2.77:4000"), sdp(mediaHere))
			s.say(4*time.Second, a)
			s.wait(20 * time.Second)
			d.hangUp()
		}, nil},
		{"nobody listens any more", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.hangUp()
			for range 5 {
				s.say(time.Second, b)
				s.undeliverable("203.0.113.1", mediaThere, mediaHere, 3)
			}
		}, nil},
		{"two phones talk to each other directly, elsewhere", func(s *story) {
			a, b := theUp(), theDown()
			d := s.answered(mediaHere)
			s.say(5*time.Second, a, b)
			d.back().change(sdp("192.0.2.77:4000"), sdp(mediaHere))
			s.wait(20 * time.Second)
			d.hangUp()
		}, nil},
		{"a PBX behind NAT that tells its public address", func(s *story) {
			atPublicPBX(s, "192.168.88.10:4000", true)
		}, nil},
		{"a PBX behind NAT that hears the phone, and does not answer", func(s *story) {
			atPublicPBX(s, "192.168.88.10:4000", false)
		}, []string{"capture.no-audio/caller/critical/203.0.113.1"}},
		{"a PBX behind NAT that lets phone and provider talk directly", func(s *story) {
			d := s.dial("192.168.88.10:5060", "10.0.0.5:5060")
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("200 OK", "Contact: <sip:200@10.0.0.5>", sdp("198.51.100.77:10000"))
			d.request("ACK")
			s.say(5*time.Second, &sender{from: "192.168.88.11:4000", to: "10.0.0.5:12000", ssrc: 9})
			d.hangUp()
		}, nil},
		{"a proxy that relays audio", func(s *story) { relayed(s, true, true) }, nil},
		{"a proxy whose audio does not reach the called side", func(s *story) { relayed(s, true, false) },
			[]string{"capture.no-audio/called/critical/198.51.100.2"}},
		{"a proxy that relays audio, captured on one side", func(s *story) { relayed(s, false, false) }, nil},
		{"early media", func(s *story) {
			a, b := theUp(), theDown()
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(mediaHere))
			d.answer("183 Session Progress", sdp(mediaThere))
			s.say(5*time.Second, b)
			d.answer("200 OK", seen, sdp(mediaThere))
			d.request("ACK")
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
		{"early media that does not come", func(s *story) {
			a, b := theUp(), theDown()
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(mediaHere))
			d.answer("183 Session Progress", sdp(mediaThere))
			s.wait(5 * time.Second)
			d.answer("200 OK", seen, sdp(mediaThere))
			d.request("ACK")
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, []string{"capture.early-silent//info/198.51.100.2"}},
		{"early media for a second and a half", func(s *story) {
			a, b := theUp(), theDown()
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp(mediaHere))
			d.answer("183 Session Progress", sdp(mediaThere))
			s.wait(1500 * time.Millisecond)
			d.answer("200 OK", seen, sdp(mediaThere))
			d.request("ACK")
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, nil},
	})
}

func TestAudioThatStopsOrIsLate(t *testing.T) {
	both := func(s *story, a, b *sender, tell func()) {
		d := s.answered(mediaHere)
		tell()
		d.hangUp()
	}
	runMedia(t, []mediaStory{
		{"audio stops 11 s before the end", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() { s.say(10*time.Second, a, b); s.say(11*time.Second, a) })
		}, []string{"capture.audio-stops//info/198.51.100.2"}},
		{"audio stops 9 s before the end", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() { s.say(10*time.Second, a, b); s.say(9*time.Second, a) })
		}, nil},
		{"a phone that suppresses silence is quiet at the end", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() {
				s.say(5*time.Second, a, b)
				b.stamp += 4 * 8000
				s.say(4*time.Second, a)
				s.say(5*time.Second, a, b)
				s.say(15*time.Second, a)
			})
		}, nil},
		{"comfort noise is the last packet", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() {
				s.say(5*time.Second, a, b)
				b.kind, b.payload = 13, []byte{40}
				b.packet(s)
				s.say(15*time.Second, a)
			})
		}, nil},
		{"the phone is silent for 40 s, and its router forgets it", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() {
				s.say(10*time.Second, a, b)
				s.say(40*time.Second, b)
				a.stamp += 40 * 8000
				s.wait(time.Second)
				s.say(15*time.Second, a)
			})
		}, []string{"capture.audio-stops//warning/198.51.100.2"}},
		{"audio begins 3 s late", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() { s.say(3*time.Second, a); s.say(9*time.Second, a, b) })
		}, []string{"capture.audio-late//info/198.51.100.2"}},
		{"the phone begins 3 s late", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() { s.say(3*time.Second, b); s.say(9*time.Second, a, b) })
		}, []string{"capture.audio-late//warning/203.0.113.1"}},
		{"both begin 3 s late", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() { s.wait(3 * time.Second); s.say(9*time.Second, a, b) })
		}, []string{"capture.audio-late//warning/203.0.113.1", "capture.audio-late//warning/198.51.100.2"}},
		{"audio begins 1.5 s late", func(s *story) {
			a, b := theUp(), theDown()
			both(s, a, b, func() { s.say(1500*time.Millisecond, a); s.say(9*time.Second, a, b) })
		}, nil},
	})
}

func TestWhereAudioComesFrom(t *testing.T) {
	at := func(said, from, to string) func(s *story) {
		return func(s *story) {
			a, b := theUp(), theDown()
			a.from, b.to = from, to
			d := s.answered(said)
			s.say(5*time.Second, a, b)
			d.hangUp()
		}
	}
	runMedia(t, []mediaStory{
		{"from where it should", at(mediaHere, mediaHere, mediaHere), nil},
		{"from another port, and back there", at(mediaHere, "203.0.113.1:61000", "203.0.113.1:61000"), []string{"capture.rtp-source/followed/info/203.0.113.1"}},
		{"from another port, and back to what was said", at(mediaHere, "203.0.113.1:61000", mediaHere), []string{"capture.rtp-source/ignored/warning/203.0.113.1"}},
		{"from another address, and back there", at(mediaHere, "203.0.113.8:4000", "203.0.113.8:4000"), []string{"capture.rtp-source/followed/info/203.0.113.1"}},
		{"from behind NAT, which the phone does not know", at("192.168.88.10:4000", "203.0.113.1:61000", "203.0.113.1:61000"), nil},
	})
}

// atPublicPBX is a call that is captured on a PBX which names its public address.
func atPublicPBX(s *story, heard string, answers bool) {
	const own, public, phone = "10.0.0.5", "198.51.100.2:10000", "203.0.113.1:61000"
	d := s.dial(officeAt, own+":5060")
	d.request("INVITE", sdp(heard))
	d.answer("200 OK", seen, sdp(public))
	d.request("ACK")
	a, b := theUp(), theDown()
	a.from, a.to = phone, own+":10000"
	b.from, b.to = own+":10000", phone
	if answers {
		s.say(5*time.Second, a, b)
	} else {
		s.say(5*time.Second, a)
	}
	d.hangUp()
}

// relayed is a call through a proxy that relays audio, captured on both of its sides,
// or on the caller's alone.
func relayed(s *story, both, arrives bool) {
	const proxy = "192.0.2.5"
	d := s.dial(officeAt, proxy+":5060")
	far := &dial{s: s, id: d.id, caller: proxy + ":5060", pbx: pbxAt, branch: 50}
	const first = "Via: SIP/2.0/UDP 203.0.113.1:5060;rport;branch=z9hG4bKcall-1.1" // under the proxy's own
	d.request("INVITE", sdp(mediaHere))
	if both {
		far.request("INVITE", first, sdp(proxy+":30002"))
		far.answer("200 OK", first, seen, sdp(mediaThere))
	}
	d.answer("200 OK", seen, sdp(proxy+":30000"))
	d.request("ACK")
	a, b, a2, b2 := theUp(), theDown(), theUp(), theDown()
	a.to, b.from = proxy+":30000", proxy+":30000"
	a2.from, b2.to = proxy+":30002", proxy+":30002"
	list := []*sender{a, b}
	if both {
		far.request("ACK", first)
		list = append(list, b2)
	}
	if arrives {
		list = append(list, a2)
	}
	s.say(5*time.Second, list...)
	d.hangUp()
	if both {
		far.hangUp()
	}
}
