package allowlist

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A cause is what kept a probe from being answered.
type cause struct {
	by   string
	hop  netip.Addr // who said so
	said words.Text
}

// The causes.
const (
	localFilter = "local-filter" // this machine's own packet filter
	gateway     = "gateway"      // the office's router said so
	upstream    = "upstream"     // somebody behind it said so
	farEnd      = "far-end"      // the server's own filter said so
	refused     = "refused"      // in the server's name: nobody listens, or a firewall pretends so
	unnamed     = "unnamed"      // a filter said so, and this system does not tell which
	unheard     = "silence"      // nothing was heard
	notAsked    = "not-asked"    // there was no time left
	failed      = "failed"       // this machine could not ask
)

// say is a message of the evidence.
func say(id string, args words.Args) words.Text { return words.Say("allow-list.evidence."+id, args) }

// causeOf finds who decided. What somebody said by ICMP names its sender; a
// reset or a silence names nobody.
func causeOf(p *Probe, h *netinfo.Host) cause {
	if p.Class == localFilter {
		return cause{by: localFilter, said: say("own-filter", nil)}
	}
	if len(p.ICMP) > 0 {
		return saidBy(p.ICMP[len(p.ICMP)-1], p, h)
	}
	switch p.Class {
	case "prohibited", "unreachable":
		return cause{by: unnamed, said: say(p.Class, nil)}
	case "refused", "reset":
		return cause{by: refused, said: say("refused", nil)}
	case "timeout", "":
		if p.Tries == 0 {
			return cause{by: notAsked, said: say("no-time", nil)}
		}
		return cause{by: unheard, said: say("silence", words.Args{"packets": p.Tries})}
	}
	return cause{by: failed, said: say("failed", words.Args{"why": p.Error})}
}

// saidBy names the sender of an ICMP error by its place on the way.
func saidBy(e ICMP, p *Probe, h *netinfo.Host) cause {
	by := upstream
	switch {
	case !e.Hop.IsValid():
		return cause{by: unnamed, said: say("unnamed-hop", words.Args{"meaning": e.Meaning})}
	case e.Hop == p.Addr.Addr() && e.Class == "refused": // which may be this very machine
		return cause{refused, e.Hop, say("refused-by", words.Args{"hop": e.Hop, "meaning": e.Meaning})}
	case e.Hop == p.Local || e.Hop.IsLoopback() || slices.Contains(h.Uplink.Local, e.Hop):
		if e.Class == "unreachable" {
			return cause{unnamed, e.Hop, say("no-neighbour", words.Args{"meaning": e.Meaning})}
		}
		return cause{localFilter, e.Hop, say("own-filter-says", words.Args{"meaning": e.Meaning})}
	case e.Hop == p.Addr.Addr():
		by = farEnd
	case e.Hop == h.Uplink.Gateway || e.Hop == h.Uplink.Gateway6:
		by = gateway
	}
	return cause{by, e.Hop, say("hop", words.Args{"who": by, "hop": e.Hop, "meaning": e.Meaning})}
}
