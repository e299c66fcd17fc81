package session

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"github.com/sipdoctor/sipdoctor/platform/words"
	"strings"
	"sync"
)

// A Fingerprint is the SHA-256 of a certificate in DER form.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the fingerprint of a certificate.
func FingerprintOf(der []byte) Fingerprint { return sha256.Sum256(der) }

// String is 64 lower-case hex digits, as "sipdoctor serve" prints it.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads 64 hex digits of either case; colons and spaces
// between them, and a leading "SHA256:", are accepted.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	digits := s
	if len(s) > 7 && strings.EqualFold(s[:7], "sha256:") {
		digits = s[7:]
	}
	digits = strings.NewReplacer(":", "", " ", "").Replace(digits)
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("fingerprint %.80q: 64 hex digits are needed (SHA-256), colons allowed", s)
	}
	copy(f[:], b)
	return f, nil
}

// A pin decides whether a certificate is the responder's. It is shared by
// every connection of one session.
type pin struct {
	host string       // what the user typed, for the names in the certificate
	want *Fingerprint // given by the user; nil: public key infrastructure, then trust on first use
	// roots are the authorities to believe; nil: the system's
	roots *x509.CertPool

	mu    sync.Mutex
	first *Fingerprint // the certificate accepted first
	note  words.Cause
}

// verify accepts or refuses the chain that the responder showed, its own
// certificate first.
func (p *pin) verify(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return refusal("the responder showed no certificate")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	got := FingerprintOf(chain[0].Raw)
	switch {
	case p.want != nil && got != *p.want:
		return refusal("wrong certificate: its fingerprint is %s, but --responder-fingerprint says %s; "+
			"compare with what \"sipdoctor serve\" printed there", got, *p.want)
	case p.want != nil:
		return nil
	case p.first != nil && got != *p.first:
		return refusal("the responder's certificate changed during the run: its fingerprint was %s and is now %s", *p.first, got)
	case p.first != nil:
		return nil
	}
	if err := p.trust(chain, got); err != nil {
		return err
	}
	p.first = &got
	return nil
}

// trust judges the first certificate of a session that has no pin.
func (p *pin) trust(chain []*x509.Certificate, got Fingerprint) error {
	pool := x509.NewCertPool()
	for _, c := range chain[1:] {
		pool.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: p.host, Intermediates: pool, Roots: p.roots})
	if err == nil {
		return nil
	}
	if !selfSigned(chain[0]) {
		return refusal("certificate not accepted: %w; if it is the responder's, pin it with --responder-fingerprint %s", err, got)
	}
	p.note = words.Cause(fmt.Sprintf("certificate not verified; pin it with --responder-fingerprint %s", got))
	return nil
}

func (p *pin) notes() []words.Cause {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.note == "" {
		return nil
	}
	return []words.Cause{p.note}
}

// selfSigned reports whether a certificate is its own issuer: what "sipdoctor
// serve" makes for itself.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// config is the TLS configuration of every connection of the session.
func (p *pin) config() *tls.Config {
	return &tls.Config{
		ServerName:         p.host,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		InsecureSkipVerify: true, // VerifyConnection does it, in every handshake, resumed ones included
		VerifyConnection:   func(s tls.ConnectionState) error { return p.verify(s.PeerCertificates) },
	}
}

// A refusalError is final: trying another way to the responder would not be
// right, or not help.
type refusalError struct{ err error }

func (e *refusalError) Error() string { return e.err.Error() }
func (e *refusalError) Unwrap() error { return e.err }

func refusal(format string, args ...any) error {
	return &refusalError{fmt.Errorf(format, args...)}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*refusalError](err)
	return ok
}
