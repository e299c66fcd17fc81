package dns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

const pbxName = "pbx.example.net"

// answerer is a resolver that says one thing about a name.
func answerer(addr, source, name, rcode string, addrs ...string) Resolver {
	r := Resolver{Addr: netip.MustParseAddrPort(addr + ":53"), Source: source}
	a := Question{Name: name, Type: "A", Rcode: rcode, Tries: 1, RTTMillis: 3}
	for _, s := range addrs {
		a.Records = append(a.Records, Record{Type: "A", Owner: name, Addr: netip.MustParseAddr(s), TTL: 60})
	}
	r.Questions = []Question{a, {Name: name, Type: "AAAA", Rcode: rcode, Tries: 1, RTTMillis: 3}}
	return r
}

// mute is a resolver that stays silent.
func mute(addr, source, name string) Resolver {
	return Resolver{
		Addr: netip.MustParseAddrPort(addr + ":53"), Source: source,
		Questions: []Question{{Name: name, Type: "A", Tries: 6}}, TCP: &Question{Name: name, Type: "A", Tries: 1, ErrorClass: "timeout"},
	}
}

func TestWhatIsSaidAboutAName(t *testing.T) {
	sipServer := Name{Host: pbxName, For: "SIP server", SIP: true}
	here, there := "192.168.88.1", "9.9.9.9"
	for name, c := range map[string]struct {
		name Name
		list []Resolver
		want []string
	}{
		"rebind protection: empty here, private there": {sipServer, []Resolver{
			answerer(here, fromSystem, pbxName, "NOERROR"), answerer(there, fromPublic, pbxName, "NOERROR", "10.9.0.5"),
		}, []string{"dns.rebind-protection critical likely"}},
		"not rebind protection: no such name here": {sipServer, []Resolver{
			answerer(here, fromSystem, pbxName, "NXDOMAIN"), answerer(there, fromPublic, pbxName, "NOERROR", "10.9.0.5"),
		}, []string{"dns.differs critical certain"}},
		"not rebind protection: a public address there": {sipServer, []Resolver{
			answerer(here, fromSystem, pbxName, "NOERROR"), answerer(there, fromPublic, pbxName, "NOERROR", "10.9.0.5", "198.51.100.5"),
		}, []string{"dns.differs critical certain"}},
		"both know it": {sipServer, []Resolver{
			answerer(here, fromSystem, pbxName, "NOERROR", "10.9.0.5"), answerer(there, fromPublic, pbxName, "NOERROR", "10.9.0.5"),
		}, nil},
		"no such name, a responder": {Name{Host: pbxName, For: "responder"}, []Resolver{answerer(here, fromSystem, pbxName, "NXDOMAIN")},
			[]string{"dns.no-such-name critical certain"}},
		"no such name, a STUN server that the user named": {Name{Host: pbxName, For: "STUN server"}, []Resolver{answerer(here, fromSystem, pbxName, "NXDOMAIN")},
			[]string{"dns.no-such-name warning certain"}},
		"no such name, a STUN server that nobody asked for": {Name{Host: pbxName, For: "STUN server", Builtin: true},
			[]Resolver{answerer(here, fromSystem, pbxName, "NXDOMAIN")}, nil},
		"a STUN server that nobody asked for is sent nowhere": {Name{Host: pbxName, For: "STUN server", Builtin: true},
			[]Resolver{answerer(here, fromSystem, pbxName, "NOERROR", "0.0.0.0")}, nil},
		"nobody says anything of a STUN server that nobody asked for": {Name{Host: pbxName, For: "STUN server", Builtin: true},
			[]Resolver{answerer(here, fromSystem, "other.example.net", "NOERROR", "198.51.100.1")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Names: []Name{c.name}, Resolvers: c.list}, &netinfo.Host{})
			var got []string
			for _, f := range j.Findings {
				got = append(got, f.ID+" "+string(f.Severity)+" "+string(f.Confidence))
				if f.ID == "dns.rebind-protection" && !slices.ContainsFunc(f.Fixes[0].Commands, func(s string) bool { return strings.Contains(s, "rebind-domain-ok=/"+pbxName+"/") }) {
					t.Errorf("the cure does not name the name: %q", f.Fixes[0].Commands)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || !j.Inconclusive.IsZero() {
				t.Errorf("findings (-want +got):\n%s%s", diff, j.Inconclusive.ID)
			}
		})
	}
}

// Whoever stayed silent a second ago is not recommended.
func TestNoResolverIsRecommendedThatWasSilent(t *testing.T) {
	for name, c := range map[string]struct {
		public []Resolver
		want   string // in advice or cures; empty: no address of a resolver at all
	}{
		"the public ones are silent too": {[]Resolver{mute("9.9.9.9", fromPublic, pbxName), mute("1.1.1.1", fromPublic, pbxName)}, ""},
		"one of them answers":            {[]Resolver{answerer("1.1.1.1", fromPublic, pbxName, "NOERROR", "198.51.100.5")}, "1.1.1.1 answers from here"},
		"nobody asked them":              {nil, "9.9.9.9"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Names: []Name{{Host: pbxName, For: "SIP server", SIP: true, SystemError: "no answer"}}}
			o.Resolvers = append([]Resolver{mute("192.168.88.1", fromSystem, pbxName)}, c.public...)
			f := told(t, o).Findings[0]
			if f.ID != "dns.no-answer" || f.Severity != checks.Critical {
				t.Fatalf("found %s %s", f.ID, f.Severity)
			}
			text := strings.Join(f.Advice, " ")
			for _, x := range f.Fixes {
				text += strings.Join(x.Commands, " ")
			}
			named := strings.Contains(text, "9.9.9.9") || strings.Contains(text, "1.1.1.1")
			if named != (c.want != "") || !strings.Contains(text, c.want) {
				t.Errorf("it says %q", text)
			}
		})
	}
}
