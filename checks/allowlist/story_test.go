package allowlist

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Loss alone shuts no port.
func TestLossIsNoFirewall(t *testing.T) {
	for _, loss := range []float64{0.05, 0.2} {
		for seed := range uint64(25) {
			synctest.Test(t, func(t *testing.T) {
				n := newOfficeOf(t, seed, provider, checktest.RouterOptions{Loss: loss, Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Duplicate: 0.02})
				j, r := n.told()
				if list := found(j); len(list) > 0 || r.Status != checks.Pass {
					t.Errorf("%v lost, seed %d: %s %v", loss, seed, r.Status, list)
				}
			})
		}
	}
}

// The rows that no packet can decide are the same in every story.
var media = []string{"udp 10000-20000 198.51.100.64/26 not-testable"}

func rows(udp, tcp string) []string {
	return append([]string{
		"udp 5060 sip.provider.example " + udp,
		"tcp 5060 sip.provider.example " + tcp,
		"udp 5060 198.51.100.0/26 " + udp,
		"tcp 5060 198.51.100.0/26 " + tcp,
		"udp 5060 198.51.100.64/26 not-testable",
		"tcp 5060 198.51.100.64/26 not-testable",
	}, media...)
}

func TestWhatStandsBetweenTheOfficeAndItsProvider(t *testing.T) {
	rule := func(r checktest.Rule) checktest.RouterOptions {
		return checktest.RouterOptions{Rules: []checktest.Rule{r}}
	}
	tests := map[string]struct {
		router  checktest.RouterOptions
		output  []checktest.Rule // of the phone's own packet filter
		udp     string
		tcp     string
		by      string // of the first row
		found   []string
		summary string
		unclear string
	}{
		"everything is open": {udp: reachable, tcp: reachable, by: "answered",
			summary: "The provider: 2 of 2 ports reachable; 3 not testable from here"},
		"the gateway forbids UDP 5060 and says so": {router: rule(checktest.Rule{Proto: checktest.UDP, Port: 5060, Action: checktest.Reject}),
			udp: blocked, tcp: reachable, by: gateway,
			found:   []string{"allow-list.blocked-by-gateway critical"},
			summary: "The provider: 1 of 2 ports reachable; blocked UDP 5060 at sip.provider.example; 3 not testable from here"},
		"the gateway drops UDP 5060 without a word": {router: rule(checktest.Rule{Proto: checktest.UDP, Port: 5060, Action: checktest.Drop}),
			udp: silent, tcp: reachable, by: unheard, found: []string{"allow-list.silent warning"},
			summary: "The provider: 1 of 2 ports reachable; no answer from UDP 5060 at sip.provider.example; 3 not testable from here"},
		"the gateway drops TCP 5060 without a word": {router: rule(checktest.Rule{Proto: checktest.TCP, Port: 5060, Action: checktest.Drop}),
			udp: reachable, tcp: silent, by: "answered", found: []string{"allow-list.silent warning"},
			summary: "The provider: 1 of 2 ports reachable; no answer from TCP 5060 at sip.provider.example; 3 not testable from here"},
		"everything is dropped, which may be a server that does not talk to strangers": {router: rule(checktest.Rule{Action: checktest.Drop}),
			udp: silent, tcp: silent, by: unheard,
			summary: "The provider: 0 of 2 ports reachable; no answer from TCP 5060 at sip.provider.example, UDP 5060 at sip.provider.example; 3 not testable from here",
			unclear: "none of the provider's servers answered: perhaps a firewall blocks them, or they do not answer unknown addresses"},
		"this machine's own packet filter": {output: []checktest.Rule{{Proto: checktest.UDP, Port: 5060}},
			udp: blocked, tcp: reachable, by: localFilter, found: []string{"allow-list.local-filter critical"},
			summary: "The provider: 1 of 2 ports reachable; blocked UDP 5060 at sip.provider.example; 3 not testable from here"},
		"a reset may be the server's own": {router: rule(checktest.Rule{Proto: checktest.TCP, Port: 5060, Action: checktest.Refuse}),
			udp: reachable, tcp: blocked, by: "answered", found: []string{"allow-list.refused warning"},
			summary: "The provider: 1 of 2 ports reachable; blocked TCP 5060 at sip.provider.example; 3 not testable from here"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, provider, tt.router)
				n.phone.BlockOutput(tt.output...)
				j, r := n.told()
				if diff := cmp.Diff(rows(tt.udp, tt.tcp), statuses(j)); diff != "" {
					t.Errorf("facts (-want +got)\n%s", diff)
				}
				if by := j.Facts.([]Row)[0].By; by != tt.by {
					t.Errorf("decided by %q, want %q", by, tt.by)
				}
				if diff := cmp.Diff(tt.found, found(j)); diff != "" {
					t.Errorf("findings (-want +got)\n%s", diff)
				}
				if r.Summary != tt.summary || r.Reason != tt.unclear {
					t.Errorf("summary %q, inconclusive %q", r.Summary, r.Reason)
				}
			})
		})
	}
}

// A lost packet is asked for again; the second one decides.
func TestOneLostPacketChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		first := func([]byte) bool { asked++; return asked == 1 }
		n := newOffice(t, provider, checktest.RouterOptions{Rules: []checktest.Rule{{Proto: checktest.UDP, Port: 5060, Content: first, Action: checktest.Drop}}})
		if diff := cmp.Diff(rows(reachable, reachable), statuses(n.check())); diff != "" || asked != 2 {
			t.Errorf("%d packets (-want +got)\n%s", asked, diff)
		}
	})
}

// watched counts what is sent to whom.
type watched struct {
	platform.Network
	mu   sync.Mutex
	sent map[string]int
}

func (w *watched) count(to netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[to.String()]++
}

func (w *watched) DialTCP(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	w.count(remote)
	return w.Network.DialTCP(ctx, local, remote)
}

func (w *watched) OpenUDP(ctx context.Context, local netip.AddrPort) (platform.UDPConn, error) {
	c, err := w.Network.OpenUDP(ctx, local)
	return watchedConn{c, w}, err
}

type watchedConn struct {
	platform.UDPConn
	w *watched
}

func (c watchedConn) WriteTo(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	c.w.count(to)
	return c.UDPConn.WriteTo(b, to, o)
}

// Nobody is asked whom neither the profile, DNS nor the user named, and nobody
// more than eight times, even where nobody answers.
func TestOnlyNamedHostsAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, provider, checktest.RouterOptions{Rules: []checktest.Rule{{Action: checktest.Drop}}})
		n.inputs.SIPServers = []string{"198.51.100.33:5080", "sip.provider.example:5060"}
		w := &watched{Network: n.phone, sent: map[string]int{}}
		if _, err := observe(t.Context(), &checks.Env{Net: w, Inputs: n.inputs}); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{
			"198.51.100.20:5060": 8 + 1, // eight datagrams and a connection
			"198.51.100.33:5060": 8 + 1, // the user's server, on the profile's ports
			"198.51.100.33:5080": 8,     // and on its own
		}
		if diff := cmp.Diff(want, w.sent); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// A rule that forgot one of the provider's machines stops every other call.
func TestOneMachineOfTheProviderIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, provider, checktest.RouterOptions{Rules: []checktest.Rule{
			{Proto: checktest.UDP, Peer: netip.MustParsePrefix("198.51.100.21/32"), Action: checktest.Reject},
		}})
		n.world.AddName("sip.provider.example", serverAddr, "198.51.100.21", "198.51.100.22")
		w := &watched{Network: n.phone, sent: map[string]int{}}
		o, err := observe(t.Context(), &checks.Env{Net: w, Inputs: n.inputs})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		j := judge(o, n.host)
		f := finding(t, Check().Judge(raw, n.host).Findings, "allow-list.blocked-by-gateway")
		if want := "UDP 5060 at sip.provider.example (198.51.100.21)"; statuses(j)[0] != "udp 5060 sip.provider.example blocked" || f.Evidence[0].Name != want {
			t.Errorf("%q, %+v", statuses(j), f.Evidence)
		}
		if w.sent["198.51.100.22:5060"] != 0 || len(w.sent) != 2 {
			t.Errorf("asked %v, which is more than two machines of a farm", w.sent)
		}
	})
}

// A port of the profile that a host of the user's does not have proves nothing
// about the way.
func TestAServerNeedNotHaveEveryPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, `name: provider
title: The provider
ports:
  - {protocol: tcp, ports: [5060], use: signalling, for: SIP}
  - {protocol: tcp, ports: [5090-5099], use: other, for: tunnel}
  - {protocol: udp, ports: [5090], use: other, for: tunnel}
source: the administrator
checked: 2026-11-22
`, checktest.RouterOptions{})
		n.inputs.SIPServers = []string{"sip.provider.example"}
		j := n.check()
		want := []string{
			"tcp 5060 sip.provider.example reachable",
			"tcp 5090 sip.provider.example not-testable",
			"tcp 5099 sip.provider.example not-testable",
			"tcp 5091-5098 provider not-testable",
			"udp 5090 provider not-testable",
		}
		if diff := cmp.Diff(want, statuses(j)); diff != "" || len(j.Findings) != 0 {
			t.Errorf("findings %+v (-want +got)\n%s", j.Findings, diff)
		}
	})
}

func TestTheMissingRulesAreInTheRoutersOwnSyntax(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, provider, checktest.RouterOptions{Rules: []checktest.Rule{{Port: 5060, Action: checktest.Reject}}})
		n.host.Router = &netinfo.Router{Platform: "mikrotik", Confidence: "certain"}
		f := finding(t, n.check().Findings, "allow-list.blocked-by-gateway").Fixes[0]
		want := []string{
			"/ip firewall filter add chain=forward action=accept protocol=udp dst-address=198.51.100.0/26 dst-port=5060 comment=sipdoctor-provider",
			"/ip firewall filter add chain=forward action=accept protocol=tcp dst-address=198.51.100.0/26 dst-port=5060 comment=sipdoctor-provider",
			"{:local r [/ip firewall filter find where !dynamic and !(comment=sipdoctor-provider)]; :if ([:len $r] > 0) do={/ip firewall filter move [/ip firewall filter find where comment=sipdoctor-provider] destination=[:pick $r 0]}}",
		}
		if diff := cmp.Diff(want, f.Commands); diff != "" || f.Platform != "mikrotik" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if !slices.Contains(f.Verify, "sipdoctor check allow-list") {
			t.Errorf("verify %q", f.Verify)
		}
	})
}

func TestAProviderThatServesAnotherCountry(t *testing.T) {
	const serves = "serves:\n  - {countries: [RU], source: its page}\n  - {countries: [DE], what: fax, source: its page}\n"
	for name, tt := range map[string]struct {
		country string
		change  func(*checks.Inputs)
		want    []string
	}{
		"abroad":                          {"NL", nil, []string{"allow-list.country", "allow-list.country-limit"}},
		"at home":                         {"RU", nil, []string{"allow-list.country-limit"}},
		"the user wants no look-up":       {"NL", func(in *checks.Inputs) { in.NoLookup = true }, nil},
		"no public server is wanted":      {"NL", func(in *checks.Inputs) { in.NoPublic = true }, nil},
		"DNS does not know":               {"", nil, nil},
		"no STUN server can be found":     {"NL", func(in *checks.Inputs) { in.STUN = []string{"nosuch.example:3478"} }, nil},
		"the STUN server is switched off": {"NL", func(in *checks.Inputs) { in.STUN = []string{serverAddr + ":9999"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, provider+serves, checktest.RouterOptions{})
				s, err := checktest.ServeSTUN(t.Context(), n.server, netip.MustParseAddr(serverAddr))
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				n.inputs.STUN, n.inputs.NoPublic = []string{serverAddr + ":3478"}, false
				if tt.country != "" {
					n.world.AddTXT("1.1.255.5.origin.asn.cymru.com", "64500 | 5.255.0.0/16 | "+tt.country+" | ripencc | 2012-01-01")
					n.world.AddTXT("AS64500.asn.cymru.com", "64500 | "+tt.country+" | ripencc | 2012-01-01 | EXAMPLE")
				}
				if tt.change != nil {
					tt.change(&n.inputs)
				}
				j := n.check()
				var got []string
				for _, f := range j.Findings {
					got = append(got, f.ID)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if !slices.Contains(statuses(j), "udp 5060 sip.provider.example reachable") {
					t.Error("the look-up spoilt the rest")
				}
			})
		})
	}
}

func TestTheRateIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many strings.Builder
		for _, p := range []string{"5070", "5071", "5072", "5073", "5074", "5075", "5076", "5077", "5078", "5079"} {
			many.WriteString("  - {protocol: tcp, ports: [" + p + "], use: other, for: more}\n")
		}
		n := newOffice(t, strings.Replace(provider, "rtp:", many.String()+"rtp:", 1), checktest.RouterOptions{})
		start := time.Now()
		n.check()
		if d := time.Since(start); d < 11*pace {
			t.Errorf("12 targets within %v", d)
		}
	})
}

func TestDNSNamesTheHostsOfAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, strings.Replace(provider, "{host: sip.provider.example, port: 5060, transport: udp}", "{host: provider.example, transport: udp}", 1), checktest.RouterOptions{})
		n.world.AddSRV("sip", "udp", "provider.example", srv("sip.provider.example", 5060))
		if j := n.check(); !slices.Contains(statuses(j), "udp 5060 sip.provider.example reachable") {
			t.Errorf("%q", statuses(j))
		}
	})
}
