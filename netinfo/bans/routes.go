package bans

import (
	"cmp"
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Routes follows the way back to an address as the kernel does: policy rules
// in their order, in each table the longest prefix. A way that ends in
// blackhole, unreachable or prohibit is a ban; so is a rule that does.
//
// Source: ip-route(8), ip-rule(8); fail2ban's action "route" adds such routes.
func Routes(ctx context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	rules := []string{"-j", "rule", "list"}
	if asked.Addr().Is6() {
		rules = []string{"-j", "-6", "rule", "list"}
	}
	out, ok := a.run(ctx, sys, "ip", "-j", "route", "show", "table", "all")
	if !ok {
		return
	}
	a.has(LayerRoute)
	routes, err := parseRoutes(out, asked)
	if err != nil {
		a.odd("ip -j route show table all", err)
		return
	}
	list := defaultRules()
	if out, ok := a.run(ctx, sys, "ip", rules...); ok {
		if list, err = parseRules(out); err != nil {
			a.odd("ip "+strings.Join(rules, " "), err)
			return
		}
	}
	f := forwarding{routes: routes, rules: list}
	f.report(asked, a)
	rpFilter(sys, a)
}

type route struct {
	Type    string `json:"type"`
	Dst     string `json:"dst"`
	Dev     string `json:"dev"`
	Table   string `json:"table"`
	Metric  int64  `json:"metric"`
	Gateway string `json:"gateway"`
	prefix  netip.Prefix
}

type rule struct {
	Priority int64  `json:"priority"`
	Src      string `json:"src"`
	SrcLen   *int   `json:"srclen"`
	Dst      string `json:"dst"`
	DstLen   *int   `json:"dstlen"`
	Table    string `json:"table"`
	Action   string `json:"action"`
	IIf      string `json:"iif"`
	OIf      string `json:"oif"`
	FwMark   string `json:"fwmark"`
	src, dst netip.Prefix
	negated  bool
}

func refusing(kind string) bool {
	return kind == "blackhole" || kind == "unreachable" || kind == "prohibit"
}

// parseRoutes reads the routes of the family that is asked about.
func parseRoutes(b []byte, asked netip.Prefix) (list []route, err error) {
	var all []route
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for _, r := range all {
		r.Table = cmp.Or(r.Table, "main")
		if r.Type == "unreachable" && r.Metric == placeholderMetric {
			continue
		}
		if r.Dst == "default" {
			r.prefix, _ = defaultFamily(r.Gateway, asked).Prefix(0)
		} else if p, ok := parsePrefix(r.Dst); ok {
			r.prefix = p
		} else {
			continue
		}
		if r.prefix.Addr().BitLen() == asked.Addr().BitLen() {
			list = append(list, r)
		}
	}
	return list, nil
}

// placeholderMetric marks the route that kernels keep where IPv6 has no default
// route (ip6_null_entry): it means that there is none, not that one is refused.
const placeholderMetric = 1<<32 - 1

// defaultFamily is an address of the family of a default route, which ip does
// not name: that of its gateway. Without one (a PPP line, a refusing route) it
// is taken for the family that is asked about.
func defaultFamily(gateway string, asked netip.Prefix) netip.Addr {
	if a, err := netip.ParseAddr(gateway); err == nil {
		return a.WithZone("")
	}
	return asked.Addr()
}

func defaultRules() []rule {
	return []rule{{Priority: 0, Table: "local"}, {Priority: 32766, Table: "main"}, {Priority: 32767, Table: "default"}}
}

func parseRules(b []byte) (list []rule, err error) {
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	for i := range list {
		r := &list[i]
		if v, ok := raw[i]["not"]; ok && string(v) != "false" {
			r.negated = true
		}
		r.src, r.dst = rulePrefix(r.Src, r.SrcLen), rulePrefix(r.Dst, r.DstLen)
	}
	slices.SortStableFunc(list, func(a, b rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return list, nil
}

// rulePrefix is invalid for "all".
func rulePrefix(s string, bits *int) netip.Prefix {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}
	}
	n := addr.BitLen()
	if bits != nil {
		n = *bits
	}
	p, _ := addr.Prefix(n)
	return p
}

type forwarding struct {
	routes []route
	rules  []rule
}

// report finds the refusals that concern the address: on the way of packets to
// it (what the server answers), and rules about packets from it.
func (f forwarding) report(asked netip.Prefix, a *Answer) {
	for _, r := range f.rules {
		if r.negated || !refusing(r.Action) {
			continue
		}
		p, way := r.src, "from"
		if !p.IsValid() {
			p, way = r.dst, "to"
		}
		if p.IsValid() && p.Addr().BitLen() == asked.Addr().BitLen() {
			b := ruleBan(r, p, way, asked)
			if why := f.spares(r, way); why != "" {
				b.Effect, b.Note = Spares, why
			}
			a.ban(asked, b)
		}
	}
	addresses := []netip.Addr{asked.Addr()}
	for _, r := range f.routes { // inside of a network, every refused part has an address of its own
		if refusing(r.Type) && r.prefix.Bits() > asked.Bits() && asked.Contains(r.prefix.Addr()) && len(addresses) < maxBans {
			addresses = append(addresses, r.prefix.Addr())
		}
	}
	var seen []route
	for _, addr := range addresses {
		r, ok := f.lookup(addr)
		switch {
		case ok && refusing(r.Type) && !slices.Contains(seen, r):
			seen = append(seen, r)
			a.ban(asked, routeBan(r, asked))
		case !ok && addr == asked.Addr():
			a.note(because("no-route", "address", addr.String()))
		}
	}
	f.hidden(asked, seen, a)
}

// spares says why a rule that refuses does not stop what comes to this machine
// and is answered: packets for one of its own addresses are found in the table
// local, which is asked first, and the answers are from this machine, without a
// mark. Empty: it stops them.
func (f forwarding) spares(r rule, way string) words.Reason {
	for _, o := range f.rules {
		if o == r {
			break // it is asked before the table local
		}
		if o.Table != "local" || o.src.IsValid() || o.dst.IsValid() || o.IIf != "" || o.FwMark != "" {
			continue
		}
		switch {
		case way == "from":
			return because("rule-forwarded-only")
		case r.IIf != "" && r.IIf != "lo", r.FwMark != "" && r.FwMark != "0":
			return because("rule-not-own")
		}
	}
	return ""
}

// hidden lists refusing routes that a better route overrules: they are there,
// and do nothing.
func (f forwarding) hidden(asked netip.Prefix, seen []route, a *Answer) {
	for _, r := range f.routes {
		if !refusing(r.Type) || slices.Contains(seen, r) || r.prefix.Bits() == 0 || !r.prefix.Overlaps(asked) {
			continue
		}
		b := routeBan(r, asked)
		b.Effect, b.Note = Spares, because("route-hidden", "address", short(asked))
		a.ban(asked, b)
	}
}

// lookup follows the rules for a packet that this machine sends to addr. Rules
// about marks, sources and interfaces are about other packets, or not known;
// they are passed over.
func (f forwarding) lookup(addr netip.Addr) (route, bool) {
	for _, r := range f.rules {
		if r.FwMark != "" && r.FwMark != "0" || r.IIf != "" && r.IIf != "lo" || r.OIf != "" || r.src.IsValid() {
			continue
		}
		if r.dst.IsValid() && r.dst.Contains(addr) == r.negated {
			continue
		}
		if refusing(r.Action) {
			return route{Type: r.Action, prefix: r.dst}, false
		}
		best, ok := f.inTable(r.Table, addr)
		if ok && best.Type != "throw" {
			return best, true
		}
	}
	return route{}, false
}

func (f forwarding) inTable(table string, addr netip.Addr) (best route, ok bool) {
	for _, r := range f.routes {
		if r.Table != table || !r.prefix.Contains(addr) || r.Type == "broadcast" || r.Type == "multicast" {
			continue
		}
		if !ok || r.prefix.Bits() > best.prefix.Bits() || r.prefix.Bits() == best.prefix.Bits() && r.Metric < best.Metric {
			best, ok = r, true
		}
	}
	return best, ok
}

func routeBan(r route, asked netip.Prefix) Ban {
	words := []string{r.Type, short(r.prefix)}
	if r.prefix.Bits() == 0 {
		words[1] = "default"
	}
	if r.Table != "main" {
		words = append(words, "table", r.Table)
	}
	if r.Metric != 0 {
		words = append(words, "metric", strconv.FormatInt(r.Metric, 10))
	}
	return Ban{
		Layer: LayerRoute, Where: "ip route show table " + r.Table, Object: strings.Join(words, " "), Name: r.Type, Prefix: r.prefix, Effect: Bites,
		Free: only(ipCommand(asked).Words("route", "del").Values(words...)), Undo: only(ipCommand(asked).Words("route", "add").Values(words...)),
	}
}

func ruleBan(r rule, p netip.Prefix, way string, asked netip.Prefix) Ban {
	words := []string{way, short(p)}
	if r.src.IsValid() && r.dst.IsValid() {
		words = append(words, "to", short(r.dst))
	}
	if r.IIf != "" {
		words = append(words, "iif", r.IIf)
	}
	if r.FwMark != "" {
		words = append(words, "fwmark", r.FwMark)
	}
	words = append(words, r.Action, "pref", strconv.Itoa(int(r.Priority)))
	where := "ip rule list"
	if asked.Addr().Is6() {
		where = "ip -6 rule list"
	}
	return Ban{
		Layer: LayerRoute, Where: where, Object: strings.Join(words, " "), Name: r.Action, Prefix: p, Effect: Bites,
		Free: only(ipCommand(asked).Words("rule", "del").Values(words...)), Undo: only(ipCommand(asked).Words("rule", "add").Values(words...)),
	}
}

// rpFilter notes interfaces that drop packets whose way back leads out of
// another one (1, strict), which looks like a ban where routes are asymmetric.
func rpFilter(sys platform.System, a *Answer) {
	const dir = "/proc/sys/net/ipv4/conf/"
	value := func(name string) int {
		b, err := platform.ReadSystemFile(sys, dir+name+"/rp_filter", 16)
		if err != nil {
			return 0
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
		return n
	}
	all := value("all")
	names, _ := sys.Glob(dir + "*/rp_filter")
	var strict []string
	for _, name := range names {
		iface := strings.TrimSuffix(strings.TrimPrefix(name, dir), "/rp_filter")
		if iface == "all" || iface == "default" || iface == "lo" {
			continue
		}
		if max(all, value(iface)) == 1 { // the larger of the two counts (ip-sysctl.rst)
			strict = append(strict, iface)
		}
	}
	if len(strict) > 1 { // with one interface there is no other way back
		a.note(because("rp-filter", "interfaces", strings.Join(strict, ", ")))
	}
}

// ipCommand begins a command of iproute2 for a family.
func ipCommand(asked netip.Prefix) command.Command {
	if asked.Addr().Is6() {
		return command.New("ip", "-6")
	}
	return command.New("ip")
}
