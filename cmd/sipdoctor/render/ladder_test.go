package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func aCall() *capture.Ladder {
	strip := capture.Strip{StepMS: 1000, Packets: []int{50, 49, 25, 0, 50}, Lost: []int{0, 1, 25}, Jitter: []int{1, 12, 40, 0, 300}}
	return &capture.Ladder{CallID: "call-1", From: "100", To: "200", Outcome: "answered", Code: 200,
		Ends: []capture.LadderEnd{{Address: "192.168.88.10", Agent: "Phone\x1b[31m"}, {Address: "198.51.100.2"}},
		Steps: []capture.Step{
			{AtS: 0, Message: &capture.Sent{From: 0, To: 1, Method: "INVITE", Media: "192.168.88.10:4000", Again: 1}},
			{AtS: 1.5, Message: &capture.Sent{From: 1, To: 0, Status: 200, Phrase: "OK"}},
			{AtS: 1.5, Session: &capture.Session{Codec: "PCMA", Caller: "192.168.88.10:4000", Called: "198.51.100.2:12000", Up: true}},
			{AtS: 1.5, Audio: &capture.Carried{Up: true, Payload: "PCMA/8000", Packets: 174, Lost: 26, Jitter: 3, MOS: 2.1, UntilS: 6.5, Strip: strip}},
			{AtS: 7, Message: &capture.Sent{From: 1, To: 1, Method: "BYE"}},
		}}
}

func drawn(t *testing.T, l *capture.Ladder, o TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Ladder(&b, l, "fault", o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLadder(t *testing.T) {
	want := `100 → 200: answered
call-1
fault

           192.168.88.10        198.51.100.2
           Phone\x1b[31m
0.000            │─ 2× INVITE (SDP) ─>│
1.500            │<───── 200 OK ──────│
       agreed: PCMA 192.168.88.10:4000 →
         198.51.100.2:12000, held
       audio → PCMA/8000, 174 packets until
         6.5 s, 26 lost (13 %), jitter 3 ms,
         MOS 2.1
         loss    ▁▃█·▁
         jitter  ▁▂▄·█
                 each mark is 1 s
7.000            │                    │ BYE
`
	got := drawn(t, aCall(), TextOptions{Width: 49})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The ladder fits every page, in ASCII as well, and many ends become a list.
func TestLadderFits(t *testing.T) {
	crowd := aCall()
	for range 20 {
		crowd.Ends = append(crowd.Ends, capture.LadderEnd{Address: "203.0.113.1"})
	}
	for _, l := range []*capture.Ladder{aCall(), crowd} {
		for _, o := range []TextOptions{{Width: 40}, {Width: 80}, {Width: 160}, {ASCII: true}, {Lang: words.Russian, Width: 40}} {
			out := drawn(t, l, o)
			for _, line := range strings.Split(out, "\n") {
				if cells(line) > PageWidth(o.Width) {
					t.Errorf("%d columns: %q", o.Width, line)
				}
			}
			if o.ASCII && !isPlain(strings.ReplaceAll(out, "\n", "")) {
				t.Errorf("not ASCII: %s", out)
			}
			if strings.Contains(out, "\x1b") {
				t.Errorf("a terminal would obey %q", out)
			}
		}
	}
	var b bytes.Buffer
	if err := LadderJSON(&b, aCall()); err != nil || !bytes.Contains(b.Bytes(), []byte(`"method": "INVITE"`)) {
		t.Error(err, b.String())
	}
}

// Each mark holds the worst of its slice.
func TestStripsAreNarrowed(t *testing.T) {
	list, steps := slicesOf(capture.Strip{StepMS: 1000, Packets: []int{50, 50, 50, 50, 50}, Lost: []int{0, 0, 7}, Jitter: []int{1, 2, 3, 4, 5}}, 3)
	if d := cmp.Diff([]slice{{100, 0, 2}, {100, 7, 4}, {50, 0, 5}}, list, cmp.AllowUnexported(slice{})); d != "" || steps != 2 {
		t.Error(d, steps)
	}
}

// A question for the password is not a refusal: most calls begin so.
func TestWhichAnswersAreRefusals(t *testing.T) {
	for status, bad := range map[int]bool{100: false, 200: false, 302: false, 400: true, 401: false, 403: true, 407: false, 408: true, 486: true, 503: true, 603: true} {
		l := aCall()
		l.Steps[1].Message.Status = status
		row := (&edition{speech: speech{lang: words.English}}).call(l).Rows[1]
		if inRed := strings.Contains(drawn(t, l, TextOptions{Color: true}), "\x1b["+string(red)); row.Bad != bad || inRed != bad {
			t.Errorf("%d is a refusal on the page: %v, on a terminal: %v", status, row.Bad, inRed)
		}
	}
}
