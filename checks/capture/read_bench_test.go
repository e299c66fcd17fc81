package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// busyHour is a capture of many calls at once: 99 % RTP, as a PBX's is.
func busyHour(b *testing.B, calls int, talk time.Duration) []byte {
	b.Helper()
	s := tell()
	s.busy(calls, talk)
	return s.Bytes()
}

// busy tells of many calls at once.
func (s *story) busy(calls int, talk time.Duration) {
	var speakers []speaker
	var dials []*dial
	for range calls {
		d := s.dial(officeAt, pbxAt)
		port := 10_000 + 2*(s.calls%20_000)
		here, there := fmt.Sprintf("203.0.113.1:%d", port), fmt.Sprintf("198.51.100.2:%d", port)
		d.request("INVITE", sdp(here))
		d.answer("100 Trying")
		d.answer("200 OK", seen, sdp(there))
		d.request("ACK")
		dials = append(dials, d)
		speakers = append(speakers, speaker{from: here, to: there, ssrc: uint32(2 * s.calls)}, speaker{from: there, to: here, ssrc: uint32(2*s.calls + 1)})
	}
	s.talk(talk, speakers...)
	for _, d := range dials {
		d.request("BYE")
		d.answer("200 OK")
	}
}

// BenchmarkCapture reads a capture of calls: their packets' headers alone, and all of
// it. Aim: at most 5 times the headers.
func BenchmarkCapture(b *testing.B) {
	file := busyHour(b, 200, 20*time.Second)
	b.Run("headers", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			r, err := pcap.NewReader(bytes.NewReader(file))
			if err != nil {
				b.Fatal(err)
			}
			var x pcap.Decoder
			for {
				f, err := r.NextFrame()
				if errors.Is(err, io.EOF) {
					break
				}
				x.Decode(f)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			o, err := observe(context.Background(), &checks.Env{Files: []checks.File{{Name: "busy.pcap", Open: func() (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(file)), nil
			}}}})
			if err != nil || len(o.Streams) != 400 {
				b.Fatal(err, len(o.Streams))
			}
		}
	})
}
