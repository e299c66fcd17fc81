package platform

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// A NameserverLister is a Network that knows which DNS servers this machine
// was told to ask. It is apart from Network because only those who test DNS
// itself need it.
type NameserverLister interface {
	// Nameservers lists the DNS servers in the order of the system. It sends
	// nothing.
	Nameservers(ctx context.Context) ([]netip.AddrPort, error)
}

// Nameservers returns the DNS servers that n's machine asks. The error
// satisfies errors.Is(err, errors.ErrUnsupported) where n cannot tell.
func Nameservers(ctx context.Context, n Network) ([]netip.AddrPort, error) {
	l, ok := As[NameserverLister](n)
	if !ok {
		return nil, fmt.Errorf("listing the DNS servers: %w", errors.ErrUnsupported)
	}
	return l.Nameservers(ctx)
}

func (r *realNetwork) Nameservers(context.Context) (list []netip.AddrPort, err error) {
	servers, err := r.nameservers()
	if errors.Is(err, errors.ErrUnsupported) {
		return adapterNameservers()
	}
	for _, s := range servers {
		ap, perr := netip.ParseAddrPort(s)
		list, err = append(list, unmapped(ap)), errors.Join(err, perr)
	}
	if err != nil {
		return nil, fmt.Errorf("listing the DNS servers: %w", err)
	}
	return unique(list), nil
}

// unique leaves out what has come before.
func unique[T comparable](list []T) (out []T) {
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
