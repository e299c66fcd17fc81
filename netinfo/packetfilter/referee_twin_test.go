//go:build linux

package packetfilter_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/twin"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The twin of a router is made of its configuration without the evaluator, and its
// kernel is the referee of what the evaluator makes of that configuration.
type twinGround struct {
	t      *testing.T
	office *lab.Office
	twin   *twin.Twin
	wires  map[string]*wire // by the port's name in RouterOS
	raw    []rawSocket      // of the router
	nextID uint32
	known  []netip.Addr
}

// wire is the cable of a port, at its far end.
type wire struct {
	fd, index int
	mac       [6]byte // of the router
	far       [6]byte
}

func newTwinGround(t *testing.T, cfg *routeros.Config) *twinGround {
	t.Helper()
	tw, err := twin.Of(cfg, twin.Options{})
	must(t, err)
	tw.Site.Settings = append(tw.Site.Settings, lab.Setting{Key: "ipv4/icmp_ratelimit", Value: "0"}, lab.Setting{Key: "ipv6/icmp/ratelimit", Value: "0"},
		lab.Setting{Key: "ipv4/conf/all/send_redirects", Value: "0"}, lab.Setting{Key: "ipv4/conf/default/send_redirects", Value: "0"})
	office, err := lab.BuildSite(t.Context(), tw.Site)
	if err != nil {
		t.Fatalf("%v\n%s", err, tw.Site.Script)
	}
	t.Cleanup(office.Close)
	g := &twinGround{t: t, office: office, twin: tw, wires: map[string]*wire{}, nextID: 0x20000000}
	for name, device := range tw.Devices {
		i := slices.IndexFunc(tw.Site.Ports, func(p lab.Port) bool { return p.Name == device })
		if i >= 0 {
			g.wires[name] = g.tap(i)
		}
	}
	must(t, office.Routers[0].Do(g.openRaw))
	t.Cleanup(g.close)
	return g
}

// tap opens the far end of a port.
func (g *twinGround) tap(i int) *wire {
	g.t.Helper()
	w := &wire{}
	port := g.twin.Site.Ports[i]
	must(g.t, g.office.Routers[0].Do(func() error {
		l, err := netlink.LinkByName(port.Name)
		if err == nil {
			copy(w.mac[:], l.Attrs().HardwareAddr)
			w.index = l.Attrs().ParentIndex // of the other end, in its namespace
		}
		return err
	}))
	must(g.t, g.office.Ends[i].Do(func() (err error) {
		l, err := netlink.LinkByIndex(w.index)
		if err != nil {
			return err
		}
		copy(w.far[:], l.Attrs().HardwareAddr)
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
		return errors.Join(err, unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: w.index}), roomy(w.fd))
	}))
	return w
}

func (g *twinGround) openRaw() error {
	for _, p := range []uint8{protoICMP, protoTCP, protoUDP, protoICMPv6} {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			if p == protoICMP && family == unix.AF_INET6 || p == protoICMPv6 && family == unix.AF_INET {
				continue
			}
			fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(p))
			if err = errors.Join(err, roomy(fd)); err != nil {
				return err
			}
			g.raw = append(g.raw, rawSocket{fd, p, family == unix.AF_INET})
		}
	}
	return nil
}

func (g *twinGround) close() {
	for _, w := range g.wires {
		_ = unix.Close(w.fd)
	}
	for _, r := range g.raw {
		_ = unix.Close(r.fd)
	}
}

// know tells the router the neighbours that a salvo may need, so that it asks for none.
func (g *twinGround) know(addrs []netip.Addr) {
	g.t.Helper()
	g.known = addrs
	must(g.t, g.office.Routers[0].Do(func() error {
		for name, w := range g.wires {
			l, err := netlink.LinkByName(g.twin.Devices[name])
			if err != nil {
				return err
			}
			for _, a := range addrs {
				err = errors.Join(err, netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.IP(a.AsSlice()), HardwareAddr: w.far[:]}))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// leaves is the interface by which the router sends packets to an address; empty:
// there is none.
func (g *twinGround) leaves(dst netip.Addr) (name string) {
	_ = g.office.Routers[0].Do(func() error {
		routes, err := netlink.RouteGet(dst.AsSlice())
		if err != nil || len(routes) == 0 {
			return err
		}
		l, err := netlink.LinkByIndex(routes[0].LinkIndex)
		for ros, device := range g.twin.Devices {
			if err == nil && device == l.Attrs().Name {
				name = ros
			}
		}
		return err
	})
	return name
}

// settle is how long the kernel may take to bring a salvo through; a packet takes
// microseconds, and one that is missed is asked again alone.
const settle = 40 * time.Millisecond

// fire sends a salvo and returns what came of each shot.
func (g *twinGround) fire(shots []shot) []outcome {
	g.t.Helper()
	got, byID := make([]outcome, len(shots)), map[uint32]int{}
	for i := range shots {
		g.nextID += 3
		shots[i].id, byID[g.nextID], got[i].verdict = g.nextID, i, "drop"
		w := g.wires[shots[i].in]
		must(g.t, unix.Sendto(w.fd, shots[i].frame(w.mac, w.far), 0, &unix.SockaddrLinklayer{Ifindex: w.index, Halen: 6, Protocol: htons(0x0800)}))
	}
	time.Sleep(settle)
	note := func(tr trace, ok, arrived bool) {
		i, mine := byID[tr.id]
		switch {
		case !ok || !mine:
		case arrived && tr.reject == "" && got[i].verdict != "accept":
			got[i] = outcome{verdict: "accept", dport: tr.dport, src: tr.src, dst: tr.dst}
		case tr.reject != "" && got[i].verdict == "drop":
			got[i] = outcome{verdict: "reject", with: tr.reject}
		}
	}
	for _, r := range g.raw {
		drainAll(r.fd, func(b []byte) {
			if r.v4 {
				tr, ok := readPacket(b)
				note(tr, ok, true)
				return
			}
			tr, ok := readBody(r.proto, b) // without the header
			note(tr, ok, true)
		})
	}
	for _, w := range g.wires {
		drainAll(w.fd, func(b []byte) {
			// What the far end itself sent carries the router's address as destination.
			if len(b) > 14 && [6]byte(b[:6]) != w.mac {
				tr, ok := readPacket(b[14:])
				note(tr, ok, true)
			}
		})
	}
	return got
}

func drainAll(fd int, take func([]byte)) {
	b := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		take(b[:n])
	}
}

// class is the class of packets that has only this shot in it.
func (g *twinGround) class(s shot, own []netip.Addr, host *packetfilter.Host) packetfilter.Class {
	c := packetfilter.Class{
		Protocol: s.proto, Hook: packetfilter.HookForward, In: s.in, Local: own, State: packetfilter.StateNew, Host: host, NATRules: true,
		Src: []netip.Prefix{netip.PrefixFrom(s.src, s.src.BitLen())}, Dst: []netip.Prefix{netip.PrefixFrom(s.dst, s.dst.BitLen())},
	}
	if slices.Contains(own, s.dst) {
		c.Hook = packetfilter.HookInput
	} else {
		c.Out = g.leaves(s.dst)
	}
	if s.proto == protoUDP || s.proto == protoTCP {
		c.SrcPorts, c.DstPorts = packetfilter.OneNum(packetfilter.Num(s.sport)), packetfilter.OneNum(packetfilter.Num(s.dport))
	}
	return c
}

// judgeTwin fires shots at the twin of an export. It returns how many the rules knew the
// fate of, and how many they did not.
func judgeTwin(t *testing.T, d *dice, export string, shots int) (known, maybe int) {
	t.Helper()
	cfg, err := routeros.Read([]byte(export))
	must(t, err)
	g := newTwinGround(t, cfg)
	for _, l := range g.twin.Left {
		if strings.Contains(l.Menu, "/firewall/") && !strings.HasPrefix(l.What, "action=fasttrack") {
			t.Logf("left out: %+v", l)
			return 0, 0
		}
	}
	rules, host := packetfilter.New(packetfilter.ReadRouterOS(cfg)), packetfilter.RouterOSHost(cfg)
	own, salvo := d.twinShots(g, export, shots)
	got := g.fire(slices.Clone(salvo))
	for i, s := range salvo {
		for _, o := range rules.Evaluate(g.class(s, own, host)).Outcomes {
			if o.Verdict == packetfilter.Maybe {
				maybe++
				continue
			}
			known++
			if kernel := got[i]; !agreesWhere(s, o, kernel) {
				// Alone, in an office that has seen no other packet.
				fresh := newTwinGround(t, cfg)
				fresh.know(g.known)
				if again := fresh.fire([]shot{s})[0]; !agreesWhere(s, o, again) {
					t.Errorf("%v\n kernel: %+v %+v\n rules: %s %s %v %v\n%s\n%s", s, kernel, again, o.Verdict, o.With, o.ToAddrs, o.Reasons, traceOf(o), export)
				}
			}
		}
	}
	return known, maybe
}

// agreesWhere is agrees with where the packet was sent on to.
func agreesWhere(s shot, said packetfilter.Outcome, kernel outcome) bool {
	if said.Verdict == packetfilter.Accepted && kernel.dst.IsValid() && (s.proto == protoUDP || s.proto == protoTCP) { // of a ping the answer may be seen
		moved := len(said.ToAddrs) > 0
		if moved && !said.ToAddrs.Contains(kernel.dst) || !moved && kernel.dst != s.dst {
			return false
		}
		// Where a packet that was sent elsewhere leaves by, the class does not say.
		if by := said.SourceBy; !moved && !by.Assumed && (by.Rule != nil) != (kernel.src != s.src) {
			return false
		}
	}
	return agrees(s, said, kernel)
}

func traceOf(o packetfilter.Outcome) (text string) {
	for _, step := range append(slices.Clone(o.Trace), o.Decider) {
		if step.Chain != nil && step.Rule != nil {
			text += fmt.Sprintf("  %s %s: %s\n", step.Chain.Name, step.What, step.Rule.Text)
		}
	}
	return text
}

// twinShots are packets for the twin: from everywhere, to the router, its networks, what
// its rules name, and the Internet.
func (d *dice) twinShots(g *twinGround, export string, n int) (own []netip.Addr, list []shot) {
	var near, names []netip.Addr
	var ins []string
	for name := range g.wires {
		ins = append(ins, name)
	}
	slices.Sort(ins)
	networks := map[string][]netip.Prefix{}
	for name := range g.wires {
		for _, p := range g.twin.Site.Ports {
			if p.Name == g.twin.Devices[name] {
				networks[name] = p.Addrs
			}
		}
	}
	for _, name := range ins {
		for _, a := range networks[name] {
			own = append(own, a.Addr())
			near = append(near, nth(a, 20), nth(a, 33))
		}
	}
	for _, word := range strings.FieldsFunc(export, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef:./", r) }) {
		if p, err := netip.ParsePrefix(word); err == nil {
			names = append(names, nth(p, 1), nth(p, 5))
		} else if a, err := netip.ParseAddr(word); err == nil {
			names = append(names, a, a.Next())
		}
	}
	everybody := map[netip.Addr]bool{} // of a network
	for _, list := range networks {
		for _, p := range list {
			everybody[nth(p, 1<<(p.Addr().BitLen()-p.Bits())-1)] = p.Addr().Is4() && p.Bits() >= 16
		}
	}
	usable := func(a netip.Addr) bool {
		if everybody[a] {
			return false
		}
		return a.Is6() && a.IsGlobalUnicast() || a.Is4() && !a.IsMulticast() && !a.IsUnspecified() && !a.IsLoopback() && a.As4()[3] != 255 && a.As4()[3] != 0 && a.As4()[0] < 224 && a.As4()[0] != 0
	}
	far := []netip.Addr{netip.MustParseAddr("198.51.100.77"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2001:db8:77::7")}
	all := slices.DeleteFunc(slices.Concat(near, far, names), func(a netip.Addr) bool { return !usable(a) || slices.Contains(own, a) })
	family := func(list []netip.Addr, v6 bool) []netip.Addr {
		return slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool { return a.Is6() != v6 })
	}
	g.know(slices.Concat(all, gatewaysOf(g), d.mapped(family(slices.Concat(all, own), false))))
	for i := range n {
		v6 := d.chance(25) && len(family(own, true)) > 0
		ours, others := family(own, v6), family(all, v6)
		s := shot{hook: "forward", in: pick(d, ins...), src: pick(d, others...), dst: pick(d, others...), sport: uint16(20000 + i), dport: uint16(d.twinPort(export))}
		if d.chance(30) {
			s.dst, s.hook = pick(d, ours...), "input"
		}
		if s.proto = pick[uint8](d, protoUDP, protoUDP, protoTCP, protoICMP); s.proto == protoTCP {
			s.flags = tcpSYN
		}
		switch {
		case s.proto == protoICMP && v6:
			s.proto, s.dport = protoICMPv6, 128
		case s.proto == protoICMP:
			s.dport = 8
		case d.chance(25):
			s.sport = uint16(d.twinPort(export))
		}
		if s.src != s.dst && (s.hook == "input" || g.leaves(s.dst) != "") {
			list = append(list, s)
		}
	}
	return own, unique(list)
}

// mapped are the addresses that netmap makes of others, in the network that export has
// for it.
func (d *dice) mapped(lists ...[]netip.Addr) (out []netip.Addr) {
	for _, a := range slices.Concat(lists...) {
		if b := netip.AddrFrom4([4]byte{10, 20, 0, a.As4()[3]}); b.As4()[3] > 1 && b.As4()[3] < 255 {
			out = append(out, b)
		}
	}
	return out
}

func gatewaysOf(g *twinGround) (list []netip.Addr) {
	for _, r := range g.twin.Site.Routes {
		if r.Via.IsValid() {
			list = append(list, r.Via)
		}
	}
	return list
}

func nth(p netip.Prefix, n int) netip.Addr {
	a := p.Masked().Addr()
	for range min(n, 1<<16) {
		if next := a.Next(); p.Contains(next) {
			a = next
		}
	}
	return a
}

// twinPort is a port that the rules name, or beside one.
func (d *dice) twinPort(export string) int {
	var list []int
	for _, f := range strings.Fields(export) {
		if name, value, ok := strings.Cut(f, "port="); ok && (name == "dst-" || name == "src-" || name == "") {
			for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r < '0' || r > '9' }) {
				n := 0
				if _, err := fmt.Sscan(part, &n); err == nil && n > 1 && n < 65534 {
					list = append(list, n-1, n, n+1)
				}
			}
		}
	}
	return pick(d, append(list, d.port(), d.port(), d.port())...)
}

// The evaluator and the twin must agree about every packet whose fate the evaluator
// knows.
func TestTheTwinOfARouterAgrees(t *testing.T) {
	if !alone(t) {
		return
	}
	files, err := filepath.Glob("../routeros/testdata/*.rsc")
	must(t, err)
	if more := os.Getenv("SIPDOCTOR_EXPORTS"); more != "" { // exports of others, which are not ours to pass on
		list, err := filepath.Glob(filepath.Join(more, "*.rsc"))
		must(t, err)
		files = append(files, list...)
	}
	known, maybe := 0, 0
	for i, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			data, err := os.ReadFile(f)
			must(t, err)
			k, m := judgeTwin(t, &dice{Rand: rand.New(rand.NewPCG(uint64(i), 11))}, string(data), 200)
			t.Logf("%d agree, %d cannot be known", k, m)
		})
	}
	seed, _ := seedAndCount(t)
	for i := range uint64(40) {
		d := &dice{Rand: rand.New(rand.NewPCG(seed+i, 11))}
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			k, m := judgeTwin(t, d, d.export(), 100)
			known, maybe = known+k, maybe+m
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("%d cases, %d more cannot be known", known, maybe)
	if known < 2000 {
		t.Errorf("only %d packets whose fate is known", known)
	}
}
