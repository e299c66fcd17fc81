package labtest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// eventLines is what a running program has written.
type eventLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *eventLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *eventLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until the program has written text, and returns how long that took.
// A busy machine gets far more time than a person would give.
func (l *eventLines) await(t *testing.T, text string) time.Duration {
	t.Helper()
	begin := time.Now()
	for time.Since(begin) < 90*time.Second {
		if strings.Contains(l.String(), text) {
			return time.Since(begin)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it does not say %q:\n%s", text, l.String())
	return 0
}

// A technician watches while the router's SIP helper is switched off, the
// connections that still carry it are ended, and, by mistake, it is switched on
// again: each shows as it happens, and the exit status is that of the last moment.
func TestWatchingTheRouterBeingChanged(t *testing.T) {
	t.Parallel()
	need(t, "conntrack")
	const rewrites, passes = "sip-alg pass → fail: ", "sip-alg fail → pass: "
	for _, tt := range []struct {
		name string
		back bool
		exit int
		want []checks.Status
	}{
		{"cured", false, 0, []checks.Status{checks.Fail, checks.Pass}},
		{"and broken again", true, 1, []checks.Status{checks.Fail, checks.Pass, checks.Fail}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := open(t, withHelper(lab.Preserving))
			args := append([]string{"check", "--format", "json", "--watch=1s", "--fast"}, o.server.CheckArgs()[:4]...)
			cmd := program(t.Context(), t, o.Phone, append(args, "uplink", "nat", "sip-alg")...)
			cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
			var out bytes.Buffer
			var events eventLines
			cmd.Stdout, cmd.Stderr = &out, &events
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			events.await(t, " ✗ ")
			shell(t, o.Routers[0], "nft flush chain inet filter helpers")
			events.await(t, "sip-alg fail: A SIP ALG, most likely in your router, rewrites SIP from source port 5060 only")
			shell(t, o.Routers[0], "conntrack -F 2>/dev/null")
			t.Logf("seen after %v that it was cured", events.await(t, passes))
			if tt.back {
				shell(t, o.Routers[0], `nft 'add rule inet filter helpers udp dport 5060 ct helper set "sip-udp"'`, "conntrack -F 2>/dev/null")
				t.Logf("seen after %v that it was broken again", events.await(t, rewrites))
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			rep, err := checks.ReadReport(&out)
			if err != nil {
				t.Fatalf("%v\n%s", err, events.String())
			}
			var changes []checks.Status
			for _, c := range rep.History {
				if c.Check == "sip-alg" {
					changes = append(changes, c.To)
				}
			}
			if got := cmd.ProcessState.ExitCode(); got != tt.exit || !slices.Equal(changes, tt.want) || rep.Result("sip-alg").Status != tt.want[len(tt.want)-1] || rep.Interrupted {
				t.Errorf("exit status %d, changes %v, at last %s\n%s%s", got, changes, rep.Verdict, events.String(), explain(rep))
			}
		})
	}
}
