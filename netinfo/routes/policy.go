package routes

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
)

// readPolicies reads "ip -j rule list"; nil: they cannot be read.
func readPolicies(out []byte) []Policy {
	var rows []map[string]any
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil
	}
	list := make([]Policy, 0, len(rows))
	for _, row := range rows {
		list = append(list, policyOf(row))
	}
	return sorted(list)
}

func sorted(list []Policy) []Policy {
	slices.SortStableFunc(list, func(a, b Policy) int { return cmp.Compare(a.Priority, b.Priority) })
	return list
}

func policyOf(row map[string]any) Policy {
	var p Policy
	text := func(name string) string { s, _ := row[name].(string); return s }
	for name := range row {
		switch name {
		case "protocol", "src", "dst", "srclen", "dstlen", "fwmask":
		case "priority":
			n, _ := row[name].(float64)
			p.Priority = int64(n)
		case "not":
			p.Not = row[name] != false
		case "iif":
			p.In = text(name)
		case "table":
			p.Table = text(name)
		case "action":
			p.Action = text(name)
		case "l3mdev":
			p.VRF = true
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
		default: // oif, ipproto, sport, uid_start, goto …
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
