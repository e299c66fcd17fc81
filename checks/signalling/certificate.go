package signalling

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Soon is how long before its end a certificate is worth a warning: automatic
// renewal (ACME) comes 30 days before, so 14 days mean that it did not.
const Soon = 14 * 24 * time.Hour

// A fault is one thing that is wrong with a certificate: the ID of its finding
// without "signalling.tls-".
type fault string

// faults judges a certificate at the true time, as SIP phones do; web says that
// it is for a WebSocket, where the rules of browsers apply (RFC 7118, section 9).
func (i *TLS) faults(now time.Time, web bool) (out []fault) {
	add := func(ok bool, f fault) {
		if ok {
			out = append(out, f)
		}
	}
	switch {
	case now.After(i.NotAfter):
		add(true, "expired")
	case now.Before(i.NotBefore):
		add(true, "not-yet-valid")
	default:
		add(i.NotAfter.Sub(now) < Soon, "expires-soon")
	}
	switch {
	case i.DomainBy == "" && i.HostBy == "":
		add(true, "name")
	case web || i.DomainBy == byName:
	case i.DomainBy == byWildcard:
		add(true, "wildcard")
	default:
		add(true, "domain")
	}
	add(i.ChainError != "", "untrusted")
	add(i.Version == "TLS 1.0" || i.Version == "TLS 1.1", "old")
	return out
}

func certificate(o *Observed, s *Server, p *Probe) (out []checks.Finding) {
	if p.TLS == nil {
		return nil
	}
	if p.TLS.Error != "" {
		if !p.Expected {
			return nil // nobody said that TLS is spoken there
		}
		return []checks.Finding{{
			ID: "signalling.tls-error", Severity: checks.Warning, Confidence: checks.Likely, Args: words.Args{"server": s.Name, "port": p.port()},
			Evidence: []checks.Evidence{checks.Proof(p.at(), words.Say("signalling.evidence.handshake", nil), p.TLS.Error)},
		}}
	}
	now := o.now(p.TLS.At)
	for _, x := range p.TLS.faults(now, p.Transport == "wss") {
		out = append(out, x.finding(s, p, now))
	}
	return out
}

func (x fault) finding(s *Server, p *Probe, now time.Time) checks.Finding {
	i := p.TLS
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	say := func(id string, args words.Args) words.Text { return words.Say("signalling.evidence."+id, args) }
	f := checks.Finding{
		ID: "signalling.tls-" + string(x), Severity: checks.Warning, Confidence: checks.Certain, Heard: true, Args: words.Args{"server": s.Name},
		Evidence: []checks.Evidence{
			checks.Proof(say("certificate", words.Args{"server": s.Name, "at": p.at()}), nil, say("issued", words.Args{"subject": cmp.Or(i.Subject, "none"), "issuer": cmp.Or(i.Issuer, "none")})),
			checks.Proof(say("valid", nil), day(now), say("dates", words.Args{"from": day(i.NotBefore), "to": day(i.NotAfter)})),
		},
	}
	_, err := netip.ParseAddr(i.CheckedName)
	byAddress := err == nil // a server of one's own: no public certificate has that
	names := checks.Proof(say("names", nil), i.CheckedName, strings.Join(i.Names, ", "))
	switch x {
	case "expired", "expires-soon":
		f.Args["date"] = day(i.NotAfter)
	case "not-yet-valid":
		f.Args["date"] = day(i.NotBefore)
	case "name":
		f.Args["by_address"], f.Evidence = byAddress, append(f.Evidence, names)
	case "wildcard":
		f.Args["domain"], f.Evidence = i.CheckedName, append(f.Evidence, names)
	case "domain":
		f.Args["domain"], f.Args["host"], f.Evidence = i.CheckedName, p.Host, append(f.Evidence, names)
	case "untrusted":
		f.Evidence = append(f.Evidence, checks.Proof(say("chain", nil), say("known-authority", nil), i.untrusted()))
	case "old":
		f.Args["version"] = i.Version
	}
	switch {
	case (x == "expired" || x == "not-yet-valid") && (p.Expected || p.port() == 5061):
		f.Severity = checks.Critical
	case byAddress && (x == "name" || x == "untrusted" && i.SelfSigned):
		f.Severity = checks.Info
	}
	return f
}

func (i *TLS) untrusted() words.Text {
	why, alone := i.ChainError, i.Sent == 1
	if i.SelfSigned {
		why, alone = "self-signed", false
	}
	return words.Say("signalling.evidence.untrusted", words.Args{"why": why, "alone": alone})
}

// wrongClock is how far this machine's clock may be off: certificates and
// nonces live for minutes at least, and no machine that asks the time drifts
// by more than a second.
const wrongClock = time.Minute

func clockWrong(o *Observed) *checks.Finding {
	if o.Clock == nil || o.Clock.Error != "" {
		return nil
	}
	off := o.Clock.offset()
	if off.Abs() < wrongClock {
		return nil
	}
	way := "slow"
	if off < 0 {
		way = "fast"
	}
	against := words.Say("signalling.evidence.clock", words.Args{"server": o.Clock.Server})
	return &checks.Finding{
		ID: "signalling.clock", Severity: checks.Warning, Confidence: checks.Likely, Heard: true, Args: words.Args{"off": off.Abs(), "way": way},
		Evidence: []checks.Evidence{checks.Proof(against, o.now(o.LocalTime).Format(time.RFC3339), o.LocalTime.Format(time.RFC3339))},
	}
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
