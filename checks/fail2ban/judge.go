package fail2ban

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
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
		why := "fail2ban is not installed"
		if o.NotCollected {
			why = "nothing of fail2ban is in the bundle"
		}
		return checks.Judgement{Facts: Facts{Jails: []JailFacts{}}, Summary: words.Literal(why), Skip: words.Literal(why)}
	}
	j := checks.Judgement{}
	for _, n := range st.Notes {
		j.Notes = append(j.Notes, words.Literal(n.What+": "+n.Why))
	}
	tried, unclear := effect(o)
	j.Findings = slices.Concat(tried, jailFaults(o), openPorts(o), drift(o, unspared(st)))
	f := factsOf(o)
	switch {
	case st.Running && len(unclear) > 0:
		j.Inconclusive = words.Literal(unclear[0])
	case st.Running:
	case st.Hung:
		j.Inconclusive = words.Literal("fail2ban runs and does not answer; its log (/var/log/fail2ban.log) may say what it waits for, and systemctl restart fail2ban ends that")
	case o.NotCollected:
		j.Inconclusive = words.Literal("whether fail2ban runs is not in the bundle: what \"fail2ban-client status\" prints is missing")
	case denied(st):
		j.Inconclusive = checks.NeedsRoot(words.Literal("fail2ban tells its state to root only"))
	default:
		j.Findings = append([]checks.Finding{asleep(o)}, j.Findings...)
	}
	slices.SortStableFunc(j.Findings, func(a, b checks.Finding) int { return worst(a.Severity) - worst(b.Severity) })
	j.Facts, j.Summary = f, words.Literal(summary(o, f, j.Findings))
	return j
}

func worst(s checks.Severity) int {
	return slices.Index([]checks.Severity{checks.Critical, checks.Warning, checks.Info}, s)
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

// unspared are the jails by the address that they do not spare.
func unspared(st *jails.State) map[string][]string {
	names := map[string][]string{}
	for _, jail := range st.Jails {
		for _, fault := range jail.Faults {
			if jail.SIP && fault.Code == jails.NotIgnored {
				names[fault.Detail] = append(names[fault.Detail], jail.Name)
			}
		}
	}
	return names
}

// jailFaults are what is wrong with single jails.
func jailFaults(o Observed) (list []checks.Finding) {
	for _, jail := range o.State.Jails {
		for _, fault := range jail.Faults {
			switch {
			case fault.Code == jails.NoLogs && jail.Running && !jail.SIP:
				list = append(list, lostLog(jail, fault))
			case !jail.SIP:
			case fault.Code == jails.NoAction && wasTried(o, jail.Name):
				// What becomes of its bans says more than the name of its action.
			default:
				if f, ok := faulty(o, jail, fault); ok {
					list = append(list, f)
				}
			}
		}
		if fault, ok := inJSON(o, jail); ok && jail.SIP {
			f, _ := logFault(o, jail, fault)
			list = append(list, f)
		}
		if fault, ok := notOpened(o, jail); ok && jail.SIP && !hasFault(jail, jails.LogNotWritten, jails.LogNoFailures, jails.LogMissing) {
			f, _ := logFault(o, jail, fault)
			list = append(list, f)
		}
	}
	return list
}

func wasTried(o Observed, jail string) bool {
	return slices.ContainsFunc(o.Tried, func(x Tried) bool { return x.Jail == jail })
}

func hasFault(jail jails.Jail, codes ...string) bool {
	return slices.ContainsFunc(jail.Faults, func(f jails.Fault) bool { return slices.Contains(codes, f.Code) })
}

func summary(o Observed, f Facts, findings []checks.Finding) string {
	if len(f.Jails) == 0 {
		return "no jail guards SIP"
	}
	var words []string
	for _, x := range f.Jails {
		word := fmt.Sprintf("%s (%d banned)", x.Name, x.Banned)
		if x.Banned == unknownBans {
			word = x.Name + " (bans not known)"
		}
		words = append(words, word)
	}
	jails := some(words, 4)
	switch {
	case slices.ContainsFunc(findings, func(f checks.Finding) bool { return f.Severity == checks.Critical }):
		return "SIP is not guarded, in spite of " + jails
	case !o.State.Running:
		return "fail2ban did not answer; set up for SIP: " + jails
	}
	if len(o.Tried) == 0 {
		return "SIP is watched by " + jails // nothing shows that a ban stops packets
	}
	return "SIP is guarded by " + jails
}

func denied(st *jails.State) bool {
	return slices.ContainsFunc(st.Notes, func(n jails.Note) bool { return n.Privilege })
}

// faulty words one fault of a jail. ok is false for those that are worded for
// all jails together.
func faulty(o Observed, jail jails.Jail, fault jails.Fault) (f checks.Finding, ok bool) {
	f = checks.Finding{ID: "fail2ban." + fault.Code, Severity: checks.Critical, Confidence: checks.Certain, Subject: jail.Name}
	name := "jail " + jail.Name
	f.Evidence = []checks.Evidence{{Name: cmp.Or(place(fault.Where), name), Got: strings.TrimSpace(fault.Detail)}}
	switch fault.Code {
	case jails.NotRunning:
		f.Title = "J" + name[1:] + " is set but not running"
		f.Explanation = "fail2ban starts without a jail whose settings are wrong. Whoever guesses passwords is not banned."
		if o.State.Refusal != "" {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: "fail2ban-client -t", Want: "OK", Got: o.State.Refusal})
			f.Advice = []string{"Correct what it names, try with \"fail2ban-client -t\" until that says OK, then: fail2ban-client reload."}
			return f, true
		}
		f.Fixes = startJail(jail.Name)
	case jails.IgnoresAll:
		f.Title = "J" + name[1:] + " bans nobody: its ignoreip has " + fault.Detail
		f.Explanation = "That network is a large part of all addresses. fail2ban counts no failure of an address on it."
		f.Advice = []string{"Take it off ignoreip (the default, too, in [DEFAULT]), then: fail2ban-client reload. Name the networks that you trust instead."}
	case jails.NoAction:
		f.Title = "J" + name[1:] + " bans nobody: it has no action that blocks"
		f.Explanation = "It counts failures and does nothing about them."
		f.Fixes = banBetter(o, &jail)
	default:
		return logFault(o, jail, fault)
	}
	return f, true
}

// drift is about addresses that must be spared and are not: nobody notices
// until the day a wrong password bans the office.
func drift(o Observed, unspared map[string][]string) (list []checks.Finding) {
	for _, m := range o.Must {
		names := unspared[m.Prefix.String()]
		if m.Prefix.IsSingleIP() && len(names) == 0 {
			names = unspared[m.Prefix.Addr().String()]
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		names = slices.Compact(names)
		who := m.Prefix.String()
		if m.Prefix.IsSingleIP() {
			who = m.Prefix.Addr().String()
		}
		var parts []fixes.Fix
		for _, jail := range names {
			parts = append(parts, fixes.On(fixes.ExemptAddress, "fail2ban", map[string]string{
				"Address": who, "AddressName": strings.NewReplacer("/", "_", ":", "-").Replace(who), "Jail": jail,
			})...)
		}
		f := checks.Finding{
			ID: "fail2ban.not-ignored", Severity: checks.Warning, Confidence: checks.Certain,
			Title:       who + " (" + m.Why + ") may be banned by " + strings.Join(names, ", "),
			Explanation: "It is trusted elsewhere, but not on the ignoreip of these jails: a few wrong passwords from there, and it is shut out.",
			Evidence:    []checks.Evidence{{Name: "ignoreip of " + strings.Join(names, ", "), Want: who, Got: "not on it"}},
		}
		if len(parts) > 0 {
			f.Fixes = []fixes.Fix{fixes.Join(parts)}
		}
		list = append(list, f)
	}
	return list
}
