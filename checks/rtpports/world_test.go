package rtpports_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is an office in memory with a responder outside. Everything in it is
// in virtual time.
type office struct {
	*checktest.Office
	stop func()
}

// newOffice builds it; seed decides which packets are lost.
func newOffice(t *testing.T, seed int, router lab.Router, change func(*responder.Config)) *office {
	t.Helper()
	name := make([]byte, seed%200) // the world's seed follows from the name's length
	for i := range name {
		name[i] = 'x'
	}
	return newOfficeOf(t, lab.Scenario{Name: string(name), Routers: []lab.Router{router}, DelayMS: 10}, change)
}

// newOfficeOf builds a scenario.
func newOfficeOf(t *testing.T, s lab.Scenario, change func(*responder.Config)) *office {
	t.Helper()
	o := checktest.FromScenario(s)
	cfg := responder.Config{Net: o.Responder, Listen: []netip.Addr{netip.MustParseAddr(lab.ResponderAddr)}}
	if change != nil {
		change(&cfg)
	}
	srv, err := responder.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := srv.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	return &office{o, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		o.World.Close()
	}}
}

// check runs the check on the phone's side.
func (o *office) check(t *testing.T, change func(*checks.Inputs)) (*checks.Result, rtpports.Facts) {
	t.Helper()
	return o.checkUntil(t, t.Context(), change)
}

// interrupted runs the check and presses Ctrl-C after some seconds.
func (o *office) interrupted(t *testing.T, seconds int, change func(*checks.Inputs)) (*checks.Result, rtpports.Facts) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(time.Duration(seconds)*time.Second, cancel).Stop()
	defer cancel()
	return o.checkUntil(t, ctx, change)
}

func (o *office) checkUntil(t *testing.T, ctx context.Context, change func(*checks.Inputs)) (*checks.Result, rtpports.Facts) {
	t.Helper()
	in := checks.Inputs{Responder: lab.ResponderAddr}
	if change != nil {
		change(&in)
	}
	return runCheck(t, ctx, &checks.Env{Net: o.Phone, Inputs: in})
}

// runCheck runs the check in an environment of the test's own.
func runCheck(t *testing.T, ctx context.Context, env *checks.Env) (*checks.Result, rtpports.Facts) {
	t.Helper()
	rep := checks.Run(ctx, []*checks.Check{rtpports.Check()}, env, checks.Meta{Command: "check"})
	res := rep.Result("rtp-ports")
	var f rtpports.Facts
	raw, err := json.Marshal(res.Facts)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res, f
}

// blockSources makes a router drop what comes back to ports of ours from first
// on, as a careless rule for the RTP range does.
func blockSources(first uint16) func(*checktest.RouterOptions) {
	return func(o *checktest.RouterOptions) {
		o.Rules = append(o.Rules, checktest.Rule{Proto: "udp", Peer: netip.MustParsePrefix(lab.ResponderAddr + "/32"), Port: 10000, Last: 65535, Inward: true, Near: first, NearLast: 65535})
	}
}

func anyAt(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), port)
}

// rejectPorts makes a router refuse a range with ICMP.
func rejectPorts(first, last uint16) func(*checktest.RouterOptions) {
	return func(o *checktest.RouterOptions) {
		o.Rules = append(o.Rules, checktest.Rule{Proto: "udp", Port: first, Last: last, Action: checktest.Reject})
	}
}
