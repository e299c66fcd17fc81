package fixes

import (
	"regexp"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// flushSIPEntries ends the tracking entries that still carry the SIP helper,
// and only those: an entry keeps its helper after the rule that set it is gone,
// for up to an hour. Calls in progress keep their own entries.
// It is the row linux-nftables/remove-sip-helper-rules's second command.
func flushSIPEntries() string {
	r := findRow(catalogue(), "linux-nftables/remove-sip-helper-rules")
	return r.Commands[len(r.Commands)-1]
}

// hostFixes turn the SIP helper rules found on this very machine into one fix
// for each packet filter: the exact rules, not a recipe.
func hostFixes(h *netinfo.Host) []Fix {
	byPlatform := map[string]*Fix{}
	for _, rule := range h.SIPHelpers {
		if !removesRule.MatchString(rule.Del) || !restoresRule.MatchString(rule.Add) || !plainCommand(rule.Del) || !plainCommand(rule.Add) {
			continue
		}
		slug := hostPlatform(rule.Tool)
		f := byPlatform[slug]
		if f == nil {
			f = &Fix{
				ID: "remove-this-hosts-sip-helper", Title: "Remove the SIP helper rules of this machine", Where: "this-host",
				Platform: slug, Form: FormShell, Verify: checkCommand(SIPALG),
				Note:   "These very rules were found in the loaded rule set. They come back with the next reload if a firewall script or service makes them: remove them there as well.",
				Source: "Linux kernel, Documentation/networking/nf_conntrack-sysctl.rst and iptables-extensions(8), target CT",
			}
			byPlatform[slug] = f
		}
		f.Commands = append(f.Commands, rule.Del)
		// In the order they were found: each rule's place counts those before it.
		f.Undo = append(f.Undo, rule.Add)
	}
	var out []Fix
	for _, slug := range []string{"linux-nftables", "linux-iptables", "linux-modules"} {
		if f := byPlatform[slug]; f != nil {
			f.Commands = append(f.Commands, flushSIPEntries())
			out = append(out, *f)
		}
	}
	return out
}

func hostPlatform(tool string) string {
	switch {
	case tool == "nft":
		return "linux-nftables"
	case tool == "sysctl":
		return "linux-modules"
	}
	return "linux-iptables"
}

// removesRule and restoresRule are the only forms of command that a SIPHelper
// may carry. A report can come from a stranger, and "fix --apply" runs what
// stands in it.
var (
	removesRule = regexp.MustCompile(`^(ip6?tables(-legacy|-nft)?( -w)? -t raw -D .* --helper sip|nft delete rule .* handle \d+$|sysctl -w net\.netfilter\.nf_conntrack_helper=0$)`)

	restoresRule = regexp.MustCompile(`^(ip6?tables(-legacy|-nft)?( -w)? -t raw -[AI] .* --helper sip|nft ['"]?(add|insert) rule .*ct helper set |sysctl -w net\.netfilter\.nf_conntrack_helper=1$)`)
)

// plainCommand reports whether cmd is one command, with nothing that a shell
// would expand, chain or redirect.
func plainCommand(cmd string) bool {
	if !printableLine(cmd) {
		return false
	}
	var quote rune // 0, ' or "
	escaped := false
	for _, c := range cmd {
		switch {
		case quote == '\'':
			if c == '\'' {
				quote = 0
			}
		case c == '`' || c == '$':
			return false
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"' && quote == '"':
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.ContainsRune(";&|<>()*?~#", c):
			return false
		}
	}
	return quote == 0 && !escaped
}
