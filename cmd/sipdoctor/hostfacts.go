package main

import (
	"context"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// hostFacts gathers what is known of a machine and the router in front of it.
type hostFacts func(context.Context) (*netinfo.Host, error)

// factsOf asks machine, and its router over network. Whoever checks over
// loopback has no router on the way, and none is asked.
func factsOf(machine platform.Machine, network platform.Network, bind netip.Addr) hostFacts {
	return func(ctx context.Context) (*netinfo.Host, error) {
		return netinfo.Gather(ctx, machine, network, netinfo.Options{Bind: bind, Quiet: bind.IsLoopback()})
	}
}
