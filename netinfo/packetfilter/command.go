package packetfilter

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Change is what takes something out of the packet filter or puts something
// in. Nothing of it survives a reboot by itself. Rules are edited together with
// those of other changes (Plan), because their places depend on each other.
type Change struct {
	Rules []RuleEdit `json:"rules,omitempty"`
	command.Step
}

// Delete is the change that takes away just this rule. It is empty for
// policies.
func (s Step) Delete(w *Wording) Change {
	if s.Rule == nil || s.Chain == nil || s.Chain.table == nil {
		return Change{}
	}
	e, ok := s.edit(w)
	if !ok {
		return Change{}
	}
	if e.IPTables != nil {
		e.Same = sameBefore(s.Chain, s.Rule)
	}
	return Change{Rules: []RuleEdit{e}}
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
	names := map[uint8]string{ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPv6: "ipv6-icmp", SCTP: "sctp", 33: "dccp", 136: "udplite"}
	return cmp.Or(names[n], strconv.Itoa(int(n)))
}

// deleteElement takes an element out of a set. An anonymous set lives and dies
// with its rule.
func (s *Set) deleteElement(el *Element) Change {
	if s.Name == "" {
		return Change{}
	}
	left := strconv.Itoa(int(el.Timeout / time.Second))
	if s.Tool == ToolIPSet {
		add := command.New("ipset", "add").Values(s.Name, el.Text)
		if el.NoMatch {
			add = add.Words("nomatch")
		}
		if s.Timeouts {
			add = add.Words("timeout").Values(left)
		}
		if el.Comment != "" {
			add = add.Words("comment").Spec(el.Comment)
		}
		return changeOf(command.New("ipset", "del").Values(s.Name, el.Text), add)
	}
	text, badText := nftElementText(el.Text)
	comment, badComment := command.NFTString(el.Comment)
	if err := errors.Join(badText, badComment); err != nil {
		return changeOf(command.Impossible("%w", err), command.Impossible("%w", err))
	}
	back := text
	if el.Timeout > 0 {
		back += " timeout " + left + "s"
	}
	if el.Comment != "" {
		back += " comment " + comment
	}
	if v := el.Verdict; v != nil {
		back += " : " + strings.TrimSpace(v.Kind.String()+" "+v.Chain)
	}
	return changeOf(s.withElement(command.New("nft", "delete", "element"), text), s.withElement(command.New("nft", "add", "element"), back))
}

// withElement completes a command of nft with the set and an element.
func (s *Set) withElement(c command.Command, element string) command.Command {
	return c.NFT(string(s.Family), s.Table, s.Name).Spec("{ " + element + " }")
}

func changeOf(do, undo command.Command) Change {
	return Change{Step: step(do, undo)}
}

// Holds is a command that succeeds as long as a set holds an element.
func (s *Set) Holds(el *Element) command.Command {
	if s.Tool == ToolIPSet {
		return command.New("ipset", "-q", "test").Values(s.Name, el.Text)
	}
	text, err := nftElementText(el.Text)
	if err != nil {
		return command.Impossible("%w", err)
	}
	return s.withElement(command.New("nft", "get", "element"), text)
}

// nftElementText writes an element, or the parts of a concatenation, as nft reads
// them: what is not a plain word is a string, such as the name of an interface.
func nftElementText(text string) (string, error) {
	parts := strings.Split(text, " . ")
	for i, p := range parts {
		if strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:./-_") == "" && p != "" {
			continue
		}
		quoted, err := command.NFTString(p)
		if err != nil {
			return "", err
		}
		parts[i] = quoted
	}
	return strings.Join(parts, " . "), nil
}

// deleteRecent takes an address out of a recent list (iptables-extensions(8)).
// The undo remembers as many packets as the list did, all of now.
func deleteRecent(list string, en *RecentEntry) Change {
	remembered := len(en.Ages)
	if remembered == 0 {
		remembered = min(en.Packets, 20) // ip_pkt_list_tot
	}
	return changeOf(command.Recent(list, "-"+en.Addr.String(), 1), command.Recent(list, "+"+en.Addr.String(), remembered))
}
