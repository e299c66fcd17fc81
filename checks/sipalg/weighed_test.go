package sipalg

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// More of what a server's answers prove: what counts against what.
func TestWhatCountsAgainstWhat(t *testing.T) {
	invite := func(o Observed, r reply) Observed {
		a := o.Servers[0].Answers[0]
		a.Message, a.Local = "INVITE", netip.AddrPortFrom(phone, 40002)
		a.Sent = Wire(strings.Replace(string(a.Sent), ":40000", ":40002", -1))
		a.Reply = r.to(string(a.Sent))
		o.Servers[0].Answers = append(o.Servers[0].Answers, a)
		return o
	}
	quoted := func(o Observed) Observed {
		sent := string(o.Servers[0].Answers[0].Sent)
		if sent == "" {
			sent = string(o.Servers[0].Answers[1].Sent)
		}
		quote := strings.Replace(sent, "UDP 192.168.88.10", "UDP 203.0.113.1", 1)
		o.Servers[0].Hops = []Hop{{TTL: 2, Addr: netip.MustParseAddr("203.0.113.254"), Quoted: len(quote), Changed: true, Sent: Wire(sent), Quote: Wire(quote)}}
		return o
	}
	for name, c := range map[string]struct {
		o       Observed
		verdict string
		status  checks.Status
		finds   []string
		proof   bool     // that another transport shows it as it should be
		heard   []string // the ports on which the server answered
	}{
		"another message over the same transport is no proof": {invite(observation(one(udp(newFrom), nil)), good), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical likely"}, false, []string{"UDP 5060"}},
		"both messages are changed": {invite(observation(one(udp(newFrom), nil)), newFrom), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical likely"}, false, []string{"UDP 5060"}},
		"TCP is": {observation(one(map[string]reply{"udp": newFrom, "tcp": good}, nil)), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical certain"}, true, []string{"UDP 5060", "TCP 5060"}},
		"a router that quotes UDP is sure of UDP": {quoted(observation(one(udp(good), nil))), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical certain"}, false, []string{"UDP 5060"}},
		"and says nothing of what TCP answers": {quoted(observation(one(map[string]reply{"tcp": newFrom}, nil))), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical certain"}, false, []string{"TCP 5060"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o, office)
			f := r.Facts.(Facts)
			if f.Verdict != c.verdict || r.Status != c.status || !slices.Equal(found(r), c.finds) {
				t.Fatalf("%s, %s, %v: %s", f.Verdict, r.Status, found(r), r.Reason)
			}
			proof := slices.ContainsFunc(r.Findings[0].Evidence, func(e checks.Evidence) bool { return strings.HasPrefix(e.Name, "the same server over") })
			if proof != c.proof {
				t.Errorf("evidence %+v", r.Findings[0].Evidence)
			}
			shown := map[string]bool{}
			for _, e := range r.Findings[0].Evidence {
				field, _, ok := strings.Cut(e.Name, " in the answer ")
				if ok && shown[field] {
					t.Errorf("%s is shown twice: %+v", field, r.Findings[0].Evidence)
				}
				shown[field] = true
			}
			if !slices.Equal(f.Servers[0].Answered, c.heard) {
				t.Errorf("answered %v", f.Servers[0].Answered)
			}
		})
	}
}

// Where the responder could not be asked what arrived, only what can be read of
// its answers counts, and no other server takes it back.
func TestWhatTheRespondersAnswersAloneProve(t *testing.T) {
	blind := func(masked bool, servers ...told) Observed {
		o := visit(passes, func(p *Probe) {
			p.Known, p.Arrived, p.ReplySent = false, false, nil
			p.Answered = p.Transport == "udp" && p.Port == 5060 && !p.Inbound && p.Masked == masked
			if p.Answered {
				p.Sent = question(p.Local)
				p.ReplyCame = answerFrom(p.Local, phone.String())
			}
		})
		o.Responder.ArrivalsErr = "the connection was reset"
		more := observation(servers...)
		o.Servers, o.Views = more.Servers, more.Views
		return o
	}
	called := blind(true)
	for i := range called.Probes {
		p := &called.Probes[i]
		p.Answered, p.ReplyCame = p.Inbound, nil
		if p.Inbound {
			p.Sent, p.ReplyCame = question(p.Local), answerFrom(p.Local, phone.String())
		}
	}
	for name, c := range map[string]struct {
		o       Observed
		verdict string
		status  checks.Status
		finds   []string
	}{
		"it came in a call from outside":       {called, Inconclusive, checks.Inconclusive, []string{}},
		"our private address came back":        {blind(false), Rewriting, checks.Fail, []string{"sip-alg.rewriting critical certain"}},
		"it came back in what nobody can read": {blind(true), Inconclusive, checks.Inconclusive, []string{}},
		"another server is clean":              {blind(false, one(all3(good), plainly(good))), Rewriting, checks.Fail, []string{"sip-alg.rewriting critical certain"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o, office)
			if f := r.Facts.(Facts); f.Verdict != c.verdict || r.Status != c.status || !slices.Equal(found(r), c.finds) {
				t.Errorf("%s, %s, %v: %s", f.Verdict, r.Status, found(r), r.Reason)
			}
		})
	}
}

// The same of two messages to a port is said once, and the port named once.
func TestTheSameIsSaidOnce(t *testing.T) {
	o := observation(one(plainly(mute), nil))
	again := o.Servers[0].Answers[0]
	again.Message = "INVITE"
	o.Servers[0].Answers = append(o.Servers[0].Answers, again)
	want := "UDP 5060, TCP 5060: the server does not say which address it saw (no received= in its answer)"
	f := resultOf(t, o, office).Facts.(Facts)
	if got := english(f.Servers[0].why); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Equal(f.Servers[0].Answered, []string{"UDP 5060", "TCP 5060"}) {
		t.Errorf("answered %q", f.Servers[0].Answered)
	}
	o = observation(one(udp(reply{received: "203.0.113.77"}), nil))
	o.Views = append(o.Views, View{Local: phone, Seen: wan, By: "other.example"})
	f = resultOf(t, o, office).Facts.(Facts)
	if want := "the server saw 203.0.113.77, STUN servers saw 203.0.113.1: "; !strings.Contains(english(f.Servers[0].why), want) {
		t.Errorf("%q, want %q", english(f.Servers[0].why), want)
	}
}

// A reason that counts for two Vias is given once.
func TestAReasonIsGivenOnce(t *testing.T) {
	threeVias := reply{received: "203.0.113.1", edits: []string{"\r\nFrom", "\r\nVia: SIP/2.0/UDP 10.9.9.8;branch=z9hG4bKy\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKz\r\nFrom"}}
	f := resultOf(t, observation(one(all3(threeVias), nil)), office).Facts.(Facts)
	if got := english(f.Servers[0].why); f.Verdict != NoSign || strings.Count(got, "Via added: ") != 1 {
		t.Errorf("%s: %q", f.Verdict, got)
	}
}

// What one question proves is not said of another one from the same port.
func TestEachAnswerIsShownAsItsOwn(t *testing.T) {
	o := observation(one(udp(private), nil), other("198.51.100.20:5060", udp(good)))
	invite := o.Servers[1].Answers[0]
	invite.Message = "INVITE"
	o.Servers[0].Answers = append(o.Servers[0].Answers, invite)
	var got []string
	for _, p := range resultOf(t, o, office).Facts.(Facts).Paths {
		if p.Transport == "udp" {
			got = append(got, p.Server+" "+p.Message+" "+p.Verdict)
		}
	}
	want := []string{"sip.example OPTIONS " + Rewriting, "sip.example INVITE " + NoSign, "other.example OPTIONS " + NoSign}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The hops of the responder's own message go before those of servers, and the
// first server's before the others'.
func TestWhoseHopsTellThePlace(t *testing.T) {
	at := func(addr string) []Hop {
		sent := Wire("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.88.10\r\n")
		quote := Wire("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1\r\n")
		return []Hop{{TTL: 1, Addr: netip.MustParseAddr(addr), Quoted: len(sent), Changed: true, Sent: sent, Quote: quote}}
	}
	o := observation(one(all3(good), nil), other("198.51.100.21:5060", udp(good)))
	o.Servers[0].Hops, o.Servers[1].Hops = at("192.0.2.1"), at("192.0.2.2")
	if f := resultOf(t, o, office).Facts.(Facts); f.Hop == nil || f.Hop.Before != "192.0.2.1" {
		t.Errorf("at %+v, want the first server's", f.Hop)
	}
	o.Servers[0].Hops = nil
	if f := resultOf(t, o, office).Facts.(Facts); f.Hop == nil || f.Hop.Before != "192.0.2.2" {
		t.Errorf("at %+v, want the second server's", f.Hop)
	}
	probed := visit(passes, on("udp", 5060, true, rewrites))
	o.Local, o.Responder, o.Probes, o.Hops = probed.Local, probed.Responder, probed.Probes, at("192.0.2.3")
	r := resultOf(t, o, office)
	if f := r.Facts.(Facts); f.Hop == nil || f.Hop.Before != "192.0.2.3" {
		t.Errorf("at %+v, want the responder's", f.Hop)
	}
	if want := (checks.Evidence{Name: "changed", Got: "between this machine and 192.0.2.3"}); !shows(r.Findings[0], want) {
		t.Errorf("%+v is missing in %+v", want, r.Findings[0].Evidence)
	}
	o.Hops[0].Addr = netip.Addr{}
	if f := resultOf(t, o, office).Facts.(Facts); f.Hop == nil || f.Hop.Before != "192.0.2.2" {
		t.Errorf("at %+v: a hop without an address tells a place", f.Hop)
	}
}

// A codec filter that keeps count of the bytes is one as well.
func TestACodecFilterMayCountTheBytes(t *testing.T) {
	shortens := func(more ...string) network {
		return func(p *Probe) {
			if p.Message == "INVITE" {
				edits := append([]string{"RTP/AVP 0 8 101", "RTP/AVP 8 101", "a=rtpmap:0 PCMU/8000\r\n", ""}, more...)
				p.ArrivedAs = Wire(strings.NewReplacer(edits...).Replace(string(p.Sent)))
				head, body, _ := strings.Cut(string(p.Sent), "\r\n\r\n")
				before := head[strings.LastIndex(head, " ")+1:]
				p.ArrivedAs = Wire(strings.Replace(string(p.ArrivedAs), "Length: "+before, "Length: 100", 1))
				_ = body
			}
		}
	}
	r := resultOf(t, visit(passes, on("udp", 5060, true, shortens())), office)
	if want := "A codec filter, most likely in your router, removes PCMU from the SDP"; len(r.Findings) != 1 || r.Findings[0].Title != want {
		t.Errorf("%+v, want %q", r.Findings, want)
	}
	r = resultOf(t, visit(passes, on("udp", 5060, true, shortens("a=sendrecv", "a=sendonly"))), office)
	if len(r.Findings) != 1 || strings.Contains(r.Findings[0].Title, "codec") {
		t.Errorf("what changes the direction of the audio is called a codec filter: %+v", r.Findings)
	}
}

// Who counts hops and writes the message anew is a proxy; either alone may be
// done in place.
func TestWhatIsAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		codes []sip.Code
		want  bool
	}{
		"a Via of its own":                      {[]sip.Code{sip.ViaAdded}, true},
		"hops are counted":                      {[]sip.Code{sip.MaxForwards, sip.ViaSentBy}, false},
		"hops are counted, fields are ordered":  {[]sip.Code{sip.MaxForwards, sip.HeaderOrder}, true},
		"hops are counted, names are spelled":   {[]sip.Code{sip.HeaderCase, sip.MaxForwards}, true},
		"hops are counted, it stays in the way": {[]sip.Code{sip.MaxForwards, sip.RecordRoute}, true},
		"fields are ordered and spelled":        {[]sip.Code{sip.HeaderOrder, sip.HeaderCase, sip.RecordRoute}, false},
		"nothing is changed":                    {nil, false},
	} {
		var changes []Change
		for _, code := range c.codes {
			changes = append(changes, Change{Code: code})
		}
		if got := isProxy(changes); got != c.want {
			t.Errorf("%s: a proxy: %v", name, got)
		}
	}
}

// A proxy is called that, and its finding is beyond doubt.
func TestAProxyIsCalledAProxy(t *testing.T) {
	r := resultOf(t, visit(passes, on("udp", 5060, true, proxies)), office)
	if want := "A SIP proxy, most likely in your router, replaces every SIP message with its own"; len(r.Findings) != 1 || r.Findings[0].Title != want ||
		!slices.Equal(found(r), []string{"sip-alg.proxying critical certain"}) || r.Status != checks.Fail {
		t.Errorf("%s, %v: %+v", r.Status, found(r), r.Findings)
	}
}

// A message over TCP that was lost once, and passed when it was asked again,
// leaves TCP unproved.
func TestAMessageOverTCPThatNothingExplains(t *testing.T) {
	// Of two new connections one hangs as well, and the other one passes.
	o := visit(passes)
	i := slices.IndexFunc(o.Probes, func(p Probe) bool { return p.Transport == "tcp" && p.Port == 5060 && p.Message == "REGISTER" })
	again := lost(o.Probes[i])
	again.ID, again.Again, again.Tries, again.ErrorClass = 900, true, 1, string(platform.ClassTimeout)
	o.Probes = append(o.Probes, again)
	if r := resultOf(t, o, office); r.Facts.(Facts).Verdict != None || r.Status != checks.Pass {
		t.Errorf("a message that passed when it was asked again leaves TCP unproved: %s: %q", r.Status, r.Reason)
	}
	register := func(r network) network {
		return func(p *Probe) {
			if p.Transport == "tcp" && p.Port == 5060 && p.Message == "REGISTER" && !p.Again {
				r(p)
			}
		}
	}
	r := resultOf(t, visit(passes, register(loses)), office)
	if f := r.Facts.(Facts); f.Verdict != Inconclusive || r.Status != checks.Inconclusive || len(r.Findings) > 0 || !strings.HasPrefix(r.Reason, "TCP 5060 REGISTER: ") {
		t.Errorf("%s, %s, %v: %q", f.Verdict, r.Status, found(r), r.Reason)
	}
	r = resultOf(t, visit(passes, register(func(p *Probe) { *p = lost(*p); p.Tries, p.ErrorClass = 0, "in-use" })), office)
	if f := r.Facts.(Facts); f.Verdict != None || r.Status != checks.Pass {
		t.Errorf("what this machine could not send leaves TCP unproved: %s, %s: %q", f.Verdict, r.Status, r.Reason)
	}
}

// Built-in servers that nobody named are no reason to fail, and those that
// answer over any transport can be used.
func TestServersThatNobodyNamed(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]reply
		method  string
		status  checks.Status
	}{
		"none answers":       {nil, "", checks.Skip},
		"one over UDP":       {udp(good), "sip-server", checks.Inconclusive},
		"one over TCP alone": {map[string]reply{"tcp": good}, "sip-server", checks.Inconclusive},
		"one over TLS alone": {map[string]reply{"tls": good}, "sip-server", checks.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			o := observation(one(c.answers, nil))
			o.Servers[0].Unasked = true
			r := resultOf(t, o, office)
			if f := r.Facts.(Facts); f.Method != c.method || r.Status != c.status {
				t.Errorf("%q, %s: %s", f.Method, r.Status, r.Reason)
			}
			if c.status == checks.Skip && r.Summary != "not tested: it needs a responder or a SIP server to ask; of the built-in ones sip.example did not answer" {
				t.Errorf("%q", r.Summary)
			}
		})
	}
}

// Datagrams are too large where the masked one is lost as well, nothing as large
// passes, and something smaller does on the same flow.
func TestWhenAMessageIsTooLarge(t *testing.T) {
	probe := func(id, flow, size, tries int, masked, answered bool) Probe {
		return Probe{ID: id, Flow: flow, Transport: "udp", Port: 5060, Source: "fresh", Message: "INVITE", Known: true, Masked: masked, Answered: answered, Arrived: answered,
			Tries: tries, Sent: Wire(strings.Repeat("x", size))}
	}
	long := func(p Probe) Probe { p.ReplySent = Wire(strings.Repeat("y", 2000)); return p }
	for name, c := range map[string]struct {
		probes []Probe // the first has 1000 bytes and is lost, where there is no other
		want   bool
	}{
		"nine tries, and no masked one":               {[]Probe{probe(1, 1, 1000, 9, false, false), probe(3, 1, 500, 1, true, true)}, false},
		"its answer is large, the masked one passes":  {[]Probe{long(probe(1, 1, 1000, 9, false, false)), probe(2, 1, 1000, 1, true, true), probe(3, 1, 500, 1, true, true)}, false},
		"its answer is large, the masked one is lost": {[]Probe{long(probe(1, 1, 1000, 9, false, false)), probe(2, 1, 1000, 1, true, false), probe(3, 1, 500, 1, true, true)}, true},
		"less passes":                         {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 1, 500, 1, true, true)}, true},
		"seven tries in all":                  {[]Probe{probe(2, 1, 1000, 2, true, false), probe(3, 1, 500, 1, true, true)}, true},
		"six tries in all":                    {[]Probe{probe(2, 1, 1000, 1, true, false), probe(3, 1, 500, 1, true, true)}, false},
		"it was not tried masked":             {[]Probe{probe(2, 1, 1000, 0, true, false), probe(3, 1, 500, 1, true, true)}, false},
		"it has no masked one":                {[]Probe{probe(3, 1, 500, 1, true, true)}, false},
		"the masked one passes":               {[]Probe{probe(2, 1, 1000, 1, true, true), probe(3, 1, 500, 1, true, true)}, false},
		"as much passes on another flow":      {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 1, 500, 1, true, true), probe(4, 4, 1000, 1, false, true)}, false},
		"a byte less does":                    {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 1, 500, 1, true, true), probe(4, 4, 999, 1, false, true)}, true},
		"nothing else passes on the flow":     {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 3, 500, 1, true, true)}, false},
		"a shorter masked one is not its own": {[]Probe{probe(2, 1, 999, 5, true, false), probe(3, 1, 500, 1, true, true)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}, Probes: c.probes}
			if c.probes[0].ID != 1 {
				o.Probes = append([]Probe{probe(1, 1, 1000, 5, false, false)}, c.probes...)
			}
			p := &o.Probes[0]
			if got := groupOf(&o, p).tooLarge(p); got != c.want {
				t.Errorf("too large: %v", got)
			}
		})
	}
}

// Who answers in the place of the responder is shown once a message, before
// what was changed.
func TestWhoAnswersInThePlaceOfTheServer(t *testing.T) {
	stranger := visit(passes, udp5060(func(*Probe) bool { return true }, func(p *Probe) {
		p.Arrived, p.Answered, p.Tries, p.Withheld = false, false, 0, true
	}))
	stranger.Ports = []session.Owner{{Transport: "udp", Port: 5060, Who: session.Stranger, Tries: 1}}
	never := visit(passes, udp5060(func(p *Probe) bool { return p.Message == "REGISTER" || p.Message == "INVITE" && p.Variant == "" }, func(p *Probe) {
		p.Arrived = p.Masked
	}))
	unheard := func(p *Probe) { // our answers to a call are lost, which is another matter
		if p.Inbound && p.Port == 5080 {
			p.Arrived, p.Answers, p.ReplySent = false, 1, Wire("INVITE")
		}
	}
	both := visit(passes, unheard, udp5060(func(p *Probe) bool { return !p.Masked }, func(p *Probe) {
		if p.Message == "REGISTER" {
			p.Arrived = false
		} else {
			proxies(p)
		}
	}))
	const by = "an answer from the responder"
	for name, c := range map[string]struct {
		o     Observed
		title string
		short string   // what the summary says of the port
		want  []string // the names of the first pieces of evidence
	}{
		"another server has the port": {stranger, "Something on the path answers SIP instead of the server", " answered by another server", []string{"UDP 5060 OPTIONS", "affected"}},
		"what never arrived was answered": {never, "Something on the path answers SIP instead of the server", " answered by another server",
			[]string{"UDP 5060 INVITE", "UDP 5060 REGISTER", "affected"}},
		"and the rest comes through a proxy": {both, "A SIP proxy, most likely in your router, replaces every SIP message with its own", ": proxied (Via and Max-Forwards changed)",
			[]string{"UDP 5060 REGISTER", "Via added"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o, office)
			if len(r.Findings) != 1 || r.Status != checks.Fail || r.Findings[0].ID != "sip-alg.proxying" || r.Findings[0].Title != c.title {
				t.Fatalf("%s: %+v", r.Status, r.Findings)
			}
			if !strings.HasPrefix(r.Summary, "UDP 5060"+c.short+"; UDP 5080") {
				t.Errorf("%q", r.Summary)
			}
			ev := r.Findings[0].Evidence
			for i, want := range c.want {
				if i >= len(ev) || ev[i].Name != want || (ev[i].Want == by) != strings.HasPrefix(want, "UDP 5060") || ev[i].Got == "" {
					t.Errorf("evidence %+v, want %q at %d", ev, want, i)
				}
			}
		})
	}
}

// The summary names a server where its answers show what the responder does not.
func TestTheSummaryNamesAServerThatTellsMore(t *testing.T) {
	const more = "; SIP to sip.example is rewritten"
	for name, c := range map[string]struct {
		rule network
		port string
		want bool
	}{
		"nothing else is rewritten": {passes, "5060", true},
		"the same port is":          {on("udp", 5060, true, rewrites), "5060", false},
		"another port is":           {on("udp", 5060, true, rewrites), "5070", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := visit(passes, c.rule)
			asked := observation(told{"sip.example", "198.51.100.20:" + c.port, "", map[string]reply{"udp": private, "tls": good}, nil}, other("198.51.100.21:5090", plainly(good)))
			o.Servers, o.Views = asked.Servers, asked.Views
			r := resultOf(t, o, office)
			if strings.Contains(r.Summary, more) != c.want || strings.Contains(r.Summary, "other.example") || r.Status != checks.Fail {
				t.Errorf("%s: %q", r.Status, r.Summary)
			}
		})
	}
}

// Why a server's port is not proved is told by its first answer, whatever the
// responder's own probes to such a port came to.
func TestWhyAServersPortIsNotProved(t *testing.T) {
	const mutely = "sip.example, UDP 5080: the server does not say which address it saw (no received= in its answer)"
	first := told{"sip.example", "198.51.100.20:5080", "", udp(mute), nil}
	second := told{"other.example", "198.51.100.21:5080", "", udp(reply{received: "172.17.0.1"}), nil}
	ask := func(o Observed) Observed {
		asked := observation(first, second)
		o.Servers, o.Views = asked.Servers, asked.Views
		return o
	}
	blind := ask(visit(passes, func(p *Probe) {
		p.Known, p.Arrived = p.Port == 5060, p.Port == 5060
		p.Answered = p.Known
	}))
	for name, o := range map[string]Observed{
		"the responder's port is lost":          ask(visit(passes, on("udp", 5080, false, loses))),
		"nobody knows what arrived at the port": blind,
	} {
		t.Run(name, func(t *testing.T) {
			if r := resultOf(t, o, office); r.Status != checks.Inconclusive && r.Status != checks.Warn || !strings.Contains(r.Reason, mutely) || strings.Contains(r.Reason, "other.example") {
				t.Errorf("%s: %q", r.Status, r.Reason)
			}
		})
	}
}

// Ports that were left alone are named only where there are some.
func TestWhichPortsAreAffected(t *testing.T) {
	for name, c := range map[string]struct {
		rule network
		want []string
	}{
		"UDP alone": {on("udp", 0, true, rewrites), []string{"UDP 5060, UDP 5080, UDP 8765", "TCP 5060, TCP 5080, TCP 8766, TLS 5061"}},
		"UDP 5060, and of that only calls": {udp5060(func(p *Probe) bool { return p.Message == "INVITE" && !p.Masked }, rewrites),
			[]string{"UDP 5060", "UDP 5080, UDP 8765, TCP 5060, TCP 5080, TCP 8766, TLS 5061"}},
		"everything": {rewrites, []string{"UDP 5060, UDP 5080, UDP 8765, TCP 5060, TCP 5080, TCP 8766, TLS 5061"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			r := resultOf(t, visit(passes, c.rule), office)
			for _, e := range r.Findings[0].Evidence {
				if e.Name == "affected" || e.Name == "unchanged" {
					got = append(got, e.Got)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	r := resultOf(t, visit(passes, rewrites), office)
	if got := r.Findings[0].Advice[0]; !strings.HasPrefix(got, "Nothing that was tried passed unchanged") {
		t.Errorf("advice %q", got)
	}
}

// What points to a second NAT: a private IPv4 address outside the router, or a
// private router after it where an address is translated.
func TestWhatPointsToASecondNAT(t *testing.T) {
	outside := func(a string) *netinfo.Host {
		h := *office
		h.Uplink.Gateway6 = netip.MustParseAddr("fd00::1")
		if a != "" {
			h.Router = &netinfo.Router{External: []netinfo.External{{Method: "upnp", Addr: netip.MustParseAddr(a)}}}
		}
		return &h
	}
	seen := func(at, second string) View {
		return View{Local: phone, Seen: netip.MustParseAddr(at), By: "stun.example", Second: netip.MustParseAddr(second)}
	}
	for name, c := range map[string]struct {
		h    *netinfo.Host
		view View
		want string
	}{
		"the router is at a public address":   {outside("203.0.113.1"), View{}, ""},
		"at a private one":                    {outside("192.168.1.2"), View{}, "the router's outer address is 192.168.1.2"},
		"at a private one of IPv6":            {outside("fd00::2"), View{}, ""},
		"a private router comes after it":     {outside(""), seen("203.0.113.1", "192.168.1.1"), "the router beyond yours has the address 192.168.1.1"},
		"but nothing is translated":           {outside(""), seen("192.168.88.10", "192.168.1.1"), ""},
		"it is the same router":               {outside(""), seen("203.0.113.1", "192.168.88.1"), ""},
		"it is the same router, of IPv6":      {outside(""), seen("203.0.113.1", "fd00::1"), ""},
		"a public router comes after it":      {outside(""), seen("203.0.113.1", "203.0.113.254"), ""},
		"the router after it does not answer": {outside(""), View{Local: phone, Seen: wan}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := english(secondNAT(&Observed{Views: []View{c.view}}, c.h, nil)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// The family of the helper follows from what it changes.
func TestWhichEngineLeavesSuchTraces(t *testing.T) {
	change := func(codes ...sip.Code) (out []Change) {
		for _, c := range codes {
			out = append(out, Change{Code: c, Direction: "request", Before: "x", After: "y"})
		}
		return out
	}
	decoy := func(before, after string) []Change {
		return []Change{{Code: sip.SDPConnection, Direction: "request", Before: before, After: after}}
	}
	for name, c := range map[string]struct {
		changes []Change
		want    string
	}{
		"a Via of its own":                   {change(sip.ViaAdded, sip.CallID), proxy},
		"an address that is not ours":        {decoy("a="+decoyAddr, "a=203.0.113.1"), blindReplace},
		"that address is gone":               {decoy("a="+decoyAddr, ""), ""},
		"that address was left":              {decoy("a="+decoyAddr, "b="+decoyAddr), ""},
		"another address":                    {decoy("a=192.168.88.10", "a=203.0.113.1"), ""},
		"the Call-ID":                        {change(sip.CallID, sip.ViaSentBy, sip.SDPOrigin), hidesCallID},
		"Via and c=":                         {change(sip.ViaSentBy, sip.SDPConnection), linuxHelper},
		"Via and o=":                         {change(sip.ViaSentBy, sip.SDPOrigin), linuxHelper},
		"Via and m=":                         {change(sip.ViaSentBy, sip.SDPMediaPort), linuxHelper},
		"Via, c= and an attribute":           {change(sip.ViaSentBy, sip.SDPConnection, sip.SDPAttribute), ""},
		"Via alone":                          {change(sip.ViaSentBy), headersOnly},
		"Contact alone":                      {change(sip.ContactChanged), headersOnly},
		"From alone":                         {change(sip.FromChanged), ""},
		"c= alone":                           {change(sip.SDPConnection), ""},
		"c= and Contact":                     {change(sip.SDPConnection, sip.ContactChanged), ""},
		"a codec is gone":                    {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 1 RTP/AVP 8"}}, codecFilter},
		"a codec and its bandwidth are gone": {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 1 RTP/AVP 8"}, {sip.SDPAttribute, "request", "b=AS:64", ""}}, ""},
		"a codec is gone, another renamed":   {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 1 RTP/AVP 8"}, {sip.SDPAttribute, "request", "a=rtpmap:8 PCMA/8000", "a=rtpmap:8 G722/8000"}}, ""},
		"an attribute is another":            {[]Change{{sip.SDPAttribute, "request", "a=rtpmap:0 PCMU/8000", "a=rtpmap:0 PCMA/8000"}}, ""},
		"another came in":                    {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8 9", "m=audio 1 RTP/AVP 8 3"}}, ""},
		"the port is another":                {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 2 RTP/AVP 8"}}, ""},
		"no codec is gone":                   {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 1 RTP/AVP 8 0"}}, ""},
		"the line is cut":                    {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 1"}}, ""},
		"all codecs are gone":                {[]Change{{sip.SDPAttribute, "request", "m=audio 1 RTP/AVP 0 8", "m=audio 1 RTP/AVP"}}, codecFilter},
		"a line of another kind is short":    {[]Change{{sip.SDPAttribute, "request", "b=audio 1 RTP/AVP 0 8", "b=audio 1 RTP/AVP 8"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := engine([]Path{{Changes: c.changes}})
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A port is closed where everything to it is lost, while new connections to
// another port, begun right after, all pass.
func TestWhenAPortIsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		pairs, passed int
		arrived       bool
		hop           netip.Addr // of a router that refuses it
		blocked       bool
		note          string
	}{
		"all others pass":      {canaryPairs, canaryPairs, false, netip.Addr{}, true, "blocked"},
		"a router refuses it":  {canaryPairs, canaryPairs, false, farEnd, true, "blocked"},
		"its answers are lost": {canaryPairs, canaryPairs, true, netip.Addr{}, true, "blocked"},
		"one was not tried":    {canaryPairs - 1, canaryPairs - 1, false, netip.Addr{}, false, "loss"},
		"one was lost":         {canaryPairs, canaryPairs - 1, false, netip.Addr{}, false, "new-flows-limited"},
		"none was tried":       {0, 0, false, netip.Addr{}, false, "new-flows-limited"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}}
			add := func(p Probe) int {
				p.ID, p.Transport, p.Source, p.Message, p.Known, p.Sent = len(o.Probes)+1, "udp", "fresh", "INVITE", true, Wire("x")
				p.Flow = p.ID
				o.Probes = append(o.Probes, p)
				return p.ID
			}
			add(Probe{Port: 5060, Tries: 5, Arrived: c.arrived, ErrorHop: c.hop, Error: "198.51.100.2 says no"})
			add(Probe{Port: 5060, Tries: 5, Masked: true})
			add(Probe{Port: 5080, Tries: 1, Masked: true, Arrived: true, Answered: true})
			for i := range c.pairs {
				lost := add(Probe{Port: 5060, Tries: 5, Masked: true, Again: true})
				passes := i < c.passed
				add(Probe{Port: 5080, Tries: 1, Masked: true, Again: true, ControlOf: lost, Arrived: passes, Answered: passes})
			}
			got := pathOf(t, o, 1)
			if got.Verdict != Inconclusive || got.Blocked != c.blocked || got.Note != c.note || strings.Contains(english(got.why.text), "no answer comes back") != (c.arrived && c.blocked) ||
				strings.Contains(english(got.why.text), "says no") != c.hop.IsValid() {
				t.Errorf("%s, blocked %v: %q", got.Verdict, got.Blocked, got.Note)
			}
		})
	}
}

// The private address in a parameter that only our second question has is named
// as what it is.
func TestTheMarkOfTheControlIsNamed(t *testing.T) {
	o := observation(one(plainly(private), plainly(marked)))
	r := resultOf(t, o, office)
	if len(r.Findings) != 1 || !slices.ContainsFunc(r.Findings[0].Evidence, func(e checks.Evidence) bool {
		return e.Name == "Via parameter x-seen in the answer of sip.example (UDP 5060)" && e.Got == "192.168.88.10"
	}) {
		t.Errorf("%+v", r.Findings)
	}
	a := &o.Servers[0].Answers[0]
	a.ControlSent = Wire("OPTIONS sip:x SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n") // a report that somebody else wrote
	if r := resultOf(t, o, office); r.Status == checks.Error {
		t.Errorf("a question without a Via is an error: %s", r.Reason)
	}
}

// What the answer should have named is what outsiders see, or what the server
// itself saw over another transport.
func TestWhatTheAnswerShouldHaveNamed(t *testing.T) {
	for name, views := range map[string][]View{"STUN is silent": nil, "STUN tells as well": {{Local: phone, Seen: netip.MustParseAddr("203.0.113.77"), By: "stun.example"}}} {
		t.Run(name, func(t *testing.T) {
			o := observation(one(map[string]reply{"udp": private, "tls": good}, nil))
			o.Views = views
			want := checks.Evidence{Name: "Via received in the answer of sip.example (UDP 5060)", Want: "203.0.113.1 (as seen from outside)", Got: "received=192.168.88.10"}
			if r := resultOf(t, o, office); len(r.Findings) != 1 || !shows(r.Findings[0], want) {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// The silence of other ports says nothing about one, as long as some port of the
// same transport answers; nor does what passes to it later.
func TestTheSilenceOfAnotherPort(t *testing.T) {
	for c, blocked := range map[struct {
		tries int    // of each masked message that is lost
		later string // the source port from which one passes
	}]bool{{2, ""}: false, {3, ""}: true, {3, "fresh"}: false, {2, "5060"}: false} {
		o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}}
		add := func(p Probe) {
			p.ID, p.Transport, p.Source, p.Message, p.Known, p.Sent = len(o.Probes)+1, "udp", "fresh", "INVITE", true, Wire("x")
			p.Flow = p.ID
			o.Probes = append(o.Probes, p)
		}
		add(Probe{Port: 5060, Withheld: true})
		add(Probe{Port: 5081, Tries: 9})
		add(Probe{Port: 5080, Tries: 1, Masked: true, Arrived: true, Answered: true})
		for range canaryPairs {
			add(Probe{Port: 5060, Tries: c.tries, Masked: true, Again: true})
			add(Probe{Port: 5080, Tries: 1, Masked: true, Again: true, ControlOf: len(o.Probes), Arrived: true, Answered: true})
		}
		if c.later != "" {
			add(Probe{Port: 5060, Tries: 1, Masked: true, Again: true, Arrived: true, Answered: true})
			o.Probes[len(o.Probes)-1].Source = c.later
		}
		if got := pathOf(t, o, 1); got.Blocked != blocked || got.Verdict != Inconclusive {
			t.Errorf("%+v: %s, blocked %v: %q", c, got.Verdict, got.Blocked, got.Note)
		}
	}
}

// The change that is shown is that of the call which a phone is likeliest to
// make.
func TestTheLikeliestCallIsShown(t *testing.T) {
	path := func(transport string, port int, message, variant string, inbound bool) Path {
		return Path{Transport: transport, Port: port, Message: message, Variant: variant, Inbound: inbound, Changes: []Change{{Code: sip.CallID}}}
	}
	best := path("udp", 5060, "INVITE", "", false)
	none := best
	none.Changes = nil
	for name, other := range map[string]Path{
		"a call from outside": path("udp", 5060, "INVITE", "", true),
		"another port":        path("udp", 5080, "INVITE", "", false),
		"over TCP":            path("tcp", 5060, "INVITE", "", false),
		"a registration":      path("udp", 5060, "REGISTER", "", false),
		"an odd spelling":     path("udp", 5060, "INVITE", variantCompact, false),
	} {
		if got := plainest([]Path{other, best}); got == nil || got.Transport != best.Transport || got.Port != best.Port || got.Message != best.Message || got.Variant != best.Variant || got.Inbound {
			t.Errorf("%s is shown before an ordinary call", name)
		}
		if got := plainest([]Path{none, other}); got == nil || len(got.Changes) == 0 {
			t.Errorf("%s: what was not changed is shown", name)
		}
	}
	again := best
	again.Note = "the second"
	if got := plainest([]Path{best, again}); got.Note != "" {
		t.Error("of two that are alike the second is shown")
	}
	if plainest([]Path{none}) != nil {
		t.Error("what was not changed is shown")
	}
}

func TestALineOfSDPIsCalledByItsBeginning(t *testing.T) {
	for line, want := range map[string]string{
		"a=rtcp:20003 IN IP4 192.168.88.10": "SDP a=rtcp", "a=sendrecv": "SDP a=sendrecv", "b=AS:64": "SDP b=", "b=": "SDP b=", "b": "sdp-attribute", "": "sdp-attribute",
	} {
		gone, new := Change{Code: sip.SDPAttribute, Before: line}, Change{Code: sip.SDPAttribute, After: line}
		if gone.name() != want || new.name() != want {
			t.Errorf("%q is called %q and %q, want %q", line, gone.name(), new.name(), want)
		}
	}
	if got := (Change{Code: sip.ContactChanged, Before: "a=x"}).name(); got != "Contact" {
		t.Errorf("a Contact is called %q", got)
	}
}

// What the fresh flows to a silent port and to another one say of it.
func TestWhatFreshFlowsSayOfASilentPort(t *testing.T) {
	const message, masked, alive, pairs = 0, 1, 2, 3 // where they are; each pair is a flow to the port and one to the other
	reset := func(p *Probe) {
		if p.Transport = "tcp"; !p.Answered {
			p.ErrorClass = string(platform.ClassReset)
		}
	}
	for name, c := range map[string]struct {
		edit    func(p []Probe)
		blocked bool
		note    string
	}{
		"all others pass":                     {func([]Probe) {}, true, "blocked"},
		"one got through to the port as well": {func(p []Probe) { p[pairs].Arrived, p[pairs].Answered = true, true }, false, "loss"},
		"one of the others could not be sent": {func(p []Probe) { p[pairs+1].Tries, p[pairs+1].Arrived, p[pairs+1].Answered = 0, false, false }, false, "loss"},
		"they left from source port 5060":     {func(p []Probe) { p[pairs].Source, p[pairs+2].Source, p[pairs+4].Source = "5060", "5060", "5060" }, false, "new-flows-limited"},
		"one try of each is little":           {func(p []Probe) { p[message].Tries, p[masked].Tries = 1, 1 }, false, "loss"},
		"nine masked ones are much":           {func(p []Probe) { p[message].Tries, p[masked].Tries = 1, 9 }, true, "blocked"},
		"but not from another source port":    {func(p []Probe) { p[message].Tries, p[masked].Tries, p[masked].Source = 1, 9, "5060" }, false, "loss"},
		"resets on a bad line, not everywhere": {func(p []Probe) {
			for i := range p {
				reset(&p[i])
			}
			p[masked].Source, p[masked].Arrived, p[masked].Answered, p[masked].Tries = "5060", true, true, 2
			p[alive].Tries = 2
		}, true, "blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}, Probes: []Probe{
				{Port: 5060, Tries: 5}, {Port: 5060, Tries: 5, Masked: true}, {Port: 5080, Tries: 1, Masked: true, Answered: true},
			}}
			for i := range canaryPairs {
				o.Probes = append(o.Probes, Probe{Port: 5060, Tries: 1, Masked: true, Again: true},
					Probe{Port: 5080, Tries: 1, Masked: true, Again: true, Answered: true, ControlOf: pairs + 2*i + 1})
			}
			for i := range o.Probes {
				p := &o.Probes[i]
				p.ID, p.Flow, p.Transport, p.Source, p.Message, p.Known, p.Sent, p.Arrived = i+1, i+1, "udp", "fresh", "INVITE", true, Wire("x"), p.Answered
			}
			c.edit(o.Probes)
			if got := pathOf(t, o, 1); got.Blocked != c.blocked || got.Verdict != Inconclusive || got.Note != c.note {
				t.Errorf("%s, blocked %v: %q", got.Verdict, got.Blocked, got.Note)
			}
		})
	}
}

// That one kind of message is read says nothing of another kind, of which not
// even the masked bytes were tried.
func TestWhatIsReadIsOneKindOfMessage(t *testing.T) {
	o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}, Probes: []Probe{
		{Message: "INVITE", Tries: 5, Sent: Wire("xxxxx")},
		{Message: "OPTIONS", Tries: 9, Sent: Wire("x")},
		{Message: "INVITE", Tries: 1, Sent: Wire("x"), Masked: true, Answered: true, Arrived: true},
	}}
	for i := range o.Probes {
		p := &o.Probes[i]
		p.ID, p.Flow, p.Transport, p.Port, p.Source, p.Known = i+1, 1, "udp", 5060, "fresh", true
	}
	for id, want := range map[int]string{1: Inconclusive, 2: Dropping} {
		if got := pathOf(t, o, id); got.Verdict != want {
			t.Errorf("%s: %s, want %s: %q", got.Message, got.Verdict, want, got.Note)
		}
	}
}

// Three connections that hang beside masked ones that pass are read, however
// many others there are: none of the three was picked out.
func TestConnectionsThatHangBesideMaskedOnes(t *testing.T) {
	for hang, want := range map[int]string{2: Inconclusive, 3: Dropping} {
		o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}}
		add := func(p Probe) {
			p.ID, p.Transport, p.Port, p.Source, p.Known, p.Tries, p.Sent, p.Arrived = len(o.Probes)+1, "tcp", 5060, "fresh", true, 1, Wire("x"), p.Answered
			p.Flow = p.ID
			o.Probes = append(o.Probes, p)
		}
		for range hang {
			add(Probe{Message: "INVITE", ErrorClass: string(platform.ClassTimeout)})
			add(Probe{Message: "INVITE", Masked: true, Answered: true, ControlOf: len(o.Probes)})
		}
		for range 5 {
			add(Probe{Message: "OPTIONS", Answered: true})
		}
		if got := pathOf(t, o, 1); got.Verdict != want || got.Blocked {
			t.Errorf("%d hang: %s, want %s: %q", hang, got.Verdict, want, got.Note)
		}
	}
}

// A connection that was never tried is not a lost one.
func TestAConnectionThatWasNotTriedIsNotLost(t *testing.T) {
	for tries, blocked := range map[int]bool{0: false, 1: true} { // of the third connection
		o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}, Probes: []Probe{
			{ID: 1, Tries: 1, Message: "INVITE"}, {ID: 2, Tries: 1, Message: "OPTIONS"}, {ID: 3, Tries: tries, Message: "REGISTER"},
		}}
		for i := range o.Probes {
			p := &o.Probes[i]
			p.Transport, p.Port, p.Source, p.Known, p.ErrorClass = "tcp", 5060, "fresh", true, string(platform.ClassTimeout)
		}
		o.Probes = append(o.Probes, Probe{ID: 4, Transport: "udp", Port: 5060, Source: "fresh", Message: "INVITE", Known: true, Tries: 1, Sent: Wire("x"), Arrived: true, Answered: true})
		if got := pathOf(t, o, 1); got.Blocked != blocked || got.Verdict != Inconclusive {
			t.Errorf("%d tries of the third: %s, blocked %v: %q", tries, got.Verdict, got.Blocked, got.Note)
		}
	}
}

// A port is called closed from a source port only if its masked messages were
// tried so often that more than the SIP is lost, once in a thousand runs.
func TestClosedOrOnlyClosedToSIP(t *testing.T) {
	for c, blocked := range map[struct {
		last   int  // tries of the last masked message; two others have one each
		masked bool // so is what passes from source port 5060
	}]bool{{1, true}: false, {2, true}: true, {1, false}: true} {
		o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}}
		add := func(p Probe) {
			p.ID, p.Transport, p.Message, p.Known, p.Sent, p.Arrived = len(o.Probes)+1, "udp", "INVITE", true, Wire("x"), p.Answered
			p.Flow = p.ID
			o.Probes = append(o.Probes, p)
		}
		add(Probe{Port: 5060, Source: "fresh", Tries: 9})
		add(Probe{Port: 5060, Source: "5060", Tries: 1, Masked: c.masked, Answered: true})
		for i := range canaryPairs {
			tries := 1
			if i == canaryPairs-1 {
				tries = c.last
			}
			add(Probe{Port: 5060, Source: "fresh", Tries: tries, Masked: true, Again: true})
			add(Probe{Port: 5080, Source: "fresh", Tries: 1, Masked: true, Again: true, ControlOf: len(o.Probes), Answered: true})
		}
		if got := pathOf(t, o, 1); got.Blocked != blocked {
			t.Errorf("%d tries in all, masked %v: blocked %v: %q", 2+c.last, c.masked, got.Blocked, got.Note)
		}
	}
}

// Lost masked messages are no lost SIP.
func TestWhatIsReadCountsOnly(t *testing.T) {
	for tries, want := range map[int]Path{3: {Verdict: Inconclusive}, 9: {Verdict: Dropping}} {
		o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}, Probes: []Probe{
			{ID: 1, Flow: 1, Tries: tries},
			{ID: 2, Flow: 1, Tries: 1, Masked: true, Answered: true, Arrived: true},
			{ID: 3, Flow: 1, Tries: 9, Masked: true},
		}}
		for i := range o.Probes {
			p := &o.Probes[i]
			p.Transport, p.Port, p.Source, p.Message, p.Known, p.Sent = "udp", 5060, "fresh", "INVITE", true, Wire("x")
		}
		if got := pathOf(t, o, 1); got.Verdict != want.Verdict {
			t.Errorf("%d tries: %s: %q", tries, got.Verdict, got.Note)
		}
	}
}

// A message that came changed is a fault whatever the responder left undone.
func TestABusyResponderTakesNoChangeBack(t *testing.T) {
	o := visit(passes, on("udp", 5060, true, rewrites))
	o.Far = &checks.FarEnd{Untold: "the connection was reset"}
	if r := resultOf(t, o, office); r.Status != checks.Fail || !slices.Equal(found(r), []string{"sip-alg.rewriting critical certain"}) {
		t.Errorf("%s, %v: %s", r.Status, found(r), r.Reason)
	}
}

// Only a way that nobody can read is said to be one, and only an address that
// was left behind is called forgotten.
func TestWhatIsSaidOfAWayAround(t *testing.T) {
	everywhere := func(p *Probe) {
		p.ArrivedAs = Wire(strings.ReplaceAll(string(p.Sent), phone.String(), wan.String()))
	}
	opened := func(p *Probe) {
		if p.Transport == "tls" {
			p.TLSForeign = "CN=firewall"
		}
	}
	for name, c := range map[string]struct {
		rules []network
		want  string
	}{
		"TLS passes":    {nil, "If you cannot change the router, use TLS 5061: it passed unchanged and cannot be read on the way."},
		"TLS is opened": {[]network{opened}, "If you cannot change the router, use TCP 5060: it passed unchanged today."},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, visit(append([]network{passes, on("udp", 0, true, everywhere)}, c.rules...)...), office)
			if r.Findings[0].Advice[0] != c.want {
				t.Errorf("%q, want %q", r.Findings[0].Advice[0], c.want)
			}
			if slices.ContainsFunc(r.Findings[0].Evidence, func(e checks.Evidence) bool { return e.Name == "forgotten" }) {
				t.Errorf("nothing was forgotten: %+v", r.Findings[0].Evidence)
			}
			for _, p := range r.Facts.(Facts).Paths {
				if p.Transport == "tls" && (p.Note != "") != (c.rules != nil) {
					t.Errorf("%s: %q", p.Message, p.Note)
				}
			}
		})
	}
}
