package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// What must not be found in a copy.
var secrets = []string{
	"Petrov", "alice", "12025550123", "customer", "192.168.88.10", "198.51.100.2", "0123456789abcdef", "Hello Bob", "c0ffee5ec4e7", "\x10secret voice\x10",
	string([]byte{192, 168, 88, 10}), string([]byte{198, 51, 100, 2}), "\x00\x15\x65\xab\xcd\xef", "unknown protocol", "alice@cname",
}

// secretMessage is a message full of them.
func secretMessage(method string) string {
	body := "v=0\r\no=alice 1 1 IN IP4 192.168.88.10\r\ns=Petrov\r\nc=IN IP4 192.168.88.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c0ffee5ec4e7\r\n"
	return strings.ReplaceAll(method+` sip:12025550123@pbx.customer.example SIP/2.0
Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKalice.0123456789abcdef
From: "Petrov" <sip:alice@customer.example>;tag=0123456789abcdef
To: <sip:12025550123@customer.example>
Call-ID: alice-0123456789abcdef@192.168.88.10
CSeq: 1 `+method+`
Authorization: Digest username="alice", realm="customer", nonce="0123456789abcdef", response="0123456789abcdef"
User-Agent: Phone 1.0 001565abcdef (Petrov)
X-Petrov: Hello Bob
Content-Type: application/sdp
Content-Length: `+strconv.Itoa(len(body))+`

`, "\n", "\r\n") + body
}

func be(width, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(n))
	return b[4-width:]
}

func udpOf(src, dst string, payload []byte) (ip []byte) {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return ipOf(17, src, dst, 0, 0, slices.Concat(be(2, int(a.Port())), be(2, int(b.Port())), be(2, 8+len(payload)), []byte{0xab, 0xcd}, payload))
}

func ipOf(protocol byte, src, dst string, id, where int, body []byte) []byte {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return slices.Concat([]byte{0x46, 0}, be(2, 24+len(body)), be(2, id), be(2, where), []byte{64, protocol, 0, 0}, a.Addr().AsSlice(), b.Addr().AsSlice(), []byte("\x07\x04Pe"), body)
}

func tcpOf(src, dst string, seq int, payload []byte) []byte {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	head := slices.Concat(be(2, int(a.Port())), be(2, int(b.Port())), be(4, seq), be(4, 0), []byte{7 << 4, 0x18}, make([]byte, 6), []byte("\xfe\x08Petrov"))
	return ipOf(6, src, dst, 0, 0, append(head, payload...))
}

func etherOf(kind int, body []byte) []byte {
	return slices.Concat([]byte("\x00\x15\x65\xab\xcd\xef\x00\x15\x65\xab\xcd\xef"), be(2, kind), body)
}

// captureOf is a file of frames.
func captureOf(link byte, frames ...[]byte) []byte {
	out := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, link, 0, 0, 0}
	for i, f := range frames {
		for _, v := range []int{1_764_400_000, i * 1000, len(f), len(f)} {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		}
		out = append(out, f...)
	}
	return out
}

// hostileCaptures hold secrets in every place that a copy goes through.
func hostileCaptures() map[string][]byte {
	const phone, pbx, raw, ether = "192.168.88.10:5060", "198.51.100.2:5060", 101, 1
	message := []byte(secretMessage("INVITE"))
	whole := udpOf(phone, pbx, message)
	datagram := whole[24:]
	rtp := slices.Concat([]byte{0x80, 8}, be(2, 1), be(4, 1), be(4, 7), []byte(strings.Repeat("\x10secret voice\x10", 10)))
	event := slices.Concat([]byte{0x80, 101}, be(2, 1), be(4, 1), be(4, 7), []byte{5, 0x8a, 0, 160})
	sdes := slices.Concat([]byte{0x80, 201}, be(2, 1), be(4, 7), []byte{0x81, 202}, be(2, 4), be(4, 7), []byte{1, 11}, []byte("alice@cname"), []byte{0, 0, 0})
	hep := slices.Concat([]byte("HEP3\x00\x00"), chunk(1, []byte{2}), chunk(2, []byte{17}), chunk(3, []byte{192, 168, 88, 10}), chunk(4, []byte{198, 51, 100, 2}), chunk(7, be(2, 5060)), chunk(8, be(2, 5060)),
		chunk(14, []byte("Petrov")), chunk(17, []byte("alice")), chunk(15, message))
	binary.BigEndian.PutUint16(hep[4:], uint16(len(hep)))
	masked := bytes.Clone(message)
	for i := range masked {
		masked[i] ^= "key!"[i%4]
	}
	quoted := append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, whole...)
	handshake := []byte("GET /alice HTTP/1.1\r\nHost: pbx.customer.example\r\nOrigin: https://customer.example\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Key: c0ffee5ec4e7==\r\nCookie: Petrov\r\n\r\n")
	frame := slices.Concat([]byte{0x81, 0x80 | 126}, be(2, len(message)), []byte("key!"), masked)
	return map[string][]byte{
		"udp":               captureOf(raw, whole),
		"ethernet and vlan": captureOf(ether, etherOf(0x8100, append([]byte{0, 7, 8, 0}, whole...)), etherOf(0x0806, []byte("\x00\x15\x65\xab\xcd\xef alice")), append(etherOf(0x0800, whole), "Petrov"...)),
		"fragments":         captureOf(raw, ipOf(17, phone, pbx, 9, 0x2000, datagram[:400]), ipOf(17, phone, pbx, 9, 50, datagram[400:])),
		"fragments the other way round, and one that is missing": captureOf(raw, ipOf(17, phone, pbx, 9, 50, datagram[400:]), ipOf(17, phone, pbx, 9, 0x2000, datagram[:400]), ipOf(17, phone, pbx, 10, 0x2000, datagram[:400])),
		"tcp":                            captureOf(raw, tcpOf(phone, pbx, 1, message)),
		"tcp in pieces and out of order": captureOf(raw, tcpOf(phone, pbx, 1, message[:100]), tcpOf(phone, pbx, 301, message[300:]), tcpOf(phone, pbx, 101, message[100:300]), tcpOf(phone, pbx, 101, message[100:300])),
		"tcp that lacks a piece":         captureOf(raw, tcpOf(phone, pbx, 1, message[:100]), tcpOf(phone, pbx, 301, message[300:])),
		"two messages in one segment":    captureOf(raw, tcpOf(phone, pbx, 1, slices.Concat(message, []byte("\r\n\r\n"), message))),
		"another protocol":               captureOf(raw, tcpOf(phone, pbx, 1, []byte("unknown protocol of alice")), udpOf(phone, pbx, []byte("unknown protocol of alice")), udpOf("192.168.88.10:53", "198.51.100.2:53", []byte("\x80unknown protocol alice"))),
		"http":                           captureOf(raw, tcpOf(phone, "198.51.100.2:80", 1, []byte("POST /alice HTTP/1.1\r\nHost: customer\r\n\r\nHello Bob"))),
		"websocket":                      captureOf(raw, tcpOf(phone, pbx, 1, handshake), tcpOf(phone, pbx, 1+len(handshake), frame)),
		"tls":                            captureOf(raw, tcpOf(phone, "198.51.100.2:5061", 1, clientHello("alice.customer.example"))),
		"rtp":                            captureOf(raw, udpOf(phone, pbx, message), udpOf("192.168.88.10:4000", "198.51.100.2:4000", rtp), udpOf("192.168.88.10:4000", "198.51.100.2:4000", event), udpOf("192.168.88.10:4001", "198.51.100.2:4001", sdes)),
		"hep":                            captureOf(raw, udpOf(phone, "198.51.100.2:9060", hep)),
		"a report of no known kind":      captureOf(raw, udpOf("192.168.88.10:4001", "198.51.100.2:4001", slices.Concat([]byte{0x80, 207}, be(2, 6), be(4, 7), []byte{9, 0}, be(2, 4), []byte("unknown protocol")))),
		"ipip":                           captureOf(raw, ipOf(4, phone, pbx, 0, 0, whole)),
		"icmp":                           captureOf(raw, ipOf(1, pbx, phone, 0, 0, quoted)),
		"other ip":                       captureOf(raw, ipOf(89, phone, pbx, 0, 0, []byte("alice Petrov"))),
		"cut":                            captureOf(raw, whole[:300]),
		"a message body":                 captureOf(raw, udpOf(phone, pbx, []byte("MESSAGE sip:alice@customer SIP/2.0\r\nCall-ID: alice\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nHello Bob"))),
		"stun":                           captureOf(raw, udpOf(phone, pbx, slices.Concat([]byte{1, 1, 0, 28, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12), []byte{0, 1, 0, 8, 0, 1, 0, 80, 192, 168, 88, 10}, []byte{0, 6, 0, 12}, []byte("alice Petrov")))),
		"nothing that is read":           captureOf(147, []byte("alice Petrov")),
	}
}

func chunk(kind int, v []byte) []byte {
	return slices.Concat(be(2, 0), be(2, kind), be(2, 6+len(v)), v)
}

func clientHello(name string) []byte {
	sni := slices.Concat(be(2, 0), be(2, 5+len(name)), be(2, 3+len(name)), []byte{0}, be(2, len(name)), []byte(name))
	hello := slices.Concat([]byte{3, 3}, bytes.Repeat([]byte("alice!!!"), 4), []byte{0}, be(2, 2), []byte{0x13, 1}, []byte{1, 0}, be(2, len(sni)), sni)
	body := slices.Concat([]byte{1}, be(3, len(hello)), hello)
	return slices.Concat([]byte{22, 3, 1}, be(2, len(body)), body)
}

// No name, address, number, key, voice or letter of the original is in the copy, and
// the copy says the same.
func TestNothingLeaks(t *testing.T) {
	for name, capture := range hostileCaptures() {
		t.Run(name, func(t *testing.T) {
			out := anonymized(t, 1, capture)
			for _, s := range secrets {
				if bytes.Contains(bytes.ToLower(out), bytes.ToLower([]byte(s))) {
					t.Errorf("%q is in the copy: %q", s, out)
				}
			}
			if len(out) != len(capture) {
				t.Errorf("%d bytes became %d", len(capture), len(out))
			}
			sameDiagnosis(t, capture, readCapture(capture))
		})
	}
}

// What is complete is there, with right checksums.
func TestTheCopyIsWhole(t *testing.T) {
	messages := map[string]int{"two messages in one segment": 2, "ethernet and vlan": 2, "tcp that lacks a piece": 0, "another protocol": 0, "http": 0, "tls": 0, "icmp": 0, "other ip": 0, "stun": 0, "a report of no known kind": 0, "nothing that is read": 0}
	for name, capture := range hostileCaptures() {
		want, ok := messages[name]
		if !ok {
			want = 1
		}
		out := anonymized(t, 2, capture)
		if f, ok := readCapture(out).Facts.(Facts); !ok || f.SIPMessages != want {
			t.Errorf("%s: %d messages, not %d", name, f.SIPMessages, want)
		}
		wrong := 0
		eachFrame(t, out, func(x *pcap.Decoder, f *pcap.Frame) {
			x.Layer = func(l pcap.Layer) {
				if l.Kind == pcap.LayerIPv4 && folded(onesComplement(0, l.Data[:l.Header])) != 0xffff {
					wrong++
				}
			}
			x.Decode(f)
		})
		if wrong > 0 {
			t.Errorf("%s: %d wrong checksums", name, wrong)
		}
	}
}

func folded(sum uint32) uint32 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum
}

func eachFrame(t *testing.T, capture []byte, each func(*pcap.Decoder, *pcap.Frame)) (n int) {
	t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(capture))
	if errors.Is(err, io.EOF) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		f, err := r.NextFrame()
		if err != nil {
			return n
		}
		n++
		each(&pcap.Decoder{}, f)
	}
}

// A message whose pieces are far apart is left out, and nothing of it is shown.
func TestWhatWaitsTooLongIsLeftOut(t *testing.T) {
	message := []byte(secretMessage("INVITE"))
	frames := [][]byte{tcpOf("192.168.88.10:5060", "198.51.100.2:5060", 1, message[:100])}
	for range 2 * maxHeld / 30_000 {
		frames = append(frames, udpOf("192.168.88.10:9", "198.51.100.2:9", make([]byte, 30_000)))
	}
	out := anonymized(t, 1, captureOf(101, append(frames, tcpOf("192.168.88.10:5060", "198.51.100.2:5060", 101, message[100:]))...))
	if bytes.Contains(out, []byte("INVITE sip")) || bytes.Contains(out, []byte("alice")) || eachFrame(t, out, func(*pcap.Decoder, *pcap.Frame) {}) != len(frames)+1 {
		t.Error("half a message, or too few frames")
	}
}

// FuzzAnonymize: whatever a capture holds, its copy has the same frames.
func FuzzAnonymize(f *testing.F) {
	for _, c := range hostileCaptures() {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, capture []byte) {
		var b bytes.Buffer
		a := NewAnonymizer(&b)
		if err := a.Copy(context.Background(), bytes.NewReader(capture)); err != nil {
			return // no capture
		}
		if err := a.Finish(); err != nil {
			t.Fatal(err)
		}
		var was, is []int
		frames := func(list *[]int) func(*pcap.Decoder, *pcap.Frame) {
			return func(_ *pcap.Decoder, f *pcap.Frame) { *list = append(*list, len(f.Data)) }
		}
		if eachFrame(t, capture, frames(&was)); len(was) == 0 {
			return
		}
		if eachFrame(t, b.Bytes(), frames(&is)); !slices.Equal(was, is) {
			t.Errorf("frames of %v became %v", was, is)
		}
	})
}
