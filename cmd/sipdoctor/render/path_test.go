package render

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Two routers in a row are drawn, the cross stands behind the one that does it, and
// the heading of a fix says which is meant.
func TestTwoRoutersInARowAreDrawn(t *testing.T) {
	modem := netip.MustParseAddr("192.168.178.1")
	for after, want := range map[string]string{
		"":              "── MikroTik hEX 192.168.88.1 ──✗── AVM 192.168.178.1 ──",
		"192.168.88.1":  "── MikroTik hEX 192.168.88.1 ──✗── AVM 192.168.178.1 ──",
		"192.168.178.1": "── MikroTik hEX 192.168.88.1 ── AVM 192.168.178.1 ──✗──",
	} {
		r := savedReports(t)["alg-mikrotik"]
		r.Beyond = &netinfo.Beyond{Addr: modem, Router: netinfo.Router{Vendor: "AVM", Platform: "fritzbox", Confidence: "certain"}}
		if after != "" {
			r.Result("sip-alg").Facts = json.RawMessage(`{"changed_at": {"after": "` + after + `", "before": "203.0.113.9"}}`)
		}
		for i := range r.Results {
			for k := range r.Results[i].Findings {
				f := &r.Results[i].Findings[k]
				f.Fixes = []fixes.Fix{{ID: "x", Title: "Turn it off", Where: "router", Platform: "mikrotik", At: modem.String(), Commands: []string{"x"}, Source: "x"}}
			}
		}
		text := strings.Join(strings.Fields(shownAs(t, "text", r)), " ")
		if !strings.Contains(text, want) || !strings.Contains(text, "On the router (MikroTik RouterOS 192.168.178.1): Turn it off") {
			t.Errorf("after %q: it does not draw %q:\n%s", after, want, shownAs(t, "text", r))
		}
		redacted, err := Redact(r)
		if err != nil {
			t.Fatal(err)
		}
		if b := redacted.Beyond; b == nil || b.Addr == modem || !b.Addr.IsPrivate() || b.Router.Vendor != "AVM" {
			t.Errorf("redacted: %+v", b)
		}
	}
	if text := shownAs(t, "text", &checks.Report{Host: &netinfo.Host{}, Beyond: &netinfo.Beyond{Addr: modem}}); strings.Contains(text, "192.168.178.1") {
		t.Errorf("a machine without an address has a path:\n%s", text)
	}
}
