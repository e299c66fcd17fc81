package sipalg_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	phoneAddr     = "192.168.88.10"
	routerAddr    = "192.168.88.1"
	publicAddr    = "203.0.113.1"
	responderAddr = "198.51.100.2"
	secondAddr    = "198.51.100.3"
)

// internet is an office behind one router, in memory, with a responder
// outside. Its time is that of the synctest bubble.
type internet struct {
	*testing.T
	world     *checktest.World
	lan       *checktest.Segment
	outside   *checktest.Segment
	phone     *checktest.Host
	router    *checktest.Router
	responder *checktest.Host
	network   platform.Network // what the check sees; the phone
	inputs    checks.Inputs
}

func newInternet(t *testing.T, seed uint64, o checktest.RouterOptions) *internet {
	t.Helper()
	w := checktest.New(seed)
	t.Cleanup(w.Close)
	n := &internet{T: t, world: w}
	n.lan = w.Segment("192.168.88.0/24")
	n.outside = w.Segment("203.0.113.0/24", "198.51.100.0/24")
	o.Inside, o.Outside, o.InsideAddrs = n.lan, n.outside, []string{routerAddr}
	if o.OutsideAddrs == nil {
		o.OutsideAddrs = []string{publicAddr}
	}
	n.phone, n.router = n.lan.Host(phoneAddr), w.Router(o)
	n.responder = n.outside.Host(responderAddr, secondAddr)
	n.network = n.phone
	n.inputs.NoPublic = true
	return n
}

// respond starts the real responder outside and names it to the check.
func (n *internet) respond() {
	n.Helper()
	ctx, end := context.WithCancel(n.Context())
	srv, err := responder.New(responder.Config{
		Net: n.responder, Listen: []netip.Addr{netip.MustParseAddr(responderAddr), netip.MustParseAddr(secondAddr)},
	})
	if err == nil {
		err = srv.Listen(ctx)
	}
	if err != nil {
		n.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(ctx); err != nil {
			n.Errorf("the responder ended: %v", err)
		}
	}()
	n.Cleanup(func() { end(); <-done })
	n.inputs.Responder, n.inputs.Fingerprint = responderAddr, srv.Fingerprint()
}

// seen is the outcome of one run, in the words of the report.
type seen struct {
	sipalg.Facts
	result *checks.Result
	took   time.Duration
}

// check runs the whole check, from observation to verdict.
func (n *internet) check() seen {
	n.Helper()
	env := &checks.Env{Net: n.network, Inputs: n.inputs, Host: func(context.Context) (*netinfo.Host, error) {
		return &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr(routerAddr)}}, nil
	}}
	start := time.Now()
	rep := checks.Run(n.Context(), []*checks.Check{sipalg.Check()}, env, checks.Meta{})
	s := seen{result: &rep.Results[0], took: time.Since(start)}
	f, ok := s.result.Facts.(sipalg.Facts)
	if !ok {
		n.Fatalf("no facts: %s, %s, %s", s.result.Status, s.result.Summary, s.result.Reason)
	}
	s.Facts = f
	return s
}

func (s seen) findings() []string {
	ids := []string{}
	for _, f := range s.result.Findings {
		ids = append(ids, f.ID)
	}
	return ids
}

// codes are the change codes of all paths.
func (s seen) codes() []sip.Code {
	var out []sip.Code
	for _, p := range s.Paths {
		for _, c := range p.Changes {
			if !slices.Contains(out, c.Code) {
				out = append(out, c.Code)
			}
		}
	}
	return out
}

// explain prints a run that is not what it should be.
func (s seen) explain(t *testing.T) {
	t.Helper()
	t.Logf("%s (%s): %s; %s", s.Verdict, s.result.Status, s.result.Summary, s.result.Reason)
	if e := s.result.ObserveError; e != nil {
		t.Logf("observing: %s: %s", e.Kind, e.Text)
	}
	for _, p := range s.Paths {
		t.Logf("  %s %d from %d, %s %s inbound %v: %s %s", p.Transport, p.Port, p.SourcePort, p.Message, p.Variant, p.Inbound, p.Verdict, p.Note)
		for _, c := range p.Changes {
			t.Logf("    %s %s: %q -> %q", c.Direction, c.Code, c.Before, c.After)
		}
	}
}
