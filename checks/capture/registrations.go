package capture

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A renewal is one registration that a server accepted, with where the server saw it.
type renewal struct {
	t     *transaction
	outer netip.AddrPort // where the server saw it come from
}

// registered are the registrations that were accepted, by Call-ID: that of a phone
// stays the same until it restarts (RFC 3261, 10.2.4).
func (x *exchange) registered() (out []renewal) {
	for _, t := range x.list {
		if t.registers() {
			out = append(out, renewal{t, t.outer()})
		}
	}
	return out
}

// registers reports whether a server accepted a registration, and not the end of one.
func (t *transaction) registers() bool {
	return t.request != nil && t.first.Method == "REGISTER" && t.granted() && (t.request.Expires > 0 || t.finalTo.Expires > 0 || len(t.finalTo.Contacts) > 0)
}

// outer is the end that the server saw: as the answer says it (RFC 3581), else where
// the packet came from.
func (t *transaction) outer() netip.AddrPort {
	via, ok := sip.ParseVia([]byte(t.finalTo.Via))
	port, err := strconv.ParseUint(via.RPort, 10, 16)
	a, known := received(t.finalTo)
	if ok && err == nil && known && port > 0 {
		return netip.AddrPortFrom(a, uint16(port))
	}
	return t.client
}

// forgotten are phones whose NAT gives them another port at each registration: it had
// forgotten the former, and until then nobody could call.
func forgotten(v *view) (out []checks.Finding) {
	const id = "capture.mapping-lost"
	var groups cases
	for _, x := range v.calls {
		// Of a port of its own for each packet, as some devices use, nothing follows.
		changes, shortest, proof := 0, int64(0), []checks.Evidence(nil)
		rounds := x.registered()
		for i := 1; i < len(rounds); i++ {
			a, b := rounds[i-1], rounds[i]
			if a.outer == b.outer || a.outer.Addr() != b.outer.Addr() || !behindNAT(b) || a.t.request.Transport != "udp" || sourceMoved(a, b) {
				continue
			}
			gap := b.t.request.At - max(a.t.finalTo.At, a.t.request.Last)
			if changes++; shortest == 0 || gap < shortest {
				shortest = gap
			}
			if len(proof) < 2*examples {
				proof = append(proof, outerProof(a), outerProof(b))
			}
		}
		if changes < 2 || shortest < leastGap {
			continue // once may be a router that restarted
		}
		g := groups.add(v, "", rounds[0].outer.Addr().String(), x, rounds[0].t, proof...)
		if g.waited == 0 || shortest < g.waited {
			g.waited = shortest
		}
		g.count += changes
	}
	for _, g := range groups.list {
		t := g.first()
		want := int(g.waited/1_000_000) * 2 // with room for one registration that is lost
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Likely, Subject: t.client.Addr().String(), Evidence: g.proof,
			Args:  words.Args{"client": t.client.Addr(), "server": who(t.server), "n": len(g.list), "changes": g.count, "gap": seconds(g.waited)},
			Fixes: fixes.For(fixes.UDPTimeout, nil, map[string]string{"UDPTimeout": strconv.Itoa(max(minUDPTimeout, want))}),
		})
	}
	return out
}

// leastGap is the shortest time for which a NAT may be said to have forgotten: none
// forgets UDP within ten seconds; another port within less is another socket.
const leastGap = 10_000_000 // microseconds

// behindNAT reports whether a client does not know the address from which its packets
// come.
func behindNAT(r renewal) bool {
	via, ok := sip.ParseVia([]byte(r.t.request.Via))
	if !ok {
		return false
	}
	a, ok := sip.HostPort(via.SentBy, 5060)
	return ok && netinfo.IsPrivate(a.Addr()) && a.Addr() != r.outer.Addr()
}

// sourceMoved reports whether the phone itself sent from another port: then the NAT
// had to take another one.
func sourceMoved(a, b renewal) bool {
	x, xok := sip.ParseVia([]byte(a.t.request.Via))
	y, yok := sip.ParseVia([]byte(b.t.request.Via))
	return !xok || !yok || x.SentBy != y.SentBy || netinfo.IsPrivate(a.t.client.Addr()) && a.t.client != b.t.client
}

func outerProof(r renewal) checks.Evidence {
	return checks.Proof(words.Say("capture.evidence.frame", words.Args{"frame": r.t.request.Frame, "at": seconds(r.t.request.At), "kind": kindOf(r.t.request)}), nil,
		words.Say("capture.evidence.outer", words.Args{"outer": r.outer}))
}

const (
	// oftenEvery is how close registrations are that no setting asks for: 30 s is
	// the shortest that providers ask for to keep NAT open.
	oftenEvery = 20_000_000 // microseconds
	oftenTimes = 5
)

// oftenRegistered are phones that register every few seconds.
func oftenRegistered(v *view) (out []checks.Finding) {
	const id = "capture.often-registered"
	var groups cases
	for _, a := range v.asked("REGISTER") {
		byUser := map[string][]*transaction{}
		var order []string
		for _, t := range a.list {
			if !t.registers() {
				continue
			}
			user := t.request.To.URI
			if byUser[user] == nil {
				order = append(order, user)
			}
			byUser[user] = append(byUser[user], t)
		}
		for _, user := range order {
			list := byUser[user]
			if len(list) < oftenTimes {
				continue
			}
			every := (list[len(list)-1].request.At - list[0].request.At) / int64(len(list)-1)
			if every >= oftenEvery {
				continue
			}
			g := groups.add(v, "", a.server.String(), list[0].dialogue, list[0], frame(list[0].finalTo, nil), frame(list[1].request, nil), frame(list[2].request, nil))
			if g.count += len(list); g.waited == 0 || every < g.waited {
				g.waited = every
			}
		}
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Certain, Subject: subject(t.client), Evidence: g.proof,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "times": g.count, "every": seconds(g.waited), "expires": max(t.finalTo.Expires, t.request.Expires)},
		})
	}
	return out
}

const (
	// stormWithin and stormPhones make a storm: so many phones that register within
	// so short a time, stormFactor times as many as on the average of the capture.
	stormWithin = 10_000_000 // microseconds
	stormPhones = 50
	stormFactor = 5
)

// storms are times at which many phones register at once, as after a power failure or
// a restart of the server or the router.
func storms(v *view) (out []checks.Finding) {
	by := map[netip.AddrPort][]*transaction{}
	var order []netip.AddrPort
	for _, a := range v.asked("REGISTER") {
		if by[a.server] == nil {
			order = append(order, a.server)
		}
		by[a.server] = append(by[a.server], a.list...)
	}
	for _, server := range order {
		list := by[server]
		slices.SortStableFunc(list, func(a, b *transaction) int { return cmp.Compare(a.request.At, b.request.At) })
		phones, height := crowd(list)
		average := float64(len(list)) * float64(stormWithin) / float64(max(1, v.o.Length))
		if phones < stormPhones || float64(phones) < stormFactor*average {
			continue
		}
		silent := 0
		for _, t := range list {
			if len(t.answers) == 0 {
				silent++
			}
		}
		f := checks.Finding{
			ID: "capture.registration-storm", Severity: checks.Info, Confidence: checks.Certain, Subject: subject(server),
			Evidence: []checks.Evidence{frame(height.request, nil)},
			Args:     words.Args{"server": who(server), "n": phones, "within": stormWithin / 1_000_000, "at": seconds(height.request.At), "silent": silent},
		}
		if silent > 0 {
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}

// crowd is the most clients that send one of the requests within stormWithin, and the
// request at which there are as many. The list is in the order of time.
func crowd(list []*transaction) (most int, height *transaction) {
	clients := map[netip.AddrPort]int{}
	from := 0
	for _, t := range list {
		clients[t.client]++
		for ; t.request.At-list[from].request.At > stormWithin; from++ {
			if clients[list[from].client]--; clients[list[from].client] == 0 {
				delete(clients, list[from].client)
			}
		}
		if len(clients) > most {
			most, height = len(clients), t
		}
	}
	return most, height
}
