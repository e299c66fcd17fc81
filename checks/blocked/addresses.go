package blocked

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
)

func joinAddrs(list []netip.Addr) string {
	var words []string
	for _, a := range list {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// elsewhereOpen is about a subject that is let in at an own address other than
// the one its packets most likely come to.
func elsewhereOpen(o Observed, s Subject) checks.Finding {
	open := openAt(s)
	return checks.Finding{
		ID: "blocked.by-address", Severity: checks.Warning, Confidence: checks.Certain,
		Title: fmt.Sprintf("%s is let in at %s and not at %s", who(s), joinAddrs(open), s.At[0]),
		Explanation: "The rules tell this machine's own addresses apart. A phone or trunk that is set to " + s.At[0].String() + " gets no answer; one that is set to " +
			joinAddrs(open) + " does. Stopped: " + stoppedPorts(s) + ".",
		Evidence: evidence(s, nil),
		Fixes:    letIn(o, s),
	}
}

// byAddress tells at which own addresses the subject fares differently from what
// was said of the first.
func byAddress(s Subject) (checks.Finding, bool) {
	if len(s.At) == 0 {
		return checks.Finding{}, false
	}
	f := checks.Finding{
		ID: "blocked.other-address", Severity: checks.Info, Confidence: checks.Certain,
		Explanation: "The verdict is about " + s.At[0].String() + ", to which packets of " + short(s.Address) + " come. The rules treat other own addresses differently.",
	}
	var open, shut []string
	for _, p := range s.otherPaths() {
		word := fmt.Sprintf("%s %s at %s", strings.ToUpper(p.Protocol), p.Ports, joinAddrs(p.At))
		if stopped(p) {
			shut = append(shut, word)
		} else if p.Verdict == "accept" {
			open = append(open, word)
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Name: word, Got: p.Verdict + " by " + p.Table + ": " + p.Rule})
	}
	f.Title = fmt.Sprintf("%s is let in on %s", short(s.Address), firstN(open))
	if len(shut) > 0 {
		f.Title = fmt.Sprintf("%s is not let in on %s", short(s.Address), firstN(shut))
	}
	return f, len(open)+len(shut) > 0
}

func firstN(list []string) string { return some(slices.Compact(list), maxNamed) }

// otherPaths are the paths to own addresses other than the first that come to
// something else.
func (s Subject) otherPaths() (list []Path) {
	list = slices.Clone(s.Elsewhere)
	first := firstPaths(s)
	for _, p := range s.Paths {
		if p.Direction == in && !slices.ContainsFunc(first, func(x Path) bool { return sameFate(x, p) }) {
			list = append(list, p)
		}
	}
	return list
}

// sentNowhere is about ports that a rule sends to where nothing listens.
func sentNowhere(s Subject) (checks.Finding, bool) {
	first := firstPaths(s)
	i := slices.IndexFunc(first, func(p Path) bool { return p.Dead })
	if i < 0 {
		return checks.Finding{}, false
	}
	p := first[i]
	name := strings.ToUpper(p.Protocol) + " " + p.Ports
	f := checks.Finding{
		ID: "blocked.sent-nowhere", Severity: checks.Critical, Confidence: checks.Certain,
		Title:       name + " is redirected to " + p.SentTo + ", where nothing listens",
		Explanation: "The firewall lets the packets of " + who(s) + " in, but a rule of address translation sends them to another port of this machine, and no program has it open.",
		Advice:      []string{"Start the program that should listen there, or take the rule away where it is set."},
	}
	for _, p := range s.Paths {
		if p.Dead {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: strings.ToUpper(p.Protocol) + " " + p.Ports, Want: "a program that listens", Got: "nothing on " + p.SentTo + ", sent there by " + p.Via})
		}
	}
	return f, true
}
