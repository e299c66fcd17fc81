package lab

import (
	"testing"
	"time"
)

// BenchmarkBuild is the time from nothing to an office that stands, and back.
func BenchmarkBuild(b *testing.B) {
	s, _ := Find("sip-alg")
	for b.Loop() {
		build(b, s).Close()
	}
}

// BenchmarkDelay sends datagrams at 20,000 a second through the delaying box
// and reports how many of a hundred arrive.
func BenchmarkDelay(b *testing.B) {
	o := build(b, Scenario{Name: "far", Routers: []Router{{NAT: Preserving}}, DelayMS: 20})
	phone, server := udp(b, o.Phone, PhoneAddr+":40000"), udp(b, o.Responder, ResponderAddr+":3478")
	_ = server.SetReadBuffer(8 << 20)
	seenAs(b, phone, server, ResponderAddr+":3478")
	arrived := make(chan int)
	go func() {
		n, buf := 0, make([]byte, 64)
		for {
			_ = server.SetReadDeadline(time.Now().Add(time.Second))
			if _, _, err := server.ReadFromUDPAddrPort(buf); err != nil {
				arrived <- n
				return
			}
			n++
		}
	}()
	const burst = 20 // a millisecond's worth
	sent, began := 0, time.Now()
	for b.Loop() {
		if sent%burst == 0 {
			time.Sleep(time.Until(began.Add(time.Duration(sent) * time.Second / 20000)))
		}
		send(b, phone, ResponderAddr+":3478", "thirty-two bytes of payload here")
		sent++
	}
	b.ReportMetric(100*float64(<-arrived)/float64(sent), "%arrived")
}
