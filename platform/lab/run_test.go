package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someFingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// stub stands in for the program: its "serve" answers as told, its "check"
// shows what it was given.
func stub(t *testing.T, serve string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sipdoctor")
	script := "#!/bin/sh\ncase $1 in\nserve) " + serve + ";;\n*) echo \"$@\"; exit 4;;\nesac\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const serveForGood = `echo "listening on $3"; echo "fingerprint ` + someFingerprint + `"; exec sleep 100`

func TestRun_checkKnowsTheServersAndItsStatusComesBack(t *testing.T) {
	needLab(t)
	var out bytes.Buffer
	s, _ := Find("clean")
	exit, err := Run(context.Background(), s, RunOptions{Self: stub(t, serveForGood), Check: []string{"--format", "json"}, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	if exit != 4 {
		t.Errorf("exit status %d, want that of check", exit)
	}
	want := "check --responder 198.51.100.2 --responder-fingerprint " + someFingerprint +
		" --sip-server 198.51.100.20 --stun 198.51.100.30 --format json\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestRun_aCommandRunsInThePhone(t *testing.T) {
	needLab(t)
	s, _ := Find("clean")
	for _, tc := range []struct{ name, serve, command, out, errs string }{
		{"beside the responder", serveForGood, "echo $SIPDOCTOR_LAB_RESPONDER $SIPDOCTOR_LAB_FINGERPRINT; exit 7",
			ResponderAddr + " " + someFingerprint + "\n", ""},
		{"where the responder does not start", "echo port in use; exit 3", "echo still here; exit 7",
			"still here\n", "port in use"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			exit, err := Run(context.Background(), s, RunOptions{
				Self: stub(t, tc.serve), Command: []string{"sh", "-c", tc.command}, Stdout: &out, Stderr: &errs, Warn: func(err error) { errs.WriteString(err.Error()) },
			})
			if err != nil || exit != 7 {
				t.Errorf("exit status %d, %v", exit, err)
			}
			if diff := cmp.Diff(tc.out, out.String()); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(errs.String(), tc.errs) || tc.errs == "" && errs.Len() > 0 {
				t.Errorf("it said %q", errs.String())
			}
		})
	}
}

func TestRun_aResponderThatDoesNotStartIsExplained(t *testing.T) {
	needLab(t)
	s, _ := Find("clean")
	_, err := Run(context.Background(), s, RunOptions{Self: stub(t, "echo address in use; exit 3")})
	if err == nil || !strings.Contains(err.Error(), "address in use") {
		t.Errorf("the error is %v", err)
	}
}

func TestRun_theEndOfTheContextInterruptsTheCommand(t *testing.T) {
	needLab(t)
	ctx, cancel := context.WithCancel(context.Background())
	s, _ := Find("clean")
	var out bytes.Buffer
	started := &startWatch{cancel: cancel, out: &out}
	exit, err := Run(ctx, s, RunOptions{
		Self: stub(t, serveForGood), Stdout: started,
		Command: []string{"sh", "-c", "sleep 100 & trap \"kill $!; echo partial report; exit 1\" INT; echo started; wait"},
	})
	if err != nil || exit != 1 || out.String() != "started\npartial report\n" {
		t.Errorf("exit status %d, %v, output %q", exit, err, out.String())
	}
}

// startWatch cancels when the command has said its first word.
type startWatch struct {
	cancel context.CancelFunc
	out    *bytes.Buffer
}

func (w *startWatch) Write(b []byte) (int, error) {
	w.out.Write(b)
	w.cancel()
	return len(b), nil
}

func TestFindFingerprint(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"plain hex after a label", "fingerprint: " + someFingerprint, someFingerprint},
		{"inside a command to copy", "sipdoctor check --responder-fingerprint " + someFingerprint + " --stun x", someFingerprint},
		{"pairs with colons", "SHA256 " + pairs(someFingerprint), someFingerprint},
		{"half a fingerprint", someFingerprint[:32], ""},
		{"a longer number", someFingerprint + "00", ""},
		{"an ordinary line", "listening on 198.51.100.2:5060", ""},
	} {
		if got := findFingerprint(tc.line); got != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

func pairs(hex string) string {
	var b []string
	for i := 0; i < len(hex); i += 2 {
		b = append(b, strings.ToUpper(hex[i:i+2]))
	}
	return strings.Join(b, ":")
}

// Nothing may stay behind when the program is killed, because nobody would
// find it: the lab's namespaces have no names.
func TestEnter_aKilledLabTakesItsCommandsAlong(t *testing.T) {
	needLab(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outer := exec.Command("/proc/self/exe", "-test.run=^TestEnter_stayInAnOffice$", "-test.v")
	outer.Env = append(withoutInside(os.Environ()), stayVar+"=1")
	outer.Stdout = write // held by everybody down to the last command
	if err := outer.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	output := make(chan string)
	go readChunks(read, output)
	for chunk := range output {
		if strings.Contains(chunk, "sleeping") {
			break
		}
	}
	_ = outer.Process.Kill()
	_ = outer.Wait()
	for range output { // ends when the last holder of the pipe is gone
	}
}

const stayVar = "SIPDOCTOR_LAB_STAY"

// TestEnter_stayInAnOffice is the program that the test above kills.
func TestEnter_stayInAnOffice(t *testing.T) {
	if os.Getenv(stayVar) == "" {
		t.Skip("only useful to the test that kills it")
	}
	o := standing(t, "clean")
	c := o.Phone.Command(context.Background(), "sh", "-c", "(sleep 100; true) & echo sleeping; sleep 100")
	c.Stdout = os.Stdout
	_ = c.Run()
}

func readChunks(f *os.File, to chan<- string) {
	defer close(to)
	b := make([]byte, 4096)
	for {
		n, err := f.Read(b)
		if err != nil {
			return
		}
		to <- string(b[:n])
	}
}

func withoutInside(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "SIPDOCTOR_LAB_INSIDE=") {
			out = append(out, e)
		}
	}
	return out
}
