package blocked

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// layer is what is known of who bans, or of where bans are kept.
type layer struct {
	slug   string // as a platform; empty: its own name
	source string // where its commands are documented
	keeps  bool   // what they change outlives a reboot
	place  bool   // bans are kept there by others
}

func layerOf(name string) layer {
	l := map[string]layer{
		"fail2ban":     {source: "fail2ban-client(1)", keeps: true},
		"crowdsec":     {source: "https://docs.crowdsec.net/docs/cscli/cscli_decisions_delete/", keeps: true},
		"firewalld":    {source: "firewall-cmd(1)"},
		"ufw":          {source: "ufw(8)", keeps: true},
		"csf":          {source: "https://download.configserver.com/csf/readme.txt", keeps: true},
		"apf":          {source: "apf(8)", keeps: true},
		"sshguard":     {source: "sshguard(8)", keeps: true},
		"hosts.deny":   {source: "hosts_access(5)", slug: "asterisk", keeps: true},
		"asterisk-acl": {source: "https://docs.asterisk.org/Configuration/Core-Configuration/Named-ACLs/", slug: "asterisk", keeps: true},
		"kamailio":     {source: "https://www.kamailio.org/docs/modules/stable/modules/htable.html"},
		"route":        {source: "ip-route(8)", slug: "linux-iptables"},
		"iptables":     {source: "iptables(8)", slug: "linux-iptables", place: true},
		"ipset":        {source: "ipset(8)", slug: "linux-iptables", place: true},
		"xt_recent":    {source: "iptables-extensions(8), recent", slug: "linux-iptables", place: true},
		"nftables":     {source: "nft(8)", slug: "linux-nftables", place: true},
	}[name]
	l.slug = cmp.Or(l.slug, name)
	return l
}

// freeEverywhere takes every block of the subject away, those without effect
// as well: half a cure would come back as the next fault. Who banned comes
// first, because it takes its own rule or element away with it.
func freeEverywhere(o Observed, s Subject) []fixes.Fix {
	blocks := slices.Clone(s.Blocks)
	slices.SortStableFunc(blocks, func(a, b Block) int { return place(a) - place(b) })
	lastFirst(blocks)
	var platform string
	var sources []string
	var steps []command.Step
	var edits []packetfilter.RuleEdit
	persistent := true
	for _, b := range blocks {
		if shownByOwner(s, b) {
			steps = addNew(steps, command.Step{Do: b.Wait})
			continue
		}
		if !b.lifts() {
			continue
		}
		l := layerOf(b.Layer)
		platform = cmp.Or(platform, l.slug)
		steps = addNew(steps, b.Lift.Step)
		edits = append(edits, b.Lift.Rules...)
		persistent = persistent && l.keeps
		if !slices.Contains(sources, l.source) {
			sources = append(sources, l.source)
		}
	}
	holder, network := wider(s, blocks)
	args := words.Args{"address": addrString(s.Address), "holder": holder, "network": network}
	list := fixes.Build("free-everywhere", platform, args, append(steps, packetfilter.Plan(edits)...)...)
	for i := range list {
		list[i].Source, list[i].Persistent = strings.Join(sources, ", "), list[i].Persistent && persistent
	}
	return list
}

// lastFirst turns the blocks of each layer round: a line that is taken out of a
// file, or a rule out of a list, moves the numbers of those after it.
func lastFirst(blocks []Block) {
	for from := 0; from < len(blocks); {
		to := from
		for to < len(blocks) && blocks[to].Layer == blocks[from].Layer {
			to++
		}
		slices.Reverse(blocks[from:to])
		from = to
	}
}

// addNew adds a step that is not in the list: several rules may lead to one
// and the same entry.
func addNew(list []command.Step, s command.Step) []command.Step {
	same := func(o command.Step) bool { return slices.EqualFunc(o.Do, s.Do, command.Command.Equal) }
	if len(s.Do) == 0 || slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, s)
}

// wider is a ban that is on more than the subject, so that its cure frees all of
// that: who holds it, and the network; "none" where there is no such ban.
func wider(s Subject, blocks []Block) (by, network string) {
	for _, b := range blocks {
		if place(b) == 0 && b.lifts() && b.Prefix.IsValid() && b.Prefix.Bits() < s.Address.Bits() && b.Layer != "asterisk-acl" {
			return holder(b), addrString(b.Prefix)
		}
	}
	return "none", "none"
}

// place orders layers: who bans before where bans are kept.
func place(b Block) int {
	if layerOf(b.Layer).place {
		return 1
	}
	return 0
}

// vars are what the catalogue's commands may name.
func vars(s Subject) map[string]string {
	family := "ipv4"
	if s.Address.Addr().Is6() {
		family = "ipv6"
	}
	return map[string]string{
		"Address": addrString(s.Address), "Network": s.Address.Masked().String(), "Family": family,
		"AddressName": strings.NewReplacer("/", "_", ":", "-").Replace(addrString(s.Address)),
	}
}

// exempt is what keeps the subject from being banned again, by each layer that
// holds it now or counts against it.
func exempt(o Observed, s Subject) (list []fixes.Fix) {
	if o.Machine.FreePBX {
		list = append(list, fixes.On(fixes.ExemptAddress, "freepbx", vars(s))...)
	}
	var perJail []fixes.Fix
	for _, jail := range jails(s) {
		v := vars(s)
		v["Jail"] = jail
		perJail = append(perJail, fixes.On(fixes.ExemptAddress, "fail2ban", v)...)
	}
	if len(perJail) > 0 {
		list = append(list, fixes.Join(perJail))
	}
	if held(s, "crowdsec") {
		list = append(list, fixes.On(fixes.ExemptAddress, "crowdsec", vars(s))...)
	}
	if held(s, "csf") || o.Machine.CSF {
		list = append(list, fixes.On(fixes.ExemptAddress, "csf", vars(s))...)
	}
	return list
}

// jails are those that hold the subject or count against it, and would again:
// by name, so that they stay in place when the subject is freed.
func jails(s Subject) (names []string) {
	for _, b := range s.Blocks {
		if b.Layer == "fail2ban" && !b.Asleep {
			names = append(names, b.Jail)
		}
	}
	for _, n := range s.Near {
		if n.Layer == "fail2ban" {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(s.Ignored, n) })
	return slices.Compact(names)
}

func held(s Subject, layer string) bool {
	return slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Layer == layer })
}

// letIn is what accepts the subject on the ports that stop it: in the words of
// whoever manages the firewall, or else as a rule right before the one that
// stops.
func letIn(o Observed, s Subject) (list []fixes.Fix) {
	managed := map[string]bool{"freepbx": o.Machine.FreePBX, "csf": o.Machine.CSF}
	for _, platform := range []string{"freepbx", "csf"} {
		if managed[platform] {
			list = append(list, fixes.On(fixes.LetIn, platform, vars(s))...)
		}
	}
	for platform, there := range map[string]bool{"firewalld": o.Machine.FirewallD, "ufw": o.Machine.UFW} {
		if there {
			list = append(list, perPath(s, platform)...)
		}
	}
	return append(list, insertRule(s)...)
}

// perPath joins one accept for each kind of packet that is stopped.
func perPath(s Subject, platform string) []fixes.Fix {
	var parts []fixes.Fix
	for _, p := range s.Paths {
		if !stopped(p) || p.Direction != in || len(p.At) > 0 {
			continue // of a part of the own addresses, the manager's words would open all
		}
		for ports := range strings.SplitSeq(p.Ports, ",") {
			v := vars(s)
			v["Protocol"], v["Ports"] = p.Protocol, ports
			if platform == "ufw" {
				v["Ports"] = strings.Replace(ports, "-", ":", 1) // ufw(8) writes ranges so
			}
			parts = append(parts, fixes.On(fixes.LetIn, platform, v)...)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []fixes.Fix{fixes.Join(parts)}
}

// insertRule puts an accept before the rule that decides.
func insertRule(s Subject) []fixes.Fix {
	var edits []packetfilter.RuleEdit
	for _, p := range s.Paths {
		if stopped(p) {
			edits = append(edits, p.Allow...)
		}
	}
	if len(edits) == 0 {
		return nil
	}
	platform, _ := fixes.FilterPlatform(edits[0])
	return fixes.Build("insert-accept", platform, words.Args{"address": addrString(s.Address)}, packetfilter.Plan(edits)...)
}
