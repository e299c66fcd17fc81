package responder

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// cut feeds a stream in pieces and tells what came out.
func cut(pieces ...string) (got []string) {
	s := newSplitter()
	for _, p := range pieces {
		s.Write([]byte(p))
		for {
			it, err := s.next()
			if err != nil {
				return append(got, "error", fmt.Sprintf("rest %q", s.Rest()))
			}
			if it.kind == "" {
				break
			}
			got = append(got, fmt.Sprintf("%s %d %q", it.kind, s.Segments, it.raw))
		}
	}
	if n := len(s.Rest()); n > 0 {
		rest := s.Take(n)
		got = append(got, fmt.Sprintf("waiting %d %q", s.Segments, rest))
	}
	return got
}

func TestStreamIsCutIntoMessages(t *testing.T) {
	const opt = "OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc"
	const bare = "ACK sip:a SIP/2.0\r\nTo: x\r\n\r\n"
	m := session.Mask([]byte(opt), 7)
	masked := string(binary.BigEndian.AppendUint32(nil, uint32(len(m)))) + string(m)
	tests := []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"one message, one segment", []string{opt}, []string{fmt.Sprintf("message 1 %q", opt)}},
		{"one message split in its header", []string{opt[:10], opt[10:]}, []string{fmt.Sprintf("message 2 %q", opt)}},
		{"one message split in its body", []string{opt[:len(opt)-1], opt[len(opt)-1:]}, []string{fmt.Sprintf("message 2 %q", opt)}},
		{"two messages in one segment", []string{opt + bare}, []string{fmt.Sprintf("message 1 %q", opt), fmt.Sprintf("message 1 %q", bare)}},
		{"the second begins in the first's segment", []string{opt + bare[:5], bare[5:]}, []string{fmt.Sprintf("message 1 %q", opt), fmt.Sprintf("message 2 %q", bare)}},
		{"keep-alive alone", []string{"\r\n\r\n"}, []string{`ping 1 "\r\n\r\n"`}},
		{"keep-alive in pieces, then a message", []string{"\r\n\r", "\n" + opt}, []string{`ping 2 "\r\n\r\n"`, fmt.Sprintf("message 1 %q", opt)}},
		{"an empty line before a message", []string{"\r\n" + opt}, []string{fmt.Sprintf("message 1 %q", opt)}},
		{"masked, then plain", []string{masked + opt}, []string{fmt.Sprintf("masked 1 %q", opt), fmt.Sprintf("message 1 %q", opt)}},
		{"masked byte by byte", inPieces(masked, 1), []string{fmt.Sprintf("masked %d %q", len(masked), opt)}},
		{"Content-Length too long: waits", []string{"OPTIONS sip:a SIP/2.0\r\nl: 9\r\n\r\nabc"}, []string{`waiting 1 "OPTIONS sip:a SIP/2.0\r\nl: 9\r\n\r\nabc"`}},
		{"Content-Length too short: a rest that is no SIP", []string{"OPTIONS sip:a SIP/2.0\r\nl: 1\r\n\r\nabc\r\n\r\n"},
			[]string{`message 1 "OPTIONS sip:a SIP/2.0\r\nl: 1\r\n\r\na"`, "error", `rest "bc\r\n\r\n"`}},
		{"Content-Length that is no number", []string{"OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n"}, []string{"error", `rest "OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n"`}},
		{"a body longer than what is kept", []string{"OPTIONS sip:a SIP/2.0\r\nl: 65000\r\n\r\n"}, []string{"error", `rest "OPTIONS sip:a SIP/2.0\r\nl: 65000\r\n\r\n"`}},
		{"a huge masked frame", []string{"\x00\xff\xff\xff"}, []string{"error", `rest "\x00\xff\xff\xff"`}},
		{"a browser", []string{"GET / HTTP/1.1\r\n\r\n"}, []string{"error", `rest "GET / HTTP/1.1\r\n\r\n"`}},
		{"an endless header", []string{strings.Repeat("x", maxHead+1)}, []string{"error", fmt.Sprintf("rest %q", strings.Repeat("x", maxHead+1))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, cut(tt.pieces...)); d != "" {
				t.Errorf("items (-want +got):\n%s", d)
			}
		})
	}
}

func inPieces(s string, size int) (out []string) {
	for s != "" {
		n := min(size, len(s))
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

func FuzzStream(f *testing.F) {
	m := session.Mask([]byte("OPTIONS sip:a SIP/2.0\r\n\r\n"), 7)
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...), uint8(3))
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc\r\n\r\nOPTIONS"), uint8(1))
	f.Add([]byte("OPTIONS sip:a SIP/2.0\nl: 3\n\nabc"), uint8(200))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		whole := kinds(cut(string(b)))
		if d := cmp.Diff(whole, kinds(cut(inPieces(string(b), int(step)+1)...))); d != "" {
			t.Errorf("in one piece and in pieces of %d the stream reads differently:\n%s", int(step)+1, d)
		}
	})
}

// kinds keeps of each line of cut what must not depend on segmentation: a
// stream that cannot be followed may be given up earlier when it comes slowly.
func kinds(lines []string) (out []string) {
	for _, l := range lines {
		kind, rest, _ := strings.Cut(l, " ")
		switch kind {
		case "error":
			return append(out, kind)
		case "rest", "waiting":
			continue
		}
		_, raw, _ := strings.Cut(rest, " ")
		out = append(out, kind+" "+raw)
	}
	return out
}
