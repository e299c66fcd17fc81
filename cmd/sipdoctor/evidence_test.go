package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const refusedText = "sip show registry\n" +
	"Host                                    dnsmgr Username       Refresh State                Reg.Time\n" +
	"198.51.100.2:5060                       N      100                105 No Authentication    Thu, 07 May 2026 19:01:41\n"

// zipped writes a text to a compressed file.
func zipped(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	name = filepath.Join(t.TempDir(), name)
	write(t, name, b.String())
	return name
}

// What is compressed is read like the file itself, by every check.
func TestCompressedEvidence(t *testing.T) {
	for name, text := range map[string]string{
		"registry.txt.gz":  refusedText,
		"my-pjsip.conf.gz": "[100]\ntype=endpoint\naor=100\ncontext=office\n",
		"messages.1.gz":    strings.Repeat("[2026-01-02 10:00:00] NOTICE[12] chan_sip.c: Registration from '110 <sip:110@pbx.example.net>' failed for '203.0.113.1:5060' - Wrong password\n", 20),
	} {
		var out, errs bytes.Buffer
		if status := run(context.Background(), []string{"diagnose", zipped(t, name, text)}, nil, &out, &errs); status != statusFail {
			t.Errorf("%s: status %d\n%s%s", name, status, &out, &errs)
		}
	}
}

// A pipe has a name in a shell, <(zcat messages.gz), and can be read once only.
func TestEvidenceFromANamedPipe(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pipes have other names here")
	}
	log := strings.Repeat("[2026-01-02 10:00:00] NOTICE[12] chan_sip.c: Registration from '110 <sip:110@pbx.example.net>' failed for '203.0.113.1:5060' - Wrong password\n", 20)
	const trace = "INVITE sip:100@198.51.100.2 SIP/2.0\nVia: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1\nCall-ID: x\nCSeq: 1 INVITE\n\n"
	for command, text := range map[string]string{"logs": log, "diagnose": log, "capture": trace} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.WriteString(text)
		_ = w.Close()
		var out, errs bytes.Buffer
		status := run(context.Background(), []string{command, fmt.Sprintf("/dev/fd/%d", r.Fd())}, nil, &out, &errs)
		if status == statusUsage || strings.Contains(out.String(), "no packet") {
			t.Errorf("%s: status %d\n%s%s", command, status, &out, &errs)
		}
		_ = r.Close()
	}
}

// A bundle is looked into here and there, which a pipe does not allow.
func TestABundleFromAPipe(t *testing.T) {
	var out, errs bytes.Buffer
	in := strings.NewReader(strings.Repeat("x", 257) + "ustar" + strings.Repeat("\x00", 500))
	if status := run(context.Background(), []string{"diagnose", "-"}, in, &out, &errs); status != statusUsage || !strings.Contains(errs.String(), "put it in one") {
		t.Errorf("status %d: %s", status, &errs)
	}
}
