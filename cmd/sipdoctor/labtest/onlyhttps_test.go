package labtest

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// A network that lets people browse and nothing else, as a user meets it: with
// a responder whose control channel is on 443, with one whose is not, and with
// none at all. Whoever reads must learn what passes, and never of an ALG.
func TestOnlyHTTPSPasses(t *testing.T) {
	t.Parallel()
	o := open(t, scenario(t, "only-https"))
	servers := []string{"--no-public", "--stun", lab.ResponderAddr, "--stun", lab.STUNServerAddr, "--sip-server", lab.SIPServerAddr}
	for _, c := range []struct {
		name       string
		args       []string
		confidence checks.Confidence
		says       string // of the responder
	}{
		{"a responder on port 443", o.server.CheckArgs(), checks.Certain, "TCP to 198.51.100.2:5061"},
		{"a responder on its usual port", append([]string{"--responder", lab.ResponderAddr}, servers...), checks.Likely, "TCP port 8765: no answer"},
		{"no responder", servers, checks.Likely, "TCP to 198.51.100.30:443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			saved := t.TempDir() + "/report.json"
			cmd := program(ctx, t, o.Phone, append([]string{"check", "nat", "sip-alg", "signalling", "--format", "json", "--output", saved}, c.args...)...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("%v, want exit status 1\n%s", err, out)
			}
			raw, err := os.ReadFile(saved)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := checks.ReadReport(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			f := rep.Result("nat").Findings
			if len(f) != 1 || f[0].ID != "nat.only-https" || f[0].Confidence != c.confidence {
				t.Fatalf("%+v", f)
			}
			if rep.Headline != "Only TCP port 443 passes to the Internet." || facts(t, rep, "sip-alg")["verdict"] != "inconclusive" {
				t.Errorf("headline %q\n%s", rep.Headline, explain(rep))
			}
			if slices.ContainsFunc(findings(rep), func(id string) bool { return strings.HasPrefix(id, "sip-alg.") }) {
				t.Errorf("an ALG is claimed: %v", findings(rep))
			}
			if by := rep.Result("signalling").ExplainedBy; by != "nat" {
				t.Errorf("the silent SIP server is explained by %q", by)
			}
			text, err := o.Phone.Command(ctx, os.Getenv(programVar), "report", "--verbose", saved).CombinedOutput()
			for _, want := range []string{c.says, "TURN over TLS on port 443", "WebSocket (WSS)", "whoever runs the firewall"} {
				if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
					t.Errorf("it does not say %q (%v):\n%s", want, err, text)
				}
			}
		})
	}
}
