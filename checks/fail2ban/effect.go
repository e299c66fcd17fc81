package fail2ban

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/server"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

// effect says what the bans that are in force now do to packets: of each jail
// one finding at most. A banned address that gets in is a proof.
func effect(o Observed) (list []checks.Finding, unclear []string) {
	for _, x := range o.Tried {
		jail := jailNamed(o.State, x.Jail)
		if jail == nil || x.Count == 0 || len(x.Ports) == 0 {
			continue
		}
		open, some := x.open(), x.someIn()
		if len(open) == len(x.Ports) {
			list = append(list, noEffect(o, jail, x))
			continue
		}
		// A jail beside it that bans for the same lines may close what it leaves.
		elsewhere := func(p PortTry) bool { return beside(o.State, jail, p.name()) }
		open, some = slices.DeleteFunc(open, elsewhere), slices.DeleteFunc(some, elsewhere)
		i := slices.IndexFunc(x.Ports, func(p PortTry) bool { return p.Unclear > 0 })
		switch {
		case len(open) > 0:
			list = append(list, leavesOpen(o, jail, x, open))
		case len(some) > 0:
			list = append(list, someGetIn(jail, x, some))
		case i >= 0:
			unclear = append(unclear, fmt.Sprintf("whether the bans of jail %s stop packets cannot be told from the rules alone: %s", x.Jail, x.Ports[i].Reason))
		}
		if f, ok := forgets(o, jail, x); ok {
			list = append(list, f)
		}
	}
	return list, unclear
}

func jailNamed(st *jails.State, name string) *jails.Jail {
	i := slices.IndexFunc(st.Jails, func(j jails.Jail) bool { return j.Name == name })
	if i < 0 {
		return nil
	}
	return &st.Jails[i]
}

// open are the ports on which every banned address gets in.
func (x Tried) open() (list []PortTry) {
	return slices.DeleteFunc(slices.Clone(x.Ports), func(p PortTry) bool { return p.In < x.Count })
}

// someIn are the ports on which one of them does, by name.
func (x Tried) someIn() (list []PortTry) {
	return slices.DeleteFunc(slices.Clone(x.Ports), func(p PortTry) bool { return len(p.Through) == 0 })
}

// noEffect is about a jail that bans nobody: all that it bans get in.
func noEffect(o Observed, jail *jails.Jail, x Tried) checks.Finding {
	return checks.Finding{
		ID: "fail2ban.no-effect", Severity: checks.Critical, Confidence: checks.Certain, Subject: jail.Name,
		Title:       "Bans of jail " + jail.Name + " have no effect: " + reason(jail, x),
		Explanation: fmt.Sprintf("%s now and fail2ban counts %s as shut out, but the loaded rules let %s in on every SIP port. Whoever guesses passwords goes on.", bans(x.Count), them(x.Count), them(x.Count)),
		Evidence:    letIn(jail, x, x.Ports),
		Fixes:       banWorking(o, jail, x),
	}
}

// leavesOpen is about a jail that closes some of the SIP ports.
func leavesOpen(o Observed, jail *jails.Jail, x Tried, open []PortTry) checks.Finding {
	return checks.Finding{
		ID: "fail2ban." + jails.PortsOpen, Severity: checks.Critical, Confidence: checks.Certain, Subject: jail.Name,
		Title:       "A ban of jail " + jail.Name + " leaves " + portWords(open) + " open",
		Explanation: fmt.Sprintf("%s now, and the loaded rules let %s in on %s: a scanner goes on there.", bans(x.Count), them(x.Count), portWords(open)),
		Evidence:    letIn(jail, x, open),
		Fixes:       banBetter(o, jail),
	}
}

// someGetIn is about single bans that have no effect.
func someGetIn(jail *jails.Jail, x Tried, ports []PortTry) checks.Finding {
	var in []netip.Prefix
	for _, p := range ports {
		for _, a := range p.Through {
			if !slices.Contains(in, a) {
				in = append(in, a)
			}
		}
	}
	f := checks.Finding{
		ID: "fail2ban.some-no-effect", Severity: checks.Warning, Confidence: checks.Certain, Subject: jail.Name,
		Title:       fmt.Sprintf("Jail %s bans %s, which gets in on %s", jail.Name, short(in[0]), portWords(ports)),
		Explanation: "Its other bans stop packets; of this one the packet filter does not know, or a rule before it accepts the address.",
		Evidence:    letIn(jail, x, ports),
	}
	if len(in) > 1 {
		f.Title = fmt.Sprintf("Jail %s bans addresses that get in on %s: %s", jail.Name, portWords(ports), some(shorts(in), 3))
		f.Explanation = "Its other bans stop packets; of these the packet filter does not know, or a rule before them accepts the addresses."
	}
	if len(x.Rules) == 0 {
		f.Fixes = banAgain(jail)
	}
	return f
}

// reason is why the bans of a jail stop nobody.
func reason(jail *jails.Jail, x Tried) string {
	if slices.ContainsFunc(x.Ports, func(p PortTry) bool { return p.Onward }) {
		return "they stand in INPUT, and the packets are sent on"
	}
	var unused []string // sets that hold the ban and that no rule asks
	used, held := -1, false
	for i, set := range x.Sets {
		switch {
		case set.Holds && set.UsedBy == 0:
			unused = append(unused, set.Name)
		case set.UsedBy > 0:
			used, held = i, held || set.Holds
		}
	}
	switch {
	case len(unused) > 0 && !held && len(x.Asked) > 0:
		return "it fills " + setWords(unused) + ", and the rules ask " + some(x.Asked, 3)
	case len(unused) > 0 && !held:
		return "no rule asks " + setWords(unused) + ", which it fills"
	case used >= 0 && x.Sets[used].shorter(jail):
		return fmt.Sprintf("the set %s forgets them after %s", x.Sets[used].Name, span(x.Sets[used].ForgetsS))
	case len(x.Rules) > 0:
		if bans, packets := server.ZoneOf(x.Rules[0]), server.ZoneOf(x.Ports[0].Rule); bans != "" && packets != "" && bans != packets {
			return "its rules stand in zone " + bans + " of firewalld, and these packets go through zone " + packets
		}
		return "its rules stand where these packets do not come"
	case held:
		return "the rules that ask " + x.Sets[used].Name + " do not stop these packets"
	case used >= 0:
		return "they are not in " + x.Sets[used].Name + ", which the rules ask"
	}
	return "no loaded rule or set knows of them"
}

// letIn shows for each port which rule lets the banned in, where the bans stand
// instead, and the line that sets the jail's action.
func letIn(jail *jails.Jail, x Tried, ports []PortTry) (list []checks.Evidence) {
	for _, p := range ports {
		list = append(list, checks.Evidence{
			Name: fmt.Sprintf("%s %d from %s", strings.ToUpper(p.Protocol), p.Port, some(shorts(p.Through), 2)), Want: "stopped", Got: "let in by " + p.Rule,
		})
	}
	for _, s := range x.Sets {
		list = append(list, checks.Evidence{Name: "set " + s.Name, Got: s.words()})
	}
	for _, r := range x.Rules {
		list = append(list, checks.Evidence{Name: "the ban", Got: r})
	}
	for _, option := range []string{"action", "banaction"} {
		if at, ok := jail.Set[option]; ok {
			list = append(list, checks.Evidence{Name: option, Got: fmt.Sprintf("%s:%d", at.File, at.Line)})
			break
		}
	}
	return list
}

// words says what a set has to do with the bans.
func (s SetFacts) words() string {
	holds, asked := "does not hold them", "asked by no rule"
	if s.Holds {
		holds = "holds them"
	}
	switch {
	case s.UsedBy == 1:
		asked = "asked by one rule"
	case s.UsedBy > 1:
		asked = fmt.Sprintf("asked by %d rules", s.UsedBy)
	}
	return holds + ", " + asked
}

func setWords(names []string) string {
	if len(names) == 1 {
		return "the set " + names[0]
	}
	return "the sets " + some(names, 3)
}

// longest is the most that an ipset can be told to remember, in seconds.
const longest = 2147483

// shorter reports whether a set forgets a ban before the jail ends it.
func (s SetFacts) shorter(jail *jails.Jail) bool {
	return s.ForgetsS > 0 && s.ForgetsS < longest && (jail.BanTime < 0 || s.ForgetsS < jail.BanTime)
}

// forgets is about a set that lets bans go before their time, while those that
// are new still stop packets.
func forgets(o Observed, jail *jails.Jail, x Tried) (checks.Finding, bool) {
	i := slices.IndexFunc(x.Sets, func(s SetFacts) bool { return s.UsedBy > 0 && s.shorter(jail) })
	if i < 0 || len(x.open()) > 0 {
		return checks.Finding{}, false
	}
	s := x.Sets[i]
	return checks.Finding{
		ID: "fail2ban.set-forgets", Severity: checks.Warning, Confidence: checks.Likely, Subject: jail.Name,
		Title:       fmt.Sprintf("Bans of jail %s end after %s instead of %s", jail.Name, span(s.ForgetsS), lasts(jail.BanTime)),
		Explanation: "The set that keeps them forgets an element after its own timeout. fail2ban goes on counting the address as banned and does not ban it again.",
		Evidence: []checks.Evidence{
			{Name: "timeout of set " + s.Name, Want: "0, or the ban's: " + lasts(jail.BanTime), Got: span(s.ForgetsS)},
		},
		Fixes: banBetter(o, jail),
	}, true
}

// lasts words how long a ban is; less than zero has no end.
func lasts(s int64) string {
	if s < 0 {
		return "never"
	}
	return "after " + span(s)
}

// span words seconds.
func span(s int64) string {
	switch {
	case s%86400 == 0:
		return fmt.Sprintf("%d d", s/86400)
	case s%3600 == 0:
		return fmt.Sprintf("%d h", s/3600)
	case s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	}
	return fmt.Sprintf("%d s", s)
}

func bans(n int) string {
	if n == 1 {
		return "One address is banned"
	}
	return fmt.Sprintf("%d addresses are banned", n)
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// name is the port as faults of jails write it.
func (p PortTry) name() string { return fmt.Sprintf("%s/%d", p.Protocol, p.Port) }

func portWords(ports []PortTry) string {
	var words []string
	for _, p := range ports {
		words = append(words, p.name())
	}
	return strings.Join(words, ", ")
}

func shorts(list []netip.Prefix) (words []string) {
	for _, p := range list {
		words = append(words, short(p))
	}
	return words
}

// short writes a single address without its length.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
