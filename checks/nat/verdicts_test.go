package nat

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// resultOf judges as a run does, doubts about the responder included.
func resultOf(t *testing.T, o Observed, h *netinfo.Host) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, h)
}

// inFull is a result with all that a reader acts upon: how grave and how sure
// each finding is, how much evidence it has, and whether there is a cure.
func inFull(r checks.Result) []string {
	out := []string{string(r.Status)}
	for _, f := range r.Findings {
		line := strings.TrimPrefix(f.ID, "nat.") + " " + string(f.Severity) + " " + string(f.Confidence) + strings.Repeat("*", len(f.Evidence))
		if len(f.Fixes) > 0 {
			line += " cured"
		}
		out = append(out, line)
	}
	return out
}

func of(source string, s Sample) Sample { s.Source = source; return s }

func samples(list ...Sample) Observed {
	return Observed{Targets: []Target{{Name: "x", Source: fromUser}}, Families: []Family{{Samples: list}}}
}

func (o Observed) with(change func(*Observed)) Observed { change(&o); return o }

// The ports of a call, RTP and RTCP, as a server saw them.
func pair(rtp, rtcp string) []Sample {
	a, b := seen("2:3478", rtp), seen("2:3478", rtcp)
	a.Role, b.Role = roleRTP, roleRTCP
	b.Local = netip.AddrPortFrom(a.Local.Addr(), a.Local.Port()+1)
	return []Sample{a, b}
}

// What is wrong with a NAT that answers, and what is only worth knowing.
func TestHowGraveANATIs(t *testing.T) {
	one, two := seen("2:3478", "40000"), seen("30:3478", "40000")
	server, other := one.Server, netip.MustParseAddrPort("198.51.100.3:3479")
	open := func(s Sample) Sample { s.Mapped = s.Local; return s }
	elsewhere := two
	elsewhere.Local = netip.MustParseAddrPort("203.0.113.9:40000")
	filter := func(f Filter) func(*Observed) {
		f.Server, f.Expect = server, other
		return func(o *Observed) { o.Families[0].Filter = []Filter{f} }
	}
	plain := func(s Sample, a string) Sample { s.Plain = netip.MustParseAddrPort(a); return s }
	near := Sample{Role: rolePlain, Source: fromUser, Local: one.Local, Mapped: one.Local, Server: netip.MustParseAddrPort("192.168.88.20:3478"), Answered: true}
	add := func(list ...Sample) Observed { return samples(append([]Sample{one, two}, list...)...) }
	const parity = "parity info certain**"
	for name, c := range map[string]struct {
		o    Observed
		want []string
	}{
		"no NAT, and everybody may ring":   {samples(open(one), open(two)).with(filter(Filter{Answered: true})), []string{"pass"}},
		"no NAT, and two lines":            {samples(open(one), open(elsewhere)), []string{"pass"}},
		"all in order":                     {samples(one, two), []string{"pass"}},
		"ports vary":                       {samples(one, seen("30:3478", "6")), []string{"warn", "mapping-varies warning certain** cured"}},
		"addresses vary":                   {samples(one, seen("30:3478", "203.0.113.9:40000")), []string{"warn", "public-address-varies warning certain**"}},
		"RTP and RTCP stay together":       {add(pair("5000", "5001")...), []string{"pass"}},
		"RTCP is not the next port":        {add(pair("5000", "5003")...), []string{"pass", parity}},
		"RTP gets an odd port":             {add(pair("5001", "5002")...), []string{"pass", parity}},
		"RTCP gets an even one":            {add(pair("5000", "5000")...), []string{"pass", parity}},
		"they do not, and ports vary":      {samples(append(pair("5001", "5007"), one, seen("30:3478", "6"))...), []string{"warn", "mapping-varies warning certain** cured"}},
		"they do not, and addresses vary":  {samples(append(pair("5001", "203.0.113.9:5007"), one, two)...), []string{"warn", "public-address-varies warning certain**"}},
		"one of the two was not answered":  {add(pair("5000", "5003")[:1]...), []string{"pass"}},
		"everybody may ring":               {samples(one, two).with(filter(Filter{Answered: true})), []string{"pass", "filtering info likely*"}},
		"nobody else may":                  {samples(one, two).with(filter(Filter{Control: true})), []string{"pass"}},
		"rewritten to our private address": {samples(plain(one, "192.168.88.10:1"), two), []string{"warn", "payload-rewritten warning certain* cured"}},
		"a server that writes nonsense":    {samples(plain(one, "203.0.113.77:5"), two), []string{"warn", "payload-rewritten warning possible* cured"}},
		"the same server twice":            {samples(plain(one, "203.0.113.77:5"), plain(one, "203.0.113.77:5")), []string{"inconclusive", "payload-rewritten warning possible** cured"}},
		"two of them":                      {samples(plain(one, "203.0.113.77:5"), plain(two, "203.0.113.77:5")), []string{"warn", "payload-rewritten warning likely** cured"}},
		"two, and one shows our address":   {samples(plain(one, "192.168.88.10:1"), plain(two, "203.0.113.77:5")), []string{"warn", "payload-rewritten warning certain** cured"}},
		"both copies are the same":         {samples(plain(one, one.Mapped.String()), two), []string{"pass"}},
		"one server":                       {samples(one), []string{"inconclusive"}},
		"one that says an error":           {samples(one, two, Sample{Role: rolePlain, Server: other, Answered: true, Code: 400, Local: one.Local, Mapped: netip.MustParseAddrPort("203.0.113.9:1")}), []string{"pass"}},
		"one that was not heard":           {samples(one, two, Sample{Role: rolePlain, Server: other, Local: one.Local, Mapped: netip.MustParseAddrPort("203.0.113.9:1")}), []string{"pass"}},
		"one that answers for IPv6":        {samples(one, two, Sample{Role: rolePlain, Server: other, Answered: true, Local: one.Local, Mapped: netip.MustParseAddrPort("[2001:db8::9]:1")}), []string{"pass"}},
		"the PBX next door alone":          {samples(near), []string{"pass"}},
		"a fresh socket with another port": {add(Sample{Role: rolePort, Server: server, Answered: true, Local: one.Local, Mapped: netip.MustParseAddrPort("203.0.113.1:9")}), []string{"pass"}},
		"a fresh socket from another line": {add(Sample{Role: rolePort, Server: server, Answered: true, Local: one.Local, Mapped: netip.MustParseAddrPort("203.0.113.9:9")}), []string{"warn", "public-address-varies warning certain**"}},
		"its open filter is that of a near": {samples(one, two).with(func(o *Observed) {
			o.Families[0].Filter = []Filter{{Server: near.Server, Expect: other, Answered: true}}
		}), []string{"pass"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, inFull(resultOf(t, c.o, nil))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The facts of a NAT, for scripts: what was told, and what was left open.
func TestTheFactsOfANAT(t *testing.T) {
	yes, no := true, false
	one, two := seen("2:3478", "40000"), seen("30:3478", "40000")
	open := func(s Sample) Sample { s.Mapped = s.Local; return s }
	v6 := func(server, mapped string) Sample {
		return Sample{Role: rolePlain, Answered: true, Server: netip.MustParseAddrPort(server), Local: netip.MustParseAddrPort("[2001:db8:88::10]:40000"), Mapped: netip.MustParseAddrPort(mapped)}
	}
	filter6 := func(f Filter) Observed {
		f.Server, f.Expect = netip.MustParseAddrPort("[2001:db8:1::2]:3478"), netip.MustParseAddrPort("[2001:db8:1::3]:3479")
		return samples(one, two).with(func(o *Observed) {
			o.Families = append(o.Families, Family{V6: true, Samples: []Sample{v6("[2001:db8:1::2]:3478", "[2001:db8:88::10]:40000")}, Filter: []Filter{f}})
		})
	}
	near := open(one)
	near.Server = netip.MustParseAddrPort("192.168.88.20:3478")
	busy := func(f Filter) Observed {
		f.Server, f.Expect = one.Server, netip.MustParseAddrPort("198.51.100.3:3479")
		return samples(one, two).with(func(o *Observed) {
			o.Families[0].Filter = []Filter{f}
			o.Far = &checks.FarEnd{Carrier: "https", LimitsReply: session.LimitsReply{UDP: 1, Limits: session.Limits{Questions: 1}}}
		})
	}
	filtered6 := func(behaviour string) func(*Facts) {
		return func(f *Facts) {
			f.IPv6Public, f.IPv6BehindNAT, f.IPv6Filtering = []string{"[2001:db8:88::10]:40000"}, &no, behaviour
		}
	}
	silent6 := v6("[2001:db8:1::2]:3478", "[2001:db8:88::10]:40000")
	silent6.Answered = false
	noWord := v6("[2001:db8:1::2]:3478", "[2001:db8:88::10]:40000")
	noWord.Mapped = netip.AddrPort{}
	both := func(list ...Sample) Observed {
		return samples(one, two).with(func(o *Observed) { o.Families = append(o.Families, Family{V6: true, Samples: list}) })
	}
	for name, c := range map[string]struct {
		o    Observed
		want func(*Facts)
	}{
		"a friendly NAT":          {samples(one, two), func(f *Facts) {}},
		"another port":            {samples(seen("2:3478", "5"), seen("30:3478", "5")), func(f *Facts) { f.PortPreserved, f.Public = false, []string{"203.0.113.1:5"} }},
		"one server of two ports": {samples(one, seen("2:3479", "40000")), func(f *Facts) { f.Mapping, f.MappingPossible = unknown, []string{independent, address} }},
		"two that disagree": {samples(one, seen("30:3478", "5")), func(f *Facts) {
			f.Mapping, f.MappingPossible, f.MappingLowerBound, f.PortPreserved = address, []string{address, addressPort}, true, false
			f.Public = []string{"203.0.113.1:5", "203.0.113.1:40000"}
		}},
		"no NAT":                     {samples(open(one), open(two)), func(f *Facts) { f.BehindNAT, f.Public = false, []string{"192.168.88.10:40000"} }},
		"no NAT, and one server":     {samples(open(one)), func(f *Facts) { f.BehindNAT, f.Public = false, []string{"192.168.88.10:40000"} }},
		"RTP and RTCP stay together": {samples(append(pair("40000", "40001"), one, two)...), func(f *Facts) { f.RTPParityKept, f.RTPContiguous = &yes, &yes }},
		"they part":                  {samples(append(pair("40000", "40003"), one, two)...), func(f *Facts) { f.RTPParityKept, f.RTPContiguous, f.PortPreserved = &yes, &no, false }},
		"RTP gets an odd port":       {samples(append(pair("5001", "5002"), one, two)...), func(f *Facts) { f.RTPParityKept, f.RTPContiguous, f.PortPreserved = &no, &yes, false }},
		"RTCP gets an even port":     {samples(append(pair("5000", "5004"), one, two)...), func(f *Facts) { f.RTPParityKept, f.RTPContiguous, f.PortPreserved = &no, &no, false }},
		"IPv6 without a NAT": {both(v6("[2001:db8:1::2]:3478", "[2001:db8:88::10]:40000")), func(f *Facts) {
			f.IPv6Public, f.IPv6BehindNAT, f.IPv6Filtering = []string{"[2001:db8:88::10]:40000"}, &no, unknown
		}},
		"IPv6 with one": {both(v6("[2001:db8:1::2]:3478", "[2001:db8:99::1]:1")), func(f *Facts) {
			f.IPv6Public, f.IPv6BehindNAT, f.IPv6Filtering = []string{"[2001:db8:99::1]:1"}, &yes, unknown
		}},
		"IPv6 that lets all in":         {filter6(Filter{Answered: true}), filtered6(independent)},
		"IPv6 that does not":            {filter6(Filter{Alternate: true, Control: true}), filtered6(address)},
		"IPv6 whose control failed":     {filter6(Filter{Alternate: true}), filtered6(unknown)},
		"a busy responder's answer":     {busy(Filter{Responder: true, Answered: true}), func(f *Facts) { f.Filtering = independent }},
		"a busy responder's silence":    {busy(Filter{Responder: true, Alternate: true, Control: true}), func(f *Facts) {}},
		"silence of a server beside it": {busy(Filter{Alternate: true, Control: true}), func(f *Facts) { f.Filtering, f.FilteringPossible = address, []string{address, addressPort} }},
		"the PBX next door, alone": {samples(near).with(func(o *Observed) {
			o.Families[0].Filter = []Filter{{Server: near.Server, Expect: netip.MustParseAddrPort("192.168.88.21:3478"), Answered: true}}
		}), func(f *Facts) {
			f.BehindNAT, f.Filtering, f.Public = false, independent, []string{"192.168.88.10:40000"}
		}},
		"IPv6 that nobody answers":  {both(silent6), func(f *Facts) {}},
		"IPv6 that says no address": {both(noWord), func(f *Facts) {}},
		"a line of two, in their order": {samples(seen("30:3478", "203.0.113.9:40000"), one), func(f *Facts) {
			f.Mapping, f.MappingPossible, f.MappingLowerBound, f.PublicAddressVaries = address, []string{address, addressPort}, true, true
			f.Public = []string{"203.0.113.1:40000", "203.0.113.9:40000"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := Facts{BehindNAT: true, Local: "192.168.88.10:40000", Public: []string{"203.0.113.1:40000"}, Mapping: independent, Filtering: unknown, PortPreserved: true}
			c.want(&want)
			got := facts(judge(c.o, nil))
			plain := 0
			for _, f := range c.o.Families {
				for _, x := range f.Samples {
					if x.Role == rolePlain {
						plain++
					}
				}
			}
			if len(got.Servers) != plain || !slices.IsSortedFunc(got.Servers, func(a, b Server) int { return strings.Compare(a.Address, b.Address) }) {
				t.Errorf("servers %+v", got.Servers)
			}
			got.Servers = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Silence: what shows that the network works, and who is to blame then.
func TestWhatSilenceMeans(t *testing.T) {
	silence := func(server string, change func(*Sample)) Sample {
		s := Sample{Role: rolePlain, Source: fromUser, Server: netip.MustParseAddrPort("198.51.100." + server + ":3478"), Sent: 9}
		if change != nil {
			change(&s)
		}
		return s
	}
	refused := func(s *Sample) { s.Refused = "192.168.88.1" }
	filtered := func(s *Sample) { s.Filtered, s.SendErr = true, "operation not permitted" }
	tcp := func(to string, change func(*Connect)) Connect {
		c := Connect{To: netip.MustParseAddrPort("198.51.100." + to), Connected: true}
		if change != nil {
			change(&c)
		}
		return c
	}
	dead := func(c *Connect) { c.Connected = false }
	deadListener := func(c *Connect) { c.Connected, c.Listens = false, true }
	reset := func(c *Connect) { c.Connected, c.Refused = false, true }
	resetListener := func(c *Connect) { c.Connected, c.Refused, c.Listens = false, true, true }
	asked := func(list ...Connect) Observed {
		return samples(silence("2", nil), silence("30", nil)).with(func(o *Observed) { o.Control = list })
	}
	public := func(o Observed) Observed {
		return o.with(func(o *Observed) { o.Targets = []Target{{Source: fromPublic}, {Source: fromPublic}} })
	}
	responder := func(carrier string, list ...Connect) Observed {
		return samples(of(fromResponder, silence("2", nil))).with(func(o *Observed) { o.Responder, o.Control = carrier, list })
	}
	own := netip.MustParseAddrPort("198.51.100.2:3478")
	far := func(o Observed, f checks.FarEnd) Observed {
		return o.with(func(o *Observed) {
			f.Carrier, f.Ports = "https", "5060"
			o.Far, o.Targets = &f, []Target{{Source: fromResponder, Addrs: []netip.AddrPort{own}}}
		})
	}
	busy := checks.FarEnd{LimitsReply: session.LimitsReply{UDP: 1, Limits: session.Limits{Questions: 1}}}
	blocked := func(stars string) []string { return []string{"fail", "udp-blocked critical " + stars} }
	https := func(stars string) []string { return []string{"fail", "only-https critical " + stars} }
	for name, c := range map[string]struct {
		o    Observed
		want []string
	}{
		"nobody was asked":                          {Observed{}, []string{"skip"}},
		"the responder's session did not open":      {Observed{ResponderError: "no route"}, []string{"inconclusive"}},
		"the names were not found":                  {Observed{Targets: []Target{{Source: fromUser, Error: "no such host"}}}, []string{"inconclusive"}},
		"those of public servers were not":          {Observed{Targets: []Target{{Source: fromPublic, Error: "no such host"}}}, []string{"skip"}},
		"of public servers and the user's":          {Observed{Targets: []Target{{Source: fromPublic}, {Source: fromUser, Error: "no such host"}}}, []string{"inconclusive"}},
		"nothing else shows that the network is up": {asked(), []string{"inconclusive"}},
		"public servers, and nothing else":          {public(asked()), []string{"skip"}},
		"TCP passes to one of two":                  {asked(tcp("2:3478", nil), tcp("30:3478", dead)), blocked("likely**")},
		"TCP passes nowhere":                        {asked(tcp("2:3478", dead), tcp("30:3478", dead)), []string{"inconclusive"}},
		"TCP is reset":                              {asked(tcp("2:3478", reset), tcp("30:3478", reset)), []string{"inconclusive"}},
		"TCP passes to the only server":             {samples(silence("2", nil)).with(func(o *Observed) { o.Control = []Connect{tcp("2:3478", nil)} }), []string{"inconclusive"}},
		"the server was asked by two sockets":       {samples(silence("2", nil), silence("2", nil)).with(func(o *Observed) { o.Control = []Connect{tcp("2:3478", nil)} }), []string{"inconclusive"}},
		"a router forbids all of it":                {samples(silence("2", refused)), blocked("certain**")},
		"a router forbids one of two":               {samples(silence("2", refused), silence("30", nil)), []string{"inconclusive"}},
		"it forbids one, and TCP passes":            {samples(silence("2", refused), silence("30", nil)).with(func(o *Observed) { o.Control = []Connect{tcp("2:3478", nil)} }), blocked("certain***")},
		"this machine drops all of it":              {samples(silence("2", filtered), silence("30", filtered)), blocked("certain*")},
		"this machine drops one of two":             {samples(silence("2", filtered), silence("30", nil)), []string{"inconclusive"}},
		"the responder answers over HTTPS":          {responder("https"), blocked("likely**")},
		"the responder answers over UDP":            {responder("udp"), []string{"inconclusive"}},
		"over UDP, and TCP passes to others":        {samples(silence("2", nil), silence("30", nil)).with(func(o *Observed) { o.Responder, o.Control = "udp", []Connect{tcp("2:3478", nil)} }), []string{"inconclusive"}},
		"a busy responder":                          {far(responder("https"), busy), []string{"inconclusive"}},
		"a busy one, and this machine drops it":     {far(samples(silence("2", filtered)), busy), blocked("certain*")},
		"a busy one, and a router forbids it":       {far(samples(silence("2", refused)).with(func(o *Observed) { o.Responder = "https" }), busy), blocked("certain***")},
		"a busy one, and others are silent":         {far(samples(silence("2", nil), silence("30", nil)).with(func(o *Observed) { o.Responder = "https" }), busy), blocked("likely**")},
		"one that hears nobody":                     {far(responder("https"), checks.FarEnd{}), []string{"inconclusive"}},
		"only 443 passes, to two servers":           {asked(tcp("2:443", nil), tcp("2:3478", dead), tcp("30:443", nil), tcp("30:3478", dead)), https("likely*****")},
		"to one of them":                            {asked(tcp("2:443", nil), tcp("2:3478", dead), tcp("30:443", dead), tcp("30:3478", dead)), https("likely****")},
		"one other port was tried":                  {asked(tcp("2:443", nil), tcp("2:3478", dead), tcp("30:443", nil)), blocked("likely**")},
		"two ports of one server were":              {asked(tcp("2:443", nil), tcp("2:3478", dead), tcp("2:3479", dead)), blocked("likely**")},
		"another port was reset":                    {asked(tcp("2:443", nil), tcp("2:3478", reset), tcp("30:3478", dead)), blocked("likely**")},
		"another port passes":                       {asked(tcp("2:443", nil), tcp("2:3478", dead), tcp("30:3478", dead), tcp("30:5060", nil)), blocked("likely**")},
		"one that is known to listen is stopped":    {responder("https", tcp("2:443", nil), tcp("2:5060", deadListener)), https("certain****")},
		"one that is known to listen is reset":      {responder("https", tcp("2:443", nil), tcp("2:5060", resetListener)), https("certain****")},
		"it listens on 443 as well, which fails":    {responder("https", tcp("2:443", deadListener), tcp("2:5060", deadListener)), blocked("likely**")},
		"nothing else was tried than 443":           {responder("https", tcp("2:443", nil)), blocked("likely***")},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o, nil)
			if diff := cmp.Diff(c.want, inFull(r)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s: %s", diff, r.Summary, r.Reason)
			}
			if r.Summary == "" || r.Status == checks.Inconclusive && r.Reason == "" {
				t.Errorf("%q: %q", r.Summary, r.Reason)
			}
		})
	}
}

// That the PBX next door answers over UDP says nothing of the way to a responder
// that hears nobody.
func TestAServerNextDoorDoesNotAccuseTheResponder(t *testing.T) {
	for server, want := range map[string]bool{"192.168.88.20:3478": false, "192.0.2.1:3478": true} {
		o := silentRun(&checks.FarEnd{Carrier: "https", Ports: "5060"}, server)
		s := &o.Families[0].Samples[1]
		s.Source, s.Answered, s.Local, s.Mapped = fromUser, true, netip.MustParseAddrPort("192.168.88.10:4000"), netip.MustParseAddrPort("192.168.88.10:4000")
		r := resultOf(t, o, nil)
		if got := strings.Contains(strings.Join(inFull(r), ";"), "responder-unreached warning likely**"); got != want {
			t.Errorf("%s answers: %v", server, inFull(r))
		}
	}
}

// Why nobody could be asked, the nearest reason first.
func TestWhyNobodyWasAsked(t *testing.T) {
	addrs := []netip.AddrPort{netip.MustParseAddrPort("198.51.100.2:3478")}
	for name, c := range map[string]struct {
		o    Observed
		want string
	}{
		"no socket":            {Observed{Targets: []Target{{Error: "no such host"}, {Addrs: addrs}}, Families: []Family{{}, {Error: "out of sockets"}}}, "out of sockets"},
		"no route":             {Observed{Targets: []Target{{Error: "no such host"}, {Addrs: addrs}}}, "no route"},
		"no such name":         {Observed{Targets: []Target{{}, {Error: "no such host"}}, ResponderError: "broken"}, "no such host"},
		"no address":           {Observed{Targets: []Target{{Name: "stun.example.net", Error: "no-address"}}}, "stun.example.net has no address"},
		"no STUN there":        {Observed{Targets: []Target{{Error: "no-stun"}}}, "does not serve STUN"},
		"a slow session":       {Observed{ResponderError: "slow"}, "too long"},
		"no session":           {Observed{ResponderError: "broken"}, "broken"},
		"a name and no reason": {Observed{Targets: []Target{{}}, ResponderError: "broken"}, "broken"},
	} {
		if got := resultOf(t, c.o, nil).Reason; !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What the evidence of a firewall names: TCP that passed first, and of 443 only
// what tells.
func TestTheEvidenceThatOnlyHTTPSPasses(t *testing.T) {
	at := func(a string) netip.AddrPort { return netip.MustParseAddrPort("198.51.100." + a) }
	o := Observed{Control: []Connect{{To: at("2:3478")}, {To: at("30:443")}, {To: at("2:5060"), Listens: true, Refused: true}, {To: at("2:443"), Connected: true}}}
	var got []string
	for _, e := range udpBlocked(o, questions{addresses: 2}).Evidence[1:] {
		got = append(got, english(t, e.Says["name"].(words.Text))+" "+english(t, e.Says["got"].(words.Text)))
	}
	want := []string{"TCP to 198.51.100.2:443 connected", "TCP to 198.51.100.2:5060 refused, though the responder listens there", "TCP to 198.51.100.2:3478 no answer"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Why a server's word was not taken.
func TestWhatAServerWasWorth(t *testing.T) {
	server, other := netip.MustParseAddrPort("198.51.100.2:3478"), netip.MustParseAddrPort("198.51.100.3:3479")
	for name, c := range map[string]struct {
		change func(*Sample)
		tests  []Filter
		want   string // note and detail
	}{
		"it was":                       {func(s *Sample) { s.Answered = true }, nil, " "},
		"it was silent":                {func(s *Sample) { s.Sent = 9 }, nil, "silent 9"},
		"this machine dropped it":      {func(s *Sample) { s.Filtered, s.SendErr = true, "not permitted" }, nil, "local-filter "},
		"a router forbade it":          {func(s *Sample) { s.Refused, s.SendErr = "192.168.88.1", "error" }, nil, "prohibited 192.168.88.1"},
		"it could not be sent":         {func(s *Sample) { s.SendErr, s.ICMP = "no buffer", []string{"x"} }, nil, "not-sent no buffer"},
		"somebody else answered":       {func(s *Sample) { s.From, s.NotAwait = []netip.AddrPort{other}, true }, nil, "answered-elsewhere " + other.String()},
		"so did it":                    {func(s *Sample) { s.From, s.Answered = []netip.AddrPort{other}, true }, nil, " "},
		"nobody waited":                {func(s *Sample) { s.NotAwait, s.ICMP = true, []string{"x"} }, nil, "not-awaited "},
		"a router said something":      {func(s *Sample) { s.ICMP = []string{"time exceeded"} }, nil, "icmp time exceeded"},
		"a router did, and it spoke":   {func(s *Sample) { s.ICMP, s.Answered = []string{"time exceeded"}, true }, nil, " "},
		"it refused":                   {func(s *Sample) { s.Answered, s.Code, s.Other = true, 420, server }, nil, "refused 420"},
		"its other address is its own": {func(s *Sample) { s.Answered, s.Other = true, server }, nil, "false-other-address " + server.String()},
		"its other address is good":    {func(s *Sample) { s.Answered, s.Other = true, other }, nil, " "},
		"it ignores a wish":            {func(s *Sample) { s.Answered = true }, []Filter{{Server: other, Ignored: true}, {Server: server, Ignored: true}}, "ignores-change-request "},
		"another one does":             {func(s *Sample) { s.Answered = true }, []Filter{{Server: other, Ignored: true}, {Server: server}}, " "},
	} {
		s := Sample{Server: server}
		c.change(&s)
		if note, detail := worth(s, c.tests); note+" "+detail != c.want {
			t.Errorf("%s: %q, %q, want %q", name, note, detail, c.want)
		}
	}
}

// How many NATs there are, by the router's word and by who is on the way.
func TestHowManyNATsThereAre(t *testing.T) {
	hop := func(ttl int, a string) Hop { return Hop{TTL: ttl, Addr: netip.MustParseAddr(a)} }
	home := hop(1, "192.168.88.1")
	router := func(outer ...string) *netinfo.Host {
		h := &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr("192.168.88.1")}, Router: &netinfo.Router{}}
		for _, a := range outer {
			h.Router.External = append(h.Router.External, netinfo.External{Method: "upnp", Addr: netip.MustParseAddr(a)})
		}
		return h
	}
	type saw []Sample
	by := func(mapped ...string) (list saw) {
		for i, m := range mapped {
			list = append(list, seen([]string{"2:3478", "30:3478"}[i], m))
		}
		return list
	}
	const real1, real2, real3 = "8.8.8.8:40000", "8.8.4.4:40000", "1.1.1.1"
	same := by("203.0.113.1:40000", "203.0.113.1:40000")
	for name, c := range map[string]struct {
		seen  saw
		host  *netinfo.Host
		hops  []Hop
		n     int
		cgnat bool
		want  []string // findings about layers
	}{
		"nothing tells":                         {same, nil, nil, 0, false, nil},
		"the next hop is public":                {same, nil, []Hop{home, hop(2, "203.0.113.254")}, 1, false, nil},
		"the gateway answers for the next hop":  {same, router(), []Hop{home, hop(2, "192.168.88.1")}, 1, false, nil},
		"a modem may be next":                   {same, router(), []Hop{home, hop(2, "192.168.1.1")}, 0, false, []string{"double warning possible* cured"}},
		"so may it without a known gateway":     {same, nil, []Hop{home, hop(2, "192.168.1.1")}, 0, false, []string{"double warning possible* cured"}},
		"a private router further on":           {same, router(), []Hop{home, hop(3, "192.168.1.1")}, 0, false, []string{"double info possible* cured"}},
		"a private router of another kind":      {same, router(), []Hop{home, hop(2, "10.20.30.1")}, 0, false, []string{"double info possible* cured"}},
		"two of them":                           {same, router(), []Hop{home, hop(2, "10.20.30.1"), hop(3, "10.20.31.1")}, 0, false, []string{"double info possible** cured"}},
		"a carrier's router":                    {same, router(), []Hop{home, hop(2, "100.64.0.1")}, 2, true, []string{"double warning likely* cured", "cgnat warning likely*"}},
		"a carrier's and a private one":         {same, router(), []Hop{home, hop(2, "10.20.30.1"), hop(3, "100.64.0.1")}, 2, true, []string{"double warning likely** cured", "cgnat warning likely**"}},
		"the first hop alone is the carrier's":  {same, router(), []Hop{hop(1, "100.64.0.1")}, 0, false, nil},
		"a gap before the public hop":           {same, router(), []Hop{home, hop(3, "203.0.113.254")}, 0, false, nil},
		"the router has the public address":     {same, router("203.0.113.1"), []Hop{home, hop(2, "100.64.0.1")}, 1, false, nil},
		"the router has a carrier's address":    {same, router("100.64.0.9"), nil, 2, true, []string{"double warning certain* cured", "cgnat warning certain*"}},
		"the router has a private address":      {same, router("192.168.1.2"), nil, 2, false, []string{"double warning certain* cured"}},
		"the router has DS-Lite":                {same, router("192.0.0.2"), nil, 1, true, []string{"cgnat warning certain*"}},
		"DS-Lite, and a carrier's router":       {same, router("192.0.0.2"), []Hop{home, hop(2, "100.64.0.1")}, 1, true, []string{"cgnat warning certain**"}},
		"DS-Lite, and a private router":         {same, router("192.0.0.2"), []Hop{home, hop(2, "10.20.30.1")}, 1, true, []string{"cgnat warning certain**"}},
		"the router has another public address": {by(real1, real1), router(real3), nil, 0, false, []string{"double warning possible* cured"}},
		"one of several lines is the router's":  {by(real1, real2), router("8.8.4.4"), nil, 1, false, nil},
		"several lines, none is the router's":   {by(real1, real2), router(real3), nil, 0, false, nil},
		"several lines, and a private address":  {by(real1, real2), router("192.168.1.2", real3), nil, 2, false, []string{"double warning certain* cured"}},
		"an example that the firmware left":     {by(real1, real1), router("203.0.113.77"), nil, 0, false, nil},
		"an example in a laboratory":            {same, router("203.0.113.77"), nil, 0, false, []string{"double warning possible* cured"}},
		"the router says an IPv6 address":       {same, router("2001:db8::1"), nil, 0, false, nil},
		"a server inside the carrier's network": {by("100.64.7.7:40000", "100.64.7.7:40000"), nil, nil, 0, true, []string{"cgnat warning certain*"}},
		"that, and a private router":            {by("100.64.7.7:40000", "100.64.7.7:40000"), nil, []Hop{home, hop(2, "10.20.30.1")}, 0, true, []string{"cgnat warning certain**"}},
		"one private word, one the public one":  {same, router("192.168.1.2", "203.0.113.1"), nil, 1, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, samples(c.seen...).with(func(o *Observed) { o.Families[0].Hops = c.hops }), c.host)
			var got []string
			for _, line := range inFull(r)[1:] {
				if strings.HasPrefix(line, "double") || strings.HasPrefix(line, "cgnat") {
					got = append(got, line)
				}
			}
			f := r.Facts.(Facts)
			if diff := cmp.Diff(c.want, got); diff != "" || f.NATLayers != c.n || f.CGNAT != c.cgnat {
				t.Errorf("%d NATs, cgnat %v, want %d, %v\n%s", f.NATLayers, f.CGNAT, c.n, c.cgnat, diff)
			}
		})
	}
}

// Each kind of NAT is summed up in words of its own; filtering is named where
// something is known of it.
func TestEachKindOfNATHasASummaryOfItsOwn(t *testing.T) {
	one, two := seen("2:3478", "40000"), seen("30:3478", "40000")
	open := func(s Sample) Sample { s.Mapped = s.Local; return s }
	near := open(one)
	near.Server = netip.MustParseAddrPort("192.168.88.20:3478")
	filter := func(f Filter) func(*Observed) {
		f.Server = one.Server
		return func(o *Observed) { o.Families[0].Filter = []Filter{f} }
	}
	other, port := netip.MustParseAddrPort("198.51.100.3:3479"), netip.MustParseAddrPort("198.51.100.2:3479")
	said := map[string]string{}
	for name, o := range map[string]Observed{
		"friendly":             samples(one, two),
		"ports vary":           samples(one, seen("30:3478", "5")),
		"addresses vary":       samples(one, seen("30:3478", "203.0.113.9:40000")),
		"it cannot be told":    samples(one),
		"no NAT":               samples(open(one), open(two)),
		"no NAT, in the house": samples(near),
	} {
		text, _, _ := strings.Cut(english(t, judge(o, nil).Summary), "(")
		if as, ok := said[text]; ok || text == "" {
			t.Errorf("%s is summed up as %s: %q", name, as, text)
		}
		said[text] = name
	}
	sum := func(o Observed) string { return english(t, judge(o, nil).Summary) }
	both, _, _ := strings.Cut(sum(samples(one, seen("30:3478", "5"), seen("40:3478", "203.0.113.9:5"))), "(")
	if said[both] != "ports vary" {
		t.Errorf("ports and addresses vary: %q", both)
	}
	for name, c := range map[string]struct {
		o    Observed
		want string // of the filtering
	}{
		"nothing is known":   {samples(one, two), ""},
		"all of it":          {samples(one, two).with(filter(Filter{Expect: other, Control: true, Alternate: true})), "filtering address-dependent"},
		"half of it":         {samples(one, two).with(filter(Filter{Expect: port, Answered: true})), "filtering endpoint-independent or address-dependent"},
		"without a NAT, too": {samples(open(one), open(two)).with(filter(Filter{Expect: other, Answered: true})), "filtering endpoint-independent"},
	} {
		if got := sum(c.o); strings.Contains(got, "filtering") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Addresses that no server on the Internet can have.
func TestWhichServersAreInside(t *testing.T) {
	for a, want := range map[string]bool{
		"10.0.0.1": true, "172.16.0.1": true, "192.168.0.1": true, "127.0.0.1": true, "169.254.1.1": true, "100.64.0.1": true, "100.127.255.254": true,
		"100.63.0.1": false, "100.128.0.1": false, "101.64.0.1": false, "192.169.0.1": false, "198.51.100.2": false,
		"fd00::1": true, "::1": true, "fe80::1": true, "2001:db8::1": false, "6440::1": false,
	} {
		if got := netinfo.IsPrivate(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
}
