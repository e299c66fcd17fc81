package sipalg_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

// A server behind a load balancer answers from another port. That is an answer,
// and no silence, wherever nothing stops it on the way.
func TestAnAnswerFromAnotherPortIsAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		router checktest.RouterOptions
		silent bool
	}{
		"no NAT, no filter":  {router: checktest.RouterOptions{}},
		"a full-cone NAT":    {router: through(&checktest.NAT{})},
		"an ordinary router": {router: natRouter(), silent: true}, // it lets in who was asked, at the port that was asked
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, c.router)
				n.serve(n.outside, sipAddr, checktest.SIPOptions{AnswerPort: 5099})
				n.serveSTUN()
				s := n.check()
				heard := slices.Contains(s.Servers[0].Notes, "answered-from-elsewhere")
				silent := len(s.findings()) > 0 && s.findings()[0] == "sip-alg.udp-silent"
				if heard == c.silent || silent != c.silent {
					t.Errorf("note %q, findings %v", s.Servers[0].Notes, s.findings())
					s.explain(t)
				}
			})
		})
	}
}

// The control channel dies before what arrived is fetched. The answers repeat
// some of what arrived: what they show stands, and nothing is cleared.
func TestTheLastFetchFails(t *testing.T) {
	for name, c := range map[string]struct {
		algs    []checktest.ALG
		verdict string
		status  checks.Status
	}{
		"a clean network":                    {nil, sipalg.NoSign, checks.Inconclusive},
		"a helper that undoes what it does":  {[]checktest.ALG{checktest.LinuxALG()}, "", checks.Fail},
		"a helper that shows in the answers": {[]checktest.ALG{checktest.OneWayALG()}, sipalg.Rewriting, checks.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, natRouter(c.algs...))
				n.respond()
				time.AfterFunc(300*time.Millisecond, func() {
					n.router.Update(func(o *checktest.RouterOptions) {
						o.Rules = append(o.Rules, checktest.Rule{Proto: "tcp", Port: 8765})
					})
				})
				s := n.check()
				if s.result.ObserveError != nil || s.result.Status != c.status || c.verdict != "" && s.Verdict != c.verdict {
					t.Errorf("verdict %s (%s), want %s (%s)", s.Verdict, s.result.Status, c.verdict, c.status)
					s.explain(t)
				}
			})
		})
	}
}
