package sipalg

import (
	"math"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// group is all that is known about the outbound probes of one transport and
// port.
type group struct {
	stream         bool
	sent           []*Probe // readable or masked, planned or not
	o              *Observed
	filtered       bool // this machine's own packet filter stops some
	othersAnswered bool // some other port of the same far end answers
	likeAnswered   bool // something was over the same protocol below SIP, here or there
	loss           float64
}

func groupOf(o *Observed, p *Probe) group {
	g := group{stream: p.Transport != "udp", o: o, loss: lossOf(o.Probes)}
	g.likeAnswered = g.stream && o.Responder != nil && o.Responder.Carrier == "https"
	if g.stream {
		g.loss = streamLossOf(o.Probes, p.Transport)
	}
	for _, q := range o.Probes {
		g.likeAnswered = g.likeAnswered || q.Answered && !q.Again && (q.Transport == "udp") == (p.Transport == "udp")
		switch {
		case keyOf(&q) != keyOf(p):
			g.othersAnswered = g.othersAnswered || q.Answered && !q.Again
		case q.ErrorClass == string(platform.ClassLocalFilter):
			g.filtered = true
		case q.Inbound || !q.left():
		default:
			g.sent = append(g.sent, &q)
		}
	}
	return g
}

// controls are the probe's own: as many bytes, on the same flow, or begun right
// after it.
func (g group) controls(p *Probe) (asked, passed int) {
	for _, q := range g.sent {
		if !q.Masked || len(q.Sent) < len(p.Sent) || q.ControlOf != p.ID && q.Flow != p.Flow {
			continue
		}
		asked += q.Tries
		if q.Answered {
			passed++
		}
	}
	return asked, passed
}

// answered reports whether anything from that source port was; "" is any.
func (g group) answered(source string) bool {
	return slices.ContainsFunc(g.sent, func(q *Probe) bool { return q.Answered && (source == "" || q.Source == source) })
}

// read reports whether messages like p are lost while their controls pass, so
// that something on the path must be reading them.
func (g group) read(p *Probe) bool {
	var lost []*Probe
	readable, alike := 0, false
	for _, q := range g.sent {
		if q.Masked {
			continue
		}
		readable++
		if q.Answered {
			continue
		}
		if _, passed := g.controls(q); passed > 0 {
			lost = append(lost, q)
			alike = alike || q.Message == p.Message
		}
	}
	if g.stream {
		readable = len(lost) // asked again on purpose: none of them was picked
	}
	return alike && g.beyondLoss(lost, readable)
}

// tooLarge reports whether p is lost because of its size: its control, which is
// as large, is lost as well, while smaller messages pass on the same flow.
func (g group) tooLarge(p *Probe) bool {
	asked, passed := g.controls(p)
	if asked == 0 || passed > 0 || g.lossPower(p.Tries+asked) >= falseAlarm {
		return false
	}
	size := sizeOf(p)
	return g.passing(p) > 0 && !slices.ContainsFunc(g.sent, func(q *Probe) bool { return q.Answered && sizeOf(q) >= size })
}

// passing is the largest size that passed on the flow of p, 0 when none did.
func (g group) passing(p *Probe) (size int) {
	for _, q := range g.sent {
		if q.Answered && q.Flow == p.Flow {
			size = max(size, sizeOf(q))
		}
	}
	return size
}

// sizeOf is how large the datagrams of a probe are, the answer included.
func sizeOf(p *Probe) int { return max(len(p.Sent), len(p.ReplySent)) }

// canaries counts the fresh flows to a port that had answered, each begun right
// after one to this port that was lost.
func (g group) canaries(source string) (asked, passed int) {
	for _, x := range g.sent {
		if !x.Masked || x.Source != source {
			continue
		}
		for i := range g.o.Probes {
			if y := &g.o.Probes[i]; y.ControlOf == x.ID && y.left() {
				asked++
				if y.Answered {
					passed++
				}
			}
		}
	}
	return asked, passed
}

// crowded reports whether new flows fail, always or sometimes, to other ports as
// well as to this one.
func (g group) crowded(source string) bool {
	asked, passed := g.canaries(source)
	return !g.answered(source) && (asked > passed || asked == 0 && g.likeAnswered)
}

// shut reports whether new flows reach every port but this one. Where no other
// port of the kind has answered there is nothing to compare with.
func (g group) shut(source string) bool {
	asked, _ := g.canaries(source) // crowded is where some of them were lost
	return !g.likeAnswered || asked >= canaryPairs
}

// maxMisnamed is the accepted chance of calling a port closed although only SIP
// is dropped there, because the one control from this source port was lost by
// accident while another passed. Either way phones do not get through.
const maxMisnamed = 1e-3

// dead reports whether nothing, readable or masked, passes from a source port to
// this port of a far end that answers otherwise, even though new flows to
// another port pass.
func (g group) dead(source string) bool {
	var lost []*Probe
	masked := 0
	for _, q := range g.sent {
		if q.Source != source {
			continue
		}
		lost = append(lost, q)
		if q.Masked {
			masked += q.Tries
		}
	}
	switch {
	case g.answered(source), !g.othersAnswered && !g.answered(""):
		return false
	case !g.shut(source):
		return false
	case slices.ContainsFunc(g.sent, func(q *Probe) bool { return q.Masked && q.Answered }) && !g.stream && g.lossPower(masked) > maxMisnamed:
		return false
	}
	return g.beyondLoss(lost, len(lost))
}

// closed reports whether nothing at all passes to p's port of a far end that
// answers otherwise. Where nothing passes to any port of the transport, all of
// that silence counts: there is no measure of the loss then.
func closed(o *Observed, p *Probe) bool {
	g := groupOf(o, p)
	if !g.othersAnswered || g.answered(p.Source) || !g.shut(p.Source) {
		return false
	}
	passes := slices.ContainsFunc(o.Probes, func(q Probe) bool { return q.Transport == p.Transport && q.Answered })
	same := func(transport string, port int) bool { return transport == p.Transport && (!passes || port == p.Port) }
	var lost []*Probe
	for i := range o.Probes {
		if q := &o.Probes[i]; same(q.Transport, q.Port) && !q.Answered && q.left() {
			lost = append(lost, q)
		}
	}
	for _, w := range o.Ports {
		if w.Who != session.Nobody || !same(w.Transport, w.Port) {
			continue
		}
		for range w.Tries {
			lost = append(lost, &Probe{Tries: 1}) // every connection counts for itself
		}
	}
	return g.beyondLoss(lost, len(lost))
}

// falseAlarm is the chance of blaming a network for its loss that is accepted
// for one path: one run in a million.
const falseAlarm = 1e-6

// beyondLoss reports whether losing these probes out of all cannot be chance:
// the more probes there are, the more ways there are to lose some of them. One
// alone proves nothing, unless it was asked again on its flow.
func (g group) beyondLoss(lost []*Probe, all int) bool {
	chance, tries := choose(all, len(lost)), 0
	for _, q := range lost {
		tries += q.Tries
		if g.stream {
			chance *= g.connectionLost(q)
		}
	}
	if !g.stream {
		chance *= g.lossPower(tries)
	}
	return chance < falseAlarm
}

func (g group) lossPower(tries int) float64 { return math.Pow(g.loss, float64(tries)) }

// aborted is the chance that a connection which was reset, refused or prohibited
// ended so for a reason of its own.
const aborted = 1e-4

// connectionLost is the chance that a connection fails as q did. Loss only makes
// it hang; a reset was sent by somebody.
func (g group) connectionLost(q *Probe) float64 {
	switch platform.ErrorClass(q.ErrorClass) {
	case platform.ClassReset, platform.ClassRefused, platform.ClassProhibited:
		return min(g.loss, aborted)
	}
	return g.loss
}

func choose(all, n int) float64 {
	ways := 1.0
	for i := range n {
		ways *= float64(all-i) / float64(i+1)
	}
	return ways
}

// lossOf estimates the chance that one UDP try fails, from the tries that the
// answered probes needed. It never goes below leastLoss.
func lossOf(probes []Probe) float64 {
	rate, ok := retried(probes, func(p *Probe) bool { return p.Transport == "udp" && !p.Inbound })
	if !ok {
		return 0.5
	}
	return max(leastLoss, rate)
}

// leastLoss is assumed of every line: a few clean probes do not prove a clean
// one, and with this floor the five tries of one probe are never enough for a
// verdict.
const leastLoss = 0.1

// segments is how many segments must get through, one after the other, in
// streamTimeout: connection, request and answer; TLS needs as many again.
var segments = map[string]float64{"tcp": 3, "tls": 6}

// streamLossOf estimates the chance that a connection fails by loss alone. In
// streamTimeout a segment is sent three times (initial RTO 1 s, RFC 6298).
func streamLossOf(probes []Probe, transport string) float64 {
	rate, _ := retried(probes, func(p *Probe) bool { return p.Transport == "udp" && !p.Inbound })
	loss := max(leastLoss, rate)
	measured, _ := retried(probes, func(p *Probe) bool { return p.Transport != "udp" })
	return min(0.9, max(measured, segments[transport]*math.Pow(loss, 3)))
}

// retried is the share of tries that failed among probes that were answered in
// the end; false when there are none.
func retried(probes []Probe, counts func(*Probe) bool) (float64, bool) {
	sent, lost := 0, 0
	for i := range probes {
		if p := &probes[i]; p.Answered && counts(p) {
			sent += p.Tries
			lost += p.Tries - 1
		}
	}
	if sent == 0 {
		return 0, false
	}
	return float64(lost) / float64(sent), true
}

// callsRead reports whether the calls on p's port, or the calls on all ports,
// are lost beyond what loss could do, beside masked ones that pass. Only the
// responder's tries that we asked for are counted; it makes more by itself.
func callsRead(o *Observed, p *Probe) bool {
	g := group{loss: lossOf(o.Probes)}
	var here, all []*Probe
	came := false
	for _, q := range o.Probes {
		switch {
		case !q.Inbound || q.Masked || len(q.ReplySent) == 0:
		case q.Arrived:
			came = true
		case q.Answered == p.Answered && callControlled(o, &q):
			lost := &Probe{Tries: q.Tries}
			if q.Answered {
				lost.Tries = q.Answers
			}
			all = append(all, lost)
			if q.Port == p.Port {
				here = append(here, lost)
			}
		}
	}
	return callControlled(o, p) && (len(here) > 1 && g.beyondLoss(here, len(here)) || !came && len(all) > 1 && g.beyondLoss(all, len(all)))
}

// callControlled reports whether the masked call on p's flow got further than p.
func callControlled(o *Observed, p *Probe) bool {
	return slices.ContainsFunc(o.Probes, func(c Probe) bool {
		return c.Inbound && c.Masked && c.Flow == p.Flow && c.Answered && (!p.Answered || c.Arrived)
	})
}
