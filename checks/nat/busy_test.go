package nat

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// silentRun is a run in which nobody answered over UDP, our responder and as
// many others as named.
func silentRun(far *checks.FarEnd, others ...string) Observed {
	own := netip.MustParseAddrPort("198.51.100.2:3478")
	o := Observed{
		Limited: checks.Limited{Far: far}, Responder: "https",
		Targets:  []Target{{Name: "198.51.100.2", Source: fromResponder, Addrs: []netip.AddrPort{own}}},
		Families: []Family{{Samples: []Sample{{Role: rolePlain, Server: own, Sent: 9}}}},
	}
	for _, a := range others {
		at := netip.MustParseAddrPort(a)
		o.Targets = append(o.Targets, Target{Name: a, Source: fromPublic, Addrs: []netip.AddrPort{at}})
		o.Families[0].Samples = append(o.Families[0].Samples, Sample{Role: rolePlain, Server: at, Sent: 9})
	}
	return o
}

// Where only our responder is silent over UDP, and hears none, it is not the
// office that is accused; where others are silent too, it is.
func TestWhoseFirewallStopsUDP(t *testing.T) {
	deaf := &checks.FarEnd{Carrier: "https", Ports: "5060, 8765"}
	hearsOthers := &checks.FarEnd{Carrier: "https", Ports: "5060, 8765", LimitsReply: session.LimitsReply{OthersUDP: true}}
	for _, tt := range []struct {
		name    string
		o       Observed
		blocked bool
		reason  string
	}{
		{"the responder hears nobody, and nobody else was asked", silentRun(deaf), false, "open UDP 5060, 8765 there"},
		{"the responder hears others, but not us", silentRun(hearsOthers), true, ""},
		{"a public server is silent as well", silentRun(deaf, "192.0.2.1:3478"), true, ""},
		{"a report from before anybody asked", silentRun(nil), true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(tt.o, &netinfo.Host{})
			if blocked := len(j.Findings) == 1 && j.Findings[0].ID == "nat.udp-blocked" && j.Findings[0].Heard; blocked != tt.blocked {
				t.Errorf("findings %+v", j.Findings)
			}
			if !strings.Contains(english(t, j.Inconclusive), tt.reason) || tt.blocked && !j.Inconclusive.IsZero() {
				t.Errorf("inconclusive because %v", j.Inconclusive)
			}
		})
	}
}

// A filtering test that our responder may have been too busy to answer tells
// nothing about filters.
func TestABusyRespondersSilenceIsNoFilter(t *testing.T) {
	server, alternate := netip.MustParseAddrPort("198.51.100.2:3478"), netip.MustParseAddrPort("198.51.100.3:3479")
	o := Observed{Responder: "https", Families: []Family{{
		Samples: []Sample{{Role: rolePlain, Server: server, Answered: true, Local: netip.MustParseAddrPort("192.168.88.10:4000"), Mapped: netip.MustParseAddrPort("203.0.113.1:4000"), Other: alternate}},
		Filter:  []Filter{{Server: server, Expect: alternate, Responder: true, Sent: 9, Alternate: true, Control: true}},
	}}}
	for _, tt := range []struct {
		name string
		far  *checks.FarEnd
		want string
	}{
		{"a responder with time", &checks.FarEnd{Carrier: "https", LimitsReply: session.LimitsReply{UDP: 1}}, addressPort},
		{"a busy one", &checks.FarEnd{Carrier: "https", LimitsReply: session.LimitsReply{UDP: 1, Limits: session.Limits{Questions: 1}}}, unknown},
	} {
		o.Far = tt.far
		f := judge(o, &netinfo.Host{}).Facts.(Facts)
		if told := f.Filtering != unknown; told != (tt.want != unknown) {
			t.Errorf("%s: filtering %s", tt.name, f.Filtering)
		}
	}
	if len(o.Families[0].Filter) != 1 {
		t.Error("judging changed the observation")
	}
}

// A public server's answer shows that the office lets UDP out: then it is most
// likely the responder's own firewall.
func TestUDPThatOnlyTheResponderDoesNotGet(t *testing.T) {
	public := netip.MustParseAddrPort("192.0.2.1:3478")
	for _, tt := range []struct {
		name string
		far  *checks.FarEnd
		want bool
	}{
		{"it hears nobody", &checks.FarEnd{Carrier: "https", Ports: "5060"}, true},
		{"it hears us", &checks.FarEnd{Carrier: "https", Ports: "5060", LimitsReply: session.LimitsReply{UDP: 1}}, false},
		{"it hears others", &checks.FarEnd{Carrier: "https", Ports: "5060", LimitsReply: session.LimitsReply{OthersUDP: true}}, false},
	} {
		o := silentRun(tt.far, public.String())
		s := &o.Families[0].Samples[1]
		s.Source, s.Answered, s.Local, s.Mapped = fromPublic, true, netip.MustParseAddrPort("192.168.88.10:4000"), netip.MustParseAddrPort("203.0.113.1:4000")
		j := judge(o, &netinfo.Host{})
		got := len(j.Findings) > 0 && j.Findings[0].ID == "nat.responder-unreached" && j.Findings[0].Severity == checks.Warning && j.Findings[0].Confidence == checks.Likely
		if got != tt.want {
			t.Errorf("%s: %+v", tt.name, j.Findings)
		}
	}
}
