package secrets

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// fail2banKept are options whose values stay: what tells which jail watches
// what, and bans whom for how long. Actions are dealt with by their options.
var fail2banKept = regexp.MustCompile(`^(?:before|after|enabled|filter|port|ports|[\w.-]*_ports?|protocol|logpath|backend|journalmatch|maxretry|maxmatches|findtime|bantime(?:\.\w+)?|ignoreip|ignoreself|ignorecache|usedns|logencoding|mode|chain|failregex|ignoreregex|prefregex|datepattern|maxlines|dbfile|dbpurgeage|dbmaxmatches|socket|pidfile|loglevel|logtarget|syslogsocket|syslog_\w+|type|name|actname|blocktype|returntype|lockingopt|iptables|table|table_family|addr_family|chain_type|chain_hook|rule_stat|category|allowipv6)$`)

var (
	fail2banOption = regexp.MustCompile(`^([\w./ -]+?)([ \t]*[=:][ \t]*)(.*)$`)
	nameReference  = regexp.MustCompile(`%\((?:\w+/)?([\w.-]+)\)s`)
)

// fail2ban cleans a jail's or an action's file. An option of which another one
// that stays makes use stays as well.
func fail2ban(actions bool, data []byte) []byte {
	used := referred(data)
	name := ""
	return eachLine(data, func(line string) string {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
			return ""
		case trimmed[0] == '#' || trimmed[0] == ';':
			return trimmed[:1]
		case line[0] == '[':
			name = ""
			return line
		}
		for _, mark := range []string{" ;", "\t;"} {
			line, _, _ = strings.Cut(line, mark)
		}
		start := ""
		if line[0] == ' ' || line[0] == '\t' {
			start = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			line = line[len(start):]
		} else if m := fail2banOption.FindStringSubmatch(line); m != nil {
			name, start, line = strings.ToLower(strings.TrimSpace(m[1])), m[1]+m[2], m[3]
		} else {
			return line[:0] + "#"
		}
		return start + fail2banValue(name, line, actions, used)
	})
}

func fail2banValue(name, value string, actions bool, used map[string]bool) string {
	switch {
	case value == "":
		return ""
	case isSecret(name) && !reference.MatchString(value):
		return Removed
	case strings.HasPrefix(name, "ignorecommand"):
		return command(value)
	case fail2banKept.MatchString(name) || used[name] || isPlain(value):
		return value
	case !actions && (strings.HasPrefix(name, "action") || strings.HasPrefix(name, "banaction")):
		return actionOptions(value)
	case actions && (strings.HasPrefix(name, "action") || blocking.MatchString(value)):
		return command(value)
	}
	return Removed
}

// referred lists the options that are used in values which stay.
func referred(data []byte) map[string]bool {
	used := map[string]bool{}
	for range 3 { // references within references
		name := ""
		for line := range strings.Lines(string(data)) {
			if m := fail2banOption.FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil && line[0] != ' ' && line[0] != '\t' {
				name, line = strings.ToLower(strings.TrimSpace(m[1])), m[3]
			}
			if fail2banKept.MatchString(name) || used[name] {
				for _, m := range nameReference.FindAllStringSubmatch(line, -1) {
					used[strings.ToLower(m[1])] = true
				}
			}
		}
	}
	return used
}

var optionOfAction = regexp.MustCompile(`([\[,]\s*)([\w./-]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^"',\]\s][^,\]]*))`)

// actionOptions cleans "name[option=value, option="value"]". A value that goes is
// quoted, because the bracket of what stands for it would end the options.
func actionOptions(text string) string {
	return optionOfAction.ReplaceAllStringFunc(text, func(match string) string {
		m := optionOfAction.FindStringSubmatch(match)
		name, value := strings.ToLower(m[2]), m[4]+m[5]+m[6]
		if !isSecret(name) && (fail2banKept.MatchString(name) || isPlain(value)) || isPlaceholder(value) || value == "" {
			return match
		}
		return m[1] + m[2] + m[3] + `"` + Removed + `"`
	})
}

var (
	shellPart = regexp.MustCompile(`(\|\||&&|;|\||\n)`)
	tag       = regexp.MustCompile(`<[\w/?=.-]+>`)
	blocking  = regexp.MustCompile(`\b(?:iptables|ip6tables|ipset|nft|nftables|ufw|firewall-cmd|pfctl|ip route|hosts\.deny|xt_recent|csf)\b|<(?:iptables|nftables)>`)
	program   = regexp.MustCompile(`^\s*[\w./-]+`)
)

// command keeps of a command that bans its parts which block packets. Of the
// others, which report somewhere, only the program stays and which of the
// action's options it is given.
func command(text string) string {
	var b strings.Builder
	last := 0
	part := func(s string) {
		if strings.TrimSpace(s) == "" || blocking.MatchString(s) || reference.MatchString(strings.TrimSpace(s)) {
			b.WriteString(s)
			return
		}
		if first := program.FindString(s); first != "" && len(strings.TrimSpace(s)) > len(strings.TrimSpace(first)) {
			b.WriteString(first + " ") // a single word may be anything
		}
		b.WriteString(Removed)
		for _, t := range tag.FindAllString(s, -1) {
			b.WriteString(" " + t)
		}
	}
	for _, at := range shellPart.FindAllStringIndex(text, -1) {
		part(text[last:at[0]])
		b.WriteString(text[at[0]:at[1]])
		last = at[1]
	}
	part(text[last:])
	return b.String()
}

// actionAnswer cleans what the server says of a property of an action: a pair of
// a code and a value, in JSON. Anything else is a complaint.
func actionAnswer(property string, data []byte) []byte {
	value := func(text string) string {
		return string(eachLine([]byte(text), func(line string) string { return answerValue(property, line) }))
	}
	var pair []any
	if json.Unmarshal(data, &pair) != nil || len(pair) != 2 {
		if isSecret(property) {
			return eachLine(data, func(string) string { return Removed })
		}
		return data
	}
	text, ok := pair[1].(string)
	if !ok || value(text) == text {
		return data
	}
	pair[1] = value(text)
	out, err := json.Marshal(pair)
	if err != nil {
		return nil
	}
	return append(out, data[len(bytes.TrimRight(data, "\r\n")):]...)
}

func answerValue(property, line string) string {
	switch {
	case isSecret(property):
		return Removed
	case property == "name" || property == "port" || property == "protocol" || isPlain(line):
		return line
	}
	return command(line)
}
