package bans

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
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
	tables, err := routes.Read(ctx, sys)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.note(unread("ip -j route show table all", err))
		}
		return
	}
	a.has(LayerRoute)
	f := forwarding{tables, tables.PoliciesOf(asked.Addr().Is6())}
	f.report(asked, a)
	rpFilter(sys, a)
}

type forwarding struct {
	tables routes.Tables
	rules  []routes.Policy
}

// report finds the refusals that concern the address: on the way of packets to
// it (what the server answers), and rules about packets from it.
func (f forwarding) report(asked netip.Prefix, a *Answer) {
	for _, r := range f.rules {
		if r.Not || !routes.Refusing(r.Action) {
			continue
		}
		p, way := r.Src, "from"
		if !p.IsValid() {
			p, way = r.Dst, "to"
		}
		if p.IsValid() && p.Addr().BitLen() == asked.Addr().BitLen() {
			b := ruleBan(r, p, way, asked)
			if why := f.passes(r, way); why != "" {
				b.Effect, b.Note = NotSIP, why
			}
			a.ban(asked, b)
		}
	}
	addresses := []netip.Addr{asked.Addr()}
	for _, r := range f.tables.Routes { // inside of a network, every refused part has an address of its own
		if r.Refuses() && r.Dst.Bits() > asked.Bits() && asked.Contains(r.Dst.Addr()) && len(addresses) < maxBans {
			addresses = append(addresses, r.Dst.Addr())
		}
	}
	var seen []routes.Route
	for _, addr := range addresses {
		// Rules about marks, sources and interfaces are about other packets.
		r, _ := f.tables.Way(routes.Out(addr))
		ok := r.Dst.IsValid()
		switch {
		case ok && r.Refuses() && !slices.Contains(seen, r):
			seen = append(seen, r)
			a.ban(asked, routeBan(r, asked))
		case !ok && addr == asked.Addr():
			a.note(because("no-route", "address", addr.String()))
		}
	}
	f.hidden(asked, seen, a)
}

// passes says why a rule that refuses does not stop what comes to this machine
// and is answered: packets for one of its own addresses are found in the table
// local, which is asked first, and the answers are from this machine, without a
// mark. Empty: it stops them.
func (f forwarding) passes(r routes.Policy, way string) words.Reason {
	for _, o := range f.rules {
		if o == r {
			break // it is asked before the table local
		}
		if o.Table != "local" || o.Src.IsValid() || o.Dst.IsValid() || o.In != "" || o.Mask != 0 || o.Other {
			continue
		}
		switch {
		case way == "from":
			return because("rule-forwarded-only")
		case r.In != "" && r.In != "lo", r.Mark&r.Mask != 0:
			return because("rule-not-own")
		}
	}
	return ""
}

// hidden lists refusing routes that a better route overrules: they are there,
// and do nothing.
func (f forwarding) hidden(asked netip.Prefix, seen []routes.Route, a *Answer) {
	for _, r := range f.tables.Routes {
		if !r.Refuses() || slices.Contains(seen, r) || r.Dst.Bits() == 0 || !r.Dst.Overlaps(asked) {
			continue
		}
		b := routeBan(r, asked)
		b.Effect, b.Note = NotSIP, because("route-hidden", "address", nets.Short(asked))
		a.ban(asked, b)
	}
}

func routeBan(r routes.Route, asked netip.Prefix) Ban {
	words := []string{r.Kind, nets.Short(r.Dst)}
	if r.Dst.Bits() == 0 {
		words[1] = "default"
	}
	if r.Table != "main" {
		words = append(words, "table", r.Table)
	}
	if r.Metric != 0 {
		words = append(words, "metric", strconv.FormatInt(r.Metric, 10))
	}
	return Ban{
		Layer: LayerRoute, Where: "ip route show table " + r.Table, Object: strings.Join(words, " "), Name: r.Kind, Prefix: r.Dst, Effect: BlocksSIP,
		Free: only(ipCommand(asked).Words("route", "del").Values(words...)), Undo: only(ipCommand(asked).Words("route", "add").Values(words...)),
	}
}

func ruleBan(r routes.Policy, p netip.Prefix, way string, asked netip.Prefix) Ban {
	words := []string{way, nets.Short(p)}
	if r.Src.IsValid() && r.Dst.IsValid() {
		words = append(words, "to", nets.Short(r.Dst))
	}
	if r.In != "" {
		words = append(words, "iif", r.In)
	}
	if r.Mask != 0 {
		mark := fmt.Sprintf("%#x", r.Mark)
		if r.Mask != ^uint32(0) {
			mark += fmt.Sprintf("/%#x", r.Mask)
		}
		words = append(words, "fwmark", mark)
	}
	words = append(words, r.Action, "pref", strconv.Itoa(int(r.Priority)))
	where := "ip rule list"
	if asked.Addr().Is6() {
		where = "ip -6 rule list"
	}
	return Ban{
		Layer: LayerRoute, Where: where, Object: strings.Join(words, " "), Name: r.Action, Prefix: p, Effect: BlocksSIP,
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
