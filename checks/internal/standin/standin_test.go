package standin

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// Words keep their shape, their differences and their case, and none stays itself.
func TestWordsBecomeOthers(t *testing.T) {
	c := cipher{key: [32]byte{1}}
	for _, s := range []string{"1", "a", "100", "1001", "12025550123", "alice", "Alice", "ALICE", "0a1b2c3d4e5f", "z9hG4bK", "Иванов", "иванов", "日本", "😀", "\xc8\xe2\xe0\xed", strings.Repeat("x", 3000)} {
		got := c.word([]byte(s))
		if got == s || len(got) != len(s) || utf8.ValidString(got) != utf8.ValidString(s) {
			t.Errorf("%q becomes %q", s, got)
		}
		for i := range len(s) {
			if a, b := s[i], got[i]; a < 0x80 && (isDigit(a) != isDigit(b) || a >= 'A' && a <= 'Z' != (b >= 'A' && b <= 'Z')) {
				t.Errorf("%q becomes %q, of another shape", s, got)
				break
			}
		}
	}
	if a, b := c.word([]byte("Alice")), c.word([]byte("aLICE")); !strings.EqualFold(a, b) {
		t.Errorf("a name is %s and %s", a, b)
	}
	for _, width := range []int{1, 2, 3, 4} {
		seen, all := map[string]bool{}, 1
		for range width {
			all *= 10
		}
		for n := range all {
			was := fmt.Sprintf("%0*d", width, n)
			if w := c.word([]byte(was)); w == was || seen[w] {
				t.Fatalf("%s becomes %s", was, w)
			} else {
				seen[w] = true
			}
		}
	}
}

// When all names are known, no number has the number of somebody else.
func TestStandInsAreNobodys(t *testing.T) {
	m := WithKey([32]byte{2})
	for n := 1000; n < 1500; n++ {
		m.identity(nil, fmt.Appendf(nil, "%d", n))
	}
	m.Learned()
	seen := map[string]bool{}
	for n := 1000; n < 1500; n++ {
		w := string(m.identity(nil, fmt.Appendf(nil, "%d", n)))
		if w >= "1000" && w < "1500" || seen[w] {
			t.Errorf("%d becomes %s", n, w)
		}
		seen[w] = true
	}
}

func TestAddressesKeepTheirKind(t *testing.T) {
	m := WithKey([32]byte{3})
	for _, c := range []struct{ from, want string }{
		{"192.168.1.10", "192.168.9.10"}, {"192.168.1.254", "192.168.9.254"}, {"192.168.88.10", "192.168.99.10"}, {"192.168.9.7", "192.168.8.7"},
		{"10.0.0.5", "10.9.9.5"}, {"10.200.30.5", "10.255.99.5"}, {"172.16.1.75", "172.31.9.75"}, {"169.254.7.7", "169.254.9.7"}, {"100.64.3.3", "100.127.9.3"},
		{"203.0.113.1", "198.18.99.1"}, {"198.51.100.2", "198.18.255.2"}, {"198.51.100.7", "198.18.255.7"}, {"192.0.2.200", "198.18.9.200"},
		{"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "0.0.0.0"}, {"224.0.1.75", "224.0.1.75"}, {"255.255.255.255", "255.255.255.255"},
		{"fe80::215:65ff:feab:cdef", "fe80::1"}, {"fd12::1", "fd00:0:0:d::2"}, {"2001:db8:1::10", "2001:db8:0:e::3"}, {"2001:db8:1::11", "2001:db8:0:e::4"}, {"fe80::1", "fe80::5"},
		{"::1", "::1"}, {"::ffff:192.168.1.10", "::ffff:192.168.9.10"},
	} {
		if got := m.Addr(netip.MustParseAddr(c.from)); got != netip.MustParseAddr(c.want) {
			t.Errorf("%s becomes %s, not %s", c.from, got, c.want)
		}
	}
}

// All networks of a range have different stand-ins within it.
func TestNetworksStayDifferent(t *testing.T) {
	m, seen := WithKey([32]byte{4}), map[netip.Addr]bool{}
	for n := range 3000 {
		for _, a := range []netip.Addr{netip.AddrFrom4([4]byte{192, 168, byte(n), 1}), netip.AddrFrom4([4]byte{8, byte(n >> 8), byte(n), 1}), netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 1})} {
			got := m.Addr(a)
			if got == a || got.IsPrivate() != a.IsPrivate() || n < 256 && seen[got] {
				t.Fatalf("%s becomes %s", a, got)
			}
			seen[got] = true
		}
	}
}

const invite = "INVITE sip:12025550123@pbx.customer.example;user=phone SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.168.88.10:5060;rport;branch=z9hG4bK0a1b\r\n" +
	"f: \"Ivan Petrov\" <sip:alice.smith@pbx.customer.example>;tag=as58f4\r\n" +
	"To: <sip:12025550123@pbx.customer.example>\r\n" +
	"Call-ID: 3c26@192.168.88.10\r\n" +
	"CSeq: 102 INVITE\r\n" +
	"Contact: <sip:alice.smith@192.168.88.10:5060;transport=udp>;+sip.instance=\"<urn:uuid:0aa0-1565ab>\";expires=60\r\n" +
	"Proxy-Authorization: Digest username=\"alice.smith\", realm=\"asterisk\", nonce=\"5f3a\", uri=\"sip:12025550123@pbx.customer.example\", response=\"0123abcd\", algorithm=MD5, qop=auth, nc=00000001\r\n" +
	"User-Agent: Yealink SIP-T46S 66.85.0.5 001565abcdef\r\n" +
	"X-Customer: Petrov Ltd\r\n" +
	"Content-Type: application/sdp\r\n" +
	"Content-Length: 273\r\n\r\n"

const offer = "v=0\r\no=alice 20 21 IN IP4 192.168.88.10\r\ns=Petrov\r\nc=IN IP4 192.168.88.10\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8 101\r\n" +
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=candidate:Hc0a8580a 1 UDP 2130706431 192.168.88.10 4000 typ host\r\n" +
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3\r\na=sendrecv\r\n"

// What a message is stays, and who sent it goes. It is as long as it was.
func TestAMessageIsReadTheSame(t *testing.T) {
	m := WithKey([32]byte{5})
	was := []byte(invite + offer)
	out, ok := m.Message(was)
	if !ok || len(out) != len(was) {
		t.Fatal(len(out), len(was))
	}
	for _, want := range []string{
		"INVITE sip:", ";user=phone SIP/2.0\r\n", "Via: SIP/2.0/UDP 192.168.99.10:5060;rport;branch=z9hG4bK", "CSeq: 102 INVITE\r\n", "@192.168.99.10:5060;transport=udp>",
		";expires=60\r\n", `realm="asterisk"`, "algorithm=MD5, qop=auth, nc=00000001", "User-Agent: Yealink SIP-T46S 66.85.0.5 ", "Content-Length: 273\r\n", "IN IP4 192.168.99.10\r\n",
		"m=audio 4000 RTP/SAVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n", " 1 UDP 2130706431 192.168.99.10 4000 typ host", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",
	} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%q is gone:\n%s", want, out)
		}
	}
	for _, name := range []string{"12025550123", "customer", "example", "Ivan", "Petrov", "alice", "smith", "192.168.88.10", "0aa0", "1565ab", "5f3a", "0123abcd", "Ltd", "X-Customer", "Hc0a8580a", "d0Rmd", "as58f4", "3c26", "0a1b"} {
		if bytes.Contains(bytes.ToLower(out), bytes.ToLower([]byte(name))) {
			t.Errorf("%s is still there:\n%s", name, out)
		}
	}
	// The same name is the same everywhere.
	msg, _, _ := sip.Lenient(out)
	contact := string(msg.Get("contact").Value)
	user := contact[len("<sip:"):strings.Index(contact, "@")]
	if n := bytes.Count(out, []byte(user)); n != 3 {
		t.Errorf("%s stands %d times in\n%s", user, n, out)
	}
}

// White space, and at last short names, make up for addresses of another length.
func TestLengthsStay(t *testing.T) {
	for _, a := range []string{"1.2.3.4", "203.203.113.250", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "fe80::1234", "8.8.8.8"} {
		for i, head := range []string{"OPTIONS sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s\r\nFrom: <sip:%[1]s>\r\nCall-ID: a@%[1]s\r\nContent-Type: application/sdp\r\nContent-Length: 40\r\n\r\nv=0\r\nc=IN IP4 %[1]s\r\n", "OPTIONS sip:%[1]s SIP/2.0\nf:%[1]s\nt:%[1]s\nContact: %[1]s\n\n"} {
			if i == 1 && len(a) < 9 {
				continue // there is no room, so it is left out
			}
			was := fmt.Appendf(nil, head, a)
			m := WithKey([32]byte{6})
			out, ok := m.Message(was)
			before, _, _ := sip.Lenient(was)
			after, _, fine := sip.Lenient(out)
			if !ok || !fine || bytes.Contains(out, []byte(" "+a)) {
				t.Errorf("%s: %v\n%s", a, ok, out)
				continue
			}
			n, _ := before.ContentLength()
			k, _ := after.ContentLength()
			if k-len(after.Body) != n-len(before.Body) {
				t.Errorf("Content-Length %d of %d became %d of %d", n, len(before.Body), k, len(after.Body))
			}
		}
	}
}

func TestBodies(t *testing.T) {
	for _, c := range []struct{ kind, body, want string }{
		{"text/plain", "Call me\r\non 12025550123", "       \r\n              "},
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "Signal=0\r\nDuration=160\r\n"},
		{"application/dtmf", "5", "0"},
		{"message/sipfrag;version=2.0", "SIP/2.0 486 Busy Here", "SIP/2.0 486 Busy Here"},
	} {
		was := fmt.Sprintf("INFO sip:a SIP/2.0\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", c.kind, len(c.body), c.body)
		out, ok := WithKey([32]byte{7}).Message([]byte(was))
		_, body, _ := strings.Cut(string(out), "\r\n\r\n")
		if d := cmp.Diff(c.want, body); d != "" || !ok {
			t.Errorf("%s: %s", c.kind, d)
		}
	}
}

func TestAgents(t *testing.T) {
	m := WithKey([32]byte{8})
	m.identity(nil, []byte("Maria"))
	for was, stays := range map[string]bool{
		"Asterisk PBX 16.2.1~dfsg-1+deb10u2": true, "Grandstream GXP2130 1.0.9.135": true, "kamailio (5.2.1 (x86_64/linux))": true, "snomD385/10.1.54.13": true,
		"Cisco/SPA504G-7.6.2": true, "FPBX-16.0.40.7(18.5.0)": true, "MicroSIP/3.20.5": true,
		"Yealink SIP-T46S 66.85.0.5 001565abcdef": false, "Yealink 00:15:65:ab:cd:ef": false, "LinphoneAndroid/4.6 (Galaxy of Bob)": false, "Phone of Maria": false,
		"bob@customer.example": false, "PBX customer.example": false, "SN 20EZ1234567": false, "192.168.1.5": false, strings.Repeat("x", 60000): true,
	} {
		if got := string(m.agent(nil, []byte(was))); (got == was) != stays {
			t.Errorf("%s becomes %s", was, got)
		}
	}
}

// Whatever a message holds, a name in it does not survive.
func FuzzNoNameSurvives(f *testing.F) {
	for _, s := range []string{"12025550123", "alice", "Ivan Petrov", "a@b", "x;tag=1", "q>w", "Иванов", "\xc8\xe2\xe0\xed\xee\xe2", "10.20.30.40", "fe80::1234", "z9hG4bKabc", "SIP/2.0bob", "1.2.3.4.5", "a=b:c", "(bob)", "%61lice"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !isName(name) || strings.EqualFold(name, "fe80::") { // all link-local addresses begin so
			t.Skip()
		}
		for i, c := range places() {
			was := []byte(fmt.Sprintf(c, name))
			if !survives(was, name, 1) || survives([]byte(fmt.Sprintf(c, "qqqq")), name, 1) {
				continue
			}
			if survives(was, name, 2) { // once may be chance
				out, _ := WithKey([32]byte{1}).Message(was)
				t.Errorf("%q survives in place %d: %q", name, i, out)
			}
		}
	})
}

func survives(was []byte, name string, key byte) bool {
	out, ok := WithKey([32]byte{key}).Message(was)
	return ok && bytes.Contains(out, []byte(name))
}

// isName reports whether a name says something: it has a word of four letters or
// digits that is none of the protocol.
func isName(name string) bool {
	if len(name) > 200 || strings.ContainsAny(name, "\r\n\x00)") { // what ends a remark in User-Agent
		return false
	}
	for _, w := range bytes.FieldsFunc([]byte(name), func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) }) {
		if lower := strings.ToLower(string(w)); len(w) >= 4 && !phrases()[lower] && !plainWords()[lower] && !makers()[lower] {
			// Numbers of versions, ports and causes are shorter.
			return !strings.Contains(lower, "z9hg4bk") && (len(w) >= 11 || len(strings.Trim(lower, "0123456789")) > 1)
		}
	}
	return false
}

// places are where names stand in messages.
func places() (list []string) {
	const head = "INVITE sip:a SIP/2.0\r\nCall-ID: c\r\n"
	for _, line := range []string{
		"From: \"%s\" <sip:a@b>", "From: %s <sip:a@b>", "From: <sip:%s@b>;tag=a", "From: <sip:a@%s>", "From: sip:%s", "To: <tel:%s>", "Contact: <sip:a:%s@b>", "From: <sip:a@b>;tag=%s",
		"Via: SIP/2.0/UDP a;branch=z9hG4bK%s", "Via: SIP/2.0/UDP %s;received=1.1.1.1", "Via: SIP/2.0/UDP a;received=%s", "Call-ID: %s", "Authorization: Digest username=\"%s\"",
		"Authorization: Digest realm=\"%s\", nonce=\"%[1]s\", response=\"%[1]s\", cnonce=%[1]s, opaque=\"%[1]s\"", "Authorization: Basic %s", "X-Name: %s", "Subject: %s", "Organization: %s",
		"Reason: SIP;cause=200;text=\"%s\"", "Warning: 399 %s \"%[1]s\"", "Allow: %s", "Supported: %s", "%s", "%s: a", "User-Agent: phone (%s)", "P-Asserted-Identity: %s", "Refer-To: <sip:a@b?Replaces=%s>",
		"Geolocation: <https://b/%s>", "Content-Type: multipart/mixed;boundary=%s", "From: <sip:a@b>\r\n %s", "Identity: %s",
	} {
		list = append(list, head+line+"\r\n\r\n")
	}
	const body = head + "Content-Type: application/sdp\r\n\r\nv=0\r\n"
	for _, line := range []string{"o=%s 1 1 IN IP4 1.2.3.4", "o=- 1 1 IN IP4 %s", "s=%s", "i=%s", "c=IN IP4 %s", "k=clear:%s", "a=%s", "a=crypto:1 X inline:%s", "a=candidate:%s", "a=ssrc:1 cname:%s", "a=ice-pwd:%s", "a=x:%s", "m=%s", "%s"} {
		list = append(list, body+line+"\r\n")
	}
	return append(list, "%s\r\nINVITE sip:a SIP/2.0\r\n\r\n", "INVITE sip:%s SIP/2.0\r\n\r\n", "INVITE %s SIP/2.0\r\n\r\n", "SIP/2.0 200 %s\r\n\r\n", head+"Content-Type: text/plain\r\n\r\n%s", head+"\r\n%s")
}

// FuzzMessage: a message that can be read can still be read, and is as long.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(invite + offer))
	f.Add([]byte("SIP/2.0 200 OK\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		was := bytes.Clone(b)
		out, ok := WithKey([32]byte{1}).Message(b)
		if !bytes.Equal(was, b) {
			t.Fatal("the original was changed")
		}
		if !ok {
			return
		}
		before, faults, _ := sip.Lenient(b)
		after, left, fine := sip.Lenient(out)
		if !fine || len(out) != len(b) || before.Status != after.Status || len(before.Headers) != len(after.Headers) || len(before.Body) > 0 != (len(after.Body) > 0) || len(faults) != len(left) {
			t.Errorf("%q\n%q", b, out)
		}
	})
}
