package labtest

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// ranges is what a report says of the RTP ports.
type ranges struct {
	Open, Out, Back, Unknown []string
	Findings                 []string
	Exit                     int
}

func rtpFacts(t testing.TB, rep *checks.Report) (f rtpports.Facts) {
	t.Helper()
	r := rep.Result("rtp-ports")
	if r == nil {
		t.Fatal("the report has no rtp-ports")
	}
	raw, err := json.Marshal(r.Facts)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sweep runs rtp-ports alone.
func (o *office) sweep(t testing.TB, args ...string) (ranges, rtpports.Facts, *checks.Report) {
	t.Helper()
	rep, exit := o.check(t, o.politely(append([]string{"rtp-ports"}, args...)...)...)
	f := rtpFacts(t, rep)
	return ranges{f.Open, f.BlockedOutbound, f.BlockedReturn, f.Unknown, findings(rep), exit}, f, rep
}

func blocking(loss int, blocks ...lab.Block) lab.Scenario {
	return lab.Scenario{Name: "rtp", Routers: []lab.Router{{NAT: lab.Preserving, LossPercent: loss, Block: blocks}}}
}

func TestRTPPortsAreToldToTheExactPortAndDirection(t *testing.T) {
	t.Parallel()
	out := func(first, last int) lab.Block { return lab.Block{Protocol: "udp", Port: first, LastPort: last} }
	back := func(first, last int) lab.Block {
		return lab.Block{Protocol: "udp", Port: first, LastPort: last, Return: true}
	}
	none := []string{}
	two := ranges{[]string{"10000-16383", "16401-29999", "40001-65535"}, []string{"16384-16400", "30000-40000"}, none, none, []string{"rtp-ports.blocked-outbound"}, 1}
	open := ranges{[]string{"10000-65535"}, none, none, none, nil, 0}
	tests := []struct {
		name string
		s    lab.Scenario
		args []string
		want ranges
	}{
		{"open, at the polite pace", blocking(0), nil, open},
		{"open, every port", blocking(0), []string{"--full", "--fast", "--rate", "20000"}, open},
		{"one port blocked, every port asked", blocking(0, out(23456, 23456)), []string{"--full", "--fast", "--rate", "20000"},
			ranges{[]string{"10000-23455", "23457-65535"}, []string{"23456"}, none, none, []string{"rtp-ports.blocked-outbound"}, 1}},
		{"two ranges blocked on the way out", blocking(0, out(16384, 16400), out(30000, 40000)), []string{"--fast"}, two},
		{"the same, every port asked", blocking(0, out(16384, 16400), out(30000, 40000)), []string{"--full", "--fast", "--rate", "20000"}, two},
		{"the same on a bad line", blocking(5, out(16384, 16400), out(30000, 40000)), []string{"--fast"}, two},
		{"the same on a very bad line", blocking(20, out(16384, 16400), out(30000, 40000)), []string{"--fast"}, two},
		{"a bad line alone", blocking(5), []string{"--fast"}, open},
		{"a bad line alone, every port", blocking(5), []string{"--full", "--fast", "--rate", "20000"}, open},
		{"answers blocked", blocking(0, back(20000, 25000)), []string{"--fast"},
			ranges{[]string{"10000-19999", "25001-65535"}, none, []string{"20000-25000"}, none, []string{"rtp-ports.blocked-return"}, 1}},
		{"only 10000-20000 open", blocking(0, out(20001, 65535)), []string{"--fast"},
			ranges{[]string{"10000-20000"}, []string{"20001-65535"}, none, none, []string{"rtp-ports.blocked-outbound"}, 1}},
		{"nothing open", blocking(0, out(10000, 65535)), []string{"--fast"},
			ranges{none, []string{"10000-65535"}, none, none, []string{"rtp-ports.all-blocked"}, 1}},
		{"another range", blocking(0, out(5100, 5199)), []string{"--fast", "--full", "--rtp-range", "10000-10100"},
			ranges{[]string{"10000-10100"}, none, none, none, nil, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _, rep := stand(t, tt.s).sweep(t, tt.args...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\n%s", diff, explain(rep))
			}
		})
	}
}

// stand is open, which the table above names otherwise.
func stand(t testing.TB, s lab.Scenario) *office { return open(t, s) }

// The office goes on while the default test runs, and a test without regard to
// the router is told as what it is: a full table, not blocked ports.
func TestASmallRouterSurvivesTheDefaultRunAndIsNamed(t *testing.T) {
	o := open(t, scenario(t, "small-router"))
	got, f, rep := o.sweep(t)
	if diff := cmp.Diff(ranges{[]string{"10000-65535"}, []string{}, []string{}, []string{}, nil, 0}, got); diff != "" || f.ElapsedS > 10 {
		t.Errorf("after %.1f s\n%s\n%s", f.ElapsedS, diff, explain(rep))
	}
	got, f, rep = o.sweep(t, "--full", "--fast")
	if len(got.Out)+len(got.Back) > 0 || !slices.Contains(got.Findings, "rtp-ports.router-table") || f.RouterSessions > 4096 || f.RouterSessions < 2000 {
		t.Errorf("%d sessions, findings %v, blocked %v and %v\n%s", f.RouterSessions, got.Findings, got.Out, got.Back, explain(rep))
	}
}

// lossRuns is how often each line is swept; SIPDOCTOR_LOSS_RUNS=100 for a night.
func lossRuns(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("SIPDOCTOR_LOSS_RUNS")); err == nil && n > 0 {
		return n
	}
	return 4
}

// On a bad line a port may stay unknown, but none is ever said to be what it is
// not, and on one that still carries calls every port is known.
func TestLossNeverMakesAFalsePort(t *testing.T) {
	t.Parallel()
	blocks := []lab.Block{{Protocol: "udp", Port: 16384, LastPort: 16400}, {Protocol: "udp", Port: 30000, LastPort: 40000, Return: true}}
	clean := ranges{[]string{"10000-65535"}, []string{}, []string{}, []string{}, nil, 0}
	blocked := ranges{[]string{"10000-16383", "16401-29999", "40001-65535"}, []string{"16384-16400"}, []string{"30000-40000"}, []string{},
		[]string{"rtp-ports.blocked-outbound", "rtp-ports.blocked-return"}, 1}
	for _, tt := range []struct {
		name string
		s    lab.Scenario
		want ranges
	}{
		{"5 % each way", blocking(5), clean},
		{"5 % each way, two ranges blocked", blocking(5, blocks...), blocked},
		{"20 % each way", blocking(20), clean},
		{"20 % each way, two ranges blocked", blocking(20, blocks...), blocked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, tt.s)
			for i := range lossRuns(t) {
				got, f, rep := o.sweep(t, "--fast")
				if len(f.Unknown) > 0 && tt.s.Routers[0].LossPercent == 20 {
					got.Open, got.Unknown, got.Exit = tt.want.Open, []string{}, tt.want.Exit // honest; what it claims is compared
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Fatalf("run %d (-want +got)\n%s\n%s", i+1, diff, explain(rep))
				}
			}
		})
	}
}

// A responder without the right to raw sockets slides blocks of ports along.
func TestAnUnprivilegedResponderGivesTheSameAnswer(t *testing.T) {
	o := open(t, blocking(0, lab.Block{Protocol: "udp", Port: 12000, LastPort: 12499}))
	need(t, "setpriv")
	fingerprint := o.serveUnprivileged(t)
	rep, exit := o.check(t, "rtp-ports", "--responder", lab.ResponderAddr+":9765", "--responder-fingerprint", fingerprint,
		"--full", "--fast", "--rate", "20000", "--rtp-range", "10000-16000")
	f := rtpFacts(t, rep)
	if diff := cmp.Diff([]string{"12000-12499"}, f.BlockedOutbound); diff != "" || exit != 1 || len(f.Unknown) > 0 {
		t.Errorf("exit %d, unknown %v\n%s\n%s", exit, f.Unknown, diff, explain(rep))
	}
}

var fingerprintPattern = regexp.MustCompile(`[0-9a-f]{64}`)

// serveUnprivileged starts a second responder, without CAP_NET_RAW, and
// returns its fingerprint.
func (o *office) serveUnprivileged(t *testing.T) string {
	t.Helper()
	fingerprint, _ := o.serveApart(t, []string{"setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"}, "--listen", lab.ResponderAddr)
	return fingerprint
}

// serveApart starts a second responder beside the office's, behind a command
// that may take rights from it, and returns its fingerprint and what kills it.
func (o *office) serveApart(t *testing.T, through []string, args ...string) (fingerprint string, kill func()) {
	t.Helper()
	r := o.apart(t, through, args...)
	if without := slices.Contains(through, "--bounding-set=-net_raw"); len(through) > 0 && r.blocks != without {
		t.Fatalf("the responder opens blocks: %v", r.blocks)
	}
	return r.fingerprint, r.kill
}

// second is a responder beside the office's.
type second struct {
	fingerprint string
	blocks      bool // it says that it opens blocks of ports
	pid         int
	ready       time.Duration // from before its start to its first line
	kill        func()
}

func (o *office) apart(t testing.TB, through []string, args ...string) second {
	t.Helper()
	argv := slices.Concat(through, []string{os.Getenv(programVar), "serve", "--ephemeral", "--control", ":9765", "--sip-ports", "9760", "--sips-port", "9761"}, args)
	cmd := o.Responder.Command(t.Context(), argv[0], argv[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := second{pid: cmd.Process.Pid, kill: sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })}
	t.Cleanup(r.kill)
	for lines := bufio.NewScanner(out); lines.Scan() && r.fingerprint == ""; {
		if r.ready == 0 {
			r.ready = time.Since(begin)
		}
		r.blocks = r.blocks || strings.Contains(lines.Text(), "ports at a time")
		r.fingerprint = fingerprintPattern.FindString(lines.Text())
	}
	if r.fingerprint == "" {
		t.Fatal("the responder ended without a fingerprint")
	}
	return r
}
