package blocked

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// maxPeel bounds how many rules that stop the subject are found one behind the
// other. Each ban of each jail in both protocols is a handful.
const maxPeel = 40

// filterBlocks finds every rule, set element and remembered address that stops
// packets of the subject, also those that stand behind another: a rule that is
// found is taken away, in thought, and the packets are sent again. What names just
// the subject is ended by taking it away; before what is about more than it, an
// accept is put.
func (e question) filterBlocks(s Subject) Subject {
	named := e.rules.Mentions(s.Address)
	byRule := map[*packetfilter.Rule][]packetfilter.Mention{}
	for _, m := range named {
		byRule[m.Step.Rule] = append(byRule[m.Step.Rule], m)
	}
	stops := map[*packetfilter.Rule]*culprit{}
	var order []*culprit
	for _, q := range e.classes(s) {
		q.Ignore = map[*packetfilter.Rule]bool{}
		for range maxPeel {
			stop := e.peel(q, s, byRule)
			if len(stop) == 0 {
				break
			}
			for _, c := range stop {
				allow := c.allow
				if q.Ignore[c.step.Rule] = true; stops[c.step.Rule] == nil {
					c.allow, stops[c.step.Rule] = nil, &c
					order = append(order, &c)
				}
				known := stops[c.step.Rule]
				known.allow = addOnce(known.allow, allow...)
			}
		}
	}
	var list []Block
	for _, c := range order {
		b := wordBlock(*c, e.when)
		b.Lift = c.Delete(e.wording)
		wider := !c.prefix.IsValid() || c.prefix.Bits() < s.Address.Bits()
		if wider || !b.lifts() {
			b.Lift = packetfilter.Change{Rules: c.allow}
		}
		list = append(list, b)
	}
	s.Blocks = distinct(append(list, e.spared(named, stops, s)...))
	return s
}

// peel is what stops the packets of a class first: nothing that was taken away
// in thought, and each rule once for each part of the class. named is all that
// names the subject, by rule; elements of sets and entries of lists have none.
func (e question) peel(q query, s Subject, named map[*packetfilter.Rule][]packetfilter.Mention) (list []culprit) {
	field := packetfilter.FieldSrc
	if q.Hook == packetfilter.HookOutput {
		field = packetfilter.FieldDst
	}
	for _, o := range e.rules.Evaluate(q.Class).Outcomes {
		if o.Verdict == packetfilter.Accepted {
			continue
		}
		if c, ok := culpritOf(named, o, s.Address, field); ok && !q.Ignore[c.step.Rule] {
			o.Decider = c.step
			c.allow = e.rules.Allow(e.wording, q.Class, o, s.Address).Rules
			list = append(list, c)
		}
	}
	return list
}

// spared are rules and elements that name the subject, are meant to stop
// somebody, and stop nothing of what was asked about.
func (e question) spared(named []packetfilter.Mention, stops map[*packetfilter.Rule]*culprit, s Subject) (list []Block) {
	for _, m := range named {
		steps := m.UsedBy
		if m.Step.Rule != nil {
			steps = []packetfilter.Step{m.Step}
		}
		i := slices.IndexFunc(steps, func(s packetfilter.Step) bool { return s.What == "drop" || s.What == "reject" })
		stopped := slices.ContainsFunc(steps, func(s packetfilter.Step) bool { return stops[s.Rule] != nil })
		if i < 0 || stopped || m.Entry != nil { // a list alone stops nobody
			continue
		}
		c := culprit{Mention: m, step: steps[i]}
		if p, ok := packetfilter.Network(m.Covers[0]); ok {
			c.prefix = p
		}
		b := wordBlock(c, e.when)
		b.Effective, b.Lift = false, m.Delete(e.wording)
		b.Why, b.Misplaced = whySpared(s, steps[i])
		list = append(list, b)
	}
	return list
}

// whySpared says why a rule that names the subject stops nothing of it, and
// whether that is because it stands in the wrong place.
func whySpared(s Subject, step packetfilter.Step) (code string, misplaced bool) {
	onward := slices.ContainsFunc(s.Paths, func(p Path) bool { return p.Onward })
	if onward && slices.Contains(step.Chain.Hooks(), packetfilter.HookInput) && !slices.Contains(step.Chain.Hooks(), packetfilter.HookForward) {
		return whyInput, true
	}
	if zone, used := pbx.ZoneOf(step.Chain.Name), zoneUsed(s); zone != "" && used != "" && zone != used {
		return whyNot(whyZone, zone, used), true
	}
	return whyNot(whyRule, pbx.RuleText(step)), false
}

// zoneUsed is the zone of firewalld that the subject's packets go through.
func zoneUsed(s Subject) string {
	for _, p := range s.Paths {
		for _, line := range append(slices.Clone(p.Trace), p.Table) {
			if zone := pbx.ZoneOf(line); p.Direction == in && zone != "" {
				return zone
			}
		}
	}
	return ""
}

// wordBlock says where and what a culprit is.
func wordBlock(c culprit, when time.Time) Block {
	b := Block{Layer: "iptables", Where: pbx.RulePlace(c.step), Object: pbx.RuleText(c.step), Prefix: c.prefix, Effective: true}
	b.Owner, b.Jail = owner(c)
	if c.step.Chain.Table().Tool == packetfilter.ToolNFT {
		b.Layer = "nftables"
	}
	switch {
	case c.Entry != nil:
		b.Layer, b.Where, b.Object = "xt_recent", "/proc/net/xt_recent/"+c.List, c.Entry.Addr.String()
		b.Reasons = []string{whyNot(reasonRemembered, strconv.Itoa(c.Entry.Packets), pbx.RuleText(c.step))}
		if n := len(c.Entry.Ages); n > 0 {
			b.Since = when.Add(-c.Entry.Ages[n-1]).Truncate(time.Second)
		}
		if left, ok := c.match.Ends(c.Entry); ok {
			b.Until = when.Add(left).Truncate(time.Second)
			if c.match.Op == packetfilter.RecentUpdate {
				b.Reasons = append(b.Reasons, reasonRenewed)
			}
		}
	case c.Set != nil:
		if c.Set.Tool == packetfilter.ToolIPSet {
			b.Layer = "ipset"
		}
		b.Object = c.Element.Text
		if c.Set.Name != "" { // one without a name stands in the rule
			b.Where = setPlace(c.Set)
		}
		if c.Element.Timeout > 0 {
			b.Until = when.Add(c.Element.Timeout).Truncate(time.Second)
		}
		if c.Element.Comment != "" {
			b.Reasons = []string{c.Element.Comment}
		}
		if b.Owner == "crowdsec" {
			// Its bouncer asks for new decisions every ten seconds, unless it is
			// set to another time.
			b.Wait = []command.Command{command.WaitUntilFails(c.Set.Holds(c.Element))}
		}
	case c.step.Rule.Comment != "":
		b.Reasons = []string{c.step.Rule.Comment}
	}
	return b
}

// lifts reports whether something can be done about the block.
func (b Block) lifts() bool { return len(b.Lift.Rules)+len(b.Lift.Do) > 0 }

// setPlace names a set as nft does, or ipset.
func setPlace(s *packetfilter.Set) string {
	if s.Table == "" {
		return "set " + s.Name
	}
	return "set " + string(s.Family) + " " + s.Table + " " + s.Name
}

// jailBlocks are the jails that hold the subject. Whether they stop anything is
// for attribute to say.
func (e question) jailBlocks() (list []Block) {
	for _, h := range e.jailed(e.Asked.Address).Holds {
		b := Block{
			Layer: "fail2ban", Where: "jail " + h.Jail, Object: pbx.AddressText(h.Banned), Jail: h.Jail, Prefix: h.Banned,
			Permanent: h.Permanent, Reasons: h.Matches, Count: h.Count, Asleep: e.Jails.Dead,
		}
		if !e.Jails.Dead { // nobody would take the command
			b.Lift = packetfilter.Change{Step: command.Step{
				Do:   []command.Command{command.New("fail2ban-client", "set").Values(h.Jail).Words("unbanip").Values(pbx.AddressText(h.Banned))},
				Undo: []command.Command{command.New("fail2ban-client", "set").Values(h.Jail).Words("banip").Values(pbx.AddressText(h.Banned))},
			}}
		}
		if h.Since != nil {
			b.Since = h.Since.UTC()
		}
		if h.Until != nil {
			b.Until = h.Until.UTC()
		}
		list = append(list, b)
	}
	return list
}

// otherBlocks are what the remaining layers hold.
func (e question) otherBlocks(filter []Block) (list []Block) {
	for _, x := range e.Bans {
		b := Block{
			Layer: x.Layer, Where: x.Where, Object: x.Object, Jail: x.Name, Prefix: x.Prefix, Since: x.Since, Until: x.Until,
			Reasons: x.Reasons, Cause: x.Cause, Effective: x.Effect == bans.BlocksSIP,
		}
		if x.Effect == bans.ViaFilter {
			b.Effective = slices.ContainsFunc(filter, func(f Block) bool {
				return f.Effective && f.Owner == x.Layer && (!f.Prefix.IsValid() || f.Prefix.Overlaps(x.Prefix))
			})
			b.Why = whyIndirect
		}
		if x.Effect == bans.NotSIP {
			b.Why = whyNotSIP
		}
		if b.Note = x.Note; b.Effective {
			b.Why, b.Note = "", ""
		}
		b.Lift = packetfilter.Change{Step: command.Step{Do: x.Free, Undo: x.Undo}}
		list = append(list, b)
	}
	return list
}

// accessLists adds Asterisk's own access lists: a packet that the filter lets in
// may still be refused there.
func (e question) accessLists(s Subject) Subject {
	s.Blocks = slices.Clone(s.Blocks)
	for _, r := range e.Refused {
		b := Block{
			Layer: "asterisk-acl", Where: r.At, Object: r.Rule, Jail: r.List, Prefix: s.Address,
			Effective: r.Scope == "pjsip" || r.Scope == "chan_sip", Lift: packetfilter.Change{Step: command.Step{Do: r.Free, Undo: r.Undo}},
		}
		if !b.Effective {
			b.Why = whyNot(whyACL, strings.Join(r.Names, ", "))
		}
		b.Cause = r.Note
		s.Blocks = append(s.Blocks, b)
	}
	return s
}
