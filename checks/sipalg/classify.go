package sipalg

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The verdicts of a path and of the whole check.
const (
	None         = "none"    // proved: both ends saw the same bytes
	NoSign       = "no-sign" // nothing was changed in what a server echoes; the rest was not visible
	Rewriting    = "rewriting"
	Proxying     = "proxying"
	Dropping     = "dropping"
	PinholeOpen  = "pinhole"
	Inconclusive = "inconclusive"
)

// Verdicts are all of them, the best first.
func Verdicts() []string {
	return []string{None, NoSign, Rewriting, Proxying, PinholeOpen, Dropping, Inconclusive}
}

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
	Plain      bool     `json:"control,omitempty"` // not a SIP port
	Verdict    string   `json:"verdict"`
	Blocked    bool     `json:"blocked,omitempty"` // nothing at all passes on this port
	Changes    []Change `json:"changes"`
	Note       string   `json:"note,omitempty"`   // why it is not proved: a code
	Server     string   `json:"server,omitempty"` // who was asked; empty: the responder

	why   note // Note for people
	probe *Probe
	label string // name, made once: the judge compares every path with every other
}

// name is how a person calls the path: "UDP 5060".
func (p *Path) name() string { return p.label }

// own reports that the far end is our responder, which copies what it gets.
func (p *Path) own() bool { return p.Server == "" }

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
		Inbound: p.Inbound, Plain: p.Plain, Changes: changes(p), probe: p, label: pathName(p.Transport, p.Port),
	}
	switch {
	case p.Withheld:
		path.withheld(o)
	case isProxy(path.Changes):
		path.Verdict = Proxying
	case len(path.Changes) > 0:
		path.Verdict = Rewriting
	case p.Answered && p.Arrived:
		path.Verdict = None
		if p.TLSForeign != "" {
			path.because(noted("foreign-certificate", words.Args{"subject": subject(p.TLSForeign)}))
		}
	case p.Answered && p.Known && !p.Inbound:
		path.Verdict = Proxying
		path.because(noted("answered-by-another", nil))
	default:
		path.silent(o)
	}
	return path
}

func (p *Path) because(n note) { p.Note, p.why = n.code(), n }

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
	if len(p.ArrivedAs) > 0 {
		add(ours, p.Sent, p.ArrivedAs)
	}
	if len(p.ReplyCame) > 0 && len(p.ReplySent) > 0 {
		add(theirs, p.ReplySent, p.ReplyCame)
	}
	return out
}

// isProxy reports whether the changes are those of a proxy, which parses the
// message and sends its own (a Via of its own, or fewer Max-Forwards and another
// order), rather than of something that edits it in place.
func isProxy(changes []Change) bool {
	has := func(codes ...sip.Code) bool {
		return slices.ContainsFunc(changes, func(c Change) bool { return slices.Contains(codes, c.Code) })
	}
	return has(sip.ViaAdded) || has(sip.MaxForwards) && has(sip.HeaderOrder, sip.HeaderCase, sip.RecordRoute)
}
