package sipalg

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var (
	phone     = netip.MustParseAddr("192.168.88.10")
	wan       = netip.MustParseAddr("203.0.113.1")
	farEnd    = netip.MustParseAddr("198.51.100.2")
	office    = &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr("192.168.88.1")}}
	fullHouse = session.Info{
		SIPUDP: []int{5060, 5080}, SIPTCP: []int{5060, 5080}, SIPTLS: []int{5061}, PlainUDP: []int{8765}, PlainTCP: []int{8766},
	}
)

// network says what becomes of a probe: it edits the zero outcome.
type network func(p *Probe)

func passes(p *Probe) { p.Arrived, p.Answered, p.Tries = true, true, 1 }
func silent(p *Probe) { p.Tries = len(probe.SIP().SendAt) }

// visit runs the whole plan through a network made of rules; the last rule
// wins.
func visit(rules ...network) Observed {
	o := Observed{Local: phone, Responder: &Responder{Addr: farEnd, Carrier: "https"}, Public: []netip.Addr{wan}}
	o.Probes = plan(fullHouse, false)
	for i := range o.Probes {
		p := &o.Probes[i]
		p.Known = true
		p.Local = netip.AddrPortFrom(phone, uint16(40000+p.ID))
		p.Remote = netip.AddrPortFrom(farEnd, uint16(p.Port))
		d := dialog{token: session.NewToken("0123456789abcdef", []byte("k"), p.ID), transport: p.Transport, local: p.Local, remote: p.Remote, rtp: 20000 + 2*p.ID}
		p.Sent = d.request(p.Message, p.Variant)
		for _, r := range rules {
			r(p)
		}
	}
	asksAgain(&o, rules)
	return o
}

// on applies a rule to some probes only.
func on(transport string, port int, clearOnly bool, r network) network {
	return func(p *Probe) {
		if (transport == "" || p.Transport == transport) && (port == 0 || p.Port == port) && !(clearOnly && (p.Masked || p.Transport == "tls")) {
			r(p)
		}
	}
}

// rewrites is a helper that puts the public address wherever the private one
// stands in Via, Contact and SDP, as the Linux kernel's does.
func rewrites(p *Probe) {
	lines := strings.SplitAfter(string(p.Sent), "\r\n")
	for i, l := range lines {
		for _, prefix := range []string{"Via:", "v:", "Contact:", "m:", "o=", "c="} {
			if strings.HasPrefix(l, prefix) {
				lines[i] = strings.ReplaceAll(l, phone.String(), wan.String())
			}
		}
	}
	p.ArrivedAs = Wire(strings.Join(lines, ""))
}

func proxies(p *Probe) {
	p.ArrivedAs = Wire(strings.Replace(strings.Replace(string(p.Sent), "Via:", "Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\nVia:", 1), "Max-Forwards: 70", "Max-Forwards: 69", 1))
}

func factsOf(t *testing.T, j checks.Judgement) Facts {
	t.Helper()
	f, ok := j.Facts.(Facts)
	if !ok {
		t.Fatalf("facts are %T", j.Facts)
	}
	return f
}

func ids(j checks.Judgement) []string {
	out := []string{}
	for _, f := range j.Findings {
		out = append(out, f.ID)
	}
	return out
}

func TestWhatTheProbesProve(t *testing.T) {
	for name, c := range map[string]struct {
		o        Observed
		verdict  string
		findings []string
		summary  string
		works    []string
	}{
		"a clean network": {
			visit(passes), None, []string{},
			"UDP 5060, UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean", []string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5060", "UDP 5080"},
		},
		"an ALG on UDP 5060": {
			visit(passes, on("udp", 5060, true, rewrites)), Rewriting, []string{"sip-alg.rewriting"},
			"UDP 5060: Via, Contact and SDP rewritten; UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean", []string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5080"},
		},
		"a proxy in the path": {
			visit(passes, on("udp", 5060, true, proxies)), Proxying, []string{"sip-alg.proxying"},
			"UDP 5060: proxied (Via and Max-Forwards changed); UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean", []string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5080"},
		},
		"SIP dropped by content": {
			visit(passes, on("udp", 0, true, func(p *Probe) { *p = lost(*p) })), Dropping, []string{"sip-alg.dropping"},
			"UDP 5060 and UDP 5080: SIP dropped; TCP 5060, TCP 5080 and TLS 5061 clean", []string{"TLS 5061", "TCP 5060", "TCP 5080"},
		},
		"port 5060 closed": {
			visit(passes, on("", 5060, false, func(p *Probe) { *p = lost(*p) })), Inconclusive, []string{"sip-alg.port-blocked"},
			"UDP 5060 and TCP 5060 blocked; UDP 5080, TCP 5080 and TLS 5061 clean", []string{"TLS 5061", "TCP 5080", "UDP 5080"},
		},
		"one probe lost to a bad line": {
			visit(passes, func(p *Probe) {
				if p.Port == 5080 && p.Message == "REGISTER" && p.Transport == "udp" {
					*p = lost(*p)
				}
			}), None, []string{},
			"UDP 5060, TCP 5060, TCP 5080 and TLS 5061 clean; UDP 5080 unclear", []string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5060"},
		},
		"the far end is silent altogether": {
			visit(func(p *Probe) { *p = lost(*p) }), Inconclusive, []string{},
			"UDP 5060, UDP 5080, TCP 5060, TCP 5080 and TLS 5061 unclear", []string{},
		},
		"no TCP connection could be made from here": {
			visit(passes, on("tcp", 5060, false, func(p *Probe) {
				p.Arrived, p.Answered, p.Tries, p.ErrorClass = false, false, 0, "in-use"
			})), None, []string{}, "UDP 5060, UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean",
			[]string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5060", "UDP 5080"},
		},
		"a softphone owns source port 5060": {
			visit(passes, func(p *Probe) {
				if p.Source == "5060" {
					p.Arrived, p.Answered, p.Tries, p.ErrorClass = false, false, 0, "in-use"
				}
			}), None, []string{}, "UDP 5060, UDP 5080, TCP 5060, TCP 5080 and TLS 5061 clean",
			[]string{"TLS 5061", "TCP 5060", "TCP 5080", "UDP 5060", "UDP 5080"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(c.o, office)
			f := factsOf(t, j)
			if f.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s", f.Verdict, c.verdict)
			}
			if d := cmp.Diff(c.findings, ids(j)); d != "" {
				t.Errorf("findings: %s", d)
			}
			if d := cmp.Diff(c.summary, english(j.Summary)); d != "" {
				t.Errorf("summary: %s", d)
			}
			if d := cmp.Diff(c.works, f.Works); d != "" {
				t.Errorf("works today: %s", d)
			}
			if (f.Verdict == Inconclusive) != (!j.Inconclusive.IsZero()) {
				t.Errorf("verdict %s with reason %q", f.Verdict, english(j.Inconclusive))
			}
		})
	}
}

// The call that stands for an ordinary phone is found wherever it stands.
func TestTheCallOfAnOrdinaryPhone(t *testing.T) {
	o := visit(passes)
	slices.Reverse(o.Probes)
	paths := classify(&o)
	for _, transport := range []string{"udp", "tcp"} {
		p := corePath(paths, transport)
		if p == nil || p.Transport != transport || p.Port != 5060 || p.Message != "INVITE" || p.Variant != "" || p.Inbound || p.probe.Source != "fresh" {
			t.Errorf("over %s: %+v", transport, p)
		}
	}
}

// lost is a probe that nobody heard of again.
func lost(p Probe) Probe {
	p.Arrived, p.Answered, p.ArrivedAs = false, false, nil
	silent(&p)
	return p
}

func TestTheProofShowsBeforeAndAfter(t *testing.T) {
	j := alone(visit(passes, on("udp", 5060, true, rewrites)), office)
	var lines []string
	for _, e := range j.Findings[0].Evidence {
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", e.Name, e.Want, e.Got))
	}
	got := strings.Join(lines, "\n")
	for _, want := range []string{
		"Via sent-by: 192.168.88.10:40001 -> 203.0.113.1:40001",
		"SDP c=: c=IN IP4 192.168.88.10 -> c=IN IP4 203.0.113.1",
		"Contact: 192.168.88.10:40001 -> 203.0.113.1:40001",
		"not rewritten:  -> From, Call-ID, a=rtcp still 192.168.88.10: the message contradicts itself",
		"contradiction:  -> Content-Length says ",
		"affected:  -> UDP 5060",
		"unchanged:  -> UDP 5080, UDP 8765, TCP 5060, TCP 5080, TCP 8766, TLS 5061",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if f := factsOf(t, j); f.Engine != linuxHelper {
		t.Errorf("engine %q", f.Engine)
	}
	if strings.Contains(got, "X-Canary") {
		t.Error("our own canary is shown as a contradiction")
	}
}

// What only shortens the list of codecs is called that, and its lines are shown
// as they were.
func TestACodecFilterIsCalledACodecFilter(t *testing.T) {
	noPCMU := func(p *Probe) {
		if p.Message == "INVITE" {
			p.ArrivedAs = Wire(strings.NewReplacer("RTP/AVP 0 8 101", "RTP/AVP 8 101", "a=rtpmap:0 PCMU/8000\r\n", "").Replace(string(p.Sent)))
		}
	}
	o := visit(passes, on("udp", 5060, true, noPCMU))
	j := alone(o, office)
	f := factsOf(t, j)
	fd := j.Findings[0]
	if f.Verdict != Rewriting || fd.Severity != checks.Critical || f.Engine != codecFilter ||
		!strings.Contains(fd.Title, "codec filter") || strings.Contains(fd.Explanation, "Addresses") {
		t.Errorf("%s: engine %q, title %q", f.Verdict, f.Engine, fd.Title)
	}
	m := fmt.Sprintf("m=audio %d RTP/AVP", 20000+2*o.Probes[0].ID)
	for _, want := range []checks.Evidence{
		{Name: "SDP m=", Want: m + " 0 8 101", Got: m + " 8 101"}, {Name: "SDP a=rtpmap", Want: "a=rtpmap:0 PCMU/8000", Got: "(absent)"},
	} {
		if !shows(fd, want) {
			t.Errorf("%+v is missing in %+v", want, fd.Evidence)
		}
	}
	both := visit(passes, on("udp", 5060, true, rewrites), on("tcp", 5060, true, noPCMU))
	if f := factsOf(t, alone(both, office)); f.Engine == codecFilter {
		t.Errorf("an ALG that rewrites addresses is called %q", f.Engine)
	}
}

func TestTheRemovedRportIsNamed(t *testing.T) {
	j := alone(visit(passes, on("udp", 5060, true, func(p *Probe) {
		p.ArrivedAs = Wire(strings.Replace(string(p.Sent), ";rport", "", 1))
	})), office)
	if want := (checks.Evidence{Name: "Via rport", Want: "rport", Got: "(absent)"}); len(j.Findings) != 1 || !shows(j.Findings[0], want) {
		t.Errorf("%+v is missing in %+v", want, j.Findings)
	}
	if j.Findings[0].Args["engine"] != "unknown" {
		t.Errorf("nobody knows who does that: %q", j.Findings[0].Explanation)
	}
}

func TestTheDirectionOfAChangeIsNamed(t *testing.T) {
	called := false
	o := visit(passes, func(p *Probe) {
		if p.ID == 1 { // the answer was changed, not the request
			p.ReplySent = Wire("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.88.10:1;received=203.0.113.1;rport=1\r\n\r\n")
			p.ReplyCame = Wire("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.88.10:1;received=192.168.88.10;rport=1\r\n\r\n")
		}
		if p.Inbound && !called { // our answer to the responder's call
			called = true
			p.Sent = Wire("SIP/2.0 200 OK\r\nContact: <sip:a@192.168.88.10>\r\n\r\n")
			p.ArrivedAs = Wire("SIP/2.0 200 OK\r\nContact: <sip:a@203.0.113.1>\r\n\r\n")
		}
	})
	f := factsOf(t, alone(o, office))
	var got []Change
	for _, p := range f.Paths {
		got = append(got, p.Changes...)
	}
	want := []Change{
		{sip.ReceivedReversed, "response", "received=203.0.113.1", "received=192.168.88.10"},
		{sip.ContactChanged, "response", "Contact: <sip:a@192.168.88.10>", "Contact: <sip:a@203.0.113.1>"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPinholesNeedTheirControl(t *testing.T) {
	for name, c := range map[string]struct {
		h    Pinhole
		want string
	}{
		"RTP only where the SDP said":   {Pinhole{Named: true, ControlOK: true}, PinholeOpen},
		"RTP everywhere: no filter":     {Pinhole{Named: true, Control: true, ControlOK: true}, None},
		"RTP nowhere":                   {Pinhole{ControlOK: true}, None},
		"the control could not be sent": {Pinhole{Named: true}, None},
	} {
		t.Run(name, func(t *testing.T) {
			o := visit(passes)
			o.Pinholes = []Pinhole{c.h}
			if got := factsOf(t, alone(o, office)).Verdict; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWithoutArrivalsNothingIsClean(t *testing.T) {
	o := visit(passes, func(p *Probe) { p.Known, p.Arrived = false, false })
	o.Responder.ArrivalsErr = "connection reset"
	j := alone(o, office)
	if f := factsOf(t, j); f.Verdict != Inconclusive || !strings.Contains(english(j.Inconclusive), "connection reset") {
		t.Errorf("%s: %s", f.Verdict, english(j.Inconclusive))
	}
}

// answerFrom is an ordinary server's 200 to our OPTIONS, which came from seen.
func answerFrom(local netip.AddrPort, seen string) Wire {
	return Wire(fmt.Sprintf("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx;received=%s;rport=%d\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n", local, seen, local.Port()))
}

// question is the OPTIONS that answerFrom answers.
func question(local netip.AddrPort) Wire {
	return Wire(fmt.Sprintf("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx;rport\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n", local))
}

func askedServer(remote string, answers map[string]string) Observed {
	s := Server{Name: "sip.example", Source: phone}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		a := ServerAnswer{Transport: transport, Local: netip.AddrPortFrom(phone, 40000), Remote: netip.MustParseAddrPort(remote), Tries: 1}
		if seen, ok := answers[transport]; ok {
			a.Sent, a.Reply = question(a.Local), answerFrom(a.Local, seen)
		}
		s.Answers = append(s.Answers, a)
	}
	return Observed{Servers: []Server{s}, Public: []netip.Addr{wan}}
}

func TestTheContradictionOracle(t *testing.T) {
	private, public := phone.String(), wan.String()
	noSTUN := askedServer("198.51.100.20:5060", map[string]string{"udp": private})
	noSTUN.Public = nil
	noNAT := askedServer("198.51.100.20:5060", map[string]string{"udp": private})
	noNAT.Public = []netip.Addr{phone}
	stripped := askedServer("198.51.100.20:5060", nil)
	stripped.Servers[0].Answers[0].Reply = Wire("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.88.10:40000;branch=z9hG4bKx\r\n\r\n")
	oneWay := askedServer("198.51.100.20:5060", map[string]string{"udp": public})
	oneWay.Servers[0].Answers[0].Reply = answerFrom(netip.AddrPortFrom(wan, 40000), public)
	for name, c := range map[string]struct {
		o          Observed
		verdict    string
		confidence checks.Confidence
		reason     string
	}{
		"the server saw the public address":             {askedServer("198.51.100.20:5060", map[string]string{"udp": public}), NoSign, "", "Contact and SDP"},
		"the answer names our private address":          {askedServer("198.51.100.20:5060", map[string]string{"udp": private}), Rewriting, checks.Likely, ""},
		"and TLS shows the public one":                  {askedServer("198.51.100.20:5060", map[string]string{"udp": private, "tls": public}), Rewriting, checks.Certain, ""},
		"only TCP is rewritten":                         {askedServer("198.51.100.20:5060", map[string]string{"udp": public, "tcp": private}), Rewriting, checks.Certain, ""},
		"the Via came back with another address":        {oneWay, Rewriting, checks.Likely, ""},
		"a VPN leads to a private server: no NAT there": {askedServer("10.1.2.3:5060", map[string]string{"udp": private}), Inconclusive, "", "private address"},
		"no STUN server answered":                       {noSTUN, Inconclusive, "", "public address"},
		"there is no NAT":                               {noNAT, NoSign, "", ""},
		"the server strips received":                    {stripped, Inconclusive, "", "does not say"},
		"multi-WAN: the server saw a third address":     {askedServer("198.51.100.20:5060", map[string]string{"udp": "203.0.113.77"}), NoSign, "", "Contact and SDP"},
		"nobody answers: that is not \"no ALG\"":        {askedServer("198.51.100.20:5060", nil), Inconclusive, "", "no answer"},
		"UDP is silent, TCP shows the public address":   {askedServer("198.51.100.20:5060", map[string]string{"tcp": public}), Inconclusive, "", "no answer over UDP"},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(c.o, office)
			f := factsOf(t, j)
			if f.Verdict != c.verdict || f.Method != "sip-server" {
				t.Errorf("verdict %s by %q, want %s (%s)", f.Verdict, f.Method, c.verdict, english(j.Summary))
			}
			if !strings.Contains(english(j.Inconclusive), c.reason) {
				t.Errorf("reason %q, want something about %q", english(j.Inconclusive), c.reason)
			}
			i := slices.IndexFunc(j.Findings, func(f checks.Finding) bool { return f.ID == "sip-alg.rewriting" })
			if (i >= 0) != (c.verdict == Rewriting) || i >= 0 && j.Findings[i].Confidence != c.confidence {
				t.Errorf("findings %+v", j.Findings)
			}
		})
	}
}

func TestWithNobodyToAskItSaysWhatItNeeds(t *testing.T) {
	j := alone(Observed{}, office)
	if j.Skip.IsZero() || !strings.Contains(english(j.Skip), "--sip-server") {
		t.Errorf("got %+v", j)
	}
}

func TestBytesSurviveTheReport(t *testing.T) {
	for name, w := range map[string]Wire{
		"text": Wire("INVITE sip:a SIP/2.0\r\n"), "no text": {0xff, 0x00, 0x80}, "text that looks encoded": Wire("base64:AAAA"), "nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(w)
			if err != nil {
				t.Fatal(err)
			}
			var got Wire
			if err := json.Unmarshal(b, &got); err != nil || string(got) != string(w) {
				t.Errorf("%s came back as %q (%v)", b, got, err)
			}
		})
	}
}

func TestEveryProbeHasItsControl(t *testing.T) {
	for _, deep := range []bool{false, true} {
		probes := plan(fullHouse, deep)
		for _, p := range probes {
			if p.Masked || p.Inbound || p.Transport == "tls" || p.Transport == "tcp" && p.Source == "5060" {
				continue
			}
			if !slices.ContainsFunc(probes, func(q Probe) bool {
				return q.Masked && q.Transport == p.Transport && q.Port == p.Port && q.Source == p.Source
			}) {
				t.Errorf("%s %d from %s: %s has no control", p.Transport, p.Port, p.Source, p.Message)
			}
		}
	}
}

func TestEvidenceShowsOnlyWhatDiffers(t *testing.T) {
	for name, c := range map[string][4]string{
		"an address":             {"Contact: <sip:a@192.168.88.10:5060;transport=udp>", "Contact: <sip:a@203.0.113.1:5060;transport=udp>", "192.168.88.10:5060", "203.0.113.1:5060"},
		"a number":               {"Content-Length: 228", "Content-Length: 224", "228", "224"},
		"something added":        {"Via: x;rport", "Via: x;rport;received=1", "rport", "rport;received=1"},
		"something that is gone": {"X: y", "", "X: y", ""},
		"something that is new":  {"", "X: y", "", "X: y"},
		"a value put in":         {"rport=", "rport=5", "rport=", "rport=5"},
		"a value taken out":      {"Via: x;rport=4;received=1", "Via: x;rport=;received=1", "Via: x;rport=4;received=1", "Via: x;rport=;received=1"},
		"everything":             {"abc", "xyz", "abc", "xyz"},
	} {
		t.Run(name, func(t *testing.T) {
			b, a := differing(c[0], c[1])
			if b != c[2] || a != c[3] {
				t.Errorf("got %q, %q", b, a)
			}
		})
	}
}

func TestABrokenResponderIsNotForgottenBecauseAServerAnswered(t *testing.T) {
	o := askedServer("198.51.100.20:5060", map[string]string{"udp": wan.String()})
	o.Notes = []words.Cause{"responder vps.example:8765: connection refused"}
	j := alone(o, office)
	if f := factsOf(t, j); f.Verdict != NoSign || !strings.Contains(english(j.Inconclusive), "vps.example") {
		t.Errorf("verdict %s, inconclusive because of %q", f.Verdict, english(j.Inconclusive))
	}
}

// shows reports whether a finding has this piece of evidence.
func shows(f checks.Finding, e checks.Evidence) bool {
	return slices.ContainsFunc(f.Evidence, func(x checks.Evidence) bool { return x.Name == e.Name && x.Want == e.Want && x.Got == e.Got })
}
