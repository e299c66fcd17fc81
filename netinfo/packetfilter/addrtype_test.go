package packetfilter_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// What type an address or a packet has, as far as it can be told.
func TestWhatTypeAnAddressHas(t *testing.T) {
	drop := func(match string) string { return inputRules("ACCEPT", "-A INPUT "+match+" -j DROP") }
	dst, src, typ := func(s string) string { return drop("-m addrtype --dst-type " + s) }, func(s string) string { return drop("-m addrtype --src-type " + s) }, func(s string) string { return drop("-m pkttype --pkt-type " + s) }
	to := func(s string) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) {
			c.Dst, c.Host = []netip.Prefix{netip.MustParsePrefix(s)}, someHost()
			c.Host.Broadcast = []netip.Addr{netip.MustParseAddr("192.0.2.255"), netip.MustParseAddr("2001:db8::ff")}
		}
	}
	from := func(s string) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.Src = []netip.Prefix{netip.MustParsePrefix(s)} }
	}
	sends := func(local ...netip.Addr) func(*packetfilter.Class) {
		return func(c *packetfilter.Class) { c.Hook, c.In, c.Local = packetfilter.HookOutput, "", local }
	}
	leaving := func(dump string) string { return strings.ReplaceAll(dump, "INPUT", "OUTPUT") }
	const own = "whether the address is one of this machine's"
	const (
		nat    = "*nat\n:PREROUTING ACCEPT [0:0]\n"
		no     = "accept " + everyPort + " by INPUT"
		yes    = "drop " + everyPort + " by INPUT 1"
		routes = "the type of the address, which depends on the routes"
		which  = "which addresses the interface has"
	)
	maybe := func(reason string) []string { return []string{"maybe " + everyPort + " by INPUT 1: " + reason} }
	onCard := dst("LOCAL --limit-iface-in")
	checkAll(t, map[string]asked{
		"to a group":                          {dump: dst("MULTICAST"), ask: to("224.0.1.75/32"), want: []string{yes}},
		"to this machine, which is no group":  {dump: dst("MULTICAST"), ask: to("192.0.2.1/32"), want: []string{no}},
		"to everybody of a network":           {dump: dst("BROADCAST"), ask: to("192.0.2.255/32"), want: []string{yes}},
		"to everybody":                        {dump: dst("BROADCAST"), ask: func(c *packetfilter.Class) { to("255.255.255.255/32")(c); c.Host = nil }, want: []string{yes}},
		"to this machine, which is not all":   {dump: dst("BROADCAST"), ask: to("192.0.2.1/32"), want: []string{no}},
		"IPv6 has no broadcast":               {dump: dst("BROADCAST"), six: true, ask: func(c *packetfilter.Class) { to("2001:db8::ff/128")(c); from("2001:db8:7::7/128")(c) }, want: []string{no}},
		"to a route that swallows it":         {dump: dst("BLACKHOLE"), want: maybe(routes)},
		"to no address":                       {dump: dst("UNSPEC"), want: maybe(routes)},
		"to the nearest of several":           {dump: dst("ANYCAST"), want: maybe(routes)},
		"to an address of another machine":    {dump: dst("UNICAST"), ask: to("192.0.2.1/32"), want: []string{no}},
		"from an address of this machine":     {dump: src("LOCAL"), ask: from("192.0.2.1/32"), want: []string{yes}},
		"from another, and its own are known": {dump: src("LOCAL"), want: []string{no}},
		"from another, and its own are not":   {dump: src("LOCAL"), ask: func(c *packetfilter.Class) { c.Local = nil }, want: []string{no}},
		"from the loopback":                   {dump: src("LOCAL"), ask: func(c *packetfilter.Class) { from("127.0.0.1/32")(c); c.Local = nil }, want: []string{yes}},
		"what this machine sends is from it":  {dump: leaving(src("LOCAL")), ask: sends(), want: []string{"drop " + everyPort + " by OUTPUT 1"}},
		"what it sends may be to itself":      {dump: leaving(dst("LOCAL")), ask: sends(), want: []string{"maybe " + everyPort + " by OUTPUT 1: " + own}},
		"what it sends is to itself":          {dump: leaving(dst("LOCAL")), ask: func(c *packetfilter.Class) { to("192.0.2.1/32")(c); sends(c.Local...)(c) }, want: []string{"drop " + everyPort + " by OUTPUT 1"}},
		"what it sends is to another":         {dump: leaving(dst("LOCAL")), ask: func(c *packetfilter.Class) { to("203.0.113.9/32")(c); sends(c.Local...)(c) }, want: []string{"accept " + everyPort + " by OUTPUT"}},
		"a packet to this machine":            {dump: typ("unicast"), ask: to("192.0.2.1/32"), want: []string{yes}},
		"a packet to everybody":               {dump: typ("broadcast"), ask: to("192.0.2.255/32"), want: []string{yes}},
		"which is not to this machine":        {dump: typ("unicast"), ask: to("192.0.2.255/32"), want: []string{no}},
		"a packet to a group":                 {dump: typ("multicast"), ask: to("224.0.1.75/32"), want: []string{yes}},
		"a packet that this machine sends":    {dump: leaving(typ("unicast")), ask: sends(), want: []string{"maybe " + everyPort + " by OUTPUT 1: the packet type of what this machine sends"}},
		"the interface's address":             {dump: onCard, ask: to("192.0.2.1/32"), want: []string{yes}},
		"another interface's":                 {dump: onCard, ask: to("10.99.0.1/32"), want: []string{no}},
		"the interface is not known":          {dump: onCard, ask: func(c *packetfilter.Class) { to("192.0.2.1/32")(c); c.In = "" }, want: maybe(which)},
		"its addresses are not":               {dump: onCard, ask: func(c *packetfilter.Class) { to("192.0.2.1/32")(c); c.Host.Addrs = nil }, want: maybe(which)},
		"nothing is":                          {dump: onCard, want: maybe(which)},
		"an address of IPv6": {
			nft: nftInput("inet", "accept", nil, nftMatch(`{"fib": {"result": "type", "flags": ["daddr", "iif"]}}`, "==", `"local"`)+`{"drop": null}`),
			ask: func(c *packetfilter.Class) { to("2001:db8::1/128")(c); from("2001:db8:7::7/128")(c) }, want: []string{"maybe " + everyPort + " by in 1: " + which},
		},
		"asked of the interface, then of all": {dump: inputRules("ACCEPT", "-A INPUT -m addrtype --dst-type LOCAL --limit-iface-in -j DROP", "-A INPUT -m addrtype --dst-type LOCAL -j DROP"), ask: to("192.0.2.200/32"), want: []string{"drop " + everyPort + " by INPUT 2"}},
		"what was translated and came here": {dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2\nCOMMIT\n" + dst("LOCAL"), ask: func(c *packetfilter.Class) {
			to("192.0.2.1/32")(c)
			c.Local = append(c.Local, netip.MustParseAddr("192.0.2.2"))
		}, want: []string{yes}},
		"it is no address of another machine": {dump: nat + "-A PREROUTING -j DNAT --to-destination 192.0.2.2\nCOMMIT\n" + dst("UNICAST"), ask: func(c *packetfilter.Class) {
			to("192.0.2.1/32")(c)
			c.Local = append(c.Local, netip.MustParseAddr("192.0.2.2"))
		}, want: []string{"accept " + everyPort + " by PREROUTING 1"}},
		"redirected, and its address not known": {dump: nat + "-A PREROUTING -p udp -j REDIRECT --to-ports 5070\nCOMMIT\n", nft: nftChain("filter", "prerouting", "0", nftMatch(`{"fib": {"result": "type", "flags": ["daddr"]}}`, "==", `"local"`)+`{"drop": null}`), ask: func(c *packetfilter.Class) { c.Local = nil }, want: []string{"drop " + everyPort + " by in 1"}},
	})
}
