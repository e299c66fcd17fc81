package capture

import (
	"fmt"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// view is what the judge looks at.
type view struct {
	o     Observed
	calls []*exchange
	found map[*exchange]string // the finding that an exchange belongs to
	audible
	clues
	// groups are what was collected for that finding, where it was claimed.
	groups map[*exchange]*group
}

// judges look for one kind of fault each, the surest first: an exchange that one
// has explained is no other's.
var judges = []func(*view) []checks.Finding{
	compared,
	scanners,
	algSigns,
	astray,
	privateAddresses,
	flapping,
	unanswered,
	credentials,
	twice,
	lostACK,
	wrongTarget,
	loops,
	noCodec,
	sessionTimer,
	lostBYE,
	glare,
	withinCalls,
	hangupCauses,
	fixedAge,
	redirects,
	noProgress,
	refused,
	slowAnswers,
	forgotten,
	oftenRegistered,
	storms,
	privateNotes,

	unlike,
	audio,
	quality,
	stops,
	late,
	ringing,
	sources,
	unlisted,
	senders,
	unmarked,
	keysTwice,
	keysInAudio,
	keysRefused,
	faxes,
	faxRefused,
}

func viewOf(o Observed) *view {
	v := &view{o: o, calls: exchanges(o.Dialogs), found: map[*exchange]string{}, groups: map[*exchange]*group{}}
	v.audible = audibleOf(&v.o)
	v.clues = cluesOf(&v.o, v.calls)
	return v
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	v := viewOf(o)
	var j checks.Judgement
	for _, look := range judges {
		j.Findings = append(j.Findings, look(v)...)
	}
	checks.WorstFirst(j.Findings)
	j.Facts, j.Notes = v.facts(), v.notes()
	j.Tables = v.tables(j.Findings)
	args := words.Args{"packets": o.Packets, "calls": v.count("INVITE") + o.Folded.Calls,
		"registrations": v.count("REGISTER") + o.Folded.Registrations, "streams": len(o.Streams) + o.Folded.Streams}
	j.Summary = words.Say("capture.summary.read", args)
	if c := v.o.Compared; c != nil {
		j.Summary = words.Say("capture.summary.compared", words.Args{"pairs": c.Pairs, "same": c.Same})
	}
	switch {
	case v.o.Compared != nil && v.o.Compared.Pairs == 0:
		j.Headline = words.Say("capture.headline.no-pairs", nil)
		j.Inconclusive = words.Say("capture.reason.no-pairs", words.Args{"first": o.Messages, "other": o.Compared.Other.Messages})
	case len(j.Findings) > 0 && j.Findings[0].Severity != checks.Info:
		j.Summary = j.Findings[0].Message()
	case o.Packets == 0:
		j.Inconclusive, j.Headline = words.Say("capture.reason.empty", nil), words.Say("capture.headline.empty", nil)
	case o.Messages == 0 && len(o.TLS) > 0:
		j.Inconclusive, j.Headline = words.Say("capture.reason.encrypted", words.Args{"n": len(o.TLS), "to": o.TLS[0].Dst}), words.Say("capture.headline.encrypted", nil)
	case o.Messages == 0 && len(o.Streams) == 0:
		j.Inconclusive, j.Headline = words.Say("capture.reason.no-sip", words.Args{"packets": o.Packets}), words.Say("capture.headline.no-sip", nil)
	}
	return j
}

// notes tell what could not be read.
func (v *view) notes() (list []words.Text) {
	for _, f := range v.o.Files {
		if f.Error != "" {
			list = append(list, words.Say("capture.note.unread", words.Args{"file": words.Raw(f.Name), "why": f.Error, "packets": f.Packets}))
		}
		if f.Drops > 0 {
			list = append(list, words.Say("capture.note.drops", words.Args{"file": words.Raw(f.Name), "n": int(f.Drops)}))
		}
	}
	if v.more > 0 {
		list = append(list, words.Say("capture.note.more", words.Args{"n": v.more, "shown": maxCases}))
	}
	if n := v.o.CutSIP; n > 0 {
		list = append(list, words.Say("capture.note.cut-sip", words.Args{"n": n}))
	}
	if f := v.o.Folded; f != (Folded{}) {
		list = append(list, words.Say("capture.note.folded", words.Args{"calls": f.Calls, "registrations": f.Registrations, "others": f.Others, "left": f.Left}))
	}
	s := v.o.Skipped
	if n := s.Incomplete; n > 0 {
		list = append(list, words.Say("capture.note.incomplete", words.Args{"n": n}))
	}
	for l, n := range s.OtherLink {
		list = append(list, words.Say("capture.note.other-link", words.Args{"n": n, "type": l}))
	}
	return list
}

// frame is a piece of evidence about one message.
func frame(m *Message, want any) checks.Evidence {
	name := words.Say("capture.evidence.frame", words.Args{"frame": m.Frame, "at": seconds(m.At), "kind": kindOf(m)})
	return checks.Proof(name, want, m.line())
}

func kindOf(m *Message) string {
	if m.Line {
		return "line"
	}
	return "packet"
}

// who names an end; a trace may not say which it is.
func who(a netip.AddrPort) any {
	if !a.IsValid() {
		return words.Say("capture.here", nil)
	}
	return a
}

// line is a message in one line, as a stranger wrote it.
func (m *Message) line() words.Text {
	args := words.Args{"from": who(m.Src), "to": who(m.Dst), "again": m.Again, "last": seconds(m.Last - m.At), "timed": "yes"}
	if m.Last <= m.At {
		args["timed"] = "no"
	}
	if m.Status > 0 {
		args["line"] = words.Raw(fmt.Sprintf("%d %s", m.Status, m.Phrase))
	} else {
		args["line"] = words.Raw(m.Method + " " + m.URI)
	}
	return words.Say("capture.evidence.message", args)
}
