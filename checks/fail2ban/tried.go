package fail2ban

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Tried is what the loaded rules do with new packets of those whom a jail bans
// now.
type Tried struct {
	Jail  string    `json:"jail"`
	Count int       `json:"count"` // addresses and networks that were tried
	Ports []PortTry `json:"ports,omitempty"`
	// Sets are those that hold the jail's bans, by what is in them or by their
	// name, and Asked the sets of similar names that rules ask.
	Sets  []SetFacts `json:"sets,omitempty"`
	Asked []string   `json:"asked,omitempty"`
	// Rules name the first address that is let in, though nothing sends its
	// packets there.
	Rules []string `json:"rules,omitempty"`
}

// PortTry is one SIP port.
type PortTry struct {
	Protocol string         `json:"protocol"`
	Port     uint16         `json:"port"`
	Through  []netip.Prefix `json:"through,omitempty"` // the first of those let in
	In       int            `json:"let_in"`            // all of them
	Unclear  int            `json:"unclear"`           // for which the rules do not tell
	Rule     words.Reason   `json:"rule,omitempty"`    // that lets the first one in, and where it stands
	Onward   bool           `json:"onward,omitempty"`  // it is sent on to a container or another host
	Reasons  []words.Reason `json:"reasons,omitempty"` // of the first unclear one
}

// SetFacts is a set that holds bans.
type SetFacts struct {
	Name     string `json:"name"`
	Holds    bool   `json:"holds"`               // the address that was looked for is in it
	UsedBy   int    `json:"used_by"`             // rules that ask it
	ForgetsS int64  `json:"forgets_s,omitempty"` // after which an element goes by itself; 0: never
}

// maxThrough is how many addresses that get through are named.
const maxThrough = 5

// maxPorts bounds the SIP ports that are tried.
const maxPorts = 8

// trial takes bans through the rules.
type trial struct {
	filter pbx.Filter
	routes *pbx.Routes
	state  *jails.State
	ports  []jails.Port
}

// jail tries the bans of one jail. Nil where none is known.
func (t *trial) jail(j *jails.Jail) *Tried {
	if !j.SIP || !j.Running || len(j.Bans) == 0 {
		return nil
	}
	x := &Tried{Jail: j.Name, Count: len(j.Bans)}
	for _, p := range t.ports[:min(len(t.ports), maxPorts)] {
		x.Ports = append(x.Ports, t.port(j.Bans, p))
	}
	t.places(x, j)
	return x
}

// port takes the first packet of each banned address to a port.
func (t *trial) port(bans []netip.Prefix, p jails.Port) PortTry {
	x := PortTry{Protocol: p.Protocol, Port: p.Port}
	for _, group := range t.routes.ByWayIn(bans) {
		missing := packetfilter.FirstUnread(t.filter.Unread, group[0].Addr().Is6())
		outcomes := t.filter.Rules.Evaluate(t.routes.FirstPackets(group, p.Protocol, pbx.Port(p.Port))).Outcomes
		for _, b := range group {
			x.add(b, outcomes, missing)
		}
	}
	return x
}

// add counts what becomes of one banned address or network: a part of it that
// is let in counts as all of it.
func (x *PortTry) add(b netip.Prefix, outcomes []packetfilter.Outcome, missing words.Reason) {
	span := packetfilter.PrefixSpan(b)
	var letIn, unclear *packetfilter.Outcome
	for i := range outcomes {
		o := &outcomes[i]
		mine := len(o.Region.Src) == 0 || slices.ContainsFunc(o.Region.Src, func(s packetfilter.Span[netip.Addr]) bool {
			return s.Lo.BitLen() == b.Addr().BitLen() && s.Lo.Compare(span.Hi) <= 0 && s.Hi.Compare(span.Lo) >= 0
		})
		switch {
		case !mine || pbx.Stopped(*o):
		case o.Verdict == packetfilter.Accepted && missing == "":
			letIn = o
		default:
			unclear = o
		}
	}
	switch {
	case letIn != nil:
		x.Onward = x.Onward || letIn.Onward
		if x.In++; x.Rule == "" {
			x.Rule = pbx.RuleAt(letIn.Decider)
		}
		if len(x.Through) < maxThrough {
			x.Through = append(x.Through, b)
		}
	case unclear != nil:
		if x.Unclear++; x.Reasons == nil {
			x.Reasons = slices.Clone(unclear.Reasons)
			if missing != "" {
				x.Reasons = append(x.Reasons, missing)
			}
		}
	}
}

// places looks for where the bans of a jail stand, for a reason why they have
// no effect.
func (t *trial) places(x *Tried, j *jails.Jail) {
	i := slices.IndexFunc(x.Ports, func(p PortTry) bool { return len(p.Through) > 0 })
	first := j.Bans[0]
	if i >= 0 {
		first = x.Ports[i].Through[0]
	}
	for _, m := range t.filter.Rules.Mentions(first) {
		switch {
		case m.Set != nil && m.Set.Name != "":
			x.set(m.Set, len(m.UsedBy), true)
		case m.Step.Rule != nil && (m.Step.What == "drop" || m.Step.What == "reject") && len(x.Rules) < maxThrough:
			x.Rules = append(x.Rules, pbx.RulePlace(m.Step)+": "+pbx.RuleText(m.Step))
		}
	}
	for set, n := range pbx.AskedSets(t.filter.Rules) {
		if slices.Contains(t.state.JailsOf(set.Name), j.Name) {
			x.set(set, n, false)
		}
	}
	x.Asked = pbx.AskedSetsOf(t.filter.Rules, j.Name)
	slices.SortFunc(x.Sets, func(a, b SetFacts) int { return strings.Compare(a.Name, b.Name) })
}

func (x *Tried) set(s *packetfilter.Set, usedBy int, holds bool) {
	if !slices.ContainsFunc(x.Sets, func(f SetFacts) bool { return f.Name == s.Name }) {
		x.Sets = append(x.Sets, SetFacts{Name: s.Name, Holds: holds, UsedBy: usedBy, ForgetsS: int64(s.Default.Seconds())})
	}
}
