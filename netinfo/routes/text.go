package routes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// routeRows are the routes of Linux. The ip of BusyBox (OpenWrt) knows no JSON, that of
// iproute2 only since 4.16 (EdgeOS has an older one): it is asked again for text then.
func routeRows(ctx context.Context, s platform.System) ([]platform.RouteRow, error) {
	out, err := s.Run(ctx, "ip", "-j", "route", "show", "table", "all")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	rows := []platform.RouteRow{}
	if err == nil {
		if err = json.Unmarshal(out, &rows); err == nil {
			return rows, nil
		}
		err = fmt.Errorf("reading ip -j route show table all: %w", err)
	}
	rows = []platform.RouteRow{}
	for _, family := range []string{"-4", "-6"} { // a default route does not say of which it is
		out, terr := s.Run(ctx, "ip", family, "route", "show", "table", "all")
		var more []platform.RouteRow
		if terr == nil {
			more, terr = parseRoutes(string(out), family == "-6")
		}
		if errors.Is(terr, fs.ErrNotExist) { // a bundle has what was asked when it was made
			return nil, err
		}
		if terr != nil {
			return nil, errors.Join(err, terr)
		}
		rows = append(rows, more...)
	}
	if len(rows) == 0 { // the loopback has routes anywhere
		return nil, err
	}
	return rows, nil
}

// routeTypes are what a line may begin with instead of a destination (ip-route(8)).
func routeTypes() []string {
	return []string{"unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole", "nat", "anycast"}
}

// parseRoutes reads "ip route show table all" as text. A route whose way is not told is an
// error: BusyBox is silent about the ways of one that has several.
func parseRoutes(text string, v6 bool) (rows []platform.RouteRow, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 0 && f[0] == "nexthop" && len(rows) > 0 {
			last := &rows[len(rows)-1]
			last.NextHops = append(last.NextHops, platform.NextHop{Gateway: after(f, "via"), Dev: after(f, "dev")})
			continue
		}
		var r platform.RouteRow
		if len(f) > 0 && slices.Contains(routeTypes(), f[0]) {
			r.Type, f = f[0], f[1:]
		}
		if len(f) == 0 {
			continue
		}
		r.Dst, r.Gateway, r.Dev, r.Table, r.PrefSrc = f[0], after(f, "via"), after(f, "dev"), after(f, "table"), after(f, "src")
		if n, err := strconv.ParseInt(after(f, "metric"), 10, 64); err == nil {
			r.Metric = int64(uint32(n)) // BusyBox shows the largest as -1
		}
		if v6 {
			r.Pref = "medium"
		}
		if r.Type == "unicast" {
			r.Type = ""
		}
		rows = append(rows, r)
	}
	for _, r := range rows {
		if r.Type == "" && r.Dev == "" && len(r.NextHops) == 0 {
			return nil, fmt.Errorf("the ways of the route to %s are not shown", r.Dst)
		}
	}
	return rows, nil
}

// after is what stands after a word; empty where it is not there.
func after(f []string, word string) string {
	i := slices.Index(f, word)
	if i < 0 || i+1 >= len(f) {
		return ""
	}
	if word == "via" && (f[i+1] == "inet" || f[i+1] == "inet6") { // a gateway of the other family, which JSON has elsewhere
		return ""
	}
	return f[i+1]
}

// policies are the rules that choose a table, of the family that args choose; nil: they
// cannot be read.
func policies(ctx context.Context, s platform.System, args ...string) []Policy {
	out, err := s.Run(ctx, "ip", slices.Concat([]string{"-j"}, args, []string{"rule", "list"})...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if list := readPolicies(out); list != nil {
			return list
		}
	}
	if out, err = s.Run(ctx, "ip", append(args, "rule", "list")...); err != nil {
		return nil
	}
	return sorted(parsePolicies(string(out)))
}

// parsePolicies reads "ip rule list" as text into what policyOf takes.
func parsePolicies(text string) (list []Policy) {
	for line := range strings.Lines(text) {
		priority, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.ParseInt(priority, 10, 64)
		if !ok || err != nil {
			continue
		}
		row := map[string]any{"priority": float64(n)}
		f := strings.Fields(rest)
		for i := 0; i < len(f); i++ {
			word, value := f[i], ""
			if i+1 < len(f) {
				value = f[i+1]
			}
			switch word {
			case "not":
				row["not"] = true
				continue
			case "blackhole", "unreachable", "prohibit", "nop":
				row["action"] = word
				continue
			case "from":
				prefixIn(row, "src", value)
			case "to":
				prefixIn(row, "dst", value)
			case "fwmark":
				mark, mask, masked := strings.Cut(value, "/")
				if row["fwmark"] = mark; masked {
					row["fwmask"] = mask
				}
			case "lookup", "table":
				if row["table"] = value; value == "[l3mdev-table]" {
					delete(row, "table")
					row["l3mdev"] = true
				}
			case "iif":
				row["iif"] = value
			case "suppress_prefixlength":
				if n, err := strconv.ParseFloat(value, 64); err == nil {
					row["suppress_prefixlen"] = n
				}
			case "proto":
			default: // oif, ipproto, sport …
				row[word] = value
			}
			i++
		}
		list = append(list, policyOf(row))
	}
	return list
}

// prefixIn puts a network into a row as the JSON of ip has it.
func prefixIn(row map[string]any, name, value string) {
	addr, bits, ok := strings.Cut(value, "/")
	row[name] = addr
	if n, err := strconv.ParseFloat(bits, 64); ok && err == nil {
		row[name+"len"] = n
	}
}
