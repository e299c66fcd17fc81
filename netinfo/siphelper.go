package netinfo

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
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
	type rule struct {
		args   []string
		line   string
		number int
		sip    bool
	}
	chains := map[string][]rule{}
	var order []string
	for line := range lines(out) {
		args := splitSaved(line)
		if len(args) < 3 || args[0] != "-A" {
			continue
		}
		chain := args[1]
		if chains[chain] == nil {
			order = append(order, chain)
		}
		chains[chain] = append(chains[chain], rule{args: args[2:], line: line, number: len(chains[chain]) + 1, sip: attachesSIP(args)})
	}
	var list []SIPHelper
	for _, chain := range order {
		for i, r := range chains[chain] {
			if !r.sip {
				continue
			}
			last := true // nothing but SIP rules follows: appending puts it back
			for _, later := range chains[chain][i:] {
				last = last && later.sip
			}
			command, spec := program+" -t raw ", shellJoin(r.args)
			h := SIPHelper{Tool: program, Table: "raw", Chain: chain, Rule: r.line}
			h.Del = command + "-D " + platform.ShellWord(chain) + " " + spec
			h.Add = command + "-I " + platform.ShellWord(chain) + " " + strconv.Itoa(r.number) + " " + spec
			if last {
				h.Add = command + "-A " + platform.ShellWord(chain) + " " + spec
			}
			list = append(list, h)
		}
	}
	return list
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

func shellJoin(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = platform.ShellWord(a)
	}
	return strings.Join(quoted, " ")
}

var errNoNFTJSON = errors.New("reading nft -j list ruleset: this nft has no JSON; its text was read instead")
