package signalling

import (
	"crypto/x509"
	"net/netip"
	"strings"
)

// How a certificate names a server.
const (
	byName     = "name"     // in full
	byWildcard = "wildcard" // as *.example.net: RFC 5922, section 7.2, does not allow that for SIP
)

// identity says how a certificate names a SIP domain or a host, by the rules of
// RFC 5922, section 7.1: as sip:example.net or example.net among the alternative
// names, and as the common name only where there are none. It is empty where
// the certificate is for others.
func identity(leaf *x509.Certificate, name string) string {
	if a, err := netip.ParseAddr(name); err == nil {
		for _, ip := range leaf.IPAddresses {
			if have, ok := netip.AddrFromSlice(ip); ok && have.Unmap() == a.Unmap() {
				return byName
			}
		}
		return ""
	}
	names := append([]string{}, leaf.DNSNames...)
	names = append(names, sipNames(leaf)...)
	if len(names)+len(leaf.IPAddresses) == 0 {
		names = []string{leaf.Subject.CommonName}
	}
	found := ""
	for _, n := range names {
		switch {
		case strings.EqualFold(n, name):
			return byName
		case covers(n, name):
			found = byWildcard
		}
	}
	return found
}

// sipNames are the domains of SIP URIs in a certificate; a URI with a user is
// that user's (RFC 5922, section 7.1).
func sipNames(leaf *x509.Certificate) (list []string) {
	for _, u := range leaf.URIs {
		host := u.Opaque // sip:example.net has no slashes
		if (u.Scheme == "sip" || u.Scheme == "sips") && host != "" && !strings.Contains(host, "@") {
			list = append(list, host)
		}
	}
	return list
}

// covers reports whether *.example.net stands for a name: for one label only
// (RFC 6125, section 6.4.3).
func covers(pattern, name string) bool {
	rest, ok := strings.CutPrefix(pattern, "*.")
	_, after, dotted := strings.Cut(name, ".")
	return ok && dotted && rest != "" && strings.EqualFold(rest, after)
}
