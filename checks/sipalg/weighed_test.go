package sipalg

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
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
		proof   bool // that another transport shows it as it should be
	}{
		"another message over the same transport is no proof": {invite(observation(one(udp(newFrom), nil)), good), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical likely"}, false},
		"TCP is": {observation(one(map[string]reply{"udp": newFrom, "tcp": good}, nil)), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical certain"}, true},
		"a router that quotes UDP is sure of UDP": {quoted(observation(one(udp(good), nil))), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical certain"}, false},
		"and says nothing of what TCP answers": {quoted(observation(one(map[string]reply{"tcp": newFrom}, nil))), Rewriting, checks.Fail,
			[]string{"sip-alg.rewriting critical certain"}, false},
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
		})
	}
}

// Where the responder could not be asked what arrived, only what can be read of
// its answers counts, and no other server takes it back.
func TestWhatTheRespondersAnswersAloneProve(t *testing.T) {
	blind := func(masked bool, servers ...told) Observed {
		o := visit(passes, func(p *Probe) {
			p.Known, p.Arrived, p.ReplySent = false, false, nil
			p.Answered = p.Transport != "tls" && !p.Inbound && p.Masked == masked
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
	for name, c := range map[string]struct {
		o       Observed
		verdict string
		status  checks.Status
		finds   []string
	}{
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
	if got := f.Servers[0].Note; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Equal(f.Servers[0].Answered, []string{"UDP 5060", "TCP 5060"}) {
		t.Errorf("answered %q", f.Servers[0].Answered)
	}
	o = observation(one(udp(reply{received: "203.0.113.77"}), nil))
	o.Views = append(o.Views, View{Local: phone, Seen: wan, By: "other.example"})
	f = resultOf(t, o, office).Facts.(Facts)
	if want := "the server saw 203.0.113.77, STUN servers saw 203.0.113.1: "; !strings.Contains(f.Servers[0].Note, want) {
		t.Errorf("%q, want %q", f.Servers[0].Note, want)
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
	if f := resultOf(t, o, office).Facts.(Facts); f.Hop == nil || f.Hop.Before != "192.0.2.3" {
		t.Errorf("at %+v, want the responder's", f.Hop)
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
	if want := "A codec filter, most likely in your router, takes PCMU out of the SDP"; len(r.Findings) != 1 || r.Findings[0].Title != want {
		t.Errorf("%+v, want %q", r.Findings, want)
	}
	r = resultOf(t, visit(passes, on("udp", 5060, true, shortens("a=sendrecv", "a=sendonly"))), office)
	if len(r.Findings) != 1 || strings.Contains(r.Findings[0].Title, "codec") {
		t.Errorf("what changes the direction of the audio is called a codec filter: %+v", r.Findings)
	}
}

// A proxy is called that, and its finding is beyond doubt.
func TestAProxyIsCalledAProxy(t *testing.T) {
	r := resultOf(t, visit(passes, on("udp", 5060, true, proxies)), office)
	if want := "Something, most likely in your router, proxies SIP: it takes every message apart and sends its own"; len(r.Findings) != 1 || r.Findings[0].Title != want ||
		!slices.Equal(found(r), []string{"sip-alg.proxying critical certain"}) || r.Status != checks.Fail {
		t.Errorf("%s, %v: %+v", r.Status, found(r), r.Findings)
	}
}

// A message over TCP that was lost once, and passed when it was asked again,
// leaves TCP unproved.
func TestAMessageOverTCPThatNothingExplains(t *testing.T) {
	r := resultOf(t, visit(passes, func(p *Probe) {
		if p.Transport == "tcp" && p.Port == 5060 && p.Message == "REGISTER" && !p.Again {
			loses(p)
		}
	}), office)
	if f := r.Facts.(Facts); f.Verdict != Inconclusive || r.Status != checks.Inconclusive || len(r.Findings) > 0 || !strings.HasPrefix(r.Reason, "TCP 5060 REGISTER: ") {
		t.Errorf("%s, %s, %v: %q", f.Verdict, r.Status, found(r), r.Reason)
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
	for name, c := range map[string]struct {
		probes []Probe
		want   bool
	}{
		"less passes":                         {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 1, 500, 1, true, true)}, true},
		"seven tries in all":                  {[]Probe{probe(2, 1, 1000, 2, true, false), probe(3, 1, 500, 1, true, true)}, true},
		"five tries in all":                   {[]Probe{probe(2, 1, 1000, 0, true, false), probe(3, 1, 500, 1, true, true)}, false},
		"it has no masked one":                {[]Probe{probe(3, 1, 500, 1, true, true)}, false},
		"the masked one passes":               {[]Probe{probe(2, 1, 1000, 1, true, true), probe(3, 1, 500, 1, true, true)}, false},
		"as much passes on another flow":      {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 1, 500, 1, true, true), probe(4, 4, 1000, 1, false, true)}, false},
		"a byte less does":                    {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 1, 500, 1, true, true), probe(4, 4, 999, 1, false, true)}, true},
		"nothing else passes on the flow":     {[]Probe{probe(2, 1, 1000, 5, true, false), probe(3, 3, 500, 1, true, true)}, false},
		"a shorter masked one is not its own": {[]Probe{probe(2, 1, 999, 5, true, false), probe(3, 1, 500, 1, true, true)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}, Probes: append([]Probe{probe(1, 1, 1000, 5, false, false)}, c.probes...)}
			p := &o.Probes[0]
			if got := groupOf(&o, p).tooLarge(p); got != c.want {
				t.Errorf("too large: %v", got)
			}
		})
	}
}
