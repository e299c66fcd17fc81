package routeros

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Dead is a rule for SIP or the provider that can never match.
type Dead struct {
	Place
	Action string `json:"action"`
	// After is the rule before it that takes all of its packets; List the interface or
	// address list without members that it asks for, where there is no such rule.
	After Place  `json:"after,omitzero"`
	List  string `json:"list,omitempty"`
	// PPPoE is the uplink that runs over the interface that the rule asks for, on which
	// there is nothing but that.
	PPPoE string     `json:"pppoe,omitempty"`
	Fix   []ros.Edit `json:"fix,omitempty"`
}

// maxDead bounds the rules that are shown.
const maxDead = 8

// dead looks for rules that let SIP or the provider through, and never do.
func (e *export) dead(o *Observed) {
	for _, table := range []string{"raw", "filter", "nat"} {
		var before []ros.Row
		for row := range e.Rows("/ip/firewall/" + table) {
			if row.Off() || row.Invalid || len(o.Dead) == maxDead {
				continue
			}
			if e.concerns(row) {
				if d, ok := e.isDead(e.Config, table, row, before); ok {
					d.Fix = e.revive(table, d)
					o.Dead = append(o.Dead, d)
				}
			}
			before = append(before, row)
		}
	}
}

// isDead reports whether a rule that lets packets through never matches one, after the
// rules before it.
func (e *export) isDead(cfg *ros.Config, table string, row ros.Row, before []ros.Row) (d Dead, dead bool) {
	in := table + " " + row.Get("chain").Text
	d = Dead{Place: Place{row.Line, in, e.quote(row.Line, row.Text())}, Action: row.Get("action").Text}
	if !slices.Contains([]string{"accept", "dst-nat", "netmap"}, d.Action) {
		return d, false
	}
	for _, name := range []string{"in-interface-list", "out-interface-list", "src-address-list", "dst-address-list"} {
		if list, not, ok := row.Match(name); ok && !not && isEmptyList(cfg, name, list) {
			d.List = list
			return d, true
		}
	}
	if name, not, ok := row.Match("in-interface"); ok && !not {
		if d.PPPoE = e.pppoeOver(name); d.PPPoE != "" {
			return d, true
		}
	}
	for _, first := range before {
		if first.Get("chain").Text == row.Get("chain").Text && opposes(table, first, row) && covers(cfg, first, row) {
			d.After = Place{first.Line, in, e.quote(first.Line, first.Text())}
			return d, true
		}
	}
	return d, false
}

// opposes reports whether a rule ends the way of packets otherwise than the other one.
func opposes(table string, first, row ros.Row) bool {
	action := first.Get("action").Text
	if table == "nat" {
		return slices.Contains([]string{"accept", "dst-nat", "netmap", "redirect"}, action) &&
			(action != row.Get("action").Text || first.Get("to-addresses").Text != row.Get("to-addresses").Text)
	}
	return slices.Contains([]string{"drop", "reject", "tarpit"}, action)
}

// concerns reports whether a rule names ports of SIP, or the provider's networks.
func (e *export) concerns(row ros.Row) bool {
	ports := packetfilter.NumSet{{Lo: 5060, Hi: 5061}}
	for _, u := range e.need.Ports {
		if u.Purpose == "sip" {
			ports = ports.Union(need.Ports(u.Ports))
		}
	}
	for _, name := range []string{"dst-port", "src-port", "port"} {
		text, not, ok := row.Match(name)
		if set, read := parsePorts(text); ok && !not && read && len(set.Intersect(ports)) > 0 && count(set) < 1000 {
			return true
		}
	}
	for _, name := range []string{"src-address", "dst-address"} {
		text, not, ok := row.Match(name)
		if p, read := prefixOf(text); ok && !not && read && slices.ContainsFunc(e.providers(), func(n netip.Prefix) bool { return n.Overlaps(p) }) {
			return true
		}
	}
	return false
}

// covers reports whether a rule matches every packet that another one matches.
func covers(cfg *ros.Config, wide, narrow ros.Row) bool {
	aside := []string{"action", "chain", "comment", "disabled", "log", "log-prefix", "to-addresses", "to-ports", "reject-with", "jump-target", "address-list", "address-list-timeout", "hw-offload", "dynamic", "bytes", "packets", "same-not-by-dst"}
	for _, p := range wide.Props {
		value, not, ok := wide.Match(p.Name)
		if !ok || slices.Contains(aside, p.Name) {
			continue
		}
		other, otherNot, asks := narrow.Match(p.Name)
		if asks && other == value && otherNot == not && isSteady(p.Name) {
			continue
		}
		if not || otherNot || !coversValue(cfg, p.Name, value, other, narrow) {
			return false
		}
	}
	return true
}

// isSteady reports whether a match says the same of a packet whenever it is asked.
func isSteady(name string) bool {
	return !slices.Contains([]string{"limit", "dst-limit", "connection-limit", "connection-rate", "connection-bytes", "nth", "psd", "random"}, name)
}

// coversValue compares one property: with what the narrower rule asks of it, which is
// empty if it does not.
func coversValue(cfg *ros.Config, name, wide, narrow string, row ros.Row) bool {
	switch name {
	case "src-address", "dst-address":
		a, ok1 := prefixOf(wide)
		b, ok2 := prefixOf(narrow)
		return ok1 && ok2 && a.Bits() <= b.Bits() && a.Contains(b.Addr())
	case "src-port", "dst-port", "port":
		a, ok1 := parsePorts(wide)
		b, ok2 := parsePorts(narrow)
		return ok1 && ok2 && len(b.Subtract(a)) == 0
	case "connection-state", "connection-nat-state":
		have := strings.Split(wide, ",")
		return narrow != "" && !slices.ContainsFunc(strings.Split(narrow, ","), func(s string) bool { return !slices.Contains(have, s) })
	case "in-interface-list", "out-interface-list":
		only, not, ok := row.Match(strings.TrimSuffix(name, "-list"))
		names, whole := cfg.Members(wide)
		return ok && !not && whole && slices.Contains(names, only)
	}
	return false
}

// pppoeOver is the PPPoE session that runs over an interface which has no address itself;
// empty if there is none.
func (e *export) pppoeOver(name string) string {
	for r := range e.Rows("/ip/dhcp-client") {
		if !r.Off() && r.Get("interface").Text == name {
			return ""
		}
	}
	if len(e.ownAddresses(name)) > 0 {
		return ""
	}
	for r := range e.Rows("/interface/pppoe-client") {
		if !r.Off() && r.Get("interface").Text == name && r.Yes("add-default-route") {
			return r.Get("name").Text
		}
	}
	return ""
}

// revive puts a rule that accepts before the one that takes its packets, or names the
// interface by which they come. Which of two rules that forward to different hosts is meant nobody but their owner knows.
func (e *export) revive(table string, d Dead) []ros.Edit {
	t := e.twin()
	switch {
	case d.PPPoE != "":
		t.set(table, t.byLine(table, d.Line), ros.Pair{Name: "in-interface", Value: d.PPPoE})
	case d.After.Line == 0 || table == "nat":
		return nil
	default:
		t.move(table, t.byLine(table, d.Line), t.byLine(table, d.After.Line))
	}
	return t.proven(func(f filter) bool {
		var before []ros.Row
		for row := range f.cfg.Rows("/ip/firewall/" + table) {
			if row.Line == d.Line {
				_, still := e.isDead(f.cfg, table, row, before)
				return !still
			}
			if !row.Off() {
				before = append(before, row)
			}
		}
		return false
	})
}
