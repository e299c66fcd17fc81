package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// aCapture is a file with one message of SIP in it.
func aCapture() []byte {
	sip := []byte("OPTIONS sip:alice@pbx.customer.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bK1\r\nFrom: <sip:alice@customer.example>;tag=1\r\nTo: <sip:alice@customer.example>\r\n" +
		"Call-ID: 1@192.168.88.10\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	n := len(sip) + 28
	ip := []byte{0x45, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 88, 10, 198, 51, 100, 2, 0x13, 0xc4, 0x13, 0xc4, byte((n - 20) >> 8), byte(n - 20), 0, 0}
	out := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0}
	for _, v := range []uint32{1_764_400_000, 0, uint32(n), uint32(n)} {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return slices.Concat(out, ip, sip)
}

func runCapture(stdin []byte, args ...string) (exit int, out, errs string) {
	var o, e bytes.Buffer
	exit = run(context.Background(), append([]string{"capture"}, args...), bytes.NewReader(stdin), &o, &e)
	return exit, o.String(), e.String()
}

// A copy for strangers is written while a file or standard input is read, and the
// report is as without it.
func TestAnonymize(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	t.Setenv("LC_ALL", "C.UTF-8")
	dir := t.TempDir()
	in, copied := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "out.pcap")
	if err := os.WriteFile(in, aCapture(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, plain, _ := runCapture(nil, in)
	for _, name := range []string{in, "-"} {
		exit, out, errs := runCapture(aCapture(), name, "--anonymize", copied)
		if exit != statusOK || out != plain || !strings.Contains(errs, copied) {
			t.Errorf("%s: %d %s %s", name, exit, out, errs)
		}
		b, err := os.ReadFile(copied)
		if err != nil || len(b) != len(aCapture()) || bytes.Contains(b, []byte("alice")) || bytes.Contains(b, []byte("customer")) || bytes.Contains(b, []byte("192.168.88")) || !bytes.Contains(b, []byte("OPTIONS sip:")) {
			t.Errorf("%s: %v %q", name, err, b)
		}
		if info, err := os.Stat(copied); err != nil || info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			t.Error("others can read the copy before it was looked at")
		}
	}
}

// What cannot be copied is refused before anything is written, or nothing of it stays.
func TestAnonymizeRefuses(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	dir := t.TempDir()
	in, text, copied := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "trace.txt"), filepath.Join(dir, "out.pcap")
	trace := []byte("OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")
	for name, b := range map[string][]byte{in: aCapture(), text: trace} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{text, "--anonymize", copied}, {in, text, "--anonymize", copied}, {"-", "--anonymize", copied}, {in, "--anonymize", in}, {in, "--anonymize", filepath.Join(dir, "nowhere", "out.pcap")}} {
		if exit, _, errs := runCapture(trace, args...); exit != statusUsage || errs == "" {
			t.Errorf("%v: %d %s", args, exit, errs)
		}
		if _, err := os.Stat(copied); err == nil {
			t.Errorf("%v: there is a copy", args)
		}
	}
	if b, err := os.ReadFile(in); err != nil || !bytes.Equal(b, aCapture()) {
		t.Error("the original was overwritten")
	}
}

// A call is drawn by capture, and by report from what it saved.
func TestCallIsDrawn(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	t.Setenv("LC_ALL", "C.UTF-8")
	saved := filepath.Join(t.TempDir(), "report.json")
	_, drawn, _ := runCapture(aCapture(), "-", "--call", "1@")
	if !strings.Contains(drawn, "│─") || !strings.Contains(drawn, " OPTIONS ") {
		t.Error(drawn)
	}
	runCapture(aCapture(), "-", "--format", "json", "--output", saved)
	var again, errs bytes.Buffer
	if exit := run(context.Background(), []string{"report", saved, "--call", "1@192.168.88.10"}, nil, &again, &errs); exit != statusOK || again.String() != drawn {
		t.Errorf("%d %s %s", exit, again.String(), errs.String())
	}
	for _, args := range [][]string{{"-", "--call", "x"}, {"-", "--call", "1@", "--format", "markdown"}, {"-", "--call", "1@", "--quiet"}} {
		if exit, out, _ := runCapture(aCapture(), args...); exit != statusUsage || out != "" {
			t.Errorf("%v: %d %s", args, exit, out)
		}
	}
}
