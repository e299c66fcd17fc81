package allowlist

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A cause is what kept a probe from being answered.
type cause struct {
	kind string
	text string
}

// The kinds of causes.
const (
	unknown     = ""             // nothing was heard
	localFilter = "local-filter" // this machine's own packet filter
	gateway     = "gateway"      // the office's router said so
	upstream    = "upstream"     // somebody behind it said so
	farEnd      = "far-end"      // the server's own filter said so
	nobody      = "nobody"       // refused in the server's name: nobody listens, or a firewall pretends so
	unnamed     = "unnamed"      // a filter said so, and this system does not tell which
)

// causeOf finds who decided. What somebody said by ICMP names its sender; a
// reset or a silence names nobody.
func causeOf(p *Probe, h *netinfo.Host) cause {
	if p.Class == localFilter {
		return cause{localFilter, "this machine's own packet filter"}
	}
	if len(p.ICMP) > 0 {
		return saidBy(p.ICMP[len(p.ICMP)-1], p, h)
	}
	switch p.Class {
	case "prohibited":
		return cause{unnamed, "administratively prohibited, by whom this system does not tell"}
	case "unreachable":
		return cause{unnamed, "unreachable, says a hop that this system does not name"}
	case "refused", "reset":
		return cause{nobody, "connection refused: nobody listens there, or a firewall answers in the host's name"}
	case "timeout", "":
		if p.Tries == 0 {
			return cause{unknown, "there was no time left to ask"}
		}
		return cause{unknown, fmt.Sprintf("no answer to %d packets", p.Tries)}
	}
	return cause{unknown, p.Error}
}

// saidBy names the sender of an ICMP error by its place on the way.
func saidBy(e ICMP, p *Probe, h *netinfo.Host) cause {
	switch {
	case !e.Hop.IsValid():
		return cause{unnamed, e.Meaning + ", says a hop that this system does not name"}
	case e.Hop == p.Addr.Addr() && e.Class == "refused": // which may be this very machine
		return cause{nobody, "refused by " + e.Hop.String() + " (" + e.Meaning + "): nobody listens there, or a firewall answers in its name"}
	case e.Hop == p.Local || e.Hop.IsLoopback() || slices.Contains(h.Uplink.Local, e.Hop):
		if e.Class == "unreachable" {
			return cause{unnamed, "this machine says " + e.Meaning + ": nobody answers on the way there"}
		}
		return cause{localFilter, "this machine's own packet filter: " + e.Meaning}
	case e.Hop == p.Addr.Addr():
		return cause{farEnd, "the far end " + e.Hop.String() + ": " + e.Meaning}
	case e.Hop == h.Uplink.Gateway || e.Hop == h.Uplink.Gateway6:
		return cause{gateway, "gateway " + e.Hop.String() + ": " + e.Meaning}
	}
	return cause{upstream, "upstream " + e.Hop.String() + ": " + e.Meaning}
}
