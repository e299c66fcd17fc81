package platform

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// What is asked of the kernel when sending has the form of what it tells when
// receiving, so each proves the other.
func TestControlDataThereAndBack(t *testing.T) {
	for _, want := range []Datagram{
		{TOS: -1},
		{TTL: 1, TOS: -1},
		{TTL: 255, TOS: 0xb8, To: netip.MustParseAddr("192.0.2.7")},
		{TTL: 64, TOS: 0xb8, To: netip.MustParseAddr("2001:db8::7")},
	} {
		var c controlBuffer
		got := Datagram{TOS: -1}
		oob := c.sendControl(SendOptions{TTL: want.TTL, TOS: max(want.TOS, 0), From: want.To}, want.To.Is6())
		eachControl(oob, func(level, typ int32, data []byte) { describe(&got, level, typ, data) })
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func FuzzControl(f *testing.F) {
	var c controlBuffer
	f.Add(c.sendControl(SendOptions{TTL: 9, TOS: 0xb8, From: netip.MustParseAddr("192.0.2.7")}, false))
	f.Add(c.sendControl(SendOptions{TTL: 9, TOS: 0xb8, From: netip.MustParseAddr("2001:db8::7")}, true))
	data, _ := c.put(0, unix.IPPROTO_IP, unix.IP_RECVERR, 32)
	copy(data, []byte{113, 0, 0, 0, unix.SO_EE_ORIGIN_ICMP, 3, 13, 0})
	f.Add(c.bytes()[:unix.CmsgSpace(32)])
	f.Fuzz(func(t *testing.T, oob []byte) {
		var r receiver
		n := copy(r.oob.bytes(), oob) // as aligned as the kernel's
		r.hdr.SetControllen(n)
		d := r.datagram()
		if e := r.icmpError(nil); e != nil && e.Meaning() == "" {
			t.Errorf("%+v %+v", d, e)
		}
	})
}
