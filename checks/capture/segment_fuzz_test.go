package capture

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// Whatever a call does, its segments follow each other, and nothing is judged twice.
func FuzzCall(f *testing.F) {
	f.Add([]byte("io2a t4h5A t4i6o2at9 b"))
	f.Add([]byte("i3p2 t9u2 f2b"))
	f.Fuzz(func(t *testing.T, script []byte) {
		s := tell()
		d := s.dial(officeAt, pbxAt)
		descriptions := []string{sdp(mediaHere), sdp(mediaThere), sdp(mediaHere, "a=inactive"), sdp("0.0.0.0:9"), fax(mediaThere), "v=0\r\nm=audio 0 RTP/AVP 0\r\n", "v=0\r\nm=audio x\r\nm=", ""}
		a, b := theUp(), theDown()
		for i, c := range script[:min(len(script), 60)] {
			said := descriptions[(int(c)+i*3)%len(descriptions)]
			switch c {
			case 'i', 'u', 'p', 'b', 'a', 'f':
				d.request(map[byte]string{'i': "INVITE", 'u': "UPDATE", 'p': "PRACK", 'b': "BYE", 'a': "ACK", 'f': "INFO"}[c], said)
			case 'A':
				d = d.back()
			case 'o', '2':
				d.answer("200 OK", seen, said)
			case '1', '3':
				d.answer("183 Session Progress", said)
			case '4':
				d.answer("488 Not Acceptable Here")
			case 't':
				s.say(time.Second, a, b)
			case 'w':
				s.wait(3 * time.Second)
			case 'x':
				s.undeliverable("203.0.113.1", mediaThere, mediaHere, 3)
			}
		}
		env := &checks.Env{Files: []checks.File{{Name: "story.pcap", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(s.Bytes())), nil
		}}}}
		o, err := observe(context.Background(), env)
		if err != nil {
			t.Fatal(err)
		}
		v := viewOf(o)
		for _, x := range v.calls {
			last := int64(0)
			for _, g := range v.segments(x) {
				if g.begin < last || g.until < g.begin || g.caller.said == nil || g.called.said == nil || (g.caller.media == nil) != (g.called.media == nil) {
					t.Errorf("%d-%d after %d: %+v", g.begin, g.until, last, g)
				}
				last = g.until
			}
		}
		judge(o, nil)
	})
}
