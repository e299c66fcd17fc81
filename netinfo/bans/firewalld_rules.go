package bans

import (
	"encoding/xml"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

type zoneXML struct {
	Target  string `xml:"target,attr"`
	Sources []struct {
		Address string `xml:"address,attr"`
		IPSet   string `xml:"ipset,attr"`
	} `xml:"source"`
	Rules []richXML `xml:"rule"`
}

// richXML is a rich rule, or an element of one: the source, the port, the action.
type richXML struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Parts   []richXML  `xml:",any"`
}

// text words the rule as firewall-cmd prints and takes it: elements and their
// attributes in the order of the file, the priority and NOT before the others.
func (r richXML) text() string {
	words := []string{r.XMLName.Local}
	for _, leads := range []bool{true, false} {
		for _, a := range r.Attrs {
			switch name := a.Name.Local; {
			case leads != (name == "priority" || name == "invert"):
			case name != "invert":
				words = append(words, fmt.Sprintf("%s=%q", name, a.Value))
			case isTrue(a.Value):
				words = append(words, "NOT")
			}
		}
	}
	for _, p := range r.Parts {
		words = append(words, p.text())
	}
	return strings.Join(words, " ")
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "yes") }

// direct reads rules handed to iptables as they are.
func (f *firewalld) direct(name string, b []byte) {
	var d struct {
		Rules []struct {
			IPv   string `xml:"ipv,attr"`
			Table string `xml:"table,attr"`
			Chain string `xml:"chain,attr"`
			Prio  string `xml:"priority,attr"`
			Args  string `xml:",chardata"`
		} `xml:"rule"`
	}
	if err := xml.Unmarshal(b, &d); err != nil {
		f.a.odd(name, err)
		return
	}
	for _, r := range d.Rules {
		words := strings.Fields(r.Args)
		p, ok := optionPrefix(words)
		if !ok || !dropsPacket(words) {
			continue
		}
		at := []string{r.IPv, r.Table, r.Chain, r.Prio}
		f.add(name, "direct", strings.Join(slices.Concat(at, words), " "), p,
			both(func(c command.Command) command.Command {
				return c.Words("--direct", "--remove-rule").Values(at[:3]...).Spec(at[3]).Spec(words...)
			}),
			both(func(c command.Command) command.Command {
				return c.Words("--direct", "--add-rule").Values(at[:3]...).Spec(at[3]).Spec(words...)
			}))
	}
}

// optionPrefix finds the network after -s, unless it is negated.
func optionPrefix(words []string) (netip.Prefix, bool) {
	for i, w := range words {
		if (w == "-s" || w == "--source" || w == "--src") && i+1 < len(words) && (i == 0 || words[i-1] != "!") {
			return nets.Parse(words[i+1])
		}
	}
	return netip.Prefix{}, false
}

func dropsPacket(words []string) bool {
	for i, w := range words {
		if (w == "-j" || w == "--jump") && i+1 < len(words) {
			return words[i+1] == "DROP" || words[i+1] == "REJECT"
		}
	}
	return false
}

var richWord = regexp.MustCompile(`([\w-]+)=("[^"]*"|'[^']*'|\S+)|\S+`)

// richWords takes the source and the action out of a rich rule. Of the
// attributes only those of the source are told.
func richWords(text string) map[string]string {
	m := map[string]string{}
	element := ""
	for _, w := range richWord.FindAllStringSubmatch(text, -1) {
		switch name, value := w[1], strings.Trim(w[2], `"'`); {
		case name == "" && strings.EqualFold(w[0], "NOT"):
			m["invert"], element = "yes", "source"
		case name == "":
			element = w[0]
			if element == "accept" || element == "drop" || element == "reject" {
				m[element] = "yes"
			}
		case element == "source" && (name == "address" || name == "ipset"):
			m[name] = value
		case element == "source" && name == "invert" && isTrue(value):
			m["invert"] = "yes"
		}
	}
	return m
}
