package packetfilter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// ReadHost reads what the kernel asks besides the rules. Sockets are for the
// caller to add. The error says why the routes are missing; what else is
// missing is unknown.
func ReadHost(ctx context.Context, s platform.System) (*Host, error) {
	h := &Host{Switches: map[string]int{}, Under: map[string][]string{}}
	out, err := s.Run(ctx, "ip", "-j", "route", "show", "table", "all")
	if err == nil {
		err = h.readRoutes(out)
	}
	h.readPolicies(ctx, s)
	for _, pattern := range []string{
		"ipv4/ip_forward", "ipv4/conf/*/forwarding", "ipv4/conf/*/rp_filter", "ipv4/conf/*/route_localnet", "ipv6/conf/*/forwarding", "netfilter/nf_conntrack_count",
	} {
		h.readSwitches(s, pattern)
	}
	if out, err := s.Run(ctx, "ip", "xfrm", "policy"); err == nil {
		h.IPsec = tritOf(strings.TrimSpace(string(out)) != "")
	}
	// /sys/class/net/br0/lower_eth0 is a link to what br0 is made of.
	lower, _ := s.Glob("/sys/class/net/*/lower_*")
	for _, name := range lower {
		over := path.Base(path.Dir(name))
		h.Under[over] = append(h.Under[over], strings.TrimPrefix(path.Base(name), "lower_"))
	}
	return h, err
}

// maxSwitches bounds the interfaces whose switches are read: a machine with
// many containers has some hundred.
const maxSwitches = 1000

func (h *Host) readSwitches(s platform.System, pattern string) {
	const dir = "/proc/sys/net/"
	names, _ := s.Glob(dir + pattern)
	for _, name := range names[:min(len(names), maxSwitches)] {
		b, err := platform.ReadSystemFile(s, name, 16)
		if err != nil {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			h.Switches[strings.TrimPrefix(name, dir)] = n
		}
	}
}

// routeRow is a row of "ip -j route show table all".
type routeRow struct {
	Type, Dst, Dev, Table, Gateway, PrefSrc string
	Metric                                  int64
}

// placeholder is the metric of the route that kernels keep where IPv6 has no
// default route (ip6_null_entry).
const placeholder = 1<<32 - 1

func (h *Host) readRoutes(out []byte) error {
	var rows []routeRow
	if err := json.Unmarshal(out, &rows); err != nil {
		return fmt.Errorf("reading ip -j route: %w", err)
	}
	h.Routes = []Route{}
	for _, r := range rows {
		if r.Type == "unreachable" && r.Metric == placeholder {
			continue
		}
		p, ok := routeDestination(r.Dst, r.Gateway)
		if !ok {
			continue
		}
		if r.Table == "" || r.Table == "254" {
			r.Table = "main"
		}
		switch {
		case r.Type == "broadcast":
			h.Broadcast = append(h.Broadcast, p.Addr())
		case r.Type == "local" && p.IsSingleIP() && (r.Table == "local" || r.Table == "255"):
			h.Addrs = append(h.Addrs, HostAddr{p.Addr(), r.Dev, r.PrefSrc == "" || r.PrefSrc == r.Dst})
		}
		gateway, _ := netip.ParseAddr(r.Gateway)
		h.Routes = append(h.Routes, Route{Dst: p, Interface: r.Dev, Table: r.Table, Kind: r.Type, Metric: r.Metric, Gateway: gateway})
	}
	return nil
}

// routeDestination reads a destination as ip lists it: "default", an address or
// a network. ip does not name the family of a default route; its gateway tells.
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

// readPolicies reads the policy rules of both families.
func (h *Host) readPolicies(ctx context.Context, s platform.System) {
	for _, args := range [][]string{{"-j", "rule", "list"}, {"-j", "-6", "rule", "list"}} {
		out, err := s.Run(ctx, "ip", args...)
		if err != nil {
			continue // the usual ones are the best guess: few machines have others
		}
		list, err := parsePolicies(out)
		if err != nil {
			continue
		}
		if args[1] == "-6" {
			h.Policies6 = list
		} else {
			h.Policies = list
		}
	}
}

func parsePolicies(out []byte) ([]Policy, error) {
	var rows []map[string]any
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil, fmt.Errorf("reading ip -j rule: %w", err)
	}
	list := make([]Policy, 0, len(rows))
	for _, row := range rows {
		list = append(list, policyOf(row))
	}
	return list, nil
}

func policyOf(row map[string]any) Policy {
	var p Policy
	text := func(name string) string { s, _ := row[name].(string); return s }
	for name := range row {
		switch name {
		case "priority", "protocol", "src", "dst", "srclen", "dstlen", "fwmask":
		case "not":
			p.Not = row[name] != false
		case "iif":
			p.In = text(name)
		case "table":
			p.Table = text(name)
		case "action":
			p.Action = text(name)
		case "fwmark":
			n, err := strconv.ParseUint(text(name), 0, 32)
			p.Mark, p.Mask = uint32(n), ^uint32(0)
			if m, merr := strconv.ParseUint(text("fwmask"), 0, 32); merr == nil {
				p.Mask = uint32(m)
			}
			p.Other = p.Other || err != nil
		case "suppress_prefixlen":
			f, ok := row[name].(float64)
			p.Least, p.Other = int(f)+1, p.Other || !ok
		default: // oif, ipproto, sport, uidrange, suppress_prefixlength, goto …
			p.Other = true
		}
	}
	p.Src, p.Dst = policyPrefix(row, "src"), policyPrefix(row, "dst")
	return p
}

// policyPrefix is invalid for "all".
func policyPrefix(row map[string]any, name string) netip.Prefix {
	s, _ := row[name].(string)
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}
	}
	n := a.BitLen()
	if f, ok := row[name+"len"].(float64); ok {
		n = int(f)
	}
	p, _ := a.Prefix(n)
	return p
}
