package sipalg

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// look reads what an answer says about where its request came from. The oracle
// is a contradiction: our address is translated on the way, and yet the answer
// names the private one. A server sees the translated one; only something that
// reads the answer on its way back knows the other.
func (e *evidence) look(all []evidence) {
	if e.bothEnds {
		return
	}
	e.verdict = Inconclusive
	switch {
	case !e.readable:
		e.note = "the answer has no readable Via"
	case e.transport == "tls":
		e.verdict = None // nobody on the way can read it
	case !e.seen.IsValid() && e.untranslated():
		e.verdict, e.note = NoSign, "the answer is as it should be; without NAT it cannot tell more"
	case !e.seen.IsValid():
		e.note = "the server does not say which address it saw (no received= in its answer)"
	case !netinfo.IsPrivate(e.seen):
		e.verdict, e.note = NoSign, e.sawPublic()
	default:
		e.lookPrivate(all)
	}
}

// untranslated reports that STUN servers see us at our own address.
func (e *evidence) untranslated() bool { return slices.Contains(e.public, e.local.Addr()) }

func (e *evidence) sawPublic() string {
	switch {
	case e.seen == e.local.Addr():
		return "the server saw our own address: nothing is translated on the way"
	case len(e.public) > 0 && !slices.Contains(e.public, e.seen):
		return fmt.Sprintf("the server saw %s, STUN servers saw %s: the way out differs", e.seen, addrList(e.public))
	}
	return "the server saw our public address and the answer came back as it should"
}

// lookPrivate weighs a private address in received=. On a path without NAT (a
// VPN, a DMZ, the office's own public address from inside) it is the plain
// truth, and a server behind a NAT of its own sees that NAT.
func (e *evidence) lookPrivate(all []evidence) {
	far := e.remote.Addr()
	shown := e.sameServer(all, func(x *evidence) bool { return x.seen.IsValid() && !netinfo.IsPrivate(x.seen) })
	secret := e.sameServer(all, func(x *evidence) bool { return x.transport == "tls" && x.seen == e.seen })
	switch {
	case netinfo.IsPrivate(far):
		e.note = fmt.Sprintf("the server itself has a private address (%s); on such a path no NAT is expected", far)
	case slices.Contains(e.public, far):
		e.note = fmt.Sprintf("%s is this network's own public address; from inside no NAT is expected on the way to it", far)
	case e.control.copied:
		e.note = "the server repeats in received= what our Via says, and not which address it saw"
	case e.seen != e.local.Addr() && shown == nil:
		e.note = fmt.Sprintf("the server saw %s, a private address that is not ours: it stands behind a NAT of its own "+
			"(a container, a load balancer) and sees all its clients under one address", e.seen)
	case secret != nil && e.control.seen == e.seen:
		e.verdict, e.note = NoSign, "the server says the same over TLS, which nobody on the way can change: nothing is translated on the way"
	case secret != nil:
		e.note = "the server says the same over TLS, which nobody on the way can change: nothing is translated on the way, or the server repeats what our Via says"
	case e.untranslated():
		e.verdict, e.note = NoSign, "the server saw our own address, as STUN servers do: nothing is translated on the way"
	case len(e.public) == 0 && shown == nil:
		e.note = "no STUN server answered, so nobody told our public address"
	default:
		e.signs = append(e.signs, sign{Change: Change{sip.ReceivedReversed, "response", e.expected(shown), e.seen.String()}})
	}
}

// expected is the address that should stand in received=.
func (e *evidence) expected(shown *evidence) string {
	if shown != nil {
		return shown.seen.String()
	}
	return addrList(e.public)
}

// disagreement says that STUN servers see one local address at different public
// ones: several lines, or a server that is wrong. It is a fact of its own, and
// nothing is concluded from it.
func disagreement(o *Observed) []string {
	var out []string
	for _, v := range o.Views {
		first := slices.IndexFunc(o.Views, func(w View) bool { return w.Local == v.Local })
		if w := o.Views[first]; w.Seen != v.Seen {
			out = append(out, fmt.Sprintf("%s sees this machine at %s, %s at %s", w.By, w.Seen, v.By, v.Seen))
		}
	}
	return out
}
