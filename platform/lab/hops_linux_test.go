package lab

import (
	"net"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
)

func TestCable_quotedDatagramsHaveTheirRealChecksum(t *testing.T) {
	o := standing(t, "clean")
	var errs *icmp.PacketConn
	if err := o.Phone.Do(func() (err error) { errs, err = icmp.ListenPacket("ip4:icmp", PhoneAddr); return err }); err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	phone := udp(t, o.Phone, PhoneAddr+":40001")
	if err := ipv4.NewConn(phone).SetTTL(1); err != nil {
		t.Fatal(err)
	}
	send(t, phone, ResponderAddr+":33434", "how far?")
	b := make([]byte, 1500)
	_ = errs.SetReadDeadline(time.Now().Add(patience))
	n, _, err := errs.ReadFrom(b)
	if err != nil || n < 8+20+8+8 {
		t.Fatalf("%d bytes of ICMP, %v", n, err)
	}
	ip := b[8:n]
	if sum := onesSum(ip[12:20]) + onesSum(ip[20:36]) + 17 + 16; fold(sum) != 0xffff { // addresses, datagram, protocol, length
		t.Errorf("the quoted checksum is %#02x%02x, and the sum %#04x", ip[26], ip[27], fold(sum))
	}
}

func onesSum(b []byte) (sum uint32) {
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	return sum
}

func fold(sum uint32) uint32 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum
}

// hops sends datagrams with a growing TTL and returns who complained.
func hops(t *testing.T, o *Office, n int) []string {
	t.Helper()
	var errs *icmp.PacketConn
	if err := o.Phone.Do(func() (err error) { errs, err = icmp.ListenPacket("ip4:icmp", PhoneAddr); return err }); err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	phone := udp(t, o.Phone, PhoneAddr+":40001")
	var got []string
	b := make([]byte, 1500)
	for ttl := 1; ttl <= n; ttl++ {
		if err := ipv4.NewConn(phone).SetTTL(ttl); err != nil {
			t.Fatal(err)
		}
		send(t, phone, ResponderAddr+":33434", "how far")
		_ = errs.SetReadDeadline(time.Now().Add(patience))
		_, from, err := errs.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, from.(*net.IPAddr).String())
	}
	return got
}
