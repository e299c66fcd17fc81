package capture

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dual is 20 ms of two tones from a sample on.
func dual(from int, low, high, amplitude float64, alaw bool) []byte {
	out := make([]byte, 160)
	for i := range out {
		at := 2 * math.Pi * float64(from+i) / usualClock
		out[i] = compressed(amplitude*(math.Sin(at*low)+math.Sin(at*high)), alaw)
	}
	return out
}

func TestEveryKeyIsHeardInTheAudio(t *testing.T) {
	for _, alaw := range []bool{false, true} {
		for i, low := range lowTones {
			for j, high := range highTones {
				for _, amplitude := range []float64{500, 3000, 12000} {
					for _, off := range []float64{0.99, 1, 1.01} {
						if got := key(dual(37*i, low*off, high*off, amplitude, alaw), alaw); got != i*4+j+1 {
							t.Errorf("a-law %v, %v and %v Hz, amplitude %v: key %d", alaw, low*off, high*off, amplitude, got)
						}
					}
				}
			}
		}
	}
}

func TestWhatIsNoKey(t *testing.T) {
	noise := make([]byte, 160)
	r := rand.New(rand.NewPCG(1, 2))
	heard := 0
	for range 20_000 {
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		if key(noise, true) != 0 {
			heard++
		}
	}
	if heard > 0 {
		t.Errorf("%d keys in noise", heard)
	}
	for name, payload := range map[string][]byte{
		"one tone":            dual(0, 770, 770, 3000, true),
		"a dial tone":         dual(0, 350, 440, 3000, true),
		"too soft":            dual(0, 770, 1336, 40, true),
		"two of one group":    dual(0, 697, 852, 3000, true),
		"too short to tell":   dual(0, 770, 1336, 3000, true)[:80],
		"a fax says hello":    dual(0, 1100, 1100, 3000, true),
		"a busy tone, 425 Hz": dual(0, 425, 425, 3000, true),
	} {
		if got := key(payload, true); got != 0 {
			t.Errorf("%s: key %d", name, got)
		}
	}
}

// press sends a key for a time as tones, and events beside it if they are wanted.
func (s *story) press(n int, lasts time.Duration, events bool, seq *uint16) {
	send := func(kind byte, marked bool, stamp uint32, payload []byte) {
		b := []byte{0x80, kind}
		if marked {
			b[1] |= 0x80
		}
		b = binary.BigEndian.AppendUint16(b, *seq)
		b = binary.BigEndian.AppendUint32(b, stamp)
		b = binary.BigEndian.AppendUint32(b, 1)
		s.packet(up.from, up.to, 0xb8, append(b, payload...))
		*seq++
	}
	begin := uint32(*seq) * 160
	for i := range int(lasts / (20 * time.Millisecond)) {
		if events {
			send(101, i == 0, begin, []byte{byte(n), 10, 0, byte(i)})
		}
		send(8, false, begin+uint32(160*i), dual(160*i, lowTones[n%4], highTones[n/4%4], 3000, true))
		s.now += 19 * time.Millisecond
	}
	for range 10 { // silence between keys
		send(8, false, uint32(*seq)*160, []byte(strings.Repeat("\xd5", 160)))
		s.now += 20 * time.Millisecond
	}
}

func TestKeysAsTones(t *testing.T) {
	plain := strings.Replace(strings.Replace(sdp("198.51.100.2:10000"), " 101", "", 1), "a=rtpmap:101 telephone-event/8000\r\n", "", 1)
	for _, tt := range []struct {
		name   string
		answer string
		keys   int
		lasts  time.Duration
		events bool
		want   []string
	}{
		{"no events were agreed", plain, 4, 80 * time.Millisecond, false, []string{"capture.dtmf-tones info", "capture.dtmf-refused info"}},
		{"one may be chance", plain, 1, 80 * time.Millisecond, false, []string{"capture.dtmf-refused info"}},
		{"too short for keys", plain, 4, 20 * time.Millisecond, false, []string{"capture.dtmf-refused info"}},
		{"both at once", sdp("198.51.100.2:10000"), 4, 80 * time.Millisecond, true, []string{"capture.dtmf-twice.tones warning"}},
		{"a tone in speech, and events were agreed", sdp("198.51.100.2:10000"), 4, 80 * time.Millisecond, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			d.answer("200 OK", seen, tt.answer)
			d.request("ACK")
			seq := uint16(100)
			for n := range tt.keys {
				s.press(n, tt.lasts, tt.events, &seq)
			}
			s.talk(5*time.Second, speaker{from: down.from, to: down.to, ssrc: 2})
			d.request("BYE")
			d.answer("200 OK")
			var got []string
			for _, f := range foundIn(s.read(t)) {
				if strings.Contains(f, "dtmf") {
					got = append(got, f)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
