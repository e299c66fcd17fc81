package responder

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A machine is what shares the responder's addresses with it: other programs'
// sockets, and packet filter rules that take a port to somebody else, such as
// a PBX in a container.
type machine struct {
	sys platform.System // nil: nothing else is there

	mu   sync.Mutex
	read time.Time
	now  *around
}

// around is how a machine was found. It does not change.
type around struct {
	sockets  []netinfo.Socket  // of other programs
	checked  bool              // the rules were read, all of them
	rerouted map[endpoint]bool // what rules take elsewhere, at single addresses
}

// rulesPatience bounds the reading of the rules: the responder does not wait
// for an iptables that waits for a lock.
const rulesPatience = 3 * time.Second

// learn reads everything, as long as programs may be started. Rules that
// change later are not seen; sockets are.
func (m *machine) learn(ctx context.Context, held []endpoint) *around {
	now := &around{checked: true}
	if m.sys != nil {
		list, _ := netinfo.ReadSockets(ctx, m.sys)
		ctx, cancel := context.WithTimeout(ctx, rulesPatience)
		defer cancel()
		rules, unread := packetfilter.Load(ctx, m.sys)
		now = &around{
			sockets: foreign(list, held), checked: len(unread)+len(rules.Faults) == 0, rerouted: rerouted(rules, held, m.addrs(ctx)),
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read, m.now = time.Now(), now
	return now
}

// addrs are the machine's own addresses; without them those that were named are
// left.
func (m *machine) addrs(ctx context.Context) (addrs []netip.Addr) {
	list, _ := routes.Interfaces(ctx, m.sys)
	for _, i := range list {
		for _, p := range i.Addrs {
			addrs = append(addrs, p.Addr())
		}
	}
	return addrs
}

// look reads the sockets again, at most once a second: another program may be
// started at any time. learn comes first.
func (m *machine) look(now time.Time, held []endpoint) *around {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sys != nil && now.Sub(m.read) >= time.Second {
		next := *m.now
		next.sockets = foreign(netinfo.ListeningSockets(m.sys), held)
		m.read, m.now = now, &next
	}
	return m.now
}

// reroutedFrom are the addresses at which a rule takes a port of ours away.
func (a *around) reroutedFrom(e endpoint) (list []netip.Addr) {
	for k := range a.rerouted {
		addr := k.at.Addr()
		here := addr == e.at.Addr() || e.at.Addr().IsUnspecified() && addr.Is4() == e.at.Addr().Is4()
		if here && k == e.of(addr) {
			list = append(list, addr)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// rerouted finds the ports that a rule takes elsewhere at an own address. It
// may name one too many where a rule depends on what is not known; that costs a
// test, and a PBX its peace otherwise.
func rerouted(rules *packetfilter.Ruleset, held []endpoint, own []netip.Addr) map[endpoint]bool {
	out := map[endpoint]bool{}
	for _, e := range held {
		addrs := []netip.Addr{e.at.Addr()}
		if e.at.Addr().IsUnspecified() {
			addrs = own
		}
		for _, a := range addrs {
			if a.Is4() == e.at.Addr().Is4() && takes(rules, e.transport, a, e.at.Port()) {
				out[e.of(a)] = true
			}
		}
	}
	return out
}

// takes reports whether the rules may rewrite the destination of what is sent
// to a port.
func takes(rules *packetfilter.Ruleset, transport string, addr netip.Addr, port uint16) bool {
	protocol := map[string]uint8{"tcp": 6, "udp": 17}[transport]
	c := packetfilter.Class{
		Protocol: protocol, IPv6: addr.Is6(), Dst: []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, Local: []netip.Addr{addr},
		DstPorts: packetfilter.OneNum(packetfilter.Num(port)),
	}
	return slices.ContainsFunc(rules.Evaluate(c).Outcomes, func(o packetfilter.Outcome) bool {
		return len(o.ToAddrs) > 0 || len(o.ToPorts) > 0 || slices.ContainsFunc(o.Others, rewrites)
	})
}

// rewrites reports whether a step is a rule of destination NAT, one that is
// taken only if something that is not known is so.
func rewrites(s packetfilter.Step) bool {
	return s.What == string(packetfilter.DNAT) || s.What == string(packetfilter.Redirect)
}
