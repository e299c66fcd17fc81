package sipalg_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The offices of "sipdoctor lab", in memory: the same verdicts as those that
// the kernel's offices must have.
func TestTheOfficesOfTheLab(t *testing.T) {
	for _, s := range lab.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := checktest.FromScenario(s)
				t.Cleanup(o.World.Close)
				n := &internet{T: t, world: o.World, phone: o.Phone, responder: o.Responder, network: o.Phone}
				n.inputs.NoPublic = true
				n.respond()
				got := n.check()
				if got.Verdict != s.Expect.SIPALG {
					t.Errorf("verdict %s, want %s", got.Verdict, s.Expect.SIPALG)
				}
				want := []string{}
				for _, id := range s.Expect.Findings {
					if strings.HasPrefix(id, "sip-alg.") {
						want = append(want, id)
					}
				}
				if diff := cmp.Diff(want, got.findings()); diff != "" {
					t.Errorf("findings: %s", diff)
				}
				if t.Failed() {
					got.explain(t)
				}
			})
		})
	}
}
