package rtpports

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

func TestTheSizeOfTheTableComesFromWhoKnowsIt(t *testing.T) {
	inside, outside := netip.MustParseAddr("192.168.88.10"), netip.MustParseAddr("203.0.113.1")
	router := func(platform, version, confidence string) *netinfo.Host {
		return &netinfo.Host{Uplink: netinfo.Uplink{Local: []netip.Addr{inside}},
			Router: &netinfo.Router{Platform: platform, Version: version, Confidence: confidence}}
	}
	own := func(h *netinfo.Host, most, count int) *netinfo.Host {
		h.Tracking = &netinfo.Tracking{Max: most, Count: count}
		return h
	}
	tests := []struct {
		name    string
		host    *netinfo.Host
		entries int
		from    string
	}{
		{"nothing is known", nil, 4096, fromDefault},
		{"a router that said nothing", &netinfo.Host{}, 4096, fromDefault},
		{"VyOS", router("vyos", "1.4", "certain"), 65536, fromRouter},
		{"a router that is perhaps VyOS", router("vyos", "", "possible"), 4096, fromUnknown},
		{"an older OpenWrt", router("openwrt", "19.07.7", "certain"), 4096, fromRouter},
		{"a newer OpenWrt takes what the memory allows", router("openwrt", "23.05.2", "certain"), 4096, fromUnknown},
		{"an OpenWrt of unknown age", router("openwrt", "", "certain"), 4096, fromUnknown},
		{"MikroTik takes what the memory allows", router("mikrotik", "7.15", "certain"), 4096, fromUnknown},
		{"a very small one", router("d-link", "", "likely"), 1024, fromRouter},
		{"this machine's own table is nearly full", own(router("vyos", "1.4", "certain"), 16384, 12384), 1000, fromOwn},
		{"this machine's own table is large", own(router("d-link", "", "likely"), 262144, 10), 1024, fromRouter},
		{"this machine tracks nothing", own(router("vyos", "1.4", "certain"), 8192, 0), 65536, fromRouter},
		{"no router: this machine has the public address", own(&netinfo.Host{Uplink: netinfo.Uplink{Local: []netip.Addr{outside}}}, 65536, 536), 16250, fromOwn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entries, from := budgetOf(tt.host, outside)
			if entries != tt.entries || from != tt.from {
				t.Errorf("%d entries (%s), want %d (%s)", entries, from, tt.entries, tt.from)
			}
		})
	}
}
