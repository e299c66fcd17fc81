package probe

import (
	"net/netip"
	"testing"
)

func TestASocketIsBoundInTheFamilyOfItsPeer(t *testing.T) {
	v4, v6, none := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.Addr{}
	for name, tt := range map[string]struct{ wanted, remote, want netip.Addr }{
		"no wish, to IPv4":     {none, v4, netip.IPv4Unspecified()},
		"no wish, to IPv6":     {none, v6, netip.IPv6Unspecified()},
		"no wish, to anybody":  {none, none, netip.IPv4Unspecified()},
		"an address was named": {v4, v6, v4},
	} {
		if got := Bind(tt.wanted, tt.remote); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestTheFirstAddressOfTheSameFamilyIsTaken(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	both := []netip.Addr{v6, v4, netip.MustParseAddr("192.0.2.2")}
	for name, tt := range map[string]struct {
		addrs       []netip.Addr
		local, want netip.Addr
	}{
		"any family":      {both, netip.Addr{}, v6},
		"from IPv4":       {both, netip.MustParseAddr("198.51.100.1"), v4},
		"from IPv6":       {both, netip.MustParseAddr("2001:db8::2"), v6},
		"none of its own": {both[:1], netip.MustParseAddr("198.51.100.1"), netip.Addr{}},
		"no address":      {nil, netip.Addr{}, netip.Addr{}},
	} {
		if got, ok := SameFamily(tt.addrs, tt.local); got != tt.want || ok != tt.want.IsValid() {
			t.Errorf("%s: %v %v, want %v", name, got, ok, tt.want)
		}
	}
}
