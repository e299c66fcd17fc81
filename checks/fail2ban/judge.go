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
)

// Facts are the stable summary.
type Facts struct {
	Installed bool        `json:"installed"`
	Running   bool        `json:"running"`
	Jails     []JailFacts `json:"jails"`
}

// JailFacts are one jail that guards SIP.
type JailFacts struct {
	Name    string   `json:"name"`
	Running bool     `json:"running"`
	Banned  int      `json:"banned"`
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
		return checks.Judgement{Facts: Facts{Jails: []JailFacts{}}, Summary: why, Skip: why}
	}
	f := Facts{Installed: true, Running: st.Running, Jails: []JailFacts{}}
	j := checks.Judgement{}
	for _, n := range st.Notes {
		j.Notes = append(j.Notes, n.What+": "+n.Why)
	}
	spared := map[string][]string{} // jails by address that they do not spare
	for _, jail := range st.Jails {
		if !jail.SIP {
			continue
		}
		x := JailFacts{Name: jail.Name, Running: jail.Running, Banned: jail.Banned, Logs: []string{}, Faults: []string{}}
		for _, l := range jail.Logs {
			x.Logs = append(x.Logs, l.Path)
		}
		for _, fault := range jail.Faults {
			x.Faults = append(x.Faults, fault.Code)
			if fault.Code == jails.NotIgnored {
				spared[fault.Detail] = append(spared[fault.Detail], jail.Name)
				continue
			}
			if fault.Code == jails.PortsOpen {
				continue // openPorts
			}
			j.Findings = append(j.Findings, faulty(jail, fault))
		}
		f.Jails = append(f.Jails, x)
	}
	j.Findings = append(j.Findings, openPorts(st)...)
	j.Findings = append(j.Findings, drift(o, spared)...)
	j.Facts, j.Summary = f, summary(st, f)
	switch {
	case st.Running:
	case st.Hung:
		j.Inconclusive = "fail2ban runs and does not answer; its log (/var/log/fail2ban.log) may say what it waits for, and systemctl restart fail2ban ends that"
	case o.NotCollected:
		j.Inconclusive = "whether fail2ban runs is not in the bundle: what \"fail2ban-client status\" prints is missing"
	case denied(st):
		j.Inconclusive = checks.NeedsRoot("fail2ban tells its state to root only")
	default:
		j.Findings = append([]checks.Finding{asleep(st)}, j.Findings...)
	}
	return j
}

func summary(st *jails.State, f Facts) string {
	if len(f.Jails) == 0 {
		return "no jail guards SIP"
	}
	var words []string
	for _, x := range f.Jails {
		words = append(words, fmt.Sprintf("%s (%d banned)", x.Name, x.Banned))
	}
	s := "SIP is guarded by " + some(words, 4)
	if !st.Running {
		s = "fail2ban did not answer; set up for SIP: " + some(words, 4)
	}
	return s
}

func denied(st *jails.State) bool {
	return slices.ContainsFunc(st.Notes, func(n jails.Note) bool { return n.Privilege })
}

// asleep is about a fail2ban that is installed and does not run.
func asleep(st *jails.State) checks.Finding {
	f := checks.Finding{
		ID: "fail2ban.not-running", Severity: checks.Warning, Confidence: checks.Likely,
		Title:       "fail2ban is installed and does not run",
		Explanation: "Whoever guesses passwords is not banned. Bans from before are gone, or stay in the packet filter until somebody removes them.",
		Fixes: []fixes.Fix{{
			ID: "start-fail2ban", Title: "Start fail2ban", Where: "pbx", Platform: "fail2ban", Form: fixes.FormShell,
			Commands: []string{"systemctl enable --now fail2ban"}, Undo: []string{"systemctl disable --now fail2ban"},
			Verify: []string{"fail2ban-client ping"}, Persistent: true, Source: "systemctl(1)",
		}},
	}
	for _, n := range st.Notes[:min(len(st.Notes), 3)] {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: n.What, Want: "an answer", Got: n.Why})
	}
	return f
}

// faulty words one fault of a jail.
func faulty(jail jails.Jail, fault jails.Fault) checks.Finding {
	f := checks.Finding{ID: "fail2ban." + fault.Code, Severity: checks.Warning, Confidence: checks.Certain}
	name := "jail " + jail.Name
	switch fault.Code {
	case jails.LogMissing, jails.LogEmpty, jails.LogNotWritten, jails.LogNoFailures:
		f.Severity = checks.Critical
		f.Title = map[string]string{
			jails.LogMissing: name + " watches " + fault.Detail + ", which does not exist", jails.LogEmpty: name + " watches " + fault.Detail + ", which is empty",
			jails.LogNotWritten: name + " watches " + fault.Detail + ", which Asterisk does not write", jails.LogNoFailures: name + " watches " + fault.Detail + ", to which Asterisk writes no failures",
		}[fault.Code]
		f.Explanation = "Nobody who guesses passwords is ever banned. Asterisk writes failed registrations with the levels notice and security, to the files that logger.conf names."
		f.Advice = []string{"Let logger.conf write notice and security to " + cmp.Or(fault.Detail, "the jail's log") + ", then: asterisk -rx 'logger reload'. On FreePBX: Settings, Asterisk Logfile Settings."}
	case jails.NotRunning:
		f.Severity = checks.Critical
		f.Title = name + " is set and does not run"
		f.Explanation = "fail2ban starts without a jail whose settings are wrong; its log (/var/log/fail2ban.log) says what."
		f.Fixes = startJail(jail.Name)
	case jails.NoAction:
		f.Severity = checks.Critical
		f.Title = name + " bans nobody: it has no action that blocks"
		f.Explanation = "It counts failures and does nothing about them."
	default:
		f.Title = name + ": " + fault.Code + " " + fault.Detail
	}
	f.Title = strings.ToUpper(f.Title[:1]) + f.Title[1:]
	f.Evidence = []checks.Evidence{{Name: name, Got: strings.TrimSpace(fault.Detail)}}
	if fault.Where.File != "" {
		f.Evidence[0].Name = fmt.Sprintf("%s:%d", fault.Where.File, fault.Where.Line)
	}
	return f
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
