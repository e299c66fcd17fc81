package asteriskstate

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
)

// The states of a phone or trunk, of both drivers.
type state int

const (
	unclear state = iota // cut, or just registered and not asked yet
	fine                 // answers OPTIONS
	late                 // answers OPTIONS after the limit
	mute                 // has an address and does not answer OPTIONS
	gone                 // was registered, and its registration has ended
	never                // has not registered since Asterisk started
	absent               // is not registered, and whether it ever was is not known
	unasked              // has an address and is not asked
)

// line is a phone or a trunk.
type line struct {
	asterisk.Row
	command string // the listing that it is from
	name    string
	addr    netip.AddrPort // not valid: no address, or not known
	state   state
	ms      float64
	nat     bool   // Asterisk found it to be behind NAT
	inside  string // the private address that it gave itself
}

// sort tells phones from trunks: what registers here is a phone.
func (v *view) sort() {
	v.identified = map[string]bool{}
	for _, i := range v.s.Identifies { // also those whose name does not resolve, which match nothing
		v.identified[i.Endpoint] = true
	}
	for _, e := range v.s.Endpoints {
		v.identified[e.Name] = v.identified[e.Name] || len(e.Match) > 0
	}
	for _, p := range v.s.Peers {
		l := line{Row: p.Row, command: asterisk.ShowPeers, name: p.Name, state: peerState(p), ms: float64(p.MS), nat: p.NAT == "auto-yes"}
		if p.Host.IsValid() {
			l.addr = netip.AddrPortFrom(p.Host, uint16(p.Port))
		}
		if p.Dynamic {
			v.phones = append(v.phones, l)
		} else {
			v.trunks = append(v.trunks, l)
		}
	}
	trunks, phones := v.trunkAORs()
	for _, c := range v.s.Contacts {
		l := line{Row: c.Row, command: asterisk.ShowContacts, name: c.AOR, addr: c.Addr, state: contactState(c.Status), ms: c.MS, nat: c.Inside != "", inside: c.Inside}
		if trunks[c.AOR] && !phones[c.AOR] {
			v.trunks = append(v.trunks, l)
		} else {
			v.phones = append(v.phones, l)
		}
	}
	v.empty(trunks)
}

func peerState(p asterisk.ShownPeer) state {
	if !p.Host.IsValid() {
		switch p.Status {
		case "UNREACHABLE":
			return gone
		case "UNKNOWN":
			return never
		case "Unmonitored":
			return absent
		}
		return unclear
	}
	switch p.Status {
	case "OK":
		return fine
	case "LAGGED":
		return late
	case "UNREACHABLE":
		return mute
	case "Unmonitored":
		return unasked
	}
	return unclear // UNKNOWN: not asked yet
}

func contactState(status string) state {
	switch status {
	case "Avail":
		return fine
	case "Unavail":
		return mute
	case "NonQual", "Created":
		return unasked
	}
	return unclear
}

// trunkAORs are the AORs of endpoints that do not register here: those that log
// in elsewhere or are told by their address, without a password for who calls in.
func (v *view) trunkAORs() (trunks, phones map[string]bool) {
	trunks, phones = map[string]bool{}, map[string]bool{}
	for i := range v.s.Endpoints {
		e := &v.s.Endpoints[i]
		for _, a := range e.AORs {
			if v.isTrunk(e) {
				trunks[a] = true
			} else {
				phones[a] = true
			}
		}
	}
	return trunks, phones
}

func (v *view) isTrunk(e *asterisk.ShownEndpoint) bool {
	return len(e.InAuth) == 0 && (len(e.OutAuth) > 0 || v.identified[e.Name])
}

// empty adds the endpoints that could register and have not. An AOR whose name is
// cut belongs to contacts that begin so.
func (v *view) empty(trunks map[string]bool) {
	most := map[string]int{}
	used := map[string]bool{}
	for _, a := range v.s.AORs {
		most[a.Name] = a.Max
		used[a.Name] = a.Contacts > 0
	}
	for i := range v.s.Contacts {
		used[v.s.Contacts[i].AOR] = true
	}
	for i := range v.s.Endpoints {
		e := &v.s.Endpoints[i]
		if e.State != "Unavailable" || len(e.AORs) == 0 || v.isTrunk(e) {
			continue
		}
		open, taken := false, false
		for _, a := range e.AORs {
			open = open || most[a] > 0
			taken = taken || used[a] || trunks[a]
		}
		if open && !taken {
			v.phones = append(v.phones, line{Row: e.Row, command: asterisk.ShowEndpoints, name: e.Name, state: absent})
		}
	}
}

// of are the phones in one of some states.
func of(list []line, states ...state) (out []line) {
	for _, l := range list {
		for _, s := range states {
			if l.state == s {
				out = append(out, l)
			}
		}
	}
	return out
}

// namesOf are the names of lines, each once.
func namesOf(list []line) (names []string) {
	seen := map[string]bool{}
	for _, l := range list {
		if !seen[l.name] {
			seen[l.name] = true
			names = append(names, l.name)
		}
	}
	return names
}

// whole reports whether the listings that lines are from are complete. Contacts stand
// in several.
func (v *view) whole(list []line) bool {
	return !slices.ContainsFunc(list, func(l line) bool {
		return !v.s.HasWhole(l.command) &&
			(l.command != asterisk.ShowContacts || !v.s.HasWhole(asterisk.ShowEndpoints) && !v.s.HasWhole(asterisk.ShowAORs))
	})
}
