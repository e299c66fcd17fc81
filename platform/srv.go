package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// LookupSRV asks DNS the way every program of this machine does.
func (r *realNetwork) LookupSRV(ctx context.Context, service, proto, domain string) ([]SRV, error) {
	name := "_" + service + "._" + proto + "." + strings.TrimSuffix(domain, ".")
	if _, ok := dns.IsDomainName(name); !ok || domain == "" {
		return nil, fmt.Errorf("looking up SRV %s: not a domain name", name)
	}
	absolute := name + "." // no search list is tried
	if runtime.GOOS == "windows" {
		absolute = name // package net compares it with the answer
	}
	found, err := twice(ctx, secondQuestion, func(ctx context.Context) ([]*net.SRV, error) {
		_, found, err := r.resolver().LookupSRV(ctx, "", "", absolute)
		return found, err
	})
	if err != nil && len(found) == 0 { // beside records it is about others, with invalid names
		return nil, r.lookupFailed("SRV "+name, err)
	}
	var records []SRV
	for _, s := range found {
		if target := strings.TrimSuffix(s.Target, "."); target != "" {
			records = append(records, SRV{target, s.Port, s.Priority, s.Weight})
		}
	}
	if len(records) == 0 { // a target that is the root (RFC 2782)
		const what = "the domain says that it does not offer this service"
		cause := &net.DNSError{Err: what, Name: name, IsNotFound: true}
		return nil, &lookupError{"SRV " + name, what, r.asked(""), cause}
	}
	return records, nil
}

// nameservers are the "host:port" to ask.
func (r *realNetwork) nameservers() ([]string, error) {
	if len(r.opts.DNSServers) > 0 {
		return slices.Clone(r.opts.DNSServers), nil
	}
	return systemNameservers()
}

// readResolvConf lists the servers of a resolv.conf(5) as "host:port".
func readResolvConf(path string) ([]string, error) {
	c, err := dns.ClientConfigFromFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no name server is set up (no %s): %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(c.Servers) == 0 {
		return nil, fmt.Errorf("no name server is set up in %s", path)
	}
	var servers []string
	for _, s := range c.Servers {
		servers = append(servers, net.JoinHostPort(s, c.Port))
	}
	return servers, nil
}
