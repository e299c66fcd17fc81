package twin

import (
	"net/netip"
	"strconv"
	"strings"
)

// compare asks for an address. nft 1.0.6 joins comparisons of bytes that lie side by
// side in a packet, also those that are negated, so that "not A and not B" becomes "not
// (A and B)"; it leaves alone what is compared under a mask.
func (t *table) compare(at, text string, not bool) string {
	field := t.family + " " + at
	switch a, err := netip.ParseAddr(text); {
	case !not:
		return field + " " + text
	case err == nil:
		all := netip.PrefixFrom(a, a.BitLen())
		return field + " & " + mask(all) + " != " + text
	}
	return field + " != " + text
}

// mask is the netmask of a network.
func mask(p netip.Prefix) string {
	b := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a.String()
}

// portCondition is src-port, dst-port or port, which is either.
func portCondition(side, value string, not bool) condition {
	set, ok := ports(value)
	compare := func(field string, not bool) string {
		_, err := strconv.Atoi(value)
		switch {
		case !not:
			return "th " + field + " " + set
		case err == nil: // see table.compare
			return "th " + field + " & 0xffff != " + value
		}
		return "th " + field + " != " + set
	}
	switch {
	case !ok:
		return condition{unknown: true}
	case side == "src":
		return holds(compare("sport", not))
	case side == "dst":
		return holds(compare("dport", not))
	case not:
		return holds(compare("sport", true) + " " + compare("dport", true))
	}
	return condition{any: []string{compare("sport", false), compare("sport", true) + " " + compare("dport", false)}}
}

// ports reads "5060,10000-20000".
func ports(s string) (string, bool) {
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 16)
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || a > b {
			return "", false
		}
	}
	return "{ " + strings.ReplaceAll(s, ",", ", ") + " }", true
}

// addresses reads an address, a network or a range of the table's family.
func (t *table) addresses(s string) (string, bool) {
	from, to, ranged := strings.Cut(s, "-")
	if ranged {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		ok := err1 == nil && err2 == nil && t.mine(a) && t.mine(b) && a.Compare(b) <= 0
		if ok && a == b {
			return a.String(), true
		}
		return s, ok
	}
	p, ok := network(s)
	if ok && p.IsSingleIP() {
		return p.Addr().String(), t.mine(p.Addr())
	}
	return p.String(), ok && t.mine(p.Addr())
}

func (t *table) mine(a netip.Addr) bool { return a.Is4() == (t.family == "ip") && a.Zone() == "" }

// inList is a match of an address list: of what the configuration has in it, and of
// what rules put there.
func (t *table) inList(at, name string, not bool) condition {
	set := " @" + t.list(name)
	filled := t.fills(name)
	switch {
	case not && filled:
		return holds(at + " !=" + set + " " + at + " !=" + set + dynamic)
	case not:
		return holds(at + " !=" + set)
	case filled:
		return condition{any: []string{at + set, at + " !=" + set + " " + at + set + dynamic}}
	}
	return holds(at + set)
}

// fills reports whether a rule puts addresses into a list.
func (t *table) fills(name string) bool {
	for _, menu := range menus {
		for row := range t.cfg.Rows(t.menu + menu) {
			if row.Get("address-list").Text == name && strings.HasPrefix(row.Get("action").Text, "add-") {
				t.filled[name] = true
				return true
			}
		}
	}
	return false
}

func (t *table) interfaceList(at, name string, not bool) condition {
	if name == "all" || name == "none" {
		return condition{never: (name == "all") == not}
	}
	members, whole := t.cfg.Members(name)
	switch {
	case !whole && len(members) == 0:
		return condition{unknown: true}
	case len(members) == 0:
		return condition{never: !not}
	}
	var names []string
	for _, m := range members {
		if strings.ContainsAny(m, "+*") {
			return condition{unknown: true}
		}
		names = append(names, `"`+t.device(m)+`"`)
	}
	is := "== "
	if not {
		is = "!= "
	}
	return holds(at + " " + is + "{ " + strings.Join(names, ", ") + " }")
}
