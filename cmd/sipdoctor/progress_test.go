package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// painted are the lines that a terminal showed, one after the other.
func painted(b *bytes.Buffer) []string {
	var out []string
	for _, l := range strings.Split(b.String(), "\r\x1b[K")[1:] {
		out = append(out, strings.TrimSuffix(l, " …"))
	}
	return out
}

func TestTheLineCountsDownWhatIsDoneAndTheWholeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := &progress{w: &b}
		p.show("asking STUN servers", 0)
		p.show("testing 868 RTP ports", 2500*time.Millisecond)
		time.Sleep(1200 * time.Millisecond)
		p.show("silence of 4 s", 4*time.Second)
		p.show("looking for edges", 0)
		time.Sleep(5 * time.Second)
		p.end()
		p.show("too late", 0)
		want := []string{
			"asking STUN servers",
			"testing 868 RTP ports, 3 s left",
			"testing 868 RTP ports, 2 s left",
			"silence of 4 s, 4 s left",
			"looking for edges, whole run 4 s left",
			"looking for edges, whole run 4 s left",
			"looking for edges, whole run 3 s left",
			"silence of 4 s, 2 s left",
			"silence of 4 s, 1 s left",
			"silence of 4 s, a little longer",
			"", // taken away
		}
		if diff := cmp.Diff(want, painted(&b)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestALongLineStaysOneLine(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b}
	p.show(strings.Repeat("very ", 40), 300*time.Second)
	p.end()
	for _, l := range painted(&b) {
		if n := len([]rune(l)); n > 78 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if !strings.Contains(b.String(), "…, 5:00 min left") {
		t.Errorf("the time is cut off: %q", b.String())
	}
}

func TestNobodyWatchesAPipe(t *testing.T) {
	if newProgress(streams{Err: &bytes.Buffer{}}, false, "say.progress-checking") != nil {
		t.Error("there is progress in a pipe")
	}
	var none *progress
	none.end()
}

func TestProgressInRussian(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b, streams: streams{Lang: words.Russian}}
	p.take(checks.Event{Text: words.Say("rtp-ports.progress.inbound-again", words.Args{"n": 120}), Left: 90 * time.Second})
	p.end()
	if got, want := painted(&b)[0], "порты RTP снаружи: повторно 120 молчащих, осталось 90 с"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
