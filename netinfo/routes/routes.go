// Package routes says which way a machine sends a packet, and what refuses it:
// its interfaces, addresses, routing tables and policy rules, read from a
// platform.System.
package routes

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Tables are the routing tables of a machine.
type Tables struct {
	Addrs     []Addr       // own addresses, of the loopback too
	Broadcast []netip.Addr // broadcast addresses of the networks it is in
	Routes    []Route      // nil: not read
	// Policies are the rules of the routing policy in the order the kernel asks
	// them, those of IPv6 apart; nil: the usual three.
	Policies, Policies6 []Policy
	// VRFs are the tables that interfaces of a VRF are routed by.
	VRFs map[string]string
}

// Addr is an address of an interface.
type Addr struct {
	Addr      netip.Addr
	Interface string
	Primary   bool // the kernel answers from it where nothing else is said
}

// Route is a row of a routing table.
type Route struct {
	Dst       netip.Prefix
	Interface string
	Table     string // "main" where none is named
	Kind      string // unicast (or empty), blackhole, unreachable, prohibit, throw, local …
	Metric    int64
	Gateway   netip.Addr // invalid: there is none; IPv6 link-local without a zone
	Source    netip.Addr // own address to send from; invalid: not said
}

// Refuses reports whether packets that take this route are not sent.
func (r Route) Refuses() bool { return Refusing(r.Kind) }

// Refusing reports whether a kind of route or an action of a rule refuses.
func Refusing(kind string) bool {
	return kind == "blackhole" || kind == "unreachable" || kind == "prohibit"
}

// Policy is a rule of the routing policy, as "ip rule" lists them.
type Policy struct {
	Priority int64
	Src, Dst netip.Prefix // invalid: any
	Not      bool
	In       string // of the interface the packet came in by; empty: any
	Mark     uint32
	Mask     uint32 // 0: the mark is not asked
	VRF      bool   // it looks up the table of the packet's VRF
	Table    string // to look up, or
	Action   string // blackhole, unreachable, prohibit, nop
	// Least is the length from which routes of the table count; that of wg-quick
	// passes over the default route (suppress_prefixlength).
	Least int
	// Other reports that it asks for something else of the packet.
	Other bool
}

// Read reads the routing tables of s. The error says why the routes are
// missing; where there are no policy rules to be read, the usual ones are the
// best guess: few machines have others.
func Read(ctx context.Context, s platform.System) (Tables, error) {
	var t Tables
	rows, err := routeRows(ctx, s)
	switch {
	case err == nil:
		t.takeRoutes(rows)
	case errors.Is(err, fs.ErrNotExist):
		for _, family := range []string{"inet", "inet6"} { // macOS and the BSDs
			if out, nerr := s.Run(ctx, "netstat", "-rn", "-f", family); nerr == nil {
				t.Routes = append(t.Routes, parseNetstat(out)...)
			}
		}
		if t.Routes != nil {
			err = nil
		}
	}
	t.Policies, t.Policies6 = policies(ctx, s), policies(ctx, s, "-6")
	return t, err
}

// placeholder is the metric of the route that kernels keep where IPv6 has no
// default route (ip6_null_entry): it means that there is none, not that one is
// refused.
const placeholder = 1<<32 - 1

func (t *Tables) takeRoutes(rows []platform.RouteRow) {
	t.Routes = []Route{}
	for _, r := range rows {
		if len(r.NextHops) > 0 && r.Dev == "" {
			r.Gateway, r.Dev = r.NextHops[0].Gateway, r.NextHops[0].Dev
		}
		p, ok := destination(r)
		if !ok || r.Type == "unreachable" && r.Metric == placeholder {
			continue
		}
		if r.Table == "" || r.Table == "254" {
			r.Table = "main"
		}
		switch {
		case r.Type == "broadcast":
			t.Broadcast = append(t.Broadcast, p.Addr())
		case r.Type == "local" && p.IsSingleIP() && (r.Table == "local" || r.Table == "255"):
			t.Addrs = append(t.Addrs, Addr{p.Addr(), r.Dev, r.PrefSrc == "" || r.PrefSrc == r.Dst})
		}
		t.Routes = append(t.Routes, Route{
			Dst: p, Interface: r.Dev, Table: r.Table, Kind: r.Type, Metric: r.Metric,
			Gateway: address(r.Gateway), Source: address(r.PrefSrc),
		})
	}
}

// address reads an address; an invalid one where there is none.
func address(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a.WithZone("")
}

// destination reads a destination as ip lists it: "default", an address or a
// network. ip does not name the family of a default route: a gateway tells, or
// the preference that only routes of IPv6 have.
func destination(r platform.RouteRow) (netip.Prefix, bool) {
	if r.Dst == "default" {
		if r.Pref != "" || strings.Contains(r.Gateway, ":") {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	}
	if p, err := netip.ParsePrefix(r.Dst); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(r.Dst)
	return netip.PrefixFrom(a, a.BitLen()), err == nil
}
