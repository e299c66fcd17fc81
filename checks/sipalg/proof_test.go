package sipalg

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// reply is what a server makes of our OPTIONS: received= as given ("" none),
// then edits in pairs.
type reply struct {
	received string
	edits    []string
}

// told is one server that was asked, with its answers by transport and those to
// the control.
type told struct {
	name    string
	at      string
	local   string // phone, where it is empty
	answers map[string]reply
	control map[string]reply
}

const (
	askedText = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKx;rport\r\n" +
		"From: <sip:probe@%[1]s>;tag=1\r\nTo: <sip:x>\r\nCall-ID: x@%[2]s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	hiddenText = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP y.invalid:40000;branch=z9hG4bKy;rport;x-seen=203.0.113.1\r\n" +
		"From: <sip:probe@203.0.113.1:40000>;tag=1\r\nTo: <sip:x>\r\nCall-ID: y@203.0.113.1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)

func (r reply) to(request string) Wire {
	text := strings.Replace(request, "OPTIONS sip:x SIP/2.0", "SIP/2.0 200 OK", 1)
	if r.received != "" {
		text = strings.Replace(text, ";rport", ";rport=40000;received="+r.received, 1)
	}
	return Wire(strings.NewReplacer(r.edits...).Replace(text))
}

func (a told) server() Server {
	local := phone
	if a.local != "" {
		local = netip.MustParseAddr(a.local)
	}
	s := Server{Name: a.name, Source: local}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		remote := netip.MustParseAddrPort(a.at)
		if transport == "tls" {
			remote = netip.AddrPortFrom(remote.Addr(), 5061)
		}
		answer := ServerAnswer{Transport: transport, Local: netip.AddrPortFrom(local, 40000), Remote: remote, Tries: 1}
		request := fmt.Sprintf(askedText, answer.Local, local)
		if r, ok := a.answers[transport]; ok {
			answer.Sent, answer.Reply = Wire(request), r.to(request)
		}
		if r, ok := a.control[transport]; ok {
			answer.ControlSent, answer.ControlReply = Wire(hiddenText), r.to(hiddenText)
		}
		s.Answers = append(s.Answers, answer)
	}
	return s
}

// observation is what several servers and STUN told, seen as "203.0.113.1" from
// outside.
func observation(servers ...told) Observed {
	o := Observed{Views: []View{{Local: phone, Seen: wan, By: "stun.example"}}}
	for _, s := range servers {
		o.Servers = append(o.Servers, s.server())
	}
	return o
}

// The kinds of answers.
var (
	good    = reply{received: "203.0.113.1"}
	private = reply{received: "192.168.88.10"}
	mute    = reply{}
	ownVia  = reply{received: "203.0.113.1", edits: []string{"UDP 192.168.88.10:40000", "UDP 203.0.113.1:40000"}}
	newFrom = reply{received: "203.0.113.1", edits: []string{"probe@192.168.88.10", "probe@203.0.113.1"}}
	newID   = reply{received: "203.0.113.1", edits: []string{"x@192.168.88.10", "x@203.0.113.1"}}
	twoVias = reply{received: "203.0.113.1", edits: []string{"\r\nFrom", "\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKz\r\nFrom"}}
	leaks   = reply{received: "203.0.113.1", edits: []string{"probe@203.0.113.1", "probe@192.168.88.10"}}
	marked  = reply{received: "192.168.88.10", edits: []string{"x-seen=203.0.113.1", "x-seen=192.168.88.10"}}
	repeats = reply{received: "y.invalid"}
	sentBy  = reply{received: "203.0.113.1", edits: []string{"y.invalid:40000", "192.168.88.10:40000"}}
	echo    = reply{edits: []string{"SIP/2.0 200 OK", "OPTIONS sip:x SIP/2.0"}} // our own question comes back
	newSeq  = reply{received: "203.0.113.1", edits: []string{"CSeq: 1", "CSeq: 2"}}
	ownFrom = reply{received: "203.0.113.1", edits: []string{"probe@203.0.113.1", "probe@192.0.2.9"}}
	noMark  = reply{received: "203.0.113.1", edits: []string{";x-seen=203.0.113.1", ""}}
	noVia   = reply{edits: []string{"Via:", "X-Via:"}}
)

func one(answers map[string]reply, control map[string]reply) told {
	return told{"sip.example", "198.51.100.20:5060", "", answers, control}
}

func other(at string, answers map[string]reply) told {
	return told{"other.example", at, "", answers, nil}
}

func udp(r reply) map[string]reply     { return map[string]reply{"udp": r} }
func all3(r reply) map[string]reply    { return map[string]reply{"udp": r, "tcp": r, "tls": r} }
func plainly(r reply) map[string]reply { return map[string]reply{"udp": r, "tcp": r} }

// What a server's answers prove follows from everything that is known: TLS, its
// other transports, the control, other servers, STUN.
func TestAllEvidenceIsWeighedTogether(t *testing.T) {
	vpn := told{"sip.example", "198.51.100.20:5060", "10.8.0.2", all3(reply{received: "10.8.0.2"}), nil}
	vpnControl := vpn
	vpnControl.control = plainly(reply{received: "10.8.0.2"})
	six := told{"sip.example", "[2001:db8:2::20]:5060", "2001:db8:1::10", plainly(reply{received: "2001:db8:1::10"}), nil}
	with := func(o Observed, views ...View) Observed { o.Views = views; return o }
	public := func(o Observed) Observed { o.Public = []netip.Addr{wan}; return o }
	disagree := []View{{Local: phone, Seen: wan, By: "a"}, {Local: phone, Seen: netip.MustParseAddr("203.0.113.77"), By: "b"}}
	for name, c := range map[string]struct {
		o          Observed
		verdict    string
		confidence checks.Confidence // of the finding; empty: there is none
		note       string            // of the first server
	}{
		"our private address comes back, nobody tells more": {observation(one(udp(private), nil)), Rewriting, checks.Likely, ""},
		"TLS shows the public one":                          {observation(one(map[string]reply{"udp": private, "tls": good}, nil)), Rewriting, checks.Certain, ""},
		"TCP tells nothing":                                 {observation(one(map[string]reply{"udp": private, "tcp": mute}, nil)), Rewriting, checks.Likely, ""},
		"TCP shows a third, private one":                    {observation(one(map[string]reply{"udp": private, "tcp": {received: "172.17.0.1"}}, nil)), Rewriting, checks.Likely, ""},
		"TCP shows the public one":                          {observation(one(map[string]reply{"udp": private, "tcp": good}, nil)), Rewriting, checks.Certain, ""},
		"the control shows the public one":                  {observation(one(plainly(private), plainly(good))), Rewriting, checks.Certain, ""},
		"the control shows the private one too":             {observation(one(plainly(private), plainly(private))), Inconclusive, "", "in the same way"},
		"and puts it where it never was":                    {observation(one(plainly(private), plainly(marked))), Rewriting, checks.Certain, ""},
		"the server repeats what the Via says":              {observation(one(plainly(private), plainly(repeats))), Inconclusive, "", "repeats in received="},
		"TLS says the same: no NAT, or an odd server":       {observation(one(all3(private), nil)), Inconclusive, "", "over TLS"},
		"TLS shows the public one, though STUN is silent":   {with(observation(one(map[string]reply{"udp": private, "tls": good}, nil))), Rewriting, checks.Certain, ""},
		"STUN is silent, and nothing else tells":            {with(observation(one(plainly(private), nil))), Inconclusive, "", "no STUN server"},
		"STUN is silent, and only another server tells":     {with(observation(one(plainly(private), nil), other("198.51.100.21:5070", plainly(good)))), Inconclusive, "", "no STUN server"},
		"STUN saw another address of ours":                  {with(public(observation(one(plainly(private), nil))), View{Local: netip.MustParseAddr("10.8.0.2"), Seen: wan, By: "a"}), Inconclusive, "", "no STUN server"},
		"an older report has what STUN said":                {with(public(observation(one(plainly(private), nil)))), Rewriting, checks.Likely, ""},
		"another server is odd in another way":              {observation(one(udp(private), nil), other("198.51.100.21:5060", map[string]reply{"udp": newFrom, "tls": newFrom})), Rewriting, checks.Likely, ""},
		"a mute server, and nothing is translated":          {with(observation(one(plainly(mute), nil)), View{Local: phone, Seen: phone, By: "a"}), NoSign, "", "without NAT it shows no more"},
		"the same server by another name":                   {observation(one(udp(private), nil), other("198.51.100.20:5060", udp(good))), Rewriting, checks.Likely, ""},
		"From is changed, TLS shows another change":         {observation(one(map[string]reply{"udp": newFrom, "tls": newID}, nil)), Rewriting, checks.Certain, ""},
		"STUN servers disagree about the public address":    {with(observation(one(udp(good), nil)), disagree...), NoSign, "", "public address"},
		"they disagree, and the private one comes back":     {with(observation(one(map[string]reply{"udp": private, "tls": good}, nil)), disagree...), Rewriting, checks.Certain, ""},
		"another server on the same port is clean":          {observation(one(udp(private), nil), other("198.51.100.21:5060", udp(good))), NoSign, "", "other.example"},
		"it is not on the same port":                        {observation(one(udp(private), nil), other("198.51.100.21:5070", udp(good))), Rewriting, checks.Likely, ""},
		"it is not on the same transport":                   {observation(one(udp(private), nil), other("198.51.100.21:5060", map[string]reply{"tcp": good})), Rewriting, checks.Likely, ""},
		"it was asked from another address of ours":         {observation(one(udp(private), nil), told{"other.example", "198.51.100.21:5060", "10.8.0.2", udp(good), nil}), Rewriting, checks.Likely, ""},
		"it says nothing":                                   {observation(one(udp(private), nil), other("198.51.100.21:5060", udp(mute))), Rewriting, checks.Likely, ""},
		"it is clean, but TLS proves the first":             {observation(one(map[string]reply{"udp": private, "tls": good}, nil), other("198.51.100.21:5060", udp(good))), Rewriting, checks.Certain, ""},
		"a VPN to a public server":                          {observation(vpn), Inconclusive, "", "over TLS"},
		"a VPN, and the control agrees":                     {observation(vpnControl), NoSign, "", "there is no NAT on the path"},
		"a VPN, and STUN saw only the other local address": {observation(told{"sip.example", "198.51.100.20:5060", "10.8.0.2", plainly(reply{received: "10.8.0.2"}), nil}),
			Inconclusive, "", "no STUN server"},
		"an office that asks its own public address":              {observation(told{"pbx.example", "203.0.113.1:5060", "", plainly(private), nil}), Inconclusive, "", "own public address"},
		"a private server":                                        {observation(told{"pbx.example", "10.1.2.3:5060", "", plainly(private), nil}), Inconclusive, "", "private address"},
		"IPv6 without NAT beside IPv4 with NAT":                   {observation(six), NoSign, "", "own address"},
		"a server in a container sees its gateway":                {observation(one(plainly(reply{received: "172.17.0.1"}), nil)), Inconclusive, "", "NAT of its own"},
		"a third private address over UDP, the public one by TLS": {observation(one(map[string]reply{"udp": {received: "192.168.1.2"}, "tls": good}, nil)), Rewriting, checks.Certain, ""},
		"UDP tells nothing, TCP is clean":                         {observation(one(map[string]reply{"udp": mute, "tcp": good}, nil)), Inconclusive, "", "UDP 5060: the server does not say"},
		"rport without received is no address":                    {observation(one(plainly(reply{edits: []string{";rport", ";rport=40000"}}), nil)), Inconclusive, "", "does not say"},
		"UDP is silent, TCP is clean":                             {observation(one(map[string]reply{"tcp": good}, nil)), Inconclusive, "", "no answer over UDP"},
		"the server writes what it saw into the Via":              {observation(one(all3(ownVia), nil)), NoSign, "", "the server itself does it"},
		"only over UDP, and not in the control":                   {observation(one(map[string]reply{"udp": ownVia, "tcp": good}, plainly(good))), Rewriting, checks.Certain, ""},
		"the server leaves a Via of its own":                      {observation(one(all3(twoVias), nil)), NoSign, "", "the server itself does it"},
		"From is changed, TLS does not show it":                   {observation(one(map[string]reply{"udp": newFrom, "tls": good}, nil)), Rewriting, checks.Certain, ""},
		"From is changed, the control comes back as a question":   {observation(one(udp(newFrom), udp(echo))), Rewriting, checks.Likely, ""},
		"From is changed, the control has no Via":                 {observation(one(udp(newFrom), udp(noVia))), Rewriting, checks.Likely, ""},
		"the CSeq is changed, the control shows it as it was":     {observation(one(udp(newSeq), udp(good))), Rewriting, checks.Certain, ""},
		"the same, and the server drops what it does not know":    {observation(one(udp(newSeq), udp(noMark))), Rewriting, checks.Certain, ""},
		"From is changed, in the control as well":                 {observation(one(udp(newFrom), udp(ownFrom))), NoSign, "", "in the same way"},
		"From is changed, in the control the CSeq":                {observation(one(udp(newFrom), udp(newSeq))), Rewriting, checks.Certain, ""},
		"From is changed, the control shows it as it was":         {observation(one(udp(newFrom), udp(good))), Rewriting, checks.Certain, ""},
		"the control's Via has our address, as a server may see":  {observation(one(udp(good), udp(sentBy))), NoSign, "", "public address"},
		"From is changed, nobody tells more":                      {observation(one(udp(newFrom), nil)), Rewriting, checks.Likely, ""},
		"From is changed over TLS as well":                        {observation(one(all3(newFrom), nil)), NoSign, "", "the server itself does it"},
		"the Call-ID is changed, TCP does not show it":            {observation(one(map[string]reply{"udp": newID, "tcp": good}, nil)), Rewriting, checks.Certain, ""},
		"the answer is clean, but the control has our address":    {observation(one(udp(good), udp(leaks))), Rewriting, checks.Certain, ""},
		"a mute server, and the control has our address":          {observation(one(udp(mute), udp(leaks))), Rewriting, checks.Certain, ""},
		"the server itself does it, another is clean":             {observation(one(all3(newFrom), nil), other("198.51.100.21:5060", all3(good))), NoSign, "", "the server itself does it"},
		"everything is as it should be":                           {observation(one(all3(good), plainly(good))), NoSign, "", "public address"},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(c.o, office)
			f := factsOf(t, j)
			if f.Verdict != c.verdict || (c.verdict == Rewriting) == (!j.Inconclusive.IsZero()) {
				t.Errorf("verdict %s, want %s; inconclusive because of %q", f.Verdict, c.verdict, english(j.Inconclusive))
			}
			if (c.verdict == NoSign) != (j.Headline.ID == "sip-alg.summary.no-sign") {
				t.Errorf("headline %q", english(j.Headline))
			}
			if len(f.Servers) == 0 || !strings.Contains(english(f.Servers[0].why), c.note) {
				t.Errorf("note %+v, want something about %q", f.Servers, c.note)
			}
			i := slices.IndexFunc(j.Findings, func(f checks.Finding) bool { return f.ID == "sip-alg.rewriting" })
			switch {
			case (i >= 0) != (c.confidence != ""):
				t.Errorf("findings %v", ids(j))
			case i >= 0 && (j.Findings[i].Severity != checks.Critical || j.Findings[i].Confidence != c.confidence):
				t.Errorf("%s, %s; want critical, %s", j.Findings[i].Severity, j.Findings[i].Confidence, c.confidence)
			}
		})
	}
}

// Neither method hides what the other one found, and "none" needs proof of
// everything that phones would use.
func TestTheResponderAndTheServersAreWeighedTogether(t *testing.T) {
	join := func(o Observed, servers ...told) Observed {
		more := observation(servers...)
		o.Servers, o.Views = more.Servers, more.Views
		return o
	}
	at := func(port string, answers map[string]reply) told {
		return told{"sip.example", "198.51.100.20:" + port, "", answers, nil}
	}
	for name, c := range map[string]struct {
		o       Observed
		verdict string
		status  string // what the judgement makes of it
	}{
		"both are clean":                               {join(visit(passes), at("5060", plainly(good))), None, "pass"},
		"a server proves an ALG on its own port":       {join(visit(passes), at("5070", map[string]reply{"udp": private, "tls": good})), Rewriting, "fail"},
		"a server's port was looked at by nobody else": {join(visit(passes), at("5070", plainly(good))), NoSign, "inconclusive"},
		"two servers have the same port":               {join(visit(passes), at("5070", plainly(good)), told{"other.example", "198.51.100.21:5070", "", plainly(good), nil}), NoSign, "inconclusive"},
		"calls are lost with as many bytes that are no SIP, and a server answers": {join(visit(passes, udp5060(func(p *Probe) bool { return p.Message == "INVITE" }, loses)),
			at("5060", plainly(good))), NoSign, "inconclusive"},
		"a server's port tells nothing":                    {join(visit(passes), at("5070", plainly(mute))), Inconclusive, "inconclusive"},
		"the responder proves what a mute server does not": {join(visit(passes), at("5060", plainly(mute))), None, "pass"},
		"a server speaks TLS only":                         {join(visit(passes), at("5061", map[string]reply{"tls": good})), None, "pass"},
		"an odd server, the responder's port is clean":     {join(visit(passes), at("5060", udp(private))), None, "pass"},
		"TLS proves it against the responder":              {join(visit(passes), at("5060", map[string]reply{"udp": private, "tls": good})), Rewriting, "fail"},
		"the responder finds it, the server does not":      {join(visit(passes, on("udp", 5060, true, rewrites)), at("5060", plainly(good))), Rewriting, "fail"},
		"nothing passes to the server's port":              {join(visit(passes, on("udp", 5080, false, loses)), at("5080", udp(mute))), Inconclusive, "inconclusive"},
		"TCP 5060 is lost to a bad line": {visit(passes, on("tcp", 5060, false, func(p *Probe) {
			if p.Message == "INVITE" && p.Variant == "" && (!p.Masked || p.Again) {
				*p = lost(*p)
			}
		})), Inconclusive, "inconclusive"},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(c.o, office)
			f := factsOf(t, j)
			status := "pass"
			switch {
			case slices.ContainsFunc(j.Findings, func(f checks.Finding) bool { return f.Severity == checks.Critical }):
				status = "fail"
			case !j.Inconclusive.IsZero():
				status = "inconclusive"
			}
			if f.Verdict == NoSign && !strings.Contains(english(j.Inconclusive), " does not prove UDP 5070 and TCP 5070:") && !strings.Contains(english(j.Inconclusive), " does not prove UDP 5060:") {
				t.Errorf("it does not say which ports are not proved: %q", english(j.Inconclusive))
			}
			if f.Verdict != c.verdict || status != c.status || f.Method != "responder" {
				t.Errorf("%s (%s) by %s, want %s (%s): %s; %s", f.Verdict, status, f.Method, c.verdict, c.status, english(j.Summary), english(j.Inconclusive))
			}
		})
	}
}

// Where the responder could not be asked what arrived, its answers still say
// what every server's do.
func TestWithoutTheLastFetchTheAnswersAreJudged(t *testing.T) {
	blind := func(r reply) Observed {
		o := visit(passes, func(p *Probe) {
			p.Known, p.Arrived = false, false
			if p.Transport == "tls" || p.Inbound {
				p.Answered = false
				return
			}
			p.Sent = Wire(fmt.Sprintf(askedText, p.Local, p.Local.Addr()))
			p.ReplyCame = reply{r.received, nil}.to(string(p.Sent))
		})
		o.Responder.ArrivalsErr = "the connection was reset"
		o.Views = []View{{Local: phone, Seen: wan, By: "responder"}}
		return o
	}
	for name, c := range map[string]struct {
		o       Observed
		verdict string
		reason  string
	}{
		"the private address came back": {blind(private), Rewriting, ""},
		"the public one did":            {blind(good), NoSign, "the responder does not prove"},
		"nothing did":                   {blind(mute), Inconclusive, "could not be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(c.o, office)
			if f := factsOf(t, j); f.Verdict != c.verdict || !strings.Contains(english(j.Inconclusive), c.reason) {
				t.Errorf("%s because of %q", f.Verdict, english(j.Inconclusive))
			}
			if c.verdict == Rewriting && (len(j.Findings) != 1 || j.Findings[0].Confidence != checks.Certain) {
				t.Errorf("findings %+v", j.Findings)
			}
		})
	}
}

// Only what a router quotes in whole lines is compared: it may cut the message
// anywhere, and append what is its own.
func TestAQuoteIsReadByWholeLines(t *testing.T) {
	sent := fmt.Sprintf(askedText, "192.168.88.10:40000", phone)
	changed := strings.ReplaceAll(sent, "192.168.88.10", "203.0.113.1")
	for name, c := range map[string]struct {
		quote   string
		verdict string
		codes   []sip.Code
	}{
		"all of it, unchanged":            {sent, NoSign, nil},
		"cut in the Via":                  {changed[:60], NoSign, nil},
		"cut, with a label of the router": {sent[:100] + strings.Repeat("\x00", 28) + "\x20\x00\x12\x34", NoSign, nil},
		"cut after a changed Via":         {changed[:110], Rewriting, []sip.Code{sip.ViaSentBy}},
		"all of it, changed":              {changed, Rewriting, []sip.Code{sip.ViaSentBy, sip.FromChanged, sip.CallID}},
		"another Request-URI":             {strings.Replace(sent, "sip:x SIP", "sip:z SIP", 1), Rewriting, []sip.Code{sip.RequestURI}},
		"a Via put on top":                {strings.Replace(sent, "Via:", "X: y\r\nVia:", 1), Rewriting, []sip.Code{sip.HeaderAdded}},
	} {
		t.Run(name, func(t *testing.T) {
			o := observation(one(udp(good), nil))
			o.Servers[0].Hops = []Hop{
				{TTL: 1, Addr: netip.MustParseAddr("192.168.88.1"), Quoted: len(sent), Sent: Wire(sent)},
				{TTL: 2, Addr: netip.MustParseAddr("203.0.113.254"), Quoted: len(c.quote), Changed: c.quote != sent, Sent: Wire(sent), Quote: Wire(c.quote)},
			}
			j := alone(o, office)
			f := factsOf(t, j)
			var codes []sip.Code
			for i := range f.weighed {
				if e := &f.weighed[i]; e.hop.IsValid() {
					for _, s := range e.standing() {
						codes = append(codes, s.Code)
					}
				}
			}
			if f.Verdict != c.verdict || !slices.Equal(codes, c.codes) || (f.Hop != nil) != (c.verdict == Rewriting) {
				t.Errorf("%s, %v, at %+v", f.Verdict, codes, f.Hop)
			}
			if c.verdict == Rewriting && (len(j.Findings) != 1 || j.Findings[0].Confidence != checks.Certain) {
				t.Errorf("findings %+v", j.Findings)
			}
			if p := f.Paths[0]; p.Verdict != NoSign || len(p.Changes) > 0 {
				t.Errorf("the answer was as it should be: %+v", p)
			}
		})
	}
}

func TestTheContactThatARegistrarKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		transport, kept string
		another         bool // version of signalling observed it
		want            string
	}{
		"as it was sent":                 {"udp", "sip:100@192.168.88.10:40000", false, ""},
		"with another address":           {"udp", "sip:100@203.0.113.1:40000", false, "or the registrar stored what it saw"},
		"as another version said":        {"udp", "sip:100@203.0.113.1:40000", true, ""},
		"the same over TLS":              {"tls", "sip:100@203.0.113.1:40000", false, ""},
		"the same in a secure WebSocket": {"wss", "sip:100@203.0.113.1:40000", false, ""},
		"nothing was told about it":      {"udp", "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bound := fmt.Sprintf(`,"bound":{"sent":"sip:100@192.168.88.10:40000","kept":%q}`, c.kept)
			if c.kept == "" {
				bound = ""
			}
			servers := `[]`
			if c.another {
				servers = `"none"`
			}
			raw := fmt.Sprintf(`{"servers":%s,"account":{"server":"sip.example","transport":%q%s}}`, servers, c.transport, bound)
			j := judge(observation(one(udp(good), nil)), office, func(id string) *checks.Result {
				if id == "signalling" {
					return &checks.Result{Check: id, Observed: []byte(raw)}
				}
				return nil
			})
			if got := english(j.Notes...); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("notes %q", got)
			}
			if f := factsOf(t, j); f.Verdict != NoSign {
				t.Errorf("it decides: %s", f.Verdict)
			}
		})
	}
}

func TestSTUNServersThatDisagreeAreAFact(t *testing.T) {
	o := observation(one(udp(good), nil))
	o.Views = append(o.Views, View{Local: phone, Seen: netip.MustParseAddr("203.0.113.77"), By: "other.example"},
		View{Local: netip.MustParseAddr("10.8.0.2"), Seen: netip.MustParseAddr("10.8.0.2"), By: "other.example"})
	j := alone(o, office)
	const want = "stun.example sees this machine at 203.0.113.1, other.example at 203.0.113.77"
	if english(j.Notes...) != want || factsOf(t, j).Verdict != NoSign {
		t.Errorf("notes %q", english(j.Notes...))
	}
}

// What showed nothing is offered as a way around, and nothing else is.
func TestTheWaysAroundAreThoseThatTheServersShow(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]reply
		works   []string
		advice  string
	}{
		"UDP is rewritten, TCP and TLS are not": {map[string]reply{"udp": private, "tcp": good, "tls": good}, []string{"TLS 5061", "TCP 5060"}, "use TLS 5061"},
		"TLS does not answer":                   {map[string]reply{"udp": private, "tcp": good}, []string{"TCP 5060"}, "use TCP 5060"},
		"only UDP answers":                      {udp(private), []string{}, "Do not forward"},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(observation(one(c.answers, nil)), office)
			if f := factsOf(t, j); !slices.Equal(f.Works, c.works) || !strings.Contains(j.Findings[0].Advice[0], c.advice) {
				t.Errorf("works %v, advice %v", f.Works, j.Findings[0].Advice)
			}
		})
	}
}

func TestWhichBoxItIs(t *testing.T) {
	outer := func(a string) *netinfo.Host {
		h := *office
		h.Router = &netinfo.Router{External: []netinfo.External{{Method: "upnp", Addr: netip.MustParseAddr(a)}}}
		return &h
	}
	second := func(o Observed, hop string) Observed {
		o.Views = []View{{Local: phone, Seen: wan, By: "stun.example", Second: netip.MustParseAddr(hop)}}
		return o
	}
	writes := func(a string) network {
		return func(p *Probe) { p.ArrivedAs = Wire(strings.ReplaceAll(string(p.Sent), phone.String(), a)) }
	}
	found := visit(passes, on("udp", 5060, true, rewrites))
	inside := func(o Observed) Observed { // STUN is asked in a larger office network
		o.Public, o.Views = nil, []View{{Local: phone, Seen: netip.MustParseAddr("192.168.1.2"), By: "stun.example"}}
		return o
	}
	proxied := func(p *Probe) {
		if p.Variant == "" {
			proxies(p)
		}
	}
	ours := observation(told{"sip.example", "198.51.100.20:5060", "10.8.0.2", map[string]reply{"udp": private, "tls": good}, nil})
	ours.Local = phone
	beside := func(r network) Observed {
		o, asked := visit(passes, on("udp", 5060, true, r)), observation(one(plainly(good), nil))
		o.Servers, o.Views = asked.Servers, asked.Views
		return o
	}
	behind := func(last string) Observed {
		o, was := found, string(found.Probes[0].Sent)
		is := strings.ReplaceAll(was, phone.String(), wan.String())
		o.Hops = []Hop{
			{TTL: 1, Addr: netip.MustParseAddr(last), Quoted: len(was), Sent: Wire(was)},
			{TTL: 2, Addr: netip.MustParseAddr("203.0.113.253"), Quoted: len(was), Changed: true, Sent: Wire(was), Quote: Wire(is)},
		}
		return o
	}
	for name, c := range map[string]struct {
		o    Observed
		h    *netinfo.Host
		want string
	}{
		"nothing contradicts":                  {found, office, "A SIP ALG, most likely in your router, rewrites"},
		"the server's own address was written": {visit(passes, on("udp", 5060, true, writes("198.51.100.2"))), office, "A SIP ALG, most likely in your router, rewrites"},
		"a third address was there before": {visit(passes, on("udp", 5060, true, func(p *Probe) {
			p.ReplySent = Wire("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.88.10\r\nContact: <sip:a@192.0.2.77>\r\n\r\n")
			p.ReplyCame = Wire(strings.Replace(string(p.ReplySent), "sip:a", "sip:b", 1))
		})), office, "A SIP ALG, most likely in your router, rewrites"},
		"an answer has the public address, and there is a second NAT": {observation(one(map[string]reply{"udp": ownVia, "tls": good}, nil)), outer("192.168.1.2"),
			"A SIP ALG in the device with the outer address 203.0.113.1, which is not your router, rewrites"},
		"another of our own addresses came back": {ours, office, "A SIP ALG, most likely in your router, rewrites"},
		"no router is known":                     {found, &netinfo.Host{}, "A SIP ALG on the way rewrites"},
		"the router's outer address was written": {found, outer("203.0.113.1"), "A SIP ALG in your router rewrites"},
		"the router's inner address was written": {visit(passes, on("udp", 5060, true, writes("192.168.88.1"))), office, "A SIP ALG in your router rewrites"},
		"the router has a private outer address": {found, outer("192.168.1.2"), "A SIP ALG in the device with the outer address 203.0.113.1, which is not your router, rewrites"},
		"it came unchanged to the router":        {behind("192.168.88.1"), office, "A SIP ALG in your router rewrites"},
		"the same, and there is a second NAT":    {behind("192.168.88.1"), outer("192.168.1.2"), "A SIP ALG in the device with the outer address 203.0.113.1, which is not your router, rewrites"},
		"it came unchanged to another router":    {behind("203.0.113.254"), office, "A SIP ALG on the way rewrites"},
		"a private router comes after ours":      {second(found, "192.168.1.1"), office, "A SIP ALG in the device with the outer address 203.0.113.1, which is not your router, rewrites"},
		"a public router comes after ours":       {second(found, "203.0.113.254"), office, "A SIP ALG, most likely in your router, rewrites"},
		"an address of neither side was written": {visit(passes, on("udp", 5060, true, writes("192.168.1.2"))), office, "A SIP ALG in the device with the outer address 192.168.1.2 rewrites"},
		"a proxy writes it into a Via of its own": {visit(passes, on("udp", 5060, true, func(p *Probe) {
			proxies(p)
			p.ArrivedAs = Wire(strings.Replace(string(p.ArrivedAs), "203.0.113.1", "192.168.1.2", 1))
		})), office, "A SIP proxy in the device with the outer address 192.168.1.2 replaces"},
		"it is the one at which STUN sees us":         {inside(visit(passes, on("udp", 5060, true, writes("192.168.1.2")))), office, "A SIP ALG in the device with the outer address 192.168.1.2 rewrites"},
		"and it is our router's":                      {visit(passes, on("udp", 5060, true, writes("192.168.1.2"))), outer("192.168.1.2"), "A SIP ALG in your router rewrites"},
		"only one of two servers is affected":         {observation(one(map[string]reply{"udp": private, "tls": good}, nil), other("198.51.100.21:5060", udp(good))), office, "A SIP ALG on the way to sip.example rewrites"},
		"the way to the responder alone is rewritten": {beside(rewrites), office, "A SIP ALG on the way to the responder rewrites"},
		"the way to the responder alone has a proxy":  {beside(proxied), office, "A SIP proxy on the way to the responder replaces"},
		"two servers in private networks": {observation(told{"pbx.example", "10.1.2.3:5060", "", map[string]reply{"udp": newFrom, "tls": good}, nil},
			told{"two.example", "10.1.2.4:5060", "", map[string]reply{"udp": newFrom, "tls": good}, nil}), office, "A SIP ALG, most likely in your router, rewrites"},
		"the server is in a private network":       {observation(told{"pbx.example", "10.1.2.3:5060", "", map[string]reply{"udp": newFrom, "tls": good}, nil}), office, "A SIP ALG on the way to pbx.example rewrites"},
		"answers only, and a private router after": {second(observation(one(map[string]reply{"udp": private, "tls": good}, nil)), "192.168.1.1"), office, "A SIP ALG on the way rewrites"},
	} {
		t.Run(name, func(t *testing.T) {
			j := alone(c.o, c.h)
			if len(j.Findings) == 0 || !strings.HasPrefix(j.Findings[0].Title, c.want) {
				t.Errorf("findings %+v", j.Findings)
			}
		})
	}
}

func TestTheAddressesInAField(t *testing.T) {
	for text, want := range map[string]string{
		"Contact: <sip:203.0.113.1:5060>":                          "203.0.113.1",
		"Contact: <sip:a@203.0.113.1;transport=udp>":               "203.0.113.1",
		"Via: SIP/2.0/UDP 192.168.88.10:5060;received=203.0.113.1": "192.168.88.10, 203.0.113.1",
		"o=- 1 1 IN IP6 2001:db8::1":                               "2001:db8::1",
		"INVITE sip:[2001:db8::1]:5060 SIP/2.0":                    "2001:db8::1",
		"Call-ID: 203.0.113.1x":                                    "",
	} {
		if got := strings.Join(once(addrsIn(text)), ", "); got != want {
			t.Errorf("in %q there is %q, want %q", text, got, want)
		}
	}
}

// The nat check may see a second NAT where this one does not.
func TestTheSameReportShowsASecondNAT(t *testing.T) {
	twice := &checks.Result{Check: "nat", Facts: map[string]any{"nat_layers": 2}}
	hint := &checks.Result{Check: "nat", Facts: map[string]any{"nat_layers": 0}, Findings: []checks.Finding{{ID: "nat.double", Severity: checks.Info}}}
	carrier := &checks.Result{Check: "nat", Facts: map[string]any{"nat_layers": 1, "cgnat": true}}
	once := &checks.Result{Check: "nat", Facts: map[string]any{"nat_layers": 1}, Findings: []checks.Finding{{ID: "nat.symmetric", Severity: checks.Info}}}
	for name, c := range map[string]struct {
		nat   *checks.Result
		title string
		blind bool
	}{
		"two layers":        {twice, "A SIP ALG on the way rewrites SIP messages", true},
		"one of a carrier":  {carrier, "A SIP ALG on the way rewrites SIP messages", true},
		"perhaps":           {hint, "A SIP ALG on the way rewrites SIP messages", true},
		"one layer":         {once, "A SIP ALG, most likely in your router, rewrites SIP messages", false},
		"nat was not asked": {nil, "A SIP ALG, most likely in your router, rewrites SIP messages", false},
	} {
		t.Run(name, func(t *testing.T) {
			of := func(id string) *checks.Result {
				if id != "nat" {
					return nil
				}
				return c.nat
			}
			found, clean := filled(judge(observation(one(udp(private), nil)), office, of)), judge(observation(one(all3(good), nil)), office, of)
			if found.Findings[0].Title != c.title || clean.Inconclusive.Names("sip-alg.reason.second-nat") != c.blind {
				t.Errorf("%q; %q", found.Findings[0].Title, english(clean.Inconclusive))
			}
		})
	}
}

// registerOf is what signalling told of one REGISTER.
func registerOf(t *testing.T, transport string, r reply) *checks.Result {
	t.Helper()
	request := strings.ReplaceAll(fmt.Sprintf(askedText, "192.168.88.10:40000", phone), "OPTIONS", "REGISTER")
	answer := strings.Replace(string(r.to(strings.Replace(request, "REGISTER sip:x", "OPTIONS sip:x", 1))), "SIP/2.0 200 OK", "SIP/2.0 401 Unauthorized", 1)
	raw, err := json.Marshal(map[string]any{"servers": []any{map[string]any{"name": "sip.example", "probes": []any{map[string]any{
		"transport": transport, "local": "192.168.88.10:40000", "remote": "198.51.100.20:5060",
		"register": map[string]any{"sent": []byte(request), "reply": []byte(answer)},
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return &checks.Result{Check: "signalling", Observed: raw}
}

// Some ALGs act on registrations alone; the REGISTER of signalling is evidence
// as well.
func TestTheRegisterOfSignallingIsEvidence(t *testing.T) {
	said := func(transport string, r reply) *checks.Result { return registerOf(t, transport, r) }

	without := func(r *checks.Result, edits ...string) *checks.Result {
		r.Observed = []byte(strings.NewReplacer(edits...).Replace(string(r.Observed)))
		return r
	}
	for name, c := range map[string]struct {
		signalling *checks.Result
		verdict    string
		confidence checks.Confidence
	}{
		"it came back as it was sent":         {said("udp", good), NoSign, ""},
		"its Via came back changed":           {said("udp", ownVia), Rewriting, checks.Certain}, // TCP and TLS show that the server does not do that
		"over TLS it can only be the server":  {said("tls", ownVia), NoSign, ""},
		"in a WebSocket it is not looked at":  {said("wss", ownVia), NoSign, ""},
		"signalling was observed by another":  {&checks.Result{Check: "signalling", Observed: []byte(`{"servers":"none"}`)}, NoSign, ""},
		"signalling asked nobody to register": {&checks.Result{Check: "signalling", Observed: []byte(`{"servers":[]}`)}, NoSign, ""},
		"half of what another observed fits":  {without(said("udp", ownVia), `"servers":`, `"account":"none","servers":`), NoSign, ""},
		"nobody answered it":                  {without(said("udp", ownVia), `"reply":`, `"lost":`), NoSign, ""},
		"the question was not kept":           {without(said("udp", private), `"sent":`, `"lost":`), NoSign, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(observation(one(all3(good), plainly(good))), office, func(id string) *checks.Result {
				if id == "signalling" {
					return c.signalling
				}
				return nil
			})
			f := factsOf(t, j)
			if f.Verdict != c.verdict || (len(j.Findings) > 0) != (c.confidence != "") || len(j.Findings) > 0 && j.Findings[0].Confidence != c.confidence {
				t.Errorf("%s, %+v", f.Verdict, j.Findings)
			}
			if f.Servers[0].Verdict != c.verdict {
				t.Errorf("the server: %+v", f.Servers[0])
			}
			if c.verdict == Rewriting && !slices.ContainsFunc(f.Paths, func(p Path) bool { return p.Message == "REGISTER" && p.Verdict == Rewriting }) {
				t.Errorf("paths %+v", f.Paths)
			}
		})
	}
}

// A server of several addresses is no other server: that OPTIONS comes back from
// one as it was sent takes nothing back of what a REGISTER to another one shows.
func TestAnotherAddressOfTheServerIsNoOtherServer(t *testing.T) {
	for _, to := range []string{"198.51.100.20:5060", "198.51.100.21:5060"} {
		r := registerOf(t, "udp", ownVia)
		r.Observed = []byte(strings.Replace(string(r.Observed), "198.51.100.20:5060", to, 1))
		j := filled(judge(observation(one(udp(good), nil)), office, func(id string) *checks.Result {
			if id == "signalling" {
				return r
			}
			return nil
		}))
		if f := factsOf(t, j); f.Verdict != Rewriting || len(j.Findings) != 1 || j.Findings[0].Confidence != checks.Likely {
			t.Errorf("REGISTER to %s: %s, %+v", to, f.Verdict, j.Findings)
		} else if got := j.Findings[0].Evidence[0].Name; got != "Via sent-by in the answer to REGISTER of sip.example (UDP 5060)" {
			t.Errorf("%q", got)
		}
	}
}
