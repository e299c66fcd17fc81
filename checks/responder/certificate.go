package responder

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/netip"
	"time"
)

// selfSigned makes the certificate of one run of the responder. Clients know
// it by its fingerprint; the names in it are for people who look at it.
func selfSigned(now time.Time, addrs []netip.Addr) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key: %w", err)
	}
	c := &x509.Certificate{ // without a serial number it gets a random one
		Subject:               pkix.Name{CommonName: "sipdoctor responder"},
		NotBefore:             now.Add(-24 * time.Hour), // clocks in offices are wrong
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"sipdoctor-responder"},
	}
	for _, a := range addrs {
		if !a.IsUnspecified() {
			c.IPAddresses = append(c.IPAddresses, a.AsSlice())
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
