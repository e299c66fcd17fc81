package responder_test

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
)

// pushTo sends a report to a responder on loopback.
func pushTo(t *testing.T, s *responder.Server, site string, key reports.Key) reports.Answer {
	t.Helper()
	at := netip.AddrPortFrom(loopback, uint16(s.Ports().Control)).String()
	o, err := reports.NewOffice(realNet(), at, s.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	o.Site, o.Key, o.Agent = site, key, reports.NewAgent()
	body, err := reports.Pack([]byte(`{"schema":"` + checks.Schema + `","verdict":"pass","results":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	a, err := o.Push(t.Context(), body, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Reports come in by the control channel, within the budget of their address.
func TestReportsByTheControlChannel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reports")
	key, err := reports.NewSite(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	store, err := reports.Open(reports.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	taking := func(l responder.Limits) *responder.Server {
		return start(t, func(c *responder.Config) { c.Reports, c.MoreMetrics, c.Limits = store, store.WriteMetrics, l })
	}
	if a := pushTo(t, taking(responder.Limits{}), "a", key); a != (reports.Answer{}) {
		t.Errorf("a genuine report: %+v", a)
	}
	var figures bytes.Buffer
	if store.WriteMetrics(&figures); !strings.Contains(figures.String(), `sipdoctor_site_agents{site="a"} 1`) {
		t.Errorf("not shown\n%s", &figures)
	}
	// One call, for the nonce, is all that this address may have.
	if a := pushTo(t, taking(responder.Limits{PerSource: 0.001, Burst: 1}), "a", key); a.Code != reports.Busy {
		t.Errorf("over the budget of its address: %+v", a)
	}
	if a := pushTo(t, taking(responder.Limits{Memory: reports.MaxBody}), "a", key); a.Code != reports.Busy {
		t.Errorf("without memory: %+v", a)
	}
	if a := pushTo(t, start(t, nil), "a", key); a.Code != reports.NoReports {
		t.Errorf("to a responder that takes none: %+v", a)
	}
}
