package capture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/standin"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// anonymized is a capture as strangers may see it.
func anonymized(t testing.TB, key byte, captures ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	a := newAnonymizer(&b, standin.WithKey([32]byte{key}))
	for _, c := range captures {
		if err := a.Learn(context.Background(), bytes.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	a.Learned()
	for _, c := range captures {
		if err := a.Copy(context.Background(), bytes.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Finish(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readCapture runs the check on a capture.
func readCapture(capture []byte) checks.Result {
	env := &checks.Env{Files: []checks.File{{Name: "story.pcap", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(capture)), nil
	}}}}
	return checks.Run(context.Background(), []*checks.Check{Check()}, env, checks.Meta{Command: "capture"}).Results[0]
}

// diagnosis is what a result says besides names.
func diagnosis(r checks.Result) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("%s %d notes", r.Status, len(r.Notes))
	for _, f := range r.Findings {
		add("%s %s %s %s, %d proofs, %v", f.ID, f.Variant, f.Severity, f.Confidence, len(f.Evidence), figures(f.Args))
	}
	f, ok := r.Facts.(Facts)
	if !ok {
		return lines
	}
	add("%d packets, %d messages, %v %v", f.Packets, f.SIPMessages, f.Requests, f.Responses)
	for _, c := range f.Calls {
		add("%s %s %s %d at %d, %v to %v, %v %v", c.Method, c.Outcome, c.Diagnosis, c.FinalCode, c.Frame, c.BeginS, c.LengthS, c.Client.Addr().IsPrivate(), c.Server.Addr().IsPrivate())
	}
	for _, s := range f.RTPStreams {
		add("%s %s %d packets, %d lost, jitter %v, MOS %v, %v s, port %d to %d", s.SSRC, s.Payload, s.Packets, s.Lost, s.JitterMS, s.MOS, s.LengthS, s.From.Port(), s.To.Port())
	}
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			add("%s %d %v", t.ID, row.Finding, figures(row.Says))
		}
	}
	return lines
}

// figures are the values of a message that are no names.
func figures(args words.Args) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(args)) {
		switch v := args[name].(type) {
		case string, words.Raw, netip.Addr, netip.AddrPort, fmt.Stringer:
			list = append(list, name)
		case words.Text:
			list = append(list, name+"="+v.ID)
		default:
			list = append(list, fmt.Sprintf("%s=%v", name, v))
		}
	}
	return list
}

// sameDiagnosis holds that a capture says the same when it is anonymized.
func sameDiagnosis(t *testing.T, capture []byte, r checks.Result) {
	t.Helper()
	if d := cmp.Diff(diagnosis(r), diagnosis(readCapture(anonymized(t, 1, capture)))); d != "" {
		t.Errorf("the anonymized capture says something else (- original, + anonymized):\n%s", d)
	}
}
