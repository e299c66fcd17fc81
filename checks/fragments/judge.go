package fragments

import (
	"cmp"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts is the stable summary (CONTRACT: fragments), bytes of UDP payload.
type Facts struct {
	LargestUp     int  `json:"largest_udp_up"`
	LargestDown   int  `json:"largest_udp_down"`
	FragmentsPass bool `json:"fragments_pass"` // in both directions

	FragmentsUp   *bool `json:"fragments_up,omitempty"` // absent when it could not be told
	FragmentsDown *bool `json:"fragments_down,omitempty"`
	// LargestWhole is the largest that passes up in one piece; absent where the
	// system cannot send such.
	LargestWhole *int  `json:"largest_unfragmented_up,omitempty"`
	LongInvite   *bool `json:"long_invite_passes,omitempty"` // over UDP to the SIP port; absent when a short one did not either
}

func judge(o Observed, h *netinfo.Host) checks.Judgement {
	unmeasured := words.Say("fragments.summary.unmeasured", nil)
	switch {
	case o.NoResponder:
		return checks.Judgement{Summary: unmeasured, Skip: words.Say("fragments.skip.no-responder", nil)}
	case o.Problem != "":
		return checks.Judgement{Summary: unmeasured, Inconclusive: words.Say("fragments.reason.no-plain-port", nil)}
	case o.Answered == 0:
		return checks.Judgement{Summary: unmeasured, Facts: Facts{}, Inconclusive: words.Say("fragments.reason.short-unanswered", words.Args{"tries": o.Asked})}
	}
	f := Facts{LargestUp: o.largest(up), LargestDown: o.largest(down), FragmentsUp: o.fragments(up), FragmentsDown: o.fragments(down)}
	f.FragmentsPass = f.FragmentsUp != nil && f.FragmentsDown != nil && *f.FragmentsUp && *f.FragmentsDown
	if n := o.largest(whole); o.Whole && n > 0 {
		f.LargestWhole = &n
	}
	f.LongInvite = o.longInvite()
	j := checks.Judgement{Facts: f, Findings: findings(o, f, h), Summary: summary(f)}
	if f.FragmentsUp == nil || f.FragmentsDown == nil {
		j.Inconclusive = words.Say("fragments.reason.unclear", words.Args{"length": o.unclear()})
	}
	return j
}

func (o Observed) largest(direction string) int {
	n := 0
	for _, s := range o.Sizes {
		if s.Direction == direction && s.Passed {
			n = max(n, s.Bytes)
		}
	}
	return n
}

// fragments says whether any fragmented length passed; nil when their silence
// proves nothing. All of them must have been silent: a single one is not a limit.
func (o Observed) fragments(direction string) *bool {
	pass, silent, unclear := false, 0, 0
	for _, s := range o.Sizes {
		switch {
		case s.Direction != direction || s.Bytes <= unfragmented(o.V6):
		case s.Passed:
			pass = true
		case s.Silent:
			silent++
		default:
			unclear++
		}
	}
	if !pass && (silent == 0 || unclear > 0) {
		return nil
	}
	return &pass
}

// unclear names a length that was neither passed nor silent for sure.
func (o Observed) unclear() words.Text {
	for _, s := range o.Sizes {
		if s.Bytes > unfragmented(o.V6) && !s.Passed && !s.Silent {
			return words.Say("fragments.reason.length", words.Args{
				"bytes": s.Bytes, "way": s.Direction, "tries": s.Tries, "answered": o.Answered, "asked": o.Asked, "note": cmp.Or(s.Note, "none"),
			})
		}
	}
	return words.Say("fragments.reason.nothing-tried", nil)
}

// longInvite compares the long INVITE with the short one beside it.
func (o Observed) longInvite() *bool {
	if len(o.Invites) != 2 || !o.Invites[0].Answered {
		return nil
	}
	long := o.Invites[1]
	if !long.Answered && !long.Silent {
		return nil
	}
	return &long.Answered
}

func summary(f Facts) words.Text {
	dropped := func(way string, bytes int) words.Text {
		return words.Say("fragments.summary.dropped", words.Args{"way": way, "bytes": bytes})
	}
	switch {
	case f.FragmentsPass && f.LongInvite != nil && !*f.LongInvite:
		return words.Say("fragments.summary.long-invite", nil)
	case f.FragmentsPass:
		return words.Say("fragments.summary.both-ways", words.Args{"bytes": min(f.LargestUp, f.LargestDown)})
	case f.FragmentsUp == nil || f.FragmentsDown == nil:
		return words.Say("fragments.summary.partly", words.Args{"up": f.LargestUp, "down": f.LargestDown})
	case !*f.FragmentsUp && !*f.FragmentsDown:
		return dropped("both", min(f.LargestUp, f.LargestDown))
	case !*f.FragmentsUp:
		return dropped("out", f.LargestUp)
	}
	return dropped("in", f.LargestDown)
}

func findings(o Observed, f Facts, h *netinfo.Host) []checks.Finding {
	var list []checks.Finding
	if f.FragmentsUp != nil && !*f.FragmentsUp || f.FragmentsDown != nil && !*f.FragmentsDown {
		list = append(list, droppedFragments(o, f, h))
	}
	if f.LongInvite != nil && !*f.LongInvite && f.FragmentsUp != nil && *f.FragmentsUp {
		list = append(list, longInviteLost(o))
	}
	if f.LargestWhole != nil && *f.LargestWhole < unfragmented(o.V6) && o.narrow() {
		list = append(list, narrowPath(o, *f.LargestWhole, h))
	}
	return list
}

// narrow reports whether the path, not this machine's own link, set the limit
// of what passes whole, and for sure.
func (o Observed) narrow() bool {
	limit := o.largest(whole)
	for _, s := range o.Sizes {
		if s.Direction == whole && s.Bytes > limit && s.Silent {
			return !s.Local
		}
	}
	return false
}

func droppedFragments(o Observed, f Facts, h *netinfo.Host) checks.Finding {
	out := checks.Finding{ID: "fragments.dropped", Severity: checks.Warning, Confidence: checks.Certain, Fixes: fixes.For(fixes.Fragments, h, nil)}
	for _, s := range o.Sizes {
		at := words.Say("fragments.evidence.length", words.Args{"bytes": s.Bytes, "way": s.Direction, "pieces": max(s.Pieces, 1)})
		switch {
		case s.Pieces > 1 && s.Silent:
			out.Evidence = append(out.Evidence, unanswered(at, s.Tries))
		case s.Direction == up && s.Bytes == f.LargestUp, s.Direction == down && s.Bytes == f.LargestDown:
			out.Evidence = append(out.Evidence, answered(at))
		}
	}
	return out
}

func answered(what words.Text) checks.Evidence {
	return checks.Proof(what, words.Say("fragments.evidence.an-answer", nil), words.Say("fragments.evidence.answered", nil))
}

func unanswered(what words.Text, tries int) checks.Evidence {
	return checks.Proof(what, words.Say("fragments.evidence.an-answer", nil), words.Say("fragments.evidence.none", words.Args{"tries": tries}))
}

func longInviteLost(o Observed) checks.Finding {
	invite := func(i Invite) words.Text { return words.Say("fragments.evidence.invite", words.Args{"bytes": i.Bytes}) }
	short, long := o.Invites[0], o.Invites[1]
	return checks.Finding{
		ID: "fragments.long-invite", Severity: checks.Warning, Confidence: checks.Certain,
		Evidence: []checks.Evidence{answered(invite(short)), unanswered(invite(long), long.Tries)},
	}
}

// smallPath is where a narrow path begins to cut ordinary SIP messages: RFC
// 3261, 18.1.1 lets requests of up to 1300 bytes go over UDP.
const smallPath = 1300

func narrowPath(o Observed, limit int, h *netinfo.Host) checks.Finding {
	mtu, mss := limit+headers(o.V6), limit+8-20
	f := checks.Finding{
		ID: "fragments.narrow-path", Severity: checks.Info, Confidence: checks.Certain,
		Args:     words.Args{"mtu": mtu, "mss": mss},
		Evidence: []checks.Evidence{checks.Proof(words.Say("fragments.evidence.largest-whole", nil), unfragmented(o.V6), limit)},
	}
	for _, t := range o.TooBig {
		hop := words.Say("fragments.evidence.icmp", words.Args{"hop": t.Hop})
		f.Evidence = append(f.Evidence, checks.Proof(hop, nil, words.Say("fragments.evidence.too-big", words.Args{"mtu": t.MTU})))
	}
	if limit < smallPath {
		f.Severity = checks.Warning
	}
	if len(o.TooBig) == 0 {
		f.ID, f.Severity, f.Confidence = "fragments.black-hole", checks.Warning, checks.Likely
		f.Fixes = fixes.For(fixes.TCPMSS, h, map[string]string{"MSS": strconv.Itoa(mss)})
		return f
	}
	f.Args["small"] = limit < smallPath
	return f
}
