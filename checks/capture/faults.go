package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// examples are how many exchanges of a finding are shown.
const examples = 3

// group collects exchanges that have one cause.
type group struct {
	key   string
	list  []*exchange
	proof []checks.Evidence

	at       *transaction // the first that shows the fault
	deaf     *deaf        // of audio: who hears nothing
	dir      *direction   // the first of audio
	seg      *segment     // the first of a session
	variant  string
	count    int   // of requests
	waited   int64 // microseconds
	proved   bool  // the request bears a password
	repeated bool  // or told otherwise that no answer came
	better   string
	hidden   hidden
	to       netip.AddrPort
	sign     sign
	meaning  netinfo.Meaning
}

// first is the transaction that shows the fault first.
func (g *group) first() *transaction {
	if g.at != nil {
		return g.at
	}
	return g.list[0].main()
}

const (
	// nextCopy is how soon after a 2xx without an ACK the next copy follows: T2, and a
	// little (RFC 3261, 13.3.1.4).
	nextCopy = 5_000_000 // microseconds
	// lastCopies is how long after the first a copy may be the last: 64*T1, less
	// nextCopy.
	lastCopies = 32_000_000 - nextCopy
)

// gotACK reports whether a call went on and its 2xx was not sent again: then an ACK
// came in the end, whether this capture shows it or not.
func (v *view) gotACK(x *exchange, t *transaction) bool {
	until, _ := x.over(t, v.o.Length)
	return t.finalTo.Last-t.finalTo.At < lastCopies && until-t.finalTo.Last > nextCopy
}

// lostACK are answered calls whose 200 OK was sent again and again: the caller's
// ACK does not arrive, and the called side gives up after 32 s.
func lostACK(v *view) (out []checks.Finding) {
	const id = "capture.ack-lost"
	var groups cases
	for _, x := range v.calls {
		t := x.main()
		if v.found[x] != "" || x.outcome() != outcomeAnswered || t.finalTo.Again < 2 || v.gotACK(x, t) {
			continue
		}
		proof, variant := []checks.Evidence{frame(t.finalTo, nil)}, "none"
		if ack := x.ack(t); ack != nil {
			if ack.At >= t.finalTo.Last {
				continue // it was late, and then all was well
			}
			variant = "sent"
			if at, ok := t.finalTo.contactAddr(); ok && (privateContact(t.finalTo, at) || ack.Dst == at && netinfo.IsPrivate(at.Addr()) && !netinfo.IsPrivate(t.server.Addr())) {
				variant = "private"
			}
			proof = append(proof, frame(ack, nil), checks.Proof(words.Say("capture.evidence.contact", nil), nil, words.Raw(t.finalTo.Contact)))
		}
		groups.add(v, id, variant+" "+t.server.String(), x, t, proof...).variant = variant
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"n": len(g.list), "server": who(t.server), "client": who(t.client), "again": t.finalTo.Again, "contact": words.Raw(t.finalTo.Contact)},
		})
	}
	return out
}

// ack is the ACK to the 2xx of an INVITE, wherever its sender took it: it goes to the
// Contact of the answer.
func (x *exchange) ack(t *transaction) *Message {
	if t.acked != nil {
		return t.acked
	}
	for _, o := range x.list {
		if o.first.Method == "ACK" && o.request != nil && o.first.CSeq == t.first.CSeq && o.client.Addr() == t.client.Addr() {
			return o.request
		}
	}
	return nil
}

func whoAddr(a netip.AddrPort) any {
	if !a.IsValid() {
		return who(a)
	}
	return a.Addr()
}

// subject is the end that a finding is about; empty where a trace does not name it.
func subject(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
