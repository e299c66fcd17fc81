package routeros

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// accept is the value of a property as a router keeps it, or its refusal.
func (r *interpreter) accept(m *Menu, a arg, text string) (string, error) {
	if m.spec == nil {
		return "", ErrNotKnown
	}
	p, ok := m.property(a.name)
	if !ok {
		return "", m.noProperty(a.place)
	}
	bare, not := strings.CutPrefix(text, "!")
	if not && !p.not && p.kind != "any" && p.kind != "text" {
		return "", says(answerBadValue, a.name)
	}
	if text == "" && p.kind != "one-of" {
		return "", nil
	}
	switch p.kind {
	case "yes-no", flagKind:
		return p.yesNo(bare, a.name)
	case "time":
		if d, ok := parseTime(bare); ok {
			return formatTime(d), nil
		}
		return "", says(answerBadValue, a.name)
	case "interface":
		return text, r.knowsInterface(bare, a.name)
	case "of":
		if _, ok := r.cfg.Named(p.words[0], bare); !ok {
			return "", says(answerNoMatch, a.name)
		}
		return text, nil
	case "one-of", "some-of":
		return text, p.oneOf(bare, a.name)
	}
	if !p.formed(bare) {
		return "", says(answerBadValue, a.name)
	}
	return text, nil
}

func (p property) yesNo(s, name string) (string, error) {
	switch {
	case isYes(s):
		return "yes", nil
	case isNo(s):
		return "no", nil
	}
	return "", says(answerNoMatch, name)
}

func (p property) oneOf(s, name string) error {
	list := []string{s}
	if p.kind == "some-of" {
		list = strings.Split(s, ",")
	}
	for _, w := range list {
		if !slices.Contains(p.words, w) {
			return says(answerNoMatch, name)
		}
	}
	return nil
}

// formed reports whether s has the form that the property takes.
func (p property) formed(s string) bool {
	switch p.kind {
	case "integer":
		_, err := strconv.ParseInt(s, 0, 64)
		return err == nil
	case "address":
		_, err := netip.ParseAddr(s)
		return err == nil
	case "prefix":
		return isPrefix(s)
	case "addresses":
		if from, to, ok := strings.Cut(s, "-"); ok {
			a, err1 := netip.ParseAddr(from)
			b, err2 := netip.ParseAddr(to)
			return err1 == nil && err2 == nil && a.BitLen() == b.BitLen() && a.Compare(b) <= 0
		}
		return isPrefix(s)
	case "ports":
		for part := range strings.SplitSeq(s, ",") {
			from, to, ranged := strings.Cut(part, "-")
			if !ranged {
				to = from
			}
			a, err1 := strconv.ParseUint(from, 10, 16)
			b, err2 := strconv.ParseUint(to, 10, 16)
			if err1 != nil || err2 != nil || a > b {
				return false
			}
		}
		return true
	case "protocol":
		n, err := strconv.ParseUint(s, 10, 8)
		return err == nil && n > 0 || slices.Contains(protocols(), s)
	case "name":
		return s != ""
	}
	return true
}

func isPrefix(s string) bool {
	_, err1 := netip.ParsePrefix(s)
	_, err2 := netip.ParseAddr(s)
	return err1 == nil || err2 == nil
}

// protocols are the names that a rule's protocol may have.
func protocols() []string {
	return []string{
		"icmp", "igmp", "ggp", "ip-encap", "st", "tcp", "egp", "pup", "udp", "hmp", "xns-idp", "rdp", "iso-tp4", "dccp", "xtp", "ddp",
		"idpr-cmtp", "ipv6-encap", "rsvp", "gre", "ipsec-esp", "ipsec-ah", "icmpv6", "rspf", "vmtp", "ospf", "ipip", "etherip", "encap",
		"pim", "vrrp", "l2tp", "sctp", "udp-lite", "ipencap",
	}
}

// knowsInterface refuses an interface that the router does not have. One that may
// be there though no line names it, because an export leaves out a port that nobody
// configured, is not known.
func (r *interpreter) knowsInterface(name, property string) error {
	if slices.Contains([]string{"all-ethernet", "all-ppp", "all-vlan", "all-wireless", "all", "none", "dynamic", "static"}, name) {
		return nil
	}
	for m := range r.cfg.Menus() {
		for _, it := range m.Items {
			row := Row{it, m}
			if isInterfaceMenu(m.Path) && (row.Get("name").Text == name || it.key == name) {
				return nil
			}
			if slices.ContainsFunc(it.Props, func(p Prop) bool { return p.Name == "interface" && p.Value == name }) {
				return nil
			}
		}
	}
	if kind := strings.TrimRight(name, "0123456789"); kind != name && slices.Contains([]string{"ether", "sfp", "sfp-sfpplus", "wlan", "wifi", "lte", "combo"}, kind) {
		return ErrNotKnown
	}
	return says(answerNoMatch, property)
}

// acceptable refuses an item that a router would not keep as a whole.
func (r *interpreter) acceptable(m *Menu, it *Item) error {
	if m.spec == nil {
		return ErrNotKnown
	}
	row := Row{it, m}
	for _, name := range m.spec.Need {
		if row.Get(name).Text == "" {
			return says(answerMissing, name)
		}
	}
	if err := portsNeedProtocol(row); err != nil {
		return err
	}
	if len(m.spec.Unique) == 0 {
		return nil
	}
	for _, other := range m.Items {
		o := Row{other, m}
		if other != it && !slices.ContainsFunc(m.spec.Unique, func(name string) bool { return o.Get(name).Text != row.Get(name).Text }) {
			return says(answerAlready, cmp.Or(m.spec.Already, "such entry"))
		}
	}
	return nil
}

// portsNeedProtocol refuses a rule with ports whose protocol has none.
func portsNeedProtocol(row Row) error {
	if row.menu.spec.properties["dst-port"].kind == "" {
		return nil
	}
	protocol := row.Get("protocol").Text
	if slices.Contains([]string{"tcp", "udp", "udp-lite", "dccp", "sctp", "6", "17"}, protocol) {
		return nil
	}
	for _, name := range []string{"dst-port", "src-port", "port", "to-ports"} {
		if row.Get(name).Text != "" {
			return says(answerPorts)
		}
	}
	return nil
}
