package twin

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// isMetered reports whether a property counts the packets that it is asked about: it is
// asked last, and once.
func isMetered(name string) bool {
	return slices.Contains([]string{"limit", "dst-limit", "connection-limit", "random", "nth"}, name)
}

// metered is a property that counts; empty: it cannot be rebuilt.
func (t *table) metered(name, value string, not bool, row routeros.Row) string {
	parts := strings.Split(value, ",")
	switch {
	case name == "random":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 99 {
			return ""
		}
		return fmt.Sprintf("numgen random mod 100 %s %d", map[bool]string{false: "<", true: ">="}[not], n)
	case name == "limit" && len(parts) == 2:
		burst, mode, _ := strings.Cut(parts[1], ":")
		if mode == "" || mode == "packet" {
			return rate(parts[0], burst, not)
		}
	case name == "nth" && len(parts) == 2 && !not:
		every, err1 := strconv.Atoi(parts[0])
		packet, err2 := strconv.Atoi(parts[1])
		if err1 == nil && err2 == nil && packet >= 1 && packet <= every {
			return fmt.Sprintf("numgen inc mod %d == %d", every, packet-1)
		}
	case name == "connection-limit" && len(parts) == 2:
		return t.connections(parts[0], parts[1], not)
	case name == "dst-limit" && len(parts) == 3:
		return t.flows(parts[0], parts[1], parts[2], not, row)
	}
	return ""
}

// rate is a limit of "10" packets a second, or "10/1m", with a burst; empty: it cannot be
// rebuilt. Both RouterOS and nft fill a bucket of that burst.
func rate(text, burst string, over bool) string {
	count, per, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(count, 10, 32)
	b, err2 := strconv.ParseUint(burst, 10, 16)
	d, ok := routeros.ParseTime(per)
	if per == "" {
		d, ok = time.Second, true
	}
	s := uint64(d / time.Second)
	if err != nil || err2 != nil || !ok || n == 0 || b == 0 || s == 0 || s > 1<<24 {
		return ""
	}
	for _, unit := range []struct {
		name    string
		seconds uint64
	}{{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}} {
		if n*unit.seconds%s == 0 {
			return fmt.Sprintf("limit rate %s%d/%s burst %d packets", map[bool]string{true: "over "}[over], n*unit.seconds/s, unit.name, b)
		}
	}
	return ""
}

// connections asks whether a network of hosts has more connections than most, this one
// counted.
func (t *table) connections(most, bits string, not bool) string {
	n, err := strconv.ParseUint(most, 10, 31)
	length, err2 := strconv.Atoi(bits)
	zero := map[string]netip.Addr{"ip": netip.IPv4Unspecified(), "ip6": netip.IPv6Unspecified()}[t.family]
	if err != nil || err2 != nil || length < 0 || length > zero.BitLen() {
		return ""
	}
	count := fmt.Sprintf("ct count %s%d", map[bool]string{false: "over "}[not], n)
	key := t.family + " saddr"
	switch length {
	case 0:
		return count
	case zero.BitLen():
	default:
		key += " & " + mask(netip.PrefixFrom(zero, length))
	}
	return fmt.Sprintf("add @%s { %s %s }", t.meter(t.addr, ""), key, count)
}

// flows is a limit for each flow apart: "src-address", with the time after which one that
// is silent is forgotten.
func (t *table) flows(limit, burst, mode string, not bool, row routeros.Row) string {
	mode, expire, _ := strings.Cut(mode, "/")
	forget, ok := routeros.ParseTime(expire)
	if expire == "" {
		forget, ok = time.Minute, true
	}
	from, to, port := t.family+" saddr", t.family+" daddr", "th dport"
	keys := map[string][]string{
		"src-address": {from}, "dst-address": {to}, "src-and-dst-addresses": {from, to}, "dst-address-and-port": {to, port}, "addresses-and-dst-port": {from, to, port},
	}[mode]
	most := rate(limit, burst, not)
	if keys == nil || most == "" || !ok || forget < time.Second || slices.Contains(keys, port) && t.protocol(row) == "" {
		return ""
	}
	var kinds []string
	for _, k := range keys {
		kinds = append(kinds, map[bool]string{true: "inet_service", false: t.addr}[k == port])
	}
	return fmt.Sprintf("update @%s { %s %s }", t.meter(strings.Join(kinds, " . "), seconds(forget)+"s"), strings.Join(keys, " . "), most)
}

// meter is a new set in which the kernel counts, each element for the time that it is given.
func (t *table) meter(kind, timeout string) string {
	name := t.ident("meter", fmt.Sprint("meter_", len(t.meters)+1))
	flags := "dynamic"
	if timeout != "" {
		flags += ", timeout; timeout " + timeout
	}
	t.meters = append(t.meters, fmt.Sprintf("set %s { type %s; flags %s; size 65535; }", name, kind, flags))
	return name
}
