package blocked

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
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
			steps = pbx.AddStep(steps, command.Step{Do: b.Wait})
			continue
		}
		if !b.lifts() {
			continue
		}
		l := layerOf(b.Layer)
		platform = cmp.Or(platform, l.slug)
		steps = pbx.AddStep(steps, b.Lift.Step)
		edits = append(edits, b.Lift.Rules...)
		persistent = persistent && l.keeps
		sources = addOnce(sources, l.source)
	}
	holder, network := wider(s, blocks)
	args := words.Args{"address": pbx.AddressText(s.Address), "holder": holder, "network": network}
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

// wider is a ban that is on more than the subject, so that its cure frees all of
// that: who holds it, and the network; "none" where there is no such ban.
func wider(s Subject, blocks []Block) (by, network string) {
	for _, b := range blocks {
		if place(b) == 0 && b.lifts() && b.Prefix.IsValid() && b.Prefix.Bits() < s.Address.Bits() && b.Layer != "asterisk-acl" {
			return holder(b), pbx.AddressText(b.Prefix)
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

// exempt is what keeps the subject from being banned again, by each layer that
// holds it now or counts against it.
func exempt(o Observed, s Subject) (list []fixes.Fix) {
	v := pbx.AddressVars(s.Address)
	if o.Machine.FreePBX {
		list = append(list, fixes.On(fixes.ExemptAddress, "freepbx", v)...)
	}
	list = append(list, pbx.ExemptFromJails(s.Address, jails(s))...)
	if held(s, "crowdsec") {
		list = append(list, fixes.On(fixes.ExemptAddress, "crowdsec", v)...)
	}
	if held(s, "csf") || o.Machine.CSF {
		list = append(list, fixes.On(fixes.ExemptAddress, "csf", v)...)
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
	m, v := o.Machine, pbx.AddressVars(s.Address)
	if m.FreePBX {
		list = append(list, fixes.On(fixes.LetIn, "freepbx", v)...)
	}
	if m.CSF {
		list = append(list, fixes.On(fixes.LetIn, "csf", v)...)
	}
	if m.FirewallD {
		list = append(list, perPath(s, "firewalld")...)
	}
	if m.UFW {
		list = append(list, perPath(s, "ufw")...)
	}
	var edits []packetfilter.RuleEdit
	for _, p := range s.Paths {
		if stopped(p) {
			edits = append(edits, p.Allow...)
		}
	}
	return append(list, pbx.EditFilter("insert-accept", words.Args{"address": v["Address"]}, edits)...)
}

// perPath joins one accept for each kind of packet that is stopped.
func perPath(s Subject, platform string) []fixes.Fix {
	var parts []fixes.Fix
	for _, p := range s.Paths {
		if !stopped(p) || p.Direction != in || len(p.At) > 0 {
			continue // of a part of the own addresses, the manager's words would open all
		}
		for ports := range strings.SplitSeq(p.Ports, ",") {
			v := pbx.AddressVars(s.Address)
			v["Protocol"], v["Ports"] = p.Protocol, ports
			if platform == "ufw" {
				v["Ports"] = strings.Replace(ports, "-", ":", 1) // ufw(8) writes ranges so
			}
			parts = append(parts, fixes.On(fixes.LetIn, platform, v)...)
		}
	}
	return fixes.Join(parts)
}
