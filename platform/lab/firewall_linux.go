package lab

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// installFirewall loads the router's rules into the calling thread's network.
// Listed by "nft list ruleset", with an ALG on UDP 5060 and 5 % loss, they are
//
//	table inet filter {
//		ct helper sip-udp { type "sip" protocol udp }
//		chain helpers  { type filter hook prerouting priority -150; udp dport 5060 ct helper set "sip-udp" }
//		chain input    { type filter hook input priority 0; policy drop; … }
//		chain forward  { type filter hook forward priority 0; policy drop;
//			meta l4proto udp numgen random mod 100 < 5 drop
//			ct state established,related accept
//			iifname "lan" accept }
//	}
//	table ip nat { chain postrouting { type nat hook postrouting priority 100; oifname "wan" masquerade } }
//
// The names are what a person would give them, because people look at them
// from "sipdoctor lab".
func installFirewall(r Router) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening the packet filter: %w", err)
	}
	f := &firewall{conn: c, router: r}
	f.filter = c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "filter"})
	f.fragments()
	f.helpers()
	f.input()
	f.marks()
	f.forward()
	f.nat()
	if err := c.Flush(); err != nil {
		withALG := len(r.ALG) > 0
		r.ALG = nil // tells a kernel without the SIP helper from one without nftables
		if withALG && installFirewall(r) == nil {
			return fmt.Errorf("attaching the kernel's SIP helper (nf_conntrack_sip): %w", err)
		}
		return fmt.Errorf("loading the packet filter: %w", err)
	}
	return nil
}

type firewall struct {
	conn   *nftables.Conn
	router Router
	filter *nftables.Table
}

// helpers attaches the SIP helper. The kernel takes a helper only for a flow
// that it has looked up (priority above -200) and not yet confirmed.
func (f *firewall) helpers() {
	if len(f.router.ALG) == 0 {
		return
	}
	chain := f.chain(f.filter, "helpers", nftables.ChainHookPrerouting, nftables.ChainPriorityMangle)
	made := map[string]bool{}
	for _, a := range f.router.ALG {
		name := "sip-" + a.Protocol
		if !made[name] {
			made[name] = true
			f.conn.AddObj(&nftables.NamedObj{Table: f.filter, Name: name, Type: nftables.ObjTypeCtHelper,
				Obj: &expr.CtHelper{Name: "sip", L4Proto: protocolNumber(a.Protocol)}})
		}
		f.rule(chain, protocolIs(a.Protocol), dportIs(a.Port),
			exprs(&expr.Objref{Type: int(nftables.ObjTypeCtHelper), Name: name}))
	}
}

// fragments drops pieces before connection tracking puts them together, which
// it does at priority -400 (NF_IP_PRI_CONNTRACK_DEFRAG).
func (f *firewall) fragments() {
	if !f.router.DropFragments {
		return
	}
	const beforeDefrag = -450
	chain := f.chain(f.filter, "fragments", nftables.ChainHookPrerouting, nftables.ChainPriorityRef(beforeDefrag))
	f.rule(chain, fragment4(), drop())
	f.rule(chain, fragment6(), drop())
}

// marks clears the DSCP of whatever passes, and leaves the two bits of ECN.
func (f *firewall) marks() {
	if !f.router.ClearDSCP {
		return
	}
	chain := f.chain(f.filter, "marks", nftables.ChainHookForward, nftables.ChainPriorityMangle)
	f.rule(chain, clearDSCP4())
	f.rule(chain, clearDSCP6())
}

// input is the router's own door: the office and pings may come in.
func (f *firewall) input() {
	if !f.stateful() {
		return
	}
	chain := f.baseChain("input", nftables.ChainHookInput, nftables.ChainPolicyDrop)
	f.rule(chain, stateIn(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), accept())
	f.rule(chain, inInterface("lo"), accept())
	f.rule(chain, inInterface(lanInterface), accept())
	f.rule(chain, protocolIs("icmp"), accept())
	f.rule(chain, protocolIs("icmpv6"), accept())
}

// forward loses packets first, as a bad line would, then blocks, then keeps
// state.
func (f *firewall) forward() {
	policy := nftables.ChainPolicyAccept
	if f.stateful() {
		policy = nftables.ChainPolicyDrop
	}
	chain := f.baseChain("forward", nftables.ChainHookForward, policy)
	if n := f.router.LossPercent; n > 0 {
		f.rule(chain, protocolIs("udp"), oneIn100(n), drop())
	}
	for _, b := range f.router.Block {
		f.block(chain, b)
	}
	if !f.stateful() {
		return
	}
	f.rule(chain, stateIn(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), accept())
	if n := f.router.FlowLimit; n > 0 {
		f.rule(chain, inInterface(lanInterface), flowsOver(n), drop())
	}
	f.rule(chain, inInterface(lanInterface), accept())
	if len(f.router.Forward) > 0 {
		f.rule(chain, forwarded(), accept())
	}
}

// block drops what leaves the office. Content inspection looks at requests
// only: responses begin with "SIP/2.0" and there are none to requests that
// never arrived.
func (f *firewall) block(chain *nftables.Chain, b Block) {
	protocols := []string{b.Protocol}
	if b.Protocol == "" && (b.Port != 0 || b.SIP) {
		protocols = []string{"udp", "tcp"}
	}
	for _, p := range protocols {
		match, port := inInterface(lanInterface), destinationPort
		if b.Return {
			match, port = inInterface(wanInterface), sourcePort
		}
		if p != "" {
			match = append(match, protocolIs(p)...)
		}
		if b.Port != 0 {
			match = append(match, portWithin(port, b.Port, max(b.LastPort, b.Port))...)
		}
		if !b.SIP {
			f.rule(chain, match, drop())
			continue
		}
		for _, method := range sipMethods() {
			f.rule(chain, match, payloadBegins(p, method+" "), drop())
		}
	}
}

func (f *firewall) nat() {
	if f.router.NAT == NoNAT {
		return
	}
	table := f.conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
	chain := f.conn.AddChain(&nftables.Chain{Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	random := f.router.NAT == Random
	f.rule(chain, interfaceIs(expr.MetaKeyOIFNAME, wanInterface), exprs(&expr.Masq{Random: random, FullyRandom: random}))
	f.portForwards(table)
}

// portForwards are the router's "dnat to" rules for UDP from outside.
func (f *firewall) portForwards(table *nftables.Table) {
	if len(f.router.Forward) == 0 {
		return
	}
	chain := f.conn.AddChain(&nftables.Chain{Name: "prerouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest})
	for _, fw := range f.router.Forward {
		ports := portWithin(destinationPort, fw.Port, max(fw.LastPort, fw.Port))
		f.rule(chain, inInterface(wanInterface), protocolIs("udp"), ports, forwardTo(fw))
	}
}

func (f *firewall) stateful() bool { return f.router.Stateful || f.router.NAT != NoNAT }

func (f *firewall) chain(t *nftables.Table, name string, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	return f.conn.AddChain(&nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: priority})
}

// baseChain is a chain that decides about whatever no rule of it matches.
func (f *firewall) baseChain(name string, hook *nftables.ChainHook, policy nftables.ChainPolicy) *nftables.Chain {
	return f.conn.AddChain(&nftables.Chain{Name: name, Table: f.filter, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityFilter, Policy: &policy})
}

func (f *firewall) rule(c *nftables.Chain, parts ...[]expr.Any) {
	f.conn.AddRule(&nftables.Rule{Table: c.Table, Chain: c, Exprs: slices.Concat(parts...)})
}

// sipMethods are the request methods of RFC 3261 and its extensions (RFC 3262,
// 3265, 3311, 3428, 3515, 3903, 6086).
func sipMethods() []string {
	return []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK",
		"SUBSCRIBE", "NOTIFY", "UPDATE", "MESSAGE", "REFER", "PUBLISH", "INFO"}
}
