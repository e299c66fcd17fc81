package signalling

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

func TestAServerThatSeesOneAddressForEverybody(t *testing.T) {
	for name, c := range map[string]struct {
		server, received string
		router           string // what the router says that its outer address is
		want             string // confidence; empty: no finding
	}{
		"behind docker-proxy":                   {"198.51.100.5", "172.17.0.1", "", "likely"},
		"behind it, and the router is another":  {"198.51.100.5", "172.17.0.1", "203.0.113.1", "likely"},
		"behind another network of Docker":      {"198.51.100.5", "172.31.0.1", "", "likely"},
		"a private network before Docker's":     {"198.51.100.5", "172.16.0.1", "", "possible"},
		"a host in one of Docker's networks":    {"198.51.100.5", "172.17.0.2", "", "possible"},
		"a network that Docker does not take":   {"198.51.100.5", "172.17.1.1", "", "possible"},
		"behind a NAT of IPv6":                  {"2001:db8::5", "fd00::1", "", "possible"},
		"behind a router with source NAT":       {"198.51.100.5", "10.20.0.1", "", "possible"},
		"it sees the public address":            {"198.51.100.5", "203.0.113.1", "", ""},
		"it says nothing":                       {"198.51.100.5", "", "", ""},
		"our own address (an ALG, or no NAT)":   {"198.51.100.5", "192.168.88.10", "", ""},
		"another address of this machine":       {"198.51.100.5", "192.168.88.11", "", ""},
		"as IPv6 writes it":                     {"198.51.100.5", "::ffff:172.17.0.1", "", "likely"},
		"a name in place of an address":         {"198.51.100.5", "gateway", "", ""},
		"the router's outer address (two NATs)": {"198.51.100.5", "192.168.1.2", "192.168.1.2", ""},
		"the carrier's space":                   {"198.51.100.5", "100.64.0.9", "", ""},
		"a server inside a VPN":                 {"10.9.0.5", "10.9.0.1", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probeOf("udp", "pbx.example.net", c.server, 0, "ok")
			p.Local = netip.MustParseAddrPort("192.168.88.10:40000")
			received := ""
			if c.received != "" {
				received = ";received=" + c.received
			}
			p.Options.Reply = []byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.88.10:40000;branch=z9hG4bKx;rport=40000" + received + "\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
			if strings.Contains(name, "the router is another") { // an address that is none is no answer
				p.Register.Reply = p.Options.Reply
				p.Options.Reply = []byte(strings.Replace(string(p.Options.Reply), "received=172", "received=x", 1))
			}
			if strings.Contains(name, "another network") { // REGISTER says it as well
				p.Options, p.Register = p.Register, p.Options
			}
			h := &netinfo.Host{Uplink: netinfo.Uplink{Local: []netip.Addr{netip.MustParseAddr("192.168.88.11")}}}
			if c.router != "" {
				h.Router = &netinfo.Router{External: []netinfo.External{{Method: "upnp", Addr: netip.MustParseAddr(c.router)}}}
			}
			j := judge(Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{p}}}}, h)
			got := ""
			for _, f := range j.Findings {
				if f.ID == "signalling.server-behind-nat" && f.Severity == "warning" {
					got = string(f.Confidence)
				}
			}
			if got != c.want || got == "" && len(j.Findings) > 0 {
				t.Errorf("%q, want %q: %+v", got, c.want, j.Findings)
			}
		})
	}
}
