package secrets

import (
	"regexp"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
)

// asteriskSection is what is known of the section that a line stands in.
type asteriskSection struct {
	file, name, kind string
}

// asteriskConf cleans a file in Asterisk's language. Comments go as a whole:
// they hold old passwords and the names of customers.
func asteriskConf(base string, data []byte) []byte {
	kinds := sectionKinds(data)
	var comments asterisk.Comments
	sec, number := asteriskSection{file: base}, 0
	return eachLine(data, func(line string) string {
		text := strings.TrimPrefix(comments.Strip(line), "\ufeff")
		switch {
		case text == "":
			if strings.TrimSpace(line) != "" {
				return ";"
			}
			return ""
		case text[0] == '[':
			sec.name, _, _ = strings.Cut(strings.ToLower(text[1:]), "]")
			sec.kind = kinds[number]
			number++
			return escape(text)
		case text[0] == '#':
			return directive(text)
		}
		name, value, ok := strings.Cut(text, "=")
		switch {
		case !ok && sec.name == "":
			return text // no file of Asterisk's
		case !ok:
			return "(removed)" // Asterisk skips it
		}
		arrow := "="
		if rest, is := strings.CutPrefix(value, ">"); is {
			arrow, value = "=>", rest
		}
		trimmed := strings.TrimSpace(value)
		space := value[:strings.Index(value, trimmed)]
		return escape(name + arrow + space + sec.value(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), "+")), trimmed))
	})
}

// directive keeps which file is included, not how a program is called.
func directive(text string) string {
	word, rest, _ := strings.Cut(text, " ")
	switch word = strings.ToLower(word); {
	case strings.HasPrefix(word, "#include"), strings.HasPrefix(word, "#tryinclude"):
		return text
	case strings.HasPrefix(word, "#exec") && rest != "":
		return word + " " + Removed
	}
	return "#"
}

// escape keeps a semicolon from beginning a comment.
func escape(s string) string { return strings.ReplaceAll(s, ";", `\;`) }

// sectionKinds lists the "type" of the sections of a file, in order, also where
// a template sets it.
func sectionKinds(data []byte) (list []string) {
	byName := map[string]string{}
	var comments asterisk.Comments
	name := ""
	for line := range strings.Lines(string(data)) {
		text := comments.Strip(strings.TrimRight(line, "\r\n"))
		if strings.HasPrefix(text, "[") {
			var rest string
			name, rest, _ = strings.Cut(strings.ToLower(text[1:]), "]")
			kind := ""
			for parent := range strings.SplitSeq(strings.Trim(strings.TrimSpace(rest), "()"), ",") {
				kind += byName[strings.TrimSpace(strings.TrimLeft(parent, "+ "))]
			}
			list = append(list, kind)
			byName[name] = kind
		} else if key, value, ok := strings.Cut(text, "="); ok && len(list) > 0 && strings.EqualFold(strings.TrimSpace(key), "type") {
			list[len(list)-1] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(value, ">")))
			byName[name] = list[len(list)-1]
		}
	}
	return list
}

// credentials reports whether the section is about authentication. The files that the checks read have such sections among others; every
// other file of Asterisk's is taken for one.
func (s asteriskSection) credentials() bool {
	if strings.Contains(s.kind, "auth") || strings.Contains(s.kind, "registration") || strings.Contains(s.name, "auth") {
		return true
	}
	for _, known := range []string{"pjsip", "sip", "rtp", "acl", "logger", "asterisk.conf", "sorcery.conf", "extconfig.conf"} {
		if strings.HasPrefix(s.file, known) {
			return false
		}
	}
	return true
}

// value is what may stay of an option's value.
func (s asteriskSection) value(name, value string) string {
	part, name, wizard := strings.Cut(strings.ToLower(name), "/") // inbound_auth/password
	if !wizard {
		part, name = "", part
	}
	credentials := s.credentials() || strings.Contains(part, "auth")
	switch {
	case value == "":
		return ""
	case s.file == "modules.conf" && moduleName.MatchString(value):
		return value
	case name == "register":
		return register(value)
	case name == "auth" && strings.ContainsAny(value, ":#@"):
		return authLine(value)
	case name == "auth" || strings.HasPrefix(s.file, "logger") && (s.name == "logfiles" || allowed(name)):
		return value // the name of a section; the levels of a log
	case name == "exten" || name == "same":
		return dialplan(value)
	case isSecret(name) || s.name == "globals":
		return Removed
	case name == "setvar" || name == "set_var":
		if variable, _, ok := strings.Cut(value, "="); ok {
			return variable + "=" + Removed
		}
		return Removed
	case allowed(name) || isSwitch(value) || !credentials && isPlain(value):
		return string(Text([]byte(value)))
	}
	return Removed
}

// moduleName is that of one of Asterisk's modules.
var moduleName = regexp.MustCompile(`^(app|bridge|cdr|cel|chan|codec|format|func|pbx|res)_[a-z0-9_]+(\.so)?$`)

// register keeps of "[peer?][transport://]user[@domain][:secret[:auth]]@host…"
// all but what stands between the user and the host. A secret may hold an "@".
func register(value string) string {
	start := 0
	if i := strings.Index(value, "://"); i >= 0 {
		start = i + len("://")
	}
	at := strings.LastIndexByte(value, '@')
	if at < start {
		at = len(value)
	}
	colon := strings.IndexAny(value[start:at], ":#")
	if colon < 0 {
		return value
	}
	return value[:start+colon+1] + Removed + value[at:]
}

// authLine is chan_sip's "auth = user:secret@realm" or "user#md5@realm".
func authLine(value string) string {
	user := strings.IndexAny(value, ":#@")
	if value[user] == '@' {
		return value
	}
	realm := ""
	if at := strings.LastIndexByte(value, '@'); at > user {
		realm = value[at:]
	}
	return value[:user+1] + Removed + realm
}

var application = regexp.MustCompile(`^[^,(]*(?:,[^,(]*(?:\([\w-]*\))?)?,[ \t]*\w+`)

// dialplan keeps the extension, the priority and the application, not what the
// application is told.
func dialplan(value string) string {
	if m := application.FindString(value); m != "" {
		return m + "(" + Removed + ")"
	}
	return Removed
}
