package blocked

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

func (e question) arrivals(p netip.Prefix) []pbx.Arrival {
	return e.Routes.Arrivals(p.Addr(), e.Bound)
}

// classes are all kinds of packet of a subject, in and out, with their ports.
func (e question) classes(s Subject) (list []query) {
	for _, way := range []string{in, out} {
		for _, ports := range e.ports {
			for _, a := range e.arrivals(s.Address) {
				c := e.Routes.PacketsAt(a, []netip.Prefix{s.Address}, ports)
				if way == out {
					c = e.Routes.AnswersAt(a, s.Address, ports)
				}
				list = append(list, query{c, ports, a})
			}
		}
	}
	return list
}

type query struct {
	packetfilter.Class
	ports   pbx.Ports
	arrival pbx.Arrival
}

// paths evaluates every kind of packet of a subject, in and out.
func (e question) paths(s Subject) Subject {
	s.At, s.Paths, s.Elsewhere = nil, nil, nil
	for _, a := range e.arrivals(s.Address) {
		s.At = addOnce(s.At, a.To...)
	}
	for _, q := range e.classes(s) {
		for _, o := range e.rules.Evaluate(q.Class).Outcomes {
			if q.Hook == packetfilter.HookInput || o.Verdict != packetfilter.Accepted {
				s.Paths = addPath(s.Paths, e.path(s, q, o))
			}
		}
	}
	for i := range s.Paths {
		if p := &s.Paths[i]; len(p.At) == len(s.At) {
			p.At = nil // all that matter
		}
	}
	s.Elsewhere = e.elsewhere(s)
	return s
}

// addPath adds a path, to one that says the same of other own addresses if
// there is one.
func addPath(list []Path, p Path) []Path {
	for i := range list {
		o := &list[i]
		same := o.Direction == p.Direction && o.Protocol == p.Protocol && o.Ports == p.Ports && o.Verdict == p.Verdict && o.Rule == p.Rule && o.Table == p.Table &&
			o.Sources == p.Sources && o.SentTo == p.SentTo && slices.Equal(o.Reasons, p.Reasons)
		if !same {
			continue
		}
		o.At = addOnce(o.At, p.At...)
		o.Allow = append(o.Allow, p.Allow...)
		return list
	}
	return append(list, p)
}

// elsewhere looks at the own addresses that packets of the subject do not come
// to, for rules that tell them apart.
func (e question) elsewhere(s Subject) (list []Path) {
	others := slices.DeleteFunc(e.Routes.Own(s.Address.Addr().Is6()), func(a netip.Addr) bool { return slices.Contains(s.At, a) })
	if len(others) == 0 {
		return nil
	}
	for _, ports := range e.ports {
		a := pbx.Arrival{In: e.arrivals(s.Address)[0].In, To: others}
		q := query{e.Routes.PacketsAt(a, []netip.Prefix{s.Address}, ports), ports, a}
		for _, o := range e.rules.Evaluate(q.Class).Outcomes {
			p := e.path(s, q, o)
			p.Allow, p.Trace = nil, []string{}
			if p.Verdict != string(packetfilter.Maybe) && !slices.ContainsFunc(s.Paths, func(x Path) bool { return sameFate(x, p) }) {
				list = append(list, p)
			}
		}
	}
	return list
}

// sameFate reports whether two paths, to different addresses, come to the same.
func sameFate(a, b Path) bool {
	return a.Direction == b.Direction && a.Protocol == b.Protocol && a.Ports == b.Ports && stopped(a) == stopped(b)
}

// ends are the subject's addresses in an outcome, and this machine's addresses and
// ports.
func (q query) ends(o packetfilter.Outcome) (theirs, own packetfilter.AddrSet, ports packetfilter.NumSet) {
	if q.Hook == packetfilter.HookOutput {
		return o.Region.Dst, o.Region.Src, portsOf(o.Region.SrcPort, q.ports.Set)
	}
	return o.Region.Src, o.Region.Dst, portsOf(o.Region.DstPort, q.ports.Set)
}

func portsOf(set, asked packetfilter.NumSet) packetfilter.NumSet {
	if len(set) == 0 {
		return asked
	}
	return set
}

func (e question) path(s Subject, q query, o packetfilter.Outcome) Path {
	theirs, own, ports := q.ends(o)
	p := Path{
		Direction: in, Protocol: q.ports.Protocol, Ports: pbx.WritePorts(ports), Purpose: q.ports.Purpose,
		Verdict: string(o.Verdict), Rule: pbx.RuleText(o.Decider), Table: pbx.RulePlace(o.Decider), Trace: []string{}, Reasons: o.Reasons, Why: o.Decider.Why,
		Sources: sourcesText(s.Address, theirs), At: those(own, q.arrival.To),
	}
	if q.Hook == packetfilter.HookOutput {
		p.Direction = out
	}
	if o.Verdict == packetfilter.Accepted && s.Unread != "" {
		p.Verdict, p.Reasons = string(packetfilter.Maybe), append(slices.Clone(o.Reasons), s.Unread)
	}
	for _, step := range o.Trace {
		line := pbx.RulePlace(step) + ": " + pbx.RuleText(step)
		if step.Rule != nil && step.What != "" {
			line += " [" + step.What + "]"
		}
		if step.Assumed {
			line += " [assumed]" // to match; it is not known
		}
		p.Trace = append(p.Trace, line)
	}
	e.sentTo(&p, q.Class, o)
	if pbx.Stopped(o) {
		p.Everyone = e.everyone(q, o)
		p.Established = e.established(q.Class, o)
		p.Allow = e.rules.Allow(e.wording, q.Class, o, s.Address).Rules
	}
	return p
}

// those are the addresses of a list that lie in a set.
func those(set packetfilter.AddrSet, list []netip.Addr) (out []netip.Addr) {
	for _, a := range list {
		if set.Contains(a) {
			out = append(out, a)
		}
	}
	return out
}

// sentTo says where translation sends the packets, and whether anybody takes
// them there.
func (e question) sentTo(p *Path, c packetfilter.Class, o packetfilter.Outcome) {
	if len(o.ToAddrs) == 0 && len(o.ToPorts) == 0 {
		return
	}
	for _, step := range o.Trace {
		if step.What == string(packetfilter.DNAT) || step.What == string(packetfilter.Redirect) {
			p.Via = pbx.RulePlace(step) + ": " + pbx.RuleText(step)
		}
	}
	ports := portsOf(o.ToPorts, o.Region.DstPort)
	p.SentTo, p.Onward = pbx.WritePorts(ports), o.Onward
	if len(o.ToAddrs) > 0 {
		p.SentTo = o.ToAddrs.String() + " port " + p.SentTo
	} else {
		p.SentTo = "port " + p.SentTo
	}
	if o.Verdict == packetfilter.Accepted && !o.Onward && len(o.ToPorts) > 0 { // the same port at another own address is not a dead end
		_, p.Dead = c.Host.ListensAll(c.Protocol, ports)
	}
}

// sourcesText names the part of a network that an outcome is about, where it is
// not the whole.
func sourcesText(subject netip.Prefix, src packetfilter.AddrSet) string {
	whole := packetfilter.NewSpans(packetfilter.PrefixSpan(subject))
	if len(src) == 0 || slices.Equal(src, whole) {
		return ""
	}
	var words []string
	for _, x := range src[:min(len(src), maxSources)] {
		if x.Lo == x.Hi {
			words = append(words, x.Lo.String())
		} else {
			words = append(words, x.Lo.String()+"-"+x.Hi.String())
		}
	}
	if len(src) > maxSources {
		words = append(words, "+"+strconv.Itoa(len(src)-maxSources))
	}
	return strings.Join(words, ", ")
}

// maxSources bounds the parts of a network that are written out.
const maxSources = 20

// everyone reports whether an address nothing is known about fares the same at
// the same place.
func (e question) everyone(q query, o packetfilter.Outcome) bool {
	c, who := q.Class, []netip.Prefix{pbx.Nobody(q.IPv6)}
	_, own, ports := q.ends(o)
	if q.Hook == packetfilter.HookOutput {
		c.Dst, c.SrcPorts = who, ports
	} else {
		c.Src, c.Dst, c.DstPorts = who, pbx.Single(those(own, q.arrival.To)), ports
	}
	key := fmt.Sprint(q.IPv6, q.Hook, q.In, q.Out, q.ports.Protocol, ports, own, pbx.RulePlace(o.Decider), pbx.RuleText(o.Decider))
	if known, ok := e.strangers[key]; ok {
		return known
	}
	passes := func(x packetfilter.Outcome) bool { return !pbx.Stopped(x) }
	e.strangers[key] = !slices.ContainsFunc(e.rules.Evaluate(c).Outcomes, passes)
	return e.strangers[key]
}

// established is the verdict on a connection that exists, where it differs.
func (e question) established(c packetfilter.Class, o packetfilter.Outcome) string {
	c.State = packetfilter.StateEstablished
	if c.Hook == packetfilter.HookInput {
		if len(o.Region.DstPort) > 0 {
			c.DstPorts = o.Region.DstPort
		}
		if len(c.Dst) > 1 {
			c.Dst = slices.DeleteFunc(slices.Clone(c.Dst), func(p netip.Prefix) bool { return !o.Region.Dst.Contains(p.Addr()) })
		}
	}
	verdict := ""
	for _, x := range e.rules.Evaluate(c).Outcomes {
		if verdict != "" && verdict != string(x.Verdict) {
			return ""
		}
		verdict = string(x.Verdict)
	}
	if verdict == string(o.Verdict) {
		return ""
	}
	return verdict
}
