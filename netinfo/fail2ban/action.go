package fail2ban

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var errNoOption = problem(because("no-option"))

// actionFiles reads action.d files once each.
type actionFiles struct {
	system platform.System
	dir    string
	seen   map[string]*ini
	note   func(words.Reason, error)
}

// parse reads the option "action": one action in a line or several,
// name[option=value, option="value"][…], later options over earlier ones.
func (f *actionFiles) parse(jail, text string) (list []Action) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " \t\n,") {
		n := strings.IndexAny(text, "[ \t\n,")
		if n < 0 {
			n = len(text)
		}
		name := text[:n]
		text = text[n:]
		options := map[string]string{}
		for {
			rest := strings.TrimLeft(text, " \t\n")
			if !strings.HasPrefix(rest, "[") {
				break
			}
			var ok bool
			if text, ok = actionOptions(rest[1:], options); !ok {
				f.note(because("action", "action", name), errAction)
				return list
			}
		}
		if name != "" {
			list = append(list, f.action(jail, name, options))
		}
	}
	return list
}

var errAction = problem(because("action-options-open"))

// actionOption is an option with what ends it: a comma, the line or the bracket.
var actionOption = regexp.MustCompile(`^([^=]*)=[ \t]*(?:"([^"]*)"|'([^']*)'|([^"',\]\n][^,\]\n]*)?)[ \t]*[,\]\n]`)

// actionOptions reads up to the closing bracket and returns what follows it.
func actionOptions(text string, into map[string]string) (rest string, ok bool) {
	for {
		text = strings.TrimLeft(text, " \t\n,")
		if strings.HasPrefix(text, "]") {
			return text[1:], true
		}
		m := actionOption.FindStringSubmatch(text)
		if m == nil {
			return "", false
		}
		into[strings.TrimSpace(m[1])] = m[2] + m[3] + strings.TrimSpace(m[4])
		text = text[len(m[0])-1:]
	}
}

// action is what an action's ban covers: its own options, then its file's. The
// server calls it by its file and what its name has beyond the jail's
// (client/actionreader.py).
func (f *actionFiles) action(jail, name string, options map[string]string) Action {
	file := f.file(name)
	get := func(option string) string {
		if v, ok := options[option]; ok {
			return v
		}
		for _, s := range []string{"Init", "Definition"} {
			if v, ok := file.sections[s][option]; ok {
				return v.text
			}
		}
		return ""
	}
	a := Action{Name: name, File: name, Object: jail, Port: get("port"), Protocol: get("protocol")}
	if v, ok := options["name"]; ok && v != jail {
		a.Object = v
		rest, ok := strings.CutPrefix(v, jail)
		if !ok {
			rest = "-" + v
		}
		a.Name += rest
	}
	if v, ok := options["actname"]; ok {
		a.Name = v
	}
	ban := strings.ToLower(get("actionban") + get("actionstart"))
	a.Blocks = blocks(name, ban)
	kind := get("type")
	a.AllPorts = a.Blocks && (kind == "allports" || strings.Contains(name, "allports") || kind == "" && ban != "" && !strings.Contains(ban, "<port>"))
	if kind == "allports" && a.Protocol == "" {
		a.Protocol = "all"
	}
	if a.AllPorts && !strings.Contains(ban, "<protocol>") && ban != "" && kind == "" {
		a.Protocol = "all" // a route, hosts.deny
	}
	return a
}

func (f *actionFiles) file(name string) *ini {
	if c, ok := f.seen[name]; ok {
		return c
	}
	c := newINI()
	if !strings.ContainsAny(name, "/\\%<*?") {
		var err error
		base := path.Join(f.dir, name)
		c, _, err = readINI(f.system, base+".conf", base+".local")
		f.note(because("action", "action", name), err)
	}
	f.seen[name] = c
	return c
}

// blocks reports whether an action stops packets; others only send reports.
func blocks(name, ban string) bool {
	for _, word := range []string{"iptables", "ip6tables", "nft", "ipset", "firewall", "ufw", "shorewall", "route", "pf", "ipfw", "ipf", "hostsdeny", "npf", "bsd-ipfw", "apf", "csf", "symbiosis"} {
		if strings.HasPrefix(name, word) {
			return true
		}
	}
	for _, word := range []string{"iptables", "<iptables>", "<nftables>", "nft ", "ipset", "firewall-cmd", "ip route", "ufw ", "hosts.deny", "xt_recent", "pfctl", "csf "} {
		if strings.Contains(ban, word) {
			return true
		}
	}
	return false
}

// covers tells whether a ban by the action closes a port.
func (a *Action) covers(p Port) bool {
	if !a.Blocks {
		return false
	}
	proto := strings.ToLower(a.Protocol)
	if proto != "" && proto != "all" && proto != "0" && !slices.Contains(names(proto), p.Protocol) {
		return false
	}
	return a.AllPorts || a.Port == "" || portListed(a.Port, p.Port)
}
