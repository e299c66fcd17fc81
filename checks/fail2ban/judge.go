package fail2ban

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary.
type Facts struct {
	Installed bool        `json:"installed"`
	Running   bool        `json:"running"`
	Jails     []JailFacts `json:"jails"`
}

// unknownBans stands for a number of bans that nobody told.
const unknownBans = -1

// JailFacts are one jail that guards SIP.
type JailFacts struct {
	Name    string   `json:"name"`
	Running bool     `json:"running"`
	Banned  int      `json:"banned"` // -1: not known
	Tried   int      `json:"tried"`  // bans that were taken through the loaded rules
	Logs    []string `json:"logs"`
	Faults  []string `json:"faults"` // codes
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	st := o.State
	if st == nil || !st.Installed {
		why := words.Say("fail2ban.skip.not-installed", nil)
		if o.NotCollected {
			why = words.Say("fail2ban.skip.not-in-bundle", nil)
		}
		return checks.Judgement{Facts: Facts{Jails: []JailFacts{}}, Summary: why, Skip: why}
	}
	j := checks.Judgement{}
	for _, n := range st.Notes {
		j.Notes = append(j.Notes, words.Say("fail2ban.note", words.Args{"what": n.What, "why": n.Why}))
	}
	tried, unclear := effect(o)
	j.Findings = slices.Concat(tried, jailFaults(o), openPorts(o), drift(o))
	f := factsOf(o)
	switch {
	case st.Running && len(unclear) > 0:
		j.Inconclusive = unclear[0]
	case st.Running:
	case st.Hung:
		j.Inconclusive = words.Say("fail2ban.reason.hung", nil)
	case o.NotCollected:
		j.Inconclusive = words.Say("fail2ban.reason.status-not-in-bundle", nil)
	case denied(st):
		j.Inconclusive = checks.NeedsRoot(words.Say("fail2ban.reason.root-only", nil))
	default:
		j.Findings = append([]checks.Finding{asleep(o)}, j.Findings...)
	}
	checks.WorstFirst(j.Findings)
	j.Facts, j.Summary = f, summary(o, f, j.Findings)
	return j
}

// factsOf sums up the jails that guard SIP.
func factsOf(o Observed) Facts {
	f := Facts{Installed: true, Running: o.State.Running, Jails: []JailFacts{}}
	for _, jail := range o.State.Jails {
		if !jail.SIP {
			continue
		}
		x := JailFacts{Name: jail.Name, Running: jail.Running, Banned: unknownBans, Logs: []string{}, Faults: []string{}}
		if jail.BansKnown {
			x.Banned = jail.Banned
		}
		for _, t := range o.Tried {
			if t.Jail == jail.Name {
				x.Tried = t.Count
			}
		}
		for _, l := range jail.Logs {
			x.Logs = append(x.Logs, l.Path)
		}
		for _, fault := range jail.Faults {
			x.Faults = append(x.Faults, fault.Code)
		}
		f.Jails = append(f.Jails, x)
	}
	return f
}

// jailFaults are what is wrong with single jails.
func jailFaults(o Observed) (list []checks.Finding) {
	for _, jail := range o.State.Jails {
		for _, fault := range jail.Faults {
			switch {
			case fault.Code == jails.NoLogs && jail.Running && !jail.SIP:
				list = append(list, checks.Finding{ // its log went away while fail2ban runs
					ID: "fail2ban.no-logs", Variant: "lost", Severity: checks.Warning, Confidence: checks.Likely, Subject: jail.Name,
					Args:     words.Args{"jail": jail.Name, "log": fault.Detail},
					Evidence: []checks.Evidence{missingLog(&jail, fault)},
				})
			case !jail.SIP:
			case fault.Code == jails.NoAction && wasTried(o, jail.Name):
				// What becomes of its bans says more than the name of its action.
			default:
				if f, ok := faulty(o, jail, fault); ok {
					list = append(list, f)
				}
			}
		}
		if fault, ok := unreadable(o, jail); ok && jail.SIP {
			f, _ := logFault(o, jail, fault)
			list = append(list, f)
		}
	}
	return list
}

func wasTried(o Observed, jail string) bool {
	return slices.ContainsFunc(o.Tried, func(x Tried) bool { return x.Jail == jail })
}

// mostJails bounds the jails in the summary, most what is named elsewhere.
const (
	mostJails = 4
	most      = 3
)

func summary(o Observed, f Facts, findings []checks.Finding) words.Text {
	if len(f.Jails) == 0 {
		return words.Say("fail2ban.summary.no-jail", nil)
	}
	var list []words.Text
	for _, x := range f.Jails {
		list = append(list, words.Say("fail2ban.summary.jail", words.Args{"jail": x.Name, "banned": x.Banned}))
	}
	id := "fail2ban.summary.guarded"
	switch {
	case slices.ContainsFunc(findings, func(f checks.Finding) bool { return f.Severity == checks.Critical }):
		id = "fail2ban.summary.not-guarded"
	case !o.State.Running:
		id = "fail2ban.summary.no-answer"
	case len(o.Tried) == 0: // nothing shows that a ban stops packets
		id = "fail2ban.summary.watched"
	}
	return words.Say(id, words.Args{"jails": checks.FirstN(list, mostJails)})
}

func denied(st *jails.State) bool {
	return slices.ContainsFunc(st.Notes, func(n jails.Note) bool { return n.Privilege })
}

// faulty is about one fault of a jail. ok is false for those that one finding
// tells of for all jails together.
func faulty(o Observed, jail jails.Jail, fault jails.Fault) (f checks.Finding, ok bool) {
	f = checks.Finding{
		ID: "fail2ban." + fault.Code, Severity: checks.Critical, Confidence: checks.Certain, Subject: jail.Name, Args: words.Args{"jail": jail.Name},
		Evidence: []checks.Evidence{checks.Proof(place(fault.Where, jail.Name), nil, strings.TrimSpace(fault.Detail))},
	}
	switch fault.Code {
	case jails.NotRunning:
		f.Variant = "jail"
		f.Args["refused"] = o.State.Refusal != ""
		if o.State.Refusal != "" {
			f.Evidence = append(f.Evidence, checks.Proof("fail2ban-client -t", "OK", o.State.Refusal))
			return f, true
		}
		f.Fixes = startJail(jail.Name)
	case jails.IgnoresAll:
		f.Args["network"] = fault.Detail
	case jails.NoAction:
		f.Fixes = banBetter(o, &jail)
	default:
		return logFault(o, jail, fault)
	}
	return f, true
}

// drift is about addresses that must be spared and are not: nobody notices
// until the day a wrong password bans the office.
func drift(o Observed) (list []checks.Finding) {
	for _, m := range o.Must {
		who := pbx.AddressText(m.Prefix)
		banned := func(f jails.Fault) bool {
			return f.Code == jails.NotIgnored && (f.Detail == who || f.Detail == m.Prefix.String())
		}
		var names []string
		for _, jail := range o.State.Jails {
			if jail.SIP && slices.ContainsFunc(jail.Faults, banned) {
				names = append(names, jail.Name)
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		names = slices.Compact(names)
		list = append(list, checks.Finding{
			ID: "fail2ban.not-ignored", Severity: checks.Warning, Confidence: checks.Certain,
			Args:     words.Args{"who": who, "why": m.Why, "jails": names},
			Evidence: []checks.Evidence{checks.Proof(words.Say("fail2ban.evidence.ignoreip", words.Args{"jails": names}), who, words.Say("fail2ban.evidence.not-on-it", nil))},
			Fixes:    pbx.ExemptFromJails(m.Prefix, names),
		})
	}
	return list
}
