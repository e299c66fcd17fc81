package dns

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func TestWhatCuresDNS(t *testing.T) {
	mikrotik := &netinfo.Host{Router: &netinfo.Router{Platform: "mikrotik"}}
	blocked := Observed{Resolvers: []Resolver{{Source: fromPublic, Questions: []Question{{Name: "x", Tries: 6}}}}}
	for _, c := range []struct {
		name     string
		o        Observed
		id       string
		severity checks.Severity
		want     []string
	}{
		{"the office's DNS server is dead", Observed{}, "dns.no-answer", checks.Critical, []string{"mikrotik/hand-out-dns", "generic/hand-out-dns", "generic/set-dns-on-a-phone"}},
		{"it is dead, and no other can be reached", blocked, "dns.no-answer", checks.Critical, nil},
		{"it lies about names that do not exist", Observed{}, "dns.hijacked", checks.Warning, []string{"mikrotik/hand-out-dns", "generic/hand-out-dns", "generic/set-dns-on-a-phone"}},
		{"it lies, and so would every other", Observed{Nobody: &Question{Rcode: "NOERROR"}}, "dns.hijacked", checks.Warning, nil},
		{"the router takes all questions", Observed{}, "dns.redirected", checks.Warning, []string{"mikrotik/stop-redirect", "generic/stop-redirect"}},
		{"the name does not exist", Observed{}, "dns.no-such-name", checks.Critical, []string{"generic/publish-names"}},
		{"answers by region", Observed{}, "dns.differs", checks.Info, nil},
		{"port 53 is closed, as in many offices", blocked, "dns.udp53-blocked", checks.Info, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := []checks.Finding{{ID: c.id, Severity: c.severity}}
			cure(list, &c.o, mikrotik)
			var got []string
			for _, f := range list[0].Fixes {
				got = append(got, f.Platform+"/"+f.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("fixes (-want +got):\n%s", diff)
			}
		})
	}
}
