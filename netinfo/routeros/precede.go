package routeros

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// An Exception is a rule of the IPv4 firewall that accepts packets right before a
// rule that stops them.
type Exception struct {
	Menu     string       `json:"menu"` // of the rule that stops: filter or raw
	Chain    string       `json:"chain"`
	In       string       `json:"in"`              // the interface that the packets come in by
	Remote   netip.Prefix `json:"remote,omitzero"` // the zero Prefix: anywhere
	Protocol string       `json:"protocol"`
	Ports    string       `json:"ports"` // of the far end: 5060-5061,5080
	// Answers reports that the packets come from the far end, in connections that
	// exist.
	Answers bool `json:"answers,omitempty"`
	// Before finds the rule that stops, as Config.Find has it. Where nothing tells that
	// from others, it is the one number Nth, from 0, of its chain with its Action.
	Before  string `json:"before,omitempty"`
	Action  string `json:"action,omitempty"`
	Nth     int    `json:"nth,omitempty"`
	Comment string `json:"comment"`
}

// condition is what Config.Find writes. An Exception may come from a saved report,
// and nothing else may be typed into a router.
var condition = regexp.MustCompile(`^\[find where (!dynamic and )?[a-z0-9-]+=VALUE( and [a-z0-9-]+=VALUE)*\]$`)

// Line is the command that adds the rule; ok is false if it cannot be written.
func (x Exception) Line() (line string, ok bool) {
	before, ok := x.place()
	if x.Menu != "filter" && x.Menu != "raw" || x.In == "" || x.Chain == "" || !ok {
		return "", false
	}
	remote := x.Remote.IsValid() && x.Remote.Bits() > 0
	var b strings.Builder
	b.WriteString("/ip firewall " + x.Menu + " add chain=" + Quote(x.Chain) + " action=accept in-interface=" + Quote(x.In))
	side := " dst-"
	if x.Answers {
		side = " src-"
		if x.Menu == "filter" {
			b.WriteString(" connection-state=established,related")
		} else if !remote {
			return "", false // raw does not know connections: this would be open to everybody
		}
	}
	if remote {
		b.WriteString(side + "address=" + x.Remote.String())
	}
	b.WriteString(" protocol=" + Quote(x.Protocol) + side + "port=" + Quote(x.Ports) + " comment=" + Quote(x.Comment) + " place-before=" + before)
	return b.String(), true
}

// place is where the rule goes; ok is false if that cannot be written.
func (x Exception) place() (before string, ok bool) {
	if x.Before != "" {
		return x.Before, isCondition(x.Before)
	}
	return "[:pick [/ip firewall " + x.Menu + " find where !dynamic and chain=" + Quote(x.Chain) + " and action=" + Quote(x.Action) + "] " + strconv.Itoa(x.Nth) + "]",
		x.Action != "" && x.Nth >= 0
}

// Stand makes x stand before a rule of this configuration.
func (x Exception) Stand(c *Config, rule Row) Exception {
	x.Action = rule.Get("action").Text
	if find, ok := c.Find(rule); ok {
		x.Before = x.stricter(find)
		return x
	}
	for r := range c.Rows("/ip/firewall/" + x.Menu) {
		if r.Item == rule.Item {
			return x
		}
		if !r.Dynamic && r.Get("chain").Text == x.Chain && r.Get("action").Text == x.Action {
			x.Nth++
		}
	}
	return Exception{}
}

// stricter is a condition that no rule meets either that the router makes itself: an
// export does not have those. Only comments are known to be the owner's.
func (x Exception) stricter(find string) string {
	const begin = "[find where "
	rest := strings.TrimPrefix(find, begin)
	if strings.HasPrefix(rest, "comment=") {
		return find
	}
	terms := begin + "!dynamic and "
	for _, term := range []string{"chain=" + Quote(x.Chain), "action=" + Quote(x.Action)} {
		if !strings.Contains(" "+rest, " "+term) {
			terms += term + " and "
		}
	}
	return terms + rest
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
