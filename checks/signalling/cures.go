package signalling

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// pbx returns the catalogue platform that a server names in its Server or
// User-Agent header; "" for one that the catalogue does not know.
func pbx(s *Server) string {
	for i := range s.Probes {
		r, _, _ := s.Probes[i].response()
		switch name := strings.ToLower(r.Server); {
		case strings.Contains(name, "fpbx"), strings.Contains(name, "freepbx"):
			return "freepbx"
		case strings.Contains(name, "asterisk"):
			return "asterisk"
		}
	}
	return ""
}

// portCures open the way to a server, by the address that was asked.
func portCures(s *Server, h *netinfo.Host) []fixes.Fix {
	vars := map[string]string{}
	for i := range s.Probes {
		if a := s.Probes[i].Remote.Addr(); a.IsValid() {
			vars["PBX"] = a.Unmap().String()
			break
		}
	}
	return fixes.For(fixes.SIPPortBlocked, h, vars)
}

// cureCertificates adds the cures for the operator of the server to findings
// about its certificates, those of its own software first if the server names
// it. Notes need none.
func cureCertificates(list []checks.Finding, s *Server, h *netinfo.Host) {
	for i := range list {
		f := &list[i]
		if f.Severity == checks.Info || f.ID == "signalling.tls-error" || f.ID == "signalling.tls-old" {
			continue
		}
		if p := pbx(s); p != "" {
			f.Fixes = fixes.On(fixes.TLSCertificate, p, nil)
		}
		f.Fixes = append(f.Fixes, fixes.For(fixes.TLSCertificate, h, nil)...)
	}
}
