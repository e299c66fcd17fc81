package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Ways are the machine's own addresses and its routes.
type Ways struct {
	Local    []netip.Addr
	Gateways []netip.Addr // of the default routes
	routes   []route
	Err      error // why they are missing
}

// route is a row of "ip -j route show table all".
type route struct {
	dst    netip.Prefix
	dev    string
	table  string
	kind   string
	metric int
}

// Ways reads the routing tables.
func (s *Server) Ways(ctx context.Context) *Ways {
	return s.ways.get(func() *Ways {
		out, err := s.Sys.Run(ctx, "ip", "-j", "route", "show", "table", "all")
		if err != nil {
			return &Ways{Err: err}
		}
		return readWays(out)
	})
}

func readWays(out []byte) *Ways {
	var rows []struct {
		Type, Dst, Dev, Table, Gateway string
		Metric                         int
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		return &Ways{Err: fmt.Errorf("reading ip -j route: %w", err)}
	}
	w := &Ways{}
	for _, r := range rows {
		p, ok := routeDestination(r.Dst, r.Gateway)
		if !ok {
			continue
		}
		if gw, err := netip.ParseAddr(r.Gateway); err == nil && p.Bits() == 0 && !gw.IsLinkLocalUnicast() && !slices.Contains(w.Gateways, gw) {
			w.Gateways = append(w.Gateways, gw)
		}
		if r.Type == "local" {
			if p.IsSingleIP() && !slices.Contains(w.Local, p.Addr()) {
				w.Local = append(w.Local, p.Addr())
			}
			continue
		}
		if r.Type != "broadcast" && r.Type != "multicast" && r.Type != "anycast" {
			w.routes = append(w.routes, route{p, r.Dev, r.Table, r.Type, r.Metric})
		}
	}
	return w
}

// routeDestination reads a destination: "default", an address or a network.
func routeDestination(dst, gateway string) (netip.Prefix, bool) {
	if dst == "default" {
		if strings.Contains(gateway, ":") {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	}
	if p, err := netip.ParsePrefix(dst); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(dst)
	return netip.PrefixFrom(a, a.BitLen()), err == nil
}

// Interface is the interface by which packets to and from a most likely go:
// that of the longest route of the main table. Empty when nothing tells.
func (w *Ways) Interface(a netip.Addr) string {
	if a.IsLoopback() || slices.Contains(w.Local, a) {
		return "lo"
	}
	best := -1
	for i, r := range w.routes {
		if r.table != "" && r.table != "main" && r.table != "254" || !r.dst.Contains(a) || r.dev == "" {
			continue
		}
		if best < 0 || r.dst.Bits() > w.routes[best].dst.Bits() ||
			r.dst.Bits() == w.routes[best].dst.Bits() && r.metric < w.routes[best].metric {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return w.routes[best].dev
}
