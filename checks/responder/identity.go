package responder

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// identityFile holds the certificate and its key, PEM.
const identityFile = "identity.pem"

// An Identity is the certificate that clients know a responder by.
type Identity struct {
	Certificate *tls.Certificate
	// Kept says that the next start in the same directory has it as well.
	Kept bool
	// Replaced is why there is a new certificate in the place of one that was
	// kept, and NotKept why this one will not be; "" where neither is so.
	Replaced, NotKept string
}

// KeptIdentity returns the certificate that an earlier start has left in a
// directory, or makes and keeps one. A certificate is kept whatever addresses
// it names: clients know it by its fingerprint. Where nothing can be kept
// safely it is made for this run; the error is only about making one. The
// directory is ServiceStateDir's or one that the user named, "" is none.
func KeptIdentity(dir string, addrs []netip.Addr, now time.Time) (Identity, error) {
	if dir == "" {
		return ephemeral(addrs, now, "there is no directory to keep it in")
	}
	kept, err := readIdentity(dir, now)
	switch {
	case err == nil:
		return Identity{Certificate: kept, Kept: true}, nil
	case errors.Is(err, platform.ErrExposed):
		return ephemeral(addrs, now, string(platform.Words(err)))
	}
	made, cerr := selfSigned(now, addrs)
	if cerr != nil {
		return Identity{}, cerr
	}
	b, cerr := encodeIdentity(made)
	if cerr != nil {
		return Identity{}, cerr
	}
	id := Identity{Certificate: &made, Kept: true}
	if errors.Is(err, fs.ErrNotExist) {
		err = platform.KeepNew(dir, identityFile, b)
	} else if unreadable := (*unusableError)(nil); errors.As(err, &unreadable) {
		id.Replaced = err.Error()
		err = platform.Keep(dir, identityFile, b)
	}
	if errors.Is(err, fs.ErrExist) { // another responder was a moment faster
		if kept, err = readIdentity(dir, now); err == nil {
			return Identity{Certificate: kept, Kept: true}, nil
		}
	}
	if err != nil {
		id.Kept, id.NotKept = false, string(platform.Words(err))
	}
	return id, nil
}

func ephemeral(addrs []netip.Addr, now time.Time, why string) (Identity, error) {
	c, err := selfSigned(now, addrs)
	return Identity{Certificate: &c, NotKept: why}, err
}

// An unusableError is about a kept identity that is of no use any more.
type unusableError struct{ text string }

func (e *unusableError) Error() string { return e.text }

func readIdentity(dir string, now time.Time) (*tls.Certificate, error) {
	b, err := platform.ReadKept(dir, identityFile)
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, &unusableError{fmt.Sprintf("the one in %s cannot be read (%s)", dir, err)}
	}
	if now.After(c.Leaf.NotAfter) {
		return nil, &unusableError{fmt.Sprintf("the one in %s expired on %s", dir, c.Leaf.NotAfter.Format(time.DateOnly))}
	}
	return &c, nil
}

func encodeIdentity(c tls.Certificate) ([]byte, error) {
	key, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return nil, fmt.Errorf("writing the key: %w", err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	return append(cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})...), nil
}

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
