package signalling

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// certificateCures returns the cures for the operator of the server, those of its
// own software first if the server names it.
func certificateCures(s *Server, h *netinfo.Host) []fixes.Fix {
	var out []fixes.Fix
	if p := pbx(s); p != "" {
		out = fixes.On(fixes.TLSCertificate, p, nil)
	}
	return append(out, fixes.For(fixes.TLSCertificate, h, nil)...)
}

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

// clockCures set this machine's clock and the time that the router gives to
// the phones.
func clockCures(h *netinfo.Host) []fixes.Fix {
	return slices.Concat(fixes.ThisHost(fixes.Clock, h), fixes.For(fixes.Clock, h, nil))
}

// cureCertificates adds the cures to findings about certificates. Notes need
// none.
func cureCertificates(list []checks.Finding, s *Server, h *netinfo.Host) {
	for i := range list {
		if list[i].Severity != checks.Info && list[i].ID != "signalling.tls-error" && list[i].ID != "signalling.tls-old" {
			list[i].Fixes = certificateCures(s, h)
		}
	}
}
