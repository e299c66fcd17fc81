package dns

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// cure adds the remedies of the catalogue to what was found. What is only
// worth knowing needs none, and no other DNS server helps where port 53 is
// closed on the way to it.
func cure(list []checks.Finding, o *Observed, h *netinfo.Host) {
	for i := range list {
		f := &list[i]
		if f.Severity == checks.Info {
			continue
		}
		switch f.ID {
		case "dns.no-answer", "dns.hijacked", "dns.slow", "dns.differs":
			if udp53(o) != "blocked" && redirectedBy(o) == nil {
				f.Fixes = fixes.For(fixes.DNSServer, h, nil)
			}
		case "dns.redirected":
			f.Fixes = fixes.For(fixes.DNSRedirect, h, nil)
		case "dns.no-such-name":
			f.Fixes = fixes.For(fixes.DNSRecords, h, nil)
		}
	}
}
