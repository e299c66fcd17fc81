package fail2ban

import (
	"cmp"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// openPorts is about jails whose settings leave a way to SIP open: one finding
// for all of those that ban nobody now. What becomes of real bans counts more
// than settings. Where another jail watches the same log and closes the port, a
// scanner is banned there as well.
func openPorts(o Observed) (list []checks.Finding) {
	st := o.State
	f := checks.Finding{
		ID: "fail2ban." + jails.PortsOpen, Variant: "settings", Severity: checks.Warning, Confidence: checks.Likely,
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
		left := words.Say("fail2ban.evidence.open", words.Args{"ports": ports, "at": cmp.Or(line(where), "unknown")})
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("fail2ban.evidence.jail", words.Args{"jail": jail.Name}), words.Say("fail2ban.evidence.closed", nil), left))
		f.Args = words.Args{"jails": names, "some": checks.FirstN(names, most), "ports": ports}
	}
	if len(names) > 0 {
		f.Fixes = fixes.Join(cures)
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
		shared := func(l jails.Log) bool {
			return slices.ContainsFunc(jail.Logs, func(o jails.Log) bool { return o.Path == l.Path })
		}
		same := o.Filter == jail.Filter && slices.ContainsFunc(o.Logs, shared)
		return o.SIP && o.Running && o.Name != jail.Name && same && !slices.ContainsFunc(o.Faults, func(x jails.Fault) bool {
			return x.Code == jails.NoAction || x.Code == jails.PortsOpen && x.Detail == port
		})
	})
}
