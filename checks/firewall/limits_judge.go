package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
)

// An office that comes back from an outage sends this much within patience: 25
// phones, each with a REGISTER and its answer to the challenge. Who lets less in
// shuts offices out.
const (
	officeAtOnce = 50
	patience     = 10 // seconds after which phones begin to repeat themselves for good
)

// tight reports whether an office that registers at once meets the limit.
func (l Limit) tight() bool {
	allowed := l.AtOnce
	switch {
	case l.Seconds > 0 && l.Seconds <= patience:
		allowed = max(allowed, l.Count*patience/l.Seconds)
	case l.Seconds > 0:
		allowed += l.Count * patience / l.Seconds
	}
	return allowed < officeAtOnce
}

// words says what a limit lets in.
func (l Limit) words() string {
	what := "new connections"
	if l.Packets {
		what = "packets"
	}
	whose := "of everybody together"
	if l.Address {
		whose = "an address"
	}
	switch {
	case l.Seconds > 0:
		return fmt.Sprintf("%d %s in %d s %s", l.Count, what, l.Seconds, whose)
	case l.AtOnce > 0:
		return fmt.Sprintf("%d %s at a time %s", l.AtOnce, what, whose)
	}
	return "a number of " + what + " " + whose
}

// limited is about rules that let only so many SIP packets in.
func limited(list []Limit) (out []checks.Finding) {
	f := checks.Finding{
		ID: "firewall.sip-limited", Severity: checks.Warning, Confidence: checks.Certain,
		Explanation: "All phones of an office come from one address. After an outage they register at the same time, meet the limit, and repeat themselves, which keeps them over it: the office shuts itself out.",
		Advice: []string{
			"Accept your offices, trunks and providers by address before this rule; then the limit slows down strangers only.",
			"With ufw: ufw insert 1 allow from ADDRESS to any port 5060",
		},
	}
	list = slices.DeleteFunc(slices.Clone(list), func(l Limit) bool { return !l.tight() })
	slices.SortStableFunc(list, func(a, b Limit) int { return a.AtOnce - b.AtOnce }) // the first that an office meets
	for _, l := range list {
		ports := strings.ToUpper(l.Protocol) + " " + l.Ports
		if f.Title == "" {
			f.Title = ports + " is limited to " + l.words()
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Name: ports, Want: fmt.Sprintf("at least %d at once", officeAtOnce), Got: l.words() + ", by " + l.Table + ": " + l.Rule})
	}
	if len(f.Evidence) == 0 {
		return nil
	}
	if n := len(f.Evidence) - 1; n == 1 {
		f.Title += ", and there is another limit"
	} else if n > 1 {
		f.Title += fmt.Sprintf(", and there are %d more limits", n)
	}
	return append(out, f)
}
