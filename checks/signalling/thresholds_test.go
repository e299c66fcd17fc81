package signalling

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A clock may be a minute off, either way, and not a second more.
func TestHowWrongAClockMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		off  time.Duration
		want bool
	}{
		"right":                   {0, false},
		"a breath less than 60 s": {59999 * time.Millisecond, false},
		"60 s slow":               {time.Minute, true},
		"a breath less, fast":     {-59999 * time.Millisecond, false},
		"60 s fast":               {-time.Minute, true},
		"an hour":                 {time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := clockWrong(&Observed{Clock: &Clock{Server: "ntp.example.net", OffsetMillis: c.off.Milliseconds()}, LocalTime: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)})
			if (f != nil) != c.want {
				t.Fatalf("%+v", f)
			}
			if f != nil && (f.Severity != checks.Warning || f.Confidence != checks.Likely || !f.Heard) {
				t.Errorf("%s %s", f.Severity, f.Confidence)
			}
		})
	}
	if f := clockWrong(&Observed{Clock: &Clock{OffsetMillis: 1e9, Error: "no answer"}}); f != nil {
		t.Errorf("an answer that did not come: %+v", f)
	}
}

// english is a value of a message, as the report shows it.
func english(t *testing.T, v any) string {
	t.Helper()
	s, err := checks.BookOf([]*checks.Check{Check()}).Show(words.English, v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, &netinfo.Host{})
}

// outcome is what a result comes to: "fail signalling.refused critical".
func outcome(r checks.Result) string {
	s := string(r.Status)
	for _, f := range r.Findings {
		s += " " + f.ID + " " + string(f.Severity)
	}
	return s
}

// answers is what a transport answered; a class of error instead of a code is
// why it did not.
func answers(transport string, port uint16, with string) Probe {
	p := Probe{Transport: transport, Host: "pbx.example.net", Remote: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.20"), port), Local: netip.MustParseAddrPort("192.0.2.7:40000")}
	if len(with) > 3 && with[3] == ' ' {
		p.Options = Answer{Tries: 1, RTTMillis: 20, Reply: []byte("SIP/2.0 " + with + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")}
		return p
	}
	p.Error, p.ErrorClass, p.Options.Tries = words.Cause(with), with, 5
	return p
}

func expected(p Probe) Probe { p.Expected = true; return p }

func TestWhoSaidNoAndWhoSaidNothing(t *testing.T) {
	for name, c := range map[string]struct {
		probes []Probe
		want   string
	}{
		"it answers":                       {[]Probe{answers("udp", 5060, "200 OK")}, "pass"},
		"all of it is refused":             {[]Probe{answers("udp", 5060, "refused"), answers("tcp", 5060, "refused")}, "fail signalling.refused critical"},
		"half refused, half silent":        {[]Probe{answers("udp", 5060, "timeout"), answers("tcp", 5060, "refused")}, "inconclusive signalling.silent warning"},
		"all silent":                       {[]Probe{answers("udp", 5060, "timeout"), answers("tcp", 5060, "timeout")}, "inconclusive signalling.silent warning"},
		"a firewall says no":               {[]Probe{answers("udp", 5060, "prohibited"), answers("tcp", 5060, "timeout")}, "fail signalling.prohibited critical"},
		"this machine says no":             {[]Probe{answers("udp", 5060, "local-filter"), answers("tcp", 5060, "timeout")}, "fail signalling.local-filter critical"},
		"this machine and a firewall":      {[]Probe{answers("udp", 5060, "local-filter"), answers("tcp", 5060, "prohibited")}, "fail signalling.local-filter critical"},
		"TCP answers, UDP is silent":       {[]Probe{expected(answers("udp", 5060, "timeout")), answers("tcp", 5060, "200 OK")}, "warn signalling.udp-silent warning"},
		"TCP answers, UDP is refused":      {[]Probe{answers("udp", 5060, "refused"), answers("tcp", 5060, "200 OK")}, "pass signalling.udp-silent info"},
		"UDP answers, TCP was promised":    {[]Probe{answers("udp", 5060, "200 OK"), expected(answers("tcp", 5060, "timeout"))}, "warn signalling.transport-silent warning"},
		"UDP answers, TCP was not":         {[]Probe{answers("udp", 5060, "200 OK"), answers("tcp", 5060, "timeout")}, "pass"},
		"UDP answers, TLS was promised":    {[]Probe{answers("udp", 5060, "200 OK"), expected(answers("tls", 5061, "refused"))}, "warn signalling.transport-silent warning"},
		"it answers that it is overloaded": {[]Probe{answers("udp", 5060, "503 Service Unavailable")}, "warn signalling.server-trouble warning"},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: c.probes}}})
			if got := outcome(r); got != c.want {
				t.Errorf("%s, want %s\n%s", got, c.want, r.Summary)
			}
		})
	}
}

func TestHowARegistrationWent(t *testing.T) {
	code := func(n int) *Response { return &Response{Code: n, Phrase: "Words", Warning: "399 pbx \"words\""} }
	for name, c := range map[string]struct {
		a    Account
		want string
	}{
		"it registers":                       {Account{First: code(401), Second: code(200), Removed: code(200)}, "pass"},
		"it asks as a proxy does":            {Account{First: code(407), Second: code(200), Removed: code(200)}, "pass"},
		"it stays registered":                {Account{First: code(401), Second: code(200), Removed: code(500)}, "pass signalling.account-left info"},
		"nobody answered the removal":        {Account{First: code(401), Second: code(200)}, "pass signalling.account-left info"},
		"without a password":                 {Account{First: code(200), Removed: code(200)}, "warn signalling.account-open warning"},
		"the password is wrong":              {Account{First: code(401), Second: code(403)}, "fail signalling.account-refused critical"},
		"it asks again":                      {Account{First: code(401), Second: code(401)}, "fail signalling.account-refused critical"},
		"refused at once":                    {Account{First: code(403)}, "fail signalling.account-refused critical"},
		"silent after the password":          {Account{First: code(401), Error: "no answer"}, "inconclusive signalling.account-silent warning"},
		"silent after it, as a proxy":        {Account{First: code(407), Error: "no answer"}, "inconclusive signalling.account-silent warning"},
		"the time was too short":             {Account{First: code(401), Second: code(423)}, "pass"},
		"the server is in trouble":           {Account{First: code(500)}, "inconclusive"},
		"the end of trouble":                 {Account{First: code(599)}, "inconclusive"},
		"just before trouble":                {Account{First: code(499)}, "fail signalling.account-refused critical"},
		"beyond trouble":                     {Account{First: code(600)}, "fail signalling.account-refused critical"},
		"its own nonce is too old":           {Account{First: code(401), Second: &Response{Code: 401, Stale: true}}, "inconclusive"},
		"a challenge that nobody can answer": {Account{First: code(401), Unsupported: "it wants a certificate"}, "inconclusive"},
		"nobody answered":                    {Account{Error: "no answer"}, "inconclusive"},
	} {
		t.Run(name, func(t *testing.T) {
			c.a.Address = "sip:100@pbx.example.net"
			r := resultOf(t, Observed{Servers: []Server{{Name: "pbx.example.net", Probes: []Probe{answers("udp", 5060, "200 OK")}}}, Account: &c.a})
			if got := outcome(r); got != c.want {
				t.Errorf("%s, want %s\n%s: %s", got, c.want, r.Summary, r.Reason)
			}
		})
	}
}
