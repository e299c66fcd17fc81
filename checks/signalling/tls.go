package signalling

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
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
