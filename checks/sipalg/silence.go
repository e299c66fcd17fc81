package sipalg

import (
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// silent judges a probe that was lost on the way there or back. Silence alone
// proves nothing: loss, a closed port and content inspection look alike until they
// are compared with the control, the port's other probes and the measured loss.
func (path *Path) silent(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	switch limit := o.limit(p); {
	case !limit.isZero():
		path.because(limit)
	case !p.Known:
		path.because(noted("arrivals-unknown", nil))
	case p.ErrorClass == "in-use":
		path.because(noted("source-port-in-use", words.Args{"port": p.Source}))
	case p.ErrorClass == "local-filter":
		path.because(noted("own-filter", nil))
	case p.Inbound:
		path.silentCall(o)
	case !p.left() && p.Error != "":
		path.because(p.failure())
	case !p.left():
		path.because(noted("out-of-time", nil))
	default:
		path.lost(o)
	}
}

// limit is what keeps the far end from hearing or answering p, if anything.
func (o *Observed) limit(p *Probe) note {
	if busy := o.Far.Busy(); !busy.IsZero() {
		return note{[]string{"busy"}, busy}
	}
	if noUDP := o.Far.NoUDP(); p.Transport == "udp" && !noUDP.IsZero() {
		return note{[]string{"no-udp"}, noUDP}
	}
	return note{}
}

func (p *Probe) failure() note { return failure(p.ErrorClass, p.Error, p.ErrorHop) }

func (path *Path) lost(o *Observed) {
	p, g := path.probe, groupOf(o, path.probe)
	switch {
	case g.crowded(p.Source):
		path.because(noted("new-flows-limited", nil))
	case g.dead(p.Source):
		path.Blocked = true
		blocked := noted("blocked", words.Args{"arrived": p.Arrived})
		if p.ErrorHop.IsValid() {
			blocked = joined(blocked, p.failure())
		}
		path.because(blocked)
	case g.read(p):
		path.Verdict = Dropping
		path.because(noted("dropped", words.Args{"lost": lostWhere(p)}))
	case g.tooLarge(p):
		path.because(noted("too-large", words.Args{"lost": sizeOf(p), "passed": g.passing(p)}))
	case !g.othersAnswered && !g.answered(""):
		path.because(noted("all-silent", words.Args{"lost": lostWhere(p)}))
	default:
		path.because(noted("loss", words.Args{"lost": lostWhere(p)}))
	}
}

// withheld judges a probe that was not sent, by what its port did before.
// Another server's answer proves that a device on the path has taken over the port
// only where the responder itself has it at the very address that was asked:
// in front of a translated address, single ports often lead to a PBX.
func (path *Path) withheld(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	owner := o.portOf(p)
	g := groupOf(o, p)
	switch limit := o.limit(p); {
	case owner.Who == session.Stranger && !o.Responder.Translated:
		path.Verdict = Proxying
		path.because(noted("another-server", nil))
	case owner.Who == session.Stranger:
		path.because(noted("another-program", nil))
	case !limit.isZero():
		path.because(limit)
	case !p.Known:
		path.because(noted("arrivals-unknown", nil))
	case g.crowded(p.Source):
		path.because(noted("new-flows-limited", nil))
	case g.filtered:
		path.because(noted("own-filter", nil))
	case closed(o, p):
		path.Blocked = true
		path.because(noted("blocked", words.Args{"arrived": false}))
	case !g.othersAnswered:
		path.because(noted("all-silent", words.Args{"lost": words.Say("sip-alg.lost.everything", nil)}))
	default:
		path.because(noted("not-sent", nil))
	}
}

func lostWhere(p *Probe) words.Text {
	switch {
	case p.Arrived:
		return words.Say("sip-alg.lost.answers", words.Args{"tries": p.Tries})
	case p.Transport != "udp":
		return words.Say("sip-alg.lost.connection", words.Args{"connected": len(p.Sent) > 0, "class": p.ErrorClass})
	case p.ErrorHop.IsValid():
		return p.failure().text
	}
	return words.Say("sip-alg.lost.requests", words.Args{"tries": p.Tries})
}

// left reports whether the probe got as far as the network. A TCP probe has
// no message before it is connected.
func (p *Probe) left() bool {
	return p.Tries > 0 && (p.Transport != "udp" || len(p.Sent) > 0)
}

// silentCall judges a call from outside that did not come, or whose answer did
// not get back. Its control is the same call, masked, on the same flow.
func (path *Path) silentCall(o *Observed) {
	p := path.probe
	switch {
	case len(p.ReplySent) == 0 && p.Error != "":
		path.because(p.failure())
		return
	case len(p.ReplySent) == 0:
		path.because(noted("no-flow-for-call", nil))
		return
	}
	lost := words.Args{"came": p.Answered, "calls": p.Tries, "answers": p.Answers}
	switch {
	case callsRead(o, p):
		path.Verdict = Dropping
		path.because(noted("call-dropped", lost))
	case callControlled(o, p):
		path.because(noted("call-lost", lost))
	default:
		path.because(noted("any-call-lost", lost))
	}
}
