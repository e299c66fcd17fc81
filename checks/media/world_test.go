package media_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

const responderAddr = "198.51.100.2"

// office is one router between a phone and a responder, in memory. Its time is
// that of the synctest bubble.
type office struct {
	*testing.T
	world  *checktest.World
	phone  *checktest.Host
	router *checktest.Router
	far    *checktest.Host
	inputs checks.Inputs
	end    func() // of the responder
}

func newOffice(t *testing.T, seed uint64, o checktest.RouterOptions) *office {
	t.Helper()
	w := checktest.New(seed)
	t.Cleanup(w.Close)
	lan, outside := w.Segment("192.168.88.0/24"), w.Segment("203.0.113.0/24", "198.51.100.0/24")
	o.Inside, o.Outside = lan, outside
	o.InsideAddrs, o.OutsideAddrs = []string{"192.168.88.1"}, []string{"203.0.113.1"}
	n := &office{T: t, world: w, phone: lan.Host("192.168.88.10"), router: w.Router(o), far: outside.Host(responderAddr)}
	n.inputs.NoPublic = true
	n.respond()
	return n
}

// respond starts the real responder outside and names it to the check.
func (n *office) respond() {
	n.Helper()
	ctx, end := context.WithCancel(n.Context())
	srv, err := responder.New(responder.Config{Net: n.far, Listen: []netip.Addr{netip.MustParseAddr(responderAddr)}})
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
	n.end = func() { end(); <-done }
	n.Cleanup(n.end)
	n.inputs.Responder, n.inputs.Fingerprint = responderAddr, srv.Fingerprint()
}

// seen is the outcome of one run, in the words of the report.
type seen struct {
	media.Facts
	*checks.Result
	took time.Duration
}

func (n *office) check(ctx context.Context) seen {
	n.Helper()
	env := &checks.Env{Net: n.phone, Inputs: n.inputs, Host: func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil }}
	start := time.Now()
	rep := checks.Run(ctx, []*checks.Check{media.Check()}, env, checks.Meta{})
	s := seen{Result: &rep.Results[0], took: time.Since(start)}
	s.Facts, _ = s.Result.Facts.(media.Facts)
	return s
}

func (s seen) findings() []string {
	ids := []string{}
	for _, f := range s.Findings {
		ids = append(ids, f.ID)
	}
	return ids
}

func (s seen) explain(t *testing.T) {
	t.Helper()
	t.Logf("%s: %s (%s) %v, took %v", s.Status, s.Summary, s.Reason, s.findings(), s.took)
	t.Logf("%.3000s", s.Observed)
}
