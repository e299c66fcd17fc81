package twin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// deed is what a rule does with the packets that meet its conditions; empty: nothing
// that matters to them. ok is false if it cannot be rebuilt.
func (t *table) deed(menu string, row routeros.Row) (text string, ok bool) {
	action := row.Get("action").Text
	switch action {
	case "", "accept":
		return "accept", true
	case "drop", "tarpit":
		return "drop", true
	case "reject":
		return t.reject(row.Get("reject-with").Text)
	case "return":
		return "return", true
	case "jump":
		return "jump " + t.chain(menu, row.Get("jump-target").Text), true
	case "log", "passthrough", "sniff-tzsp", "sniff-pc":
		return "", true
	case "fasttrack-connection": // what follows passes by all rules; before that it changes nothing
		return "", true
	case "notrack":
		return "notrack", menu == "raw"
	case "add-src-to-address-list":
		return t.add("saddr", row), true
	case "add-dst-to-address-list":
		return t.add("daddr", row), true
	}
	switch menu {
	case "nat":
		return t.translate(action, row)
	case "mangle":
		return t.change(action, row)
	}
	return "", false
}

func (t *table) reject(with string) (string, bool) {
	if with == "tcp-reset" {
		return "reject with tcp reset", true
	}
	kind := strings.TrimPrefix(strings.TrimPrefix(with, "icmp-"), "icmpv6-")
	if t.family == "ip6" {
		return "reject with icmpv6 type " + map[string]string{
			"admin-prohibited": "admin-prohibited", "address-unreachable": "addr-unreachable", "port-unreachable": "port-unreachable",
		}[kind], kind == "admin-prohibited" || kind == "address-unreachable" || kind == "port-unreachable"
	}
	name, ok := map[string]string{
		"": "net-unreachable", "network-unreachable": "net-unreachable", "host-unreachable": "host-unreachable", "port-unreachable": "port-unreachable",
		"protocol-unreachable": "prot-unreachable", "network-prohibited": "net-prohibited", "host-prohibited": "host-prohibited", "admin-prohibited": "admin-prohibited",
	}[kind]
	return "reject with icmp type " + name, ok
}

// add puts an address into a list, for a while.
func (t *table) add(at string, row routeros.Row) string {
	name := row.Get("address-list").Text
	t.fills(name)
	element := t.family + " " + at
	if d, ok := row.Get("address-list-timeout").Duration(); ok && d.Seconds() >= 1 {
		element += " timeout " + seconds(d) + "s"
	}
	return "update @" + t.list(name) + dynamic + " { " + element + " }"
}

// translate is an action of the nat menu.
func (t *table) translate(action string, row routeros.Row) (string, bool) {
	chain := row.Get("chain").Text
	verb := map[string]string{"masquerade": "masquerade", "redirect": "redirect", "dst-nat": "dnat", "src-nat": "snat", "same": "snat"}[action]
	if action == "endpoint-independent-nat" && chain == "srcnat" {
		t.leave(t.menu+"nat", row.Line, "action="+action) // its mapping is, its filtering is not
		verb = "masquerade"
	}
	if action == "netmap" {
		verb = map[bool]string{true: "dnat", false: "snat"}[chain == "dstnat"]
	}
	to, mapped := row.Get("to-addresses").Text, row.Get("to-ports").Text
	where := ""
	if verb == "dnat" || verb == "snat" {
		if to != "" {
			text, ok := t.addresses(to)
			if !ok {
				return "", false
			}
			where = text
			if t.family == "ip6" && mapped != "" {
				where = "[" + text + "]"
			}
			if strings.Contains(text, "/") {
				where = "prefix to " + text
			}
		}
	}
	if mapped != "" {
		if _, ok := ports(mapped); !ok || strings.Contains(mapped, ",") {
			return "", false
		}
		where += ":" + mapped
	}
	switch {
	case verb == "" || (verb == "dnat" || verb == "snat") && where == "":
		return "", false
	case strings.HasPrefix(where, "prefix"):
		verb += " "
	case where != "":
		verb += " to "
	}
	if strings.HasPrefix(where, "prefix") && action != "netmap" {
		return "", false
	}
	var flags []string
	if row.Yes("randomise-ports") || row.Yes("randomize-ports") {
		flags = append(flags, "random")
	}
	if action == "same" { // a client keeps its address
		flags = append(flags, "persistent")
	}
	return strings.TrimSpace(verb + where + " " + strings.Join(flags, ",")), true
}

// change is an action of the mangle menu.
func (t *table) change(action string, row routeros.Row) (string, bool) {
	text := ""
	switch action {
	case "mark-packet":
		text = "meta mark set meta mark & 0xffff0000 | " + t.mark(row.Get("new-packet-mark").Text)
	case "mark-connection":
		text = "ct mark set " + t.mark(row.Get("new-connection-mark").Text)
	case "mark-routing":
		text = "meta mark set meta mark & 0x0000ffff | " + hex(t.routingMark(row.Get("new-routing-mark").Text))
	case "change-dscp":
		n, err := strconv.Atoi(row.Get("new-dscp").Text)
		if err != nil || n < 0 || n > 63 {
			return "", false
		}
		text = fmt.Sprintf("%s dscp set %d", t.family, n)
	case "change-mss":
		text = t.segment(row)
	case "change-ttl":
		how, hops, _ := strings.Cut(row.Get("new-ttl").Text, ":")
		if n, err := strconv.ParseUint(hops, 10, 8); err == nil && how == "set" && n > 0 {
			text = fmt.Sprintf("%s set %d", t.hopCount(), n)
		}
	case "clear-df":
		text = map[string]string{"ip": "ip frag-off set ip frag-off & 0xbfff"}[t.family]
	case "set-priority", "strip-ipv4-options":
	default:
		return "", false
	}
	if text == "" { // what follows from the rule besides is built
		t.leave(t.menu+"mangle", row.Line, "action="+action)
	}
	if row.Get("passthrough").Text == "no" {
		text = strings.TrimSpace(text + " accept")
	}
	return text, true
}

// segment limits what TCP puts into a segment; empty: it cannot be rebuilt. As with RouterOS
// it never grows.
func (t *table) segment(row routeros.Row) string {
	size := row.Get("new-mss").Text
	if n, err := strconv.ParseUint(size, 10, 16); err == nil && n > 0 && row.Get("protocol").Text == "tcp" {
		return fmt.Sprintf("tcp option maxseg size set %d", n)
	}
	if size == "clamp-to-pmtu" && row.Get("protocol").Text == "tcp" && slices.Contains([]string{"forward", "output", "postrouting"}, row.Get("chain").Text) {
		return "tcp option maxseg size set rt mtu"
	}
	return ""
}

// mark is the number of a mark of packets or connections, in hexadecimal digits.
func (t *table) mark(name string) string {
	if name == "no-mark" {
		return "0x0"
	}
	n, ok := t.marks[name]
	if !ok {
		n = uint32(len(t.marks) + 1)
		t.marks[name] = n
	}
	return hex(n)
}

func hex(n uint32) string { return fmt.Sprintf("%#x", n) }

// routingBits are those of a packet's mark that choose its table of routes; the others
// hold RouterOS's packet mark.
const routingBits = 0xffff0000

// routingMark is the number of a routing mark.
func (b *builder) routingMark(name string) uint32 {
	if isMain(name) || name == "no-mark" {
		return 0
	}
	return uint32(b.table(name)) << 16
}
