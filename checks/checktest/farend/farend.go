// Package farend is an office in memory with the real responder outside, for
// the tests of checks that own both ends of their conversation.
package farend

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// responderAddr is where the responder listens.
const responderAddr = "198.51.100.2"

// Office is one router between a phone and a responder. Its time is that of
// the synctest bubble it was made in.
type Office struct {
	*testing.T
	Phone   *checktest.Host
	Router  *checktest.Router
	Outside *checktest.Segment // where the responder is
	Inputs  checks.Inputs
	End     func() // ends the responder; may be called more than once
}

// New builds the office and starts the responder; both end with the test. The
// seed decides which packets are lost. The segments and addresses of o are
// filled in. Each change is made to the responder's configuration, in which Net
// is the machine outside.
func New(t *testing.T, seed uint64, o checktest.RouterOptions, change ...func(*responder.Config)) *Office {
	t.Helper()
	w := checktest.New(seed)
	t.Cleanup(w.Close)
	lan, outside := w.Segment("192.168.88.0/24"), w.Segment("203.0.113.0/24", "198.51.100.0/24")
	o.Inside, o.Outside = lan, outside
	o.InsideAddrs, o.OutsideAddrs = []string{"192.168.88.1"}, []string{"203.0.113.1"}
	n := &Office{T: t, Phone: lan.Host("192.168.88.10"), Router: w.Router(o)}
	n.Inputs.NoPublic = true
	n.Outside = outside
	n.respond(outside.Host(responderAddr), change)
	return n
}

// respond starts the real responder outside and names it to the check.
func (n *Office) respond(far *checktest.Host, change []func(*responder.Config)) {
	n.Helper()
	ctx, end := context.WithCancel(n.Context())
	cfg := responder.Config{Net: far, Listen: []netip.Addr{netip.MustParseAddr(responderAddr)}}
	for _, f := range change {
		f(&cfg)
	}
	srv, err := responder.New(cfg)
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
	n.End = func() { end(); <-done }
	n.Cleanup(n.End)
	n.Inputs.Responder, n.Inputs.Fingerprint = responderAddr, srv.Fingerprint()
}

// Seen is the outcome of one run, in the words of the report.
type Seen struct {
	*checks.Result
	Took time.Duration
}

// Run runs one check as the program does, from observation to verdict.
func (n *Office) Run(ctx context.Context, c *checks.Check) Seen {
	n.Helper()
	env := &checks.Env{Net: n.Phone, Inputs: n.Inputs, Host: func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil }}
	start := time.Now()
	rep := checks.Run(ctx, []*checks.Check{c}, env, checks.Meta{})
	return Seen{Result: &rep.Results[0], Took: time.Since(start)}
}

// IDs lists the findings; it is never nil.
func (s Seen) IDs() []string {
	ids := []string{}
	for _, f := range s.Findings {
		ids = append(ids, f.ID)
	}
	return ids
}

// Explain logs what was said and seen.
func (s Seen) Explain(t *testing.T) {
	t.Helper()
	t.Logf("%s: %s (%s) %v, took %v", s.Status, s.Summary, s.Reason, s.IDs(), s.Took)
	t.Logf("%.3000s", s.Observed)
}
