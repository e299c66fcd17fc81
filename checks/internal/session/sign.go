package session

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
)

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
	msg, hash := signedBytes(call, raw), crypto.SHA256
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		hash = 0 // Ed25519 signs the message itself (RFC 8032)
	} else {
		d := sha256.Sum256(msg)
		msg = d[:]
	}
	sig, err := key.Sign(rand.Reader, msg, hash)
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
	if err := chain[0].CheckSignature(signatureAlgorithm(chain[0]), signedBytes(call, s.Info), s.Signature); err != nil {
		return info, refusal("checking the responder's signature: %w", err)
	}
	if err := json.Unmarshal(s.Info, &info); err != nil {
		return info, refusal("reading the session's description: %w", err)
	}
	return info, nil
}

// signatureAlgorithm is what SignInfo uses with the key of c.
func signatureAlgorithm(c *x509.Certificate) x509.SignatureAlgorithm {
	switch c.PublicKey.(type) {
	case ed25519.PublicKey:
		return x509.PureEd25519
	case *ecdsa.PublicKey:
		return x509.ECDSAWithSHA256
	case *rsa.PublicKey:
		return x509.SHA256WithRSA
	}
	return x509.UnknownSignatureAlgorithm
}
