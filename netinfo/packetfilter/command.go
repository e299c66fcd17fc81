package packetfilter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// Command is a change to the packet filter and the way back, each as lines for
// a POSIX shell. Nothing of it survives a reboot by itself.
type Command struct {
	Do   []string
	Undo []string
}

func shellWords(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = platform.ShellWord(w)
	}
	return strings.Join(quoted, " ")
}

// Delete is the command that takes away just this rule, and the one that puts
// it back in its place. It is empty for policies.
func (s Step) Delete() Command {
	if s.Rule == nil || s.Chain == nil || s.Chain.table == nil {
		return Command{}
	}
	if s.Chain.table.Tool == ToolNFT {
		return s.deleteNFT()
	}
	var r iptablesReader
	if !r.split(s.Rule.Text) || len(r.tokens) < 2 {
		return Command{}
	}
	spec := make([]string, 0, len(r.tokens))
	for i := 2; i < len(r.tokens); i++ {
		if t := r.tokens[i]; t.text == "-c" && !t.quoted { // counters of -S -v
			i += 2
			continue
		}
		spec = append(spec, r.tokens[i].text)
	}
	program := shellWords(s.Chain.table.Tool, "-t", s.Chain.table.Name)
	chain, words := platform.ShellWord(s.Chain.Name), shellWords(spec...)
	return Command{
		Do:   []string{program + " -D " + chain + " " + words},
		Undo: []string{program + " -I " + chain + " " + strconv.Itoa(s.Rule.Position) + " " + words},
	}
}

// nftPlace is "inet filter input".
func (c *Chain) nftPlace() string {
	return shellWords(string(c.table.Family), c.table.Name, c.Name)
}

func (s Step) deleteNFT() Command {
	if s.Rule.Handle == 0 {
		return Command{}
	}
	place := s.Chain.nftPlace()
	back := "nft add rule " + place + " " + platform.ShellWord(s.Rule.Text)
	if n := s.Rule.Position; n >= 1 && n < len(s.Chain.Rules) && s.Chain.Rules[n].Handle != 0 {
		back = fmt.Sprintf("nft insert rule %s handle %d %s", place, s.Chain.Rules[n].Handle, platform.ShellWord(s.Rule.Text))
	}
	return Command{Do: []string{fmt.Sprintf("nft delete rule %s handle %d", place, s.Rule.Handle)}, Undo: []string{back}}
}

// AllowBefore is the command that lets packets from src in right before the
// rule of s decides, or before the policy of its chain does. Protocol 0 is
// all; no ports are all ports. The accept counts for the tables of this hook
// and priority alone: what other tables drop stays dropped, so evaluate again.
func (s Step) AllowBefore(src netip.Prefix, protocol uint8, ports NumSet) Command {
	if s.Chain == nil || s.Chain.table == nil {
		return Command{}
	}
	if len(ports) == 1 && ports[0] == (Span[Num]{0, 65535}) || !hasPorts(protocol) {
		ports = nil
	}
	if s.Chain.table.Tool == ToolNFT {
		return s.allowNFT(src, protocol, ports)
	}
	program, chain := shellWords(s.Chain.table.Tool, "-t", s.Chain.table.Name), platform.ShellWord(s.Chain.Name)
	place := program + " -A " + chain + " "
	if s.Rule != nil {
		place = program + " -I " + chain + " " + strconv.Itoa(s.Rule.Position) + " "
	}
	var c Command
	for _, group := range portGroups(ports) {
		words := []string{"-s", src.String()}
		if protocol != 0 {
			words = append(words, "-p", protocolName(protocol))
		}
		if len(group) > 0 {
			words = append(words, "-m", "multiport", "--dports", strings.NewReplacer(", ", ",", "-", ":").Replace(group.String()))
		}
		spec := shellWords(append(words, "-j", "ACCEPT")...)
		c.Do = append(c.Do, place+spec)
		c.Undo = append(c.Undo, program+" -D "+chain+" "+spec)
	}
	return c
}

// portGroups cuts ports into what one multiport match takes: 15 ports, of
// which a range is two (iptables-extensions(8)).
func portGroups(ports NumSet) []NumSet {
	const most = 15
	groups, used := []NumSet{nil}, 0
	for _, x := range ports {
		n := 1
		if x.Lo != x.Hi {
			n = 2
		}
		if used+n > most {
			groups, used = append(groups, nil), 0
		}
		used += n
		last := &groups[len(groups)-1]
		*last = append(*last, x)
	}
	return groups
}

// protocolName is the protocol as both tools read it.
func protocolName(n uint8) string {
	switch n {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "ipv6-icmp"
	case SCTP:
		return "sctp"
	case 33:
		return "dccp"
	case 136:
		return "udplite"
	}
	return strconv.Itoa(int(n))
}

// allowNFT marks the rule with a comment, by which the undo finds its handle.
func (s Step) allowNFT(src netip.Prefix, protocol uint8, ports NumSet) Command {
	place := s.Chain.nftPlace()
	family, mark := "ip", "sipdoctor "+src.String()
	if src.Addr().Is6() {
		family = "ip6"
	}
	rule := family + " saddr " + src.String()
	switch {
	case len(ports) > 0:
		rule += " " + protocolName(protocol) + " dport { " + ports.String() + " }"
		mark += " " + protocolName(protocol)
	case protocol != 0:
		rule += " meta l4proto " + protocolName(protocol)
		mark += " " + protocolName(protocol)
	}
	rule += ` accept comment "` + mark + `"`
	do := "nft add rule " + place + " " + platform.ShellWord(rule)
	if s.Rule != nil && s.Rule.Handle != 0 {
		do = fmt.Sprintf("nft insert rule %s handle %d %s", place, s.Rule.Handle, platform.ShellWord(rule))
	}
	find := `s/.*comment "` + strings.NewReplacer(".", `\.`, "/", `\/`).Replace(mark) + `".*# handle \([0-9]*\)$/\1/p`
	undo := fmt.Sprintf(`nft delete rule %s handle "$(nft -a list chain %s | sed -n %s | head -n 1)"`, place, place, platform.ShellWord(find))
	return Command{Do: []string{do}, Undo: []string{undo}}
}

// deleteElement takes an element out of a set. An anonymous set lives and dies
// with its rule.
func (s *Set) deleteElement(el *Element) Command {
	if s.Tool == ToolIPSet {
		add := []string{"ipset", "add", s.Name, el.Text}
		if el.NoMatch {
			add = append(add, "nomatch")
		}
		if s.Timeouts {
			add = append(add, "timeout", strconv.Itoa(int(el.Timeout/time.Second)))
		}
		if el.Comment != "" {
			add = append(add, "comment", el.Comment)
		}
		return Command{Do: []string{shellWords("ipset", "del", s.Name, el.Text)}, Undo: []string{shellWords(add...)}}
	}
	if s.Name == "" {
		return Command{}
	}
	place := shellWords(string(s.Family), s.Table, s.Name)
	back := el.Text
	if el.Timeout > 0 {
		back += fmt.Sprintf(" timeout %ds", int(el.Timeout/time.Second))
	}
	if el.Comment != "" {
		back += " comment " + strconv.Quote(el.Comment)
	}
	if v := el.Verdict; v != nil {
		back += " : " + strings.TrimSpace(v.Kind.String()+" "+v.Chain)
	}
	return Command{
		Do:   []string{"nft delete element " + place + " " + platform.ShellWord("{ "+el.Text+" }")},
		Undo: []string{"nft add element " + place + " " + platform.ShellWord("{ "+back+" }")},
	}
}

// deleteRecent takes an address out of a recent list (iptables-extensions(8)).
// Its history is lost: the undo remembers one packet.
func deleteRecent(list string, a netip.Addr) Command {
	file := platform.ShellWord("/proc/net/xt_recent/" + list)
	return Command{Do: []string{"echo -" + a.String() + " > " + file}, Undo: []string{"echo +" + a.String() + " > " + file}}
}
