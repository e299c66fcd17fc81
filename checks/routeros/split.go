package routeros

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Split is how rules of mangle divide the packets of one phone among uplinks.
type Split struct {
	Rules []Place `json:"rules"`
	// By is what they divide: packets, the worst, ports or destinations.
	By      string     `json:"by"`
	Uplinks []string   `json:"uplinks"` // at least two
	Fix     []ros.Edit `json:"fix,omitempty"`
}

// The ways to divide, the worst first. By source alone a phone stays on one uplink.
const (
	byPacket      = "packets"
	byPort        = "ports"
	byDestination = "destinations"
)

// split looks for rules that send one phone's packets by several uplinks.
func (e *export) split(f filter, o *Observed) {
	if len(o.Uplinks) < 2 {
		return
	}
	for _, by := range []string{byPacket, byPort, byDestination} {
		rows, parts := e.dividing(f, o, by)
		uplinks := e.uplinksOf(rows, parts)
		if len(uplinks) < 2 || f.late() {
			continue
		}
		o.Split = &Split{By: by, Uplinks: uplinks}
		for _, r := range rows[:min(len(rows), maxProofs)] {
			o.Split.Rules = append(o.Split.Rules, Place{r.Line, "mangle " + r.Get("chain").Text, e.quote(r.Line, r.Text())})
		}
		if by != byPacket {
			o.Split.Fix = e.keepPhones(o, rows)
		}
		return
	}
}

// dividing are the rules that divide phones' packets in one way, and into how many parts.
func (e *export) dividing(f filter, o *Observed, by string) (rows []ros.Row, parts int) {
	for row := range e.Rows("/ip/firewall/mangle") {
		kind, n := divides(row)
		if row.Off() || row.Invalid || kind != by || len(rows) == maxEdits || !f.divided(e, o, row) {
			continue
		}
		rows, parts = append(rows, row), max(parts, n)
	}
	return rows, parts
}

// divides says what a rule that marks a way divides, and into how many parts; empty if a
// phone keeps its uplink.
func divides(row ros.Row) (by string, parts int) {
	if action := row.Get("action").Text; action != "mark-connection" && action != "mark-routing" {
		return "", 0
	}
	fields, shares, classified := strings.Cut(row.Get("per-connection-classifier").Text, ":")
	n, _, _ := strings.Cut(shares, "/")
	parts, _ = strconv.Atoi(n)
	once := row.Get("connection-state").Text == "new" || row.Get("connection-mark").Text == "no-mark"
	every, nth := strings.CutSuffix(row.Get("nth").Text, ","+last(row.Get("nth").Text))
	switch {
	case classified && strings.Contains(fields, "port"):
		return byPort, parts
	case classified && (strings.Contains(fields, "dst") || strings.Contains(fields, "both")):
		return byDestination, parts
	case classified:
		return "", 0
	case nth && row.Get("nth").Text != "":
		parts, _ = strconv.Atoi(every)
	case row.Get("random").Text != "":
		parts = 100
	default:
		return "", 0
	}
	if once {
		return byPort, parts // each connection has an uplink of its own
	}
	return byPacket, parts
}

func last(list string) string { return list[strings.LastIndex(list, ",")+1:] }

// uplinksOf are the interfaces to which the marks of rules lead, with the usual one where
// some parts have no rule.
func (e *export) uplinksOf(rows []ros.Row, parts int) (names []string) {
	add := func(table string) {
		if name := e.uplinkOf(table); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, row := range rows {
		if row.Get("action").Text == "mark-routing" {
			add(row.Get("new-routing-mark").Text)
			continue
		}
		for r := range e.Rows("/ip/firewall/mangle") {
			if mark, not, ok := r.Match("connection-mark"); ok && !not && mark == row.Get("new-connection-mark").Text && !r.Off() && r.Get("action").Text == "mark-routing" {
				add(r.Get("new-routing-mark").Text)
			}
		}
	}
	if len(rows) < parts && len(names) > 0 {
		add("main")
	}
	return names
}

// uplinkOf is the interface of the best default route of a table, or of the main one.
func (e *export) uplinkOf(table string) (name string) {
	best := 256
	for r := range e.Rows("/ip/route") {
		distance, err := strconv.Atoi(r.Get("distance").Text)
		if err != nil {
			distance = 1
		}
		mine := table != "" && (r.Get("routing-mark").Text == table || r.Get("routing-table").Text == table)
		if !r.Off() && mine && r.Get("dst-address").Text == "0.0.0.0/0" && distance < best {
			if next, _ := e.NextHop(r.Get("gateway").Text); next != "" {
				best, name = distance, next
			}
		}
	}
	if list := e.defaults(); name == "" && len(list) > 0 {
		return list[0].Interface
	}
	return name
}

// divided reports whether a rule that divides is sure to be asked about the SIP and the
// media of an open network, whatever the rules that divide with it do.
func (f filter) divided(e *export, o *Observed, row ros.Row) bool {
	g := f.asking(row)
	sip := map[LAN]bool{}
	for _, w := range e.asks(o) {
		lan := LAN{Prefix: w.From, Interface: w.In}
		if w.Direction != outward || w.Out != o.Uplinks[0] || w.Purpose == "rtp" && !sip[lan] || !g.takes(row, w) {
			continue
		}
		if w.Purpose == "rtp" {
			return true
		}
		sip[lan] = true
	}
	return false
}

// asking are the rules with one of mangle dropping what it could take, and without those
// that divide or go by the marks of those.
func (f filter) asking(row ros.Row) filter {
	in := row.Get("chain").Text
	n := 1 + slices.IndexFunc(f.rows["mangle "+in], func(r ros.Row) bool { return r.Item == row.Item })
	parts := packetfilter.ReadRouterOS(f.cfg)
	for _, t := range parts.Tables {
		if t.Family != packetfilter.FamilyIP || t.Name != "mangle" {
			continue
		}
		for _, c := range t.Chains {
			for i, rule := range c.Rules {
				switch {
				case c.Name == in && i == n-1:
					list := slices.DeleteFunc(rule.Exprs, choosesOrMarked)
					rule.Exprs = append(list[:len(list)-1], &packetfilter.Verdict{Kind: packetfilter.Drop})
				case slices.ContainsFunc(rule.Exprs, choosesOrMarked):
					rule.Exprs = []packetfilter.Expr{&packetfilter.Note{}}
				}
			}
		}
	}
	f.rules = packetfilter.New(parts)
	return f
}

// choosesOrMarked reports whether a match divides packets, or asks for a mark or a state
// that connections have by that.
func choosesOrMarked(x packetfilter.Expr) bool {
	switch x := x.(type) {
	case *packetfilter.Unknown:
		for _, name := range []string{"per-connection-classifier=", "nth=", "random="} {
			if strings.HasPrefix(x.What, name) {
				return true
			}
		}
	case *packetfilter.Match:
		return x.Field == packetfilter.FieldCtMark || x.Field == packetfilter.FieldCtState
	}
	return false
}

// keepPhones divides by source alone: a phone then keeps its uplink.
func (e *export) keepPhones(o *Observed, rows []ros.Row) []ros.Edit {
	t := e.twin()
	for _, row := range rows {
		_, shares, ok := strings.Cut(row.Get("per-connection-classifier").Text, ":")
		if !ok {
			return nil
		}
		t.set("mangle", t.byLine("mangle", row.Line), ros.Pair{Name: "per-connection-classifier", Value: "src-address:" + shares})
	}
	return t.proven(func(f filter) bool {
		changed, other := *e, *o
		changed.Config, other.Split = f.cfg, nil
		for _, by := range []string{byPacket, byPort, byDestination} {
			if left, parts := changed.dividing(f, &other, by); len(changed.uplinksOf(left, parts)) > 1 {
				return false
			}
		}
		return true
	})
}
