package nat

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// blockedServers is how many silent servers, at different addresses, cannot be a
// coincidence when TCP to them is answered.
const blockedServers = 2

// silent judges a run in which no server told our public address. Silence alone
// does not prove a firewall: something else must show that the network works.
func silent(o Observed, f Facts) checks.Judgement {
	j := checks.Judgement{Facts: f}
	switch asked := count(o); {
	case len(o.Targets) == 0 && o.ResponderError == "":
		j.Skip = words.Say("nat.skip.no-server", nil)
	case asked.questions == 0:
		j.Inconclusive = noQuestion(o)
	case asked.filtered == asked.questions:
		j.Findings = []checks.Finding{localFilter(o)}
	case !o.askedOthers() && !o.Far.NoUDP().IsZero():
		j.Summary = words.Say("nat.summary.no-udp", nil)
		j.Inconclusive = words.Say("nat.reason.no-udp", words.Args{"reason": o.Far.NoUDP()})
	case asked.refused == asked.questions, blocked(o, asked):
		j.Findings = []checks.Finding{udpBlocked(o, asked)}
	case o.Responder == "udp":
		j.Inconclusive = words.Say("nat.reason.stun-port", nil)
	default:
		j.Inconclusive = words.Say("nat.reason.silence", words.Args{"n": asked.addresses})
	}
	if !j.Inconclusive.IsZero() && o.onlyPublic() {
		j.Inconclusive, j.Skip = words.Text{}, words.Say("nat.skip.public", words.Args{"reason": j.Inconclusive})
	}
	if len(j.Findings) > 0 {
		j.Summary = j.Findings[0].Message()
	}
	switch {
	case !j.Skip.IsZero():
		j.Summary = j.Skip
	case j.Summary.IsZero():
		j.Summary = j.Inconclusive
	}
	return j
}

// unreached is the finding that UDP passes to other servers, while our responder
// receives none from anybody: most likely its own firewall stops it.
func (o Observed) unreached(v view) (checks.Finding, bool) {
	why := o.Far.NoUDP()
	at := slices.IndexFunc(v.main, func(s Sample) bool { return s.Source != fromResponder && !netinfo.IsPrivate(s.Server.Addr()) })
	if why.IsZero() || at < 0 {
		return checks.Finding{}, false
	}
	return checks.Finding{
		ID: "nat.responder-unreached", Severity: checks.Warning, Confidence: checks.Likely, Heard: true, Args: words.Args{"ports": o.Far.Ports},
		Evidence: []checks.Evidence{
			proof("udp-to", words.Args{"server": v.main[at].Server}, words.Say("nat.evidence.an-answer", nil), words.Say("nat.evidence.answered", nil)),
			proof("udp-to-responder", nil, words.Say("nat.evidence.arrives", nil), words.Say("nat.evidence.nothing-arrived", nil)),
		},
	}, true
}

// onlyPublic reports whether only public servers were asked, which the user did
// not name: their silence decides nothing.
func (o Observed) onlyPublic() bool {
	named := slices.ContainsFunc(o.Targets, func(t Target) bool { return t.Source != fromPublic })
	return !named && o.Responder == "" && o.ResponderError == ""
}

// askedOthers reports whether any server other than our responder was asked.
func (o Observed) askedOthers() bool {
	own := map[netip.AddrPort]bool{}
	for _, t := range o.Targets {
		for _, a := range t.Addrs {
			own[a] = own[a] || t.Source == fromResponder
		}
	}
	return slices.ContainsFunc(o.samples(), func(s Sample) bool { return !own[s.Server] })
}

func noQuestion(o Observed) words.Text {
	because := func(server string, why words.Cause) words.Text {
		return words.Say("nat.reason.not-asked", words.Args{"server": server, "why": why})
	}
	for _, f := range o.Families {
		if f.Error != "" {
			return because("", f.Error)
		}
	}
	for _, t := range o.Targets {
		if len(t.Addrs) > 0 {
			return words.Say("nat.reason.no-route", nil)
		}
	}
	for _, t := range o.Targets {
		if t.Error != "" {
			return because(t.Name, t.Error)
		}
	}
	return words.Say("nat.reason.no-session", words.Args{"why": o.ResponderError})
}

// questions counts the requests of a silent run by what became of them.
type questions struct {
	questions, addresses int
	filtered             int    // dropped by this machine's own packet filter
	refused              int    // prohibited by a router on the way, by ICMP
	refusedBy            string // the first of those routers
}

func count(o Observed) (q questions) {
	ips := map[netip.Addr]struct{}{}
	for _, s := range o.samples() {
		q.questions++
		ips[s.Server.Addr()] = struct{}{}
		if s.Filtered {
			q.filtered++
		}
		if s.Refused != "" {
			q.refused++
			q.refusedBy = cmp.Or(q.refusedBy, s.Refused)
		}
	}
	q.addresses = len(ips)
	return q
}

// blocked reports whether TCP passes where UDP does not: to our responder,
// which is known to serve STUN, or to several public servers.
func blocked(o Observed, q questions) bool {
	// A reset does not count: a firewall can send one in the server's name.
	return o.Responder == "https" || o.Responder == "" && q.addresses >= blockedServers && slices.ContainsFunc(o.Control, connected)
}

func connected(c Connect) bool { return c.Connected }

// udpBlocked is the finding about a firewall that stops UDP. The strictest kind,
// which passes HTTPS and nothing else, has an ID of its own.
func udpBlocked(o Observed, q questions) checks.Finding {
	f := checks.Finding{
		ID: "nat.udp-blocked", Severity: checks.Critical, Confidence: checks.Likely,
		// Other servers were silent too, or the responder was not busy.
		Heard: o.askedOthers() || o.Far.Busy().IsZero(),
	}
	accepted := words.Say("nat.evidence.connected", nil)
	tcp := func(c Connect, want, got any) {
		f.Evidence = append(f.Evidence, proof("tcp-to", words.Args{"server": c.To}, want, got))
	}
	got := words.Say("nat.evidence.silence", nil)
	if q.refused > 0 {
		f.Confidence, f.Heard = checks.Certain, true
		got = words.Say("nat.evidence.icmp", words.Args{"n": q.refused})
	}
	f.Evidence = append(f.Evidence, proof("questions", words.Args{"n": q.addresses}, words.Say("nat.evidence.an-answer", nil), got))
	only, sure := o.onlyHTTPS()
	if at := slices.IndexFunc(o.Control, connected); at >= 0 && !only {
		tcp(o.Control[at], nil, accepted)
	}
	if o.Responder == "https" {
		f.Evidence = append(f.Evidence, proof("https", nil, nil, words.Say("nat.evidence.answered", nil)))
	}
	if q.refused > 0 {
		f.Evidence = append(f.Evidence, proof("prohibited-by", nil, nil, q.refusedBy))
	}
	if !only {
		return f
	}
	f.ID = "nat.only-https"
	if sure {
		f.Confidence = checks.Certain
	}
	// Those that passed go first, then those to ports known to listen.
	order := func(c Connect) int { return slices.Index([]bool{c.Connected, c.Listens, true}, true) }
	for _, c := range slices.SortedStableFunc(slices.Values(o.Control), func(a, b Connect) int { return order(a) - order(b) }) {
		switch {
		case c.Connected:
			tcp(c, accepted, accepted)
		case !c.Listens && c.To.Port() == httpsPort:
			// Nobody knows whether it serves HTTPS.
		case c.Refused:
			tcp(c, accepted, words.Say("nat.evidence.refused", nil))
		default:
			tcp(c, accepted, words.Say("nat.evidence.no-answer", nil))
		}
	}
	return f
}

func localFilter(o Observed) checks.Finding {
	all := o.samples()
	got := words.Cause(all[len(all)-1].SendErr)
	return checks.Finding{
		ID: "nat.udp-blocked", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Variant: "here", Evidence: []checks.Evidence{proof("sending", nil, words.Say("nat.evidence.sent", nil), got)},
	}
}
