package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// onlyHTTPS is the strictest of firewalls: it lets people browse and nothing
// else. What works through it is another list than where only UDP is stopped.
func onlyHTTPS(o Observed, q questions) checks.Finding {
	f := udpBlocked(o, q)
	f.ID, f.Title = "nat.only-https", "Only TCP port 443 passes to the Internet"
	f.Explanation = "This network lets people browse, and nothing else: no UDP, and none of the other TCP ports that were tried. " +
		"SIP on its usual ports cannot register, and RTP, which is UDP, carries no audio."
	f.Advice = []string{
		"Ask whoever runs the firewall to allow the provider's SIP port and RTP range (UDP) to the provider's addresses; nothing on the phones replaces that.",
		"What can work as it is: SIP over TLS or over WebSocket (WSS) on port 443, and for audio TURN over TLS on port 443, where the provider offers both (WebRTC phones do it by themselves).",
		"In a hotel, a school or a guest network: use another line or a mobile one.",
	}
	if _, sure := o.onlyHTTPS(); sure {
		f.Confidence = checks.Certain
	}
	f.Evidence = slices.DeleteFunc(f.Evidence, func(e checks.Evidence) bool { return strings.HasPrefix(e.Name, "TCP to ") })
	list := slices.Clone(o.Control)
	slices.SortStableFunc(list, func(a, b Connect) int { return rank(b) - rank(a) })
	for _, c := range list {
		got := "no answer"
		switch {
		case c.Connected:
			got = "connected"
		case c.Refused:
			got = "refused, though it listens there"
		}
		if c.Connected || c.Listens || c.To.Port() != httpsPort {
			f.Evidence = append(f.Evidence, checks.Evidence{Name: "TCP to " + c.To.String(), Want: "connected", Got: got})
		}
	}
	return f
}

// rank puts what passed before what did not, and what is known to listen before
// the rest.
func rank(c Connect) int {
	switch {
	case c.Connected:
		return 2
	case c.Listens:
		return 1
	}
	return 0
}

// blockedServers is how many silent servers, at different addresses, are no
// coincidence any more when TCP to them is answered.
const blockedServers = 2

// silent judges a run in which no server told where it saw us. Silence alone
// is no proof of a firewall: something else must show that the network works.
func silent(o Observed, host *netinfo.Host, f Facts) checks.Judgement {
	j := checks.Judgement{Facts: f}
	switch asked := count(o); {
	case len(o.Targets) == 0 && o.ResponderError == "":
		j.Skip = words.Literal("no STUN server to ask: name one with --stun, or a responder")
	case asked.questions == 0:
		j.Inconclusive = words.Literal(noQuestion(o))
	case asked.filtered == asked.questions:
		j.Findings = []checks.Finding{localFilter(o)}
	case !o.askedOthers() && !o.Far.NoUDP().IsZero():
		j.Summary = words.Literal("no UDP arrives at the responder")
		j.Inconclusive = words.Literal(checks.English(o.Far.NoUDP()) + "; a STUN server elsewhere would tell (--stun)")
	case asked.refused == asked.questions, blocked(o, asked):
		j.Findings = []checks.Finding{udpBlocked(o, asked)}
		if only, _ := o.onlyHTTPS(); only {
			j.Findings[0] = onlyHTTPS(o, asked)
		}
	case o.Responder == "udp":
		j.Inconclusive = words.Literal("no STUN server answered, although UDP to the responder's control port passes: the STUN ports are blocked, or nothing listens there")
	default:
		j.Inconclusive = words.Literal(fmt.Sprintf("none of %d STUN servers answered, and nothing else shows whether this machine reaches the Internet", asked.addresses))
	}
	if !j.Inconclusive.IsZero() && o.onlyPublic() {
		j.Inconclusive, j.Skip = words.Text{}, words.Literal(j.Inconclusive.Literal()+"; name one with --stun, or a responder")
	}
	if len(j.Findings) > 0 {
		j.Summary = words.Literal(j.Findings[0].Title)
	}
	switch {
	case !j.Skip.IsZero():
		j.Summary = j.Skip
	case j.Summary.IsZero():
		j.Summary = j.Inconclusive
	}
	return j
}

// unreached is the finding that UDP passes to others, and not to our responder,
// which hears nobody's: then it is most likely its own firewall.
func (o Observed) unreached(v view) (checks.Finding, bool) {
	why := o.Far.NoUDP()
	at := slices.IndexFunc(v.main, func(s Sample) bool { return s.Source != fromResponder && !inside(s.Server.Addr()) })
	if why.IsZero() || at < 0 {
		return checks.Finding{}, false
	}
	return checks.Finding{
		ID: "nat.responder-unreached", Severity: checks.Warning, Confidence: checks.Likely, Heard: true,
		Title: "No UDP arrives at the responder: most likely its own firewall",
		Explanation: "UDP passes from here to other servers, and the responder answers over TCP, but no datagram has reached it on any port. " +
			"That says nothing about the phones; what needs the responder could not be tested over UDP.",
		Evidence: []checks.Evidence{
			{Name: "UDP to " + v.main[at].Server.String(), Want: "an answer", Got: "answered"},
			{Name: "UDP to the responder, every port", Want: "arrives", Got: "nothing arrived there"},
		},
		Advice: []string{"Where the responder runs, open UDP " + o.Far.Ports + " in its firewall, and in its provider's."},
		Fixes:  []fixes.Fix{},
	}, true
}

// onlyPublic reports whether nobody but public servers was asked, whom the user
// did not name: their silence decides nothing.
func (o Observed) onlyPublic() bool {
	for _, t := range o.Targets {
		if t.Source != fromPublic {
			return false
		}
	}
	return o.Responder == "" && o.ResponderError == ""
}

// askedOthers reports whether any server beside our responder was asked.
func (o Observed) askedOthers() bool {
	own := map[netip.AddrPort]bool{}
	for _, t := range o.Targets {
		for _, a := range t.Addrs {
			own[a] = own[a] || t.Source == fromResponder
		}
	}
	for _, f := range o.Families {
		for _, s := range f.Samples {
			if !own[s.Server] {
				return true
			}
		}
	}
	return false
}

// noQuestion says why nothing was sent.
func noQuestion(o Observed) string {
	for _, f := range o.Families {
		if f.Error != "" {
			return "no STUN server could be asked: " + f.Error
		}
	}
	for _, t := range o.Targets {
		if len(t.Addrs) > 0 {
			return "there is no route to any STUN server"
		}
	}
	for _, t := range o.Targets {
		if t.Error != "" {
			return "no STUN server could be asked: " + t.Error
		}
	}
	return "no STUN server could be asked: the responder's session could not be opened: " + o.ResponderError
}

// questions counts what became of the questions of a silent run.
type questions struct {
	questions, addresses int
	filtered             int // dropped by this machine's own packet filter
	refused              int // prohibited by a router on the way, by ICMP
}

func count(o Observed) (q questions) {
	ips := map[netip.Addr]struct{}{}
	for _, f := range o.Families {
		for _, s := range f.Samples {
			q.questions++
			ips[s.Server.Addr()] = struct{}{}
			if s.Filtered {
				q.filtered++
			}
			if s.Refused != "" {
				q.refused++
			}
		}
	}
	q.addresses = len(ips)
	return q
}

// blocked reports whether TCP passes where UDP does not: to our responder,
// which is known to serve STUN, or to several public servers.
func blocked(o Observed, q questions) bool {
	if o.Responder == "https" {
		return true
	}
	return o.Responder == "" && q.addresses >= blockedServers && reached(o) != ""
}

// reached names a server that TCP got to. A reset is not counted: a firewall
// can send that in the server's name.
func reached(o Observed) string {
	for _, c := range o.Control {
		if c.Connected {
			return c.To.String()
		}
	}
	return ""
}

func udpBlocked(o Observed, q questions) checks.Finding {
	f := checks.Finding{
		ID: "nat.udp-blocked", Severity: checks.Critical, Confidence: checks.Likely,
		Title: "UDP does not pass to the Internet",
		Explanation: "No STUN server answered by UDP, while the same network answers otherwise. " +
			"Phones that speak SIP over UDP cannot register, and no phone gets audio: RTP is UDP too.",
		// Servers elsewhere were silent too, or the responder had time to answer.
		Heard:  o.askedOthers() || o.Far.Busy().IsZero(),
		Advice: []string{"Allow outgoing UDP from the phones, to the provider's addresses at least: its SIP port and its RTP range.", "SIP over TLS (TCP) may register even so, but calls stay silent."},
		Fixes:  []fixes.Fix{},
	}
	f.Evidence = append(f.Evidence, checks.Evidence{
		Name: fmt.Sprintf("UDP questions to %d server addresses", q.addresses), Want: "an answer", Got: "silence to every one, sent up to nine times",
	})
	if to := reached(o); to != "" {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "TCP to " + to, Got: "connected"})
	}
	if o.Responder == "https" {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "HTTPS to the responder", Got: "answered"})
	}
	if q.refused > 0 {
		f.Confidence, f.Heard = checks.Certain, true
		f.Evidence[0].Got = fmt.Sprintf("%d prohibited by ICMP", q.refused)
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "prohibited by", Got: prohibitor(o)})
	}
	return f
}

func prohibitor(o Observed) string {
	for _, f := range o.Families {
		for _, s := range f.Samples {
			if s.Refused != "" {
				return s.Refused
			}
		}
	}
	return ""
}

func localFilter(o Observed) checks.Finding {
	got := ""
	for _, f := range o.Families {
		for _, s := range f.Samples {
			got = s.SendErr
		}
	}
	return checks.Finding{
		ID: "nat.udp-blocked", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Title: "This machine's own packet filter drops outgoing UDP",
		Explanation: "The questions did not leave this machine: a rule in its OUTPUT chain drops them. " +
			"That says nothing about the phones; the network itself could not be tested from here.",
		Evidence: []checks.Evidence{{Name: "sending a STUN question", Want: "sent", Got: got}},
		Advice:   []string{"Allow outgoing UDP on this machine, or run the check from another one."},
		Fixes:    []fixes.Fix{},
	}
}
