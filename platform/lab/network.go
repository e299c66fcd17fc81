package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Network is base with every socket in the node's network. Names are those of
// the lab; there is no other DNS.
func (n *Node) Network(base platform.Network) platform.Network { return nodeNetwork{n, base} }

type nodeNetwork struct {
	node *Node
	base platform.Network
}

func (w nodeNetwork) OpenUDP(ctx context.Context, local netip.AddrPort) (c platform.UDPConn, err error) {
	err = w.node.Do(func() (err error) { c, err = w.base.OpenUDP(ctx, local); return err })
	return c, err
}

func (w nodeNetwork) DialTCP(ctx context.Context, local, remote netip.AddrPort) (c net.Conn, err error) {
	err = w.node.Do(func() (err error) { c, err = w.base.DialTCP(ctx, local, remote); return err })
	return c, err
}

func (w nodeNetwork) ListenTCP(ctx context.Context, local netip.AddrPort) (l net.Listener, err error) {
	err = w.node.Do(func() (err error) { l, err = w.base.ListenTCP(ctx, local); return err })
	return l, err
}

func (w nodeNetwork) SourceFor(remote netip.Addr) (a netip.Addr, err error) {
	err = w.node.Do(func() (err error) { a, err = w.base.SourceFor(remote); return err })
	return a, err
}

func (w nodeNetwork) LookupAddrs(_ context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	var addrs []netip.Addr
	for _, s := range HostNames()[host] {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	if addrs == nil {
		return nil, notFound(host)
	}
	return addrs, nil
}

func (w nodeNetwork) LookupSRV(_ context.Context, service, proto, domain string) ([]platform.SRV, error) {
	return nil, notFound(fmt.Sprintf("_%s._%s.%s", service, proto, domain))
}

func (w nodeNetwork) LookupTXT(_ context.Context, name string) ([]string, error) {
	return nil, notFound(name)
}

// notFound is what the standard resolver returns for a name that does not
// exist.
func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
