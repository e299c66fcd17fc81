package sipalg

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func resultOf(t *testing.T, o Observed, h *netinfo.Host) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, h)
}

// found is each finding of a result in a line.
func found(r checks.Result) []string {
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %s %s", f.ID, f.Severity, f.Confidence))
	}
	return out
}

// pathOf is what was made of a probe.
func pathOf(t *testing.T, o Observed, id int) Path {
	t.Helper()
	for _, p := range classify(&o) {
		if p.probe.ID == id {
			return p
		}
	}
	t.Fatalf("probe %d was not judged", id)
	return Path{}
}

// A network is blamed for what loss does once in a million runs, and of several
// messages any may be the lost ones.
func TestHowMuchSilenceIsMoreThanLoss(t *testing.T) {
	udp := func(tries ...int) (out []*Probe) {
		for _, n := range tries {
			out = append(out, &Probe{Tries: n})
		}
		return out
	}
	tcp := func(classes ...platform.ErrorClass) (out []*Probe) {
		for _, c := range classes {
			out = append(out, &Probe{Tries: 1, ErrorClass: string(c)})
		}
		return out
	}
	const gone, reset = platform.ClassTimeout, platform.ClassReset
	for name, c := range map[string]struct {
		stream bool
		loss   float64
		lost   []*Probe
		all    int
		want   bool
	}{
		"nothing is lost":                           {false, 0.09, nil, 3, false},
		"five tries, one in eleven is lost":         {false, 0.09, udp(5), 1, false},
		"six tries":                                 {false, 0.09, udp(6), 1, true},
		"six tries in two messages":                 {false, 0.09, udp(3, 3), 2, true},
		"six tries, any of two messages":            {false, 0.09, udp(6), 2, false},
		"seven tries, any of two messages":          {false, 0.09, udp(7), 2, true},
		"six tries in two of three messages":        {false, 0.09, udp(3, 3), 3, false},
		"a connection hangs":                        {true, 0.003, tcp(gone), 1, false},
		"two hang":                                  {true, 0.003, tcp(gone, gone), 2, false},
		"three hang":                                {true, 0.003, tcp(gone, gone, gone), 3, true},
		"one is reset":                              {true, 0.003, tcp(reset), 1, false},
		"two are reset":                             {true, 0.003, tcp(reset, reset), 2, true},
		"two are refused":                           {true, 0.003, tcp(platform.ClassRefused, platform.ClassRefused), 2, true},
		"two are prohibited":                        {true, 0.003, tcp(platform.ClassProhibited, platform.ClassProhibited), 2, true},
		"one is reset, one hangs":                   {true, 0.003, tcp(reset, gone), 2, true},
		"two found no way":                          {true, 0.003, tcp(platform.ClassUnreachable, platform.ClassUnreachable), 2, false},
		"two are reset on a line that loses little": {true, 0.00001, tcp(reset, reset), 2, true},
		"five hang on a line that loses most":       {true, 0.9, tcp(gone, gone, gone, gone, gone), 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (group{stream: c.stream, loss: c.loss}).beyondLoss(c.lost, c.all); got != c.want {
				t.Errorf("more than loss: %v, want %v", got, c.want)
			}
		})
	}
}

// A line is never taken for better than one that loses a tenth.
func TestHowBadALineIs(t *testing.T) {
	answered := func(transport string, tries ...int) (out []Probe) {
		for _, n := range tries {
			out = append(out, Probe{Transport: transport, Answered: true, Tries: n})
		}
		return out
	}
	call := Probe{Transport: "udp", Inbound: true, Answered: true, Tries: 9}
	for name, c := range map[string]struct {
		probes        []Probe
		udp, tcp, tls float64
	}{
		"nothing was answered":      {nil, 0.5, 0.003, 0.006},
		"all at once":               {answered("udp", 1, 1, 1), 0.1, 0.003, 0.006},
		"a tenth":                   {answered("udp", 1, 1, 1, 1, 1, 1, 1, 1, 2), 0.1, 0.003, 0.006},
		"a fifth":                   {answered("udp", 1, 1, 1, 2), 0.2, 0.024, 0.048},
		"half":                      {answered("udp", 2, 2), 0.5, 0.375, 0.75},
		"three quarters":            {answered("udp", 4), 0.75, 0.9, 0.9},
		"calls do not count":        {append(answered("udp", 1), call), 0.1, 0.003, 0.006},
		"every second connection":   {answered("tcp", 2, 2), 0.5, 0.5, 0.5},
		"TLS counts for TCP":        {answered("tls", 1, 1, 1, 2), 0.5, 0.2, 0.2},
		"what was lost is no rate":  {append(answered("udp", 1), Probe{Transport: "udp", Tries: 10}), 0.1, 0.003, 0.006},
		"nine of ten, connections":  {answered("tcp", 100), 0.5, 0.9, 0.9},
		"a clean line, connections": {append(answered("udp", 1), answered("tcp", 1)...), 0.1, 0.003, 0.006},
	} {
		t.Run(name, func(t *testing.T) {
			got := []float64{lossOf(c.probes), streamLossOf(c.probes, "tcp"), streamLossOf(c.probes, "tls")}
			for i, want := range []float64{c.udp, c.tcp, c.tls} {
				if d := got[i] - want; d > 1e-9 || d < -1e-9 {
					t.Errorf("loss %v, want %v", got, []float64{c.udp, c.tcp, c.tls})
				}
			}
		})
	}
}

// Calls from outside are dropped by content where at least two are lost beside
// masked ones, on one port, or on all ports if none came.
func TestHowManyLostCallsAreMoreThanLoss(t *testing.T) {
	const came, unheard, noCall, noControl, broke, mutely, anew, halfway = "came", "unheard", "no call", "no control", "broke", "mutely", "anew", "halfway"
	type call struct {
		port, tries int
		what        string
	}
	lostAt := func(port, tries int) call { return call{port, tries, ""} }
	for name, c := range map[string]struct {
		calls []call
		want  bool
		note  string
	}{
		"one alone":                              {[]call{lostAt(5060, 9)}, false, "call-lost"},
		"two on one port":                        {[]call{lostAt(5060, 4), lostAt(5060, 4)}, true, "call-dropped"},
		"two, then it could not be asked again":  {[]call{{5060, 4, broke}, lostAt(5060, 4)}, true, "call-dropped"},
		"two, tried five times":                  {[]call{lostAt(5060, 3), lostAt(5060, 2)}, false, "call-lost"},
		"two, tried seven times":                 {[]call{lostAt(5060, 4), lostAt(5060, 3)}, true, "call-dropped"},
		"one on each port":                       {[]call{lostAt(5060, 4), lostAt(5080, 4)}, true, "call-dropped"},
		"one on each port, and another came":     {[]call{lostAt(5060, 4), lostAt(5080, 4), {8765, 1, came}}, false, "call-lost"},
		"two on one port, and another came":      {[]call{lostAt(5060, 4), lostAt(5060, 4), {8765, 1, came}}, true, "call-dropped"},
		"two, and of one the masked was lost":    {[]call{lostAt(5060, 4), {5060, 4, noControl}}, false, "call-lost"},
		"so was that of the first":               {[]call{{5060, 4, noControl}, lostAt(5060, 4), lostAt(5060, 4)}, false, "any-call-lost"},
		"two came, and our answers did not":      {[]call{{5060, 4, unheard}, {5060, 4, unheard}}, true, "call-dropped"},
		"two came on two ports, and no answers":  {[]call{{5060, 4, unheard}, {5080, 4, unheard}}, true, "call-dropped"},
		"nor did our answers to the masked ones": {[]call{{5060, 4, mutely}, {5060, 4, mutely}}, false, "any-call-lost"},
		"masked ones came, and no more":          {[]call{{5060, 4, halfway}, {5060, 4, halfway}}, true, "call-dropped"},
		"two came when they were made again":     {[]call{{5060, 4, anew}, {5060, 4, anew}}, false, "any-call-lost"},
		"one did not come, one was not heard":    {[]call{lostAt(5060, 4), {5060, 4, unheard}}, false, "call-lost"},
		"the responder called on one flow alone": {[]call{lostAt(5060, 4), {5060, 4, noCall}}, false, "call-lost"},
		"nothing was answered on the flow":       {[]call{{5060, 4, noCall}}, false, "no-flow-for-call"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd, Carrier: "https"}}
			o.Probes = []Probe{{ID: 1, Transport: "udp", Port: 5060, Source: "fresh", Message: "INVITE", Flow: 99, Known: true, Arrived: true, Answered: true, Tries: 1, Sent: Wire("x"), ReplySent: Wire("SIP/2.0 200 OK")}}
			for i, k := range c.calls {
				p := Probe{ID: 10 + i, Flow: 10 + i, Transport: "udp", Port: k.port, Source: "fresh", Message: "INVITE", Inbound: true, Known: true, Tries: k.tries, ReplySent: Wire("INVITE")}
				control := p
				control.ID, control.Masked, control.Answered, control.Arrived, control.Tries = 100+i, true, k.what != noControl && k.what != anew, k.what != noControl && k.what != mutely && k.what != anew && k.what != halfway, 1
				opener := control // a masked message of ours is no call
				opener.ID, opener.Inbound, opener.Answered, opener.Arrived = 200+i, false, true, true
				switch k.what {
				case came:
					p.Answered, p.Arrived = true, true
				case unheard, mutely:
					p.Answered, p.Answers, p.Tries = true, k.tries, 1
				case noCall:
					p.ReplySent = nil
				case anew:
					again := p
					again.ID, again.Answered, again.Arrived = 300+i, true, true
					o.Probes = append(o.Probes, again)
				case broke:
					p.Error = "asking the responder for a call: the connection was reset"
				}
				o.Probes = append(o.Probes, p, control, opener)
			}
			got := pathOf(t, o, 10)
			if (got.Verdict == Dropping) != c.want || !c.want && got.Verdict != Inconclusive || got.Note != c.note {
				t.Errorf("%s: %q, want %q", got.Verdict, got.Note, c.note)
			}
			if first := c.calls[0].what; first != noCall {
				want := words.Args{"came": first == unheard || first == mutely, "calls": o.Probes[1].Tries, "answers": o.Probes[1].Answers}
				if d := cmp.Diff(want, got.why.text.Args); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// A message that was not sent, since the responder did not show itself at the
// port, is judged by what the port did.
func TestAPortAtWhichNobodyShowedHimself(t *testing.T) {
	owner := func(transport, who string, tries int) func(*Observed) {
		return func(o *Observed) {
			o.Ports = append(o.Ports, session.Owner{Transport: transport, Port: 5060, Who: who, Tries: tries})
		}
	}
	far := func(f checks.FarEnd) func(*Observed) {
		return func(o *Observed) { o.Far = &f }
	}
	translated := func(o *Observed) { o.Responder.Translated = true }
	overTCP := func(o *Observed) { o.Probes[0].Transport, o.Probes[1].Transport = "tcp", "udp" }
	for name, c := range map[string]struct {
		edits   []func(*Observed)
		verdict string
		blocked bool
		note    string
	}{
		"another SIP server answers": {[]func(*Observed){owner("udp", session.Stranger, 1)}, Proxying, false, "another-server"},
		"the responder's address is translated": {[]func(*Observed){owner("udp", session.Stranger, 1), translated}, Inconclusive, false,
			"another-program"},
		"another server answers over TCP alone": {[]func(*Observed){owner("tcp", session.Stranger, 1), owner("udp", session.Nobody, 1)}, Inconclusive, false,
			"not-sent"},
		"another server answers at another port": {[]func(*Observed){func(o *Observed) {
			o.Ports = append(o.Ports, session.Owner{Transport: "udp", Port: 5080, Who: session.Stranger, Tries: 1})
		}, owner("udp", session.Nobody, 1)}, Inconclusive, false, "not-sent"},
		"the responder was busy": {[]func(*Observed){owner("udp", session.Nobody, 9), far(checks.FarEnd{Untold: "the connection was reset"})}, Inconclusive, false,
			"busy"},
		"no UDP reaches the responder": {[]func(*Observed){owner("udp", session.Nobody, 9), far(checks.FarEnd{Carrier: "https", Ports: "5060"})}, Inconclusive, false,
			"no-udp"},
		"nobody could be asked what arrived": {[]func(*Observed){owner("udp", session.Nobody, 9), func(o *Observed) { o.Probes[0].Known = false }}, Inconclusive, false,
			"arrivals-unknown"},
		"this machine's filter stops others": {[]func(*Observed){owner("udp", session.Nobody, 9), func(o *Observed) {
			q := o.Probes[0]
			q.ID, q.Withheld, q.ErrorClass = 7, false, string(platform.ClassLocalFilter)
			o.Probes = append(o.Probes, q)
		}}, Inconclusive, false, "own-filter"},
		"it was asked too seldom":                   {[]func(*Observed){owner("udp", session.Nobody, 5)}, Inconclusive, false, "not-sent"},
		"that somebody was there is not lost":       {[]func(*Observed){owner("udp", session.Responder, 20)}, Inconclusive, false, "not-sent"},
		"it was asked so often that it is not loss": {[]func(*Observed){owner("udp", session.Nobody, 20)}, Inconclusive, true, "blocked"},
		"once less": {[]func(*Observed){owner("udp", session.Nobody, 19)}, Inconclusive, false, "not-sent"},
		"the silence of all UDP ports counts": {[]func(*Observed){owner("udp", session.Nobody, 10), func(o *Observed) {
			o.Ports = append(o.Ports, session.Owner{Transport: "udp", Port: 5080, Who: session.Nobody, Tries: 10})
		}}, Inconclusive, true, "blocked"},
		"that of TCP ports does not": {[]func(*Observed){owner("udp", session.Nobody, 10), owner("tcp", session.Nobody, 10)}, Inconclusive, false,
			"not-sent"},
		"no UDP does, but it is a TCP port": {[]func(*Observed){overTCP, owner("tcp", session.Nobody, 2), far(checks.FarEnd{Carrier: "https", Ports: "5060"})}, Inconclusive, false,
			"not-sent"},
		"three connections got nowhere": {[]func(*Observed){overTCP, owner("tcp", session.Nobody, 3)}, Inconclusive, true, "blocked"},
		"two did":                       {[]func(*Observed){overTCP, owner("tcp", session.Nobody, 2)}, Inconclusive, false, "not-sent"},
		"no other port answers either": {[]func(*Observed){owner("udp", session.Nobody, 9), func(o *Observed) { o.Probes = o.Probes[:1] }}, Inconclusive, false,
			"all-silent"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}}
			message := Probe{ID: 1, Transport: "udp", Port: 5060, Source: "fresh", Message: "INVITE", Flow: 1, Known: true, Withheld: true, Sent: Wire("x")}
			elsewhere := Probe{ID: 2, Transport: "tcp", Port: 5080, Source: "fresh", Message: "INVITE", Flow: 2, Known: true, Arrived: true, Answered: true, Tries: 1, Sent: Wire("x")}
			o.Probes = []Probe{message, elsewhere}
			for _, e := range c.edits {
				e(&o)
			}
			got := pathOf(t, o, 1)
			if got.Verdict != c.verdict || got.Blocked != c.blocked || got.Note != c.note {
				t.Errorf("%s, blocked %v: %q", got.Verdict, got.Blocked, got.Note)
			}
		})
	}
}

// Why a message did not make it is said in the order in which the causes count.
func TestWhySilenceProvesNothing(t *testing.T) {
	edit := func(f func(p *Probe)) func(*Observed) { return func(o *Observed) { f(&o.Probes[0]) } }
	for name, c := range map[string]struct {
		edit func(*Observed)
		note string
	}{
		"the responder was busy":       {func(o *Observed) { o.Far = &checks.FarEnd{Untold: "reset"} }, "too busy to answer: reset"},
		"no UDP reaches the responder": {func(o *Observed) { o.Far = &checks.FarEnd{Carrier: "https", Ports: "5060"} }, "no UDP arrives"},
		"no UDP does, but it went by TCP": {func(o *Observed) {
			o.Far = &checks.FarEnd{Carrier: "https", Ports: "5060"}
			tcpFailed(platform.ClassTimeout)(&o.Probes[0])
		}, "the connection timed out, which"},
		"nobody knows what arrived":    {edit(func(p *Probe) { p.Known = false }), "could not be asked what arrived"},
		"another program has the port": {edit(func(p *Probe) { p.Source, p.ErrorClass = "5060", "in-use" }), "source port 5060 is in use"},
		"this machine's filter":        {edit(func(p *Probe) { p.ErrorClass = "local-filter" }), "own firewall"},
		"it was never sent":            {edit(func(p *Probe) { p.Tries = 0 }), "time ran out before"},
		"it was never written":         {edit(func(p *Probe) { p.Sent = nil }), "time ran out before"},
		"an error stopped it":          {edit(func(p *Probe) { p.Tries, p.Error = 0, "no route" }), "no route"},
		"it came, its answers did not": {edit(func(p *Probe) { p.Arrived = true }), "none of the answers to 5 tries came back, which packet loss may explain"},
		"it did not come":              {edit(func(*Probe) {}), "none of 5 tries arrived, which packet loss may explain"},
		"a router refused it":          {edit(func(p *Probe) { p.ErrorHop, p.Error = farEnd, "198.51.100.2 says no" }), "198.51.100.2 says no, which packet loss may explain"},
		"nothing else answers":         {func(o *Observed) { o.Probes = o.Probes[:1] }, "nothing but the control channel answers"},
		"only another message passes":  {func(o *Observed) { o.Probes = o.Probes[:2] }, "none of 5 tries arrived, which packet loss may explain"},
		"only other ports answer":      {func(o *Observed) { o.Probes = append(o.Probes[:1], o.Probes[2]) }, "none of 5 tries arrived, which packet loss may explain"},
		"a connection hung":            {edit(tcpFailed(platform.ClassTimeout)), "the connection timed out, which"},
		"it hung, and no other one passed": {func(o *Observed) {
			tcpFailed(platform.ClassTimeout)(&o.Probes[0])
			o.Probes = append(o.Probes[:1], o.Probes[3])
		}, "the connection timed out, which"},
		"it hung, and the control channel passed": {func(o *Observed) {
			tcpFailed(platform.ClassTimeout)(&o.Probes[0])
			o.Probes, o.Responder.Carrier = append(o.Probes[:1], o.Probes[3]), "https"
		}, "new connections fail"},
		"a connection was refused":      {edit(tcpFailed(platform.ClassRefused)), "the connection was refused, which"},
		"a connection was reset":        {edit(tcpFailed(platform.ClassReset)), "the connection was reset, which"},
		"a connection was prohibited":   {edit(tcpFailed(platform.ClassProhibited)), "the connection was prohibited on the way, which"},
		"there was no way":              {edit(tcpFailed(platform.ClassUnreachable)), "the connection found no route, which"},
		"a connection ended":            {edit(tcpFailed("")), "the connection ended without an answer, which"},
		"connecting was refused":        {edit(func(p *Probe) { tcpFailed(platform.ClassRefused)(p); p.Sent = nil }), "connecting was refused, which"},
		"a call came, its answer not":   {edit(func(p *Probe) { p.Inbound, p.Answered, p.Answers, p.ReplySent = true, true, 3, Wire("x") }), "none of 3 answers to it got back; the same call did not pass when masked"},
		"a call could not be asked for": {edit(func(p *Probe) { p.Inbound, p.Error = true, "no flow" }), "no flow"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Local: phone, Responder: &Responder{Addr: farEnd}}
			o.Probes = []Probe{
				{ID: 1, Transport: "udp", Port: 5060, Source: "fresh", Message: "INVITE", Flow: 1, Known: true, Tries: 5, Sent: Wire("x")},
				{ID: 2, Transport: "udp", Port: 5060, Source: "fresh", Message: "OPTIONS", Flow: 1, Known: true, Tries: 1, Sent: Wire("x"), Arrived: true, Answered: true},
				{ID: 3, Transport: "tcp", Port: 5060, Source: "fresh", Message: "OPTIONS", Flow: 3, Known: true, Tries: 1, Sent: Wire("x"), Arrived: true, Answered: true},
				{ID: 4, Transport: "udp", Port: 5080, Source: "fresh", Message: "OPTIONS", Flow: 4, Known: true, Tries: 1, Sent: Wire("x"), Arrived: true, Answered: true},
			}
			c.edit(&o)
			got := pathOf(t, o, 1)
			if got.Verdict != Inconclusive || got.Blocked || !strings.Contains(english(got.why.text), c.note) {
				t.Errorf("%s, blocked %v: %q, want %q", got.Verdict, got.Blocked, english(got.why.text), c.note)
			}
		})
	}
}

func tcpFailed(class platform.ErrorClass) func(*Probe) {
	return func(p *Probe) { p.Transport, p.Tries, p.ErrorClass = "tcp", 1, string(class) }
}

// A closed port is critical where phones have no other way: UDP 5060, or TLS
// when nothing else works. Behind a translation it may be closed to us alone.
func TestHowBadAClosedPortIs(t *testing.T) {
	closes := func(transport string, port int) network { return on(transport, port, false, loses) }
	for name, c := range map[string]struct {
		rules      []network
		translated bool
		status     checks.Status
		finds      []string
		title      string
	}{
		"UDP 5060": {[]network{closes("udp", 5060)}, false, checks.Fail, []string{"sip-alg.port-blocked critical certain"}, "UDP 5060 is blocked on the way"},
		"UDP 5080": {[]network{closes("udp", 5080)}, false, checks.Warn, []string{"sip-alg.port-blocked warning certain"}, "UDP 5080 is blocked on the way"},
		"TCP 5060": {[]network{closes("tcp", 5060)}, false, checks.Warn, []string{"sip-alg.port-blocked warning certain"}, "TCP 5060 is blocked on the way"},
		"UDP 5080 and TCP 5060": {[]network{closes("udp", 5080), closes("tcp", 5060)}, false, checks.Warn,
			[]string{"sip-alg.port-blocked warning certain"}, "UDP 5080 and TCP 5060 are blocked on the way"},
		"UDP 5080, behind a translation": {[]network{closes("udp", 5080)}, true, checks.Warn, []string{"sip-alg.port-blocked warning likely"}, "UDP 5080 is blocked on the way"},
		"UDP 5060 from source port 5060": {[]network{udp5060(func(p *Probe) bool { return p.Source == "5060" }, loses)}, false, checks.Warn,
			[]string{"sip-alg.port-blocked warning certain"}, "UDP 5060 from source port 5060 is blocked on the way"},
		"UDP 5060 from any other": {[]network{udp5060(func(p *Probe) bool { return p.Source == "fresh" }, loses)}, false, checks.Fail,
			[]string{"sip-alg.port-blocked critical certain"}, "UDP 5060 from any source port but 5060 is blocked on the way"},
		"TLS 5061": {[]network{closes("tls", 5061)}, false, checks.Warn, []string{"sip-alg.port-blocked warning certain"}, "TLS 5061 is blocked on the way"},
		"TLS 5061, and all else is rewritten": {[]network{rewrites, closes("tls", 5061)}, false, checks.Fail,
			[]string{"sip-alg.rewriting critical certain", "sip-alg.port-blocked critical certain"}, "A SIP ALG, most likely in your router, rewrites SIP messages"},
		"TCP 5060, and all else is rewritten": {[]network{rewrites, closes("tcp", 5060)}, false, checks.Fail,
			[]string{"sip-alg.rewriting critical certain", "sip-alg.port-blocked warning certain"}, "A SIP ALG, most likely in your router, rewrites SIP messages"},
		"a port that is no SIP port": {[]network{closes("udp", 8765)}, false, checks.Pass, []string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := visit(append([]network{passes}, c.rules...)...)
			o.Responder.Translated = c.translated
			r := resultOf(t, o, office)
			if d := cmp.Diff(c.finds, found(r)); d != "" || r.Status != c.status {
				t.Errorf("%s, want %s: %s (%s)", r.Status, c.status, d, r.Reason)
			}
			if len(r.Findings) > 0 && r.Findings[0].Title != c.title {
				t.Errorf("%q, want %q", r.Findings[0].Title, c.title)
			}
		})
	}
}

// Who opens the envelope, and who opens ports, is worth a warning.
func TestWhatIsWorthAWarning(t *testing.T) {
	opensTLS := func(p *Probe) {
		if p.Transport == "tls" {
			p.TLSForeign = "CN=firewall"
		}
	}
	r := resultOf(t, visit(passes, opensTLS), office)
	want := []checks.Evidence{{Name: "certificate", Want: "the responder's", Got: "CN=firewall"}}
	if d := cmp.Diff([]string{"sip-alg.tls-intercepted warning certain"}, found(r)); d != "" || r.Status != checks.Warn {
		t.Fatalf("%s: %s", r.Status, d)
	}
	if d := cmp.Diff(want, r.Findings[0].Evidence, cmpopts.IgnoreFields(checks.Evidence{}, "Says")); d != "" {
		t.Error(d)
	}
	if f := r.Facts.(Facts); !slices.Equal(f.Works, []string{"TCP 5060", "TCP 5080", "UDP 5060", "UDP 5080"}) || r.Summary != "UDP 5060, UDP 5080, TCP 5060 and TCP 5080 clean; TLS 5061: decrypted on the way" {
		t.Errorf("%v, %q", f.Works, r.Summary)
	}
	o := visit(passes)
	to := netip.MustParseAddrPort("203.0.113.1:20002")
	o.Pinholes = []Pinhole{{Port: 5080, ControlOK: true}, {Port: 5060, Named: true, ControlOK: true, SentTo: to}}
	r = resultOf(t, o, office)
	if d := cmp.Diff([]string{"sip-alg.pinhole warning certain"}, found(r)); d != "" || r.Status != checks.Warn || !strings.HasSuffix(r.Summary, "RTP ports opened from SDP") {
		t.Fatalf("%s: %s, %q", r.Status, d, r.Summary)
	}
	if ev := r.Findings[0].Evidence; len(ev) != 2 || !strings.Contains(ev[0].Got, "203.0.113.1:20002, after an INVITE to port 5060") || ev[1].Got != "blocked" {
		t.Errorf("%+v", ev)
	}
}

// The stretch of the way is known to the hop only if no silent one lies between.
func TestWhereTheMessageChanges(t *testing.T) {
	const sent = "INVITE sip:100@192.168.88.10 SIP/2.0\r\n"
	was := func(ttl int, addr string, quoted int) Hop {
		return Hop{TTL: ttl, Addr: netip.MustParseAddr(addr), Sent: Wire(sent), Quoted: quoted}
	}
	is := func(ttl int, addr string) Hop {
		h := was(ttl, addr, len(sent))
		h.Changed, h.Quote = true, Wire(strings.Replace(sent, "192.168.88.10", "203.0.113.1", 1))
		return h
	}
	const gw, next, third = "192.168.88.1", "203.0.113.254", "203.0.113.253"
	first := strings.Index(sent, "192") // the first changed byte
	for name, c := range map[string]struct {
		hops  []Hop
		want  *Location
		words string
	}{
		"nothing changes":                  {[]Hop{was(1, gw, 28), was(2, next, 28)}, nil, ""},
		"in the router":                    {[]Hop{was(1, gw, first+1), is(2, next)}, &Location{After: gw, Before: next}, "at 192.168.88.1: it quoted the message unchanged, the next hop (203.0.113.254) received it changed"},
		"the router's quote is too short":  {[]Hop{was(1, gw, first), is(2, next)}, &Location{Before: next, Silent: true}, "between this machine and 203.0.113.254"},
		"before the router":                {[]Hop{is(1, gw), is(2, next)}, &Location{Before: gw}, "between this machine and 192.168.88.1"},
		"a hop is silent":                  {[]Hop{was(1, gw, 38), {TTL: 2}, is(3, third)}, &Location{After: gw, Before: third, Silent: true}, "between 192.168.88.1, which quoted the message unchanged, and 203.0.113.253, which received it changed; the hops in between do not answer"},
		"the second is the last unchanged": {[]Hop{was(1, gw, 38), was(2, next, 38), is(3, third)}, &Location{After: next, Before: third}, "at 203.0.113.254: it quoted the message unchanged, the next hop (203.0.113.253) received it changed"},
	} {
		t.Run(name, func(t *testing.T) {
			got := locate(c.hops)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Fatal(d)
			}
			if got != nil && (english(got.where()) != c.words || got.at(got.After) == got.Silent || got.at("192.0.2.1")) {
				t.Errorf("%q, at %v", got.where(), got.at(got.After))
			}
		})
	}
}
