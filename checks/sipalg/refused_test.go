package sipalg_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

// The INVITE to an ordinary server rings nobody, and leaves nothing open
// whatever the server makes of it.
func TestTheInviteIsBroughtToItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		status  map[string]int
		deep    bool
		methods []string
	}{
		"it is refused":            {map[string]int{"INVITE": 420}, true, []string{"INVITE", "ACK"}},
		"it wants a password":      {map[string]int{"INVITE": 401}, true, []string{"INVITE", "ACK"}},
		"it rings all the same":    {map[string]int{"INVITE": 180}, true, []string{"INVITE", "CANCEL"}},
		"somebody answers":         {map[string]int{"INVITE": 200}, true, []string{"INVITE", "ACK", "BYE"}},
		"without --deep none goes": {nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, natRouter())
				n.serveSTUN()
				s, err := checktest.ServeSIP(n.Context(), n.outside.Host(sipAddr), checktest.SIPOptions{Status: c.status})
				if err != nil {
					t.Fatal(err)
				}
				n.Cleanup(s.Close)
				n.inputs.SIPServers, n.inputs.Deep = []string{sipAddr}, c.deep
				if got := n.check(); got.Verdict != sipalg.NoSign {
					t.Errorf("verdict %s", got.Verdict)
					got.explain(t)
				}
				time.Sleep(time.Second) // nobody waits for the answer to an ACK
				var methods, branches []string
				for _, h := range s.Requests() {
					text := string(h.Raw)
					method, _, _ := strings.Cut(text, " ")
					if method == "OPTIONS" {
						continue
					}
					if !slices.Contains(methods, method) { // a CANCEL that is not understood is repeated
						methods = append(methods, method)
					}
					_, branch, _ := strings.Cut(text, "branch=")
					branch, _, _ = strings.Cut(branch, ";")
					branches = append(branches, branch)
					if !strings.HasPrefix(text, method+" sip:198.51.100.20:5060 SIP/2.0\r\n") {
						t.Errorf("%.60q is for somebody", text)
					}
					if demands := strings.Contains(text, "\r\nRequire: "); demands != (method == "INVITE") {
						t.Errorf("%s demands an extension: %v", method, demands)
					}
					if (method == "ACK" || method == "CANCEL") && branch != branches[0] {
						t.Errorf("the branch of %s is not that of the INVITE", method)
					}
				}
				if d := cmp.Diff(c.methods, methods); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// Nobody who was not named is ever called.
func TestNoProviderIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter(checktest.LinuxALG()))
		n.serveSTUN()
		n.providers(func(int) bool { return true })
		n.inputs.Deep = true
		got := n.check()
		for _, p := range got.Paths {
			if p.Message != "OPTIONS" {
				t.Errorf("%s was sent to %s", p.Message, p.Server)
			}
		}
	})
}
