package labtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// tap captures on a node until stop is called, which returns the file. With a longer
// snap length the kernel's buffer would have room for eight packets.
func tap(t *testing.T, n *lab.Node) (stop func() string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "capture.pcap")
	cmd := n.Command(context.Background(), "tcpdump", "-i", "any", "-s", "4096", "-B", "16384", "-U", "--immediate-mode", "-Z", "root", "-w", name)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if in, err := os.Stat(name); err == nil && in.Size() > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("tcpdump does not begin")
		}
	}
	return func() string {
		time.Sleep(300 * time.Millisecond) // what the kernel still holds
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		return name
	}
}

// tapLive captures on a node with the program itself, which says what it saw when it
// is interrupted.
func tapLive(t *testing.T, n *lab.Node) (stop func() (file string, rep *checks.Report)) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "live.pcap")
	cmd := program(context.Background(), t, n, "capture", "--interface", "any", "--write", name, "--format", "json")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if in, err := os.Stat(name); err == nil && in.Size() > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the capture does not begin")
		}
	}
	return func() (string, *checks.Report) {
		time.Sleep(300 * time.Millisecond)
		_ = cmd.Process.Signal(syscall.SIGINT)
		err := cmd.Wait()
		rep, rerr := checks.ReadReport(&out)
		if rerr != nil {
			t.Fatal(rerr)
		}
		if err != nil || rep.Interrupted {
			t.Errorf("Ctrl-C is how a live capture ends: %v, interrupted %v", err, rep.Interrupted)
		}
		return name, rep
	}
}

// A customer's call was captured at the phone and at the server. Without any of our
// probes the two captures show whether the router rewrites SIP.
func TestTwoCapturesOfACallProveTheRoutersHelper(t *testing.T) {
	t.Parallel()
	need(t, "sipp", "tcpdump")
	for name, want := range map[string]struct {
		exit  int
		found []string
		codes []string
	}{
		"clean":   {0, nil, nil},
		"sip-alg": {1, []string{"capture.rewritten"}, []string{"CONTACT", "SDP_CONNECTION", "VIA_SENTBY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := lab.Build(t.Context(), scenario(t, name))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(o.Close)
			atPhone, live, atServer := tap(t, o.Phone), tapLive(t, o.Phone), tap(t, o.SIPServer)
			start(t, o.SIPServer, "sipp", "-sn", "uas", "-i", lab.SIPServerAddr, "-p", "5060", "-nostdin")
			time.Sleep(500 * time.Millisecond)
			call := o.Phone.Command(t.Context(), "sipp", "-sn", "uac", "-i", lab.PhoneAddr, "-p", "5060", "-m", "3", "-r", "10", "-nostdin", lab.SIPServerAddr+":5060")
			call.Dir = t.TempDir()
			if out, err := call.CombinedOutput(); err != nil {
				t.Fatalf("sipp: %v\n%s", err, out)
			}
			own, seen := live()
			phone, server := atPhone(), atServer()
			ofTcpdump, _ := run(t, o.Phone, "capture", phone, "--format", "json")
			ofFile, _ := run(t, o.Phone, "capture", own, "--format", "json")
			for how, rep := range map[string]*checks.Report{"live": seen, "tcpdump": ofTcpdump, "what was written": ofFile} {
				if f := facts(t, rep, "capture"); f["sip_messages"] != 18.0 || len(f["calls"].([]any)) != 3 || rep.Verdict != checks.Pass {
					t.Errorf("%s: %v messages in %v, %s", how, f["sip_messages"], f["calls"], rep.Headline)
				}
			}
			if keep := os.Getenv("SIPDOCTOR_KEEP"); keep != "" {
				for to, from := range map[string]string{"-phone.pcap": phone, "-server.pcap": server} {
					b, _ := os.ReadFile(from)
					_ = os.WriteFile(filepath.Join(keep, name+to), b, 0o600)
				}
			}
			rep, exit := run(t, o.Phone, "capture", phone, "--compare", server, "--format", "json")
			if got := findings(rep); exit != want.exit || !slices.Equal(got, want.found) {
				t.Errorf("exit %d, findings %v; want %d, %v\n%s", exit, got, want.exit, want.found, explain(rep))
			}
			c := facts(t, rep, "capture")["compared"].(map[string]any)
			if c["pairs"].(float64) != 3*6 || (c["same"] == c["pairs"]) != (want.codes == nil) {
				t.Errorf("compared: %v", c)
			}
			for _, code := range want.codes {
				if !slices.Contains(c["codes"].([]any), any(code)) {
					t.Errorf("%s is not among %v", code, c["codes"])
				}
			}
			if rep.Result("capture").Status == checks.Inconclusive {
				t.Error(explain(rep))
			}
		})
	}
}
