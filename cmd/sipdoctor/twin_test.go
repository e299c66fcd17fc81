package main

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The responder stands where the provider is, also where that is a single address.
func TestWhereTheProviderIs(t *testing.T) {
	net := func(cidr, use string) netinfo.Subnet { return netinfo.Subnet{CIDR: cidr, Use: use} }
	two := func(a, b string) (s lab.Servers) {
		s.Responder = netip.MustParseAddr(a)
		if b != "" {
			s.Responder2 = netip.MustParseAddr(b)
		}
		return s
	}
	for name, tt := range map[string]struct {
		subnets  []netinfo.Subnet
		sip, rtp lab.Servers
	}{
		"one network for all":    {[]netinfo.Subnet{net("198.51.100.0/24", netinfo.UseAny)}, two("198.51.100.1", "198.51.100.2"), two("198.51.100.1", "198.51.100.2")},
		"media elsewhere":        {[]netinfo.Subnet{net("198.51.100.4/30", netinfo.UseSignalling), net("203.0.113.0/24", netinfo.UseMedia)}, two("198.51.100.5", "198.51.100.6"), two("203.0.113.1", "203.0.113.2")},
		"a single address":       {[]netinfo.Subnet{net("198.51.100.9", netinfo.UseAny)}, two("198.51.100.9", ""), two("198.51.100.9", "")},
		"two single addresses":   {[]netinfo.Subnet{net("198.51.100.9", netinfo.UseAny), net("198.51.100.77", netinfo.UseAny)}, two("198.51.100.9", "198.51.100.77"), two("198.51.100.9", "198.51.100.77")},
		"IPv6 and nothing else":  {[]netinfo.Subnet{net("2001:db8::/32", netinfo.UseAny)}, lab.Servers{}, lab.Servers{}},
		"nobody knows its media": {[]netinfo.Subnet{net("198.51.100.0/29", netinfo.UseSignalling)}, two("198.51.100.1", "198.51.100.2"), lab.Servers{}},
	} {
		p := &netinfo.Profile{Subnets: tt.subnets}
		if sip, rtp := serversOf(p, netinfo.UseSignalling), serversOf(p, netinfo.UseMedia); sip != tt.sip || rtp != tt.rtp {
			t.Errorf("%s: SIP at %v, media at %v", name, sip, rtp)
		}
	}
}
