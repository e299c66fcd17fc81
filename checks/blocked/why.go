package blocked

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Why a ban has no effect is observed as a code. Values follow it after a colon,
// apart by semicolons.
const (
	whyInput    = "in-input"       // the packets are forwarded
	whyZone     = "other-zone"     // of firewalld: that of the ban, that of the packets
	whyRule     = "rule-passes"    // the rule
	whyNoRule   = "no-rule"        // of the jail
	whyDown     = "fail2ban-down"  // it bans again when it starts
	whyCovers   = "covers-only"    // protocol and ports
	whyUnused   = "set-unused"     // the sets that hold it, and those that the rules use instead
	whyFirst    = "first-of-range" // the set
	whyACL      = "acl-of"         // the extensions
	whyIndirect = "not-loaded"     // no rule of the layer stops packets
	whyNotSIP   = "not-sip"
)

func whyNot(code string, values ...string) string {
	if len(values) == 0 {
		return code
	}
	return code + ": " + strings.Join(values, "; ")
}

// why is why a block of s has no effect.
func (b Block) why(s Subject) any {
	if b.Note != "" {
		return b.Note
	}
	code, rest, _ := strings.Cut(b.Why, ": ")
	args := words.Args{"code": code, "first": rest, "second": ""}
	switch code {
	case whyZone, whyUnused:
		args["first"], args["second"], _ = strings.Cut(rest, "; ")
	case whyFirst:
		args["second"] = b.Prefix
	case whyInput:
		i := slices.IndexFunc(s.Paths, func(p Path) bool { return p.Onward })
		if i < 0 {
			return b.Why
		}
		args["first"], args["second"] = s.Paths[i].port(), s.Paths[i].sentTo()
	case whyRule, whyNoRule, whyDown, whyCovers, whyACL, whyIndirect, whyNotSIP:
	default:
		return b.Why
	}
	return words.Say("blocked.why", args)
}

// The reasons why a list of "recent" holds an address are codes, too: how many
// packets it remembers and the rule, and that each packet begins the time anew.
const (
	reasonRemembered = "remembered"
	reasonRenewed    = "renewed"
)

// reason is one reason of a block.
func (b Block) reason(text string) any {
	code, rest, _ := strings.Cut(text, ": ")
	packets, rule, _ := strings.Cut(rest, "; ")
	if b.Layer != "xt_recent" || code != reasonRemembered && code != reasonRenewed {
		return text
	}
	return words.Say("blocked.evidence.recent", words.Args{"code": code, "packets": packets, "rule": rule})
}
