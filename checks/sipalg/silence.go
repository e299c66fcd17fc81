package sipalg

import (
	"fmt"
	"math"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// silent judges a probe that did not make it there and back. Silence alone is
// nothing: loss, a closed port and content inspection look alike until the
// control, the other probes of the port and the measured loss are looked at.
func (path *Path) silent(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	busy := o.Far.Busy()
	switch {
	case busy != "":
		path.Note = busy
		return
	case p.Transport == "udp" && o.Far.NoUDP() != "":
		path.Note = o.Far.NoUDP()
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
		path.Note = p.Error
		return
	}
	g := groupOf(o, p)
	switch {
	case g.dead(p.Source):
		path.Blocked = true
		path.Note = "nothing passes on this port, not even bytes that are no SIP"
		if p.Arrived {
			path.Note = "no answer comes back from this port, not even to bytes that are no SIP"
		}
		if p.ErrorHop.IsValid() {
			path.Note += "; " + p.Error
		}
	case g.control[p.Source] && g.dropped():
		path.Verdict = Dropping
		path.Note = fmt.Sprintf("%s while the same bytes, masked, were answered", lostWhere(p))
	case !g.othersAnswered && len(g.control) == 0:
		path.Note = lostWhere(p) + ", and nothing but the control channel answers: a firewall stops all of it, on the way or at the responder"
	default:
		path.Note = lostWhere(p) + ", which loss may explain"
	}
}

// withheld judges a probe that was not sent, by what its port did before.
// Another server's answer proves that somebody on the way has taken the port
// only where the responder itself has it at the very address that was asked:
// in front of a translated address, single ports often lead to a PBX.
func (path *Path) withheld(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	owner, _ := o.portOf(p)
	g := groupOf(o, p)
	switch {
	case owner.Who == session.Stranger && !o.Responder.Translated:
		path.Verdict = Proxying
		path.Note = "an OPTIONS never arrived, and yet it was answered: by another SIP server"
	case owner.Who == session.Stranger:
		path.Note = "another program answers at this port of the responder's address, such as a PBX: " +
			"stop it there or choose other ports with \"serve --sip-ports\""
	case o.Far.Busy() != "":
		path.Note = o.Far.Busy()
	case p.Transport == "udp" && o.Far.NoUDP() != "":
		path.Note = o.Far.NoUDP()
	case !p.Known:
		path.Note = "the responder could not be asked what arrived"
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
	case p.Error != "":
		return p.Error
	}
	return fmt.Sprintf("none of %d tries arrived", p.Tries)
}

// left reports whether the probe got as far as the network. A TCP probe has
// no message before it is connected.
func (p *Probe) left() bool { return p.Transport != "udp" || len(p.Sent) > 0 }

// group is all that is known about the outbound probes of one transport and
// port. What is counted by source is so because some boxes look at the source
// port alone.
type group struct {
	stream         bool
	control        map[string]bool // by source: the masked bytes were answered
	answered       map[string]bool // by source: anything was
	silent         []*Probe
	filtered       bool    // this machine's own packet filter stops some
	clear          int     // probes whose control was answered, silent or not
	othersAnswered bool    // some other port of the same far end answers
	loss           float64 // chance that one try fails on this path
}

func groupOf(o *Observed, p *Probe) group {
	g := group{stream: p.Transport != "udp", control: map[string]bool{}, answered: map[string]bool{}, loss: lossOf(o.Probes)}
	for i := range o.Probes {
		q := &o.Probes[i]
		switch {
		case q.Transport != p.Transport || q.Port != p.Port:
			g.othersAnswered = g.othersAnswered || q.Answered
		case q.ErrorClass == "local-filter":
			g.filtered = true
		case q.Inbound || !q.left() || q.Withheld:
		case q.Answered:
			g.answered[q.Source] = true
			if q.Masked {
				g.control[q.Source] = true
			}
		default:
			g.silent = append(g.silent, q)
		}
	}
	for i := range o.Probes {
		q := &o.Probes[i]
		if q.Transport == p.Transport && q.Port == p.Port && !q.Masked && !q.Inbound && q.left() && g.control[q.Source] {
			g.clear++
		}
	}
	return g
}

// falseAlarm is the chance of blaming a network for its loss that is accepted
// for one path: one run in a million.
const falseAlarm = 1e-6

// beyondLoss reports whether n of all probes with so many tries are lost, and
// it cannot be chance: the more probes there are, the more ways there are to
// lose n of them. TCP repeats by itself: two connections that fail, each within
// seconds, are enough.
func (g group) beyondLoss(n, all, tries int) bool {
	if g.stream {
		return n >= 2
	}
	return n >= 2 && choose(all, n)*math.Pow(g.loss, float64(tries)) < falseAlarm
}

// choose is in how many ways n can be taken out of all.
func choose(all, n int) float64 {
	ways := 1.0
	for i := range n {
		ways *= float64(all-i) / float64(i+1)
	}
	return ways
}

// falseName is the chance of calling a port closed of which only the SIP is
// dropped, because the one control of this source port was lost by accident
// while that of another passed. Either way phones do not get through.
const falseName = 1e-3

// dead reports whether nothing, clear or masked, passes from a source port to
// this port of a far end that answers otherwise.
func (g group) dead(source string) bool {
	probes, tries, masked := 0, 0, 0
	for _, q := range g.silent {
		if q.Source != source {
			continue
		}
		probes++
		tries += q.Tries
		if q.Masked {
			masked += q.Tries
		}
	}
	switch {
	case g.answered[source], !g.othersAnswered && len(g.answered) == 0:
		return false
	case len(g.control) > 0 && !g.stream && math.Pow(g.loss, float64(masked)) > falseName:
		return false
	}
	return g.beyondLoss(probes, probes, tries)
}

// closed reports whether nothing at all passes to p's port of a far end that
// answers otherwise. Where nothing passes to any port of the transport, all of
// that silence counts: there is no measure of the loss then.
func closed(o *Observed, p *Probe) bool {
	g := groupOf(o, p)
	probes, tries, passes := 0, 0, false
	for i := range o.Probes {
		q := &o.Probes[i]
		passes = passes || q.Transport == p.Transport && q.Answered
	}
	same := func(transport string, port int) bool { return transport == p.Transport && (!passes || port == p.Port) }
	for i := range o.Probes {
		if q := &o.Probes[i]; same(q.Transport, q.Port) && !q.Withheld && !q.Answered && q.left() {
			probes, tries = probes+1, tries+q.Tries
		}
	}
	for _, w := range o.Ports {
		if w.Who == session.Nobody && same(w.Transport, w.Port) {
			probes, tries = probes+1, tries+w.Tries
			if g.stream {
				probes += w.Tries - 1 // every connection counts for itself
			}
		}
	}
	return g.othersAnswered && len(g.answered) == 0 && g.beyondLoss(probes, probes, tries)
}

// dropped reports whether clear messages are lost beside masked ones that
// pass.
func (g group) dropped() bool {
	probes, tries := 0, 0
	for _, q := range g.silent {
		if !q.Masked && g.control[q.Source] {
			probes++
			tries += q.Tries
		}
	}
	return g.beyondLoss(probes, g.clear, tries)
}

// lossOf estimates the chance that one UDP try fails, from the tries that the
// answered probes needed. It never goes below 10 %: a few clean probes do not
// prove a clean line, and with this floor the five tries of one probe are never
// enough for a verdict.
func lossOf(probes []Probe) float64 {
	sent, lost := 0, 0
	for i := range probes {
		if p := &probes[i]; p.Transport == "udp" && p.Answered && !p.Inbound {
			sent += p.Tries
			lost += p.Tries - 1
		}
	}
	if sent == 0 {
		return 0.5
	}
	return max(0.1, float64(lost)/float64(sent))
}

// silentCall judges a call from outside that did not come, or whose answer did
// not get back. Its control is the OPTIONS on the same flow, before and after.
func (path *Path) silentCall(o *Observed) {
	p := path.probe
	switch {
	case len(p.ReplySent) == 0 && p.Error != "":
		path.Note = p.Error
		return
	case len(p.ReplySent) == 0:
		path.Note = "the OPTIONS that should have opened the flow for the call was not answered"
		return
	}
	path.Note = fmt.Sprintf("the call came, but none of %d answers to it arrived", p.Answers)
	if !p.Answered {
		path.Note = fmt.Sprintf("the responder called %d times, and no call came", p.Tries)
	}
	switch {
	case !p.FlowOpen:
		path.Note += "; neither did anything else on that flow"
	case callsLost(o, p):
		path.Verdict = Dropping
		path.Note += ", while OPTIONS and its answer passed on the same flow"
	default:
		path.Note += ", which loss may explain"
	}
}

// callsLost reports whether the calls on p's port, or the calls on all ports,
// are lost beyond what loss could do. Only the responder's tries that we asked
// for are counted; it makes more by itself.
func callsLost(o *Observed, p *Probe) bool {
	g := group{loss: lossOf(o.Probes)}
	here, hereTries, all, allTries, came := 0, 0, 0, 0, false
	for i := range o.Probes {
		q := &o.Probes[i]
		switch {
		case !q.Inbound || len(q.ReplySent) == 0:
		case q.Answered && q.Arrived:
			came = true
		case q.FlowOpen && q.Answered == p.Answered:
			tries := q.Tries
			if q.Answered {
				tries = q.Answers
			}
			all, allTries = all+1, allTries+tries
			if q.Port == p.Port {
				here, hereTries = here+1, hereTries+tries
			}
		}
	}
	return g.beyondLoss(here, here, hereTries) || !came && g.beyondLoss(all, all, allTries)
}
