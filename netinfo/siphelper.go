package netinfo

import (
	"errors"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// ReadSIPHelpers finds the rules that attach the kernel's SIP helper in what
// platform.Machine.PacketFilter listed, with the commands that remove each and
// put it back in its place. The error says which listing could not be read.
func ReadSIPHelpers(texts []platform.Text) ([]SIPHelper, error) {
	var list []SIPHelper
	var nftJSON, nftText []byte
	for _, t := range texts {
		switch program, rest, _ := strings.Cut(t.Program, " "); {
		case program == "sysctl":
			list = append(list, sysctlHelper(t)...)
		case program == "nft" && strings.Contains(rest, "-j"):
			nftJSON = t.Output
		case program == "nft":
			nftText = t.Output
		case strings.Contains(rest, "-t raw"):
			list = append(list, iptablesHelpers(program, t.Output)...)
		}
	}
	rules, err := nftHelpers(nftJSON, nftText)
	return append(list, rules...), err
}

// sysctlHelper reads the switch by which kernels before 6.0 attach a helper to
// its usual port without any rule.
func sysctlHelper(t platform.Text) []SIPHelper {
	name, value, ok := strings.Cut(strings.TrimSpace(string(t.Output)), " = ")
	if !ok || value != "1" {
		return nil
	}
	return []SIPHelper{{
		Tool: "sysctl", Rule: name + " = " + value,
		Del: "sysctl -w " + name + "=0", Add: "sysctl -w " + name + "=1",
	}}
}

// iptablesHelpers reads "iptables -t raw -S". Rules are put back by their
// number, so that the rules around them keep their meaning.
func iptablesHelpers(program string, out []byte) []SIPHelper {
	seen := map[string][]int{} // positions by line
	rules := map[string]int{}  // by chain
	var list []SIPHelper
	for line := range lines(out) {
		args := splitSaved(line)
		if len(args) < 3 || args[0] != "-A" {
			continue
		}
		chain := args[1]
		rules[chain]++
		if attachesSIP(args) {
			h := SIPHelper{Tool: program, Table: "raw", Chain: chain, Rule: line, Edit: &packetfilter.RuleEdit{
				Position: rules[chain], Same: slices.Clone(seen[line]),
				IPTables: &command.IPTablesRule{Program: program, Table: "raw", Chain: chain, Position: rules[chain], Words: args[2:], Listed: line},
			}}
			list = append(list, h.worded())
		}
		seen[line] = append(seen[line], rules[chain])
	}
	return list
}

// worded fills in the commands for people.
func (h SIPHelper) worded() SIPHelper {
	for _, s := range packetfilter.Plan([]packetfilter.RuleEdit{*h.Edit}) {
		h.Del, h.Add = s.Do[0].String(), s.Undo[0].String()
	}
	return h
}

func attachesSIP(args []string) bool {
	for i, a := range args {
		if a == "--helper" && i+1 < len(args) && (args[i+1] == "sip" || strings.HasPrefix(args[i+1], "sip-")) {
			// The "helper" match has the same option; only the CT target attaches.
			for j, b := range args[:i] {
				if b == "-j" && args[j+1] == "CT" {
					return true
				}
			}
		}
	}
	return false
}

// splitSaved splits a line of iptables-save into arguments: words, or text in
// double quotes where a backslash escapes quotes and itself.
func splitSaved(line string) []string {
	var args []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return args
		}
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			args, line = append(args, word), rest
			continue
		}
		var b strings.Builder
		i := 1
		for ; i < len(line) && line[i] != '"'; i++ {
			if line[i] == '\\' && i+1 < len(line) {
				i++
			}
			b.WriteByte(line[i])
		}
		args, line = append(args, b.String()), line[min(i+1, len(line)):]
	}
}

var errNoNFTJSON = errors.New("reading nft -j list ruleset: this nft has no JSON; its text was read instead")
