package dns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	officeDNS = "192.168.88.1"
	quad9     = "9.9.9.9"
)

var sipServer = Name{Host: pbxName, For: "SIP server", SIP: true}

// system and public are resolvers that answer something.
func system(questions ...Question) Resolver { return resolver(officeDNS, fromSystem, questions...) }
func public(questions ...Question) Resolver { return resolver(quad9, fromPublic, questions...) }

func resolver(addr, source string, questions ...Question) Resolver {
	return Resolver{Addr: netip.MustParseAddrPort(addr + ":53"), Source: source, Questions: questions}
}

// asked is a question that was answered after 3 ms.
func asked(name, kind, rcode string, records ...Record) Question {
	return Question{Name: name, Type: kind, Rcode: rcode, Records: records, Tries: 1, RTTMillis: 3}
}

func inA(addr string) Record {
	return Record{Type: "A", Owner: pbxName, TTL: 60, Addr: netip.MustParseAddr(addr)}
}

// address answers both families, with IPv4 addresses or none.
func address(rcode string, addrs ...string) []Question {
	a, aaaa := asked(pbxName, "A", rcode), asked(pbxName, "AAAA", rcode)
	for _, s := range addrs {
		a.Records = append(a.Records, inA(s))
	}
	return []Question{a, aaaa}
}

// srvAt answers the SRV questions: SIP over UDP at a target, or nowhere, and
// neither over TCP nor TLS.
func srvAt(target string) []Question {
	owners := services(pbxName)
	udp := asked(owners[0], "SRV", "NXDOMAIN")
	if target != "" {
		udp = asked(owners[0], "SRV", "NOERROR", Record{Type: "SRV", Owner: owners[0], Target: target, Port: 5060, Priority: 10, TTL: 60})
	}
	return []Question{udp, asked(owners[1], "SRV", "NXDOMAIN"), asked(owners[2], "SRV", "NXDOMAIN")}
}

func both(a, b []Question) []Question { return append(append([]Question{}, a...), b...) }

// found are the findings in a word each: what, how bad, how sure, and whether
// it was heard or concluded from silence.
func found(j checks.Judgement) (list []string) {
	for _, f := range j.Findings {
		how := "silence"
		if f.Heard {
			how = "heard"
		}
		list = append(list, fmt.Sprintf("%s %s %s %s", f.ID, f.Severity, f.Confidence, how))
	}
	return list
}

// told is what a user reads of it.
func told(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, &netinfo.Host{})
}

func TestWhatTwoResolversSayOfAName(t *testing.T) {
	stun := Name{Host: pbxName, For: "STUN server"}
	inHosts := sipServer
	inHosts.System = []netip.Addr{netip.MustParseAddr("192.168.88.9")}
	servfail := address("NOERROR")
	servfail[1].Rcode = "SERVFAIL"
	strangeSRV := both(address("NOERROR", "198.51.100.5"), srvAt("a.example.net"))
	strangeSRV[2].Rcode, strangeSRV[2].Records = "SERVFAIL", nil
	unaskedSRV := both(address("NOERROR", "198.51.100.5"), srvAt("a.example.net")[:2])
	here := both(address("NOERROR", "198.51.100.5"), srvAt("a.example.net"))
	other := both(address("NOERROR", "198.51.100.5"), srvAt("b.example.net"))
	for name, c := range map[string]struct {
		name    Name
		list    []Resolver
		want    []string
		unclear bool
	}{
		"only a service here, and the same there": {sipServer, []Resolver{
			system(both(address("NOERROR"), srvAt("a.example.net"))...), public(both(address("NOERROR"), srvAt("a.example.net"))...),
		}, nil, false},
		"nothing here, only a service there: that is no private address": {sipServer, []Resolver{
			system(both(address("NOERROR"), srvAt(""))...), public(both(address("NOERROR"), srvAt("a.example.net"))...),
		}, []string{"dns.differs critical certain heard"}, false},
		"the hosts file knows what DNS does not": {inHosts, []Resolver{system(address("NXDOMAIN")...)}, nil, false},
		"no such name, says the only one that was asked, a public one": {sipServer, []Resolver{public(address("NXDOMAIN")...)},
			[]string{"dns.no-such-name critical certain heard"}, false},
		"no such name, say both": {sipServer, []Resolver{system(address("NXDOMAIN")...), public(address("NXDOMAIN")...)},
			[]string{"dns.no-such-name critical certain heard"}, false},
		"no address, and half an answer": {sipServer, []Resolver{system(servfail...)}, nil, true},
		"addresses in an answer that says there is no such name": {sipServer, []Resolver{system(address("NXDOMAIN", "198.51.100.5")...)},
			[]string{"dns.no-such-name critical certain heard"}, false},
		"rebind protection hides it": {sipServer, []Resolver{system(address("NOERROR")...), public(address("NOERROR", "10.9.0.5")...)},
			[]string{"dns.rebind-protection critical likely heard"}, false},
		"rebind protection hides a STUN server": {stun, []Resolver{system(address("NOERROR")...), public(address("NOERROR", "10.9.0.5")...)},
			[]string{"dns.rebind-protection warning likely heard"}, false},
		"a filter does not know a STUN server": {stun, []Resolver{system(address("NXDOMAIN")...), public(address("NOERROR", "198.51.100.5")...)},
			[]string{"dns.differs warning certain heard"}, false},

		"sent to this machine itself": {sipServer, []Resolver{system(address("NOERROR", "127.0.0.1")...)},
			[]string{"dns.differs critical certain heard"}, false},
		"sent nowhere, and the truth elsewhere": {sipServer, []Resolver{system(address("NOERROR", "0.0.0.0")...), public(address("NOERROR", "198.51.100.5")...)},
			[]string{"dns.differs critical certain heard"}, false},
		"a STUN server sent nowhere": {stun, []Resolver{system(address("NOERROR", "0.0.0.0")...)},
			[]string{"dns.differs warning certain heard"}, false},
		"one address of two is good":                                      {sipServer, []Resolver{system(address("NOERROR", "127.0.0.1", "198.51.100.5")...)}, nil, false},
		"sent nowhere by a public resolver, which phones here do not ask": {sipServer, []Resolver{public(address("NOERROR", "127.0.0.1")...)}, nil, false},

		"by region": {sipServer, []Resolver{system(address("NOERROR", "198.51.100.5")...), public(address("NOERROR", "198.51.100.6")...)},
			[]string{"dns.differs info possible heard"}, false},
		"in turns, one address in common": {sipServer, []Resolver{
			system(address("NOERROR", "198.51.100.5", "198.51.100.6")...), public(address("NOERROR", "198.51.100.6", "198.51.100.7")...),
		}, nil, false},
		"a private address here": {sipServer, []Resolver{system(address("NOERROR", "192.168.88.2")...), public(address("NOERROR", "198.51.100.6")...)},
			[]string{"dns.differs warning possible heard"}, false},
		"an address there, a service at both": {sipServer, []Resolver{
			system(both(address("NOERROR"), srvAt("a.example.net"))...), public(here...),
		}, []string{"dns.differs warning possible heard"}, false},
		"an address here, a service at both": {sipServer, []Resolver{
			system(here...), public(both(address("NOERROR"), srvAt("a.example.net"))...),
		}, []string{"dns.differs warning possible heard"}, false},
		"it is not known what is said there": {sipServer, []Resolver{system(address("NOERROR", "198.51.100.5")...), public(servfail...)}, nil, false},
		"it is not known what is said here":  {sipServer, []Resolver{system(servfail...), public(address("NOERROR", "198.51.100.5")...)}, nil, false},

		"the services lead elsewhere": {sipServer, []Resolver{system(here...), public(other...)},
			[]string{"dns.differs warning likely heard"}, false},
		"no service here, one there": {sipServer, []Resolver{system(both(address("NOERROR", "198.51.100.5"), srvAt(""))...), public(other...)},
			[]string{"dns.differs warning likely heard"}, false},
		"the services of a responder interest nobody": {Name{Host: pbxName, For: "responder"}, []Resolver{system(here...), public(other...)}, nil, false},
		"no answer about the services here":           {sipServer, []Resolver{system(strangeSRV...), public(here...)}, nil, false},
		"no answer about the services there":          {sipServer, []Resolver{system(here...), public(strangeSRV...)}, nil, false},
		"not asked for all services here":             {sipServer, []Resolver{system(unaskedSRV...), public(other...)}, nil, false},
		"not asked for all services there":            {sipServer, []Resolver{system(here...), public(both(address("NOERROR", "198.51.100.5"), srvAt("b.example.net")[:2])...)}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Names: []Name{c.name}, Resolvers: c.list}, &netinfo.Host{})
			if diff := cmp.Diff(c.want, found(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if (!j.Inconclusive.IsZero()) != c.unclear {
				t.Errorf("inconclusive because of %q", j.Inconclusive.ID)
			}
		})
	}
}

// Of this machine's DNS servers some or all are of no use, or none is known.
func TestDNSServersOfNoUse(t *testing.T) {
	const elsewhere = "198.51.100.5"
	inHosts := sipServer
	inHosts.System = []netip.Addr{netip.MustParseAddr(elsewhere)}
	good, dead := system(address("NOERROR", elsewhere)...), mute("192.168.88.2", fromSystem, pbxName)
	broken := system(address("SERVFAIL")...)
	for name, c := range map[string]struct {
		o       Observed
		want    []string
		unclear bool
		cured   bool
	}{
		"all is well":      {o: Observed{Resolvers: []Resolver{good}}},
		"one of two":       {Observed{Resolvers: []Resolver{good, dead}}, []string{"dns.no-answer warning likely silence"}, false, true},
		"both":             {Observed{Resolvers: []Resolver{broken, dead}}, []string{"dns.no-answer critical certain silence"}, false, true},
		"none is set up":   {Observed{ListError: "no server"}, []string{"dns.no-answer critical certain silence"}, true, true},
		"the list is bad":  {o: Observed{Resolvers: []Resolver{good}, ListError: "line 3"}},
		"nobody tells":     {Observed{ListError: "not supported", Unlisted: true}, nil, true, false},
		"nobody was asked": {Observed{}, nil, true, false},
		"it answers that it does not want to, and the hosts file knows the name": {
			Observed{Names: []Name{inHosts}, Resolvers: []Resolver{broken}}, []string{"dns.no-answer warning certain silence"}, false, true,
		},
		"one of two names is in the hosts file": {
			Observed{Names: []Name{inHosts, {Host: "other.example.net", For: "responder"}}, Resolvers: []Resolver{broken}},
			[]string{"dns.no-answer critical certain silence"}, false, true,
		},
		"all are silent, and so is every other": {Observed{Resolvers: []Resolver{dead, mute(quad9, fromPublic, pbxName)}},
			[]string{"dns.no-answer critical certain silence", "dns.udp53-blocked info likely silence"}, false, false},
		"all are silent, another answers": {Observed{Resolvers: []Resolver{dead, public(address("NOERROR", elsewhere)...)}},
			[]string{"dns.no-answer critical certain silence"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.o.Names == nil {
				c.o.Names = []Name{sipServer}
			}
			j := judge(c.o, &netinfo.Host{})
			if diff := cmp.Diff(c.want, found(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if (!j.Inconclusive.IsZero()) != c.unclear {
				t.Errorf("inconclusive because of %q", j.Inconclusive.ID)
			}
			if len(j.Findings) > 0 && (len(j.Findings[0].Fixes) > 0) != c.cured {
				t.Errorf("%d cures", len(j.Findings[0].Fixes))
			}
			if s := told(t, c.o); strings.Contains(s.Summary, "()") {
				t.Errorf("it names nobody: %q", s.Summary)
			}
		})
	}
}

// A name is undecided when nobody says that it exists or that it does not.
func TestANameThatNobodyKnowsAnythingAbout(t *testing.T) {
	good := address("NOERROR", "198.51.100.5")
	inHosts := Name{Host: "other.example.net", For: "responder", System: []netip.Addr{netip.MustParseAddr("198.51.100.9")}}
	builtin := Name{Host: "stun.example.net", For: "STUN server", Builtin: true}
	unknown := Name{Host: "unknown.example.net", For: "responder"}
	halfKnown := both(address("NOERROR")[:1], srvAt("a.example.net"))
	for name, c := range map[string]struct {
		names []Name
		list  []Resolver
		want  string
	}{
		"all are known":                            {[]Name{sipServer, inHosts, builtin}, []Resolver{system(good...)}, ""},
		"one was not answered":                     {[]Name{sipServer, unknown}, []Resolver{system(good...)}, unknown.Host},
		"a public resolver answered":               {[]Name{sipServer}, []Resolver{system(asked("x", "A", "NXDOMAIN")), public(good...)}, ""},
		"a service is an answer":                   {[]Name{sipServer}, []Resolver{system(halfKnown...)}, ""},
		"all are silent: that is a finding":        {[]Name{sipServer, unknown}, []Resolver{mute(officeDNS, fromSystem, pbxName)}, ""},
		"one of two is silent":                     {[]Name{sipServer, unknown}, []Resolver{mute("192.168.88.2", fromSystem, pbxName), system(good...)}, unknown.Host},
		"this machine names no DNS server at all":  {[]Name{sipServer, unknown}, []Resolver{public(good...)}, unknown.Host},
		"a public one is silent, and nobody other": {[]Name{sipServer}, []Resolver{mute(quad9, fromPublic, pbxName)}, pbxName},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Names: c.names, Resolvers: c.list}, &netinfo.Host{})
			var want any
			if c.want != "" {
				want = []string{c.want}
			}
			if diff := cmp.Diff(want, j.Inconclusive.Args["names"]); diff != "" {
				t.Errorf("inconclusive because of %s (-want +got):\n%s", j.Inconclusive.ID, diff)
			}
		})
	}
}

// Only what even the quickest answer took counts, and no answer takes no time.
func TestWhenDNSIsSlow(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		took   []float64
		want   []string
	}{
		"just quick enough":               {fromSystem, []float64{400, 900}, nil},
		"a little slower":                 {fromSystem, []float64{900, 401}, []string{"dns.slow warning likely heard"}},
		"slow, and one was lost":          {fromSystem, []float64{500, 0}, []string{"dns.slow warning likely heard"}},
		"one was lost, then slow":         {fromSystem, []float64{0, 500}, []string{"dns.slow warning likely heard"}},
		"one quick answer":                {fromSystem, []float64{500, 30, 700}, nil},
		"a public resolver is far away":   {fromPublic, []float64{900, 900}, nil},
		"it is not known what they took ": {fromSystem, []float64{0, 0}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := resolver(officeDNS, c.source, both(address("NOERROR", "198.51.100.5"), address("NOERROR", "198.51.100.5"))...)
			r.Questions = r.Questions[:len(c.took)]
			for i, ms := range c.took {
				r.Questions[i].RTTMillis = ms
			}
			o := Observed{Names: []Name{sipServer}, Resolvers: []Resolver{r}}
			j := judge(o, &netinfo.Host{})
			if diff := cmp.Diff(c.want, found(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if len(j.Findings) > 0 && len(j.Findings[0].Fixes) == 0 {
				t.Error("no cure")
			}
		})
	}
}

func TestWhoLiesAndWhoRedirects(t *testing.T) {
	const nonsense = "sipdoctor-x.invalid"
	good := address("NOERROR", "198.51.100.5")
	liar := both(good, []Question{asked(nonsense, "A", "NOERROR", inA("203.0.113.99"))})
	honest := both(good, []Question{asked(nonsense, "A", "NXDOMAIN")})
	for name, c := range map[string]struct {
		list     []Resolver
		nobody   *Question
		want     []string
		hijacked bool
	}{
		"nobody":                                 {[]Resolver{system(honest...)}, nil, nil, false},
		"an answer without an address":           {[]Resolver{system(both(good, []Question{asked(nonsense, "A", "NOERROR")})...)}, nil, nil, false},
		"an address in an answer that says no":   {[]Resolver{system(both(good, []Question{asked(nonsense, "A", "NXDOMAIN", inA("203.0.113.99"))})...)}, nil, nil, false},
		"the office's":                           {[]Resolver{system(liar...), public(honest...)}, nil, []string{"dns.hijacked warning certain heard"}, true},
		"a public one":                           {[]Resolver{system(honest...), public(liar...)}, nil, []string{"dns.hijacked warning certain heard"}, true},
		"nobody answers where nobody lives":      {[]Resolver{system(honest...)}, &Question{Tries: 6}, nil, false},
		"somebody answers where nobody lives":    {[]Resolver{system(honest...)}, &Question{Rcode: "NOERROR", Records: []Record{inA("198.51.100.80")}}, []string{"dns.redirected warning certain heard"}, false},
		"somebody answers there, with a refusal": {[]Resolver{system(honest...)}, &Question{Rcode: "REFUSED"}, []string{"dns.redirected warning certain heard"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Names: []Name{sipServer}, Nonsense: []string{nonsense}, Nobody: c.nobody, Resolvers: c.list}, &netinfo.Host{})
			if diff := cmp.Diff(c.want, found(j)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			f := j.Facts.(Facts)
			if f.Hijacked != c.hijacked || f.Redirected != (c.nobody != nil && c.nobody.Rcode != "") {
				t.Errorf("hijacked %v, redirected %v", f.Hijacked, f.Redirected)
			}
			if len(j.Findings) > 0 && len(j.Findings[0].Fixes) == 0 {
				t.Error("no cure")
			}
		})
	}
}

// An address that the DNS server also gives to names that do not exist says
// nothing about the name.
func TestAnAddressForEveryNameIsNone(t *testing.T) {
	lie := []Question{asked("x.invalid", "A", "NOERROR", inA("203.0.113.99"))}
	for addr, want := range map[string][]string{
		"203.0.113.99": {"dns.differs critical certain heard", "dns.hijacked warning certain heard"},
		"198.51.100.5": {"dns.hijacked warning certain heard"},
	} {
		o := Observed{Names: []Name{sipServer}, Nonsense: []string{"x.invalid"}, Resolvers: []Resolver{system(both(address("NOERROR", addr), lie)...)}}
		if diff := cmp.Diff(want, found(judge(o, &netinfo.Host{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", addr, diff)
		}
	}
}

// The worst comes first, whichever was looked for first.
func TestTheWorstIsToldFirst(t *testing.T) {
	dead := mute("192.168.88.2", fromSystem, pbxName)
	nobody := &Question{Rcode: "NOERROR"}
	for name, c := range map[string]struct {
		list []Resolver
		want []string
	}{
		"a dead server, and no such name": {[]Resolver{dead, system(address("NXDOMAIN")...)},
			[]string{"dns.no-such-name critical certain heard", "dns.no-answer warning likely silence", "dns.redirected warning certain heard"}},
		"by region, and redirected": {[]Resolver{system(address("NOERROR", "198.51.100.5")...), public(address("NOERROR", "198.51.100.6")...)},
			[]string{"dns.redirected warning certain heard", "dns.differs info possible heard"}},
	} {
		j := judge(Observed{Names: []Name{sipServer}, Resolvers: c.list, Nobody: nobody}, &netinfo.Host{})
		if diff := cmp.Diff(c.want, found(j)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whether DNS servers outside can be asked, and how sure that is.
func TestWhetherPort53IsOpen(t *testing.T) {
	silent := mute(quad9, fromPublic, pbxName)
	says := func(class, hop string) Resolver {
		r := mute("1.1.1.1", fromPublic, pbxName)
		r.Questions[0].ErrorClass = class
		if hop != "" {
			r.Questions[0].ErrorHop = netip.MustParseAddr(hop)
		}
		return r
	}
	overTCP := mute("8.8.8.8", fromPublic, pbxName)
	overTCP.TCP = &Question{Name: pbxName, Type: "A", Rcode: "NOERROR"}
	notTried := mute("8.8.8.8", fromPublic, pbxName)
	notTried.TCP = nil
	refuses := public(asked(pbxName, "A", "REFUSED"))
	for name, c := range map[string]struct {
		list  []Resolver
		facts string
		want  []string
	}{
		"nobody was asked":                      {nil, "untested", nil},
		"silence":                               {[]Resolver{silent, notTried}, "blocked", []string{"dns.udp53-blocked info likely silence"}},
		"silence, but TCP passes":               {[]Resolver{silent, overTCP}, "blocked", []string{"dns.udp53-blocked info certain silence"}},
		"a filter says no":                      {[]Resolver{silent, says("prohibited", officeDNS)}, "blocked", []string{"dns.udp53-blocked info certain silence"}},
		"this machine's own filter":             {[]Resolver{says("local-filter", ""), silent}, "blocked", []string{"dns.udp53-blocked info certain silence"}},
		"nobody listens there":                  {[]Resolver{silent, says("refused", "")}, "blocked", []string{"dns.udp53-blocked info likely silence"}},
		"a router has no way there":             {[]Resolver{says("unreachable", officeDNS)}, "blocked", []string{"dns.udp53-blocked info likely silence"}},
		"this machine has no way there":         {[]Resolver{says("unreachable", ""), silent}, "untested", nil},
		"one of them answers that it would not": {[]Resolver{silent, refuses}, "open", nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Names: []Name{sipServer}, Resolvers: append([]Resolver{system(address("NOERROR", "198.51.100.5")...)}, c.list...)}
			j := judge(o, &netinfo.Host{})
			if diff := cmp.Diff(c.want, found(j)); diff != "" || j.Facts.(Facts).UDP53 != c.facts {
				t.Errorf("port 53 %s, findings (-want +got):\n%s", j.Facts.(Facts).UDP53, diff)
			}
			if len(j.Findings) > 0 && len(j.Findings[0].Fixes) > 0 {
				t.Error("what is no fault needs no cure")
			}
		})
	}
}

// What came of a DNS server's questions stands in the evidence.
func TestWhatCameOfTheQuestions(t *testing.T) {
	failed := func(class, hop string) Question {
		q := Question{Name: "x", Type: "A", Tries: 6, ErrorClass: class}
		if hop != "" {
			q.ErrorHop = netip.MustParseAddr(hop)
		}
		return q
	}
	lost := failed("", "")
	lost.Tries = 2
	book := checks.BookOf([]*checks.Check{Check()})
	for name, c := range map[string]struct {
		questions []Question
		tcp       *Question
		want      string
	}{
		"it answers":                            {[]Question{failed("", ""), asked("x", "A", "NXDOMAIN")}, nil, "answered in 3 ms"},
		"it is silent":                          {[]Question{failed("", ""), lost}, nil, "silent, asked 6 times"},
		"it was not asked":                      {nil, nil, "silent"},
		"it is broken":                          {[]Question{failed("refused", ""), asked("x", "A", "SERVFAIL")}, nil, "answers SERVFAIL"},
		"nobody listens":                        {[]Question{failed("refused", ""), failed("prohibited", "")}, nil, "nothing listens there (port unreachable)"},
		"a hop says no":                         {[]Question{failed("prohibited", "192.0.2.1"), failed("refused", "")}, nil, "prohibited, says 192.0.2.1"},
		"it says no, nobody knows who":          {[]Question{failed("", ""), failed("prohibited", ""), failed("unreachable", "")}, nil, "prohibited"},
		"it is silent over TCP as well":         {[]Question{failed("", "")}, &Question{}, "silent, asked 6 times; no answer over TCP either"},
		"it is silent over UDP, not over TCP":   {[]Question{failed("", "")}, &Question{Rcode: "NOERROR"}, "silent, asked 6 times; over TCP it answers"},
		"broken first, and then nobody listens": {[]Question{asked("x", "A", "SERVFAIL"), failed("refused", ""), failed("prohibited", "")}, nil, "answers SERVFAIL"},
	} {
		r := system(c.questions...)
		r.TCP = c.tcp
		if got, err := book.Fill(words.English, outcome(&r)); got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// Whom a phone tries, in which order (RFC 3263), and what else the facts say.
func TestWhomAPhoneTries(t *testing.T) {
	srv := func(owner, target string, priority, weight, port int) Record {
		return Record{Type: "SRV", Owner: owner, Target: target, Priority: priority, Weight: weight, Port: port, TTL: 60}
	}
	naptr := func(order, preference int, service, target string) Record {
		return Record{Type: "NAPTR", Owner: pbxName, Priority: order, Weight: preference, Service: service, Target: target}
	}
	owners := services(pbxName)
	plain := address("NOERROR", "198.51.100.5")
	targets := []Question{
		asked("a.example.net", "A", "NOERROR", inA("198.51.100.6")), asked("a.example.net", "AAAA", "NOERROR"),
		asked("b.example.net", "A", "NOERROR", inA("198.51.100.7")), asked("b.example.net", "AAAA", "NOERROR"),
	}
	with := func(list ...Question) []Question { return both(both(plain, targets), list) }
	udp := asked(owners[0], "SRV", "NOERROR", srv(owners[0], "b.example.net", 10, 1, 5060), srv(owners[0], "a.example.net", 10, 5, 5060), srv(owners[0], "b.example.net", 5, 0, 5062))
	tcp := asked(owners[1], "SRV", "NOERROR", srv(owners[1], "a.example.net", 1, 1, 5060), Record{Type: "CNAME", Owner: owners[1], Target: "x"}, Record{Type: "SRV", Owner: owners[1]})
	tls := asked(owners[2], "SRV", "NOERROR", srv(owners[2], "a.example.net", 1, 1, 5061))
	const udpOrder = "udp b.example.net:5062 198.51.100.7, udp a.example.net:5060 198.51.100.6, udp b.example.net:5060 198.51.100.7"
	for name, c := range map[string]struct {
		port      int
		noSIP     bool
		questions []Question
		want      string
	}{
		"the address alone":                                            {questions: plain, want: pbxName + " 198.51.100.5"},
		"no address and no service":                                    {questions: both(address("NOERROR"), nil), want: ""},
		"with a port, nothing else counts":                             {port: 5070, questions: with(udp), want: pbxName + ":5070 198.51.100.5"},
		"with a port, no address, and a service that is not asked for": {port: 5070, questions: both(address("NOERROR"), []Question{udp}), want: ""},
		"no SIP server, so no service":                                 {noSIP: true, questions: with(udp), want: pbxName + " 198.51.100.5"},
		"by priority, then by weight":                                  {questions: with(udp), want: udpOrder},
		"a record without a target, and one of another type":           {questions: with(tcp), want: "tcp a.example.net:5060 198.51.100.6"},
		"UDP, TCP, TLS, when nobody says otherwise":                    {questions: with(tls, tcp, udp), want: udpOrder + ", tcp a.example.net:5060 198.51.100.6, tls a.example.net:5061 198.51.100.6"},
		"TLS first, says NAPTR; TCP is not mentioned": {
			questions: with(udp, tcp, tls, asked(pbxName, "NAPTR", "NOERROR", naptr(20, 1, "SIP+D2U", owners[0]), naptr(10, 1, "SIPS+D2T", owners[2]))),
			want:      "tls a.example.net:5061 198.51.100.6, " + udpOrder + ", tcp a.example.net:5060 198.51.100.6",
		},
		"of one order, the preference decides": {
			questions: with(tcp, tls, asked(pbxName, "NAPTR", "NOERROR", naptr(10, 2, "SIP+D2T", owners[1]), naptr(10, 1, "SIPS+D2T", owners[2]))),
			want:      "tls a.example.net:5061 198.51.100.6, tcp a.example.net:5060 198.51.100.6",
		},
		"a transport that is named twice counts where it comes first": {
			questions: with(tcp, tls, asked(pbxName, "NAPTR", "NOERROR", naptr(10, 1, "SIPS+D2T", owners[2]), naptr(20, 1, "SIP+D2T", owners[1]), naptr(30, 1, "SIPS+D2T", owners[2]))),
			want:      "tls a.example.net:5061 198.51.100.6, tcp a.example.net:5060 198.51.100.6",
		},
		"NAPTR leads to a service with a name of its own": {
			questions: with(asked(pbxName, "NAPTR", "NOERROR", naptr(10, 1, "SIP+D2T", "_sip._tcp.example.org"), Record{Type: "CNAME", Target: "_sip._udp.x"}),
				asked("_sip._tcp.example.org", "SRV", "NOERROR", srv("", "b.example.net", 1, 1, 5060))),
			want: "tcp b.example.net:5060 198.51.100.7",
		},
		"NAPTR of another protocol": {
			questions: with(asked(pbxName, "NAPTR", "NOERROR", naptr(10, 1, "H323+D2U", "_h323._udp.example.org")),
				asked("_h323._udp.example.org", "SRV", "NOERROR", srv("", "b.example.net", 1, 1, 1719))),
			want: pbxName + " 198.51.100.5",
		},
		"NAPTR leads to a plain host": {
			questions: with(asked(pbxName, "NAPTR", "NOERROR", naptr(10, 1, "SIP+D2U", "b.example.net")), asked("b.example.net", "SRV", "NOERROR", srv("", "a.example.net", 1, 1, 5060))),
			want:      pbxName + " 198.51.100.5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := sipServer
			n.Port, n.SIP = c.port, !c.noSIP
			f := judge(Observed{Names: []Name{n}, Resolvers: []Resolver{system(c.questions...)}}, &netinfo.Host{}).Facts.(Facts)
			if got := strings.Join(f.Names[0].Order, ", "); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFactsAboutNamesAndServers(t *testing.T) {
	six := asked(pbxName, "AAAA", "NOERROR", Record{Type: "AAAA", TTL: 30, Addr: netip.MustParseAddr("2001:db8::5")})
	first := system(address("NXDOMAIN")...)
	first.Addr = netip.MustParseAddrPort(officeDNS + ":5353")
	second := public(address("NOERROR", "198.51.100.5")[0], six)
	second.Questions[0].RTTMillis, second.Questions[1].RTTMillis = 7, 9
	silent := mute("1.1.1.1", fromPublic, pbxName)
	got := judge(Observed{Names: []Name{sipServer}, Resolvers: []Resolver{first, second, silent}}, &netinfo.Host{}).Facts
	want := Facts{
		Resolvers: []string{officeDNS + ":5353"}, Public: quad9, UDP53: "open",
		Servers: []ResolverFacts{{officeDNS + ":5353", fromSystem, true, 3}, {quad9, fromPublic, true, 9}, {"1.1.1.1", fromPublic, false, 0}},
		Names: []NameFacts{{
			Name: pbxName, For: "sip", Resolver: quad9, NAPTR: []NAPTR{}, SRV: []SRV{}, TTL: 30, RTTMillis: 7,
			A: []netip.Addr{netip.MustParseAddr("198.51.100.5")}, AAAA: []netip.Addr{netip.MustParseAddr("2001:db8::5")},
			Order: []string{pbxName + " 198.51.100.5, 2001:db8::5"},
		}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The summary of what is well says who was asked and who was not.
func TestWhatIsSaidWhenAllIsWell(t *testing.T) {
	good := address("NOERROR", "198.51.100.5")
	inHosts := Name{Host: "other.example.net", For: "responder", System: []netip.Addr{netip.MustParseAddr("198.51.100.9")}}
	unknown := Name{Host: "stun.example.net", For: "STUN server", Builtin: true}
	for name, c := range map[string]struct {
		o    Observed
		want []string
	}{
		"one name, two resolvers":          {Observed{Names: []Name{sipServer}, Resolvers: []Resolver{system(good...), public(good...)}}, []string{pbxName + " found", officeDNS, quad9}},
		"only a public one":                {Observed{Names: []Name{sipServer}, Resolvers: []Resolver{public(good...)}}, []string{pbxName + " found", quad9}},
		"no public one was to be asked":    {Observed{Names: []Name{sipServer}, Resolvers: []Resolver{system(good...)}, NoPublic: true}, []string{pbxName + " found", officeDNS, "not compared"}},
		"two names":                        {Observed{Names: []Name{sipServer, inHosts}, Resolvers: []Resolver{system(good...)}}, []string{"2 names found"}},
		"one of two":                       {Observed{Names: []Name{sipServer, unknown}, Resolvers: []Resolver{system(good...)}}, []string{"1 of 2 names found"}},
		"the hosts file alone":             {Observed{Names: []Name{inHosts}}, []string{inHosts.Host + " found", "hosts file"}},
		"none of two":                      {Observed{Names: []Name{unknown, unknown}, Resolvers: []Resolver{system(asked("x", "A", "NXDOMAIN"))}}, []string{"0 of 2 names"}},
		"what is worth knowing is no news": {Observed{Names: []Name{sipServer}, Resolvers: []Resolver{system(good...), mute(quad9, fromPublic, pbxName)}}, []string{pbxName + " found"}},
	} {
		got := told(t, c.o).Summary
		for i, want := range c.want {
			if at := strings.Index(got, want); at < 0 || at > 0 && i == 0 {
				t.Errorf("%s: %q, without %q", name, got, want)
			}
		}
		if n := strings.Count(got, quad9); n > 1 || strings.Contains(got, "not compared") != c.o.NoPublic {
			t.Errorf("%s: %q", name, got)
		}
	}
}
