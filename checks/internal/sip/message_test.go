package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const invite = "INVITE sip:bob@198.51.100.2:5060 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.168.88.10:40000;branch=z9hG4bK1;rport\r\n" +
	"Max-Forwards: 70\r\n" +
	"From: \"A, B\" <sip:a@192.168.88.10:40000>;tag=1\r\n" +
	"To: <sip:bob@198.51.100.2:5060>\r\n" +
	"Call-ID: x@192.168.88.10\r\n" +
	"CSeq: 1 INVITE\r\n" +
	"Contact: <sip:a@192.168.88.10:40000;transport=udp>\r\n" +
	"Supported:  replaces\r\n" +
	"Content-Type: application/sdp\r\n" +
	"Content-Length: 131\r\n" +
	"\r\n" +
	"v=0\r\no=- 1 1 IN IP4 192.168.88.10\r\ns=-\r\nc=IN IP4 192.168.88.10\r\nt=0 0\r\nm=audio 20002 RTP/AVP 0\r\na=rtcp:20003 IN IP4 192.168.88.10\r\n"

func TestReadingKeepsEveryByte(t *testing.T) {
	m, err := Parse([]byte(invite))
	if err != nil {
		t.Fatal(err)
	}
	if m.Method != "INVITE" || m.Status != 0 || len(m.Headers) != 10 {
		t.Fatalf("got method %q, status %d, %d headers", m.Method, m.Status, len(m.Headers))
	}
	var again strings.Builder
	again.Write(m.Start)
	again.WriteString(m.LineEnd)
	for _, h := range m.Headers {
		again.Write(h.Raw)
		again.WriteString(m.LineEnd)
	}
	again.WriteString(m.LineEnd)
	again.Write(m.Body)
	if d := cmp.Diff(invite, again.String()); d != "" {
		t.Error(d)
	}
	if got := string(m.Get("supported").Value); got != "replaces" {
		t.Errorf("Supported: got %q", got)
	}
}

func TestReadingOddButLegalMessages(t *testing.T) {
	for name, c := range map[string]struct{ in, header, want string }{
		"compact names":                 {"OPTIONS sip:a SIP/2.0\r\nv: SIP/2.0/UDP h\r\ni: abc\r\n\r\n", "call-id", "abc"},
		"space before the colon":        {"OPTIONS sip:a SIP/2.0\r\nCall-ID  : abc\r\n\r\n", "call-id", "abc"},
		"folded over two lines":         {"OPTIONS sip:a SIP/2.0\r\nSubject: one\r\n two\r\nCall-ID: abc\r\n\r\n", "subject", "one\r\n two"},
		"lines that end in LF alone":    {"OPTIONS sip:a SIP/2.0\nCall-ID: abc\n\n", "call-id", "abc"},
		"a response without a reason":   {"SIP/2.0 200 \r\nCall-ID: abc\r\n\r\n", "call-id", "abc"},
		"a value that contains a colon": {"SIP/2.0 200 OK\r\nContact: <sip:a@h:5060>\r\n\r\n", "contact", "<sip:a@h:5060>"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if h := m.Get(c.header); h == nil || string(h.Value) != c.want {
				t.Errorf("%s: got %v, want %q", c.header, h, c.want)
			}
		})
	}
}

func TestWhatIsNoSIP(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":              "",
		"an RTP packet":        "\x80\x00\x00\x01\x00\x00\x00\xa0abcdefgh",
		"an HTTP answer":       "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n",
		"no empty line":        "OPTIONS sip:a SIP/2.0\r\nVia: x\r\n",
		"a status of letters":  "SIP/2.0 2xx OK\r\n\r\n",
		"a line without colon": "OPTIONS sip:a SIP/2.0\r\nnonsense\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(in)); !errors.Is(err, ErrNotSIP) {
				t.Errorf("got %v, want ErrNotSIP", err)
			}
		})
	}
}

func TestReadingAVia(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Via
	}{
		"as phones send it": {
			"SIP/2.0/UDP 192.168.1.5:5062;branch=z9hG4bKa;rport",
			Via{Transport: "UDP", SentBy: "192.168.1.5:5062", Branch: "z9hG4bKa", HasRPort: true},
		},
		"as servers answer": {
			"SIP/2.0/UDP 192.168.1.5:5062;received=203.0.113.1;rport=1024;branch=z9hG4bKa",
			Via{Transport: "UDP", SentBy: "192.168.1.5:5062", Branch: "z9hG4bKa", Received: "203.0.113.1", RPort: "1024", HasRPort: true},
		},
		"white space wherever the grammar allows it": {
			"SIP / 2.0 / TCP  10.0.0.1 ; branch = z9hG4bKb ; received = 10.0.0.2",
			Via{Transport: "TCP", SentBy: "10.0.0.1", Branch: "z9hG4bKb", Received: "10.0.0.2"},
		},
		"two values in one field": {
			"SIP/2.0/UDP a.example;branch=1, SIP/2.0/UDP 10.0.0.1",
			Via{Transport: "UDP", SentBy: "a.example", Branch: "1"},
		},
		"IPv6": {
			"SIP/2.0/TLS [2001:db8::1]:5061;received=2001:db8::2",
			Via{Transport: "TLS", SentBy: "[2001:db8::1]:5061", Received: "2001:db8::2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := ParseVia([]byte(c.in))
			if !ok {
				t.Fatal("not read")
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhereAnSDPWantsItsAudio(t *testing.T) {
	for name, c := range map[string]struct{ sdp, want string }{
		"session address":            {"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n", "10.0.0.1:4000"},
		"the media's own goes first": {"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 10.0.0.2\r\n", "10.0.0.2:4000"},
		"the second stream does not count": {
			"v=0\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\nm=video 5000 RTP/AVP 96\nc=IN IP4 10.0.0.9\n", "10.0.0.1:4000"},
		"no address": {"v=0\r\nm=audio 4000 RTP/AVP 0\r\n", ""},
		"no audio":   {"v=0\r\nc=IN IP4 10.0.0.1\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Media([]byte(c.sdp))
			want, _ := netip.ParseAddrPort(c.want)
			if ok != (c.want != "") || ok && got != want {
				t.Errorf("got %v %v, want %q", got, ok, c.want)
			}
		})
	}
}

func TestCuttingAStreamIntoMessages(t *testing.T) {
	whole := "\r\n\r\n" + invite + "\r\n" + invite
	for size := 1; size < len(invite); size += 37 {
		var f Framer
		var kinds []string
		for in := []byte(whole); len(in) > 0; {
			n := min(size, len(in))
			f.Write(in[:n])
			in = in[n:]
			for {
				b, kind, ok, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				if kind == "message" {
					if string(b) != invite {
						t.Fatalf("in pieces of %d: got %q", size, b)
					}
					kinds = append(kinds, kind)
				}
			}
		}
		if len(kinds) != 2 || len(f.buf) != 0 {
			t.Errorf("in pieces of %d: %v, %d bytes left", size, kinds, len(f.buf))
		}
	}
}

func TestAStreamThatIsNoSIPEnds(t *testing.T) {
	for name, in := range map[string]string{
		"garbage":                 "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a length of letters":     "OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n",
		"a length beyond reason":  "OPTIONS sip:a SIP/2.0\r\nContent-Length: 9999999\r\n\r\n",
		"a header without an end": "OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("A: b\r\n", 12000),
	} {
		t.Run(name, func(t *testing.T) {
			var f Framer
			f.Write([]byte(in))
			if _, _, ok, err := f.Next(); err == nil {
				t.Errorf("accepted (%v)", ok)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(invite))
	f.Add([]byte("SIP/2.0 200 OK\nv: SIP/2.0/UDP h\n x\n\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if (m.Method == "") == (m.Status == 0) {
			t.Fatalf("neither or both request and response: %q", m.Start)
		}
		for i := range m.Headers {
			ParseVia(m.Headers[i].Value)
			Canonical(m.Headers[i].Name)
		}
		Media(m.Body)
		m.ContentLength()
	})
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte("\r\n\r\n"+invite), uint8(7))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		var fr Framer
		total := 0
		for len(b) > 0 {
			n := min(int(size)+1, len(b))
			fr.Write(b[:n])
			b = b[n:]
			for {
				m, _, ok, err := fr.Next()
				if err != nil {
					return
				}
				if !ok {
					break
				}
				if len(m) == 0 {
					t.Fatal("an empty message would loop for ever")
				}
				total += len(m)
			}
		}
	})
}
