package routeros

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// stopped lists the rules that stop SIP or RTP, with rules that let it pass.
func (e *export) stopped(f filter, o *Observed) {
	for _, w := range o.Ways {
		if !w.stopped() || w.Line == 0 || slices.ContainsFunc(o.Rules, func(r Rule) bool { return r.Line == w.Line }) {
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
	// maxBehind is how many rules after each other may stop the same packets.
	maxBehind = 4
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
	comment, before := e.freeComment(), twin.Export()
	var list []ros.Exception
	for range maxBehind {
		more, whole := e.needed(twin, ways, comment)
		if !whole || len(list)+len(more) > maxAccepts {
			return nil
		}
		if len(more) == 0 {
			break
		}
		for _, x := range more {
			if line, ok := x.Line(); !ok || !typed(twin, line) {
				return nil
			}
		}
		list = append(list, more...)
	}
	if more, whole := e.needed(twin, ways, comment); !whole || len(more) > 0 || len(list) == 0 {
		return nil
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
func (e *export) freeComment() string {
	const name = "sipdoctor-provider"
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

// needed are the rules that are still lacking for these packets to pass; whole is
// false if they cannot be written, or it is not known what the packets meet.
func (e *export) needed(cfg *ros.Config, ways []Way, comment string) (list []ros.Exception, whole bool) {
	f := e.filter(cfg)
	for _, w := range ways {
		to := w.To
		if len(to) == 0 {
			to = []netip.Prefix{{}}
		}
		for _, network := range to {
			lan := LAN{Prefix: w.From, Interface: w.In}
			for _, o := range f.rules.Evaluate(f.class(lan, w.Out, w.Protocol, portSet(w.Ports), network)).Outcomes {
				if o.Verdict == packetfilter.Accepted {
					continue
				}
				x, ok := f.exception(w, network, o, comment)
				if !ok {
					return nil, false
				}
				if !slices.Contains(list, x) {
					list = append(list, x)
				}
			}
		}
	}
	return list, true
}

// exception is the rule before the one that stops packets.
func (f filter) exception(w Way, to netip.Prefix, o packetfilter.Outcome, comment string) (x ros.Exception, ok bool) {
	row, ok := f.row(o.Decider)
	if !ok || !pbx.Stopped(o) {
		return x, false
	}
	find, ok := f.cfg.Find(row)
	ports := o.Region.DstPort
	if len(ports) == 0 {
		ports = portSet(w.Ports)
	}
	return ros.Exception{
		Menu: o.Decider.Chain.Table().Name, Chain: o.Decider.Chain.Name, In: w.In, To: to,
		Protocol: w.Protocol, Ports: portsText(portRanges(ports)), Before: find, Comment: comment,
	}, ok
}

// portsText is a list of ports as RouterOS and people write it.
func portsText(list []netinfo.PortRange) string {
	var parts []string
	for _, r := range list {
		parts = append(parts, r.String())
	}
	return cmp.Or(strings.Join(parts, ","), "-")
}
