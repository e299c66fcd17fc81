package secrets

import (
	"regexp"
	"strings"
)

// setting is what may stay of an option's value in a file that no check reads:
// what is plain, under a name that is not a secret's.
func setting(name, value string) string {
	if value == "" || !isSecret(name) && isPlain(value) {
		return value
	}
	return Removed + strings.Repeat("\n", strings.Count(value, "\n"))
}

var shellLine = regexp.MustCompile(`^([ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*(?:=|:=|\?=)[ \t]*)(["']?)(.*?)(["']?;?[ \t]*)$`)

// assignments cleans NAME=value and NAME = "value", a line each, as csf.conf,
// amportal.conf and the files of /etc/default have them.
func assignments(data []byte) []byte {
	return eachLine(data, func(line string) string {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "" || trimmed[0] == '[':
			return line
		case trimmed[0] == '#' || trimmed[0] == ';':
			return trimmed[:1]
		}
		if m := shellLine.FindStringSubmatch(line); m != nil {
			return m[1] + m[3] + setting(m[2], m[4]) + m[5]
		}
		return ""
	})
}

var (
	phpValue   = regexp.MustCompile(`((?:\$\w+|["']([\w.-]+)["']\]?)[ \t]*(?:=>?|,)[ \t]*)(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')`)
	phpComment = regexp.MustCompile(`^[ \t]*(?://|#|/\*|\*)`)
)

// php cleans assignments of strings: $x = "…", $x['name'] = '…', 'name' => '…',
// define('name', '…').
func php(data []byte) []byte {
	return eachLine(data, func(line string) string {
		if m := phpComment.FindString(line); m != "" {
			return m
		}
		return replacePair(phpValue, line)
	})
}

var (
	yamlPair   = regexp.MustCompile(`^([ \t]*(?:- +)?)(["']?[\w./-]+["']?)([ \t]*:)([ \t]+|$)(.*)$`)
	yamlItem   = regexp.MustCompile(`^([ \t]*- +)(.*)$`)
	yamlListed = regexp.MustCompile(`^(?:name|type|filter|whitelist|ip|cidr|reason|expression|filename|filenames|labels|listen_uri|level|log_level)$`)
)

// yaml cleans "name: value" and lists. What spans lines belongs to the name
// above it.
func yaml(data []byte) []byte {
	name := ""
	keep := func(value string) string {
		bare := strings.Trim(value, `[]|>+-" '`)
		if bare == "" || setting(name, bare) == bare || yamlListed.MatchString(strings.ToLower(name)) && !isSecret(name) {
			return value
		}
		return Removed
	}
	return eachLine(data, func(line string) string {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed == "---":
			return line
		case trimmed[0] == '#':
			return "#"
		}
		line, _, _ = strings.Cut(line, " #")
		if m := yamlPair.FindStringSubmatch(line); m != nil {
			name = strings.Trim(m[2], `"'`)
			return m[1] + m[2] + m[3] + m[4] + keep(m[5])
		}
		if m := yamlItem.FindStringSubmatch(line); m != nil {
			return m[1] + keep(m[2])
		}
		return line[:len(line)-len(strings.TrimLeft(line, " \t"))] + keep(trimmed)
	})
}

var (
	xmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	xmlTag     = regexp.MustCompile(`<[\w:-]+\s[^<>]*>`)
	xmlName    = regexp.MustCompile(`\bname=["']([^"']*)["']`)
	xmlAttr    = regexp.MustCompile(`(\b([\w:-]+)=)(?:"([^"]*)"|'([^']*)')`)
	xmlText    = regexp.MustCompile(`(<([\w:-]+)[^<>]*>)([^<>\s][^<>]*)(</)`)
	xmlKept    = regexp.MustCompile(`^(?:name|id|cmd|type|field|version|description)$`)
)

// xml cleans parameters, variables and attributes, as FreeSWITCH's files have
// them, and the text of elements.
func xml(data []byte) []byte {
	text := xmlComment.ReplaceAllStringFunc(string(data), func(m string) string { return strings.Repeat("\n", strings.Count(m, "\n")) })
	text = xmlTag.ReplaceAllStringFunc(text, xmlAttributes)
	return []byte(xmlText.ReplaceAllStringFunc(text, func(match string) string {
		m := xmlText.FindStringSubmatch(match)
		if setting(m[2], strings.TrimSpace(m[3])) == strings.TrimSpace(m[3]) {
			return match
		}
		return m[1] + Removed + strings.Repeat("\n", strings.Count(m[3], "\n")) + m[4]
	}))
}

// xmlAttributes cleans the attributes of a tag. One called "value" or "data"
// belongs to the name that the tag gives.
func xmlAttributes(tag string) string {
	named := ""
	if m := xmlName.FindStringSubmatch(tag); m != nil {
		named = m[1]
	}
	return xmlAttr.ReplaceAllStringFunc(tag, func(match string) string {
		m := xmlAttr.FindStringSubmatch(match)
		name, value := m[2], m[3]+m[4]
		quote := match[len(m[1]) : len(m[1])+1]
		if name == "data" && named == "" { // <X-PRE-PROCESS cmd="set" data="name=value"/>
			if variable, v, ok := strings.Cut(value, "="); ok {
				return m[1] + quote + variable + "=" + setting(variable, v) + quote
			}
		}
		if xmlKept.MatchString(name) {
			return match
		}
		if name == "value" || name == "data" {
			name = named
		}
		return m[1] + quote + setting(name, value) + quote
	})
}

// replacePair cleans matches whose groups are what comes first, the name in it,
// and the value in either kind of quotes.
func replacePair(re *regexp.Regexp, text string) string {
	return re.ReplaceAllStringFunc(text, func(match string) string {
		m := re.FindStringSubmatch(match)
		quote := match[len(m[1]) : len(m[1])+1]
		return m[1] + quote + setting(m[2], m[3]+m[4]) + quote
	})
}

var (
	modparam = regexp.MustCompile(`(\bmodparam\(\s*"[^"]*"\s*,\s*"([^"]*)"\s*,\s*)(?:"([^"]*)"|'([^']*)')`)
	define   = regexp.MustCompile(`^(#!(?:define|trydef|redefine)[ \t]+(\w+)[ \t]+)(.*)$`)
	kamSubst = regexp.MustCompile(`^(#!subst\w*[ \t]+)(.*)$`)
	kamParam = regexp.MustCompile(`^([ \t]*([\w.]+)[ \t]*=[ \t]*)("[^"]*"|'[^']*')`)
)

// kamailio cleans parameters of modules, definitions and strings that are
// assigned.
func kamailio(data []byte) []byte {
	return eachLine(data, func(line string) string {
		switch {
		case strings.HasPrefix(line, "#!"):
			if m := define.FindStringSubmatch(line); m != nil {
				return m[1] + setting(m[2], m[3])
			}
			if m := kamSubst.FindStringSubmatch(line); m != nil {
				return m[1] + `"/removed/removed/"`
			}
			return line
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			return "#"
		}
		line = replacePair(modparam, line)
		if m := kamParam.FindStringSubmatch(line); m != nil {
			return m[1] + m[3][:1] + setting(m[2], strings.Trim(m[3], `"'`)) + m[3][:1] + line[len(m[0]):]
		}
		return line
	})
}
