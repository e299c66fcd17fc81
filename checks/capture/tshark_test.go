package capture

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

var tsharkStream = regexp.MustCompile(`0x([0-9A-F]{8})\s+.+?\s+(\d+)\s+(-?\d+) \(-?[\d.]+%\)((?:\s+-?[\d.]+){6})`)

// What is measured of streams is what tshark measures of them: packets, lost ones,
// jitter on average and at most.
func TestTsharkMeasuresTheSame(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("SIPDOCTOR_LAB") == "require" {
			t.Fatalf("SIPDOCTOR_LAB=require, but no tshark here: %v", err)
		}
		t.Skip("no tshark here:", err)
	}
	s := announced()
	speak := func(ssrc uint32) *sender { p := theUp(); p.ssrc = ssrc; return p }
	clean, half, uneven, slow, keyed := speak(10), speak(11), speak(12), speak(13), speak(14)
	slow.slow = 400
	for i := range 50 {
		s.say(200*time.Millisecond, clean, half)
		for range i % 4 {
			half.pass()
			s.say(20*time.Millisecond, clean)
		}
	}
	for i := range 500 {
		late := time.Duration(i*7%23) * time.Millisecond
		s.wait(late)
		uneven.packet(s)
		s.wait(25*time.Millisecond - late)
	}
	s.say(30*time.Second, slow)
	for range 3 {
		s.say(time.Second, keyed)
		keyed.key(s, 7)
		s.pause(2*time.Second, keyed)
	}
	s.say(time.Second, keyed)
	file := filepath.Join(t.TempDir(), "story.pcap")
	if err := os.WriteFile(file, s.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tshark, "-q", "-z", "rtp,streams", "-r", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := map[uint64][]string{}
	for _, m := range tsharkStream.FindAllStringSubmatch(string(out), -1) {
		ssrc, _ := strconv.ParseUint(m[1], 16, 32)
		theirs[ssrc] = append([]string{m[2], m[3]}, regexp.MustCompile(`-?[\d.]+`).FindAllString(m[4], -1)...)
	}
	v := s.view(t)
	if len(theirs) != 5 || len(v.o.Streams) != 5 {
		t.Fatalf("tshark found %d streams, we %d\n%s", len(theirs), len(v.o.Streams), out)
	}
	for i := range v.o.Streams {
		mine := &v.o.Streams[i]
		their := theirs[uint64(mine.SSRC)]
		number := func(i int) float64 { f, _ := strconv.ParseFloat(their[i], 64); return f }
		if float64(mine.Packets) != number(0) || float64(mine.lost()) != number(1) {
			t.Errorf("stream %d: %d packets, %d lost; tshark: %s and %s", mine.SSRC, mine.Packets, mine.lost(), their[0], their[1])
		}
		// tshark takes the timestamps of keys for those of audio, which they are not:
		// RFC 4733, 2.2.
		if mine.Keys == 0 && (math.Abs(mine.JitterMS-number(6)) > 0.02+0.01*number(6) || math.Abs(mine.MaxJitter-number(7)) > 0.02+0.01*number(7)) {
			t.Errorf("stream %d: jitter %.2f, at most %.2f; tshark: %s and %s", mine.SSRC, mine.JitterMS, mine.MaxJitter, their[6], their[7])
		}
	}
}
