package main

import (
	"context"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// hostFacts gathers what is known of a machine and the router in front of it.
type hostFacts func(context.Context) (*netinfo.Host, error)

// factsOf asks a machine, and its router over network. Whoever checks over
// loopback has no router on the way, and none is asked.
func factsOf(sys platform.System, network platform.Network, bind netip.Addr) hostFacts {
	return func(ctx context.Context) (*netinfo.Host, error) {
		return netinfo.Gather(ctx, sys, network, netinfo.Options{Bind: bind, Quiet: bind.IsLoopback()})
	}
}

// serverHost is what a machine knows of itself, without asking the network. The
// packet filter is read by the checks.
func serverHost(sys platform.System) hostFacts {
	return func(ctx context.Context) (*netinfo.Host, error) {
		return netinfo.ReadHost(ctx, sys, netip.Addr{}), nil
	}
}
