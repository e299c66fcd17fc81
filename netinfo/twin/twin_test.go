package twin

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func read(t testing.TB, export string) *routeros.Config {
	t.Helper()
	cfg, err := routeros.Read([]byte(export))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func factory(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "routeros", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func twinOf(t testing.TB, export string, o Options) *Twin {
	t.Helper()
	tw, err := Of(read(t, export), o)
	if err != nil {
		t.Fatal(err)
	}
	return tw
}

func TestTheOfficeOfAFactoryRouter(t *testing.T) {
	tw := twinOf(t, factory(t, "factory7.rsc"), Options{})
	var ports []string
	for _, p := range tw.Site.Ports {
		ports = append(ports, p.Name)
	}
	if diff := cmp.Diff([]string{"bridge", "ether1"}, ports); diff != "" {
		t.Error(diff)
	}
	if tw.Phone != "bridge" || tw.Site.Phone != netip.MustParseAddr("192.168.88.10") || !tw.Uplink {
		t.Errorf("the phone is at %s behind %q, uplink %v", tw.Site.Phone, tw.Phone, tw.Uplink)
	}
	if off := twinOf(t, factory(t, "factory7.rsc")+"/ip firewall service-port set sip disabled=yes\n", Options{}); !tw.Site.RewritesSIP || off.Site.RewritesSIP {
		t.Error("whether SIP is rewritten is not told")
	}
	if tw.Site.Ports[1].Addrs[0] != netip.MustParsePrefix("203.0.113.1/24") {
		t.Errorf("the uplink by DHCP has %v, not a stand-in", tw.Site.Ports[1].Addrs)
	}
	for _, want := range []string{`ct helper set "sip_udp"`, "oifname == { \"ether1\" } masquerade", "ct status & (dnat) == 0"} {
		if !strings.Contains(tw.Site.Script, want) {
			t.Errorf("no %s in\n%s", want, tw.Site.Script)
		}
	}
}

func TestAStandInIsInNoNetworkOfTheRouter(t *testing.T) {
	tw := twinOf(t, "# by RouterOS 7.15\n/ip address\nadd address=203.0.113.9/24 interface=ether2\n/ip dhcp-client\nadd interface=ether1\n", Options{})
	if a := tw.Site.Ports[1].Addrs[0]; a.Overlaps(netip.MustParsePrefix("203.0.113.0/24")) {
		t.Errorf("the stand-in %s is in the network of ether2", a)
	}
}

func TestWhatIsNotRebuiltIsListed(t *testing.T) {
	tw := twinOf(t, factory(t, "factory7.rsc")+`
/ip firewall layer7-protocol
add name=sip regexp="^sip"
/ip firewall filter
add action=drop chain=forward layer7-protocol=sip
add action=drop chain=forward protocol=udp time=8h-17h,mon
/queue simple
add name=guests target=192.168.88.0/24 max-limit=1M/1M
/interface wireguard
add name=wg1
/ip address
add address=10.9.0.1/24 interface=wg1
`, Options{})
	var got []string
	for _, l := range tw.Left {
		got = append(got, strings.TrimSpace(l.Menu+" "+l.What))
	}
	for _, want := range []string{
		"/ip/address interface=wg1", "/ip/firewall/filter layer7-protocol=sip", "/ip/firewall/filter time=8h-17h,mon", "/ip/firewall/filter action=fasttrack-connection", "/queue/simple target=192.168.88.0/24", "/interface/wireguard",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not in %q", want, got)
		}
	}
	if strings.Count(tw.Site.Script, " drop") != strings.Count(twinOf(t, factory(t, "factory7.rsc"), Options{}).Site.Script, " drop") {
		t.Error("a rule that cannot be rebuilt was rebuilt as another")
	}
	if slices.ContainsFunc(tw.Site.Ports, func(p lab.Port) bool { return strings.HasPrefix(p.Name, "wg") }) {
		t.Error("a tunnel without its other end was built as a cable")
	}
}

// A rule that cannot be rebuilt whole is not rebuilt at all, and listed.
func TestRulesThatAreLeftOut(t *testing.T) {
	const filter, mangle = "/ip firewall filter add action=drop chain=forward ", "/ip firewall mangle add chain=postrouting passthrough=yes "
	for lines, what := range map[string]string{
		filter + "limit=10k,5:bit\n":                                                                   "limit=10k,5:bit",
		filter + "limit=10/0s,5:packet\n":                                                              "limit=10/0s,5:packet",
		filter + "limit=1/7s,5:packet\n":                                                               "limit=1/7s,5:packet",
		filter + "connection-limit=5,99\n":                                                             "connection-limit=5,99",
		filter + "nth=2,3\n":                                                                           "nth=2,3",
		filter + "random=100\n":                                                                        "random=100",
		filter + "random=5 nth=2,1\n":                                                                  "nth=2,1",
		filter + "protocol=udp port=5060 limit=10,5:packet\n":                                          "limit=10,5:packet",
		filter + "dst-limit=1,5,dst-address-and-port\n":                                                "dst-limit=1,5,dst-address-and-port",
		filter + "connection-type=!sip\n":                                                              "connection-type=!sip",
		filter + "packet-size=1,2\n":                                                                   "packet-size=1,2",
		filter + "protocol=icmp icmp-options=8:0-300\n":                                                "icmp-options=8:0-300",
		"/ip firewall filter add action=jump chain=forward jump-target=forward\n":                      "jump-target=forward",
		mangle + "action=change-mss new-mss=1300\n":                                                    "action=change-mss",
		mangle + "action=strip-ipv4-options\n":                                                         "action=strip-ipv4-options",
		mangle + "action=change-ttl new-ttl=increment:1\n":                                             "action=change-ttl",
		"/ipv6 address add address=::1 from-pool=isp interface=bridge\n":                               "from-pool=isp",
		"/ip firewall service-port set sip sip-timeout=5m\n":                                           "sip-timeout=5m",
		"/interface bridge settings set use-ip-firewall=yes\n":                                         "use-ip-firewall=yes",
		"/ip route add dst-address=10.0.0.0/8 gateway=192.168.88.7,192.168.88.8\n":                     "gateway=192.168.88.7,192.168.88.8",
		mangle + "action=mark-packet new-packet-mark=a per-connection-classifier=both:2/0\n":           "per-connection-classifier=both:2/0",
		mangle + "action=mark-packet new-packet-mark=a per-connection-classifier=both-addresses:2/0\n": "per-connection-classifier=both-addresses:2/0", // by another hash
	} {
		tw := twinOf(t, office("/ip dhcp-client add interface=ether1\n"+lines), Options{})
		if len(tw.Left) != 1 || tw.Left[0].What != what || tw.Left[0].Line != 7 {
			t.Errorf("%s: %+v", lines, tw.Left)
		}
		isTame(t, tw.Site.Script)
	}
}

func TestTheWayToTheInternetFollowsTheDistance(t *testing.T) {
	tw := twinOf(t, `# by RouterOS 6.49.7
/ip address
add address=198.51.100.2/30 interface=ether1
add address=192.0.2.2/30 interface=ether2
add address=10.0.0.1/24 interface=bridge
/ip route
add distance=2 gateway=192.0.2.1
add distance=1 gateway=198.51.100.1
add distance=1 gateway=192.0.2.1 routing-mark=voice
/ip firewall mangle
add action=mark-routing chain=prerouting new-routing-mark=voice protocol=udp dst-port=5060
`, Options{})
	type hop struct{ via, dev string }
	first, marked := hop{}, hop{}
	best := 1 << 30
	for _, r := range tw.Site.Routes {
		switch {
		case r.Table != 0:
			marked = hop{r.Via.String(), r.Dev}
		case r.Metric < best:
			best, first = r.Metric, hop{r.Via.String(), r.Dev}
		}
	}
	if first != (hop{"198.51.100.1", "ether1"}) || marked != (hop{"192.0.2.1", "ether2"}) {
		t.Errorf("usually by %v, marked by %v", first, marked)
	}
	if len(tw.Site.Rules) != 1 || tw.Site.Rules[0].Table == 0 || !strings.Contains(tw.Site.Script, "meta mark set meta mark & 0x0000ffff | 0x640000") {
		t.Errorf("%+v\n%s", tw.Site.Rules, tw.Site.Script)
	}
}

func TestAPhoneOfTheTechniciansChoice(t *testing.T) {
	cfg := read(t, factory(t, "factory7.rsc"))
	tw, err := Of(cfg, Options{Phone: netip.MustParseAddr("192.168.88.77")})
	if err != nil || tw.Site.Phone != netip.MustParseAddr("192.168.88.77") {
		t.Errorf("%v %v", tw, err)
	}
	for _, wrong := range []string{"192.168.89.77", "192.168.88.1"} {
		if _, err := Of(cfg, Options{Phone: netip.MustParseAddr(wrong)}); err != ErrNoPhone {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// Names of strangers reach neither nft nor the kernel as they are.
func TestHostileNames(t *testing.T) {
	tw := twinOf(t, `# by RouterOS 7.15
/interface bridge
add name="a { drop }\n\"; x"
add name="a { drop }\n\"; y, a name longer than a kernel takes"
/ip address
add address=10.0.0.1/24 interface="a { drop }\n\"; x"
add address=10.0.1.1/24 interface="a { drop }\n\"; y, a name longer than a kernel takes"
/ip firewall address-list
add list="} drop; #" address=10.0.0.5
add list="} drop; ?" address=10.0.0.6
/ip firewall filter
add action=jump chain=forward jump-target="} accept {"
add action=drop chain="} accept {" src-address-list="} drop; #" in-interface="a { drop }\n\"; x"
add action=drop chain="} accept {" src-address-list="} drop; ?" comment="\"} table ip x {}"
`, Options{})
	seen := map[string]bool{}
	for _, p := range tw.Site.Ports {
		if !regexp.MustCompile(`^[a-zA-Z0-9._-]{1,15}$`).MatchString(p.Name) || seen[p.Name] {
			t.Errorf("an interface is called %q", p.Name)
		}
		seen[p.Name] = true
	}
	isTame(t, tw.Site.Script)
	if strings.Count(tw.Site.Script, "set list_") != 2 || strings.Count(tw.Site.Script, "chain filter_") != 4 {
		t.Errorf("two lists or two chains became one:\n%s", tw.Site.Script)
	}
}

// isTame reports a script in which something stands that a rule of nft has not.
func isTame(t *testing.T, script string) {
	t.Helper()
	if odd := regexp.MustCompile(`[^a-zA-Z0-9_{}();:,.@"/&|=<>!\-\[\] \t\n]`).FindString(script); odd != "" {
		t.Errorf("%q in\n%s", odd, script)
	}
	deep := 0
	for _, r := range script {
		switch r {
		case '{':
			deep++
		case '}':
			deep--
		}
		if deep < 0 {
			break
		}
	}
	if deep != 0 || strings.Contains(script, "#") {
		t.Errorf("brackets do not match in\n%s", script)
	}
}

func FuzzTwin(f *testing.F) {
	for _, name := range []string{"factory6.rsc", "factory7.rsc", "bare7.rsc"} {
		f.Add(factory(f, name))
	}
	f.Add("/ip firewall nat\nadd chain=dstnat action=netmap to-addresses=10.0.0.0/24 port=!1-2,3 protocol=!17\n")
	f.Fuzz(func(t *testing.T, export string) {
		cfg, err := routeros.Read([]byte(export))
		if err != nil {
			return
		}
		tw, err := Of(cfg, Options{})
		if err != nil {
			t.Fatal(err)
		}
		isTame(t, tw.Site.Script)
		for _, p := range tw.Site.Ports {
			if len(p.Name) == 0 || len(p.Name) > 15 {
				t.Errorf("an interface is called %q", p.Name)
			}
		}
	})
}

// A script says only what it changes; an export of all of the router leaves out what is as
// it was shipped.
func TestWhatTheFileDoesNotTellIsListed(t *testing.T) {
	const lines = "/ip address add address=192.168.88.1/24 interface=bridge\n/ip dhcp-client add interface=ether1\n"
	for text, want := range map[string][]string{
		lines: {"/ip/firewall/service-port", "/ip/firewall/connection/tracking"},
		lines + "/ip firewall service-port set sip disabled=no\n":                        {"/ip/firewall/connection/tracking"},
		lines + "/ip firewall connection tracking set udp-timeout=10s\n":                 {"/ip/firewall/service-port"},
		"# 2026-01-01 00:00:00 by RouterOS 7.15\n# software id = AAAA-AAAA\n#\n" + lines: nil,
	} {
		if diff := cmp.Diff(want, twinOf(t, text, Options{}).Assumed); diff != "" {
			t.Errorf("%s%s", text, diff)
		}
	}
}

// A simple queue that is nothing but a limit is built, until one is not: the first that
// names a host counts.
func TestSimpleQueues(t *testing.T) {
	const plain = "add name=a target=192.168.88.0/24 max-limit=512k/2M\n"
	for name, tt := range map[string]struct {
		lines   string
		shapers []lab.Shaper
		left    int
	}{
		"plain":                 {plain, []lab.Shaper{{Dev: "ether1", Class: 1, Rate: 512_000, Queue: 10}, {Dev: "bridge", Class: 2, Rate: 2_000_000, Queue: 10}}, 0},
		"of an interface":       {"add name=a target=bridge max-limit=0/2M queue=default-small/default-small\n", []lab.Shaper{{Dev: "bridge", Class: 1, Rate: 2_000_000, Queue: 10}}, 0},
		"switched off":          {"add name=a target=192.168.88.0/24 disabled=yes max-limit=512k/2M\n", nil, 0},
		"with a burst":          {"add name=a target=192.168.88.0/24 max-limit=512k/2M burst-limit=1M/4M burst-time=8s/8s\n" + plain, nil, 2},
		"of another kind":       {"add name=a target=192.168.88.0/24 max-limit=512k/2M queue=pcq-upload-default/pcq-download-default\n", nil, 1},
		"under another":         {"add name=a target=192.168.88.0/24 max-limit=512k/2M parent=all\n", nil, 1},
		"of hosts elsewhere":    {"add name=a target=192.168.99.0/24 max-limit=512k/2M\n", nil, 1},
		"where fasttrack is":    {plain + "/ip firewall filter add action=fasttrack-connection chain=forward connection-state=established\n", nil, 1},
		"where two lead out":    {plain + "/ip dhcp-client add interface=ether2\n", nil, 1},
		"before another menu's": {plain + "/queue tree add name=b parent=global max-limit=1M\n", []lab.Shaper{{Dev: "ether1", Class: 1, Rate: 512_000, Queue: 10}, {Dev: "bridge", Class: 2, Rate: 2_000_000, Queue: 10}}, 1},
	} {
		tw := twinOf(t, office("/ip dhcp-client add interface=ether1\n/queue simple\n"+tt.lines), Options{})
		left := slices.DeleteFunc(tw.Left, func(l Left) bool { return !strings.HasPrefix(l.Menu, "/queue") })
		if diff := cmp.Diff(tt.shapers, tw.Site.Shapers); diff != "" || len(left) != tt.left || (len(tw.Queues) > 0) != (tt.shapers != nil) {
			t.Errorf("%s: %+v, %+v\n%s", name, tw.Left, tw.Queues, diff)
		}
		isTame(t, tw.Site.Script)
	}
}
