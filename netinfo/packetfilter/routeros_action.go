package packetfilter

import (
	"cmp"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// action is what a rule does with the packets that it matches.
func (r *routerOSReader) action(row routeros.Row, table string) []Expr {
	action := row.Get("action").Text
	switch action {
	case "accept", "":
		return []Expr{&Verdict{Kind: Accept}}
	case "drop":
		return []Expr{&Verdict{Kind: Drop}}
	case "tarpit": // answers the SYN and nothing more
		return []Expr{&Verdict{Kind: Drop, With: action}}
	case "reject":
		return []Expr{&Verdict{Kind: Reject, With: cmp.Or(row.Get("reject-with").Text, "icmp-network-unreachable")}}
	case "jump":
		return []Expr{&Verdict{Kind: Jump, Chain: row.Get("jump-target").Text}}
	case "return":
		return []Expr{&Verdict{Kind: Return}}
	case "notrack":
		return []Expr{&NoTrack{}}
	case "add-src-to-address-list":
		return []Expr{&Update{SetUse: SetUse{Set: r.list(row.Get("address-list").Text), Fields: []Field{FieldSrc}}}}
	case "add-dst-to-address-list":
		return []Expr{&Update{SetUse: SetUse{Set: r.list(row.Get("address-list").Text), Fields: []Field{FieldDst}}}}
	case "mark-packet":
		return through(row, &SetMark{To: FieldMark, Xor: uint32(r.mark(row.Get("new-packet-mark").Text))})
	case "mark-connection":
		return through(row, &SetMark{To: FieldCtMark, Xor: uint32(r.mark(row.Get("new-connection-mark").Text))})
	case "log", "passthrough", "fasttrack-connection", "sniff-tzsp", "sniff-pc":
		return []Expr{&Note{What: action}}
	}
	switch table {
	case "nat":
		return r.nat(row, action)
	case "mangle": // a change that decides nothing
		return through(row, &Note{What: action})
	}
	return []Expr{&Unknown{What: "action=" + action}, &Verdict{Kind: Drop}}
}

// through adds what comes after a change in mangle: the next rule, unless
// passthrough=no.
func through(row routeros.Row, x Expr) []Expr {
	if row.Get("passthrough").Text == "no" {
		return []Expr{x, &Verdict{Kind: Accept}}
	}
	return []Expr{x}
}

// nat is an action of the nat menu.
func (r *routerOSReader) nat(row routeros.Row, action string) []Expr {
	n := &NAT{Random: row.Yes("randomise-ports") || row.Yes("randomize-ports")}
	switch chain := row.Get("chain").Text; {
	case action == "masquerade":
		n.Kind = Masquerade
	case action == "redirect":
		n.Kind = Redirect
	case action == "dst-nat":
		n.Kind = DNAT
	case action == "src-nat":
		n.Kind = SNAT
	case action == "same":
		n.Kind, n.Unknown = SNAT, true
	case action == "netmap" && chain == "dstnat":
		n.Kind = DNAT
	case action == "netmap":
		n.Kind = SNAT
	case action == "endpoint-independent-nat" && chain == "srcnat":
		n.Kind = Masquerade
	default:
		// In dstnat, endpoint-independent-nat takes what comes back to a mapping
		// that is there, from whomever.
		return []Expr{&Unknown{What: "action=" + action}, &NAT{Kind: DNAT, Unknown: true}}
	}
	if to := row.Get("to-addresses").Text; to != "" && n.Kind != Masquerade && n.Kind != Redirect {
		set, ok := routerOSAddrs(to)
		n.Addrs, n.Unknown = set, n.Unknown || !ok
		if p, err := netip.ParsePrefix(to); action == "netmap" && err == nil {
			n.Network = p.Masked()
		}
	}
	if ports := row.Get("to-ports").Text; ports != "" {
		set, ok := routerOSPorts(ports)
		n.Ports, n.Unknown = set, n.Unknown || !ok
	}
	return []Expr{n}
}
