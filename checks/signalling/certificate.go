package signalling

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// soon is how long before its end a certificate is worth a word: automatic
// renewal (ACME) comes 30 days before, so 14 days mean that it did not.
const soon = 14 * 24 * time.Hour

// fault is one thing that is wrong with a certificate.
type fault struct {
	id   string // of the finding
	text string
}

// faults judges a certificate at the true time, as SIP phones do; web says that
// it is for a WebSocket, where the rules of browsers apply (RFC 7118, section 9).
func (i *TLS) faults(now time.Time, web bool) (out []fault) {
	switch {
	case now.After(i.NotAfter):
		out = append(out, fault{"signalling.tls-expired", "expired on " + i.NotAfter.Format(time.DateOnly)})
	case now.Before(i.NotBefore):
		out = append(out, fault{"signalling.tls-not-yet-valid", "not valid before " + i.NotBefore.Format(time.DateOnly)})
	case i.NotAfter.Sub(now) < soon:
		out = append(out, fault{"signalling.tls-expires-soon", "expires on " + i.NotAfter.Format(time.DateOnly)})
	}
	switch {
	case i.DomainBy == "" && i.HostBy == "":
		out = append(out, fault{"signalling.tls-name", "not for " + i.CheckedName})
	case web || i.DomainBy == byName:
	case i.DomainBy == byWildcard:
		out = append(out, fault{"signalling.tls-wildcard", "names " + i.CheckedName + " by a wildcard only"})
	default:
		out = append(out, fault{"signalling.tls-domain", "names the server, not the domain " + i.CheckedName})
	}
	switch {
	case i.ChainError == "":
	case i.SelfSigned:
		out = append(out, fault{"signalling.tls-untrusted", "self-signed"})
	case i.Sent == 1:
		out = append(out, fault{"signalling.tls-untrusted", i.ChainError + "; the server sends its own certificate only, without the ones in between"})
	default:
		out = append(out, fault{"signalling.tls-untrusted", i.ChainError})
	}
	if i.Version == "TLS 1.0" || i.Version == "TLS 1.1" {
		out = append(out, fault{"signalling.tls-old", "only " + i.Version})
	}
	return out
}

// certificate makes findings of what is wrong with TLS on one port.
func certificate(o *Observed, s *Server, p *Probe) (out []checks.Finding) {
	if p.TLS == nil {
		return nil
	}
	if p.TLS.Error != "" {
		if !p.Expected {
			return nil // nobody said that TLS is spoken there
		}
		return []checks.Finding{{
			ID: "signalling.tls-error", Severity: checks.Warning, Confidence: checks.Likely,
			Title:       fmt.Sprintf("%s ends the TLS handshake on port %d", s.Name, p.port()),
			Explanation: "The port is open, but no TLS connection comes about: another protocol, a TLS version that is too old or too new, or a box on the way that takes part.",
			Evidence:    []checks.Evidence{{Name: p.at(), Want: "a TLS handshake", Got: p.TLS.Error}},
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
	f := checks.Finding{
		ID: x.id, Severity: checks.Warning, Confidence: checks.Certain, Heard: true,
		Evidence: []checks.Evidence{
			{Name: "certificate of " + s.Name + " (" + p.at() + ")", Got: i.Subject + ", issued by " + i.Issuer},
			{Name: "valid", Want: now.Format(time.DateOnly), Got: i.NotBefore.Format(time.DateOnly) + " to " + i.NotAfter.Format(time.DateOnly)},
		},
	}
	title := "The certificate of " + s.Name
	switch x.id {
	case "signalling.tls-expired", "signalling.tls-not-yet-valid":
		f.Title, f.Explanation = title+" is out of date: "+x.text, "Phones that check certificates refuse the connection; those that do not still register."
		f.Advice = []string{"Renew it on the server and let the PBX read it again; until then phones can use another transport that answers."}
		if p.Expected || p.port() == 5061 {
			f.Severity = checks.Critical
		}
	case "signalling.tls-expires-soon":
		f.Title, f.Explanation = title+" "+x.text, "Automatic renewal should have replaced it by now. When it ends, phones that check certificates lose their registration."
		f.Advice = []string{"See why the renewal does not run on the server (certbot renew --dry-run)."}
	case "signalling.tls-name":
		f.Title, f.Explanation = title+" is for another name", "Phones that check certificates refuse it, or somebody on the way answers in the server's place."
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "names in it", Want: i.CheckedName, Got: strings.Join(i.Names, ", ")})
		f.Advice = []string{"Set the phones to a name that is in the certificate."}
		if _, err := netip.ParseAddr(i.CheckedName); err == nil {
			f.Severity = checks.Info // named by its address: no public certificate has that
			f.Explanation = "The server was named by its address, which certificates seldom hold. Phones that check certificates need the name."
		}
	case "signalling.tls-wildcard":
		f.Title = title + " names it by a wildcard only"
		f.Explanation = "SIP does not allow wildcards (RFC 5922, section 7.2). Asterisk refuses such a server in a trunk with verify_server=yes, unless allow_wildcard_certs=yes; so do phones that check by the letter. Browsers, softphones that check like browsers, and phones that do not check names accept it."
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "names in it", Want: i.CheckedName, Got: strings.Join(i.Names, ", ")})
		f.Advice = []string{"Have a certificate made that names " + i.CheckedName + " in full."}
	case "signalling.tls-domain":
		f.Title = fmt.Sprintf("%s names %s, not %s", title, p.Host, i.CheckedName)
		f.Explanation = "DNS led from the domain to that server, and DNS can be forged: SIP wants the domain in the certificate, whatever the SRV record says (RFC 5922, section 4). Asterisk with verify_server=yes and phones that check by the letter refuse the connection; phones that compare with the SRV record's host, or do not check names, accept it."
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "names in it", Want: i.CheckedName, Got: strings.Join(i.Names, ", ")})
		f.Advice = []string{
			"The provider adds " + i.CheckedName + " to the names of the certificate.",
			"Until then: set phones that refuse it to " + p.Host + " itself.",
		}
	case "signalling.tls-untrusted":
		f.Title, f.Explanation = title+" is not signed by a known authority", "Phones accept it only if they were given the authority's certificate or do not check. Somebody on the way who opens TLS looks the same."
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "chain", Want: "a known authority", Got: x.text})
		f.Advice = []string{"On a PBX of your own: use a certificate of a public authority, or load yours into the phones."}
		if _, err := netip.ParseAddr(i.CheckedName); err == nil && i.SelfSigned {
			f.Severity = checks.Info // a server that is named by its address is one's own, and so is its certificate
		}
	case "signalling.tls-old":
		f.Title, f.Explanation = s.Name+" speaks "+x.text, "Current phones refuse TLS below 1.2 (RFC 8996)."
		f.Advice = []string{"Allow TLS 1.2 and newer on the server."}
	}
	return f
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
	direction := "slow"
	if off < 0 {
		direction = "fast"
	}
	return &checks.Finding{
		ID: "signalling.clock", Severity: checks.Warning, Confidence: checks.Likely, Heard: true,
		Title:       fmt.Sprintf("This machine's clock is %s %s", off.Abs().Round(time.Second), direction),
		Explanation: "Good certificates look expired or not yet valid to it, and so they do to phones that take their time from the same place. The dates in this report were judged by the NTP server's time.",
		Evidence: []checks.Evidence{{
			Name: "clock against " + o.Clock.Server, Want: o.now(o.LocalTime).Format(time.RFC3339), Got: o.LocalTime.Format(time.RFC3339),
		}},
		Advice: []string{"Switch NTP on, here and in the router that tells phones the time."},
	}
}
