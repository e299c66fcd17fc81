package logs

import (
	"cmp"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// judges look for one kind of fault each, the ones that stop most phones first.
var judges = []func(*view) []checks.Finding{
	resources,
	trunks,
	outages,
	banned,
	refused,
	unidentified,
	noReply,
	noRTP,
	noChannel,
	configuration,
	transports,
	names,
	codecs,
	noExtension,
	unreachable,
	flapping,
	slow,
	answers,
	strictRTP,
	subscriptions,
	scanners,
	manager,
	floods,
}

// mostFindings is how many findings of one kind are shown; what is beyond is counted.
const mostFindings = 20

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	v := newView(&o)
	var j checks.Judgement
	for _, look := range judges {
		list := look(v)
		if len(list) > mostFindings {
			v.more += len(list) - mostFindings
			list = list[:mostFindings]
		}
		j.Findings = append(j.Findings, list...)
	}
	for i := range j.Findings {
		j.Findings[i].Heard = true // every one rests on lines
	}
	checks.WorstFirst(j.Findings)
	j.Facts, j.Notes = v.facts(), v.notes()
	j.Summary = words.Say("logs.summary.read", words.Args{"lines": o.Lines, "from": o.Begin, "to": o.End, "dated": !o.Begin.IsZero(), "accounts": len(v.tried), "moves": v.losses})
	switch {
	case len(j.Findings) > 0 && j.Findings[0].Severity != checks.Info:
		j.Summary = j.Findings[0].Message()
	case o.Lines == 0:
		j.Inconclusive, j.Headline = words.Say("logs.reason.empty", nil), words.Say("logs.headline.empty", nil)
	case o.Known == 0:
		j.Inconclusive, j.Headline = words.Say("logs.reason.unknown", words.Args{"lines": o.Lines}), words.Say("logs.headline.unknown", nil)
	case o.Begin.IsZero() && !o.Only.Since.IsZero():
		j.Inconclusive, j.Headline = words.Say("logs.reason.older", words.Args{"since": o.Only.Since}), words.Say("logs.headline.older", nil)
	}
	return j
}

// notes tell what could not be read.
func (v *view) notes() (list []words.Text) {
	for _, f := range v.o.Files {
		if f.Error != "" {
			list = append(list, words.Say("logs.note.unread", words.Args{"file": words.Raw(f.Name), "line": f.Lines, "why": f.Error}))
		}
	}
	if n := v.o.Long; n > 0 {
		list = append(list, words.Say("logs.note.long", words.Args{"n": n}))
	}
	if n := v.o.Left.Counts; n > 0 {
		list = append(list, words.Say("logs.note.counts", words.Args{"n": n, "most": maxCounts}))
	}
	if n := v.o.Left.Moves; n > 0 {
		list = append(list, words.Say("logs.note.moves", words.Args{"n": n, "most": maxMoves}))
	}
	if v.more > 0 {
		list = append(list, words.Say("logs.note.more", words.Args{"n": v.more}))
	}
	return list
}

// where is a line as evidence: its file and number, and the line.
func (v *view) where(l Line) checks.Evidence {
	name := ""
	if l.File >= 0 && l.File < len(v.o.Files) {
		name = v.o.Files[l.File].Name
	}
	return checks.Proof(words.Say("logs.evidence.line", words.Args{"file": name, "line": l.Line}), nil, words.Raw(l.Text))
}

// proof are the lines of some counts: the first and the last of each, four in all.
func (v *view) proof(list ...Count) (out []checks.Evidence) {
	seen := map[Line]bool{}
	for _, c := range list {
		for _, l := range c.Lines {
			if len(out) < 4 && !seen[l] {
				seen[l] = true
				out = append(out, v.where(l))
			}
		}
	}
	return out
}

// of are the counts of a kind, those that several logs or forms tell of counted once.
func (v *view) of(k pbxlog.Kind) (out []Count) {
	type key struct {
		cause, account, peer, context, addr string
		code                                int
	}
	at := map[key]int{}
	for _, c := range v.o.Counts {
		if c.Kind != string(k) {
			continue
		}
		id := key{c.Cause, c.Account, c.Peer, c.Context, c.Addr.String(), c.Code}
		i, ok := at[id]
		if !ok {
			at[id] = len(out)
			out = append(out, c)
			continue
		}
		out[i] = merged(out[i], c)
	}
	slices.SortStableFunc(out, func(a, b Count) int { return cmp.Compare(b.N, a.N) })
	return out
}

// merged is one count of what two logs tell: the one that tells more.
func merged(a, b Count) Count {
	if a.N < b.N {
		a, b = b, a
	}
	if b.First.Before(a.First) && !b.First.IsZero() {
		a.First = b.First
	}
	if b.Last.After(a.Last) {
		a.Last = b.Last
	}
	return a
}

// total is how often, and span from when to when.
func total(list []Count) (n int) {
	for _, c := range list {
		n += c.N
	}
	return n
}

// span says when it happened.
func span(list []Count) words.Text {
	first, last := list[0].First, list[0].Last
	for _, c := range list[1:] {
		if !c.First.IsZero() && (first.IsZero() || c.First.Before(first)) {
			first = c.First
		}
		if c.Last.After(last) {
			last = c.Last
		}
	}
	switch {
	case first.IsZero():
		return words.Say("logs.span.none", nil)
	case first.Equal(last):
		return words.Say("logs.span.once", words.Args{"at": first})
	}
	return words.Say("logs.span.from", words.Args{"from": first, "to": last})
}

// raws are names that strangers may have chosen, at most n of them.
func raws(names []string, n int) (out []words.Raw) {
	for _, s := range names[:min(n, len(names))] {
		out = append(out, words.Raw(s))
	}
	return out
}
