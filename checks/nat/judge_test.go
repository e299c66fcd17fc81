package nat

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// seen is a sample in short: server and port, and the mapping it saw.
func seen(server, mapped string) Sample {
	if !strings.Contains(mapped, ".") {
		mapped = "203.0.113.1:" + mapped
	}
	return Sample{
		Role: rolePlain, Source: fromUser, Local: netip.MustParseAddrPort("192.168.88.10:40000"),
		Server: netip.MustParseAddrPort("198.51.100." + server), Mapped: netip.MustParseAddrPort(mapped), Answered: true, Sent: 1,
	}
}

func TestMappingFromWhatServersSaw(t *testing.T) {
	for _, tc := range []struct {
		name    string
		samples []Sample
		want    string // what is possible
	}{
		{"nobody", nil, "endpoint-independent address-dependent address-and-port-dependent"},
		{"one server", []Sample{seen("2:3478", "5")}, "endpoint-independent address-dependent address-and-port-dependent"},
		{"the same server twice", []Sample{seen("2:3478", "5"), seen("2:3478", "6")}, "endpoint-independent address-dependent address-and-port-dependent"},
		{"two servers agree", []Sample{seen("2:3478", "5"), seen("30:3478", "5")}, "endpoint-independent"},
		{"two servers disagree", []Sample{seen("2:3478", "5"), seen("30:3478", "6")}, "address-dependent address-and-port-dependent"},
		{"two ports of one server agree", []Sample{seen("2:3478", "5"), seen("2:3479", "5")}, "endpoint-independent address-dependent"},
		{"two ports of one server disagree", []Sample{seen("2:3478", "5"), seen("2:3479", "6")}, "address-and-port-dependent"},
		{"the full square, all equal", []Sample{seen("2:3478", "5"), seen("3:3478", "5"), seen("3:3479", "5"), seen("2:3479", "5")}, "endpoint-independent"},
		{"the full square, one mapping an address", []Sample{seen("2:3478", "5"), seen("3:3478", "6"), seen("3:3479", "6"), seen("2:3479", "5")}, "address-dependent"},
		{"the full square, four mappings", []Sample{seen("2:3478", "5"), seen("3:3478", "6"), seen("3:3479", "7"), seen("2:3479", "8")}, "address-and-port-dependent"},
		{"three servers, one disagrees", []Sample{seen("2:3478", "5"), seen("30:3478", "5"), seen("40:3478", "6")}, "address-dependent address-and-port-dependent"},
		{"another public address is another mapping", []Sample{seen("2:3478", "203.0.113.1:5"), seen("30:3478", "203.0.113.9:5")}, "address-dependent address-and-port-dependent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(mapping(tc.samples).possible, " "); got != tc.want {
				t.Errorf("possible: %s\nwant:     %s", got, tc.want)
			}
			// Comparisons must not depend on who answered first.
			for i, j := 0, len(tc.samples)-1; i < j; i, j = i+1, j-1 {
				tc.samples[i], tc.samples[j] = tc.samples[j], tc.samples[i]
			}
			if got := strings.Join(mapping(tc.samples).possible, " "); got != tc.want {
				t.Errorf("the other way round: %s", got)
			}
		})
	}
}

func TestFilteringFromTests(t *testing.T) {
	server := netip.MustParseAddrPort("198.51.100.2:3478")
	both := Filter{Server: server, Expect: netip.MustParseAddrPort("198.51.100.3:3479")}
	port := Filter{Server: server, Expect: netip.MustParseAddrPort("198.51.100.2:3479")}
	with := func(f Filter, set func(*Filter)) Filter { set(&f); return f }
	answered := func(f Filter) Filter { return with(f, func(f *Filter) { f.Answered = true }) }
	silent := func(f Filter) Filter { return with(f, func(f *Filter) { f.Alternate, f.Control = true, true }) }
	blocked := func(f Filter) Filter { return with(f, func(f *Filter) { f.Alternate = true }) } // control did not get through
	for _, tc := range []struct {
		name    string
		tests   []Filter
		mapping string
		want    string
	}{
		{"no test", nil, independent, "unknown"},
		{"answered from everywhere", []Filter{answered(both), answered(port)}, independent, independent},
		{"answered from the same address only", []Filter{silent(both), answered(port)}, independent, address},
		{"answered from nowhere else", []Filter{silent(both), silent(port)}, independent, addressPort},
		{"silence without any sign of life from the other address", []Filter{both, port}, addressPort, "unknown"},
		{"silence where the control failed too", []Filter{blocked(both), blocked(port)}, independent, "unknown"},
		{"silence on a NAT that maps by destination, other address alive", []Filter{blocked(both), blocked(port)}, addressPort, addressPort},
		{"silence, and no time for the control", []Filter{with(blocked(both), func(f *Filter) { f.Cut = true }), answered(port)}, independent, address},
		{"the server refuses to change", []Filter{with(silent(both), func(f *Filter) { f.Code = 420 })}, independent, "unknown"},
		{"the server ignores the change", []Filter{with(silent(both), func(f *Filter) { f.Ignored = true })}, independent, "unknown"},
		{"the question could not be sent", []Filter{with(silent(both), func(f *Filter) { f.Broken = true })}, independent, "unknown"},
		{"one address, its other port answers", []Filter{answered(port)}, independent, "unknown"},
		{"one address, its other port is filtered", []Filter{silent(port)}, independent, addressPort},
		{"one server hears nothing, another is heard", []Filter{silent(both), answered(both)}, independent, independent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, _ := filtering(tc.tests, tc.mapping).name(); got != tc.want {
				t.Errorf("told %s, want %s", got, tc.want)
			}
		})
	}
}

func TestBelievable(t *testing.T) {
	for _, tc := range []struct {
		server, other string
		want          bool
	}{
		{"198.51.100.2:3478", "198.51.100.3:3479", true},
		{"198.51.100.2:3478", "198.51.100.2:3479", false},
		{"198.51.100.2:3478", "10.0.0.3:3479", false},
		{"198.51.100.2:3478", "0.0.0.0:3479", false},
		{"198.51.100.2:3478", "127.0.0.1:3479", false},
		{"198.51.100.2:3478", "224.0.0.1:3479", false},
		{"198.51.100.2:3478", "198.51.100.3:0", false},
		{"198.51.100.2:3478", "[2001:db8::3]:3479", false},
		{"10.0.0.2:3478", "10.0.0.3:3479", true},
		{"10.0.0.2:3478", "127.0.0.1:3479", false},
		{"127.0.0.1:3478", "127.0.0.2:3479", true},
		{"[2001:db8::2]:3478", "[2001:db8::3]:3479", true},
	} {
		if got := believable(netip.MustParseAddrPort(tc.server), netip.MustParseAddrPort(tc.other)); got != tc.want {
			t.Errorf("%s announces %s: believed %v", tc.server, tc.other, got)
		}
	}
}

// A PBX in the office is no witness for the way to the Internet.
func TestServerNextDoorDoesNotCount(t *testing.T) {
	near := seen("2:3478", "192.168.88.10:40000")
	near.Server = netip.MustParseAddrPort("192.168.88.20:3478")
	alone := judge(Observed{Targets: []Target{{}}, Families: []Family{{Samples: []Sample{near}}}}, nil)
	if f := facts(alone); f.BehindNAT || english(t, alone.Summary) != "no NAT between this machine and 192.168.88.20" {
		t.Errorf("%s: %+v", alone.Summary.ID, f)
	}
	beside := judge(Observed{Targets: []Target{{}}, Families: []Family{{Samples: []Sample{near, seen("2:3478", "5"), seen("30:3478", "5")}}}}, nil)
	if f := facts(beside); !f.BehindNAT || f.Mapping != independent || len(f.Public) != 1 {
		t.Errorf("%s: %+v", beside.Summary.ID, f)
	}
}

// A changing public address alone is no changing port, and the other way
// round: they are cured in different places.
func TestAddressOrPortVaries(t *testing.T) {
	for _, tc := range []struct {
		name    string
		samples []Sample
		want    []string
	}{
		{"two lines, each keeps the port", []Sample{seen("2:3478", "203.0.113.1:5"), seen("30:3478", "203.0.113.9:5")}, []string{"nat.public-address-varies"}},
		{"two lines, each with a port of its own", []Sample{seen("2:3478", "203.0.113.1:5"), seen("30:3478", "203.0.113.9:6")}, []string{"nat.public-address-varies"}},
		{"one line, ports vary", []Sample{seen("2:3478", "5"), seen("30:3478", "6")}, []string{"nat.mapping-varies"}},
		{"both", []Sample{seen("2:3478", "5"), seen("30:3478", "6"), seen("40:3478", "203.0.113.9:6")}, []string{"nat.mapping-varies", "nat.public-address-varies"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := judge(Observed{Targets: []Target{{}}, Families: []Family{{Samples: tc.samples}}}, nil)
			if d := cmp.Diff(tc.want, found(j)); d != "" {
				t.Errorf("(-want +got):\n%s\n%s", d, j.Summary.ID)
			}
		})
	}
}

func TestPayloadRewrittenConfidence(t *testing.T) {
	with := func(s Sample, plain string) Sample { s.Plain = netip.MustParseAddrPort(plain); return s }
	for _, tc := range []struct {
		name    string
		samples []Sample
		want    string
	}{
		{"both copies agree", []Sample{with(seen("2:3478", "5"), "203.0.113.1:5")}, ""},
		{"the readable one shows our private address", []Sample{with(seen("2:3478", "5"), "192.168.88.10:40000")}, "certain"},
		{"one server writes nonsense", []Sample{with(seen("2:3478", "5"), "203.0.113.77:5")}, "possible"},
		{"two servers write the same nonsense", []Sample{with(seen("2:3478", "5"), "203.0.113.77:5"), with(seen("30:3478", "5"), "203.0.113.77:5")}, "likely"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			for _, f := range judge(Observed{Targets: []Target{{}}, Families: []Family{{Samples: tc.samples}}}, nil).Findings {
				got += string(f.Confidence)
			}
			if got != tc.want {
				t.Errorf("confidence %q, want %q", got, tc.want)
			}
		})
	}
}

// A VPN may use the carriers' addresses for itself.
func TestCarrierAddressOfThisMachine(t *testing.T) {
	own := seen("2:3478", "5")
	own.Local = netip.MustParseAddrPort("100.101.1.2:40000")
	other := seen("30:3478", "5")
	other.Local = own.Local
	for vpn, want := range map[bool]string{false: "true 1 [nat.cgnat]", true: "false 0 []"} {
		j := judge(Observed{Targets: []Target{{}}, Families: []Family{{Samples: []Sample{own, other}}}}, &netinfo.Host{Uplink: netinfo.Uplink{VPN: vpn}})
		f := facts(j)
		if got := fmt.Sprint(f.CGNAT, " ", f.NATLayers, " ", found(j)); got != want {
			t.Errorf("with a VPN %v: %s, want %s", vpn, got, want)
		}
	}
}

// Every finding tells what, why and how: nothing is left empty, and no bytes
// of a server's are printed but addresses.
func TestFindingsAreComplete(t *testing.T) {
	v := seen("2:3478", "5")
	v.Plain = netip.MustParseAddrPort("192.168.88.10:40000")
	o := Observed{Targets: []Target{{}}, Families: []Family{{
		Samples: []Sample{v, seen("30:3478", "6"), seen("40:3478", "203.0.113.9:6")},
		Hops:    []Hop{{TTL: 1, Addr: netip.MustParseAddr("192.168.88.1")}, {TTL: 2, Addr: netip.MustParseAddr("100.64.0.1")}},
	}}}
	j := judge(o, nil)
	if len(j.Findings) != 5 {
		t.Fatalf("found %v", found(j))
	}
	for _, f := range append(j.Findings, udpBlocked(o, count(o)), localFilter(o)) {
		title, why := english(t, f.Message()), english(t, words.Say(f.Words()+".explanation", f.Args))
		if title == "" || why == "" || f.Confidence == "" || len(f.Evidence) == 0 || strings.Contains(title, "!") {
			t.Errorf("%+v", f)
		}
		if f.Severity == checks.Critical && f.ID != "nat.udp-blocked" {
			t.Errorf("%s is critical: a NAT is no fault", f.ID)
		}
	}
}

// Routers limit their ICMP errors, so the first hop may be silent in every other
// run. That it is the router is known without its word.
func TestTheNumberOfNATsDoesNotHangOnASilentRouter(t *testing.T) {
	router, public := netip.MustParseAddr("192.168.88.1"), netip.MustParseAddr("203.0.113.254")
	for name, c := range map[string]struct {
		hops []Hop
		want int
	}{
		"the router named itself, the server is next":   {[]Hop{{TTL: 1, Addr: router}, {TTL: 2, Reached: true}}, 1},
		"the router was silent, the server is next":     {[]Hop{{TTL: 2, Reached: true}, {TTL: 3, Reached: true}}, 1},
		"the router was silent, the carrier's is next":  {[]Hop{{TTL: 2, Addr: public}}, 1},
		"the second hop was silent: it may be anything": {[]Hop{{TTL: 1, Addr: router}, {TTL: 3, Reached: true}}, 0},
		"nobody said anything":                          {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := layers{}
			l.byHops(view{family: Family{Hops: c.hops}}, &netinfo.Host{Uplink: netinfo.Uplink{Gateway: router}})
			if l.n != c.want || l.double {
				t.Errorf("%d NATs, double %v, want %d", l.n, l.double, c.want)
			}
		})
	}
}
