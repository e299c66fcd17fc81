package checks

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// A cure says how to check again. Judges name the check; what the run was asked
// is added here, once for all of them, because a verification that asks less
// than the run did cannot fail.

// completeCommands makes the program's own command lines in r repeat what the
// run was asked. It may be called again on its own outcome.
func completeCommands(r *Report) {
	for i := range r.Results {
		for k := range r.Results[i].Findings {
			f := &r.Results[i].Findings[k]
			f.Fixes = slices.Clone(f.Fixes) // the judge may keep its lists
			f.Advice = completeAdvice(slices.Clone(f.Advice), r)
			for x := range f.Fixes {
				verify := slices.Clone(f.Fixes[x].Verify)
				for n, line := range verify {
					verify[n] = again(line, r)
				}
				f.Fixes[x].Verify = verify
			}
		}
	}
}

// completeAdvice does the same with advice that ends with such a line.
func completeAdvice(list []string, r *Report) []string {
	for n, advice := range list {
		if at := strings.LastIndex(advice, ownName+" "); at > 0 {
			list[n] = advice[:at] + again(advice[at:], r)
		}
	}
	return list
}

const ownName = "sipdoctor"

// again completes a line such as "sipdoctor check dns". What is not a line of
// this program, or says already what it asks, stays as it is.
func again(line string, r *Report) string {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != ownName {
		return line
	}
	switch in := r.Inputs; {
	case words[1] == "check" && r.Command == "check":
		if in.asked() && !slices.Contains(words, "--again") {
			line += " --again"
		}
	case words[1] == "pbx" && r.Command == "pbx":
		line += flag(words, "--profile", in.Profile) + flag(words, "--udp", in.UDPPorts) + flag(words, "--tcp", in.TCPPorts)
	case words[1] == "router" && r.Command == "router":
		line += flag(words, "--on", in.On) + flag(words, "--profile", in.Profile)
	case words[1] == "why" && (r.Command == "why" || r.Command == "pbx"):
		line += flag(words, "--udp", in.UDPPorts) + flag(words, "--tcp", in.TCPPorts)
	default:
		return line
	}
	if r.Inputs.Sudo {
		return "sudo " + line
	}
	return line
}

// flag is a flag with its value, unless it is there already, or has none that
// fits into a line.
func flag(words []string, name, value string) string {
	if value == "" || slices.Contains(words, name) || strings.ContainsFunc(value, unicode.IsControl) {
		return ""
	}
	return " " + name + " " + command.Quote(value)
}

// asked reports whether a run of check was asked anything that it would not
// ask by itself. What follows from the machine or the profile is not asked.
func (in Inputs) asked() bool {
	return in.Profile != "" || in.Responder != "" || len(in.SIPServers) > 0 || len(in.STUN) > 0 || in.Bind.IsValid() ||
		in.Deep || len(in.Ladder) > 0 || in.NTP != "" || in.NoPublic || in.RTPRange != "" || in.Full || in.Fast ||
		in.RouterEntries > 0 || in.Rate > 0 || in.Inbound || in.NoLookup
}
