package fail2ban

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// startJail loads a jail that is set and does not run. "reload JAIL" alone
// refuses a jail that the server does not have.
func startJail(name string) []fixes.Fix {
	return fixes.Build("start-jail", "", nil, command.Step{
		Do:   []command.Command{command.New("fail2ban-client", "reload", "--if-exists").Values(name)},
		Undo: []command.Command{command.New("fail2ban-client", "stop").Values(name)},
	})
}

// startServer starts a fail2ban that would start.
func startServer() []fixes.Fix {
	return fixes.Build("start-fail2ban", "", nil, command.Step{
		Do:   []command.Command{command.New("systemctl", "start").Values("fail2ban")},
		Undo: []command.Command{command.New("systemctl", "stop").Values("fail2ban")},
	})
}

// maxActionName is how long the name of an action may be: with "f2b-" before it
// and "-sip" after it, a chain of iptables has 28 characters.
const maxActionName = 20

func jailVars(jail string) map[string]string {
	return map[string]string{"Jail": jail, "ActionName": strings.TrimRight(jail[:min(len(jail), maxActionName)], "-")}
}

// banBetter makes a jail ban on all ports.
func banBetter(o Observed, jail *jails.Jail) []fixes.Fix {
	id := "fail2ban-ban-all-ports"
	if sentOn(o, jail.Name) {
		id = "fail2ban-ban-forwarded"
	}
	if o.Tool == "nft" {
		id += "-nft"
	}
	v := jailVars(jail.Name)
	v["Chain"] = cmp.Or(o.Chain, "FORWARD")
	return fixes.ByID("fail2ban", id, v)
}

// sentOn reports whether those that a jail bans get to a container or another
// host, past all that stands in INPUT.
func sentOn(o Observed, jail string) bool {
	return slices.ContainsFunc(o.Tried, func(x Tried) bool {
		return x.Jail == jail && slices.ContainsFunc(x.Ports, func(p PortTry) bool { return p.Onward })
	})
}

// banWorking is banBetter for a jail whose bans were tried. Where they are only
// lost from the packet filter, and its action is one that works, setting them
// anew is enough.
func banWorking(o Observed, jail *jails.Jail, x Tried) []fixes.Fix {
	list := banBetter(o, jail)
	works := func(a jails.Action) bool { // fail2ban brings it along
		return a.Blocks && (strings.HasPrefix(a.File, "iptables") || strings.HasPrefix(a.File, "nftables"))
	}
	if len(x.Sets) == 0 && len(x.Rules) == 0 && slices.ContainsFunc(jail.Actions, works) && !sentOn(o, jail.Name) {
		list = append(banAgain(jail), list...)
	}
	return list
}

func banAgain(jail *jails.Jail) []fixes.Fix {
	return fixes.ByID("fail2ban", "fail2ban-ban-again", jailVars(jail.Name))
}

// otherLog lets a jail watch a log to which Asterisk writes failures.
func otherLog(o Observed, jail, id string) []fixes.Fix {
	if len(o.Writes) == 0 {
		return nil
	}
	v := jailVars(jail)
	v["LogPath"] = o.Writes[0]
	return fixes.ByID("fail2ban", id, v)
}
