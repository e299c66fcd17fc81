package lab

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// The nodes every office has beside its routers.
const (
	phoneNode     = "phone"
	internetNode  = "internet"
	responderNode = "responder"
	sipNode       = "sip"
	stunNode      = "stun"
)

// Names of interfaces. A router's are what a technician calls them.
const (
	hostInterface = "eth0"
	lanInterface  = "lan"
	wanInterface  = "wan"
	officeSide    = "office" // the provider's router towards the customer
)

// IPv6 addresses (RFC 3849) stand beside the IPv4 ones of scenario.go. Nobody
// translates them: the office has a /64 of its own, as providers hand it out.
const (
	PhoneAddr6      = "2001:db8:88::10"
	ResponderAddr6  = "2001:db8:198::2"
	ResponderAddr6b = "2001:db8:198::3"
	SIPServerAddr6  = "2001:db8:198::20"
	STUNServerAddr6 = "2001:db8:198::30"
)

// HostNames are the names that resolve inside the lab.
func HostNames() map[string][]string {
	return map[string][]string{
		"responder.lab": {ResponderAddr, ResponderAddr6},
		"sip.lab":       {SIPServerAddr, SIPServerAddr6},
		"stun.lab":      {STUNServerAddr, STUNServerAddr6},
		"router.lab":    {RouterAddr},
	}
}

// plan is an office as data: what to create, in the order of creation.
type plan struct {
	nodes  []nodePlan
	links  []linkPlan
	routes []routePlan
	names  map[string][]string // that resolve
	delay  time.Duration       // one way, on the link between office and Internet; 0 for none
}

type nodePlan struct {
	name     string
	forwards bool
	firewall *Router // nil: no packet filter
	script   string  // for nft; empty: none
	settings []Setting
	rules    []Rule
}

// linkPlan is a cable between two nodes.
type linkPlan struct {
	a, b    endPlan
	delayed bool // this is the cable that plan.delay lengthens
	mtu     int  // bytes; 0: the kernel's
}

type endPlan struct {
	node, dev string
	addrs     []netip.Prefix
	mac       net.HardwareAddr // nil: whatever the kernel gives
}

// routePlan sends dst to via (invalid: dst is on the link itself).
type routePlan struct {
	node   string
	dst    netip.Prefix
	via    netip.Addr
	dev    string
	metric int
	table  int // 0: main
	refuse Refusal
}

func routerNode(i int) string { return fmt.Sprintf("router%d", i+1) }

// maxRouters is an office router and a carrier's: more than two translations
// in a row look the same from inside.
const maxRouters = 2

// newPlan lays the scenario out: phone, routers in a row, the provider's
// router, and a server behind it for each role.
func newPlan(s Scenario) (*plan, error) {
	if n := len(s.Routers); n < 1 || n > maxRouters {
		return nil, fmt.Errorf("scenario %q has %d routers; the lab builds 1 to %d", s.Name, n, maxRouters)
	}
	for _, r := range s.Routers {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("scenario %q: %w", s.Name, err)
		}
	}
	p := &plan{names: HostNames(), delay: time.Duration(s.DelayMS) * time.Millisecond}
	p.addOffice(s.Routers)
	p.addServers(usualServers())
	return p, nil
}

// check refuses what the packet filter would silently build as something else.
func (r Router) check() error {
	switch r.NAT {
	case NoNAT, Preserving, Random:
	default:
		return fmt.Errorf("unknown NAT %q", r.NAT)
	}
	for _, a := range r.ALG {
		if a.Protocol != "udp" && a.Protocol != "tcp" || a.Port < 1 || a.Port > 65535 {
			return fmt.Errorf("ALG on %q port %d", a.Protocol, a.Port)
		}
	}
	for _, b := range r.Block {
		if b.Protocol != "" && b.Protocol != "udp" && b.Protocol != "tcp" || b.Port < 0 || b.Port > 65535 {
			return fmt.Errorf("block of %q port %d", b.Protocol, b.Port)
		}
		if b.LastPort != 0 && (b.Port == 0 || b.LastPort < b.Port || b.LastPort > 65535) || b.Return && b.SIP {
			return fmt.Errorf("block of %q ports %d to %d", b.Protocol, b.Port, b.LastPort)
		}
	}
	if r.UDPTimeoutS < 0 || r.UDPTimeoutS > 0 && r.NAT == NoNAT && !r.Stateful {
		return fmt.Errorf("a UDP timeout of %d s on a router that remembers nothing", r.UDPTimeoutS)
	}
	if r.FlowLimit < 0 || r.FlowLimit > 0 && r.NAT == NoNAT && !r.Stateful {
		return fmt.Errorf("a limit of %d connections on a router that counts none", r.FlowLimit)
	}
	for _, fw := range r.Forward {
		to, err := netip.ParseAddr(fw.To)
		if r.NAT == NoNAT || err != nil || !to.Is4() || fw.Port < 1 || fw.LastPort != 0 && fw.LastPort < fw.Port || max(fw.LastPort, fw.ToPort) > 65535 {
			return fmt.Errorf("forwarding of ports %d to %d to %q", fw.Port, fw.LastPort, fw.To)
		}
	}
	if r.LossPercent < 0 || r.LossPercent > 100 {
		return fmt.Errorf("loss of %d %%", r.LossPercent)
	}
	return nil
}

// A Link is the network between two neighbouring boxes of an office: an IPv4 and
// an IPv6 address of the outer box, and of the inner one.
type Link struct{ Outer, Inner []netip.Prefix }

// Links returns the networks of an office with n routers, from the LAN outwards.
// It panics where the lab does not build as many.
func Links(n int) []Link {
	lan := Link{prefixes(RouterAddr+"/24", "2001:db8:88::1/64"), prefixes(PhoneAddr+"/24", PhoneAddr6+"/64")}
	carrier := Link{prefixes("100.64.0.1/10", "2001:db8:100::1/64"), prefixes(CGNAddr+"/10", "2001:db8:100::10/64")}
	wan := Link{prefixes("203.0.113.254/24", "2001:db8:203::fe/64"), prefixes(WANAddr+"/24", "2001:db8:203::1/64")}
	switch n {
	case 1:
		return []Link{lan, wan}
	case maxRouters:
		return []Link{lan, carrier, wan}
	}
	panic(fmt.Sprintf("an office has one router or two, not %d", n))
}

// addOffice lays the row from the phone to the provider's router.
func (p *plan) addOffice(routers []Router) {
	p.nodes = append(p.nodes, nodePlan{name: phoneNode})
	for i := range routers {
		p.nodes = append(p.nodes, nodePlan{name: routerNode(i), forwards: true, firewall: &routers[i]})
	}
	p.nodes = append(p.nodes, nodePlan{name: internetNode, forwards: true})

	segs := Links(len(routers))
	var behind []netip.Prefix // networks that live behind the current segment's inner box, untranslated
	for i, seg := range segs {
		last := i == len(segs)-1
		inner := endPlan{node: phoneNode, dev: hostInterface, addrs: seg.Inner}
		if i > 0 {
			inner.node, inner.dev = routerNode(i-1), wanInterface
		}
		outer := endPlan{node: internetNode, dev: officeSide, addrs: seg.Outer}
		if !last {
			outer.node, outer.dev = routerNode(i), lanInterface
		}
		p.links = append(p.links, linkPlan{a: inner, b: outer, delayed: last})
		for j, def := range prefixes("0.0.0.0/0", "::/0") {
			p.routes = append(p.routes, routePlan{node: inner.node, dst: def, via: seg.Outer[j].Addr(), dev: inner.dev})
		}
		if i > 0 && routers[i-1].NAT != NoNAT {
			behind = slices.DeleteFunc(behind, func(p netip.Prefix) bool { return p.Addr().Is4() })
		}
		for _, dst := range behind {
			p.routes = append(p.routes, routePlan{node: outer.node, dst: dst, via: seg.Inner[family(dst.Addr())].Addr(), dev: outer.dev})
		}
		behind = append(behind, seg.Inner[0].Masked(), seg.Inner[1].Masked())
	}
}

// addServers hangs one host for each role on the provider's router, each on a
// cable of its own: they share a network and no broadcast domain.
func (p *plan) addServers(s Servers) {
	servers := []struct {
		name  string
		addrs []netip.Prefix
	}{
		{responderNode, append(single(s.Responder, s.Responder2), prefixes(ResponderAddr6+"/128", ResponderAddr6b+"/128")...)},
		{sipNode, append(single(s.SIP), prefixes(SIPServerAddr6+"/128")...)},
		{stunNode, append(single(s.STUN), prefixes(STUNServerAddr6+"/128")...)},
	}
	gateway := append(single(s.Gateway), prefixes("2001:db8:198::1/128")...)
	for _, s := range servers {
		p.nodes = append(p.nodes, nodePlan{name: s.name})
		p.links = append(p.links, linkPlan{
			a: endPlan{node: s.name, dev: hostInterface, addrs: s.addrs},
			b: endPlan{node: internetNode, dev: s.name, addrs: gateway},
		})
		for _, a := range s.addrs {
			p.routes = append(p.routes, routePlan{node: internetNode, dst: a, dev: s.name})
		}
		for i, def := range prefixes("0.0.0.0/0", "::/0") {
			p.routes = append(p.routes,
				routePlan{node: s.name, dst: gateway[i], dev: hostInterface},
				routePlan{node: s.name, dst: def, via: gateway[i].Addr(), dev: hostInterface})
		}
	}
}

// single are the valid addresses of a list, each as a network of its own.
func single(list ...netip.Addr) (out []netip.Prefix) {
	for _, a := range list {
		if a.IsValid() {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

func prefixes(ss ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range ss {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// family is the index of an address's family in the pairs above.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}
