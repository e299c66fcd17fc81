package routeros

import (
	"net/netip"
	"regexp"
	"strings"
)

// An Exception is a rule of the IPv4 firewall that accepts packets right before a
// rule that stops them.
type Exception struct {
	Menu     string       `json:"menu"` // of the rule that stops: filter or raw
	Chain    string       `json:"chain"`
	In       string       `json:"in"`          // the interface that the packets come in by
	To       netip.Prefix `json:"to,omitzero"` // the zero Prefix: anywhere
	Protocol string       `json:"protocol"`
	Ports    string       `json:"ports"`  // 5060-5061,5080
	Before   string       `json:"before"` // as Config.Find has it
	Comment  string       `json:"comment"`
}

// condition is what Config.Find writes. An Exception may come from a saved report,
// and nothing else may be typed into a router.
var condition = regexp.MustCompile(`^\[find where [a-z0-9-]+=VALUE( and [a-z0-9-]+=VALUE)*\]$`)

// Line is the command that adds the rule; ok is false if it cannot be written.
func (x Exception) Line() (line string, ok bool) {
	if x.Menu != "filter" && x.Menu != "raw" || x.In == "" || x.Chain == "" || !condition.MatchString(valuePattern.ReplaceAllString(x.Before, "=VALUE")) {
		return "", false
	}
	var b strings.Builder
	b.WriteString("/ip firewall " + x.Menu + " add chain=" + Quote(x.Chain) + " action=accept in-interface=" + Quote(x.In))
	if x.To.IsValid() && x.To.Bits() > 0 {
		b.WriteString(" dst-address=" + x.To.String())
	}
	b.WriteString(" protocol=" + Quote(x.Protocol) + " dst-port=" + Quote(x.Ports) + " comment=" + Quote(x.Comment) + " place-before=" + x.Before)
	return b.String(), true
}

// valuePattern is a value as Quote writes it.
var valuePattern = regexp.MustCompile(`=("(?:[^"\\$]|\\.)*"|[A-Za-z0-9_.:/,!*+-]+)`)

// Undo is the command that removes the rule again, and all that have its comment.
func (x Exception) Undo() string {
	return "/ip firewall " + Quote(x.Menu) + " remove [find comment=" + Quote(x.Comment) + "]"
}

// Verify is the command that shows how often it has matched.
func (x Exception) Verify() string {
	return "/ip firewall " + Quote(x.Menu) + " print stats where comment=" + Quote(x.Comment)
}
