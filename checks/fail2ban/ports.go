package fail2ban

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

// openPorts is about jails whose settings leave a way to SIP open: one finding
// for all of those that ban nobody now. What becomes of real bans counts more
// than settings. Where another jail watches the same log and closes the port, a
// scanner is banned there as well.
func openPorts(o Observed) (list []checks.Finding) {
	st := o.State
	f := checks.Finding{
		ID: "fail2ban." + jails.PortsOpen, Severity: checks.Warning, Confidence: checks.Likely,
		Explanation: "A banned scanner goes on by what is left open. By its settings the jail's action covers only a part of the ports and protocols of SIP; nobody is banned there now, so it was not tried.",
	}
	var names []string
	var cures []fixes.Fix
	for i := range st.Jails {
		jail := &st.Jails[i]
		if wasTried(o, jail.Name) {
			continue
		}
		ports, where := leftOpen(st, jail)
		if len(ports) == 0 {
			continue
		}
		names = append(names, jail.Name)
		cures = append(cures, banBetter(o, jail)...)
		evidence := checks.Evidence{Name: "jail " + jail.Name, Want: "closed", Got: strings.Join(ports, ", ") + " open"}
		if where.File != "" {
			evidence.Got += fmt.Sprintf(" (%s:%d)", where.File, where.Line)
		}
		f.Evidence = append(f.Evidence, evidence)
		f.Title = "A ban of jail " + jail.Name + " leaves " + strings.Join(ports, ", ") + " open"
	}
	if len(names) > 1 {
		f.Title = fmt.Sprintf("Bans of %d jails leave SIP ports open: %s", len(names), some(names, 3))
	}
	if len(cures) > 0 {
		f.Fixes = []fixes.Fix{fixes.Join(cures)}
	}
	if len(names) > 0 {
		list = append(list, f)
	}
	return list
}

// leftOpen are the SIP ports that neither a jail nor one beside it closes.
func leftOpen(st *jails.State, jail *jails.Jail) (ports []string, where jails.Origin) {
	if !jail.SIP {
		return nil, where
	}
	for _, fault := range jail.Faults {
		if fault.Code != jails.PortsOpen {
			continue
		}
		if !beside(st, jail, fault.Detail) {
			ports, where = append(ports, fault.Detail), fault.Where
		}
	}
	return ports, where
}

// beside reports whether another jail that bans for the same lines closes a
// port.
func beside(st *jails.State, jail *jails.Jail, port string) bool {
	return slices.ContainsFunc(st.Jails, func(o jails.Jail) bool {
		return o.SIP && o.Running && o.Name != jail.Name && sharesLog(&o, jail) && !slices.ContainsFunc(o.Faults, func(x jails.Fault) bool {
			return x.Code == jails.NoAction || x.Code == jails.PortsOpen && x.Detail == port
		})
	})
}

func sharesLog(a, b *jails.Jail) bool {
	return a.Filter == b.Filter && slices.ContainsFunc(a.Logs, func(l jails.Log) bool {
		return slices.ContainsFunc(b.Logs, func(o jails.Log) bool { return o.Path == l.Path })
	})
}

// some writes the first n of a list and how many more there are.
func some(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}
