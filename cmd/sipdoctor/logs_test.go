package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/logs"
)

func said(at time.Time, what string) string {
	return fmt.Sprintf("[%s] NOTICE[16674] chan_sip.c: %s\n", at.Format("2006-01-02 15:04:05"), what)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLogsOfAFolder(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 11, 29, 8, 0, 0, 0, time.Local)
	write(t, filepath.Join(dir, "full"), said(at, "Registration from '<sip:110@pbx>' failed for '203.0.113.5' - Wrong password"))
	write(t, filepath.Join(dir, "full.1"), said(at.Add(-time.Hour), "Registration from '<sip:110@pbx>' failed for '203.0.113.5' - Wrong password"))
	write(t, filepath.Join(dir, "astdb.sqlite3"), "SQLite format 3\x00\x01\x02\x03\x04\x05\x06\x07")
	var out, errs bytes.Buffer
	if status := run(context.Background(), []string{"logs", dir, "--format", "json"}, nil, &out, &errs); status != 1 {
		t.Errorf("status %d: %s", status, &errs)
	}
	var rep struct {
		Headline string
		Results  []struct {
			Notes []string
			Facts struct {
				Lines    int
				Accounts []struct{ Failures map[string]int }
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		t.Fatal(err)
	}
	r := rep.Results[0]
	if r.Facts.Lines != 2 || len(r.Facts.Accounts) != 1 || r.Facts.Accounts[0].Failures["wrong-password"] != 2 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "not a text") {
		t.Errorf("%s %+v", rep.Headline, r)
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	name := func(n, text string) string {
		write(t, filepath.Join(dir, n), text)
		return filepath.Join(dir, n)
	}
	for _, tc := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, 2, "FILE"},
		{[]string{filepath.Join(dir, "nowhere")}, 2, "no such file"},
		{[]string{name("program", "\x7fELF\x02\x01\x01\x03\x04\x05\x06\x07")}, 2, "not a text"},
		{[]string{name("call.pcap", "\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x01\x00\x00\x00")}, 2, "sipdoctor capture"},
		{[]string{name("empty", "")}, 4, "empty"},
		{[]string{name("letter", "the phone is dead\n")}, 4, "not a log"},
		{[]string{name("x", "x"), "--since", "yesterday"}, 2, "--since"},
		{[]string{name("x", "x"), "--address", "192.0.2.300"}, 2, "--address"},
		{[]string{dir, "--follow"}, 2, "--follow"},
	} {
		var out, errs bytes.Buffer
		status := run(context.Background(), append([]string{"logs"}, tc.args...), nil, &out, &errs)
		if text := out.String() + errs.String(); status != tc.status || !strings.Contains(text, tc.says) {
			t.Errorf("%q: status %d, says %s", tc.args, status, text)
		}
	}
}

// A live log is shown line by line, over rotation and truncation, until Ctrl-C.
func TestLogsFollow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed on Windows")
	}
	name := filepath.Join(t.TempDir(), "full")
	now := time.Now().Add(time.Second)
	write(t, name, said(now.Add(-time.Hour), "Peer '101' is now Reachable. (70ms / 2000ms)"))
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	var out, errs lockedBuffer
	done := make(chan int)
	go func() { done <- run(ctx, []string{"logs", "--follow", name}, nil, &out, &errs) }()
	await := func(what string) {
		t.Helper()
		for range 400 {
			if strings.Contains(out.String(), what) {
				return
			}
			time.Sleep(25 * time.Millisecond)
		}
		t.Fatalf("%q is not shown in:\n%s%s", what, &out, &errs)
	}
	add := func(text string) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	add(said(now, "Peer '102' is now UNREACHABLE!  Last qualify: 41"))
	await("'102'")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, name, said(now, "Peer '103' is now UNREACHABLE!  Last qualify: 41"))
	await("'103'")
	write(t, name, "")
	time.Sleep(2 * pollLog)
	add(said(now, "Registration from '<sip:110@pbx>' failed for '203.0.113.5' - Wrong \x1b[31mpassword"))
	add(said(now, "Registration from '<sip:111\x1b[31m@pbx>' failed for '203.0.113.5' - Wrong password"))
	await("203.0.113.5")
	interrupt()
	if status := <-done; status != 0 {
		t.Errorf("status %d: %s", status, &errs)
	}
	text := out.String()
	if strings.Contains(text, "\x1b") || strings.Contains(text, "'101'") || !strings.Contains(text, "Name or password is wrong") {
		t.Errorf("%q", text)
	}
}

// lockedBuffer may be written and read at the same time.
type lockedBuffer struct {
	sync.Mutex
	b bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"90m": now.Add(-90 * time.Minute), "7d": now.Add(-7 * 24 * time.Hour), "2026-11-29": now.Add(-12 * time.Hour), "2026-11-29 08:00": now.Add(-4 * time.Hour),
		"2026-11-29T08:00:00Z": time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC), "": {},
	} {
		if at, err := parseSince(text, now); err != nil || !at.Equal(want) {
			t.Errorf("%q is %v, %v", text, at, err)
		}
	}
	for _, text := range []string{"yesterday", "-5m", "0s", "2026-13-01", "d", "1e9d"} {
		if at, err := parseSince(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}

func TestOrderOfLogs(t *testing.T) {
	var files []checks.File
	for _, name := range []string{"-", "/l/full", "/l/full.1", "/l/full.10.gz", "/l/full.2.gz", "/l/messages-20261129", "/l/messages", "/l/messages-20261128.gz"} {
		files = append(files, checks.File{Name: name})
	}
	logs.Sort(files)
	var got []string
	for _, f := range files {
		got = append(got, f.Name)
	}
	want := []string{"/l/full.10.gz", "/l/full.2.gz", "/l/full.1", "/l/full", "/l/messages-20261128.gz", "/l/messages-20261129", "/l/messages", "-"}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
}

// Names, numbers and addresses of a log do not leave with a redacted report.
func TestLogsRedacted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "full")
	at := time.Date(2026, 11, 29, 8, 0, 0, 0, time.Local)
	write(t, name, said(at, `Registration from '"Alice Example" <sip:alice@pbx.customer.example>' failed for '203.0.113.77:5060' - Wrong password`)+
		said(at, "Peer 'bobphone' is now UNREACHABLE!  Last qualify: 41")+
		said(at, "   -- Registration for '74951234567@sip.provider.example' timed out, trying again (Attempt #5)")+
		said(at, "Call from 'carol' (203.0.113.99:5060) to extension '79261234567' rejected because extension not found in context 'default'."))
	for _, format := range []string{"json", "text", "markdown"} {
		var out, errs bytes.Buffer
		run(context.Background(), []string{"logs", name, "--redact", "--format", format}, nil, &out, &errs)
		text := strings.ToLower(out.String())
		for _, secret := range []string{"alice", "bobphone", "carol", "customer", "provider.example", "7495123", "792612", "203.0.113.77", "203.0.113.99"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s is still in\n%s", format, secret, &out)
			}
		}
		if !strings.Contains(text, "user-") {
			t.Errorf("%s:\n%s%s", format, &out, &errs)
		}
	}
}
