package routeros

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Moved is a NAT rule that gives the phones' packets other source ports than they have,
// though their own are free.
type Moved struct {
	Place
	In  []LAN      `json:"in"`
	Out string     `json:"out,omitempty"`
	Fix []ros.Edit `json:"fix,omitempty"`
}

// moved looks for NAT that changes the ports of phones.
func (e *export) moved(f filter, o *Observed) {
	for _, lan := range o.LANs[:min(len(o.LANs), maxInside)] {
		for _, out := range outs(o.Uplinks) {
			row, ok := f.moves(lan, out)
			if lan.Closed || !ok {
				continue
			}
			i := slices.IndexFunc(o.Moved, func(m Moved) bool { return m.Line == row.Line })
			if i < 0 {
				i = len(o.Moved)
				o.Moved = append(o.Moved, Moved{Place: Place{row.Line, "nat " + row.Get("chain").Text, e.quote(row.Line, row.Text())}, Out: out})
				o.Moved[i].Fix = e.keepPorts(lan, out, row)
			}
			if !slices.Contains(o.Moved[i].In, lan) {
				o.Moved[i].In = append(o.Moved[i].In, lan)
			}
		}
	}
}

// moves is the rule that gives SIP of most of a LAN other ports, for certain.
func (f filter) moves(lan LAN, out string) (row ros.Row, ok bool) {
	c := f.class(lan, out, "udp", packetfilter.OneNum(5060), netip.Prefix{})
	c.SrcPorts, c.NATRules = mediaPorts(), true
	for _, x := range f.outcomes(c) {
		if x.Verdict == packetfilter.Accepted && x.Moved && !x.SourceBy.Assumed && size(x.Region.Src)*2 > hosts(lan.Prefix) && size(x.Region.Dst) > half {
			return f.row(x.SourceBy)
		}
	}
	return row, false
}

// keepPorts takes from a rule what changes ports.
func (e *export) keepPorts(lan LAN, out string, row ros.Row) []ros.Edit {
	t := e.twin()
	row = t.byLine("nat", row.Line)
	if row.Item == nil {
		return nil
	}
	var set []ros.Pair
	for _, name := range []string{"randomise-ports", "randomize-ports"} {
		if row.Yes(name) {
			set = append(set, ros.Pair{Name: name, Value: "no"})
		}
	}
	if row.Get("to-ports").Text != "" {
		set = append(set, ros.Pair{Name: "to-ports"})
	}
	t.set("nat", row, set...)
	return t.proven(func(f filter) bool { _, still := f.moves(lan, out); return !still })
}
