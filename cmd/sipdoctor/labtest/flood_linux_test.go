package labtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// flood sends UDP datagrams with made-up sources from the provider's network to
// the responder until stop is called, at a rate in bytes a second.
func (o *office) flood(t testing.TB, bytesPerSecond, size int) (stop func() (sent int64)) {
	t.Helper()
	const step = 2 * time.Millisecond
	var fd int
	err := o.Internet.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(fd)
		to := &unix.SockaddrInet4{Addr: netip.MustParseAddr(lab.ResponderAddr).As4()}
		begin := time.Now()
		for ctx.Err() == nil {
			due := int64(time.Since(begin).Seconds() * float64(bytesPerSecond))
			for sent.Load() < due && ctx.Err() == nil {
				p := spoofed(to.Addr, size)
				_ = unix.Sendto(fd, p, 0, to)
				sent.Add(int64(len(p)))
			}
			time.Sleep(step)
		}
	}()
	return func() int64 { cancel(); <-done; return sent.Load() }
}

// spoofed is a datagram from anywhere to one of the responder's ports, with
// what a stranger may know: SIP, a masked frame, STUN or rubbish.
func spoofed(to [4]byte, size int) []byte {
	ports := []uint16{5060, 5080, 8765, 3478, 3479, 20000}
	b := make([]byte, size)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(b[2:], uint16(size))
	binary.BigEndian.PutUint32(b[12:], 11<<24|rand.Uint32()>>8)
	copy(b[16:], to[:])
	binary.BigEndian.PutUint16(b[20:], uint16(1024+rand.IntN(60000)))
	binary.BigEndian.PutUint16(b[22:], ports[rand.IntN(len(ports))])
	binary.BigEndian.PutUint16(b[24:], uint16(size-20))
	switch p := b[28:]; rand.IntN(4) {
	case 0:
		copy(p, "OPTIONS sip:nobody@198.51.100.2 SIP/2.0\r\nVia: SIP/2.0/UDP 11.1.1.1;rport;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")
	case 1:
		copy(p, "sdm1")
	case 2:
		binary.BigEndian.PutUint32(p, 0x00010000)
		binary.BigEndian.PutUint32(p[4:], 0x2112a442)
	}
	return b
}

// Under a flood of datagrams with made-up sources, what runs finishes, what
// comes is told that the responder is busy or gets through, and nobody blames
// the network.
func TestASpoofedFloodAccusesNobody(t *testing.T) {
	o := open(t, scenario(t, "clean"))
	floodWith(t, o, 4, 200)
}

// floodWith runs n checks, the flood beginning after half of them, and returns
// how many were right.
func floodWith(t testing.TB, o *office, n, size int) (right, honest int, rate float64) {
	t.Helper()
	running := make(chan []outcome, 1)
	go func() { running <- o.crowd(t, n/2, o.politely()...) }()
	time.Sleep(1500 * time.Millisecond)
	begin := time.Now()
	stop := o.flood(t, 10<<20, size)
	coming := o.crowd(t, n-n/2, o.politely()...)
	first := <-running
	rate = float64(stop()) / time.Since(begin).Seconds()
	right, honest = tally(t, append(first, coming...))
	t.Logf("flood of %.1f MB/s in datagrams of %d bytes: %d of %d right, %d said that somebody was busy", rate/1e6, size, right, n, honest)
	return right, honest, rate
}

// BenchmarkFlood runs checks under a flood of 10 MB/s of datagrams with made-up
// sources: half of them begin before it. Aim: no wrong verdict, and those that
// ran before finish.
func BenchmarkFlood(b *testing.B) {
	for _, size := range []int{200, 1400} {
		b.Run(fmt.Sprintf("%d-bytes", size), func(b *testing.B) {
			o := open(b, scenario(b, "clean"))
			var right, honest int
			var rate float64
			for b.Loop() {
				r, h, speed := floodWith(b, o, 8, size)
				right, honest, rate = right+r, honest+h, rate+speed
			}
			n := float64(b.N)
			b.ReportMetric(float64(right)/n, "right-of-8")
			b.ReportMetric(float64(honest)/n, "said-busy")
			b.ReportMetric(rate/n/1e6, "MB/s")
		})
	}
}
