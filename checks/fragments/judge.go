package fragments

import (
	"fmt"

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

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	switch {
	case o.NoResponder:
		return checks.Judgement{Summary: words.Literal("not measured"), Skip: words.Literal("how long a datagram may be needs a responder outside (--responder)")}
	case o.Problem != "":
		return checks.Judgement{Summary: words.Literal("not measured"), Inconclusive: words.Literal(o.Problem)}
	case o.Answered == 0:
		return checks.Judgement{Summary: words.Literal("not measured"), Facts: Facts{}, Inconclusive: words.Literal(fmt.Sprintf("short datagrams to the responder got no answer either (%d tries)", o.Asked))}
	}
	f := Facts{LargestUp: o.largest(up), LargestDown: o.largest(down), FragmentsUp: o.fragments(up), FragmentsDown: o.fragments(down)}
	f.FragmentsPass = f.FragmentsUp != nil && f.FragmentsDown != nil && *f.FragmentsUp && *f.FragmentsDown
	if n := o.largest(whole); o.Whole && n > 0 {
		f.LargestWhole = &n
	}
	f.LongInvite = o.longInvite()
	j := checks.Judgement{Facts: f, Findings: findings(o, f), Summary: words.Literal(summary(o, f))}
	if f.FragmentsUp == nil || f.FragmentsDown == nil {
		j.Inconclusive = words.Literal("too much was lost, or too little tried, to tell whether fragments pass: " + o.unclear())
	}
	return j
}

// largest is the longest that passed in a direction.
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
// proves nothing. All of them must have been silent: a single one is no limit.
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
func (o Observed) unclear() string {
	for _, s := range o.Sizes {
		if s.Bytes > unfragmented(o.V6) && !s.Passed && !s.Silent {
			t := fmt.Sprintf("%d bytes %s after %d tries, %d of %d short questions answered", s.Bytes, s.Direction, s.Tries, o.Answered, o.Asked)
			if s.Note != "" {
				t += ", " + s.Note
			}
			return t
		}
	}
	return "nothing was tried"
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

func summary(o Observed, f Facts) string {
	switch {
	case f.FragmentsPass && f.LongInvite != nil && !*f.LongInvite:
		return "fragments pass, but a long INVITE over UDP does not"
	case f.FragmentsPass:
		return fmt.Sprintf("UDP messages of %d bytes pass both ways, in fragments", min(f.LargestUp, f.LargestDown))
	case f.FragmentsUp == nil || f.FragmentsDown == nil:
		return fmt.Sprintf("UDP messages of %d bytes pass up, %d down; more could not be told", f.LargestUp, f.LargestDown)
	case !*f.FragmentsUp && !*f.FragmentsDown:
		return fmt.Sprintf("IP fragments are dropped: UDP messages longer than %d bytes do not pass", min(f.LargestUp, f.LargestDown))
	case !*f.FragmentsUp:
		return fmt.Sprintf("IP fragments are dropped on the way out: UDP messages longer than %d bytes do not leave", f.LargestUp)
	}
	return fmt.Sprintf("IP fragments are dropped on the way in: UDP messages longer than %d bytes do not arrive", f.LargestDown)
}

func findings(o Observed, f Facts) []checks.Finding {
	var list []checks.Finding
	dropped := f.FragmentsUp != nil && !*f.FragmentsUp || f.FragmentsDown != nil && !*f.FragmentsDown
	if dropped {
		list = append(list, droppedFragments(o, f))
	}
	if f.LongInvite != nil && !*f.LongInvite && f.FragmentsUp != nil && *f.FragmentsUp {
		list = append(list, longInviteLost(o))
	}
	if f.LargestWhole != nil && *f.LargestWhole < unfragmented(o.V6) && o.narrow() {
		list = append(list, narrowPath(o, *f.LargestWhole))
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

func droppedFragments(o Observed, f Facts) checks.Finding {
	out := checks.Finding{
		ID: "fragments.dropped", Severity: checks.Warning, Confidence: checks.Certain,
		Title: "Long SIP messages are lost: something on the way drops IP fragments",
		Explanation: "A UDP message longer than one packet travels in pieces, and RFC 4787 (REQ-13, REQ-14) asks routers to pass them. " +
			"Here they vanish: calls with many codecs, video, long headers or certificates fail without an answer, while short ones work.",
		Advice: []string{
			"Use TCP or TLS for SIP: it is never fragmented. RFC 3261 (section 18.1.1) demands it for requests above 1300 bytes.",
			"Or make messages shorter: leave only the codecs that you use (PCMA and one more), no video, no ICE.",
			"On the firewall, allow IP fragments or let it reassemble them.",
		},
		Fixes: []fixes.Fix{},
	}
	for _, s := range o.Sizes {
		at := fmt.Sprintf("%d bytes %s, in one piece", s.Bytes, s.Direction)
		if s.Pieces > 1 {
			at = fmt.Sprintf("%d bytes %s, in %d pieces", s.Bytes, s.Direction, s.Pieces)
		}
		switch {
		case s.Pieces > 1 && s.Silent:
			out.Evidence = append(out.Evidence, checks.Evidence{Name: at, Want: "an answer", Got: fmt.Sprintf("none to %d tries", s.Tries)})
		case s.Direction == up && s.Bytes == f.LargestUp, s.Direction == down && s.Bytes == f.LargestDown:
			out.Evidence = append(out.Evidence, checks.Evidence{Name: at, Want: "an answer", Got: "answered"})
		}
	}
	return out
}

func longInviteLost(o Observed) checks.Finding {
	short, long := o.Invites[0], o.Invites[1]
	return checks.Finding{
		ID: "fragments.long-invite", Severity: checks.Warning, Confidence: checks.Certain,
		Title: "A long INVITE over UDP is lost, although fragments pass",
		Explanation: "Fragmented datagrams reach a plain port, but a fragmented INVITE does not reach the SIP port: " +
			"a SIP helper or a filter that reads SIP cannot handle messages in pieces. Calls with many codecs fail, short ones work.",
		Evidence: []checks.Evidence{
			{Name: fmt.Sprintf("INVITE of %d bytes", short.Bytes), Want: "an answer", Got: "answered"},
			{Name: fmt.Sprintf("INVITE of %d bytes", long.Bytes), Want: "an answer", Got: fmt.Sprintf("none to %d tries", long.Tries)},
		},
		Advice: []string{"Switch the SIP helper off: sipdoctor check sip-alg", "Use TCP or TLS for SIP, or fewer codecs."},
		Fixes:  []fixes.Fix{},
	}
}

// smallPath is where a narrow path begins to cut ordinary SIP messages: RFC
// 3261, 18.1.1 lets requests of up to 1300 bytes go over UDP.
const smallPath = 1300

func narrowPath(o Observed, limit int) checks.Finding {
	mtu := limit + headers(o.V6)
	f := checks.Finding{
		ID: "fragments.narrow-path", Severity: checks.Info, Confidence: checks.Certain,
		Title:       fmt.Sprintf("The path carries packets of %d bytes at most", mtu),
		Explanation: "PPPoE, tunnels and mobile networks have shorter packets than Ethernet's 1500 bytes. Longer UDP messages are cut in pieces.",
		Evidence:    []checks.Evidence{{Name: "largest UDP payload that passes in one piece", Want: fmt.Sprint(unfragmented(o.V6)), Got: fmt.Sprint(limit)}},
		Advice:      []string{fmt.Sprintf("On the router, set the MTU of the outer interface to %d and clamp TCP's MSS to %d.", mtu, limit+8-20)},
		Fixes:       []fixes.Fix{},
	}
	for _, t := range o.TooBig {
		got := "fragmentation needed"
		if t.MTU > 0 {
			got = fmt.Sprintf("fragmentation needed, MTU %d", t.MTU)
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "ICMP from " + t.Hop, Got: got})
	}
	if limit < smallPath {
		f.Severity = checks.Warning
		f.Explanation += " Here even ordinary SIP requests are."
	}
	if len(o.TooBig) == 0 {
		f.ID, f.Severity, f.Confidence = "fragments.black-hole", checks.Warning, checks.Likely
		f.Title = fmt.Sprintf("Packets longer than %d bytes vanish without a word", mtu)
		f.Explanation = "The path is narrower than it says: no router answers \"fragmentation needed\" (ICMP is filtered, or a tunnel swallows it; RFC 2923). " +
			"TLS handshakes and long messages over TCP hang, and UDP messages just below Ethernet's length are lost."
		f.Advice = append(f.Advice, "Let ICMP type 3 code 4 (IPv6: type 2) pass through every firewall on the way.")
	}
	return f
}
