package session

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"
)

// issue makes a certificate for name, signed by ca or by itself.
func issue(t *testing.T, name string, key crypto.Signer, ca *x509.Certificate, caKey crypto.Signer) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ca == nil {
		ca, caKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhichCertificatesAreBelieved(t *testing.T) {
	caKey, key := newKey(t), newKey(t)
	ca := issue(t, "Example CA", caKey, nil, nil)
	good := issue(t, "responder.example.net", key, ca, caKey)
	renewed := issue(t, "responder.example.net", newKey(t), ca, caKey)
	own := issue(t, "sipdoctor", key, nil, nil)
	other := issue(t, "sipdoctor", newKey(t), nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	fp := func(c *x509.Certificate) *Fingerprint { f := FingerprintOf(c.Raw); return &f }
	tests := []struct {
		name  string
		pin   *pin
		shown *x509.Certificate
		err   string // "" accepted
		note  bool
	}{
		{"an authority vouches for the name", &pin{host: "responder.example.net", roots: roots}, good, "", false},
		{"an authority vouches for another name", &pin{host: "192.0.2.1", roots: roots}, good, "certificate not accepted", false},
		{"an authority that nobody knows", &pin{host: "responder.example.net", roots: x509.NewCertPool()}, good, "pin it with --responder-fingerprint " + fp(good).String(), false},
		{"its own, at the first meeting", &pin{host: "x", roots: roots}, own, "", true},
		{"its own, as at the first meeting", &pin{host: "x", roots: roots, first: fp(own)}, own, "", false},
		{"another than at the first meeting", &pin{host: "x", roots: roots, first: fp(own)}, other, "changed during the run", false},
		{"renewed by an authority", &pin{host: "responder.example.net", roots: roots, first: fp(renewed)}, good, "", false},
		{"an authority vouches for another name than at the first meeting", &pin{host: "192.0.2.1", roots: roots, first: fp(renewed)}, good, "changed during the run", false},
		{"the one that was pinned", &pin{host: "x", want: fp(own)}, own, "", false},
		{"not the one that was pinned", &pin{host: "x", want: fp(own)}, other, "its fingerprint is " + fp(other).String() + ", but --responder-fingerprint says " + fp(own).String(), false},
		{"not the one that was pinned, though an authority vouches", &pin{host: "responder.example.net", roots: roots, want: fp(own)}, good, "wrong certificate", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.pin.verify([]*x509.Certificate{tt.shown})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !isRefusal(err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if got := len(tt.pin.notes()) > 0; got != tt.note {
				t.Errorf("notes %q", tt.pin.notes())
			}
		})
	}
	if err := (&pin{}).verify(nil); err == nil {
		t.Error("no certificate at all is accepted")
	}
}

func TestFingerprintsAsPeopleWriteThem(t *testing.T) {
	want := strings.Repeat("ab", 32)
	for _, s := range []string{want, strings.ToUpper(want), strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), "SHA256:" + want, "sha256:" + strings.Repeat("ab ", 32)} {
		if f, err := ParseFingerprint(s); err != nil || f.String() != want {
			t.Errorf("%q: %s, %v", s, f, err)
		}
	}
	for _, s := range []string{"", "ab", want + "ab", strings.Repeat("xy", 32)} {
		if f, err := ParseFingerprint(s); err == nil {
			t.Errorf("%q is read as %s", s, f)
		}
	}
}

func TestTheOpenReplyOverUDPIsSignedWithEveryKindOfKey(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ECDSA": newKey(t), "RSA": r, "Ed25519": ed} {
		t.Run(name, func(t *testing.T) {
			own := issue(t, "x", key, nil, nil)
			cert := &tls.Certificate{Certificate: [][]byte{own.Raw}, PrivateKey: key}
			signed, err := SignInfo(cert, someCall, Info{Protocol: 1, ID: "0123456789abcdef"})
			if err != nil {
				t.Fatal(err)
			}
			f := FingerprintOf(own.Raw)
			if info, err := signed.open(someCall, &pin{want: &f}); err != nil || info.ID != "0123456789abcdef" {
				t.Errorf("%+v, %v", info, err)
			}
			if _, err := signed.open(strings.Repeat("0", 32), &pin{want: &f}); err == nil {
				t.Error("the signature holds for another call: it could be replayed")
			}
			signed.Info = []byte(strings.Replace(string(signed.Info), "0123", "3210", 1))
			if _, err := signed.open(someCall, &pin{want: &f}); err == nil {
				t.Error("the signature holds for another session")
			}
		})
	}
}
