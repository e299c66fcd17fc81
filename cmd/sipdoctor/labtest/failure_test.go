package labtest

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// blackout makes the router drop everything to the responder from now on.
func blackout(t *testing.T, o *office) {
	t.Helper()
	shell(t, o.Routers[0],
		"nft add table ip blackout",
		"nft 'add chain ip blackout forward { type filter hook forward priority -10; }'",
		"nft add rule ip blackout forward ip daddr 198.51.100.2/31 drop")
}

func TestTheResponderVanishesHalfWay(t *testing.T) {
	need(t, "nft")
	o := open(t, scenario(t, "sip-port-blocked")) // the check takes four seconds here
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	cmd := program(ctx, t, o.Phone, append([]string{"check", "--format", "json"}, o.withResponder()...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1800 * time.Millisecond) // the session is open and the first probes are answered
	blackout(t, o)
	_ = cmd.Wait()
	rep, err := checks.ReadReport(&out)
	if err != nil {
		t.Fatal(err)
	}
	if exit := cmd.ProcessState.ExitCode(); exit != 4 && exit != 1 {
		t.Errorf("exit status %d\n%s", exit, explain(rep))
	}
	r := rep.Result("sip-alg")
	if r.Status != checks.Inconclusive || r.Reason == "" {
		t.Errorf("sip-alg is %s because of %q\n%s", r.Status, r.Reason, explain(rep))
	}
	if len(r.Observed) < 1000 {
		t.Errorf("what was learnt is lost: %.200s", r.Observed)
	}
	if up := rep.Result("uplink"); up.Status != checks.Pass {
		t.Errorf("uplink is %s", up.Status)
	}
}

func TestCtrlCPrintsThePartialReport(t *testing.T) {
	o := open(t, scenario(t, "sip-port-blocked"))
	cmd := program(t.Context(), t, o.Phone, append([]string{"check", "--format", "json"}, o.withResponder()...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	rep, err := checks.ReadReport(&out)
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Interrupted || rep.Result("sip-alg").Status != checks.Inconclusive {
		t.Errorf("interrupted %v\n%s", rep.Interrupted, explain(rep))
	}
}

func TestWhatTheFirstLineSaysWhenItCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		exit int
		want string
	}{
		"the responder's certificate is another's": {
			[]string{"--responder", lab.ResponderAddr, "--responder-fingerprint", strings.Repeat("ab", 32), "--stun", lab.STUNServerAddr}, 4, "wrong certificate"},
		"no responder there": {
			[]string{"--responder", "198.51.100.77", "--stun", lab.STUNServerAddr}, 4, "198.51.100.77"},
		"the name does not exist": {
			[]string{"--responder", "nosuch.lab", "--stun", lab.STUNServerAddr}, 1, "nosuch.lab"},
		"a SIP server that is silent": {
			[]string{"sip-alg", "--sip-server", "198.51.100.77", "--stun", lab.STUNServerAddr}, 4, "no answer"},
		"nobody to ask": {
			[]string{"--no-public"}, 0, "Not tested: dns, nat, sip-alg"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t, scenario(t, "clean"))
			rep, exit := o.check(t, c.args...)
			text := rep.Headline
			for _, r := range rep.Results {
				text += "\n" + r.Summary + " " + r.Reason
			}
			if exit != c.exit || !strings.Contains(text, c.want) {
				t.Errorf("exit %d, want %d, and something about %q in\n%s", exit, c.exit, c.want, explain(rep))
			}
		})
	}
}

func TestNoNetworkAtAll(t *testing.T) {
	t.Parallel()
	need(t, "nft")
	o := open(t, scenario(t, "clean"))
	if out, err := o.Phone.Command(t.Context(), "ip", "link", "set", "eth0", "down").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	rep, exit := o.check(t, o.withResponder()...)
	if exit != 1 || rep.Result("uplink").Status != checks.Fail || rep.Result("sip-alg").ExplainedBy != "uplink" {
		t.Errorf("exit %d\n%s", exit, explain(rep))
	}
}
