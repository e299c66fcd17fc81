package sipalg

import (
	"cmp"
	"fmt"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// silent judges a probe that did not make it there and back. Silence alone is
// nothing: loss, a closed port and content inspection look alike until the
// control, the other probes of the port and the measured loss are looked at.
func (path *Path) silent(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	busy := checks.English(o.Far.Busy())
	switch {
	case busy != "":
		path.Note = busy
		return
	case p.Transport == "udp" && !o.Far.NoUDP().IsZero():
		path.Note = checks.English(o.Far.NoUDP())
		return
	case !p.Known:
		path.Note = "the responder could not be asked what arrived"
		return
	case p.ErrorClass == "in-use":
		path.Note = fmt.Sprintf("source port %s is in use by another program on this machine", p.Source)
		return
	case p.ErrorClass == "local-filter":
		path.Note = "this machine's own packet filter stops it"
		return
	case p.Inbound:
		path.silentCall(o)
		return
	case !p.left():
		path.Note = cmp.Or(p.Error, "it was not sent before time ran out")
		return
	}
	path.lost(o)
}

// lost judges an outbound probe that was sent and not answered.
func (path *Path) lost(o *Observed) {
	p, g := path.probe, groupOf(o, path.probe)
	switch {
	case g.crowded(p.Source):
		path.Note = crowdedNote
	case g.dead(p.Source):
		path.Blocked = true
		path.Note = "nothing passes on this port, not even bytes that are no SIP"
		if p.Arrived {
			path.Note = "no answer comes back from this port, not even to bytes that are no SIP"
		}
		if p.ErrorHop.IsValid() {
			path.Note += "; " + p.Error
		}
	case g.read(p):
		path.Verdict = Dropping
		path.Note = fmt.Sprintf("%s while the same bytes, masked, were answered", lostWhere(p))
	case g.tooLarge(p):
		path.Note = g.sizeNote(p)
	case !g.othersAnswered && !g.anyAnswer():
		path.Note = lostWhere(p) + ", and nothing but the control channel answers: a firewall stops all of it, on the way or at the responder"
	default:
		path.Note = lostWhere(p) + ", which loss may explain"
	}
}

const crowdedNote = "new connections get nowhere, not even to a port that had answered before: " +
	"something on the way limits how many there may be; the port itself may be open"

// withheld judges a probe that was not sent, by what its port did before.
// Another server's answer proves that somebody on the way has taken the port
// only where the responder itself has it at the very address that was asked:
// in front of a translated address, single ports often lead to a PBX.
func (path *Path) withheld(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	owner := o.portOf(p)
	g := groupOf(o, p)
	switch {
	case owner.Who == session.Stranger && !o.Responder.Translated:
		path.Verdict = Proxying
		path.Note = "an OPTIONS never arrived, and yet it was answered: by another SIP server"
	case owner.Who == session.Stranger:
		path.Note = "another program answers at this port of the responder's address, such as a PBX: " +
			"stop it there or choose other ports with \"serve --sip-ports\""
	case !o.Far.Busy().IsZero():
		path.Note = checks.English(o.Far.Busy())
	case p.Transport == "udp" && !o.Far.NoUDP().IsZero():
		path.Note = checks.English(o.Far.NoUDP())
	case !p.Known:
		path.Note = "the responder could not be asked what arrived"
	case g.crowded(p.Source):
		path.Note = crowdedNote
	case g.filtered:
		path.Note = "this machine's own packet filter stops it"
	case closed(o, p):
		path.Blocked = true
		path.Note = "nothing passes on this port, not even bytes that are no SIP"
	case !g.othersAnswered:
		path.Note = "nothing arrived, and nothing but the control channel answers: a firewall stops all of it, on the way or at the responder"
	default:
		path.Note = "nothing that was sent to this port first reached the responder, so no SIP was sent there"
	}
}

func lostWhere(p *Probe) string {
	switch {
	case p.Arrived:
		return fmt.Sprintf("it arrived, but none of the answers to %d tries came back", p.Tries)
	case p.Transport != "udp":
		return lostConnection(p)
	case p.ErrorHop.IsValid():
		return p.Error
	}
	return fmt.Sprintf("none of %d tries arrived", p.Tries)
}

// lostConnection words what became of a connection.
func lostConnection(p *Probe) string {
	what := "the connection"
	if len(p.Sent) == 0 {
		what = "connecting"
	}
	switch platform.ErrorClass(p.ErrorClass) {
	case platform.ClassTimeout:
		return what + " brought no answer in time"
	case platform.ClassRefused:
		return what + " was refused"
	case platform.ClassReset:
		return what + " was reset"
	case platform.ClassProhibited:
		return what + " was prohibited on the way"
	case platform.ClassUnreachable:
		return what + " found no way there"
	}
	return what + " ended without an answer"
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
		path.Note = p.Error
		return
	case len(p.ReplySent) == 0:
		path.Note = "nothing was answered on the flow on which the call should have come"
		return
	}
	path.Note = fmt.Sprintf("the call came, but none of %d answers to it arrived", p.Answers)
	if !p.Answered {
		path.Note = fmt.Sprintf("the responder called %d times, and no call came", p.Tries)
	}
	switch {
	case callsRead(o, p):
		path.Verdict = Dropping
		path.Note += ", while the same call, masked, passed on the same flow"
	case callControlled(o, p):
		path.Note += ", which loss may explain"
	default:
		path.Note += "; neither did the same call, masked, so its content is not the reason"
	}
}
