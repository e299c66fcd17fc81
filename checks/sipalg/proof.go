package sipalg

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// evidence is what one exchange says about the path between two ends, whatever
// method it comes from. None of it decides anything alone: weigh looks at all.
type evidence struct {
	Path                // with the verdict of this exchange
	hop      netip.Addr // the router that quoted it, where that is the other end
	local    netip.AddrPort
	remote   netip.AddrPort
	bothEnds bool           // both ends told what they sent and got, not only the answer
	from     netip.AddrPort // where the answer came from, if not from remote
	readable bool           // it is an answer that has a Via
	seen     netip.Addr     // where the answer says that the request came from; invalid: it does not say
	public   []netip.Addr   // where STUN servers see the same local address
	control  control

	signs []sign // what came back other than it was sent
	sure  bool   // of Rewriting
}

// sign is one trace of tampering. The server itself may have left it, unless it
// is our own; what tells them apart is in refuted and proof.
type sign struct {
	Change
	refuted note              // why it is not the way's doing; none while it stands
	proof   []checks.Evidence // what the server cannot have done itself
}

// control is the answer to the same request without our own address: what comes
// back changed in the same way is not the work of something that looks for our
// address.
type control struct {
	readable bool
	seen     netip.Addr
	copied   bool     // received= repeats what our Via said: the server did not look
	changes  []Change // fields that came back other than sent
	leaks    []Change // fields in which our private address came back, which that request did not have
}

// weigh decides what every exchange proves in the light of all the others.
func weigh(all []evidence) {
	for i := range all {
		all[i].look(all)
	}
	for i := range all {
		all[i].examine(all)
	}
	for i := range all {
		all[i].compareServers(all)
	}
	for i := range all {
		all[i].conclude()
	}
}

func (e *evidence) sameServer(all []evidence, fits func(*evidence) bool) *evidence {
	for i := range all {
		if x := &all[i]; x.Server == e.Server && fits(x) {
			return x
		}
	}
	return nil
}

// What another answer says about a sign.
type opinion int

const (
	silentOn opinion = iota // nothing
	shares                  // it has the same
	lacks                   // there it is as it should be
)

// on returns what this exchange with the same server says about a sign.
func (e *evidence) on(s *sign) opinion {
	return s.compare(e.readable, e.seen, slices.ContainsFunc(e.signs, func(o sign) bool { return o.Code == s.Code }))
}

func (c *control) on(s *sign) opinion {
	return s.compare(c.readable, c.seen, slices.ContainsFunc(c.changes, func(o Change) bool { return o.Code == s.Code }))
}

// compare says what an answer with that source address says about s; has is
// whether it shows a change of the same field.
func (s *sign) compare(readable bool, seen netip.Addr, has bool) opinion {
	reversed := s.Code == sip.ReceivedReversed
	switch {
	case !readable, reversed && !seen.IsValid():
		return silentOn
	case reversed && seen.String() == s.After, !reversed && has:
		return shares
	case reversed && netinfo.IsPrivate(seen):
		return silentOn
	}
	return lacks
}

// examine asks what the same server says elsewhere. Over TLS nobody on the way
// can have written what it says, so that refutes as well as it confirms; next
// come its other transports, and the control.
func (e *evidence) examine(all []evidence) {
	for _, l := range e.control.leaks {
		e.signs = append(e.signs, sign{Change: l, proof: []checks.Evidence{checks.Proof(
			evidenceSays("control", words.Args{"port": e.name()}), evidenceSays("address-not-sent", nil), evidenceSays("address-came", nil),
		)}})
	}
	for i := range e.signs {
		s := &e.signs[i]
		if e.Transport == "tls" {
			s.refuted = noted("came-over-tls", nil)
			continue
		}
		if len(s.proof) == 0 && !e.bothEnds {
			e.askElsewhere(s, all)
		}
	}
}

func (e *evidence) askElsewhere(s *sign, all []evidence) {
	for _, transport := range []string{"tls", "tcp", "udp"} {
		for _, x := range all {
			if x.Server != e.Server || x.Transport != transport || x.Transport == e.Transport {
				continue
			}
			switch x.on(s) {
			case shares:
				if transport == "tls" {
					s.refuted = noted("same-over-tls", nil)
					return
				}
			case lacks:
				s.proof = append(s.proof, checks.Proof(evidenceSays("same-server", words.Args{"port": x.name()}), s.wanted(), s.instead(x.seen)))
				return
			}
		}
	}
	switch e.control.on(s) {
	case shares:
		s.refuted = noted("same-without-address", nil)
	case lacks:
		s.proof = append(s.proof, checks.Proof(evidenceSays("without-address", words.Args{"port": e.name()}), s.wanted(), s.instead(e.control.seen)))
	}
}

// wanted and instead are the two sides of a comparison with an exchange that
// lacks the sign.
func (s *sign) wanted() any {
	if s.Code == sip.ReceivedReversed {
		return s.Before
	}
	return nil
}

func (s *sign) instead(seen netip.Addr) any {
	if s.Code == sip.ReceivedReversed {
		return "received=" + seen.String()
	}
	return evidenceSays("unchanged", nil)
}

// compareServers refutes the signs that only one server shows: a box on the path
// would treat another server on the same port the same way.
func (e *evidence) compareServers(all []evidence) {
	for i := range e.signs {
		s := &e.signs[i]
		if !s.refuted.isZero() || len(s.proof) > 0 || e.bothEnds || e.own() {
			continue
		}
		if x := e.cleanElsewhere(all); x != nil {
			s.refuted = noted("clean-elsewhere", words.Args{"own": x.own(), "server": x.Server, "port": x.name()})
		}
	}
}

// cleanElsewhere finds another far end on the same transport and port whose
// answers show that nothing was changed.
func (e *evidence) cleanElsewhere(all []evidence) *evidence {
	for _, x := range all {
		if x.Server != e.Server && x.remote.Addr() != e.remote.Addr() && x.Transport == e.Transport &&
			x.remote.Port() == e.remote.Port() && x.local.Addr() == e.local.Addr() &&
			len(x.signs) == 0 && (x.Verdict == NoSign || x.Verdict == None) {
			return &x
		}
	}
	return nil
}

// conclude sets the verdict of one exchange once every sign has been examined.
func (e *evidence) conclude() {
	var why []note
	seen := map[string]bool{}
	standing := e.standing()
	for _, s := range e.signs {
		if s.refuted.isZero() {
			e.sure = e.sure || len(s.proof) > 0 || e.bothEnds || e.own()
			continue
		}
		field := fields[s.Code]
		w := note{s.refuted.codes, words.Say("sip-alg.note.refuted", words.Args{"field": fieldSays(field.long), "why": s.refuted.text})}
		if !seen[field.long+w.code()] {
			seen[field.long+w.code()] = true
			why = append(why, w)
		}
	}
	switch {
	case len(standing) > 0 && !slices.Contains([]string{Rewriting, Proxying}, e.Verdict):
		e.Verdict, e.why = Rewriting, note{}
	case e.Transport != "tls":
		e.why = joined(append(why, e.why)...)
	}
}

// elsewhere says that the answer came from another address or port than was
// asked; nothing when it did not.
func (e *evidence) elsewhere() note {
	if !e.from.IsValid() {
		return note{}
	}
	return noted("answered-from-elsewhere", words.Args{"address": e.from})
}

func (e *evidence) standing() []sign {
	return slices.DeleteFunc(slices.Clone(e.signs), func(s sign) bool { return !s.refuted.isZero() })
}

func once(list []netip.Addr) (out []string) {
	for _, a := range list {
		if !slices.Contains(out, a.String()) {
			out = append(out, a.String())
		}
	}
	return out
}
