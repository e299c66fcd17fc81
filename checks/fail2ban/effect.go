package fail2ban

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// effect says what the bans that are in force now do to packets: of each jail
// one finding at most. A banned address that gets in is a proof.
func effect(o Observed) (list []checks.Finding, unclear []words.Text) {
	for _, x := range o.Tried {
		k := slices.IndexFunc(o.State.Jails, func(j jails.Jail) bool { return j.Name == x.Jail })
		if k < 0 || x.Count == 0 || len(x.Ports) == 0 {
			continue
		}
		jail := &o.State.Jails[k]
		found := func(id string, s checks.Severity, ports []PortTry, args words.Args, cures []fixes.Fix) {
			args["jail"] = jail.Name
			list = append(list, checks.Finding{
				ID: id, Severity: s, Confidence: checks.Certain, Subject: jail.Name, Args: args, Evidence: letIn(jail, x, ports), Fixes: cures,
			})
		}
		open, some := x.open(), slices.DeleteFunc(slices.Clone(x.Ports), func(p PortTry) bool { return len(p.Through) == 0 })
		if len(open) == len(x.Ports) {
			found("fail2ban.no-effect", checks.Critical, x.Ports, words.Args{"why": reason(jail, x), "count": x.Count}, banWorking(o, jail, x))
			continue
		}
		// A jail beside it that bans for the same lines may close what it leaves.
		elsewhere := func(p PortTry) bool { return beside(o.State, jail, p.name()) }
		open, some = slices.DeleteFunc(open, elsewhere), slices.DeleteFunc(some, elsewhere)
		i := slices.IndexFunc(x.Ports, func(p PortTry) bool { return p.Unclear > 0 })
		switch {
		case len(open) > 0:
			found("fail2ban."+jails.PortsOpen, checks.Critical, open, words.Args{"ports": names(open), "count": x.Count}, banBetter(o, jail))
		case len(some) > 0:
			who := through(some)
			var cures []fixes.Fix
			if len(x.Rules) == 0 {
				cures = banAgain(jail)
			}
			args := words.Args{"ports": names(some), "count": len(who), "who": checks.FirstN(shorts(who), most)}
			found("fail2ban.some-no-effect", checks.Warning, some, args, cures)
		case i >= 0:
			unclear = append(unclear, words.Say("fail2ban.reason.undecided", words.Args{"jail": x.Jail, "why": x.Ports[i].Reasons}))
		}
		if f, ok := forgets(o, jail, x); ok {
			list = append(list, f)
		}
	}
	return list, unclear
}

// open are the ports on which every banned address gets in.
func (x Tried) open() (list []PortTry) {
	return slices.DeleteFunc(slices.Clone(x.Ports), func(p PortTry) bool { return p.In < x.Count })
}

// through are the banned that get in on one of the ports.
func through(ports []PortTry) (who []netip.Prefix) {
	for _, p := range ports {
		for _, a := range p.Through {
			if !slices.Contains(who, a) {
				who = append(who, a)
			}
		}
	}
	return who
}

// reason is why the bans of a jail stop nobody.
func reason(jail *jails.Jail, x Tried) words.Text {
	if slices.ContainsFunc(x.Ports, func(p PortTry) bool { return p.Onward }) {
		return words.Say("fail2ban.why.sent-on", nil)
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
	case len(unused) > 0 && !held:
		return words.Say("fail2ban.why.set-unused", words.Args{"sets": checks.FirstN(unused, most), "count": len(unused), "asked": len(x.Asked), "others": checks.FirstN(x.Asked, most)})
	case used >= 0 && x.Sets[used].shorter(jail):
		return words.Say("fail2ban.why.set-forgets", words.Args{"set": x.Sets[used].Name, "time": platform.Seconds(x.Sets[used].ForgetsS)})
	case len(x.Rules) > 0:
		if bans, packets := pbx.ZoneOf(x.Rules[0]), pbx.ZoneOf(string(x.Ports[0].Rule)); bans != "" && packets != "" && bans != packets {
			return words.Say("fail2ban.why.other-zone", words.Args{"bans": bans, "packets": packets})
		}
		return words.Say("fail2ban.why.elsewhere", nil)
	case held:
		return words.Say("fail2ban.why.rule-passes", words.Args{"set": x.Sets[used].Name})
	case used >= 0:
		return words.Say("fail2ban.why.not-in-set", words.Args{"set": x.Sets[used].Name})
	}
	return words.Say("fail2ban.why.unknown-to-filter", nil)
}

// letIn shows for each port which rule lets the banned in, where the bans stand
// instead, and the line that sets the jail's action.
func letIn(jail *jails.Jail, x Tried, ports []PortTry) (list []checks.Evidence) {
	for _, p := range ports {
		from := words.Args{"protocol": strings.ToUpper(p.Protocol), "port": p.Port, "who": checks.FirstN(shorts(p.Through), 2)}
		list = append(list, checks.Proof(words.Say("fail2ban.evidence.from", from),
			words.Say("fail2ban.evidence.stopped", nil), words.Say("fail2ban.evidence.let-in", words.Args{"rule": p.Rule})))
	}
	for _, s := range x.Sets {
		list = append(list, checks.Proof(words.Say("fail2ban.evidence.set", words.Args{"set": s.Name}), nil,
			words.Say("fail2ban.evidence.set-use", words.Args{"holds": s.Holds, "rules": s.UsedBy})))
	}
	for _, r := range x.Rules {
		list = append(list, checks.Proof(words.Say("fail2ban.evidence.ban", nil), nil, r))
	}
	for _, option := range []string{"action", "banaction"} {
		if at, ok := jail.Set[option]; ok {
			list = append(list, checks.Proof(option, nil, line(at)))
			break
		}
	}
	return list
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
		Args: words.Args{"jail": jail.Name, "early": s.ForgetsS, "forever": jail.BanTime < 0, "ban": jail.BanTime},
		Evidence: []checks.Evidence{checks.Proof(words.Say("fail2ban.evidence.timeout", words.Args{"set": s.Name}),
			words.Say("fail2ban.evidence.no-timeout", words.Args{"forever": jail.BanTime < 0, "ban": jail.BanTime}),
			words.Say("fail2ban.evidence.seconds", words.Args{"n": s.ForgetsS}))},
		Fixes: banBetter(o, jail),
	}, true
}

// name is the port as faults of jails write it.
func (p PortTry) name() string { return fmt.Sprintf("%s/%d", p.Protocol, p.Port) }

func names(ports []PortTry) (list []string) {
	for _, p := range ports {
		list = append(list, p.name())
	}
	return list
}

func shorts(list []netip.Prefix) (out []string) {
	for _, p := range list {
		out = append(out, pbx.AddressText(p))
	}
	return out
}
