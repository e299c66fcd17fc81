package labtest

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// outside is what a report says of the RTP ports as seen from outside.
type outside struct {
	Method, ConfRange              string
	Arrives, Silent, Local, Unsure []string
	Moved                          []rtpports.MovedFact
	LostPct                        int
	Finding                        string // the first
	Exit                           int
}

// rtpConf is a file as Asterisk has it.
func rtpConf(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rtp.conf")
	if err := os.WriteFile(name, []byte("[general]\nrtpstart=10000\nrtpend=20000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func outsideOf(t testing.TB, rep *checks.Report, exit int) outside {
	t.Helper()
	f := rtpFacts(t, rep).Inbound
	if f == nil {
		t.Fatalf("the report says nothing of the test from outside\n%s", explain(rep))
	}
	o := outside{
		Method: f.Method, ConfRange: f.ConfRange, Arrives: f.Arrives, Silent: f.Silent, Local: f.LocalFirewall,
		Unsure: append(f.Unknown, f.InUse...), Moved: f.Moved, LostPct: f.LostCallsPct, Exit: exit,
	}
	if ids := findings(rep); len(ids) > 0 {
		o.Finding = ids[0]
	}
	return o
}

// inbound runs the test from outside on the PBX, and little else.
func (o *office) inbound(t testing.TB, args ...string) (outside, *checks.Report) {
	t.Helper()
	rep, exit := o.check(t, o.withResponder(append([]string{"rtp-ports", "--inbound", "--rtp-conf", rtpConf(t)}, args...)...)...)
	return outsideOf(t, rep, exit), rep
}

// talker is a program on the PBX that owns a port, as a call in progress does.
// The result says how many packets it got that begin like RTP.
func (o *office) talker(t *testing.T, port uint16) func() int {
	t.Helper()
	conn, err := o.Phone.Network(platform.Real(platform.RealOptions{})).OpenUDP(t.Context(), netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err != nil {
		t.Fatal(err)
	}
	var rtp atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buf := make([]byte, 2048); ; {
			d, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if d.N > 0 && buf[0]>>6 == 2 {
				rtp.Add(1)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	return func() int { return int(rtp.Load()) }
}

func TestAPBXBehindNATLearnsWhatReachesItAndTheCureWorks(t *testing.T) {
	t.Parallel()
	o := open(t, scenario(t, "pbx-forward-gap"))
	call := o.talker(t, 10032) // the sample asks 10000, 10016, 10032 …
	none, still := []string{}, []rtpports.MovedFact{}
	want := outside{"watch", "10000-20000", []string{"10000-13999", "17600-20000"}, []string{"14000-17599"}, none, none, still, 36, "rtp-ports.inbound-missing", 1}
	got, rep := o.inbound(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, explain(rep))
	}
	if s := rep.Result("rtp-ports").Summary; !strings.Contains(s, "36 % of calls would have no audio from outside") {
		t.Errorf("the summary is %q", s)
	}
	if n := call(); n != 0 {
		t.Errorf("the call on the PBX got %d packets of what it takes for RTP", n)
	}

	need(t, "setpriv")
	unprivileged := o.Phone.Command(t.Context(), "setpriv", append([]string{"--bounding-set=-net_raw", "--inh-caps=-net_raw", os.Getenv(programVar),
		"check", "--format", "json", "rtp-ports", "--inbound", "--rtp-conf", rtpConf(t), "--rtp-range", "13000-14999"}, o.withResponder()...)...)
	out, _ := unprivileged.Output()
	rep, err := checks.ReadReport(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	want = outside{"bind", "10000-20000", []string{"13000-13999"}, []string{"14000-14999"}, none, none, still, 50, "rtp-ports.inbound-missing", 1}
	if diff := cmp.Diff(want, outsideOf(t, rep, unprivileged.ProcessState.ExitCode())); diff != "" {
		t.Errorf("without the right to watch (-want +got)\n%s\n%s", diff, explain(rep))
	}

	shell(t, o.Phone, "nft add table inet pbx", "nft add chain inet pbx input '{ type filter hook input priority 0 ; }'", "nft add rule inet pbx input udp dport 13500-13599 drop")
	want = outside{"watch", "10000-20000", []string{"13000-13499", "13600-13999"}, []string{"14000-14999"}, []string{"13500-13599"}, none, still, 55, "rtp-ports.inbound-missing", 1}
	if got, rep = o.inbound(t, "--rtp-range", "13000-14999"); !cmp.Equal(want, got) {
		t.Errorf("with a firewall on the PBX (-want +got)\n%s\n%s", cmp.Diff(want, got), explain(rep))
	}
	shell(t, o.Phone, "nft delete table inet pbx")

	router := &netinfo.Host{Router: &netinfo.Router{Platform: "linux-nftables"}}
	cure := fixes.For(fixes.RTPForward, router, map[string]string{"PBX": lab.PhoneAddr, "RTPRange": "10000-20000", "WAN": "wan"})[0]
	shell(t, o.Routers[0], cure.Commands...)
	want = outside{"watch", "10000-20000", []string{"10000-20000"}, none, none, none, still, 0, "", 0}
	if got, rep = o.inbound(t); !cmp.Equal(want, got) {
		t.Errorf("after %q (-want +got)\n%s\n%s", cure.Commands, cmp.Diff(want, got), explain(rep))
	}
	shell(t, o.Routers[0], cure.Undo...)
}

func TestAForwardingThatLeadsAstrayIsNamed(t *testing.T) {
	t.Parallel()
	none, still, whole := []string{}, []rtpports.MovedFact{}, []string{"10000-12000"}
	moved := scenario(t, "clean")
	moved.Routers = []lab.Router{{NAT: lab.Preserving, Forward: []lab.Forward{
		{Port: 10000, LastPort: 10999, To: lab.PhoneAddr}, {Port: 11000, LastPort: 12000, To: lab.PhoneAddr, ToPort: 11000},
	}}}
	lossy := scenario(t, "pbx-forward-gap")
	lossy.Routers = []lab.Router{{NAT: lab.Preserving, LossPercent: 5, Forward: []lab.Forward{
		{Port: 10000, LastPort: 10999, To: lab.PhoneAddr}, {Port: 11500, LastPort: 12000, To: lab.PhoneAddr},
	}}}
	tests := []struct {
		name string
		s    lab.Scenario
		want outside
		says string
	}{
		{"to an address where nobody is", scenario(t, "pbx-forward-astray"),
			outside{"watch", "10000-20000", none, whole, none, none, still, 100, "rtp-ports.inbound-none", 1}, "an address where there is no machine"},
		{"behind a carrier's NAT", scenario(t, "pbx-carrier-nat"),
			outside{"watch", "10000-20000", none, whole, none, none, still, 100, "rtp-ports.inbound-carrier", 1}, "100.64.0.1"},
		{"to another port", moved,
			outside{"watch", "10000-20000", []string{"10000-11000"}, none, none, none, []rtpports.MovedFact{{Ports: "11001-12000", To: "11000"}}, 50, "rtp-ports.inbound-moved", 1}, "11001-12000 at 11000"},
		{"a gap, on a bad line", lossy,
			outside{"watch", "10000-20000", []string{"10000-10999", "11500-12000"}, []string{"11000-11499"}, none, none, still, 25, "rtp-ports.inbound-missing", 1}, "11000-11499"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, rep := open(t, tt.s).inbound(t, "--rtp-range", "10000-12000")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\n%s", diff, explain(rep))
			}
			first := rep.Result("rtp-ports").Findings[0]
			text := first.Title
			for _, e := range first.Evidence {
				text += " " + e.Got
			}
			if !strings.Contains(text, tt.says) {
				t.Errorf("it does not say %q: %s", tt.says, text)
			}
		})
	}
}

// Ctrl-C in the middle: what arrived until then is in the report.
func TestAnInterruptedTestFromOutsideIsReported(t *testing.T) {
	o := open(t, scenario(t, "pbx-forward-gap"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := program(ctx, t, o.Phone, append([]string{"check", "rtp-ports", "--inbound", "--rtp-range", "10000-20000", "--format", "json"}, o.politely()...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*time.Second, func() { _ = cmd.Process.Signal(os.Interrupt) })
	err := cmd.Wait()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	rep, err := checks.ReadReport(&out)
	if err != nil {
		t.Fatal(err)
	}
	f := rtpFacts(t, rep).Inbound
	if !rep.Interrupted || f == nil || f.PortsProbed < 50 || len(f.Silent) > 0 {
		t.Errorf("interrupted %v, %+v\n%s", rep.Interrupted, f, explain(rep))
	}
}
