package session

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/platform/words"
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
	flag string       // by which the user gives a fingerprint; "": that of a session
	want *Fingerprint // given by the user; nil: public key infrastructure, then trust on first use
	// roots are the authorities to believe; nil: the system's
	roots *x509.CertPool

	mu    sync.Mutex
	first *Fingerprint // the certificate accepted first, or the one that an authority renewed it with
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
	switch known := cmp.Or(p.want, p.first); {
	case known == nil:
	case got == *known:
		return nil
	case p.want != nil:
		return refusal("wrong certificate: its fingerprint is %s, but %s says %s; "+
			"compare with what \"sipdoctor serve\" printed there", got, p.flagName(), *known)
	case p.vouched(chain) != nil: // else it was renewed: some runs go on for months
		return refusal("the responder's certificate changed during the run: its fingerprint was %s and is now %s", *known, got)
	}
	if err := p.trust(chain, got); err != nil {
		return err
	}
	p.first = &got
	return nil
}

func (p *pin) flagName() string { return cmp.Or(p.flag, "--responder-fingerprint") }

// vouched is nil if an authority vouches for the certificate and the name.
func (p *pin) vouched(chain []*x509.Certificate) error {
	pool := x509.NewCertPool()
	for _, c := range chain[1:] {
		pool.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: p.host, Intermediates: pool, Roots: p.roots})
	return err
}

// trust judges the first certificate of a session that has no pin.
func (p *pin) trust(chain []*x509.Certificate, got Fingerprint) error {
	err := p.vouched(chain)
	if err == nil {
		return nil
	}
	if !selfSigned(chain[0]) {
		return refusal("certificate not accepted: %w; if it is the responder's, pin it with %s %s", err, p.flagName(), got)
	}
	p.note = words.Cause(fmt.Sprintf("certificate not verified; pin it with %s %s", p.flagName(), got))
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

// A SignedInfo is the reply to OpOpen over UDP: what TLS would prove about the
// responder, proved by a signature over the call's own random name.
type SignedInfo struct {
	Info      json.RawMessage `json:"info"`
	Chain     [][]byte        `json:"chain"` // certificates in DER form, the responder's own first
	Signature []byte          `json:"signature"`
}

func signedBytes(call string, info []byte) []byte {
	return append([]byte("sipdoctor open over udp\x00"+call+"\x00"), info...)
}

// SignInfo signs an Info for one call with the responder's certificate.
func SignInfo(cert *tls.Certificate, call string, info Info) (*SignedInfo, error) {
	raw, err := json.Marshal(info)
	if err != nil {
		return nil, fmt.Errorf("writing the session's description: %w", err)
	}
	key, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("signing the session's description: the certificate's key cannot sign")
	}
	hash := crypto.SHA256
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		hash = 0 // Ed25519 signs the message itself (RFC 8032)
	}
	sig, err := crypto.SignMessage(key, rand.Reader, signedBytes(call, raw), hash)
	if err != nil {
		return nil, fmt.Errorf("signing the session's description: %w", err)
	}
	return &SignedInfo{Info: raw, Chain: cert.Certificate, Signature: sig}, nil
}

// open checks the signature and the certificate and returns the Info.
func (s *SignedInfo) open(call string, p *pin) (Info, error) {
	var info Info
	var chain []*x509.Certificate
	for _, der := range s.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return info, refusal("reading the responder's certificate: %w", err)
		}
		chain = append(chain, c)
	}
	if err := p.verify(chain); err != nil {
		return info, err
	}
	algorithm := map[x509.PublicKeyAlgorithm]x509.SignatureAlgorithm{
		x509.Ed25519: x509.PureEd25519, x509.ECDSA: x509.ECDSAWithSHA256, x509.RSA: x509.SHA256WithRSA, // what SignInfo uses
	}[chain[0].PublicKeyAlgorithm]
	if err := chain[0].CheckSignature(algorithm, signedBytes(call, s.Info), s.Signature); err != nil {
		return info, refusal("checking the responder's signature: %w", err)
	}
	if err := json.Unmarshal(s.Info, &info); err != nil {
		return info, refusal("reading the session's description: %w", err)
	}
	return info, nil
}
