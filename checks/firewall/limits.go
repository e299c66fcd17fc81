package firewall

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Limit is a rule that lets only so many SIP packets in.
type Limit struct {
	Protocol string `json:"protocol"`
	Ports    string `json:"ports"`
	Rule     string `json:"rule"`
	Table    string `json:"table"`
	// AtOnce is how many are let in together, and Count of them in Seconds; 0
	// where the rule does not say.
	AtOnce  int  `json:"at_once,omitempty"`
	Count   int  `json:"count,omitempty"`
	Seconds int  `json:"seconds,omitempty"`
	Address bool `json:"per_address"` // each address is counted by itself
	Packets bool `json:"packets"`     // every packet counts, and not only the first of a connection
}

// limits finds what limits a stranger's SIP packets: lists of "recent" that are
// full after some packets, and matches whose result depends on the traffic.
func limits(rules *packetfilter.Ruleset, routes *pbx.Routes, ports pbx.Ports) (list []Limit) {
	add := func(l Limit) {
		l.Protocol, l.Ports = ports.Protocol, pbx.WritePorts(ports.Set)
		if !slices.ContainsFunc(list, l.sameRule) {
			list = append(list, l)
		}
	}
	c := routes.FirstPackets([]netip.Prefix{pbx.Nobody(false)}, ports.Protocol, ports.Set)
	rules = notSeenYet(rules)
	var open, perhaps packetfilter.NumSet // ports
	for _, o := range rules.Evaluate(c).Outcomes {
		switch o.Verdict {
		case packetfilter.Accepted:
			open, perhaps = open.Union(o.Region.DstPort), perhaps.Union(o.Region.DstPort)
		case packetfilter.Maybe:
			perhaps = perhaps.Union(o.Region.DstPort)
		}
		if o.Verdict != packetfilter.Maybe {
			continue
		}
		for _, s := range deciders(o) {
			if l, ok := counted(s); ok {
				l.Packets = lets(rules, c) == packetfilter.Maybe
				add(l)
			}
		}
	}
	c.DstPorts = perhaps
	if len(perhaps) == 0 {
		return list
	}
	known := c // a connection that exists, whose packets may come to a limit as well
	known.State = packetfilter.StateEstablished
	ofKnown := metered(rules, known)
	for _, l := range metered(rules, c) {
		l.Packets = slices.ContainsFunc(ofKnown, l.sameRule)
		add(l)
	}
	if c.DstPorts = open; len(open) == 0 {
		return list
	}
	for at, m := range pbx.Matches[*packetfilter.RecentMatch](rules) {
		if !counts(m) {
			continue
		}
		// A rule before it may count the packet itself.
		allowed := m.HitCount - 1
		if !stops(remembering(rules, m, allowed), c) {
			allowed++
		}
		full := remembering(rules, m, m.HitCount)
		if !stops(full, c) {
			continue
		}
		add(Limit{
			Rule: at.Rule.Text, Table: pbx.RulePlace(at),
			AtOnce: allowed, Count: allowed, Seconds: m.Seconds, Address: true, Packets: lets(full, c) != packetfilter.Accepted,
		})
	}
	return list
}

// metered finds limits that each source has for itself. A stranger who was never
// seen is below them, so the packets are sent again as those of one who is above:
// a limit that matters stops them. The ports of c are those that strangers reach.
func metered(rules *packetfilter.Ruleset, c packetfilter.Class) (list []Limit) {
	for at, m := range pbx.Matches[*packetfilter.Metered](rules) {
		if c.Exceeded = m; stops(rules, c) {
			l := readLimit(m.What)
			l.Address = slices.Contains(m.By, packetfilter.FieldSrc) || slices.Contains(m.Fields, packetfilter.FieldSrc)
			l.Rule, l.Table = at.Rule.Text, pbx.RulePlace(at)
			list = append(list, l)
		}
	}
	return list
}

func (l Limit) sameRule(o Limit) bool { return o.Rule == l.Rule && o.Table == l.Table }

// notSeenYet are the rules with a list of "recent" for each that they name: one
// that was not read does not remember the stranger either.
func notSeenYet(rules *packetfilter.Ruleset) *packetfilter.Ruleset {
	seen := *rules
	seen.Recent = map[string]*packetfilter.RecentTable{}
	for _, m := range pbx.Matches[*packetfilter.RecentMatch](rules) {
		if counts(m) {
			seen.Recent[m.List] = &packetfilter.RecentTable{Name: m.List}
		}
	}
	maps.Copy(seen.Recent, rules.Recent)
	return &seen
}

// remembering are the rules with so many packets of the stranger on a list.
func remembering(rules *packetfilter.Ruleset, m *packetfilter.RecentMatch, packets int) *packetfilter.Ruleset {
	full := *rules
	full.Recent = maps.Clone(rules.Recent)
	full.Recent[m.List] = &packetfilter.RecentTable{Name: m.List, Entries: []packetfilter.RecentEntry{{
		Addr: pbx.Nobody(false).Addr(), Packets: packets, Ages: make([]time.Duration, packets),
	}}}
	return &full
}

func stops(rules *packetfilter.Ruleset, c packetfilter.Class) bool {
	return slices.ContainsFunc(rules.Evaluate(c).Outcomes, pbx.Stopped)
}

// lets is the worst verdict on the packets of a connection that exists.
func lets(rules *packetfilter.Ruleset, c packetfilter.Class) packetfilter.Decision {
	c.State = packetfilter.StateEstablished
	return pbx.Verdict(rules, c)
}

// deciders are the steps that a maybe depends on.
func deciders(o packetfilter.Outcome) []packetfilter.Step {
	list := append([]packetfilter.Step{o.Decider}, o.Others...)
	for _, s := range o.Trace {
		if s.Assumed && s.What != "effect" {
			list = append(list, s)
		}
	}
	return list
}

// counts reports whether m matches an address after several packets.
func counts(m *packetfilter.RecentMatch) bool {
	return !m.Not && m.HitCount > 1 && (m.Op == packetfilter.RecentCheck || m.Op == packetfilter.RecentUpdate)
}

// limitWords are how the matches that count traffic begin, in the words of
// iptables and of nft.
var limitWords = regexp.MustCompile(`^(hashlimit|connlimit|limit|ct count|meter|add @|update @)\b|limit rate|ct count`)

// counted reads the limit of a rule from the match in it that counts.
func counted(s packetfilter.Step) (Limit, bool) {
	if s.Rule == nil {
		return Limit{}, false
	}
	for _, x := range s.Rule.Exprs {
		if u, ok := x.(*packetfilter.Unknown); ok && limitWords.MatchString(u.What) {
			l := readLimit(u.What)
			l.Rule, l.Table = s.Rule.Text, pbx.RulePlace(s)
			return l, true
		}
	}
	return Limit{}, false
}

var (
	ratePattern  = regexp.MustCompile(`(\d+)/(second|sec|s|minute|min|m|hour|h|day|d)`)
	burstPattern = regexp.MustCompile(`burst[= ](\d+)`)
	countPattern = regexp.MustCompile(`(?:ct count (?:over )?|connlimit-(?:above|upto) )(\d+)`)
	unitSeconds  = map[byte]int{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}
)

// defaultBurst is what limit, hashlimit and nft let in at once when they are
// told nothing else.
const defaultBurst = 5

// readLimit takes the numbers out of a match.
func readLimit(what string) (l Limit) {
	l.Address = strings.HasPrefix(what, "connlimit") || strings.HasPrefix(what, "hashlimit") && strings.Contains(what, "srcip") || strings.Contains(what, "saddr")
	if m := countPattern.FindStringSubmatch(what); m != nil {
		l.AtOnce, _ = strconv.Atoi(m[1])
		return l
	}
	m := ratePattern.FindStringSubmatch(what)
	if m == nil {
		return l
	}
	l.Count, _ = strconv.Atoi(m[1])
	l.Seconds = unitSeconds[m[2][0]]
	l.AtOnce = defaultBurst
	if b := burstPattern.FindStringSubmatch(what); b != nil {
		l.AtOnce, _ = strconv.Atoi(b[1])
	}
	return l
}
