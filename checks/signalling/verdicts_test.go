package signalling

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// inFull is a result with all that a reader acts upon: how sure each finding is,
// whether it is about an answer that came, and whether there is a cure.
func inFull(r checks.Result) []string {
	out := []string{string(r.Status)}
	for _, f := range r.Findings {
		line := f.ID + " " + string(f.Severity) + " " + string(f.Confidence)
		if f.Heard {
			line += " heard"
		}
		if len(f.Fixes) > 0 {
			line += " cured"
		}
		out = append(out, line)
	}
	return out
}

func ofHost(p Probe, host, addr string) Probe {
	p.Host, p.Remote = host, netip.AddrPortFrom(netip.MustParseAddr(addr), p.Remote.Port())
	return p
}

func toldBy(p Probe, hop string) Probe { p.ErrorHop = netip.MustParseAddr(hop); return p }

// What is sure of a silence, and what cures it, hangs on who said what.
func TestHowSureASilenceIs(t *testing.T) {
	const elsewhere = "198.51.100.21"
	promised := func(transport string, port uint16, with string) Probe {
		return expected(answers(transport, port, with))
	}
	for name, c := range map[string]struct {
		probes []Probe
		want   []string
	}{
		"UDP was promised, and is silent": {
			[]Probe{promised("udp", 5060, "timeout"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning likely cured"}},
		"nobody promised UDP": {
			[]Probe{answers("udp", 5060, "timeout"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning possible cured"}},
		"a firewall says that UDP is forbidden": {
			[]Probe{promised("udp", 5060, "prohibited"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning certain cured"}},
		"it says so of a UDP that nobody promised": {
			[]Probe{answers("udp", 5060, "prohibited"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning certain cured"}},
		"UDP was promised, and is refused": {
			[]Probe{promised("udp", 5060, "refused"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning likely cured"}},
		"nobody promised the UDP that is refused": {
			[]Probe{answers("udp", 5060, "refused"), answers("tcp", 5060, "200 OK")}, []string{"pass", "signalling.udp-silent info likely"}},
		"UDP leads to another server than TCP": {
			[]Probe{ofHost(promised("udp", 5060, "timeout"), "a.example.net", elsewhere), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning possible"}},
		"UDP answers at another address": {
			[]Probe{ofHost(promised("udp", 5060, "timeout"), "a.example.net", elsewhere), answers("udp", 5060, "200 OK"), answers("tcp", 5060, "200 OK")}, []string{"pass"}},
		"of two silent UDP servers the one with TCP is compared": {
			[]Probe{ofHost(promised("udp", 5060, "timeout"), "a.example.net", elsewhere), promised("udp", 5060, "timeout"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning likely cured"}},
		"two silent UDP servers, TCP at a third: the first one counts": {
			[]Probe{ofHost(promised("udp", 5060, "prohibited"), "a.example.net", elsewhere), ofHost(promised("udp", 5060, "timeout"), "b.example.net", "198.51.100.22"), answers("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning certain cured"}},
		"all was asked over TCP": {[]Probe{answers("tcp", 5060, "200 OK")}, []string{"pass"}},
		"TCP was promised": {
			[]Probe{answers("udp", 5060, "200 OK"), promised("tcp", 5060, "refused")}, []string{"warn", "signalling.transport-silent warning likely cured"}},
		"a promised UDP is told once": {
			[]Probe{promised("udp", 5060, "timeout"), promised("tcp", 5060, "200 OK")}, []string{"warn", "signalling.udp-silent warning likely cured"}},
		"all of it is silent": {
			[]Probe{answers("udp", 5060, "timeout"), answers("tcp", 5060, "timeout")}, []string{"inconclusive", "signalling.silent warning likely cured"}},
		"all of it is refused by the server": {
			[]Probe{answers("udp", 5060, "refused"), toldBy(answers("tcp", 5060, "refused"), "198.51.100.20")}, []string{"fail", "signalling.refused critical certain"}},
		"a connection that breaks off is a no": {
			[]Probe{answers("udp", 5060, "refused"), answers("tcp", 5060, "reset")}, []string{"fail", "signalling.refused critical certain"}},
		"an error that nobody knows is not": {
			[]Probe{answers("udp", 5060, "refused"), answers("tcp", 5060, "strange")}, []string{"inconclusive", "signalling.silent warning likely cured"}},
		"a box on the way refuses for the server": {
			[]Probe{answers("tcp", 5060, "timeout"), toldBy(answers("udp", 5060, "refused"), "192.168.88.1")}, []string{"fail", "signalling.prohibited critical certain cured"}},
		"a firewall forbids it": {
			[]Probe{answers("tcp", 5060, "timeout"), toldBy(answers("udp", 5060, "prohibited"), "192.168.88.1")}, []string{"fail", "signalling.prohibited critical certain cured"}},
		"this machine's firewall drops it": {
			[]Probe{answers("udp", 5060, "local-filter"), answers("tcp", 5060, "local-filter")}, []string{"fail", "signalling.local-filter critical certain"}},
		"a router has no way there": {
			[]Probe{answers("tcp", 5060, "refused"), toldBy(answers("udp", 5060, "unreachable"), "192.168.88.1")}, []string{"inconclusive"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: c.probes}}})
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, r.Summary)
			}
		})
	}
}

// A server in trouble says so with 5xx. It is the answer to REGISTER that phones
// hang on; that a method or a version is not supported is no trouble.
func TestWhichAnswersAreTrouble(t *testing.T) {
	trouble := []string{"warn", "signalling.server-trouble warning certain heard"}
	reply := func(text string) []byte {
		return []byte("SIP/2.0 " + text + "\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n")
	}
	for name, c := range map[string]struct {
		options, register string
		want              []string
	}{
		"499":                             {"499 Words", "", []string{"pass"}},
		"500":                             {"500 Words", "", trouble},
		"501":                             {"501 Not Implemented", "", []string{"pass"}},
		"502":                             {"502 Words", "", trouble},
		"505":                             {"505 Version Not Supported", "", []string{"pass"}},
		"599":                             {"599 Words", "", trouble},
		"600":                             {"600 Busy Everywhere", "", []string{"pass"}},
		"OPTIONS is served, REGISTER not": {"200 OK", "503 Service Unavailable", trouble},
		"REGISTER is served, OPTIONS not": {"503 Service Unavailable", "401 Unauthorized", []string{"pass"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := answers("udp", 5060, c.options)
			if c.register != "" {
				p.Register = Answer{Tries: 1, Reply: reply(c.register)}
			}
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{p}}}})
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The warning with which a server explains itself is shown.
func TestAWarningOfTheServerIsShown(t *testing.T) {
	for warning, want := range map[string]int{"": 1, "Warning: 399 pbx \"disk full\"\r\n": 2} {
		p := answers("udp", 5060, "200 OK")
		p.Options.Reply = []byte("SIP/2.0 500 Words\r\nCSeq: 1 OPTIONS\r\n" + warning + "Content-Length: 0\r\n\r\n")
		r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{p}}}})
		if len(r.Findings) != 1 || len(r.Findings[0].Evidence) != want {
			t.Errorf("with %q: %+v", warning, r.Findings)
		}
	}
}

// Who was left out was not praised.
func TestServersThatWereNotAsked(t *testing.T) {
	good := Server{Name: "pbx.example.net", Probes: []Probe{answers("udp", 5060, "200 OK")}}
	bad := Server{Name: "old.example.net", Probes: []Probe{answers("udp", 5060, "refused")}}
	for name, c := range map[string]struct {
		o    Observed
		want checks.Status
		says string // in the summary
	}{
		"all of them were":        {Observed{Servers: []Server{good}}, checks.Pass, "UDP 5060"},
		"one was not":             {Observed{Servers: []Server{good}, LeftOut: 1}, checks.Inconclusive, "UDP 5060"},
		"three are named each":    {Observed{Servers: []Server{good, good, bad}}, checks.Fail, "old.example.net"},
		"four are counted":        {Observed{Servers: []Server{good, good, bad, good}}, checks.Fail, "3 of 4"},
		"a name that has no host": {Observed{Servers: []Server{good, {Name: "x", Error: "no such host"}}}, checks.Inconclusive, "no such host"},
	} {
		if r := resultOf(t, c.o); r.Status != c.want || !strings.Contains(r.Summary, c.says) {
			t.Errorf("%s: %s, want %s: %q", name, r.Status, c.want, r.Summary)
		}
	}
}

// What the summary of one server lists: what answers, and what should have.
func TestWhatASummaryNames(t *testing.T) {
	asks := func(with string) Probe {
		p := answers("udp", 5060, "200 OK")
		p.Register = Answer{Tries: 1, Reply: []byte("SIP/2.0 " + with + "\r\nCSeq: 2 REGISTER\r\nContent-Length: 0\r\n\r\n")}
		return p
	}
	for name, c := range map[string]struct {
		probes      []Probe
		says, hides string
	}{
		"401 asks for a password":               {[]Probe{asks("401 Unauthorized")}, "password", "5061"},
		"407 does, too":                         {[]Probe{asks("407 Proxy Authentication Required")}, "password", "5061"},
		"403 does not":                          {[]Probe{asks("403 Forbidden")}, "UDP 5060", "password"},
		"one transport silent at two addresses": {[]Probe{answers("tcp", 5060, "200 OK"), answers("udp", 5060, "timeout"), ofHost(answers("udp", 5060, "timeout"), "b.example.net", "198.51.100.21")}, "UDP 5060 does not answer", "answer, UDP"},
		"two addresses of one transport":        {[]Probe{answers("udp", 5060, "200 OK"), ofHost(answers("udp", 5060, "200 OK"), "b.example.net", "198.51.100.21")}, "UDP 5060", "UDP 5060, UDP 5060"},
		"what is silent":                        {[]Probe{answers("udp", 5060, "200 OK"), answers("tcp", 5060, "timeout")}, "TCP 5060", "TLS"},
		"what was promised and is refused":      {[]Probe{answers("udp", 5060, "200 OK"), expected(answers("tls", 5061, "refused"))}, "TLS 5061", "TCP"},
		"what nobody promised and is refused":   {[]Probe{answers("udp", 5060, "200 OK"), answers("tls", 5061, "refused")}, "UDP 5060", "TLS"},
		"a WebSocket that answers":              {[]Probe{answers("wss", 8089, "200 OK")}, "WebSocket (wss) 8089", "UDP"},
		"a plain one":                           {[]Probe{answers("ws", 8088, "200 OK")}, "WebSocket (ws) 8088", "UDP"},
		"a server of a record that never does":  {[]Probe{probeOf("udp", "a.example.net", "198.51.100.66", 1, "silent"), probeOf("udp", "b.example.net", "198.51.100.5", 2, "ok"), probeOf("tcp", "a.example.net", "198.51.100.66", 1, "silent"), probeOf("tcp", "b.example.net", "198.51.100.5", 2, "ok")}, "; a.example.net", ", a.example.net"},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: c.probes}}})
			if !strings.Contains(r.Summary, c.says) || strings.Contains(r.Summary, c.hides) {
				t.Errorf("%q, want it with %q and without %q", r.Summary, c.says, c.hides)
			}
		})
	}
}

// A certificate that is over breaks phones only where they were told to use TLS;
// and a server that is named by its address is seldom in any certificate.
func TestHowGraveACertificateIs(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	good := TLS{Version: "TLS 1.3", CheckedName: "pbx.example.net", DomainBy: byName, HostBy: byName, NotBefore: at.Add(-90 * day), NotAfter: at.Add(90 * day), Sent: 2}
	with := func(change func(*TLS)) TLS { x := good; change(&x); return x }
	expired := with(func(x *TLS) { x.NotAfter = at.Add(-day) })
	for name, c := range map[string]struct {
		port     uint16
		promised bool
		tls      TLS
		want     []string
	}{
		"in order":                              {5061, true, good, []string{"pass"}},
		"over, on the port for TLS":             {5061, false, expired, []string{"fail", "signalling.tls-expired critical certain heard cured"}},
		"over, where TLS was promised":          {5099, true, expired, []string{"fail", "signalling.tls-expired critical certain heard cured"}},
		"over, where nobody was sent":           {5099, false, expired, []string{"warn", "signalling.tls-expired warning certain heard cured"}},
		"over this very second":                 {5061, true, with(func(x *TLS) { x.NotAfter = at }), []string{"warn", "signalling.tls-expires-soon warning certain heard cured"}},
		"good from this very second":            {5061, true, with(func(x *TLS) { x.NotBefore = at }), []string{"pass"}},
		"good from the next":                    {5061, true, with(func(x *TLS) { x.NotBefore = at.Add(time.Second) }), []string{"fail", "signalling.tls-not-yet-valid critical certain heard cured"}},
		"for another name":                      {5061, true, with(func(x *TLS) { x.DomainBy, x.HostBy = "", "" }), []string{"warn", "signalling.tls-name warning certain heard cured"}},
		"for a name, and asked for an address":  {5061, true, with(func(x *TLS) { x.DomainBy, x.HostBy, x.CheckedName = "", "", "198.51.100.20" }), []string{"pass", "signalling.tls-name info certain heard"}},
		"self-signed, named by name":            {5061, true, with(func(x *TLS) { x.ChainError, x.SelfSigned = "unknown", true }), []string{"warn", "signalling.tls-untrusted warning certain heard cured"}},
		"self-signed, named by address":         {5061, true, with(func(x *TLS) { x.ChainError, x.SelfSigned, x.CheckedName = "unknown", true, "198.51.100.20" }), []string{"pass", "signalling.tls-untrusted info certain heard"}},
		"an unknown authority, by address":      {5061, true, with(func(x *TLS) { x.ChainError, x.CheckedName = "unknown", "198.51.100.20" }), []string{"warn", "signalling.tls-untrusted warning certain heard cured"}},
		"TLS 1.1 at most":                       {5061, true, with(func(x *TLS) { x.Version = "TLS 1.1" }), []string{"warn", "signalling.tls-old warning certain heard"}},
		"TLS 1.0 at most":                       {5061, true, with(func(x *TLS) { x.Version = "TLS 1.0" }), []string{"warn", "signalling.tls-old warning certain heard"}},
		"TLS 1.2":                               {5061, true, with(func(x *TLS) { x.Version = "TLS 1.2" }), []string{"pass"}},
		"no handshake, where TLS was promised":  {5061, true, TLS{Error: "handshake failure"}, []string{"warn", "signalling.tls-error warning likely"}},
		"no handshake, where nobody promised":   {5061, false, TLS{Error: "handshake failure"}, []string{"pass"}},
		"several faults, the worst comes first": {5061, true, with(func(x *TLS) { x.NotAfter, x.Version, x.DomainBy = at.Add(-day), "TLS 1.1", byWildcard }), []string{"fail", "signalling.tls-expired critical certain heard cured", "signalling.tls-wildcard warning certain heard cured", "signalling.tls-old warning certain heard"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := answers("tls", c.port, "200 OK")
			if c.tls.Error != "" {
				p.Options = Answer{}
			}
			p.Expected, c.tls.At = c.promised, at
			p.TLS = &c.tls
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{answers("udp", 5060, "200 OK"), p}}}})
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				if f.Title == "" || f.Explanation == "" || len(f.Evidence) == 0 || len(f.Advice) == 0 && f.ID != "signalling.tls-error" {
					t.Errorf("it does not say all: %+v", f)
				}
			}
			f := factsOf(t, r)[1]
			if (f.Certificate != nil) != (c.tls.Error == "") || f.Certificate != nil && len(f.Certificate.Faults) != len(r.Findings) {
				t.Errorf("facts %+v", f.Certificate)
			}
		})
	}
}

func factsOf(t *testing.T, r checks.Result) []Fact {
	t.Helper()
	f, ok := r.Facts.([]Fact)
	if !ok {
		t.Fatalf("facts %T", r.Facts)
	}
	return f
}

// What each transport came to, as scripts read it.
func TestTheFactsOfATransport(t *testing.T) {
	web := answers("ws", 8088, "timeout")
	web.HTTPStatus = 404
	broken := answers("tls", 5061, "timeout")
	broken.TLS = &TLS{Error: "handshake failure"}
	silent := answers("udp", 5060, "timeout")
	silent.ErrorClass = ""
	register := answers("udp", 5060, "timeout")
	register.Register = Answer{Tries: 1, RTTMillis: 7, Reply: []byte("SIP/2.0 401 Unauthorized\r\nServer: Asterisk\r\nCSeq: 2 REGISTER\r\nContent-Length: 0\r\n\r\n")}
	for name, c := range map[string]struct {
		p    Probe
		want Fact
	}{
		"OPTIONS was answered":          {answers("udp", 5060, "404 Not Found"), Fact{Status: Answered, Code: 404, Method: "OPTIONS", RTTMillis: 20, Phrase: "Not Found"}},
		"REGISTER alone was":            {register, Fact{Status: Answered, Code: 401, RegisterCode: 401, Method: "REGISTER", RTTMillis: 7, Phrase: "Unauthorized", Server: "Asterisk"}},
		"silence":                       {silent, Fact{Status: Timeout, Note: "timeout"}},
		"it timed out":                  {answers("udp", 5060, "timeout"), Fact{Status: Timeout, Note: "timeout"}},
		"refused":                       {answers("udp", 5060, "refused"), Fact{Status: Refused, Note: "refused"}},
		"forbidden":                     {answers("udp", 5060, "prohibited"), Fact{Status: Prohibited, Note: "prohibited"}},
		"broken off":                    {answers("udp", 5060, "reset"), Fact{Status: Reset, Note: "reset"}},
		"no way there":                  {answers("udp", 5060, "unreachable"), Fact{Status: Unreachable, Note: "unreachable"}},
		"dropped by this machine":       {answers("udp", 5060, "local-filter"), Fact{Status: LocalFilter, Note: "local-filter"}},
		"something else":                {answers("udp", 5060, "strange"), Fact{Status: Other, Note: "strange"}},
		"no TLS came about":             {broken, Fact{Status: TLSError, Note: "timeout"}},
		"a web server that has no SIP":  {web, Fact{Status: NoWebSocket, Note: "timeout"}},
		"the profile promises that one": {expected(answers("udp", 5060, "refused")), Fact{Status: Refused, Note: "refused", Expected: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := factsOf(t, resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{c.p}}}}))[0]
			if c.want.Status == Answered && got.Meaning == "" {
				t.Error("it does not say what the answer means")
			}
			got.Meaning = ""
			c.want.Target, c.want.Transport, c.want.Port, c.want.Address = "pbx.example.net", c.p.Transport, int(c.p.Remote.Port()), "198.51.100.20"
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Each outcome has words of its own, and a box that answered is named.
func TestWhatTheEvidenceSaysOfATransport(t *testing.T) {
	said := map[string]string{}
	for _, class := range []string{"timeout", "refused", "prohibited", "reset", "unreachable", "local-filter", "strange"} {
		p := answers("tcp", 5060, class)
		text := english(t, got(&p))
		if other, ok := said[text]; ok || text == "" {
			t.Errorf("of %s it says %q, as of %s", class, text, other)
		}
		said[text] = class
		named := strings.Contains(english(t, got(new(toldBy(p, "192.168.88.1")))), "192.168.88.1")
		if want := class == "refused" || class == "prohibited" || class == "unreachable"; named != want {
			t.Errorf("of %s it says %q", class, text)
		}
	}
	p := answers("udp", 5060, "200 OK")
	p.Options.Reply = []byte("SIP/2.0 200 OK\r\nServer: Asterisk 20\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	if text := english(t, got(&p)); !strings.Contains(text, "200") || !strings.Contains(text, "Asterisk 20") {
		t.Errorf("of an answer it says %q", text)
	}
}

// The public address that the PBX may have banned is named where it is known.
func TestWhichAddressMayBeBanned(t *testing.T) {
	for name, c := range map[string]struct {
		outer []string
		want  string
	}{
		"nobody knows it":                       {nil, "unknown"},
		"the router says it":                    {[]string{"203.0.113.1"}, "203.0.113.1"},
		"a router behind another says its own":  {[]string{"192.168.1.2"}, "unknown"},
		"a router behind the carrier's":         {[]string{"100.64.0.9"}, "unknown"},
		"a router with DS-Lite":                 {[]string{"192.0.0.2"}, "unknown"},
		"the second of two routers has the one": {[]string{"192.168.1.2", "203.0.113.1"}, "203.0.113.1"},
	} {
		h := &netinfo.Host{Router: &netinfo.Router{}}
		for _, a := range c.outer {
			h.Router.External = append(h.Router.External, netinfo.External{Method: "upnp", Addr: netip.MustParseAddr(a)})
		}
		if got := publicAddress(h); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The cure for a blocked port opens it to the server that was asked.
func TestTheCureNamesTheServer(t *testing.T) {
	asked := answers("udp", 5060, "timeout")
	asked.Remote = netip.MustParseAddrPort("[::ffff:198.51.100.20]:5060")
	h := &netinfo.Host{Router: &netinfo.Router{Platform: "mikrotik", Version: "7.15"}}
	text := ""
	for _, f := range portCures(&Server{Probes: []Probe{{Transport: "tcp"}, asked, answers("udp", 5060, "timeout")}}, h) {
		text += strings.Join(f.Commands, "\n")
	}
	if !strings.Contains(text, "198.51.100.20") || strings.Contains(text, "::ffff") {
		t.Errorf("the cure is %q", text)
	}
}

// The real registration is a line of the facts, whatever came of it.
func TestTheFactsOfAnAccount(t *testing.T) {
	remote := netip.MustParseAddrPort("198.51.100.20:5060")
	for name, c := range map[string]struct {
		a      Account
		status Status
		code   int
		addr   string
		says   string // in the summary
	}{
		"it registers":           {Account{Remote: remote, First: &Response{Code: 401}, Second: &Response{Code: 200}, Removed: &Response{Code: 200}}, Answered, 200, "198.51.100.20", "registers"},
		"without a password":     {Account{Remote: remote, First: &Response{Code: 200}, Removed: &Response{Code: 200}}, Answered, 200, "198.51.100.20", "registers"},
		"it is refused":          {Account{Remote: remote, First: &Response{Code: 401}, Second: &Response{Code: 403}}, Answered, 403, "198.51.100.20", "refused (403)"},
		"an answer of no SIP":    {Account{Remote: remote, First: &Response{}}, Timeout, 0, "198.51.100.20", ""},
		"nobody answers":         {Account{Remote: remote, Error: "no answer"}, Timeout, 0, "198.51.100.20", "could not be tested"},
		"nobody to ask":          {Account{Error: "no server"}, Timeout, 0, "", "could not be tested"},
		"silent to the password": {Account{Remote: remote, First: &Response{Code: 401}, Error: "no answer"}, Answered, 401, "198.51.100.20", "could not be tested"},
		"nobody can answer it":   {Account{Remote: remote, First: &Response{Code: 401}, Unsupported: "AKA"}, Answered, 401, "198.51.100.20", "could not be tested"},
		"it stays registered":    {Account{Remote: remote, First: &Response{Code: 401}, Second: &Response{Code: 200}, Error: "no answer"}, Answered, 200, "198.51.100.20", "registers"},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Address, c.a.Server, c.a.Transport = "sip:100@pbx.example.net", "pbx.example.net", "udp"
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{answers("udp", 5060, "200 OK")}}}, Account: &c.a})
			list := factsOf(t, r)
			f := list[len(list)-1]
			if len(list) != 2 || f.Account != c.a.Address || f.Status != c.status || f.Code != c.code || f.Address != c.addr || (f.Meaning != "") != (c.code != 0) || f.Method != "REGISTER" {
				t.Errorf("%+v", f)
			}
			if !strings.Contains(r.Summary, c.a.Address) || !strings.Contains(r.Summary, c.says) {
				t.Errorf("it sums up: %q", r.Summary)
			}
		})
	}
}

// How sure the verdict on an account is, and each answer in its evidence.
func TestHowSureAVerdictOnAnAccountIs(t *testing.T) {
	warned := &Response{Code: 403, Phrase: "Forbidden", Warning: "399 pbx \"no money\""}
	for name, c := range map[string]struct {
		a       Account
		want    []string
		evident int
	}{
		"refused":                  {Account{First: &Response{Code: 401}, Second: &Response{Code: 403}}, []string{"fail", "signalling.account-refused critical certain heard"}, 2},
		"refused with a warning":   {Account{First: &Response{Code: 401}, Second: warned}, []string{"fail", "signalling.account-refused critical certain heard"}, 3},
		"silent to the password":   {Account{First: &Response{Code: 401}, Error: "no answer"}, []string{"inconclusive", "signalling.account-silent warning possible"}, 1},
		"open to all":              {Account{First: &Response{Code: 200}, Removed: &Response{Code: 200}}, []string{"warn", "signalling.account-open warning certain heard"}, 2},
		"open, and not taken back": {Account{First: &Response{Code: 200}}, []string{"warn", "signalling.account-open warning certain heard"}, 1},
		"it could not be removed":  {Account{First: &Response{Code: 401}, Second: &Response{Code: 200}, Removed: &Response{Code: 403}}, []string{"pass", "signalling.account-left info certain"}, 3},
		"a proxy asks again":       {Account{First: &Response{Code: 407}, Second: &Response{Code: 407}}, []string{"fail", "signalling.account-refused critical certain heard"}, 2},
		"a nonce too old, at once": {Account{First: &Response{Code: 403, Stale: true}}, []string{"fail", "signalling.account-refused critical certain heard"}, 1},
		"registered, and stale":    {Account{First: &Response{Code: 401}, Second: &Response{Code: 200, Stale: true}, Removed: &Response{Code: 200}}, []string{"pass"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Address = "sip:100@pbx.example.net"
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{answers("udp", 5060, "200 OK")}}}, Account: &c.a})
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if c.evident > 0 && len(r.Findings[0].Evidence) != c.evident {
				t.Errorf("evidence %+v", r.Findings[0].Evidence)
			}
		})
	}
	refused := func(code int) string {
		list, _ := judgeAccount(&Account{First: &Response{Code: code}, Second: &Response{Code: code}})
		return english(t, words.Say("signalling.account-refused.explanation", list[0].Args))
	}
	again, other := refused(407), refused(403)
	if same := refused(401); again != same || again == other {
		t.Errorf("%q, %q, %q", again, same, other)
	}
}

// A server of an SRV record that does not answer: how sure that is, and all that
// was asked of it and of those beside it.
func TestTheEvidenceOfADeadServer(t *testing.T) {
	const one, two, three = "198.51.100.66", "198.51.100.5", "198.51.100.7"
	at := func(transport, host, addr string, srv int, outcome string) Probe {
		return probeOf(transport, host+".example.net", addr, srv, outcome)
	}
	for outcome, sure := range map[string]checks.Confidence{"silent": checks.Likely, "refused": checks.Certain, "reset": checks.Certain, "unreachable": checks.Certain, "prohibited": checks.Likely} {
		r := resultOf(t, Observed{Servers: []Server{{Name: "example.net", Probes: []Probe{
			at("udp", "a", one, 1, outcome), at("udp", "b", two, 2, "ok"), at("udp", "c", three, 3, "ok"), at("tcp", "a", one, 2, outcome), at("tcp", "b", two, 1, "ok"),
		}}}})
		if len(r.Findings) != 1 || r.Findings[0].ID != "signalling.srv-target-dead" {
			t.Fatalf("%s: %+v", outcome, r.Findings)
		}
		f := r.Findings[0]
		if f.Severity != checks.Warning || f.Confidence != sure || f.Subject != "a.example.net" || len(f.Evidence) != 4 {
			t.Errorf("%s: %s %s about %s, %+v", outcome, f.Severity, f.Confidence, f.Subject, f.Evidence)
		}
	}
}

// What observe stores as a code is a sentence in the report.
func TestEveryCodeHasASentence(t *testing.T) {
	for _, c := range []struct {
		id    string
		codes []string
		args  words.Args
	}{
		{"reason.server", []string{probe.NoFamily(netip.IPv6Unspecified()).Error(), probe.NoFamily(netip.Addr{}).Error()}, words.Args{"server": "pbx.example.net"}},
		{"reason.account", []string{"no-server", errNoAnswer.Error()}, words.Args{}},
		{"reason.account-silent", []string{errNoAnswer.Error()}, words.Args{}},
		{"reason.account-challenge", []string{"no-challenge", "algorithm"}, words.Args{"algorithm": "AKAv1-MD5"}},
		{"evidence.no-websocket", []string{errWebSocketRefused.Error(), errWebSocketBroken.Error(), errWebSocketNoSIP.Error()}, words.Args{"code": 404}},
		{"evidence.untrusted", []string{"self-signed", "unknown-authority"}, words.Args{"alone": false}},
	} {
		c.args["why"] = "another one"
		tail := english(t, words.Say("signalling."+c.id, c.args))
		if !strings.Contains(tail, "another one") {
			t.Errorf("%s: an error without a code is lost: %q", c.id, tail)
		}
		said := map[string]bool{tail: true}
		for _, code := range c.codes {
			c.args["why"] = code
			s := english(t, words.Say("signalling."+c.id, c.args))
			if said[s] || strings.HasSuffix(s, ": "+code) {
				t.Errorf("%s of %s: %q", c.id, code, s)
			}
			said[s] = true
		}
	}
}

// What is kept of a stranger's answer is short and can be shown.
func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	long := strings.Repeat("é", maxText)
	for name, c := range map[string]struct {
		reply string
		want  Response
		ok    bool
	}{
		"all of it":               {"SIP/2.0 403 No Money Left\r\nUser-Agent: phone\r\nServer: Kamailio\r\nWarning: 399 a \"b\"\r\n\r\n", Response{Code: 403, Phrase: "No Money Left", Server: "Kamailio", Warning: "399 a \"b\""}, true},
		"a user agent alone":      {"SIP/2.0 200 OK\r\nUser-Agent: Asterisk\r\n\r\n", Response{Code: 200, Phrase: "OK", Server: "Asterisk"}, true},
		"no phrase":               {"SIP/2.0 200\r\nServer: x\r\n\r\n", Response{Code: 200, Server: "x"}, true},
		"a nonce that is too old": {"SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\", stale=true\r\n\r\n", Response{Code: 401, Phrase: "Unauthorized", Stale: true}, true},
		"bytes that are no text":  {"SIP/2.0 200 \xff\r\nServer: a\xfeb\r\n\r\n", Response{Code: 200, Phrase: "?", Server: "a?b"}, true},
		"as long as may be":       {"SIP/2.0 200 OK\r\nServer: " + long + "\r\n\r\n", Response{Code: 200, Phrase: "OK", Server: long}, true},
		"longer":                  {"SIP/2.0 200 OK\r\nServer: " + long + "é\r\n\r\n", Response{Code: 200, Phrase: "OK", Server: long + "…"}, true},
		"a request":               {"OPTIONS sip:a SIP/2.0\r\nServer: x\r\n\r\n", Response{}, false},
		"rubbish":                 {"rubbish", Response{}, false},
	} {
		got, ok := readResponse([]byte(c.reply))
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%s: %v (-want +got):\n%s", name, ok, diff)
		}
	}
}
