package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// stopped lists the rules that stop SIP or RTP, with rules that let it pass.
func (e *export) stopped(o *Observed) {
	seen := map[int]bool{0: true}
	for _, w := range o.Ways {
		if !w.stopped() || seen[w.Line] {
			continue
		}
		seen[w.Line] = true
		if len(o.Rules) == maxRules {
			o.MoreRules++
			continue
		}
		r := Rule{Line: w.Line, Table: w.Table, Text: e.quote(w.Line, w.Rule)}
		var ways []Way
		for _, other := range o.Ways {
			if other.stopped() && other.Line == w.Line {
				ways = append(ways, other)
			}
		}
		r.Accept = e.accept(ways)
		o.Rules = append(o.Rules, r)
	}
}

// stopped reports whether no such packet passes.
func (w Way) stopped() bool {
	return !w.Partly && (w.Verdict == string(packetfilter.Dropped) || w.Verdict == string(packetfilter.Rejected))
}

const (
	// maxRules bounds the rules that are shown one by one.
	maxRules = 16
	// maxAccepts bounds the commands of a fix: more nobody types.
	maxAccepts = 24
)

// accept are rules that let all of these packets pass, each right before the rule
// that stops them. They are typed into a copy of the router, which then lets the packets
// pass, and is what it was after the undo; nil if not.
func (e *export) accept(ways []Way) []ros.Exception {
	twin, err := ros.Read(e.data)
	if err != nil {
		return nil
	}
	comment, before := e.freeComment("sipdoctor-provider"), twin.Export()
	var list []ros.Exception
	for {
		x, more, known := e.lacking(twin, ways)
		if !more {
			break
		}
		x.Comment = comment
		line, ok := x.Line()
		if !known || !ok || len(list) == maxAccepts || slices.Contains(list, x) || !typed(twin, line) {
			return nil
		}
		list = append(list, x)
	}
	for _, line := range undoOf(list) {
		if !typed(twin, line) {
			return nil
		}
	}
	if twin.Export() != before {
		return nil
	}
	return list
}

func typed(cfg *ros.Config, line string) bool {
	_, err := cfg.Console().Type(line)
	return err == nil
}

// undoOf are the commands that remove the rules again.
func undoOf(list []ros.Exception) (lines []string) {
	for _, x := range list {
		if line := x.Undo(); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// freeComment is a comment that the configuration does not have yet: the undo finds
// the rules by it.
func (e *export) freeComment(name string) string {
	text := e.Export()
	for n := 1; ; n++ {
		comment := name
		if n > 1 {
			comment = fmt.Sprintf("%s-%d", name, n)
		}
		if !strings.Contains(text, "comment="+comment) {
			return comment
		}
	}
}

// lacking is the next rule that these packets lack to pass, or the answers; more is
// false if they pass. known is false if it cannot be told what stops them. One at a time:
// each stands before what is there then.
func (e *export) lacking(cfg *ros.Config, ways []Way) (x ros.Exception, more, known bool) {
	all, inside := e.filter(cfg), map[LAN]filter{}
	for _, w := range ways {
		lan := LAN{Prefix: w.From, Interface: w.In}
		if _, ok := inside[lan]; !ok {
			inside[lan] = all.inside(lan)
		}
		to := w.To
		if len(to) == 0 {
			to = []netip.Prefix{{}}
		}
		for _, network := range to {
			for _, w.Direction = range []string{outward, answers} {
				f := all
				if w.Direction == outward {
					f = inside[lan]
				}
				class, portsOf := f.asked(w, network)
				for _, o := range f.rules.Evaluate(class).Outcomes {
					remote := o.Region.Dst
					if w.Direction == answers {
						remote = o.Region.Src
					}
					if o.Verdict == packetfilter.Accepted || !network.IsValid() && size(remote) <= half {
						continue // not of all addresses of the world
					}
					x, known = f.exception(w, network, o)
					x.Ports = need.Text(need.Ranges(portsOf(o)))
					return x, true, known
				}
			}
		}
	}
	return x, false, true
}

// exception is the rule before the one that stops packets.
func (f filter) exception(w Way, to netip.Prefix, o packetfilter.Outcome) (x ros.Exception, ok bool) {
	row, ok := f.row(o.Decider)
	if !ok || !pbx.Stopped(o) {
		return x, false
	}
	x = ros.Exception{
		Menu: o.Decider.Chain.Table().Name, Chain: o.Decider.Chain.Name, In: w.In, Remote: to, Protocol: w.Protocol, Answers: w.Direction == answers,
	}
	if x.Answers {
		x.In = w.Out
	}
	return x.Stand(f.cfg, row), true
}
