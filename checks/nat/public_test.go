package nat

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Public STUN servers that nobody named decide nothing by their silence.
func TestSilenceOfServersThatNobodyNamed(t *testing.T) {
	at := netip.MustParseAddrPort("198.51.100.9:3478")
	seen := func(source string) Observed {
		return Observed{
			Targets:  []Target{{Name: "stun.example.net", Source: source, Addrs: []netip.AddrPort{at}}},
			Families: []Family{{Samples: []Sample{{Role: rolePlain, Source: source, Server: at, Sent: 9}}}},
		}
	}
	for name, c := range map[string]struct {
		o       Observed
		skipped bool
	}{
		"built in":                        {seen(fromPublic), true},
		"the user's":                      {seen(fromUser), false},
		"built in, beside a responder":    {Observed{Targets: seen(fromPublic).Targets, Families: seen(fromPublic).Families, ResponderError: "no answer"}, false},
		"built in, and the names unknown": {Observed{Targets: []Target{{Name: "stun.example.net", Source: fromPublic, Error: "no such host"}}}, true},
		"the user's, and the name is not known": {
			Observed{Targets: []Target{{Name: "stun.example.net", Source: fromUser, Error: "no such host"}}}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(c.o, &netinfo.Host{})
			if (!j.Skip.IsZero()) != c.skipped || (!j.Inconclusive.IsZero()) == c.skipped || len(j.Findings) > 0 || j.Summary.IsZero() {
				t.Errorf("skip %q, inconclusive %q, summary %q, %d findings", j.Skip.ID, j.Inconclusive.ID, j.Summary.ID, len(j.Findings))
			}
		})
	}
}
