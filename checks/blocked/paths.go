package blocked

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/server"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// evaluator asks the loaded rules about subjects.
type evaluator struct {
	rules *packetfilter.Ruleset
	words *packetfilter.Wording
	ways  *server.Ways
	all   []server.Ports
	ports []server.Ports // of them, those that matter for the subject at hand
	// strangers holds the verdicts on somebody nothing is known about, by family
	// and kind of packet: a port that is closed for them is closed, nobody is
	// banned.
	strangers map[string]bool
}

// nobody are addresses that no rule names: the last of a network that is
// reserved for the future (RFC 1112, section 4), and of the discard prefix
// (RFC 6666).
func nobody(ipv6 bool) netip.Prefix {
	if ipv6 {
		return netip.MustParsePrefix("100::ffff:ffff:ffff:fffe/128")
	}
	return netip.MustParsePrefix("240.255.255.254/32")
}

// class is the packets of a subject to some ports of this machine.
func (e *evaluator) class(p netip.Prefix, ports server.Ports) packetfilter.Class {
	c := packetfilter.Class{
		Protocol: ports.Number(), Src: []netip.Prefix{p}, DstPorts: ports.Set, Hook: packetfilter.HookInput,
		In: e.ways.Interface(p.Addr()), State: packetfilter.StateNew, IPv6: p.Addr().Is6(),
	}
	for _, a := range e.ways.Local {
		if a.Is6() == c.IPv6 && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			c.Local = append(c.Local, a)
		}
	}
	return c
}

// paths evaluates every kind of packet of a subject, in and out.
func (e *evaluator) paths(s Subject) (list []Path) {
	for _, ports := range e.ports {
		c := e.class(s.Address, ports)
		for _, o := range e.rules.Evaluate(c).Outcomes {
			list = append(list, e.path(s, ports, c, o))
		}
	}
	for _, ports := range e.ports {
		c := e.answers(s.Address, ports)
		for _, o := range e.rules.Evaluate(c).Outcomes {
			if o.Verdict != packetfilter.Accepted {
				p := e.path(s, ports, c, o)
				p.Direction, p.Ports = out, pathPorts(c, o, ports)
				list = append(list, p)
			}
		}
	}
	return list
}

// answers is the class of this machine's own packets to a subject, from the
// ports that phones use.
func (e *evaluator) answers(p netip.Prefix, ports server.Ports) packetfilter.Class {
	c := e.class(p, ports)
	c.Hook, c.Src, c.Dst, c.Out, c.In = packetfilter.HookOutput, nil, c.Src, c.In, ""
	c.SrcPorts, c.DstPorts = ports.Set, nil
	for _, a := range c.Local {
		c.Src = append(c.Src, netip.PrefixFrom(a, a.BitLen()))
	}
	return c
}

func (e *evaluator) bothWays(s Subject, ports server.Ports) []packetfilter.Class {
	return []packetfilter.Class{e.class(s.Address, ports), e.answers(s.Address, ports)}
}

// pathPorts are this machine's ports of an outcome.
func pathPorts(c packetfilter.Class, o packetfilter.Outcome, ports server.Ports) string {
	if c.Hook == packetfilter.HookOutput {
		return server.WritePorts(portsOf(o.Region.SrcPort, ports.Set))
	}
	return server.WritePorts(portsOf(o.Region.DstPort, ports.Set))
}

func portsOf(set, asked packetfilter.NumSet) packetfilter.NumSet {
	if len(set) == 0 {
		return asked
	}
	return set
}

// path words one outcome.
func (e *evaluator) path(s Subject, ports server.Ports, c packetfilter.Class, o packetfilter.Outcome) Path {
	p := Path{
		Direction: in, Protocol: ports.Protocol, Ports: server.WritePorts(portsOf(o.Region.DstPort, ports.Set)), Purpose: ports.Purpose,
		Verdict: string(o.Verdict), Rule: server.RuleText(o.Decider), Table: server.RulePlace(o.Decider), Trace: []string{}, Reasons: o.Reasons,
		Sources: sourcesText(s.Address, o.Region.Src),
	}
	if o.Verdict == packetfilter.Accepted && s.Unread != "" {
		p.Verdict, p.Reasons = string(packetfilter.Maybe), append(slices.Clone(o.Reasons), s.Unread)
	}
	for _, step := range o.Trace {
		p.Trace = append(p.Trace, traceLine(step))
	}
	if o.Verdict == packetfilter.Dropped || o.Verdict == packetfilter.Rejected {
		p.Everyone = e.everyone(s.Address.Addr().Is6(), ports, o)
		p.Established = e.established(c, o)
		if c.Hook == packetfilter.HookInput {
			p.Allow = o.Decider.AllowBefore(e.words, s.Address, c.Protocol, portsOf(o.Region.DstPort, ports.Set)).Rules
		}
	}
	return p
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
		words = append(words, "and "+strconv.Itoa(len(src)-maxSources)+" more")
	}
	return strings.Join(words, ", ")
}

// maxSources bounds the parts of a network that are written out.
const maxSources = 20

// everyone reports whether an address nothing is known about fares the same by
// the same rule.
func (e *evaluator) everyone(ipv6 bool, ports server.Ports, o packetfilter.Outcome) bool {
	key := strconv.FormatBool(ipv6) + ports.Protocol + server.WritePorts(o.Region.DstPort) + server.RulePlace(o.Decider) + server.RuleText(o.Decider)
	if known, ok := e.strangers[key]; ok {
		return known
	}
	c := e.class(nobody(ipv6), server.Ports{Protocol: ports.Protocol, Set: portsOf(o.Region.DstPort, ports.Set)})
	same := true
	for _, x := range e.rules.Evaluate(c).Outcomes {
		same = same && (x.Verdict == packetfilter.Dropped || x.Verdict == packetfilter.Rejected)
	}
	e.strangers[key] = same
	return same
}

// established is the verdict on a connection that exists, where it differs.
func (e *evaluator) established(c packetfilter.Class, o packetfilter.Outcome) string {
	c.State = packetfilter.StateEstablished
	if len(o.Region.DstPort) > 0 && c.Hook == packetfilter.HookInput {
		c.DstPorts = o.Region.DstPort
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

func traceLine(s packetfilter.Step) string {
	line := server.RulePlace(s) + ": " + server.RuleText(s)
	if s.Rule != nil && s.What != "" {
		line += " [" + s.What + "]"
	}
	if s.Assumed {
		line += " (taken to match; it is not known)"
	}
	return line
}
