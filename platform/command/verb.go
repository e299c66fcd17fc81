package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// checkVerb refuses what no cure does: programs that cures do not start, and
// verbs of theirs that change more than one thing at a time, such as a flush.
// Shells and interpreters are not among the programs.
func checkVerb(args []string) error {
	program, rest := args[0], args[1:]
	if iptables.MatchString(program) {
		if len(rest) > 3 && rest[0] == "-t" && slices.Contains([]string{"-A", "-I", "-D"}, rest[2]) {
			return nil
		}
		return fmt.Errorf("%s is not a command that cures use", quoted(strings.Join(args, " ")))
	}
	for _, begins := range verbs(program) {
		words := strings.Fields(begins)
		if len(rest) > len(words)-1 && slices.EqualFunc(words, rest[:len(words)], fits) {
			return nil
		}
	}
	return fmt.Errorf("%s is not a command that cures use", quoted(strings.Join(args, " ")))
}

// fits compares a word of a verb with an argument: * is any, a trailing = any
// value.
func fits(word, arg string) bool {
	return word == "*" || word == arg || strings.HasSuffix(word, "=") && strings.HasPrefix(arg, word)
}

// iptables are the programs of the iptables family.
var iptables = regexp.MustCompile(`^ip6?tables(-legacy|-nft)?$`)

// verbs are how a program's commands begin in cures.
func verbs(program string) []string {
	switch program {
	case "nft":
		return []string{"add rule", "insert rule", "add element", "delete element", "get element"}
	case "ipset":
		return []string{"add", "del", "-q test"}
	case "ip":
		return []string{"route del", "route add", "rule del", "rule add", "-6 route del", "-6 route add", "-6 rule del", "-6 rule add"}
	case "sysctl":
		return []string{"-w"}
	case "fail2ban-client":
		return []string{"set * banip", "set * unbanip", "reload", "stop", "restart"}
	case "cscli":
		return []string{"decisions add", "decisions delete"}
	case "ufw":
		return []string{"delete", "insert", "deny", "reject", "limit", "allow"}
	case "firewall-cmd":
		return []string{
			"--permanent --zone=", "--permanent --ipset=", "--permanent --direct", "--zone=", "--ipset=", "--direct --remove-rule", "--direct --add-rule",
		}
	case "csf":
		return []string{"-d", "-dr", "-td", "-tr", "-ra"}
	case "apf":
		return []string{"-d", "-u"}
	case "kamcmd":
		return []string{"htable.delete", "htable.seti", "htable.sets"}
	case "asterisk":
		return []string{"-rx"}
	case "conntrack":
		return []string{"-D -s"}
	case "systemctl":
		return []string{"restart", "start", "stop", "enable --now", "disable --now"}
	}
	return nil
}
