package mikrotik

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
)

// A CertificateError is a certificate that nobody vouches for. Its router was told
// neither who we are nor any secret.
type CertificateError struct {
	Host        string
	Fingerprint string // SHA-256, 64 hexadecimal digits
	Changed     bool   // another one was named
	Why         error
}

func (e *CertificateError) Error() string {
	if e.Changed {
		return fmt.Sprintf("the certificate of %s is another one: SHA-256 %s", e.Host, e.Fingerprint)
	}
	return fmt.Sprintf("the certificate of %s is not trusted: %v (SHA-256 %s)", e.Host, e.Why, e.Fingerprint)
}

func (e *CertificateError) Unwrap() error { return e.Why }

func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// tlsConfig trusts the certificate that was named, or what this machine trusts.
func (a Account) tlsConfig() *tls.Config {
	if a.Fingerprint == "" {
		return &tls.Config{ServerName: a.Host}
	}
	return &tls.Config{
		ServerName:         a.Host,
		InsecureSkipVerify: true, // the fingerprint decides instead
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errBadFrame
			}
			if got := fingerprint(s.PeerCertificates[0].Raw); got != a.Fingerprint {
				return &CertificateError{Host: a.Host, Fingerprint: got, Changed: true}
			}
			return nil
		},
	}
}

// ofCertificate is err with the fingerprint of the certificate that it is about.
func (a Account) ofCertificate(err error) error {
	if named, ok := errors.AsType[*CertificateError](err); ok {
		return named
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(bad.UnverifiedCertificates) > 0 {
		return &CertificateError{Host: a.Host, Fingerprint: fingerprint(bad.UnverifiedCertificates[0].Raw), Why: bad.Err}
	}
	// There is no cipher that both have (RFC 8446, 6.2). The alert has no exported type.
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" && alert.Err.Error() == "tls: handshake failure" {
		return fmt.Errorf("%w (%w)", errNoCipher, err)
	}
	return err
}
