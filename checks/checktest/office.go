package checktest

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// An Office is a scenario of package lab in memory, with the same boxes and
// addresses as the one built from namespaces. IPv6 stands beside IPv4, is never
// translated, and is filtered by every router that keeps state.
type Office struct {
	World      *World
	Scenario   lab.Scenario
	Phone      *Host     // where check runs
	Routers    []*Router // from the office outwards, like Scenario.Routers
	Internet   *Router   // the provider's router between the office and the servers
	Responder  *Host
	SIPServer  *Host
	STUNServer *Host
}

// FromScenario builds the office of a scenario. Its Close is World.Close. A
// scenario that the lab refuses panics here.
func FromScenario(s lab.Scenario) *Office {
	w := New(uint64(len(s.Name)) + 1) // any fixed seed: the same office each time
	links := lab.Links(len(s.Routers))
	segs := make([]*Segment, len(links))
	for i, l := range links {
		segs[i] = w.Segment(texts(l.Outer)...)
	}
	o := &Office{World: w, Scenario: s, Phone: segs[0].Host(addrTexts(links[0].Inner)...)}
	for i, r := range s.Routers {
		opts := officeRouter(r)
		opts.Inside, opts.InsideAddrs = segs[i], addrTexts(links[i].Outer)
		opts.Outside, opts.OutsideAddrs = segs[i+1], addrTexts(links[i+1].Inner)
		o.Routers = append(o.Routers, w.Router(opts))
	}
	servers := w.Segment("198.51.100.0/24", "2001:db8:198::/64")
	last := links[len(links)-1]
	o.Internet = w.Router(RouterOptions{
		Inside: servers, InsideAddrs: []string{"198.51.100.1", "2001:db8:198::1"},
		Outside: segs[len(segs)-1], OutsideAddrs: addrTexts(last.Outer),
		Delay: time.Duration(s.DelayMS) * time.Millisecond,
	})
	o.Responder = servers.Host(lab.ResponderAddr, lab.ResponderAddr2, lab.ResponderAddr6, lab.ResponderAddr6b)
	o.SIPServer = servers.Host(lab.SIPServerAddr, lab.SIPServerAddr6)
	o.STUNServer = servers.Host(lab.STUNServerAddr, lab.STUNServerAddr6)
	for name, addrs := range lab.HostNames() {
		w.AddName(name, addrs...)
	}
	return o
}

func texts(list []netip.Prefix) (out []string) {
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func addrTexts(list []netip.Prefix) (out []string) {
	for _, p := range list {
		out = append(out, p.Addr().String())
	}
	return out
}

// officeRouter translates one router of a scenario.
func officeRouter(r lab.Router) RouterOptions {
	o := RouterOptions{Stateful: r.Stateful, Loss: float64(r.LossPercent) / 100, StateLimit: r.FlowLimit}
	switch r.NAT {
	case lab.NoNAT, "":
	case lab.Preserving:
		o.NAT = Linux()
	case lab.Random:
		o.NAT = Symmetric()
	default:
		panic(fmt.Sprintf("unknown NAT %q", r.NAT))
	}
	if o.NAT != nil && r.UDPTimeoutS > 0 {
		o.NAT.Timeout = time.Duration(r.UDPTimeoutS) * time.Second
		o.NAT.AssuredTimeout = o.NAT.Timeout
	}
	o.DropFragments, o.BleachTOS = r.DropFragments, r.ClearDSCP
	for _, a := range r.ALG {
		o.ALGs = append(o.ALGs, LinuxALG().On(a.Protocol, uint16(a.Port)))
	}
	for _, f := range r.Forward {
		o.Forwards = append(o.Forwards, Forward{uint16(f.Port), uint16(max(f.LastPort, f.Port)), netip.MustParseAddr(f.To), uint16(f.ToPort)})
	}
	for _, b := range r.Block {
		rule := Rule{Proto: b.Protocol, Port: uint16(b.Port), Last: uint16(b.LastPort), Inward: b.Return}
		if b.SIP {
			rule.Content = LooksLikeSIP
		}
		o.Rules = append(o.Rules, rule)
	}
	return o
}

// Serve starts the plain SIP server and the second STUN server of every
// scenario. The caller calls stop before it closes the world.
func (o *Office) Serve(ctx context.Context) (stop func(), err error) {
	var running []*Server
	stop = func() {
		for _, s := range running {
			s.Close()
		}
	}
	add := func(s *Server, serr error) {
		if serr != nil {
			err = serr
			return
		}
		running = append(running, s)
	}
	for _, a := range parseAddrs([]string{lab.SIPServerAddr, lab.SIPServerAddr6}) {
		add(ServeSIP(ctx, o.SIPServer, SIPOptions{Addr: a}))
	}
	for _, a := range parseAddrs([]string{lab.STUNServerAddr, lab.STUNServerAddr6}) {
		add(ServeSTUN(ctx, o.STUNServer, a))
	}
	if err != nil {
		stop()
	}
	return stop, err
}
