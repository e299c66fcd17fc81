package signalling

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

func TestPortsDecideTheTransports(t *testing.T) {
	for name, c := range map[string]struct {
		port int
		said []string
		deep bool
		want []port
	}{
		"a name alone":              {0, nil, false, []port{{"udp", 0, false}, {"tcp", 0, false}, {"tls", 0, false}}},
		"the usual port":            {5060, nil, false, []port{{"udp", 5060, false}, {"tcp", 5060, false}, {"tls", 5061, false}}},
		"the port of TLS":           {5061, nil, false, []port{{"tls", 5061, false}}},
		"a provider's own port":     {5080, nil, false, []port{{"udp", 5080, false}, {"tcp", 5080, false}, {"tls", 5061, false}}},
		"Asterisk's WebSocket":      {8089, nil, false, []port{{"wss", 8089, false}}},
		"the web's port":            {443, nil, false, []port{{"tls", 443, false}, {"wss", 443, false}}},
		"the profile says UDP":      {5060, []string{"udp"}, false, []port{{"udp", 5060, true}, {"tcp", 5060, false}, {"tls", 5061, false}}},
		"the profile says only TLS": {5091, []string{"tls"}, false, []port{{"tls", 5091, true}}},
		"deep":                      {5061, nil, true, []port{{"tls", 5061, false}, {"wss", 443, false}, {"wss", 8089, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ports(c.port, c.said, c.deep), cmp.AllowUnexported(port{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNTPAnswers(t *testing.T) {
	q, cookie := ntpRequest()
	a := make([]byte, 48)
	a[0], a[1] = 4<<3|4, 3
	copy(a[24:32], q[40:48])
	binary.BigEndian.PutUint32(a[32:], 3_976_084_800) // 2025-12-30T12:00:00Z
	binary.BigEndian.PutUint32(a[40:], 3_976_084_802)
	r, err := readNTP(a, cookie)
	if want := time.Date(2025, 12, 30, 12, 0, 1, 0, time.UTC); err != nil || !r.middle.Equal(want) || r.stratum != 3 {
		t.Errorf("%+v, %v, want %s", r, err, want)
	}
	binary.BigEndian.PutUint32(a[32:], 100) // after the counter's end in 2036
	binary.BigEndian.PutUint32(a[40:], 100)
	if r, err := readNTP(a, cookie); err != nil || r.middle.Year() != 2036 {
		t.Errorf("%+v, %v", r, err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"to another question":      func(b []byte) []byte { b[24]++; return b },
		"the server's clock unset": func(b []byte) []byte { b[0] |= 0xc0; return b },
		"a kiss of death":          func(b []byte) []byte { b[1] = 0; return b },
		"a question":               func(b []byte) []byte { b[0] = 4<<3 | 3; return b },
		"half of it":               func(b []byte) []byte { return b[:40] },
	} {
		if _, err := readNTP(change(bytes.Clone(a)), cookie); err == nil {
			t.Errorf("%s: believed", name)
		}
	}
}

func FuzzNTP(f *testing.F) {
	f.Add(make([]byte, 48), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, cookie uint64) {
		if r, err := readNTP(b, cookie); err == nil && (r.stratum < 1 || r.stratum > 15) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte("SIP/2.0 401 Unauthorized\r\nServer: \xff\r\nWarning: 399 x\r\nWWW-Authenticate: Digest nonce=\"a\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := readResponse(b)
		if ok && (r.Code < 100 || r.Code > 699 || len(r.Server) > 4*maxText+4) {
			t.Errorf("%+v", r)
		}
	})
}

// Frames come from a web server that may be anybody's.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte("\x81\x05hello"))
	f.Add([]byte("\x01\x02\r\n\x80\x03SIP\x89\x01x\x88\x00"))
	f.Add([]byte("\x82\x7e\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &webSocket{w: io.Discard, r: bufio.NewReader(bytes.NewReader(b))}
		for {
			m, err := s.Receive()
			if err != nil {
				return
			}
			if len(m) > sip.MaxMessage {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
	})
}
