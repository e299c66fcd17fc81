package uplink

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A line that cannot carry an INVITE in one packet is worth a warning, a tunnel
// and an unknown size are not.
func TestHowSmallThePacketsOfALineMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		kind string
		mtu  int
		want checks.Severity
	}{
		"as usual":        {"ethernet", 1500, ""},
		"just enough":     {"ethernet", 1400, ""},
		"one byte less":   {"ethernet", 1399, checks.Warning},
		"much less":       {"ppp", 576, checks.Warning},
		"not known":       {"ethernet", 0, ""},
		"one byte":        {"ethernet", 1, checks.Warning},
		"less, in tunnel": {"tunnel", 1280, ""},
	} {
		h := office(func(h *netinfo.Host) { h.Uplink.Kind, h.Uplink.MTU = c.kind, c.mtu })
		var got checks.Severity
		for _, f := range Check().Judge(Check().Nothing(), h).Findings {
			if f.ID == "uplink.mtu" {
				got = f.Severity
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A router is named only by what a stranger cannot word, and a line by its kind.
func TestWhatALineIsCalled(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*netinfo.Host)
		want   string
	}{
		"a cable":                     {nil, "cable, gateway MikroTik 192.168.88.1"},
		"Wi-Fi":                       {func(h *netinfo.Host) { h.Uplink.Wireless = true }, "Wi-Fi, "},
		"a mobile network":            {func(h *netinfo.Host) { h.Uplink.Kind = "mobile" }, "mobile network, "},
		"PPP":                         {func(h *netinfo.Host) { h.Uplink.Kind = "ppp" }, "PPP line, "},
		"a tunnel":                    {func(h *netinfo.Host) { h.Uplink.Kind = "tunnel" }, "tunnel eth0, "},
		"a router that is recognised": {func(h *netinfo.Host) { h.Router = &netinfo.Router{Platform: "keenetic", Vendor: "Keenetic"} }, "cable, gateway Keenetic 192.168.88.1"},
		"one that may be that": {func(h *netinfo.Host) {
			h.Router = &netinfo.Router{Platform: "keenetic", Vendor: "Keenetic", Confidence: "possible"}
		}, "cable, gateway MikroTik 192.168.88.1"},
		"one that calls itself so": {func(h *netinfo.Host) { h.Router = &netinfo.Router{Vendor: "Keenetic"} }, "cable, gateway MikroTik 192.168.88.1"},
	} {
		if got := Check().Judge(Check().Nothing(), office(c.change)).Summary; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// toldOf are the findings in the order in which they are told: what, how bad,
// how sure, and whether it was heard or concluded from silence.
func toldOf(found []checks.Finding) (list []string) {
	for _, f := range found {
		how := "silence"
		if f.Heard {
			how = "heard"
		}
		list = append(list, strings.TrimPrefix(f.ID, "uplink.")+" "+string(f.Severity)+" "+string(f.Confidence)+" "+how)
	}
	return list
}

// What is found about the line itself, the worst first, and what it explains of
// the other checks.
func TestWhatALineIsWorth(t *testing.T) {
	dead := []netinfo.Contact{silent("9.9.9.9"), silent("1.1.1.1")}
	noSix := Named{Host: "six.example.net", Kind: kindSIP, Addrs: []netip.Addr{at("2001:db8::5")}, Error: "no route"}
	stunSix := Named{Host: "stun.example.net", Kind: kindSTUN, Addrs: []netip.Addr{at("2001:db8::6")}, Error: "no route"}
	for name, c := range map[string]struct {
		change   func(*netinfo.Host)
		named    []Named
		want     []string
		explains checks.Reach
		unclear  bool
	}{
		"all is well":                    {explains: checks.ReachAll},
		"a VPN":                          {func(h *netinfo.Host) { h.Uplink.VPN, h.Uplink.VPNInterface = true, "wg0" }, nil, []string{"vpn warning likely heard"}, checks.ReachAll, false},
		"small packets":                  {func(h *netinfo.Host) { h.Uplink.MTU = 1280 }, nil, []string{"mtu warning likely heard"}, checks.ReachAll, false},
		"Wi-Fi":                          {func(h *netinfo.Host) { h.Uplink.Wireless = true }, nil, []string{"wireless info certain heard"}, checks.ReachAll, false},
		"464XLAT":                        {func(h *netinfo.Host) { h.Uplink.Local = []netip.Addr{at("192.0.0.4")} }, nil, []string{"ipv4-over-ipv6 info certain heard"}, checks.ReachAll, false},
		"an address in the carrier's":    {func(h *netinfo.Host) { h.Uplink.Local = []netip.Addr{at("100.64.0.4")} }, nil, nil, checks.ReachAll, false},
		"a dead line":                    {func(h *netinfo.Host) { h.Contacts = dead }, nil, []string{"no-internet critical likely silence"}, checks.ReachAll, false},
		"a line with one silent server":  {func(h *netinfo.Host) { h.Contacts = dead[:1] }, nil, nil, checks.ReachAll, true},
		"a server of the other family":   {nil, []Named{noSix}, []string{"no-route critical certain heard"}, checks.ReachUntold, false},
		"a STUN server of it":            {nil, []Named{stunSix}, []string{"no-route warning certain heard"}, checks.ReachUntold, false},
		"both, the STUN server first":    {nil, []Named{stunSix, noSix}, []string{"no-route critical certain heard"}, checks.ReachUntold, false},
		"both, the STUN server last":     {nil, []Named{noSix, stunSix}, []string{"no-route critical certain heard"}, checks.ReachUntold, false},
		"a cable that is not plugged in": {func(h *netinfo.Host) { h.Uplink.Down = true }, nil, []string{"none critical certain heard"}, checks.ReachAll, false},
		"everything at once": {
			func(h *netinfo.Host) {
				h.Uplink.VPN, h.Uplink.VPNInterface, h.Uplink.MTU, h.Uplink.Wireless, h.Uplink.Local = true, "wg0", 1280, true, []netip.Addr{at("192.0.0.4")}
				h.Contacts = dead
			}, nil,
			[]string{"no-internet critical likely silence", "vpn warning likely heard", "mtu warning likely heard", "wireless info certain heard", "ipv4-over-ipv6 info certain heard"},
			checks.ReachAll, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observation{Named: c.named}, office(c.change))
			if diff := cmp.Diff(c.want, toldOf(j.Findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if j.Explains != c.explains || (!j.Inconclusive.IsZero()) != c.unclear || !j.Skip.IsZero() {
				t.Errorf("it explains %v, inconclusive because of %q", j.Explains, j.Inconclusive.ID)
			}
		})
	}
}

// One way out is enough, and it needs a link and an address.
func TestWhatAWayToTheInternetNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*netinfo.Uplink)
		want   string // what is missing; empty: nothing
	}{
		"a route and a gateway":            {func(*netinfo.Uplink) {}, ""},
		"a route, no gateway (PPP)":        {func(u *netinfo.Uplink) { u.Gateway = netip.Addr{} }, ""},
		"a gateway, the route is not read": {func(u *netinfo.Uplink) { u.DefaultRoute = false }, ""},
		"an IPv6 gateway only": {func(u *netinfo.Uplink) {
			u.DefaultRoute, u.Gateway, u.Gateway6 = false, netip.Addr{}, at("fe80::1")
		}, ""},
		"a VPN only":          {func(u *netinfo.Uplink) { u.DefaultRoute, u.Gateway, u.VPN = false, netip.Addr{}, true }, ""},
		"nothing":             {func(u *netinfo.Uplink) { u.DefaultRoute, u.Gateway = false, netip.Addr{} }, "route"},
		"no link":             {func(u *netinfo.Uplink) { u.Down = true }, "link"},
		"no address":          {func(u *netinfo.Uplink) { u.Local = nil }, "address"},
		"no link, no address": {func(u *netinfo.Uplink) { u.Local, u.Down = nil, true }, "link"},
		"no interface":        {func(u *netinfo.Uplink) { *u = netinfo.Uplink{} }, "interface"},
		"no DHCP server": {func(u *netinfo.Uplink) {
			u.DefaultRoute, u.Gateway, u.Local = false, netip.Addr{}, []netip.Addr{at("169.254.3.4"), at("fe80::2")}
		}, "dhcp"},
		"no route, and an address of its own besides": {func(u *netinfo.Uplink) {
			u.DefaultRoute, u.Gateway, u.Local = false, netip.Addr{}, []netip.Addr{at("169.254.3.4"), at("192.168.88.10")}
		}, "route"},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observation{}, office(func(h *netinfo.Host) { c.change(&h.Uplink) }))
			missing, _ := j.Summary.Args["missing"].(string)
			none := len(j.Findings) > 0 && j.Findings[0].ID == "uplink.none" && j.Findings[0].Severity == checks.Critical
			if none != (c.want != "") || missing != c.want {
				t.Errorf("%s %q: %v", j.Summary.ID, missing, toldOf(j.Findings))
			}
			// What could not be read is not missing.
			j = judge(Observation{}, office(func(h *netinfo.Host) { c.change(&h.Uplink); h.Uplink.Unread = true }))
			if j.Inconclusive.IsZero() != (c.want == "") || c.want != "" && len(j.Findings) > 0 {
				t.Errorf("unread: %v, %v", j.Inconclusive.ID, toldOf(j.Findings))
			}
		})
	}
}

// Without a way out the servers of this network may still be reached.
func TestAnIsland(t *testing.T) {
	island := func(h *netinfo.Host) { h.Uplink.Gateway, h.Uplink.DefaultRoute = netip.Addr{}, false }
	near := Named{Host: "pbx.lan", Kind: kindSIP, Addrs: []netip.Addr{at("192.168.88.2"), at("192.168.88.3")}, Source: at("192.168.88.10")}
	lost := near
	lost.Source = netip.Addr{}
	for name, c := range map[string]struct {
		contacts []netinfo.Contact
		down     bool
		named    []Named
		want     checks.Severity
	}{
		"nobody is named":              {nil, false, nil, checks.Critical},
		"its server, nothing was sent": {nil, false, []Named{near}, checks.Warning},
		"its server answers":           {[]netinfo.Contact{silent("9.9.9.9"), answered("192.168.88.3")}, false, []Named{near}, checks.Warning},
		"its server is silent":         {[]netinfo.Contact{silent("192.168.88.2"), answered("192.168.88.9")}, false, []Named{near}, checks.Critical},
		"no way to its server":         {nil, false, []Named{lost}, checks.Critical},
		"one of two":                   {nil, false, []Named{near, lost}, checks.Warning},
		"the cable is out":             {nil, true, []Named{near}, checks.Critical},
	} {
		t.Run(name, func(t *testing.T) {
			h := office(func(h *netinfo.Host) { island(h); h.Contacts, h.Uplink.Down = c.contacts, c.down })
			f := judge(Observation{Named: c.named}, h).Findings[0]
			if f.ID != "uplink.none" || f.Severity != c.want || f.Confidence != checks.Certain {
				t.Errorf("%s %s %s, want %s", f.ID, f.Severity, f.Confidence, c.want)
			}
			if shown := len(f.Evidence) > 3; shown != (c.want == checks.Warning) {
				t.Errorf("evidence %v", f.Evidence)
			}
		})
	}
}

// Whose word counts when nobody outside answers.
func TestWhoseWordCounts(t *testing.T) {
	const router, far, own = "192.168.88.1", "203.0.113.1", "192.168.88.10"
	const noNet, noPort, noProto, forbidden = "network unreachable", "port unreachable", "protocol unreachable", "communication administratively prohibited"
	reset := func(a string) netinfo.Contact { return netinfo.Contact{Addr: at(a), Resets: 1} }
	resetAnd := reset("8.8.8.8")
	resetAnd.Refusals = []netinfo.ICMPNote{{Hop: at(far), Meaning: noNet}}
	twice := refusal("198.51.100.5", far, forbidden)
	twice.Refusals = append([]netinfo.ICMPNote{{Hop: at(own), Meaning: "host unreachable"}}, twice.Refusals...)
	untried := netinfo.Contact{Addr: at("9.9.9.9")}
	const gone, likely = "no-internet critical certain silence", "no-internet critical likely silence"
	for name, c := range map[string]struct {
		contacts []netinfo.Contact
		want     string
		unclear  bool
	}{
		"nothing was sent to one, the other is silent":             {[]netinfo.Contact{untried, silent("198.51.100.5")}, "", true},
		"of two operators one resets":                              {[]netinfo.Contact{reset("9.9.9.9"), silent("198.51.100.5"), silent("198.51.100.6")}, "", false},
		"two operators reset":                                      {[]netinfo.Contact{reset("9.9.9.9"), reset("1.1.1.1")}, gone, false},
		"two operators reset, one server is silent":                {[]netinfo.Contact{reset("9.9.9.9"), reset("1.1.1.1"), silent("198.51.100.5")}, gone, false},
		"two operators reset, a server too":                        {[]netinfo.Contact{reset("9.9.9.9"), reset("1.1.1.1"), reset("198.51.100.5")}, gone, false},
		"two operators reset, a server was given up":               {[]netinfo.Contact{reset("9.9.9.9"), reset("1.1.1.1"), {Addr: at("198.51.100.5"), Sent: 1}}, "", false},
		"two operators reset, of one a router speaks too":          {[]netinfo.Contact{reset("9.9.9.9"), resetAnd}, gone, false},
		"one router refuses one host in its name":                  {[]netinfo.Contact{refusal("198.51.100.5", router, noPort)}, "", false},
		"a router does not know one protocol":                      {[]netinfo.Contact{refusal("198.51.100.5", router, noProto)}, "", false},
		"one forbids one host":                                     {[]netinfo.Contact{refusal("198.51.100.5", far, forbidden)}, "", false},
		"one forbids one host, and another is silent":              {[]netinfo.Contact{refusal("198.51.100.5", far, forbidden), silent("9.9.9.9")}, likely, false},
		"two hosts are forbidden":                                  {[]netinfo.Contact{refusal("198.51.100.5", far, forbidden), refusal("198.51.100.6", far, forbidden)}, gone, false},
		"a router has no way to one":                               {[]netinfo.Contact{refusal("198.51.100.5", far, noNet)}, gone, false},
		"a router has no way to one, another was given up":         {[]netinfo.Contact{refusal("198.51.100.5", far, noNet), {Addr: at("9.9.9.9"), Sent: 1}}, "", false},
		"a router has no way to where nobody lives":                {[]netinfo.Contact{refusal("192.0.2.53", far, noNet), silent("198.51.100.5")}, gone, false},
		"nobody answers where nobody lives":                        {[]netinfo.Contact{silent("192.0.2.53")}, "", false},
		"this machine says so as well":                             {[]netinfo.Contact{twice, silent("9.9.9.9")}, "gateway-silent critical certain silence", false},
		"IPv6 is silent, IPv4 was asked less":                      {[]netinfo.Contact{refusal("198.51.100.5", far, noPort), silent("2620:fe::fe"), silent("2606:4700:4700::1111")}, likely, false},
		"IPv6 answers, IPv4 has no route":                          {[]netinfo.Contact{refusal("9.9.9.9", far, noNet), answered("2620:fe::fe")}, "", false},
		"IPv4 answers, IPv6 was asked more":                        {[]netinfo.Contact{answered("9.9.9.9"), silent("2620:fe::fe"), silent("2606:4700:4700::1111")}, "", false},
		"IPv4 was asked more and says nothing clear, IPv6 is dead": {[]netinfo.Contact{{Addr: at("9.9.9.9"), Sent: 1}, silent("1.1.1.1"), silent("2620:fe::fe")}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observation{}, office(func(h *netinfo.Host) { h.Contacts = c.contacts }))
			if got := strings.Join(toldOf(j.Findings), ", "); got != c.want || (!j.Inconclusive.IsZero()) != c.unclear {
				t.Errorf("%q, want %q; inconclusive because of %q", got, c.want, j.Inconclusive.ID)
			}
		})
	}
}

// Where a server in this network answers, phones of a PBX in the house work.
func TestTheInternetIsAwayAndThePBXIsInTheHouse(t *testing.T) {
	pbx := Named{Host: "pbx.lan", Kind: kindSIP, Addrs: []netip.Addr{at("192.168.88.5")}, Source: at("192.168.88.10")}
	far := Named{Host: "far.example.net", Kind: kindSIP, Addrs: []netip.Addr{at("198.51.100.5")}, Source: at("192.168.88.10")}
	noWay := refusal("9.9.9.9", "192.168.88.1", "network unreachable")
	for name, c := range map[string]struct {
		contacts []netinfo.Contact
		named    []Named
		want     string
	}{
		"the line is dead":                {[]netinfo.Contact{silent("9.9.9.9"), silent("1.1.1.1"), answered("192.168.88.5")}, []Named{pbx, pbx}, "no-internet warning likely silence"},
		"the router has no route":         {[]netinfo.Contact{noWay, answered("192.168.88.5")}, []Named{far, pbx}, "no-internet warning certain silence"},
		"the PBX is silent as well":       {[]netinfo.Contact{noWay, silent("192.168.88.5")}, []Named{pbx}, "no-internet critical certain silence"},
		"somebody else in it answers":     {[]netinfo.Contact{noWay, answered("192.168.88.6")}, []Named{pbx}, "no-internet critical certain silence"},
		"the gateway is off":              {[]netinfo.Contact{refusal("9.9.9.9", "192.168.88.10", "host unreachable"), answered("192.168.88.5")}, []Named{pbx}, "gateway-silent warning certain silence"},
		"the gateway is off, and the PBX": {[]netinfo.Contact{refusal("9.9.9.9", "192.168.88.10", "host unreachable")}, []Named{pbx}, "gateway-silent critical certain silence"},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observation{Named: c.named}, office(func(h *netinfo.Host) {
				h.Networks = []netip.Prefix{netip.MustParsePrefix("192.168.88.0/24")}
				h.Contacts = c.contacts
			}))
			if got := strings.Join(toldOf(j.Findings), ", "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			var want []string
			if j.Findings[0].Severity == checks.Warning {
				want = []string{pbx.Host}
			}
			if diff := cmp.Diff(want, j.Findings[0].Args["near"]); diff != "" {
				t.Errorf("who answers (-want +got):\n%s", diff)
			}
		})
	}
}

// Each host that was asked is a line of evidence, up to six, with all that was
// said of it.
func TestWhatWasSaidOfEachHostIsShown(t *testing.T) {
	all := []netinfo.Contact{
		silent("9.9.9.9"), {Addr: at("1.1.1.1"), Resets: 1, Refusals: []netinfo.ICMPNote{{Hop: at("203.0.113.1"), Meaning: "network unreachable"}}},
		{Addr: at("8.8.8.8"), Resets: 1}, silent("198.51.100.4"), silent("198.51.100.5"), silent("198.51.100.6"), silent("198.51.100.7"),
	}
	j := told(t, Observation{}, office(func(h *netinfo.Host) { h.Contacts = all }))
	var got []string
	for _, e := range j.Findings[0].Evidence {
		got = append(got, e.Name+" "+e.Got)
	}
	const quiet = " no answer (4 datagrams, 1 connection)"
	want := []string{"9.9.9.9" + quiet, "1.1.1.1 network unreachable, according to 203.0.113.1; connection refused", "8.8.8.8 connection refused", "198.51.100.4" + quiet, "198.51.100.5" + quiet, "198.51.100.6" + quiet}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for mac, lines := range map[string]int{"": 2, "4c:5e:0c:01:02:03": 3} {
		j := judge(Observation{}, office(func(h *netinfo.Host) { h.Contacts, h.Uplink.GatewayMAC = all[3:5], mac }))
		if n := len(j.Findings[0].Evidence); n != lines {
			t.Errorf("hardware address %q: %d lines", mac, n)
		}
	}
}

// Who rejects is the router of this office if it is among them, else the first.
func TestWhoRejects(t *testing.T) {
	const noNet, noPort = "network unreachable", "port unreachable"
	for name, c := range map[string]struct {
		contacts []netinfo.Contact
		want     string
	}{
		"the router":             {[]netinfo.Contact{refusal("9.9.9.9", "192.168.88.1", noNet)}, "The router 192.168.88.1 has no route"},
		"the router, IPv6":       {[]netinfo.Contact{refusal("2620:fe::fe", "2001:db8:88::1", noNet)}, "The router 2001:db8:88::1 has no route"},
		"one behind, then it":    {[]netinfo.Contact{refusal("1.1.1.1", "203.0.113.1", noNet), refusal("9.9.9.9", "192.168.88.1", noNet)}, "The router 192.168.88.1 has no route"},
		"it, then one behind":    {[]netinfo.Contact{refusal("1.1.1.1", "192.168.88.1", noNet), refusal("9.9.9.9", "203.0.113.1", noNet)}, "The router 192.168.88.1 has no route"},
		"two behind":             {[]netinfo.Contact{refusal("1.1.1.1", "203.0.113.1", noNet), refusal("9.9.9.9", "203.0.113.2", noNet)}, "A router on the path, 203.0.113.1, has no route"},
		"a filter behind":        {[]netinfo.Contact{refusal("1.1.1.1", "203.0.113.1", noNet), refusal("9.9.9.9", "203.0.113.2", noPort)}, "A router on the path, 203.0.113.1, rejects all"},
		"a box that only resets": {[]netinfo.Contact{{Addr: at("9.9.9.9"), Resets: 1}, {Addr: at("1.1.1.1"), Resets: 1}}, "A device on the path rejects all"},
	} {
		j := told(t, Observation{}, office(func(h *netinfo.Host) { h.Contacts, h.Uplink.Gateway6 = c.contacts, at("2001:db8:88::1") }))
		if len(j.Findings) != 1 || !strings.HasPrefix(j.Findings[0].Title, c.want) {
			t.Errorf("%s: %v, want %q", name, j.Findings, c.want)
		}
	}
}

func TestWhichFamilyIsMissing(t *testing.T) {
	named := func(addrs ...string) Named {
		n := Named{Host: "x.example.net", Kind: kindSIP, Error: "no route"}
		for _, a := range addrs {
			n.Addrs = append(n.Addrs, at(a))
		}
		return n
	}
	found := named("2001:db8::5", "198.51.100.5")
	found.Source = at("192.168.88.10")
	for name, c := range map[string]struct {
		named Named
		want  string
	}{
		"IPv6":                        {named("2001:db8::5"), "IPv6"},
		"IPv4":                        {named("198.51.100.5"), "IPv4"},
		"one of its addresses passes": {found, ""},
		"it has no address":           {named(), ""},
	} {
		j := judge(Observation{Named: []Named{c.named}}, office(nil))
		if (len(j.Findings) > 0) != (c.want != "") || c.want != "" && j.Findings[0].Args["lack"] != c.want {
			t.Errorf("%s: %q, %v", name, j.Summary.ID, toldOf(j.Findings))
		}
		if c.want != "" && len(j.Findings[0].Evidence) != 2 {
			t.Errorf("%s: evidence %v", name, j.Findings[0].Evidence)
		}
	}
}
