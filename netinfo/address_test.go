package netinfo

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// Only what a router can have on its outer side says anything about NAT.
func TestOuterAddresses(t *testing.T) {
	uplink := Uplink{
		Gateway: netip.MustParseAddr("192.168.88.1"), Gateway6: netip.MustParseAddr("fe80::1"),
		Local: []netip.Addr{netip.MustParseAddr("192.168.88.10")},
	}
	for name, tt := range map[string]struct {
		addr string
		why  string // empty: it counts
	}{
		"public":                              {"203.0.113.1", ""},
		"private, of another network":         {"192.168.1.10", ""},
		"private, 10.0.0.0/8":                 {"10.0.0.1", ""},
		"a carrier's, the first":              {"100.64.0.0", ""},
		"a carrier's, the last":               {"100.127.255.255", ""},
		"behind the carriers' block":          {"100.128.0.0", ""},
		"DS-Lite":                             {"192.0.0.2", ""},
		"the rest of that block":              {"192.0.0.8", "protocols"},
		"an IPv4 address written as IPv6":     {"::ffff:203.0.113.1", ""},
		"public IPv6":                         {"2a00:1450::1", ""},
		"unique local IPv6":                   {"fd00::1", ""},
		"none":                                {"0.0.0.0", "no address"},
		"this network":                        {"0.1.2.3", "single host"},
		"loopback":                            {"127.0.0.1", "loopback"},
		"another loopback":                    {"127.255.255.254", "loopback"},
		"below loopback":                      {"126.255.255.255", ""},
		"link-local":                          {"169.254.1.1", "link-local"},
		"below link-local":                    {"169.253.255.255", ""},
		"benchmarks":                          {"198.19.255.255", "benchmarks"},
		"beyond benchmarks":                   {"198.20.0.0", ""},
		"below multicast":                     {"223.255.255.255", ""},
		"multicast":                           {"224.0.0.1", "multicast"},
		"reserved":                            {"240.0.0.1", "reserved"},
		"broadcast":                           {"255.255.255.255", "reserved"},
		"its inner address":                   {"192.168.88.1", "inner"},
		"this machine's address":              {"192.168.88.10", "own"},
		"this machine's address, IPv4 in v6":  {"::ffff:192.168.88.10", "own"},
		"IPv6 link-local":                     {"fe80::2", "one network only"},
		"IPv6 loopback":                       {"::1", "one network only"},
		"IPv6 multicast":                      {"ff02::1", "one network only"},
		"IPv4 loopback written as IPv6":       {"::ffff:127.0.0.1", "loopback"},
		"the address of a router without any": {"::", "no address"},
	} {
		t.Run(name, func(t *testing.T) {
			said := External{Method: "nat-pmp", Addr: netip.MustParseAddr(tt.addr)}
			h := Host{Uplink: uplink}
			h.introduce([]part{{clues: []Clue{{"nat-pmp", "it answered"}}, external: []External{said}}})
			notes := fmt.Sprint(h.Notes)
			if counts := len(h.Router.External) == 1; counts != (tt.why == "") || !strings.Contains(notes, tt.why) || counts != (notes == "[]") {
				t.Errorf("kept %v, notes %q; want %q", h.Router.External, notes, tt.why)
			}
			saved := Host{Uplink: uplink, Router: &Router{External: []External{said}}} // by an earlier version
			if list := saved.OuterAddresses(); (len(list) == 1) != (tt.why == "") {
				t.Errorf("in a saved report: %v", list)
			}
		})
	}
	if list := (*Host)(nil).OuterAddresses(); list != nil {
		t.Errorf("without a host: %v", list)
	}
}
