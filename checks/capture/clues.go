package capture

import "net/netip"

// clues are what all of a capture tells, for judges who look at one exchange.
type clues struct {
	accepted  map[login]map[string]int64     // accounts that a server let in, when last, by method
	proves    map[prover]int64               // when a client last proved itself
	realms    map[netip.Addr]map[string]bool // in which a server accepted somebody
	near      surroundings                   // who is near the place of the capture
	sent      map[netip.AddrPort]int         // messages by sender
	hidden    []hidden                       // devices behind NAT that do not know it
	hiddenAt  map[netip.AddrPort][]int
	seenBy    map[[2]netip.Addr]bool // a client and a server that named its public address
	legs      map[netip.Addr][]*exchange
	registers map[netip.Addr][]int64 // when an address sent REGISTER
	// recovered are OPTIONS without an answer before one that was answered.
	recovered map[*transaction]bool
	more      int // causes beyond those that are shown
}

func cluesOf(o *Observed, calls []*exchange) clues {
	c := clues{proves: proves(calls), near: look(o), sent: countSent(calls), hidden: hiddenEnds(calls), seenBy: seenBy(calls), legs: legs(calls), registers: registers(calls)}
	c.accepted, c.realms = accepted(calls)
	c.recovered, c.hiddenAt = map[*transaction]bool{}, byContact(c.hidden)
	return c
}
