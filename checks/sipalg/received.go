package sipalg

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// look reads what an answer says about where its request came from. The oracle
// is a contradiction: our address is translated on the way, and yet the answer
// names the private one. A server sees the translated one; only something that
// reads the answer on its way back knows the other.
func (e *evidence) look(all []evidence) {
	if e.bothEnds {
		return
	}
	e.Verdict = Inconclusive
	switch {
	case !e.readable:
		e.why = noted("no-via", nil)
	case e.Transport == "tls":
		e.Verdict = None // nobody on the way can read it
	case !e.seen.IsValid() && e.untranslated():
		e.Verdict, e.why = NoSign, noted("as-sent", nil)
	case !e.seen.IsValid():
		e.why = noted("no-received", nil)
	case !netinfo.IsPrivate(e.seen):
		e.Verdict, e.why = NoSign, e.sawPublic()
	default:
		e.lookPrivate(all)
	}
}

// untranslated reports that STUN servers see us at our own address.
func (e *evidence) untranslated() bool { return slices.Contains(e.public, e.local.Addr()) }

func (e *evidence) sawPublic() note {
	switch {
	case e.seen == e.local.Addr():
		return noted("saw-own-address", nil)
	case len(e.public) > 0 && !slices.Contains(e.public, e.seen):
		return noted("another-way-out", words.Args{"seen": e.seen, "public": once(e.public)})
	}
	return noted("saw-public-address", nil)
}

// lookPrivate weighs a private address in received=. On a path without NAT (a
// VPN, a DMZ, the office's own public address from inside) it is
// correct, and a server behind its own NAT sees that NAT.
func (e *evidence) lookPrivate(all []evidence) {
	far := e.remote.Addr()
	shown := e.sameServer(all, func(x *evidence) bool { return x.seen.IsValid() && !netinfo.IsPrivate(x.seen) })
	secret := e.sameServer(all, func(x *evidence) bool { return x.Transport == "tls" && x.seen == e.seen })
	switch {
	case netinfo.IsPrivate(far):
		e.why = noted("private-server", words.Args{"server": far})
	case slices.Contains(e.public, far):
		e.why = noted("own-public-address", words.Args{"server": far})
	case e.control.copied:
		e.why = noted("repeats-via", nil)
	case e.seen != e.local.Addr() && shown == nil:
		e.why = noted("server-behind-nat", words.Args{"seen": e.seen})
	case secret != nil && e.control.seen == e.seen:
		e.Verdict, e.why = NoSign, noted("tls-agrees", nil)
	case secret != nil:
		e.why = noted("tls-agrees-or-repeats", nil)
	case e.untranslated():
		e.Verdict, e.why = NoSign, noted("stun-agrees", nil)
	case len(e.public) == 0 && shown == nil:
		e.why = noted("no-stun", nil)
	default:
		expected := strings.Join(once(e.public), ", ")
		if shown != nil {
			expected = shown.seen.String()
		}
		e.signs = append(e.signs, sign{Change: Change{sip.ReceivedReversed, "response", expected, e.seen.String()}})
	}
}

// disagreement notes that STUN servers see one local address at different public
// ones: several uplinks, or a wrong server. Nothing is concluded from it.
func disagreement(o *Observed) (out []words.Text) {
	for _, v := range o.Views {
		first := slices.IndexFunc(o.Views, func(w View) bool { return w.Local == v.Local })
		if w := o.Views[first]; w.Seen != v.Seen {
			out = append(out, words.Say("sip-alg.note.views-differ", words.Args{
				"first": w.By, "first_sees": w.Seen, "second": v.By, "second_sees": v.Seen,
			}))
		}
	}
	return out
}
