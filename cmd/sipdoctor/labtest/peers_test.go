package labtest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// peers builds an office whose servers are other people's programs: coturn for
// STUN, and whatever the test starts as the SIP server.
func peers(t *testing.T, s lab.Scenario) *lab.Office {
	t.Helper()
	need(t, "turnserver")
	o, err := lab.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	start(t, o.Responder, "turnserver", "-n", "--listening-ip="+lab.ResponderAddr, "--listening-ip="+lab.ResponderAddr2,
		"--stun-only", "--no-auth", "--log-file=stdout", "--pidfile="+filepath.Join(t.TempDir(), "a"), "--no-cli")
	start(t, o.STUNServer, "turnserver", "-n", "--listening-ip="+lab.STUNServerAddr,
		"--stun-only", "--no-auth", "--log-file=stdout", "--pidfile="+filepath.Join(t.TempDir(), "b"), "--no-cli")
	return o
}

// start runs a peer until the end of the test.
func start(t *testing.T, n *lab.Node, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := n.Command(ctx, name, args...)
	// A file, not a pipe: the peer's children would hold a pipe open.
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it ends its children as well
	cmd.WaitDelay = 3 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("starting %s: %v", name, err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = log.Close()
		if out, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%.2000s", name, out)
		}
	})
}

// listens waits until a server takes TCP connections.
func listens(t *testing.T, n *lab.Node, addr string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; {
		err := n.Do(func() error {
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				_ = c.Close()
			}
			return err
		})
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no server at %s: %v", addr, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const kamailioConfig = `
debug=0
log_stderror=yes
children=2
tcp_children=2
listen=udp:198.51.100.20:5060
listen=tcp:198.51.100.20:5060
loadmodule "sl.so"
loadmodule "pv.so"
request_route {
	force_rport();
	sl_send_reply("200", "OK");
}
`

func kamailio(t *testing.T, o *lab.Office) {
	t.Helper()
	need(t, "kamailio")
	dir := t.TempDir()
	start(t, o.SIPServer, "kamailio", "-DD", "-E", "-Y", dir, "-P", filepath.Join(dir, "pid"), "-f", file(t, "kamailio.cfg", kamailioConfig), "-m", "32", "-M", "4")
	listens(t, o.SIPServer, lab.SIPServerAddr+":5060")
	listens(t, o.Responder, lab.ResponderAddr+":3478")
	listens(t, o.STUNServer, lab.STUNServerAddr+":3478")
}

var withoutResponder = []string{"nat", "sip-alg", "--no-public", "--sip-server", lab.SIPServerAddr, "--stun", lab.ResponderAddr, "--stun", lab.STUNServerAddr}

// Nothing of ours is at the far end here: an ordinary Kamailio and an ordinary
// coturn are enough to prove an ALG, but never that there is none.
func TestAnOrdinaryServerProvesTheALG(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verdict    string
		exit       int
		confidence checks.Confidence
	}{
		"clean":       {"no-sign", 4, ""},
		"sip-alg":     {"rewriting", 1, checks.Certain}, // TCP, which this ALG leaves alone, shows the public address
		"sip-alg-tcp": {"rewriting", 1, checks.Certain},
		"no-nat":      {"no-sign", 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &office{Office: peers(t, scenario(t, name))}
			kamailio(t, o.Office)
			rep, exit := o.check(t, withoutResponder...)
			f := facts(t, rep, "sip-alg")
			if f["verdict"] != c.verdict || f["method"] != "sip-server" || exit != c.exit {
				t.Errorf("verdict %v by %v, exit %d; want %s, %d\n%s", f["verdict"], f["method"], exit, c.verdict, c.exit, explain(rep))
			}
			if c.verdict == "no-sign" && !strings.HasPrefix(rep.Headline, "No sign of a SIP ALG; what happens to Contact and SDP can only be seen with") {
				t.Errorf("headline %q", rep.Headline)
			}
			for _, fd := range rep.Result("sip-alg").Findings {
				if fd.Confidence != c.confidence {
					t.Errorf("%s is %s, want %s", fd.ID, fd.Confidence, c.confidence)
				}
			}
		})
	}
}

// Behind two NATs the answers of a server are as they should be, wherever the
// kernel's ALG is. The router in the middle quotes what it got, and so shows the
// one before it; of the one after it nobody can tell, and that is said.
func TestAnOrdinaryServerBehindTwoNATs(t *testing.T) {
	t.Parallel()
	helper := []lab.ALG{{Protocol: "udp", Port: 5060}}
	for name, c := range map[string]struct {
		inner, outer []lab.ALG
		verdict      string
		exit         int
		title        string
	}{
		"no ALG":                 {nil, nil, "no-sign", 4, ""},
		"an ALG in the router":   {helper, nil, "rewriting", 1, "A SIP ALG in the device with the outer address 100.64."},
		"an ALG of the provider": {nil, helper, "no-sign", 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario(t, "double-nat")
			s.Routers = slices.Clone(s.Routers)
			s.Routers[0].ALG, s.Routers[1].ALG = c.inner, c.outer
			o := &office{Office: peers(t, s)}
			kamailio(t, o.Office)
			rep, exit := o.check(t, withoutResponder...)
			r := rep.Result("sip-alg")
			if f := facts(t, rep, "sip-alg"); f["verdict"] != c.verdict || exit != c.exit {
				t.Errorf("verdict %v, exit %d; want %s, %d\n%s", f["verdict"], exit, c.verdict, c.exit, explain(rep))
			}
			if c.verdict == "no-sign" && !strings.Contains(r.Reason, "second NAT") {
				t.Errorf("it does not say what a second NAT hides: %s", r.Reason)
			}
			if c.title != "" && (len(r.Findings) == 0 || !strings.HasPrefix(r.Findings[0].Title, c.title) || r.Findings[0].Confidence != checks.Certain) {
				t.Errorf("findings %+v", r.Findings)
			}
		})
	}
}

// The full RFC 5780 procedure, with coturn's two addresses as the far end.
func TestCoturnTellsTheNAT(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"clean":         {"endpoint-independent", "address-and-port-dependent"},
		"symmetric-nat": {"address-and-port-dependent", "address-and-port-dependent"},
		"no-nat":        {"endpoint-independent", "endpoint-independent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &office{Office: peers(t, scenario(t, name))}
			listens(t, o.Responder, lab.ResponderAddr2+":3479")
			rep, _ := o.check(t, "nat", "--no-public", "--stun", lab.ResponderAddr)
			f := facts(t, rep, "nat")
			if f["mapping"] != want[0] || f["filtering"] != want[1] {
				t.Errorf("mapping %v, filtering %v; want %v\n%s", f["mapping"], f["filtering"], want, explain(rep))
			}
		})
	}
}

// SIPp copies the Via as it came and adds no received=: such a server cannot
// tell what it saw, and the program may not pretend that it did.
const sippScenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="answers OPTIONS">
  <recv request="OPTIONS"></recv>
  <send><![CDATA[

      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
</scenario>
`

func TestAServerThatDoesNotSayWhatItSaw(t *testing.T) {
	t.Parallel()
	need(t, "sipp")
	for name, c := range map[string]struct {
		status checks.Status
		exit   int
		reason string
	}{
		"clean": {checks.Inconclusive, 4, "does not say which address it saw"},
		// The helper puts the private address where our public one stands: into
		// the answer to a request that did not have it.
		"sip-alg": {checks.Fail, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &office{Office: peers(t, scenario(t, name))}
			start(t, o.SIPServer, "sipp", "-sf", file(t, "options.xml", sippScenario), "-i", lab.SIPServerAddr, "-p", "5060", "-nostdin")
			listens(t, o.Responder, lab.ResponderAddr+":3478")
			listens(t, o.STUNServer, lab.STUNServerAddr+":3478")
			rep, exit := o.check(t, withoutResponder...)
			r := rep.Result("sip-alg")
			if r.Status != c.status || exit != c.exit || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("%s, exit %d: %s\n%s", r.Status, exit, r.Reason, explain(rep))
			}
		})
	}
}
