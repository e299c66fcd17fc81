package dns

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// cure adds the remedies of the catalogue to what was found. What is only
// worth knowing needs none, and no other DNS server is offered where those that
// were asked stayed silent.
func cure(list []checks.Finding, o *Observed, h *netinfo.Host) {
	for i := range list {
		f := &list[i]
		if f.Severity == checks.Info {
			continue
		}
		switch f.ID {
		case "dns.no-answer", "dns.hijacked", "dns.slow", "dns.differs":
			usable := o.working(fromPublic) != nil || len(o.of(fromPublic)) == 0
			if usable && redirectedBy(o) == nil {
				f.Fixes = fixes.For(fixes.DNSServer, h, nil)
			}
		case "dns.rebind-protection":
			f.Fixes = fixes.For(fixes.DNSRebind, h, map[string]string{"Domain": f.Subject})
		case "dns.redirected":
			f.Fixes = fixes.For(fixes.DNSRedirect, h, nil)
		case "dns.no-such-name":
			f.Fixes = fixes.For(fixes.DNSRecords, h, nil)
		}
	}
}
