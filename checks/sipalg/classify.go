package sipalg

import (
	"fmt"
	"math"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// The verdicts of a path and of the whole check.
const (
	None         = "none"
	Rewriting    = "rewriting"
	Proxying     = "proxying"
	Dropping     = "dropping"
	PinholeOpen  = "pinhole"
	Inconclusive = "inconclusive"
)

// Change is one difference between what one end sent and the other got.
type Change struct {
	Code      sip.Code `json:"code"`
	Direction string   `json:"direction"` // "request" or "response"
	Before    string   `json:"before"`
	After     string   `json:"after"`
}

// Path is what one probe proved about one way of sending SIP.
type Path struct {
	Transport  string   `json:"transport"`
	Port       int      `json:"destination_port"`
	SourcePort int      `json:"source_port"`
	Message    string   `json:"message"`
	Variant    string   `json:"variant,omitempty"`
	Inbound    bool     `json:"inbound,omitempty"` // the responder called us
	Plain      bool     `json:"control,omitempty"` // a port that is no SIP port
	Verdict    string   `json:"verdict"`
	Blocked    bool     `json:"blocked,omitempty"` // nothing at all passes on this port
	Changes    []Change `json:"changes"`
	Note       string   `json:"note,omitempty"`

	probe *Probe
}

// name is how a person calls the path: "UDP 5060".
func (p *Path) name() string { return pathName(p.Transport, p.Port) }

func pathName(transport string, port int) string {
	return fmt.Sprintf("%s %d", map[string]string{"udp": "UDP", "tcp": "TCP", "tls": "TLS"}[transport], port)
}

// classify judges every clear probe; masked ones are only looked at as
// controls.
func classify(o *Observed) []Path {
	var out []Path
	for i := range o.Probes {
		if p := &o.Probes[i]; !p.Masked {
			out = append(out, classifyOne(o, p))
		}
	}
	return out
}

func classifyOne(o *Observed, p *Probe) Path {
	path := Path{
		Transport: p.Transport, Port: p.Port, SourcePort: int(p.Local.Port()), Message: p.Message, Variant: p.Variant,
		Inbound: p.Inbound, Plain: p.Plain, Changes: changes(p), probe: p,
	}
	switch {
	case isProxy(path.Changes):
		path.Verdict = Proxying
	case len(path.Changes) > 0:
		path.Verdict = Rewriting
	case p.Answered && p.Arrived:
		path.Verdict = None
	default:
		path.silent(o)
	}
	return path
}

// changes compares both directions. For an inbound call the request came from
// the responder and the response from us.
func changes(p *Probe) []Change {
	out := []Change{}
	add := func(direction string, sent, came Wire) {
		for _, c := range sip.Compare(sent, came) {
			out = append(out, Change{c.Code, direction, c.Before, c.After})
		}
	}
	ours, theirs := "request", "response"
	if p.Inbound {
		ours, theirs = theirs, ours
	}
	if p.Arrived && len(p.ArrivedAs) > 0 {
		add(ours, p.Sent, p.ArrivedAs)
	}
	if p.Answered && len(p.ReplyCame) > 0 && len(p.ReplySent) > 0 {
		add(theirs, p.ReplySent, p.ReplyCame)
	}
	return out
}

// isProxy tells something that takes the message apart and sends its own (a
// Via of its own, or counted hops and another order) from something that edits
// it in place.
func isProxy(changes []Change) bool {
	has := func(codes ...sip.Code) bool {
		return slices.ContainsFunc(changes, func(c Change) bool { return slices.Contains(codes, c.Code) })
	}
	return has(sip.ViaAdded) || has(sip.MaxForwards) && has(sip.HeaderOrder, sip.HeaderCase, sip.RecordRoute)
}

// silent judges a probe that did not make it there and back. Silence alone is
// nothing: loss, a closed port and content inspection look alike until the
// control, the other probes of the port and the measured loss are looked at.
func (path *Path) silent(o *Observed) {
	p := path.probe
	path.Verdict = Inconclusive
	switch {
	case !p.Known:
		path.Note = "the responder could not be asked what arrived"
		return
	case p.ErrorClass == "in-use":
		path.Note = fmt.Sprintf("source port %s is in use by another program on this machine", p.Source)
		return
	case p.ErrorClass == "local-filter":
		path.Note = "this machine's own packet filter stops it"
		return
	case len(p.Sent) == 0 && p.Transport == "udp":
		path.Note = p.Error
		return
	}
	g := groupOf(o, p)
	switch {
	case g.portDead():
		path.Blocked = true
		path.Note = "nothing passes on this port, not even bytes that are no SIP"
		if p.ErrorHop.IsValid() {
			path.Note += "; " + p.Error
		}
	case g.controlAnswered && g.certainlyLost(p):
		path.Verdict = Dropping
		path.Note = fmt.Sprintf("%s while the same bytes, masked, were answered", lostWhere(p))
	default:
		path.Note = lostWhere(p) + ", which loss may explain"
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

// group is all that is known about one transport and port.
type group struct {
	controlAnswered bool
	anyAnswered     bool
	tries           int // of the silent probes, controls included
	silent          []*Probe
	othersAnswered  bool    // some other port of the same far end answers
	loss            float64 // chance that one try fails on this path
}

func groupOf(o *Observed, p *Probe) group {
	g := group{loss: lossOf(o.Probes)}
	for i := range o.Probes {
		q := &o.Probes[i]
		if q.Transport != p.Transport || q.Port != p.Port {
			g.othersAnswered = g.othersAnswered || q.Answered
			continue
		}
		switch {
		case q.Answered || q.Arrived && !q.Inbound:
			g.anyAnswered = true
			g.controlAnswered = g.controlAnswered || q.Masked && q.Answered
		case q.Inbound, len(q.Sent) == 0 && q.Transport == "udp":
		default:
			g.silent = append(g.silent, q)
			g.tries += q.Tries
		}
	}
	return g
}

// falseAlarm is the chance of blaming a network for its loss that is accepted
// for one path: one run in a million.
const falseAlarm = 1e-6

// portDead reports whether nothing, clear or masked, passes on a port of a far
// end that answers elsewhere, beyond what loss could do.
func (g group) portDead() bool {
	if g.anyAnswered || !g.othersAnswered || len(g.silent) < 2 {
		return false
	}
	if g.silent[0].Transport != "udp" {
		return true // TCP repeats by itself; two connections failed in seconds
	}
	return math.Pow(g.loss, float64(g.tries)) < falseAlarm
}

// certainlyLost reports whether the clear messages of p's kind are lost beyond
// what loss could do.
func (g group) certainlyLost(p *Probe) bool {
	tries, n := 0, 0
	for _, q := range g.silent {
		if !q.Masked && q.Message == p.Message {
			tries += q.Tries
			n++
		}
	}
	if p.Transport != "udp" {
		return n >= 2 || g.allClearSilent()
	}
	if g.allClearSilent() {
		tries = g.tries
	}
	return math.Pow(g.loss, float64(tries)) < falseAlarm
}

func (g group) allClearSilent() bool {
	return len(g.silent) >= 2 && !slices.ContainsFunc(g.silent, func(q *Probe) bool { return q.Masked })
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
