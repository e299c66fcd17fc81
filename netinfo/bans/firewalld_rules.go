package bans

import (
	"encoding/xml"
	"fmt"
	"net/netip"
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

type richXML struct {
	Family   string `xml:"family,attr"`
	Priority string `xml:"priority,attr"`
	Source   *struct {
		Address string `xml:"address,attr"`
		IPSet   string `xml:"ipset,attr"`
		Invert  string `xml:"invert,attr"`
	} `xml:"source"`
	Port *struct {
		Port     string `xml:"port,attr"`
		Protocol string `xml:"protocol,attr"`
	} `xml:"port"`
	Service *struct {
		Name string `xml:"name,attr"`
	} `xml:"service"`
	Protocol *struct {
		Value string `xml:"value,attr"`
	} `xml:"protocol"`
	Destination *struct {
		Address string `xml:"address,attr"`
	} `xml:"destination"`
	Reject *struct {
		Type string `xml:"type,attr"`
	} `xml:"reject"`
	Drop   *struct{} `xml:"drop"`
	Accept *struct{} `xml:"accept"`
}

// text words the rule as firewall-cmd prints and takes it.
func (r richXML) text() string {
	var b strings.Builder
	b.WriteString("rule")
	attr := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, " %s=%q", name, value)
		}
	}
	attr("priority", r.Priority)
	attr("family", r.Family)
	if s := r.Source; s != nil {
		b.WriteString(" source")
		if isTrue(s.Invert) {
			b.WriteString(" NOT")
		}
		attr("address", s.Address)
		attr("ipset", s.IPSet)
	}
	if r.Destination != nil {
		b.WriteString(" destination")
		attr("address", r.Destination.Address)
	}
	switch {
	case r.Port != nil:
		b.WriteString(" port")
		attr("port", r.Port.Port)
		attr("protocol", r.Port.Protocol)
	case r.Service != nil:
		b.WriteString(" service")
		attr("name", r.Service.Name)
	case r.Protocol != nil:
		b.WriteString(" protocol")
		attr("value", r.Protocol.Value)
	}
	switch {
	case r.Reject != nil:
		b.WriteString(" reject")
		attr("type", r.Reject.Type)
	case r.Drop != nil:
		b.WriteString(" drop")
	case r.Accept != nil:
		b.WriteString(" accept")
	}
	return b.String()
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

// richWords takes the source and the action out of a rich rule. Of the
// attributes only those of the source are told.
func richWords(text string) map[string]string {
	m := map[string]string{}
	element := ""
	for word := range strings.FieldsSeq(text) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			element = word
			if word == "NOT" || word == "not" {
				m["invert"], element = "yes", "source"
			}
			if word == "accept" || word == "drop" || word == "reject" {
				m[word] = "yes"
			}
			continue
		}
		value = strings.Trim(value, `"'`)
		if element == "source" && (name == "address" || name == "ipset") {
			m[name] = value
		}
		if element == "source" && name == "invert" && isTrue(value) {
			m["invert"] = "yes"
		}
	}
	return m
}
