package twin

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// routes are the static routes, those that clients bring, and what chooses a table.
func (b *builder) routes() {
	for _, menu := range []string{"/ip/route", "/ipv6/route"} {
		for r := range b.cfg.Rows(menu) {
			if !r.Off() && !(b.noSix && menu == "/ipv6/route") {
				b.route(menu, r)
			}
		}
	}
	b.clientRoutes()
	for name, table := range b.tables {
		b.choices = append(b.choices, lab.Rule{Priority: markedFirst, Mark: b.routingMark(name), Mask: routingBits, Table: table})
	}
	slices.SortFunc(b.choices, func(x, y lab.Rule) int { return x.Table - y.Table })
	for _, menu := range []string{"/routing/rule", "/ip/route/rule"} {
		priority := ruledFirst
		for r := range b.cfg.Rows(menu) {
			if priority++; !r.Off() {
				b.direct(menu, r, priority)
			}
		}
	}
}

// Where rules of routing stand in the kernel's list: those of marks first, as in
// RouterOS; "main" is at 32766.
const (
	markedFirst = 1000
	ruledFirst  = 2000
)

// main is the table of routes that is asked unless something chooses another.
func isMain(table string) bool { return table == "" || table == "main" }

// table is the number of a table of routes.
func (b *builder) table(name string) int {
	if isMain(name) {
		return 0
	}
	n, ok := b.tables[name]
	if !ok {
		n = 100 + len(b.tables)
		b.tables[name] = n
	}
	return n
}

// route builds a static route.
func (b *builder) route(menu string, r routeros.Row) {
	dst, ok := dstOf(r)
	if !ok {
		b.leave(menu, r.Line, "dst-address="+r.Get("dst-address").Text)
		return
	}
	table := r.Get("routing-mark").Text
	if t := r.Get("routing-table").Text; t != "" {
		table = t
	}
	path := lab.SiteRoute{Dst: dst, Metric: metric(r.Get("distance").Text), Table: b.table(table)}
	if path.Refuse, ok = refusal(r); ok {
		b.addRoute(path)
		return
	}
	gateways := strings.Split(r.Get("gateway").Text, ",")
	path.Via, path.Dev, ok = b.hop(gateways[0], dst.Addr().Is4(), 0)
	if !ok || len(gateways) > 1 {
		b.leave(menu, r.Line, "gateway="+r.Get("gateway").Text)
	}
	if ok {
		b.addRoute(path)
	}
}

// refusal is what a route does that leads nowhere; ok is false if it leads somewhere.
// RouterOS 7 has such a route without a gateway.
func refusal(r routeros.Row) (kind lab.Refusal, ok bool) {
	kind, ok = map[string]lab.Refusal{"blackhole": lab.Blackhole, "unreachable": lab.Unreachable, "prohibit": lab.Prohibit}[r.Get("type").Text]
	if !ok && r.Get("gateway").Text == "" {
		return lab.Blackhole, true
	}
	return kind, ok
}

// metric is a distance of RouterOS, with room for several of one distance.
func metric(distance string) int {
	n, err := strconv.Atoi(distance)
	if err != nil || n < 0 || n > 255 {
		n = 1
	}
	return n * 1000
}

// addRoute adds a route, after those of the same distance.
func (b *builder) addRoute(r lab.SiteRoute) {
	for slices.ContainsFunc(b.paths, func(o lab.SiteRoute) bool { return o.Dst == r.Dst && o.Metric == r.Metric && o.Table == r.Table }) {
		r.Metric++
	}
	b.paths = append(b.paths, r)
}

// hop is where a gateway is: an address in a network of the router, one that a host
// route leads to, an interface, or both. ok is false if it is nowhere here.
func (b *builder) hop(gateway string, v4 bool, deep int) (via netip.Addr, dev string, ok bool) {
	const maxDeep = 4 // gateways that are reached by other gateways
	host, name, _ := strings.Cut(gateway, "%")
	a, err := netip.ParseAddr(host)
	if err != nil {
		name = host
	}
	for _, p := range b.plugs {
		switch peer := p.peer(v4); {
		case err == nil && (name == "" || name == p.name) && a.Is4() == v4 && p.Reaches(a):
			return a, p.Port.Name, true
		case err != nil && p.name == name && peer.IsValid():
			return peer, p.Port.Name, true // the provider's router knows the rest
		}
	}
	if err != nil || deep == maxDeep {
		return via, "", false
	}
	for r := range b.cfg.Rows(routeMenu(a)) {
		if dst, is := dstOf(r); is && !r.Off() && dst.Addr() == a && dst.IsSingleIP() {
			return b.hop(r.Get("gateway").Text, v4, deep+1)
		}
	}
	return via, "", false
}

// clientRoutes are the default routes that DHCP and PPP bring.
func (b *builder) clientRoutes() {
	for m := range b.cfg.Menus() {
		isDHCP := m.Path == "/ip/dhcp-client"
		if !isDHCP && !strings.HasPrefix(m.Path, "/interface/") {
			continue
		}
		for r := range b.cfg.Rows(m.Path) {
			name := r.InterfaceName()
			if isDHCP {
				name = r.Get("interface").Text
			}
			wanted := r.Yes("add-default-route") || isDHCP && r.Get("add-default-route").Text != "no"
			i := slices.IndexFunc(b.plugs, func(p plug) bool { return p.name == name && p.Uplink })
			if r.Off() || !wanted || i < 0 {
				continue
			}
			b.addRoute(lab.SiteRoute{
				Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Via: b.plugs[i].peer(true), Dev: b.plugs[i].Port.Name,
				Metric: metric(r.Get("default-route-distance").Text),
			})
		}
	}
}

// leadsOut is the port by which most of the Internet of a family is reached; empty: none
// is known.
func (b *builder) leadsOut(family netip.Addr) (dev string) {
	best := lab.SiteRoute{}
	for _, r := range b.paths {
		i := slices.IndexFunc(b.plugs, func(p plug) bool { return p.Port.Name == r.Dev && p.Uplink })
		if better := dev == "" || r.Table == 0 && (best.Table != 0 || r.Metric < best.Metric); i >= 0 && better && r.Dst == netip.PrefixFrom(family, 0) {
			best, dev = r, r.Dev
		}
	}
	return dev
}

// behind are the networks that the provider reaches by the router's address in its own
// network: those with public addresses. Who has private ones behind a router that does not
// translate them, no configuration tells, and no answer comes back.
func (b *builder) behind() {
	for _, family := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		dev := b.leadsOut(family)
		i := slices.IndexFunc(b.plugs, func(p plug) bool { return p.Port.Name == dev })
		if i < 0 {
			continue
		}
		for _, p := range b.plugs {
			for _, own := range p.Addrs {
				onLink := slices.ContainsFunc(b.plugs, func(o plug) bool { return o.Uplink && slices.ContainsFunc(o.Addrs, own.Overlaps) })
				if own.Addr().BitLen() == family.BitLen() && !p.Uplink && !isPrivate(own.Addr()) && !own.IsSingleIP() && !onLink {
					b.plugs[i].Behind = append(b.plugs[i].Behind, own.Masked())
				}
			}
		}
	}
}

func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a) // RFC 6598
}

// direct builds a rule of routing.
func (b *builder) direct(menu string, r routeros.Row, priority int) {
	c := lab.Rule{Priority: 2 * priority, Table: b.table(r.Get("table").Text)}
	if c.Table == 0 {
		c.Table = mainTable
	}
	only := false // this table and no other
	for _, p := range r.Props {
		ok := true
		switch p.Name {
		case "src-address":
			c.Src, ok = network(p.Value)
		case "dst-address":
			c.Dst, ok = network(p.Value)
		case "interface":
			c.In = b.device(p.Value)
		case "routing-mark":
			c.Mark, c.Mask = b.routingMark(p.Value), routingBits
		case "action":
			switch p.Value {
			case "drop":
				c.Refuse = lab.Blackhole
			case "unreachable":
				c.Refuse = lab.Unreachable
			default:
				only = p.Value == "lookup-only-in-table"
				ok = only || p.Value == "lookup"
			}
		case "table", "comment", "disabled":
		default:
			ok = false
		}
		if !ok {
			b.leave(menu, r.Line, p.Name+"="+p.Value)
			return
		}
	}
	if c.Refuse != 0 {
		c.Table = 0
	}
	b.choices = append(b.choices, c)
	if only {
		c.Priority, c.Table, c.Refuse = c.Priority+1, 0, lab.Unreachable
		b.choices = append(b.choices, c)
	}
}

// mainTable is the number of the main table (RT_TABLE_MAIN of linux/rtnetlink.h).
const mainTable = 254

func network(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}
