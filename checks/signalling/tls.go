package signalling

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// handshake accepts any certificate and any version from TLS 1.0 on, so that the
// report can say what is wrong. Nothing secret is sent on a connection without a
// valid certificate, unless the user asked for it by --account.
func handshake(ctx context.Context, conn net.Conn, t target) (*tls.Conn, *TLS, error) {
	info := &TLS{CheckedName: t.domain, At: time.Now().UTC()}
	cfg := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
	if _, err := netip.ParseAddr(t.domain); err != nil {
		cfg.ServerName = t.domain
	}
	if t.transport == "wss" {
		cfg.NextProtos = []string{"http/1.1"}
	}
	c := tls.Client(conn, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		info.Error = platform.Words(err)
		return nil, info, err
	}
	state := c.ConnectionState()
	info.Version = tls.VersionName(state.Version)
	info.read(state.PeerCertificates, t)
	return c, info, nil
}

// maxNames bounds what is kept of a certificate's names.
const maxNames = 20

func (i *TLS) read(certs []*x509.Certificate, t target) {
	leaf := certs[0]
	i.Subject, i.Issuer = cut(leaf.Subject.String()), cut(leaf.Issuer.String())
	i.NotBefore, i.NotAfter = leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	i.SelfSigned = leaf.CheckSignatureFrom(leaf) == nil || leaf.Subject.String() == leaf.Issuer.String()
	for _, n := range leaf.DNSNames {
		i.Names = append(i.Names, cut(n))
	}
	for _, a := range leaf.IPAddresses {
		i.Names = append(i.Names, a.String())
	}
	for _, n := range sipNames(leaf) {
		i.Names = append(i.Names, cut("sip:"+n))
	}
	if len(i.Names) == 0 {
		i.Names = []string{cut(leaf.Subject.CommonName)}
	}
	i.Names = i.Names[:min(maxNames, len(i.Names))]
	i.DomainBy, i.HostBy, i.Sent = identity(leaf, t.domain), identity(leaf, t.host), len(certs)
	i.ChainError = chainError(certs, i.At)
}

// chainError verifies the chain at a time within the leaf's own dates: dates are
// judged separately, by the NTP server's time. It returns a code or the text of an
// error.
func chainError(certs []*x509.Certificate, now time.Time) words.Cause {
	leaf := certs[0]
	switch {
	case now.Before(leaf.NotBefore):
		now = leaf.NotBefore
	case now.After(leaf.NotAfter):
		now = leaf.NotAfter
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: now})
	if err == nil {
		return ""
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return "unknown-authority"
	}
	return words.Cause(cut(string(platform.Words(err))))
}

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
