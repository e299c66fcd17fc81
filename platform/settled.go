package platform

import (
	"context"
	"crypto/x509"
)

// Settled is Real for a process that is about to give up its files: the name
// servers, the hosts file and the certificates of authorities are read now. What
// becomes of them later is not seen.
func Settled(ctx context.Context, o RealOptions) Network {
	if servers, err := systemNameservers(); err == nil && len(o.DNSServers) == 0 {
		o.DNSServers = servers
	}
	n := Real(o)
	// Packages net and crypto/x509 keep what they have read; the hosts file for as long
	// as its date and size stay the same.
	_, _ = n.LookupAddrs(ctx, "localhost")
	_, _ = x509.SystemCertPool()
	return n
}
