package logs

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
)

// phone is what the log tells about the reachability of one phone or trunk.
type phone struct {
	name   string
	losses []loss
	up     bool // the log tells that it was reached
	down   bool
	last   Move // with which it went down
	rtts   []int
	lagged []Move
	limit  int
}

// loss is one time that a phone was not reachable.
type loss struct {
	move  Move
	back  time.Time // zero: not in this log
	group *group
}

// group are losses of several phones within one round of OPTIONS.
type group struct {
	losses []*loss
	phones []string
	kind   string // office all one-office together some
	net    netip.Prefix
	of     int       // phones that were up before
	ofNet  int       // of them in the same network
	back   time.Time // when the last came back; zero: one of them did not
}

const (
	// round is how far apart the losses of one outage are noticed: every phone is
	// asked once in qualifyfreq (60 s, channels/sip/include/sip.h; FreePBX's
	// qualify_frequency is 60 as well), and the question is given up after some seconds.
	round = 75 * time.Second
	// fewest is how many phones must be lost at once where it is not known that
	// they are of one network: two phones of many may fail by chance.
	fewest = 3
)

// followPhones puts the moves together by phone, and losses at one moment into groups.
func (v *view) followPhones() {
	var all []*loss
	for _, m := range v.moves {
		p := v.phones[m.Phone]
		if p == nil {
			p = &phone{name: m.Phone}
			v.phones[m.Phone] = p
		}
		p.follow(m)
	}
	for _, p := range v.phones {
		for i := range p.losses {
			all = append(all, &p.losses[i])
		}
	}
	v.losses = len(all)
	sortLosses(all)
	v.group(all)
}

func (p *phone) follow(m Move) {
	switch m.Kind {
	case string(pbxlog.Unreachable):
		// chan_sip names the latest answer of a phone that it loses. PJSIP says the same
		// of one that it has never reached.
		if !p.down && !m.Never && (p.up || m.RTT > 0) {
			p.losses = append(p.losses, loss{move: m})
		}
		p.down, p.last = true, m
	case string(pbxlog.Reachable), string(pbxlog.Lagged):
		if m.Kind == string(pbxlog.Lagged) {
			p.lagged = append(p.lagged, m)
		}
		if p.limit = max(p.limit, m.Limit); m.RTT > 0 {
			p.rtts = append(p.rtts, m.RTT)
		}
		if n := len(p.losses); p.down && n > 0 && p.losses[n-1].back.IsZero() {
			p.losses[n-1].back = m.At
		}
		p.up, p.down = true, false
	}
}

// group looks for losses within one round of each other.
func (v *view) group(all []*loss) {
	for i := 0; i < len(all); {
		if all[i].move.At.IsZero() {
			i++
			continue
		}
		j := i + 1
		for j < len(all) && all[j].move.At.Sub(all[i].move.At) <= round {
			j++
		}
		g := &group{losses: all[i:j]}
		seen := map[string]bool{}
		for _, l := range g.losses {
			if !seen[l.move.Phone] {
				seen[l.move.Phone] = true
				g.phones = append(g.phones, l.move.Phone)
			}
		}
		v.classify(g)
		v.groups = append(v.groups, g)
		i = j
	}
	v.again()
	v.groups = slices.DeleteFunc(v.groups, func(g *group) bool { return g.kind == "" })
	for _, g := range v.groups {
		for _, l := range g.losses {
			l.group = g
		}
	}
}

// again finds phones too few to be more than chance at one moment, that are lost
// together more often than not.
func (v *view) again() {
	together := map[string]int{}
	for _, g := range v.groups {
		if len(g.phones) > 1 {
			slices.Sort(g.phones)
			together[strings.Join(g.phones, "\n")]++
		}
	}
	for _, g := range v.groups {
		n := together[strings.Join(g.phones, "\n")]
		rather := func(name string) bool { return 2*n >= len(v.phones[name].losses) }
		if g.kind == "" && n > 1 && !slices.ContainsFunc(g.phones, func(name string) bool { return !rather(name) }) {
			g.kind = "some"
		}
	}
}

// classify tells what the phones of a group have in common, and nothing else does.
func (v *view) classify(g *group) {
	begin := g.losses[0].move.At
	nets, inNet, elsewhere := map[netip.Prefix]int{}, 0, 0
	for _, name := range g.phones {
		nets[v.network(name)]++
	}
	for name, p := range v.phones {
		if !p.upBefore(begin) {
			continue
		}
		g.of++
		if n := v.network(name); n.IsValid() && nets[n] > 0 {
			inNet++
		} else {
			elsewhere++
		}
	}
	unknown := nets[netip.Prefix{}]
	for n := range nets {
		g.net = n
	}
	most := len(g.phones)*5 >= g.of*4 // four of five: some phone is always off
	switch {
	case len(g.phones) < 2:
	case len(nets) == 1 && unknown == 0 && elsewhere > 0 && len(g.phones)*2 > inNet:
		g.kind, g.ofNet = "office", inNet
	case len(nets) == 1 && unknown == 0 && elsewhere == 0 && most:
		g.kind = "one-office"
	case len(nets) >= 2 && unknown == 0 && most && len(g.phones) >= fewest:
		g.kind = "all"
	case unknown > 0 && most:
		g.kind = "together"
	case len(g.phones) >= fewest:
		g.kind = "some"
	}
	for _, l := range g.losses {
		if l.back.IsZero() {
			g.back = time.Time{}
			break
		}
		if l.back.After(g.back) {
			g.back = l.back
		}
	}
}

// upBefore reports whether the phone was not lost already.
func (p *phone) upBefore(at time.Time) bool {
	for i := range p.losses {
		l := &p.losses[i]
		if l.move.At.Before(at) && (l.back.IsZero() || l.back.After(at)) {
			return false
		}
	}
	return true
}

// network is the office of a phone: its public address, or the private network that
// its address is in. Invalid: the log does not tell.
func (v *view) network(name string) netip.Prefix {
	list := v.seenAt[name]
	if len(list) == 0 {
		for _, l := range v.phones[name].losses {
			if l.move.Addr.IsValid() {
				list = []netip.Addr{l.move.Addr}
			}
		}
	}
	if len(list) == 0 {
		return netip.Prefix{}
	}
	a := list[len(list)-1]
	bits := a.BitLen()
	switch {
	case a.Is6():
		bits = 64
	case a.IsPrivate():
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}
