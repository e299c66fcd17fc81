package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
)

// counts are what a capture holds.
type counts struct {
	Requests  map[string]int
	Responses map[string]int
	Calls     int // Call-IDs
	Streams   map[string]stream
	rtcp      int // datagrams; tshark knows only those that SIP announced
}

type stream struct {
	Packets, Lost int
	JitterMS      float64
	events        bool // it holds DTMF as well
}

// poor reports whether a listener would complain; as the program's limits.
func (s stream) poor() bool {
	return s.Packets >= 200 && (float64(s.Lost) > 0.009*float64(s.Packets) || s.JitterMS > 29)
}

var (
	tsharkStream = regexp.MustCompile(`(?m)^[ ]*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-Fa-f]+)\s+(.*?)\s+(\d+)\s+(-?\d+) \(-?[\d.]+%\)((?:[ ]+-?[\d.]+)+)`)
	sipField     = regexp.MustCompile(`^[A-Z]+$`)
)

// tsharkCounts is what tshark sees in a capture. What ICMP quotes is no message.
func tsharkCounts(t *testing.T, file string) counts {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "tshark", "-n", "-r", file, "-Y", "(sip || rtcp) && !icmp && !icmpv6", "-T", "fields", "-E", "separator=;", "-E", "occurrence=a", "-E", "aggregator=|",
		"-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.Call-ID", "-e", "rtcp.pt", "-z", "rtp,streams").Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("tshark: %v", err)
	}
	c := counts{Requests: map[string]int{}, Responses: map[string]int{}, Streams: map[string]stream{}}
	calls := map[string]bool{}
	text, table, _ := strings.Cut(string(out), "======")
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ";")
		if len(f) != 4 {
			continue
		}
		if f[3] != "" {
			c.rtcp++
			continue
		}
		for _, m := range strings.Split(f[0], "|") {
			if sipField.MatchString(m) {
				c.Requests[m]++
			}
		}
		for _, code := range strings.Split(f[1], "|") {
			if _, err := strconv.Atoi(code); err == nil {
				c.Responses[code]++
			}
		}
		for _, id := range strings.Split(f[2], "|") {
			calls[id] = true
		}
	}
	c.Calls = len(calls)
	for _, m := range tsharkStream.FindAllStringSubmatch(table, -1) {
		packets, _ := strconv.Atoi(m[7])
		lost, _ := strconv.Atoi(m[8])
		times := strings.Fields(m[9]) // delta, then jitter: the least, the mean, the most
		jitter := 0.0
		if len(times) >= 5 {
			jitter, _ = strconv.ParseFloat(times[4], 64)
		}
		ssrc, _ := strconv.ParseUint(m[5], 16, 32)
		c.Streams[fmt.Sprintf("%s:%s > %s:%s %08x", m[1], m[2], m[3], m[4], ssrc)] = stream{packets, lost, jitter, strings.Contains(m[6], "event")}
	}
	return c
}

// ourCounts is what the program says of it.
func ourCounts(t *testing.T, rep *checks.Report) counts {
	t.Helper()
	f := facts(t, rep, "capture")
	c := counts{Requests: map[string]int{}, Responses: map[string]int{}, Calls: len(f["calls"].([]any)), Streams: map[string]stream{}}
	var seen struct {
		RTCP int `json:"rtcp"`
	}
	if err := json.Unmarshal(rep.Result("capture").Observed, &seen); err != nil {
		t.Fatal(err)
	}
	c.rtcp = seen.RTCP
	for m, n := range f["requests"].(map[string]any) {
		c.Requests[m] = int(n.(float64))
	}
	for code, n := range f["responses"].(map[string]any) {
		c.Responses[code] = int(n.(float64))
	}
	for _, x := range f["rtp_streams"].([]any) {
		s := x.(map[string]any)
		key := fmt.Sprintf("%s > %s %s", s["from"], s["to"], s["ssrc"])
		c.Streams[key] = stream{Packets: int(s["packets"].(float64)), Lost: int(s["lost"].(float64)), JitterMS: s["jitter_ms"].(float64)}
	}
	return c
}

// jitterApart reports whether two means say something else: tshark's is over all
// packets, ours over those from which a time can be told (RFC 3550, A.8), which are
// others after a loss and none within an event of DTMF.
func jitterApart(ours, tsharks stream) bool {
	margin := 0.3 + 0.1*tsharks.JitterMS
	if ours.Lost > 0 {
		margin += 0.15 * tsharks.JitterMS
	}
	return !tsharks.events && math.Abs(ours.JitterMS-tsharks.JitterMS) > margin
}

// agrees compares what the program says of a capture with tshark, and returns what
// tshark says.
func agrees(t *testing.T, file string, rep *checks.Report) counts {
	t.Helper()
	want, got := tsharkCounts(t, file), ourCounts(t, rep)
	for _, key := range slices.Sorted(maps.Keys(want.Streams)) {
		b := want.Streams[key]
		if a, ok := got.Streams[key]; !ok || a.Packets != b.Packets || a.Lost != b.Lost || jitterApart(a, b) {
			t.Errorf("stream %s: %+v, tshark %+v", key, a, b)
		}
		delete(got.Streams, key)
	}
	for key, s := range got.Streams {
		t.Errorf("stream %s: %+v, and tshark sees none", key, s)
	}
	if got.rtcp < want.rtcp {
		t.Errorf("%d packets of RTCP, tshark %d", got.rtcp, want.rtcp)
	}
	got.rtcp = want.rtcp
	streams := want.Streams
	got.Streams, want.Streams = nil, nil
	if d := cmp.Diff(want, got, cmp.AllowUnexported(counts{})); d != "" {
		t.Errorf("%s: tshark (-) counts otherwise (+):\n%s", file, d)
	}
	want.Streams = streams
	return want
}

// Captures of others, in the folder that SIPDOCTOR_CAPTURES names: tshark counts the
// same messages, calls and packets of the streams that SIP announced in each of them.
func TestCapturesOfOthersAreCountedAsTsharkDoes(t *testing.T) {
	dir := os.Getenv("SIPDOCTOR_CAPTURES")
	if dir == "" {
		t.Skip("SIPDOCTOR_CAPTURES names no folder with captures")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.Contains(filepath.Ext(file), "pcap") {
			return err
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), os.Getenv(programVar), "capture", file, "--format", "json").Output()
			rep, rerr := checks.ReadReport(bytes.NewReader(out))
			if rerr != nil {
				t.Fatal(err, rerr)
			}
			want, got := tsharkCounts(t, file), ourCounts(t, rep)
			for key := range got.Streams {
				if _, announced := want.Streams[key]; !announced {
					delete(got.Streams, key)
				}
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(counts{}, stream{}), cmpopts.IgnoreFields(counts{}, "rtcp"), cmpopts.IgnoreFields(stream{}, "JitterMS", "events")); d != "" {
				t.Errorf("tshark (-) counts otherwise (+):\n%s", d)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keep puts a capture where SIPDOCTOR_KEEP says, to be looked at.
func keep(t *testing.T, name, file string) {
	if dir := os.Getenv("SIPDOCTOR_KEEP"); dir != "" {
		b, _ := os.ReadFile(file)
		_ = os.WriteFile(filepath.Join(dir, strings.NewReplacer("/", "-").Replace(t.Name())+name), b, 0o600)
	}
}
