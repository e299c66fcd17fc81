package dns_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/dns"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

const provider = "provider.example"

// zone is what the honest Internet knows about the provider.
func zone() []string {
	return []string{
		`provider.example. 300 IN NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.provider.example.`,
		`provider.example. 300 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.provider.example.`,
		`_sip._udp.provider.example. 60 IN SRV 20 0 5060 backup.provider.example.`,
		`_sip._udp.provider.example. 60 IN SRV 10 5 5060 main.provider.example.`,
		`_sips._tcp.provider.example. 60 IN SRV 10 5 5061 main.provider.example.`,
		`_sip._tcp.provider.example. 60 IN TXT "not offered"`,
		`main.provider.example. 60 IN A 198.51.100.20`,
		`main.provider.example. 120 IN AAAA 2001:db8:198::20`,
		`backup.provider.example. 60 IN A 198.51.100.21`,
		`provider.example. 300 IN A 198.51.100.20`,
		`example.com. 300 IN A 198.51.100.80`,
	}
}

// office is a phone behind a router; the DNS server of the office is on the
// LAN, Quad9 outside.
type office struct {
	*testing.T
	phone, lan, quad9 *checktest.Host
	world             *checktest.World
	inputs            checks.Inputs
}

// newOffice builds it; change may alter the router before it is built.
func newOffice(t *testing.T, change func(*checktest.RouterOptions)) *office {
	t.Helper()
	return newOfficeOf(t, 7, change)
}

// newOfficeOf is newOffice with losses that follow the seed.
func newOfficeOf(t *testing.T, seed uint64, change func(*checktest.RouterOptions)) *office {
	t.Helper()
	w := checktest.New(seed)
	t.Cleanup(w.Close)
	lan, outside := w.Segment("192.168.88.0/24"), w.Segment("203.0.113.0/24", "9.9.9.0/24", "1.1.1.0/24", "8.8.8.0/24", "198.51.100.0/24", "192.0.2.0/24")
	o := checktest.RouterOptions{
		Inside: lan, Outside: outside, InsideAddrs: []string{"192.168.88.1"}, OutsideAddrs: []string{"203.0.113.1"}, NAT: checktest.Linux(),
	}
	if change != nil {
		change(&o)
	}
	w.Router(o)
	n := &office{T: t, world: w, phone: lan.Host("192.168.88.10"), lan: lan.Host("192.168.88.53"), quad9: outside.Host("9.9.9.9", "192.0.2.53")}
	n.phone.SetNameservers("192.168.88.53")
	n.inputs = checks.Inputs{SIPServers: []string{provider}, STUN: []string{"198.51.100.30"}}
	w.AddName(provider, "198.51.100.20")
	return n
}

func (n *office) check() *checks.Result {
	n.Helper()
	env := &checks.Env{Net: n.phone, Inputs: n.inputs, Host: func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil }}
	rep := checks.Run(n.Context(), []*checks.Check{dns.Check()}, env, checks.Meta{})
	return &rep.Results[0]
}

func findings(r *checks.Result) []string {
	ids := []string{}
	for _, f := range r.Findings {
		ids = append(ids, f.ID+" "+string(f.Severity))
	}
	return ids
}

func TestWhatTheOfficeSDNSSays(t *testing.T) {
	honest := serverOptions{Zone: zone()}
	with := func(change func(*serverOptions)) serverOptions {
		o := honest
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		here     serverOptions
		inputs   func(*checks.Inputs)
		names    func(*office)
		want     []string
		status   checks.Status
		summary  string
		hijacked bool
	}{
		"it tells the truth": {
			here: honest, want: []string{}, status: checks.Pass, summary: "provider.example found; 192.168.88.53 answers in less than 1 ms; checked against 9.9.9.9",
		},
		"it gives addresses to names that do not exist": {
			here: with(func(o *serverOptions) { o.Lie = netip.MustParseAddr("203.0.113.99") }),
			want: []string{"dns.hijacked warning"}, status: checks.Warn, summary: "DNS gives addresses to names that do not exist", hijacked: true,
		},
		"it lies, and the server's name is mistyped": {
			here:   with(func(o *serverOptions) { o.Lie = netip.MustParseAddr("203.0.113.99") }),
			inputs: func(in *checks.Inputs) { in.SIPServers = []string{"provder.example"} },
			names:  func(n *office) { n.world.AddName("provder.example", "203.0.113.99") },
			want:   []string{"dns.differs critical", "dns.hijacked warning"}, status: checks.Fail, hijacked: true,
			summary: "This network's DNS gives provder.example an unusable address",
		},
		"the server's name is mistyped": {
			here:   honest,
			inputs: func(in *checks.Inputs) { in.SIPServers = []string{"provder.example"} },
			want:   []string{"dns.no-such-name critical"}, status: checks.Fail, summary: "The name provder.example does not exist",
		},
		"its filter blocks the provider": {
			here: with(func(o *serverOptions) {
				o.Zone = []string{"provider.example. 60 IN A 0.0.0.0", "example.com. 60 IN A 198.51.100.80"}
			}),
			want: []string{"dns.differs critical"}, status: checks.Fail, summary: "This network's DNS gives provider.example an unusable address",
		},
		"it has a stale copy without the provider": {
			here:  serverOptions{Zone: []string{"example.com. 60 IN A 198.51.100.80"}},
			names: func(n *office) { n.world.AddName(provider) },
			want:  []string{"dns.differs critical"}, status: checks.Fail,
			summary: "This network's DNS does not know provider.example; the rest of the Internet does",
		},
		"the PBX is in the house": {
			here: with(func(o *serverOptions) {
				o.Zone = slices.DeleteFunc(zone(), func(l string) bool { return strings.HasPrefix(l, "provider.example. 300 IN A") })
				o.Zone = append(o.Zone, "provider.example. 60 IN A 192.168.88.2")
			}),
			want: []string{"dns.differs warning"}, status: checks.Warn, summary: "This network's DNS and a public resolver disagree about provider.example",
		},
		"the region decides the address": {
			here: with(func(o *serverOptions) {
				o.Zone = slices.DeleteFunc(zone(), func(l string) bool { return strings.HasPrefix(l, "provider.example. 300 IN A") })
				o.Zone = append(o.Zone, "provider.example. 60 IN A 198.51.100.77")
			}),
			want: []string{"dns.differs info"}, status: checks.Pass, summary: "provider.example found; 192.168.88.53 answers in less than 1 ms; 9.9.9.9 answers differently",
		},
		"an old server without EDNS": {here: with(func(o *serverOptions) { o.NoEDNS = true }), want: []string{}, status: checks.Pass,
			summary: "provider.example found; 192.168.88.53 answers in less than 1 ms; checked against 9.9.9.9"},
		"every answer is too long for UDP": {here: with(func(o *serverOptions) { o.Truncate = true }), want: []string{}, status: checks.Pass,
			summary: "provider.example found; 192.168.88.53 answers in less than 1 ms; checked against 9.9.9.9"},
		"it loses every third question": {here: with(func(o *serverOptions) { o.DropEvery = 3 }), want: []string{}, status: checks.Pass,
			summary: "provider.example found; 192.168.88.53 answers in less than 1 ms; checked against 9.9.9.9"},
		"it is far away or overloaded": {here: with(func(o *serverOptions) { o.Delay = 700 * time.Millisecond }),
			want: []string{"dns.slow warning"}, status: checks.Warn, summary: "DNS answers slowly"},
		"it is broken": {
			here: serverOptions{Rcode: 2}, names: func(n *office) { n.world.AddName(provider) },
			want: []string{"dns.no-answer critical"}, status: checks.Fail, summary: "No DNS server answers (192.168.88.53)",
		},
		"it is silent over UDP, and the hosts file knows the name": {
			here: with(func(o *serverOptions) { o.NoUDP = true }),
			want: []string{"dns.no-answer warning"}, status: checks.Warn, summary: "No DNS server answers (192.168.88.53)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, nil)
				n.serve(n.lan, c.here)
				n.serve(n.quad9, serverOptions{Addr: netip.MustParseAddr("9.9.9.9"), Zone: zone()})
				if c.inputs != nil {
					c.inputs(&n.inputs)
				}
				if c.names != nil {
					c.names(n)
				}
				r := n.check()
				if diff := cmp.Diff(c.want, findings(r)); diff != "" || r.Status != c.status || r.Summary != c.summary {
					t.Errorf("%s: %q (%s), want %s: %q\nfindings (-want +got):\n%s", r.Status, r.Summary, r.Reason, c.status, c.summary, diff)
				}
				if got := r.Facts.(dns.Facts).Hijacked; got != c.hijacked {
					t.Errorf("hijacked %v", got)
				}
			})
		})
	}
}

// The order in which a phone tries the provider's servers.
func TestFactsAreWhatAPhoneWouldTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, nil)
		n.serve(n.lan, serverOptions{Zone: zone()})
		n.inputs.NoPublic = true
		f := n.check().Facts.(dns.Facts)
		if len(f.Names) != 1 || fmt.Sprint(f.Resolvers) != "[192.168.88.53]" {
			t.Fatalf("%+v", f)
		}
		want := []string{
			"tls main.provider.example:5061 198.51.100.20, 2001:db8:198::20",
			"udp main.provider.example:5060 198.51.100.20, 2001:db8:198::20",
			"udp backup.provider.example:5060 198.51.100.21",
		}
		if diff := cmp.Diff(want, f.Names[0].Order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		if f.Names[0].TTL != 300 || len(f.Names[0].NAPTR) != 2 || len(f.Names[0].SRV) != 3 {
			t.Errorf("%+v", f.Names[0])
		}
	})
}

func TestPort53ToTheOutside(t *testing.T) {
	for name, c := range map[string]struct {
		router func(*checktest.RouterOptions)
		public serverOptions
		want   []string
		facts  string
	}{
		"closed by the firewall": {
			router: func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{Port: 53}} },
			want:   []string{"dns.udp53-blocked info likely"}, facts: "blocked",
		},
		"closed for UDP only": {
			router: func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{Proto: checktest.UDP, Port: 53}} },
			want:   []string{"dns.udp53-blocked info certain"}, facts: "blocked",
		},
		"open":                  {want: []string{}, facts: "open"},
		"open, on a lossy line": {router: func(o *checktest.RouterOptions) { o.Loss = 0.1 }, want: []string{}, facts: "open"},
		"redirected: nobody's address answers": {
			public: serverOptions{}, want: []string{"dns.redirected warning certain"}, facts: "open",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, c.router)
				n.serve(n.lan, serverOptions{Zone: zone()})
				n.serve(n.quad9, serverOptions{Addr: netip.MustParseAddr("9.9.9.9"), Zone: zone()})
				if strings.HasPrefix(name, "redirected") {
					n.serve(n.quad9, serverOptions{Addr: netip.MustParseAddr("192.0.2.53"), Zone: zone()})
				}
				r := n.check()
				got := []string{}
				for _, f := range r.Findings {
					got = append(got, f.ID+" "+string(f.Severity)+" "+string(f.Confidence))
				}
				if diff := cmp.Diff(c.want, got); diff != "" || r.Facts.(dns.Facts).UDP53 != c.facts {
					t.Errorf("%q, port 53 %s; findings (-want +got):\n%s", r.Summary, r.Facts.(dns.Facts).UDP53, diff)
				}
			})
		})
	}
}

func TestOneOfTwoServersIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, nil)
		n.phone.SetNameservers("192.168.88.99", "192.168.88.53")
		n.serve(n.lan, serverOptions{Zone: zone()})
		n.inputs.NoPublic = true
		r := n.check()
		if diff := cmp.Diff([]string{"dns.no-answer warning"}, findings(r)); diff != "" || r.Status != checks.Warn {
			t.Errorf("%s %q\n%s", r.Status, r.Summary, diff)
		}
	})
}

func TestNothingToLookUpAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, nil)
		s := n.serve(n.lan, serverOptions{Zone: zone()})
		n.inputs.SIPServers = []string{"198.51.100.20:5060", "[2001:db8::1]:5060"}
		if r := n.check(); r.Status != checks.Skip || s.asked.Load() > 0 {
			t.Errorf("%s, %d questions", r.Status, s.asked.Load())
		}
	})
}

// Loss alone never makes a finding, and never a lie.
func TestLossNeverChangesWhatDNSSays(t *testing.T) {
	for seed := range 40 {
		synctest.Test(t, func(t *testing.T) {
			n := newOfficeOf(t, uint64(seed), func(o *checktest.RouterOptions) { o.Loss = 0.05 })
			n.phone.SetNameservers("9.9.9.9") // the way to it is the lossy one
			n.serve(n.quad9, serverOptions{Addr: netip.MustParseAddr("9.9.9.9"), Zone: zone()})
			if r := n.check(); r.Status != checks.Pass || len(r.Findings) > 0 {
				t.Errorf("run %d: %s %q %v", seed, r.Status, r.Summary, findings(r))
			}
		})
	}
}
